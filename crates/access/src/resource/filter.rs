//! What a listing keeps: labels, words and a query.

use std::collections::BTreeMap;

use crate::predicate::{EvaluateError, ParseError, Predicate, RESOURCE_NAMES, SEARCHED, Scope, Value};

use super::Resource;

/// Most words that are searched for.
const WORDS_MAX: usize = 64;
/// Most bytes of all labels and words together.
const BYTES_MAX: usize = 8192;

/// Why a filter cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum FilterError {
    #[error("failed to parse predicate expression: {0}")]
    Parse(#[from] ParseError),
    #[error("failed to evaluate predicate expression: {0}")]
    Evaluate(#[from] EvaluateError),
    #[error("more than {WORDS_MAX} search keywords")]
    TooManyWords,
    #[error("labels and search keywords are longer than {BYTES_MAX} bytes together")]
    TooLong,
}

/// What a listing keeps.
#[derive(Debug)]
pub struct Filter {
    labels: BTreeMap<String, String>,
    words: Vec<String>,
    query: Option<Predicate>,
}

impl Filter {
    /// Keeps what has all of `labels`, says each of `words` somewhere, and satisfies `query`.
    pub fn new(
        labels: BTreeMap<String, String>,
        words: Vec<String>,
        query: &str,
    ) -> Result<Self, FilterError> {
        if words.len() > WORDS_MAX {
            return Err(FilterError::TooManyWords);
        }
        let bytes: usize = words.iter().map(String::len).sum::<usize>()
            + labels
                .iter()
                .map(|(key, value)| key.len() + value.len())
                .sum::<usize>();
        if bytes > BYTES_MAX {
            return Err(FilterError::TooLong);
        }
        let query = (!query.trim().is_empty())
            .then(|| Predicate::parse(query, RESOURCE_NAMES))
            .transpose()?;
        Ok(Self {
            labels,
            words: words.into_iter().map(|word| word.to_lowercase()).collect(),
            query,
        })
    }

    /// Whether `resource` stays in the list.
    pub fn keeps(&self, resource: &Resource) -> Result<bool, FilterError> {
        if self
            .labels
            .iter()
            .any(|(key, value)| value != "*" && resource.labels.get(key) != Some(value))
            || self.labels.keys().any(|key| !resource.labels.contains_key(key))
        {
            return Ok(false);
        }
        if !self.words.is_empty() {
            let texts = searched(resource);
            let said = |word: &String| texts.iter().any(|text| text.to_lowercase().contains(word));
            if !self.words.iter().all(said) {
                return Ok(false);
            }
        }
        match &self.query {
            None => Ok(true),
            Some(query) => Ok(query.holds(&scope(resource))?),
        }
    }
}

/// Where words are looked for.
fn searched(resource: &Resource) -> Vec<String> {
    let labels = resource
        .labels
        .iter()
        .flat_map(|(key, value)| [key.clone(), value.clone()]);
    [resource.name.clone(), resource.friendly.clone()]
        .into_iter()
        .chain(resource.details.values().cloned())
        .chain(labels)
        .collect()
}

fn scope(resource: &Resource) -> Scope {
    let mut scope: Scope = RESOURCE_NAMES
        .iter()
        .filter(|(_, kind)| *kind == crate::predicate::Type::Text)
        .map(|(name, _)| (*name, Value::Text(String::new())))
        .collect();
    for (name, text) in &resource.details {
        scope.insert(name, Value::Text(text.clone()));
    }
    let labels = Value::Labels(resource.labels.clone());
    scope.insert("name", Value::Text(resource.shown().to_owned()));
    scope.insert("labels", labels.clone());
    scope.insert("resource.kind", Value::Text(resource.kind.name().to_owned()));
    scope.insert("resource.metadata.name", Value::Text(resource.name.clone()));
    scope.insert("resource.metadata.labels", labels);
    scope.insert(SEARCHED, Value::List(searched(resource)));
    scope
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::*;

    fn demo() -> Resource {
        Resource {
            friendly: "demo.example.com".to_owned(),
            labels: [
                ("env".to_owned(), "prod".to_owned()),
                ("empty".to_owned(), String::new()),
            ]
            .into(),
            details: [("resource.spec.addr", "10.0.0.1:3022".to_owned())].into(),
            ..Resource::new(Kind::Node, "5d4a")
        }
    }

    fn keeps(labels: &[(&str, &str)], words: &[&str], query: &str) -> Result<bool, FilterError> {
        let labels = labels
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        Filter::new(labels, words, query)?.keeps(&demo())
    }

    #[test]
    fn labels_words_and_query_must_all_hold() {
        for (labels, words, query, kept) in [
            (&[][..], &[][..], "", true),
            (&[("env", "prod")], &[], "", true),
            (&[("env", "stage")], &[], "", false),
            (&[("env", "*")], &[], "", true),
            (&[("region", "*")], &[], "", false),
            (&[], &["DEMO"], "", true),
            (&[], &["demo", "10.0"], "", true),
            (&[], &["demo", "nothing"], "", false),
            (&[], &[], "labels[\"env\"] == \"prod\"", true),
            (
                &[],
                &[],
                "labels.env == \"stage\" || name == \"demo.example.com\"",
                true,
            ),
            (&[], &[], "resource.metadata.name == \"5d4a\"", true),
            (&[], &[], "equals(resource.kind, \"node\")", true),
            (
                &[],
                &[],
                "exists(labels[\"empty\"]) && !exists(labels[\"x\"])",
                true,
            ),
            (&[], &[], "search(\"prod\", \"Demo\")", true),
            (&[], &[], "search(\"prod\", \"else\")", false),
            (&[], &[], "hasPrefix(resource.spec.addr, \"10.\")", true),
            (
                &[],
                &[],
                "contains(split(resource.spec.addr, \":\"), \"3022\")",
                true,
            ),
            (&[("env", "prod")], &["demo"], "labels.env == \"stage\"", false),
        ] {
            assert_eq!(
                keeps(labels, words, query),
                Ok(kept),
                "{labels:?} {words:?} {query}"
            );
        }
    }

    #[test]
    fn a_filter_has_a_length() {
        let long = "x".repeat(8192);
        assert_eq!(keeps(&[], &[&long], ""), Ok(false));
        assert_eq!(keeps(&[("k", "")], &[&long], ""), Err(FilterError::TooLong));
        assert_eq!(keeps(&[], &["x"; 65], ""), Err(FilterError::TooManyWords));
    }

    #[test]
    fn a_query_that_cannot_be_read_is_an_error_with_its_column() {
        for (query, why) in [
            (
                "nosuch == \"x\"",
                "failed to parse predicate expression: `nosuch` does not exist here at column 1",
            ),
            (
                "name",
                "failed to parse predicate expression: the predicate is not a yes-or-no question at column 1",
            ),
            (
                "name == \"",
                "failed to parse predicate expression: the quote is not closed at column 9",
            ),
            (
                "labels_matching(\"x\") == \"x\"",
                "failed to parse predicate expression: `==` and `!=` compare two texts or two numbers at column 24",
            ),
        ] {
            assert_eq!(keeps(&[], &[], query).unwrap_err().to_string(), why);
        }
    }
}
