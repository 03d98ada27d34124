//! Who is told of a request.

use std::collections::BTreeMap;

use crate::request::Request;

/// The key of the recipients for every role that has none of its own.
pub const EVERY_ROLE: &str = "*";

/// Most recipients of one request. More would let one request flood a chat.
pub const RECIPIENTS_MAX: usize = 50;

/// Recipients by role.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audience(BTreeMap<String, Vec<String>>);

impl Audience {
    /// Recipients by role; `*` is for roles that are not named. A role with an empty list has nobody.
    pub fn new(by_role: BTreeMap<String, Vec<String>>) -> Self {
        Self(by_role)
    }

    /// Every recipient that is configured.
    pub fn configured(&self) -> Vec<String> {
        distinct(self.0.values().flatten().cloned())
    }

    /// Those of roles that are not named.
    pub fn everybody(&self) -> Vec<String> {
        self.0.get(EVERY_ROLE).cloned().unwrap_or_default()
    }

    /// Who is told of `request`: the recipients of its roles, and the suggested reviewers that are e-mail addresses.
    pub fn of(&self, request: &Request) -> Vec<String> {
        let by_role = request
            .roles
            .iter()
            .filter_map(|role| self.0.get(role).or_else(|| self.0.get(EVERY_ROLE)))
            .flatten();
        let suggested = request.suggested_reviewers.iter().filter(|name| is_email(name));
        let mut all = distinct(by_role.chain(suggested).cloned());
        all.truncate(RECIPIENTS_MAX);
        all
    }

    /// The suggested reviewers that nobody can be told by.
    pub fn unreachable(request: &Request) -> impl Iterator<Item = &str> {
        request
            .suggested_reviewers
            .iter()
            .map(String::as_str)
            .filter(|name| !is_email(name))
    }
}

fn distinct(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for name in names {
        if !all.contains(&name) {
            all.push(name);
        }
    }
    all
}

/// Whether a text is a bare e-mail address, without a display name or angle brackets.
pub fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let is_atom = |part: &str| {
        !part.is_empty()
            && part.split('.').all(|atom| {
                !atom.is_empty()
                    && atom.chars().all(|letter| {
                        letter.is_alphanumeric()
                            || (letter.is_ascii() && "!#$%&'*+-/=?^_`{|}~".contains(letter))
                    })
            })
    };
    text.len() <= 254 && is_atom(local) && is_atom(domain) && !domain.contains('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn audience(table: &[(&str, &[&str])]) -> Audience {
        Audience::new(
            table
                .iter()
                .map(|(role, names)| {
                    let names = names.iter().map(|name| (*name).to_owned()).collect();
                    ((*role).to_owned(), names)
                })
                .collect(),
        )
    }

    fn request(roles: &[&str], suggested: &[&str]) -> Request {
        let texts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let mut request = crate::record::Record::default().request_gone("id");
        request.roles = texts(roles);
        request.suggested_reviewers = texts(suggested);
        request
    }

    #[test]
    fn who_is_told() {
        /// What it is about, roles, suggested reviewers, who is told.
        type Row<'r> = (&'r str, &'r [&'r str], &'r [&'r str], &'r [&'r str]);
        let audience = audience(&[
            ("*", &["ops/all"]),
            ("dba", &["ops/db", "d@example.com"]),
            ("quiet", &[]),
        ]);
        let table: &[Row<'_>] = &[
            (
                "a role without recipients of its own",
                &["dev"],
                &[],
                &["ops/all"],
            ),
            ("a role with its own", &["dba"], &[], &["ops/db", "d@example.com"]),
            (
                "both",
                &["dba", "dev"],
                &[],
                &["ops/db", "d@example.com", "ops/all"],
            ),
            ("a role that nobody is to hear of", &["quiet"], &[], &[]),
            (
                "suggested reviewers come along",
                &["quiet"],
                &["a@example.com"],
                &["a@example.com"],
            ),
            ("once", &["dba"], &["d@example.com"], &["ops/db", "d@example.com"]),
            ("names are no addresses", &["quiet"], &["alice", "@alice"], &[]),
        ];
        for (what, roles, suggested, expected) in table {
            assert_eq!(&audience.of(&request(roles, suggested)), expected, "{what}");
        }
    }

    #[test]
    fn one_request_does_not_flood_the_chat() {
        let many: Vec<String> = (0..200).map(|n| format!("u{n}@example.com")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(
            Audience::default().of(&request(&["dev"], &many)).len(),
            RECIPIENTS_MAX
        );
    }

    #[test]
    fn addresses_are_bare() {
        for good in ["bob@example.com", "b.o+b@x", "o'brien@example.com"] {
            assert!(is_email(good), "{good}");
        }
        for bad in [
            "bob",
            "@example.com",
            "bob@",
            "Bob <bob@example.com>",
            "a b@example.com",
            "a@b@",
            "a..b@x",
            "team/a@b/c",
            "a\n@b",
        ] {
            assert!(!is_email(bad), "{bad}");
        }
    }
}
