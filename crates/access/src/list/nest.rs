//! What may be put into what: no list contains itself, however many lists are in between, and no chain of lists is longer
//! than people can follow.

use std::collections::{BTreeMap, BTreeSet};

use super::{Book, DEPTH_MAX, Kind, Part};

/// Why a list cannot be a member or owner of another one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum NestError {
    #[error("access list {child:?} cannot be added as {} of itself", named(.part))]
    Itself { child: String, part: Part },
    #[error(
        "access list {child:?} cannot be added as {} of {parent:?}: {parent:?} is already a member or owner in {child:?}",
        named(.part)
    )]
    Circle {
        child: String,
        parent: String,
        part: Part,
    },
    #[error(
        "access list {child:?} cannot be added as {} of {parent:?}: lists would be nested more than {DEPTH_MAX} deep",
        named(.part)
    )]
    TooDeep {
        child: String,
        parent: String,
        part: Part,
    },
}

fn named(part: &Part) -> &'static str {
    match part {
        Part::Member => "a member",
        Part::Owner => "an owner",
    }
}

/// Whether `child` may become a member or an owner of `parent`. The book holds all lists; errors name titles.
pub fn may_nest(book: &Book, child: &str, parent: &str, part: Part) -> Result<(), NestError> {
    let title = |name: &str| book.title(name).to_owned();
    if child == parent {
        return Err(NestError::Itself {
            child: title(child),
            part,
        });
    }
    let below = |list: &str| -> BTreeSet<String> {
        let owners = book.lists.get(list).into_iter().flat_map(|list| &list.owners);
        let owners = owners
            .filter(|owner| owner.kind == Kind::List)
            .map(|owner| owner.name.clone());
        members_of(book, list).map(str::to_owned).chain(owners).collect()
    };
    let mut seen = BTreeSet::new();
    let mut open = vec![child.to_owned()];
    while let Some(list) = open.pop() {
        if list == parent {
            return Err(NestError::Circle {
                child: title(child),
                parent: title(parent),
                part,
            });
        }
        if seen.insert(list.clone()) {
            open.extend(below(&list));
        }
    }
    let down = depth(child, &mut BTreeMap::new(), &|list| {
        members_of(book, list).map(str::to_owned).collect()
    });
    let up = match part {
        // Who owns a list by another one does not own what that list is a member of.
        Part::Owner => 0,
        Part::Member => depth(parent, &mut BTreeMap::new(), &|list| {
            let outer = book.members.keys().filter(|outer| {
                let mut members = members_of(book, outer);
                members.any(|member| member == list)
            });
            outer.cloned().collect()
        }),
    };
    if down + up + 1 > DEPTH_MAX {
        return Err(NestError::TooDeep {
            child: title(child),
            parent: title(parent),
            part,
        });
    }
    Ok(())
}

fn members_of<'a>(book: &'a Book, list: &str) -> impl Iterator<Item = &'a str> {
    let members = book.members.get(list).into_iter().flatten();
    members
        .filter(|member| member.kind == Kind::List)
        .map(|member| member.name.as_str())
}

/// The longest chain from `list` on. In a circle, which is never stored, it ends where it began.
fn depth(list: &str, known: &mut BTreeMap<String, usize>, next: &dyn Fn(&str) -> Vec<String>) -> usize {
    if let Some(known) = known.get(list) {
        return *known;
    }
    known.insert(list.to_owned(), 0);
    let deepest = next(list)
        .iter()
        .map(|next_list| 1 + depth(next_list, known, next))
        .max();
    let deepest = deepest.unwrap_or(0);
    known.insert(list.to_owned(), deepest);
    deepest
}
