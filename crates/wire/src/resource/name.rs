//! What a resource may be called.

/// Why a text is no name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing.
    #[error("a name is missing")]
    Missing,
    /// A character that names cannot have.
    #[error(
        "special characters are not allowed in resource names: `{name}` holds {character:?}; use letters, digits and `- _ . @ : + = ~ %`"
    )]
    Character {
        /// The name.
        name: String,
        /// The first such character.
        character: char,
    },
    /// Longer than [`BYTES_MAX`].
    #[error("the name `{name}...` is longer than {BYTES_MAX} bytes")]
    TooLong {
        /// Its beginning.
        name: String,
    },
    /// A name that means a place of its own in paths.
    #[error("`{0}` cannot be a name")]
    Dots(String),
}

/// The longest name.
pub const BYTES_MAX: usize = 256;

/// Checks a name: it becomes part of a storage key, of paths and of commands, so slashes, blanks and control characters are out.
///
/// # Errors
/// Says which character is in the way.
pub fn check(name: &str) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Missing);
    }
    if name.len() > BYTES_MAX {
        return Err(NameError::TooLong {
            name: name.chars().take(40).collect(),
        });
    }
    if name == "." || name == ".." {
        return Err(NameError::Dots(name.to_owned()));
    }
    match name.chars().find(|character| !allowed(*character)) {
        Some(character) => Err(NameError::Character {
            name: super::tree::shortened(name),
            character,
        }),
        None => Ok(()),
    }
}

fn allowed(character: char) -> bool {
    // Letters that show nothing.
    let blank = matches!(character, '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}');
    character.is_alphanumeric() && !blank
        || matches!(character, '-' | '_' | '.' | '@' | ':' | '+' | '=' | '~' | '%')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words() {
        for name in [
            "access-plugin",
            "alice@example.com",
            "0193496f-268c-727e-b696-600a868429ff",
            "a+b",
            "bot:1",
            "v1.2_x",
            "jürgen",
        ] {
            assert_eq!(check(name), Ok(()), "{name}");
        }
        for name in [
            "",
            "bad name",
            "a/b",
            "..",
            "a\n",
            "a\u{202e}b",
            "a\u{3164}",
            "a\\b",
            "$(x)",
            &"x".repeat(257),
        ] {
            assert!(check(name).is_err(), "{name}");
        }
    }
}
