use jiff::SignedDuration;

use super::nest::{NestError, may_nest};
use super::*;

fn now() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

/// Lists as `name: member, [list], (owner), ([list owner]) -> role`.
fn book(lines: &[&str]) -> Book {
    let mut book = Book::default();
    for line in lines {
        let (name, rest) = line.split_once(':').unwrap();
        let (people, role) = rest.split_once("->").unwrap_or((rest, ""));
        let mut list = List {
            name: name.to_owned(),
            title: format!("title of {name}"),
            ..List::default()
        };
        list.grants.roles = role.split_whitespace().map(str::to_owned).collect();
        let mut members = Vec::new();
        for word in people.split_whitespace() {
            let (owner, word) = match word.strip_prefix('(') {
                Some(inner) => (true, inner.trim_end_matches(')')),
                None => (false, word),
            };
            let (kind, name) = match word.strip_prefix('[') {
                Some(inner) => (Kind::List, inner.trim_end_matches(']').to_owned()),
                None => (Kind::User, word.to_owned()),
            };
            if owner {
                list.owners.push(Owner { name, kind });
            } else {
                members.push(Member {
                    name,
                    kind,
                    expires: None,
                });
            }
        }
        book.members.insert(name.to_owned(), members);
        book.lists.insert(name.to_owned(), list);
    }
    book
}

fn places_with(book: &Book, name: &str, roles: &[&str]) -> String {
    let roles: Vec<String> = roles.iter().map(|&role| role.to_owned()).collect();
    let traits = Traits::new();
    let person = Person {
        name,
        roles: &roles,
        traits: &traits,
    };
    let shown: Vec<String> = book
        .places(&person, now())
        .iter()
        .map(|place| {
            let mut words = vec![format!("{} of {}", place.part.word(), place.list)];
            words.extend(place.through.iter().cloned());
            words.join(" < ")
        })
        .collect();
    shown.join("; ")
}

fn places(book: &Book, name: &str) -> String {
    places_with(book, name, &[])
}

#[test]
fn members_of_members_are_members_and_members_of_owners_are_owners() {
    let book = book(&["a: bob (alice)", "b: [a] (ivan)", "c: eve ([a])", "d: ([b])"]);
    assert_eq!(
        places(&book, "bob"),
        "member of a; member of b < a; owner of c < a; owner of d < a < b"
    );
    assert_eq!(places(&book, "alice"), "owner of a");
    assert_eq!(places(&book, "ivan"), "owner of b", "an owner is no member");
    assert_eq!(places(&book, "Bob"), "");
    assert_eq!(
        places(&book, "a"),
        "",
        "a user who is called like a list is not that list"
    );
}

#[test]
fn what_is_required_is_required_on_the_whole_way() {
    let mut book = book(&["a: bob (bob)", "b: [a]", "c: [b]"]);
    let requires = Requires {
        roles: vec!["staff".to_owned()],
        ..Requires::default()
    };
    book.lists.get_mut("b").unwrap().membership_requires = requires.clone();
    assert_eq!(places(&book, "bob"), "member of a; owner of a");
    assert_eq!(
        places_with(&book, "bob", &["staff"]),
        "member of a; owner of a; member of b < a; member of c < a < b"
    );
    book.lists.get_mut("a").unwrap().ownership_requires = requires;
    assert_eq!(places(&book, "bob"), "member of a");
}

#[test]
fn every_required_value_of_a_trait_is_needed() {
    let requires = Requires {
        traits: Traits::from([("team".to_owned(), vec!["db".to_owned(), "ops".to_owned()])]),
        ..Requires::default()
    };
    let meets = |values: &[&str]| {
        let values = values.iter().map(|&value| value.to_owned()).collect();
        let traits = Traits::from([("team".to_owned(), values)]);
        let person = Person {
            name: "bob",
            roles: &[],
            traits: &traits,
        };
        person.meets(&requires)
    };
    assert!(meets(&["ops", "x", "db"]));
    assert!(!meets(&["db"]));
    assert!(!meets(&[]));
}

#[test]
fn what_has_ended_gives_nothing_from_that_moment_on() {
    let mut book = book(&["a: bob", "b: [a]"]);
    book.members.get_mut("b").unwrap()[0].expires = Some(now());
    assert_eq!(places(&book, "bob"), "member of a");
    book.members.get_mut("a").unwrap()[0].expires = Some(now());
    assert_eq!(places(&book, "bob"), "");
    let second = SignedDuration::from_secs(1);
    book.members.get_mut("a").unwrap()[0].expires = Some(now() + second);
    assert_eq!(places(&book, "bob"), "member of a");
}

#[test]
fn a_circle_and_a_long_chain_come_to_an_end() {
    let circle = book(&["a: bob [b]", "b: [a] ([a])"]);
    assert_eq!(
        places(&circle, "bob"),
        "member of a; member of b < a; owner of b < a"
    );
    let names: Vec<String> = (0..=DEPTH_MAX + 1).map(|n| format!("l{n:02}")).collect();
    let lines: Vec<String> = names
        .iter()
        .enumerate()
        .map(|(at, name)| match at {
            0 => format!("{name}: bob"),
            _ => format!("{name}: [{}]", names[at - 1]),
        })
        .collect();
    let chain = book(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let found = places(&chain, "bob");
    assert!(found.contains(&format!("member of {} <", names[DEPTH_MAX])));
    assert!(!found.contains(&format!("member of {} <", names[DEPTH_MAX + 1])));
}

#[test]
fn a_list_gives_all_of_its_roles_or_none() {
    let book = book(&[
        "a: bob -> staff dbadmin",
        "b: bob -> dbadmin",
        "c: bob -> gone dbadmin",
    ]);
    let person = Person {
        name: "bob",
        roles: &[],
        traits: &Traits::new(),
    };
    let places = book.places(&person, now());
    let granted = book.granted(&places, &|role| role != "gone");
    let given: Vec<(&str, Vec<&str>)> = granted
        .roles
        .iter()
        .map(|(role, by)| {
            (
                role.as_str(),
                by.iter().map(|place| place.list.as_str()).collect(),
            )
        })
        .collect();
    assert_eq!(given, [("dbadmin", vec!["a", "b"]), ("staff", vec!["a"])]);
    assert_eq!(
        granted.skipped,
        [Skipped {
            list: "c".to_owned(),
            missing: vec!["gone".to_owned()],
            forbidding: vec!["dbadmin".to_owned()],
        }]
    );
}

#[test]
fn no_list_contains_itself() {
    let book = book(&["a: [b]", "b: [c]", "c: bob", "d: ([a])"]);
    assert_eq!(may_nest(&book, "d", "c", Part::Member), Err(circle("d", "c")));
    assert_eq!(may_nest(&book, "a", "c", Part::Member), Err(circle("a", "c")));
    assert!(matches!(
        may_nest(&book, "a", "a", Part::Owner),
        Err(NestError::Itself { .. })
    ));
    assert_eq!(may_nest(&book, "c", "d", Part::Member), Ok(()));
    assert_eq!(may_nest(&book, "c", "d", Part::Owner), Ok(()));
}

fn circle(child: &str, parent: &str) -> NestError {
    NestError::Circle {
        child: format!("title of {child}"),
        parent: format!("title of {parent}"),
        part: Part::Member,
    }
}

#[test]
fn ten_lists_deep_is_deep_enough() {
    let lines: Vec<String> = (0..12)
        .map(|n| match n {
            0 => "l00: bob".to_owned(),
            // Two chains: up to l05, and from l06 on.
            6 => "l06: eve".to_owned(),
            _ => format!("l{n:02}: [l{:02}]", n - 1),
        })
        .collect();
    let book = book(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(may_nest(&book, "l04", "l06", Part::Member), Ok(()));
    assert!(matches!(
        may_nest(&book, "l05", "l06", Part::Member),
        Err(NestError::TooDeep { .. })
    ));
    assert_eq!(
        may_nest(&book, "l05", "l06", Part::Owner),
        Ok(()),
        "who owns it by a list owns nothing above it"
    );
}

#[test]
fn whoever_a_list_names_in_the_end_is_named_once() {
    let book = book(&["a: bob eve", "b: bob [a] [b]"]);
    let users: Vec<String> = book.users_of("b", now()).into_iter().collect();
    assert_eq!(users, ["bob", "eve"]);
}
