//! Templates in roles: `prefix{{external.email}}suffix`, one text for each value of the trait.

use crate::pattern::{self, PatternError};
use crate::role::Traits;

/// Traits that `internal.` may name.
const INTERNAL: &[&str] = &[
    "logins",
    "windows_logins",
    "kubernetes_groups",
    "kubernetes_users",
    "db_names",
    "db_users",
    "db_roles",
    "aws_role_arns",
    "azure_identities",
    "gcp_service_accounts",
    "jwt",
    "github_orgs",
    "host_user_uid",
    "host_user_gid",
];

/// Longest template, in bytes.
const TEMPLATE_MAX: usize = 4096;
/// Most functions inside each other.
const DEPTH_MAX: usize = 16;

/// Why a template cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// Not a variable and not a function of one.
    #[error("`{0}` is not a variable like `{{{{internal.logins}}}}` or `{{{{external.email}}}}`")]
    Malformed(String),
    /// `internal.` with another name.
    #[error("`internal.{0}` does not exist; the traits of an identity provider are `external.{0}`")]
    UnknownInternal(String),
    /// The expression of `regexp.replace` does not compile.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// Longer than 4096 bytes.
    #[error("the template is longer than {TEMPLATE_MAX} bytes")]
    TooLong,
    /// `email.local` of something that is no address.
    #[error("`{0}` is not an e-mail address")]
    NotAnAddress(String),
}

#[derive(Debug)]
enum Expression<'a> {
    Variable(&'a str),
    EmailLocal(Box<Expression<'a>>),
    Replace(Box<Expression<'a>>, String, String),
}

/// Every text that `template` stands for, with these traits. A text without braces stands for itself; a missing
/// trait for nothing.
pub fn expand(template: &str, traits: &Traits) -> Result<Vec<String>, TemplateError> {
    if template.len() > TEMPLATE_MAX {
        return Err(TemplateError::TooLong);
    }
    let malformed = || TemplateError::Malformed(template.to_owned());
    let Some((prefix, rest)) = template.split_once("{{") else {
        return if template.contains("}}") {
            Err(malformed())
        } else {
            Ok(vec![template.to_owned()])
        };
    };
    let (inner, suffix) = rest.split_once("}}").ok_or_else(malformed)?;
    if suffix.contains("{{") || suffix.contains("}}") {
        return Err(malformed());
    }
    let expression = parse(inner.trim(), DEPTH_MAX).ok_or_else(malformed)?;
    let (prefix, suffix) = (prefix.trim_start(), suffix.trim_end());
    Ok(evaluate(&expression, traits)?
        .into_iter()
        .map(|value| format!("{prefix}{value}{suffix}"))
        .collect())
}

/// As [`expand()`] over a list; what cannot be expanded is left out, as the original does at sign-in.
pub fn expand_all(templates: &[String], traits: &Traits) -> Vec<String> {
    let mut expanded = Vec::new();
    for value in templates
        .iter()
        .filter_map(|template| expand(template, traits).ok())
        .flatten()
    {
        if !value.is_empty() && !expanded.contains(&value) {
            expanded.push(value);
        }
    }
    expanded
}

/// Reads an expression with at most `depth` functions inside each other.
fn parse(text: &str, depth: usize) -> Option<Expression<'_>> {
    let inner_depth = || depth.checked_sub(1);
    let text = text.trim();
    if let Some(inner) = text
        .strip_prefix("email.local(")
        .and_then(|rest| rest.strip_suffix(')'))
    {
        return Some(Expression::EmailLocal(Box::new(parse(inner, inner_depth()?)?)));
    }
    if let Some(inner) = text
        .strip_prefix("regexp.replace(")
        .and_then(|rest| rest.strip_suffix(')'))
    {
        let (inner, replacement) = last_quoted(inner)?;
        let (inner, expression) = last_quoted(inner)?;
        return Some(Expression::Replace(
            Box::new(parse(inner, inner_depth()?)?),
            expression,
            replacement,
        ));
    }
    let quoted = text
        .strip_prefix("external[\"")
        .and_then(|rest| rest.strip_suffix("\"]"));
    let plain = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    match (quoted, text.split_once('.')) {
        (Some(name), _) if !name.is_empty() && !name.contains('"') => Some(Expression::Variable(text)),
        (None, Some(("internal" | "external", name))) if plain(name) => Some(Expression::Variable(text)),
        _ => None,
    }
}

/// `…, "last"` split before the last quoted argument, with its escapes undone.
fn last_quoted(text: &str) -> Option<(&str, String)> {
    let text = text.trim_end().strip_suffix('"')?;
    let bytes = text.as_bytes();
    let start = (0..bytes.len()).rev().find(|&at| {
        bytes[at] == b'"'
            && bytes[..at]
                .iter()
                .rev()
                .take_while(|byte| **byte == b'\\')
                .count()
                % 2
                == 0
    })?;
    let value = text[start + 1..].replace("\\\\", "\\").replace("\\\"", "\"");
    Some((text[..start].trim_end().strip_suffix(',')?.trim_end(), value))
}

fn evaluate(expression: &Expression<'_>, traits: &Traits) -> Result<Vec<String>, TemplateError> {
    match expression {
        Expression::Variable(text) => {
            if let Some(name) = text.strip_prefix("internal.") {
                if !INTERNAL.contains(&name) {
                    return Err(TemplateError::UnknownInternal(name.to_owned()));
                }
                return Ok(traits.get(name).cloned().unwrap_or_default());
            }
            let name = text
                .strip_prefix("external.")
                .or_else(|| {
                    text.strip_prefix("external[\"")
                        .and_then(|rest| rest.strip_suffix("\"]"))
                })
                .unwrap_or(text);
            Ok(traits.get(name).cloned().unwrap_or_default())
        }
        Expression::EmailLocal(inner) => evaluate(inner, traits)?
            .into_iter()
            .map(|value| match value.split_once('@') {
                Some((local, domain)) if !local.is_empty() && !domain.is_empty() && !domain.contains('@') => {
                    Ok(local.to_owned())
                }
                _ => Err(TemplateError::NotAnAddress(value)),
            })
            .collect(),
        Expression::Replace(inner, expression, replacement) => {
            let expression = pattern::compile(expression)?;
            Ok(evaluate(inner, traits)?
                .into_iter()
                .filter(|value| expression.is_match(value))
                .map(|value| expression.replace_all(&value, replacement.as_str()).into_owned())
                .collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traits() -> Traits {
        let list = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        Traits::from([
            ("logins".to_owned(), list(&["root", "bob"])),
            ("email".to_owned(), list(&["bob@example.com"])),
            ("odd name".to_owned(), list(&["x"])),
            ("env".to_owned(), list(&["env-prod", "dev"])),
        ])
    }

    #[test]
    fn each_value_gives_one_text() {
        for (template, expanded) in [
            ("root", vec!["root"]),
            ("{{internal.logins}}", vec!["root", "bob"]),
            ("IAM#{{external.logins}};", vec!["IAM#root;", "IAM#bob;"]),
            ("{{external[\"odd name\"]}}", vec!["x"]),
            ("{{email.local(external.email)}}", vec!["bob"]),
            (
                "{{ regexp.replace(external.env, \"^env-(.*)$\", \"$1\") }}",
                vec!["prod"],
            ),
            ("{{external.missing}}", vec![]),
        ] {
            assert_eq!(expand(template, &traits()).unwrap(), expanded, "{template}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        assert!(matches!(
            expand("{{internal.email}}", &traits()),
            Err(TemplateError::UnknownInternal(_))
        ));
        assert!(matches!(
            expand("{{email.local(external.logins)}}", &traits()),
            Err(TemplateError::NotAnAddress(_))
        ));
        for template in [
            "{{",
            "}}",
            "{{}}",
            "{{external}}",
            "{{external.a.b}}",
            "{{other.a}}",
            "{{a}}{{b}}",
            "{{f(external.a)}}",
        ] {
            assert!(
                matches!(expand(template, &traits()), Err(TemplateError::Malformed(_))),
                "{template}"
            );
        }
    }

    #[test]
    fn size_and_depth_have_limits() {
        assert_eq!(expand(&"a".repeat(4097), &traits()), Err(TemplateError::TooLong));
        let nested = |depth: usize| {
            let open = "email.local(".repeat(depth);
            format!("{{{{{open}external.missing{}}}}}", ")".repeat(depth))
        };
        assert_eq!(expand(&nested(16), &traits()), Ok(vec![]));
        assert!(matches!(
            expand(&nested(17), &traits()),
            Err(TemplateError::Malformed(_))
        ));
    }
}
