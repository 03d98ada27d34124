//! Patterns over names: exact, glob, regular expression.
//!
//! Where a role lists names it may list patterns: `db-*`, `^db-[0-9]+$`, or
//! `prefix{{regexp.match("re")}}suffix`. Everything else in braces is a mistake.

use regex::{Regex, RegexBuilder};

/// Longest pattern, in bytes.
const PATTERN_MAX: usize = 4096;
/// Largest compiled expression, in bytes.
const COMPILED_MAX: usize = 1 << 20;

/// Why a pattern cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// The regular expression does not compile.
    #[error("`{0}` is not a usable regular expression")]
    Malformed(String),
    /// A template where only a pattern may stand.
    #[error(
        "`{0}` is a template; only `{{{{regexp.match(\"…\")}}}}` and `{{{{regexp.not_match(\"…\")}}}}` may stand here"
    )]
    Template(String),
    /// Longer than 4096 bytes.
    #[error("the pattern is longer than {PATTERN_MAX} bytes")]
    TooLong,
}

/// A compiled pattern.
#[derive(Debug, Clone)]
pub enum Pattern {
    /// This very name.
    Exact(String),
    /// A glob or an expression over the whole name.
    Whole(Regex),
    /// An expression over what is left between a prefix and a suffix, wanted or unwanted.
    Between {
        /// What the name must begin with.
        prefix: String,
        /// What it must end with.
        suffix: String,
        /// Searched in the rest.
        expression: Regex,
        /// Whether it must be found, or must not.
        wanted: bool,
    },
}

impl Pattern {
    /// Reads a pattern.
    pub fn compile(text: &str) -> Result<Self, PatternError> {
        if text.len() > PATTERN_MAX {
            return Err(PatternError::TooLong);
        }
        if let Some((prefix, inner, suffix)) = braced(text) {
            return between(text, prefix, inner, suffix);
        }
        if text.contains("{{") || text.contains("}}") {
            return Err(PatternError::Template(text.to_owned()));
        }
        if is_expression(text) || text.contains('*') {
            return whole(text).map(Self::Whole);
        }
        Ok(Self::Exact(text.to_owned()))
    }

    /// Whether `name` is one of the pattern's.
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == name,
            Self::Whole(expression) => expression.is_match(name),
            Self::Between {
                prefix,
                suffix,
                expression,
                wanted,
            } => name
                .strip_prefix(prefix.as_str())
                .and_then(|rest| rest.strip_suffix(suffix.as_str()))
                .is_some_and(|rest| expression.is_match(rest) == *wanted),
        }
    }
}

/// Whether the text is a regular expression as it stands: `^…$`.
pub fn is_expression(text: &str) -> bool {
    text.len() >= 2 && text.starts_with('^') && text.ends_with('$')
}

/// The anchored expression of a glob or of `^…$`; in a glob each `*` is a group.
pub fn whole(text: &str) -> Result<Regex, PatternError> {
    if is_expression(text) {
        return compile(text);
    }
    let pieces: Vec<String> = text.split('*').map(regex::escape).collect();
    compile(&format!("^(?s:{})$", pieces.join("(.*)")))
}

/// An expression with our limits.
pub fn compile(text: &str) -> Result<Regex, PatternError> {
    if text.len() > PATTERN_MAX * 2 {
        return Err(PatternError::TooLong);
    }
    RegexBuilder::new(text)
        .size_limit(COMPILED_MAX)
        .build()
        .map_err(|_| PatternError::Malformed(text.to_owned()))
}

/// `prefix{{inner}}suffix`, the braces once.
fn braced(text: &str) -> Option<(&str, &str, &str)> {
    let (prefix, rest) = text.split_once("{{")?;
    let (inner, suffix) = rest.split_once("}}")?;
    Some((prefix, inner.trim(), suffix))
}

fn between(text: &str, prefix: &str, inner: &str, suffix: &str) -> Result<Pattern, PatternError> {
    let template = || PatternError::Template(text.to_owned());
    let (wanted, argument) = if let Some(rest) = inner.strip_prefix("regexp.match(") {
        (true, rest)
    } else if let Some(rest) = inner.strip_prefix("regexp.not_match(") {
        (false, rest)
    } else {
        return Err(template());
    };
    let quoted = argument.strip_suffix(')').ok_or_else(template)?.trim();
    let expression = quoted
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .ok_or_else(template)?;
    Ok(Pattern::Between {
        prefix: prefix.trim_start().to_owned(),
        suffix: suffix.trim_end().to_owned(),
        expression: compile(&expression.replace("\\\\", "\\"))?,
        wanted,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_matches_what_it_says() {
        for (pattern, yes, no) in [
            ("elevated", vec!["elevated"], vec!["Elevated", "elevated2", ""]),
            ("db-*", vec!["db-", "db-a", "db-a\nb"], vec!["xdb-a", "db"]),
            ("*", vec!["", "anything"], vec![]),
            ("a*c", vec!["ac", "abc"], vec!["abcd"]),
            ("a.c*", vec!["a.c"], vec!["abc"]),
            ("^db-[0-9]+$", vec!["db-7"], vec!["db-", "db-7x"]),
            ("^db-[0-9]+", vec!["^db-[0-9]+"], vec!["db-7"]),
            (
                "db-{{regexp.match(\"prod|stage\")}}-x",
                vec!["db-prod-x", "db-preprod1-x"],
                vec!["db-dev-x"],
            ),
            (
                "db-{{regexp.not_match(\"prod\")}}",
                vec!["db-dev", "db-"],
                vec!["db-prod", "xdb-dev"],
            ),
        ] {
            let compiled = Pattern::compile(pattern).unwrap();
            for name in yes {
                assert!(compiled.matches(name), "{pattern} should match {name:?}");
            }
            for name in no {
                assert!(!compiled.matches(name), "{pattern} should not match {name:?}");
            }
        }
    }

    #[test]
    fn a_template_and_a_broken_expression_are_errors() {
        assert!(matches!(
            Pattern::compile("{{external.roles}}"),
            Err(PatternError::Template(_))
        ));
        assert!(matches!(
            Pattern::compile("^(a$"),
            Err(PatternError::Malformed(_))
        ));
        assert!(matches!(
            Pattern::compile(&"a".repeat(5000)),
            Err(PatternError::TooLong)
        ));
        assert!(matches!(
            Pattern::compile("^(a{1000}){1000}$"),
            Err(PatternError::Malformed(_))
        ));
    }
}
