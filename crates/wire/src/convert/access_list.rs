//! Access lists and their members.

use std::collections::BTreeMap;

use access::list::schedule::{Day, MONTHS_DEFAULT};
use access::list::{Grants, Kind, List, Member, Owner, Requires};

use super::moment::moment;
use crate::pb::teleport::accesslist::v1 as pb;
use crate::pb::teleport::header::v1::ResourceHeader;
use crate::pb::teleport::r#trait::v1::Trait;

/// The name in a header; empty if there is none.
pub fn header_name(header: Option<&ResourceHeader>) -> &str {
    header
        .and_then(|header| header.metadata.as_ref())
        .map_or("", |metadata| metadata.name.as_str())
}

/// A list as decisions read it. A title that is missing is the name.
pub fn access_list(message: &pb::AccessList) -> List {
    let name = header_name(message.header.as_ref()).to_owned();
    let spec = message.spec.clone().unwrap_or_default();
    List {
        title: if spec.title.is_empty() {
            name.clone()
        } else {
            spec.title
        },
        owners: spec.owners.iter().map(owner).collect(),
        membership_requires: requires(spec.membership_requires.as_ref()),
        ownership_requires: requires(spec.ownership_requires.as_ref()),
        grants: grants(spec.grants.as_ref()),
        owner_grants: grants(spec.owner_grants.as_ref()),
        name,
    }
}

/// A member as decisions read it.
pub fn access_list_member(message: &pb::Member) -> Member {
    let spec = message.spec.clone().unwrap_or_default();
    Member {
        kind: membership_kind(spec.membership_kind),
        expires: moment(spec.expires.as_ref()),
        name: spec.name,
    }
}

fn owner(owner: &pb::AccessListOwner) -> Owner {
    Owner {
        name: owner.name.clone(),
        kind: membership_kind(owner.membership_kind),
    }
}

/// What a number says of a member or owner. Unset means a user; so does a number that nobody knows, and no user has the
/// name of a list by accident.
pub fn membership_kind(number: i32) -> Kind {
    match pb::MembershipKind::try_from(number) {
        Ok(pb::MembershipKind::List) => Kind::List,
        _ => Kind::User,
    }
}

/// The number of a kind.
pub fn membership_kind_number(kind: Kind) -> i32 {
    i32::from(match kind {
        Kind::User => pb::MembershipKind::User,
        Kind::List => pb::MembershipKind::List,
    })
}

fn requires(message: Option<&pb::AccessListRequires>) -> Requires {
    message.map_or_else(Requires::default, |message| Requires {
        roles: message.roles.clone(),
        traits: pairs(&message.traits),
    })
}

fn grants(message: Option<&pb::AccessListGrants>) -> Grants {
    message.map_or_else(Grants::default, |message| Grants {
        roles: message.roles.clone(),
        traits: pairs(&message.traits),
    })
}

/// Traits as newer messages carry them. What is named twice is one with the values of both.
pub fn pairs(traits: &[Trait]) -> BTreeMap<String, Vec<String>> {
    let mut map: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in traits {
        map.entry(entry.key.clone())
            .or_default()
            .extend(entry.values.iter().cloned());
    }
    map
}

/// Traits for a newer message.
pub fn pairs_message(traits: &BTreeMap<String, Vec<String>>) -> Vec<Trait> {
    let entry = |(key, values): (&String, &Vec<String>)| Trait {
        key: key.clone(),
        values: values.clone(),
    };
    traits.iter().map(entry).collect()
}

/// Months between reviews and the day they are due on; what is not said is the default.
pub fn recurrence(message: Option<&pb::Recurrence>) -> (u32, Day) {
    let message = message.copied().unwrap_or_default();
    let months = match u32::try_from(message.frequency) {
        Ok(months) if months > 0 => months,
        _ => MONTHS_DEFAULT,
    };
    let day = match pb::ReviewDayOfMonth::try_from(message.day_of_month) {
        Ok(pb::ReviewDayOfMonth::Fifteenth) => Day::Fifteenth,
        Ok(pb::ReviewDayOfMonth::Last) => Day::Last,
        _ => Day::First,
    };
    (months, day)
}
