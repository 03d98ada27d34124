//! How commands name resources: `role`, `role/devops`, `cert_authority/host/example.com`, `users,role/devops`, `all`.

use super::kind::{Kind, NOT_YET};
use super::nearest::nearest;
use super::tree::shortened;

/// What a part of a list of references names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// One kind, or the three kinds of connectors.
    pub kinds: Vec<Kind>,
    /// The sub kind: the type of a certificate authority, the bot of an instance, the list of a member.
    pub sub_kind: Option<String>,
    /// The name; `None` means all of the kind.
    pub name: Option<String>,
}

/// What a command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum References {
    /// Every kind, with secrets: a backup.
    All,
    /// These, at least one.
    Listed(Vec<Reference>),
}

/// Why a text names no resource.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// Nothing at all.
    #[error("specify resource to list, e.g. 'tctl get roles'")]
    Empty,
    /// More than three parts, or an empty part.
    #[error("failed to parse '{0}'")]
    Form(String),
    /// A sub kind of a kind that has none.
    #[error("'{text}' has a part too many: a {kind} is named as '{kind}/NAME'")]
    SubKind {
        /// As written.
        text: String,
        /// The kind.
        kind: Kind,
    },
    /// A kind nobody knows.
    #[error(
        "unsupported resource: \"{word}\" - resources should be expressed as 'type/name', for example 'connector/github'{}",
        nearest.map(|nearest| format!("; did you mean `{nearest}`?")).unwrap_or_default()
    )]
    UnknownKind {
        /// As written.
        word: String,
        /// The word it is closest to.
        nearest: Option<&'static str>,
    },
    /// A kind of the original that is not here yet.
    #[error("resources of type \"{0}\" are not available yet")]
    NotYet(String),
}

impl References {
    /// Reads a list of references. Commas separate them, `\,` is a comma inside a name.
    ///
    /// # Errors
    /// The first part that names nothing.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        if text.trim() == "all" {
            return Ok(Self::All);
        }
        let references: Vec<Reference> = split(text)
            .iter()
            .map(|part| Reference::parse(part))
            .collect::<Result<_, _>>()?;
        if references.is_empty() {
            Err(ReferenceError::Empty)
        } else {
            Ok(Self::Listed(references))
        }
    }
}

impl Reference {
    /// Reads one reference; slashes, spaces and tabs separate its parts.
    ///
    /// # Errors
    /// Says why it names nothing.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        let parts: Vec<&str> = text.trim().split(['/', ' ', '\t']).collect();
        let (word, sub_kind, name) = match parts[..] {
            [""] => return Err(ReferenceError::Empty),
            [word] => (word, None, None),
            [word, name] if !name.is_empty() => (word, None, Some(name)),
            // The names of authorities, bot instances and members of lists have two parts.
            [word, sub_kind, name] if !name.is_empty() && !sub_kind.is_empty() => {
                (word, Some(sub_kind), Some(name))
            }
            _ => return Err(ReferenceError::Form(shortened(text))),
        };
        let kinds = kinds(word)?;
        if let (Some(_), Some(&kind)) = (sub_kind, kinds.first())
            && !matches!(
                kind,
                Kind::CertAuthority | Kind::BotInstance | Kind::AccessListMember
            )
        {
            return Err(ReferenceError::SubKind {
                text: shortened(text),
                kind,
            });
        }
        Ok(Self {
            kinds,
            sub_kind: sub_kind.map(str::to_owned),
            name: name.map(str::to_owned),
        })
    }

    /// The kind and name of a reference to exactly one resource; the only resource of its kind needs no name.
    pub fn single(&self) -> Option<(Kind, &str)> {
        match (self.kinds.as_slice(), self.name.as_deref()) {
            ([kind], Some(name)) => Some((*kind, name)),
            ([kind], None) => Some((*kind, kind.singleton()?)),
            _ => None,
        }
    }
}

fn kinds(word: &str) -> Result<Vec<Kind>, ReferenceError> {
    let lower = word.to_lowercase();
    if lower == "connector" || lower == "connectors" {
        return Ok(Kind::CONNECTORS.to_vec());
    }
    if let Some(kind) = Kind::of_alias(word) {
        return Ok(vec![kind]);
    }
    if NOT_YET.contains(&lower.as_str()) {
        return Err(ReferenceError::NotYet(word.to_owned()));
    }
    Err(ReferenceError::UnknownKind {
        word: shortened(word),
        nearest: nearest(word, Kind::words().chain(["connector", "connectors"])),
    })
}

fn split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' if characters.peek() == Some(&',') => {
                characters.next();
                if let Some(part) = parts.last_mut() {
                    part.push(',');
                }
            }
            ',' => parts.push(String::new()),
            other => {
                if let Some(part) = parts.last_mut() {
                    part.push(other);
                }
            }
        }
    }
    parts.retain(|part| !part.trim().is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(text: &str) -> Vec<(Kind, Option<String>, Option<String>)> {
        match References::parse(text) {
            Ok(References::Listed(list)) => list
                .into_iter()
                .map(|reference| (reference.kinds[0], reference.sub_kind, reference.name))
                .collect(),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn references_are_read() {
        let name = |name: &str| Some(name.to_owned());
        assert_eq!(
            listed("users,role/dbreviewer"),
            [(Kind::User, None, None), (Kind::Role, None, name("dbreviewer"))]
        );
        assert_eq!(
            listed("cert_authority/host/example.com"),
            [(Kind::CertAuthority, name("host"), name("example.com"))]
        );
        assert_eq!(listed("role a\\,b"), [(Kind::Role, None, name("a,b"))]);
        assert_eq!(listed("CAP"), [(Kind::ClusterAuthPreference, None, None)]);
        assert_eq!(References::parse("all"), Ok(References::All));
        for (word, kind) in [
            ("netconfig", Kind::ClusterNetworkingConfig),
            ("recconfig", Kind::SessionRecordingConfig),
            ("cas", Kind::CertAuthority),
            ("AccessRequests", Kind::AccessRequest),
            ("tc", Kind::TrustedCluster),
        ] {
            assert_eq!(listed(word), [(kind, None, None)], "{word}");
        }
        let connectors = Reference::parse("connectors").expect("connectors");
        assert_eq!(connectors.kinds, Kind::CONNECTORS);
        assert_eq!(connectors.single(), None);
        assert_eq!(
            Reference::parse("cap").expect("cap").single(),
            Some((Kind::ClusterAuthPreference, "cluster-auth-preference"))
        );
    }

    #[test]
    fn other_texts_say_why_not() {
        for (text, expected) in [
            ("", "specify resource to list, e.g. 'tctl get roles'"),
            (" , ", "specify resource to list, e.g. 'tctl get roles'"),
            ("role/a/b/c", "failed to parse 'role/a/b/c'"),
            ("role/", "failed to parse 'role/'"),
            (
                "role/x/devops",
                "'role/x/devops' has a part too many: a role is named as 'role/NAME'",
            ),
            (
                "windows_desktop/x",
                "resources of type \"windows_desktop\" are not available yet",
            ),
            (
                "nosuch",
                "unsupported resource: \"nosuch\" - resources should be expressed as 'type/name', for example 'connector/github'",
            ),
            (
                "rolle",
                "unsupported resource: \"rolle\" - resources should be expressed as 'type/name', for example 'connector/github'; did you mean `role`?",
            ),
        ] {
            assert_eq!(
                References::parse(text).map_err(|error| error.to_string()),
                Err(expected.to_owned()),
                "{text}"
            );
        }
    }
}
