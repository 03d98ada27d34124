//! TOML with places: takes values out of sections, and remembers what is wrong where.

use std::fmt;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use wire::resource::nearest::nearest;

/// Something wrong in a configuration file, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)
    }
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub struct Placed<T> {
    /// The value.
    pub value: T,
    /// Its bytes in the file.
    pub span: Range<usize>,
}

/// A file that is being read.
pub struct Reader<'t> {
    text: &'t str,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl<'t> Reader<'t> {
    /// Starts with the text of a file.
    pub fn new(text: &'t str) -> Self {
        Self {
            text,
            problems: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// The sections of the file; what is no TOML is a problem.
    pub fn sections(&mut self) -> Option<Section<'t>> {
        match DeTable::parse(self.text) {
            Ok(table) => Some(Section {
                name: String::new(),
                span: 0..0,
                entries: table.into_inner().into_iter().collect(),
            }),
            Err(error) => {
                let at = error.span().unwrap_or(0..0);
                self.problem(&at, error.message().to_owned());
                None
            }
        }
    }

    /// Notes that something is wrong at a place.
    pub fn problem(&mut self, at: &Range<usize>, message: impl Into<String>) {
        let problem = self.placed(at, message.into());
        self.problems.push(problem);
    }

    /// Notes something that does no harm and is not as its author may think.
    pub fn warning(&mut self, at: &Range<usize>, message: impl Into<String>) {
        let warning = self.placed(at, message.into());
        self.warnings.push(warning);
    }

    fn placed(&self, at: &Range<usize>, message: String) -> Problem {
        let (line, column) = self.place(at);
        Problem {
            line,
            column,
            message,
        }
    }

    /// Line and column of a place.
    pub fn place(&self, at: &Range<usize>) -> (usize, usize) {
        let before = self.text.get(..at.start).unwrap_or(self.text);
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        (before.matches('\n').count() + 1, column)
    }

    /// Everything found wrong, in the order of the file; or the warnings, if nothing is.
    pub fn finish(mut self) -> Result<Vec<Problem>, Vec<Problem>> {
        let order = |problem: &Problem| (problem.line, problem.column);
        self.problems.sort_by_key(order);
        self.warnings.sort_by_key(order);
        if self.problems.is_empty() {
            Ok(self.warnings)
        } else {
            Err(self.problems)
        }
    }
}

type Entry<'t> = (Spanned<std::borrow::Cow<'t, str>>, Spanned<DeValue<'t>>);

/// A section of which keys are taken one by one; what is left at the end is unknown.
pub struct Section<'t> {
    name: String,
    span: Range<usize>,
    entries: Vec<Entry<'t>>,
}

impl<'t> Section<'t> {
    /// Where it begins.
    pub fn span(&self) -> &Range<usize> {
        &self.span
    }

    fn take(&mut self, key: &str) -> Option<Entry<'t>> {
        let at = self.entries.iter().position(|(name, _)| name.get_ref() == key)?;
        Some(self.entries.remove(at))
    }

    /// The section `key` in this one.
    pub fn section(&mut self, reader: &mut Reader<'t>, key: &str) -> Option<Section<'t>> {
        let (name, value) = self.take(key)?;
        let span = name.span();
        match value.into_inner() {
            DeValue::Table(table) => Some(Section {
                name: format!("{}{key}", self.prefix()),
                span,
                entries: table.into_iter().collect(),
            }),
            other => {
                reader.problem(
                    &span,
                    format!("`{key}` must be a section, not {}", other.type_str()),
                );
                None
            }
        }
    }

    /// The text of `key`.
    pub fn text(&mut self, reader: &mut Reader<'t>, key: &str) -> Option<Placed<String>> {
        let (_, value) = self.take(key)?;
        let span = value.span();
        match value.into_inner() {
            DeValue::String(text) => Some(Placed {
                value: text.into_owned(),
                span,
            }),
            other => {
                reader.problem(
                    &span,
                    format!("`{key}` must be a text in quotes, not {}", other.type_str()),
                );
                None
            }
        }
    }

    /// The truth value of `key`.
    pub fn flag(&mut self, reader: &mut Reader<'t>, key: &str) -> Option<Placed<bool>> {
        let (_, value) = self.take(key)?;
        let span = value.span();
        match value.into_inner() {
            DeValue::Boolean(value) => Some(Placed { value, span }),
            other => {
                reader.problem(
                    &span,
                    format!("`{key}` must be true or false, not {}", other.type_str()),
                );
                None
            }
        }
    }

    /// A list of texts; a single text counts as a list of one where `single` allows it.
    pub fn texts(&mut self, reader: &mut Reader<'t>, key: &str, single: bool) -> Option<Vec<Placed<String>>> {
        let (_, value) = self.take(key)?;
        let span = value.span();
        match value.into_inner() {
            DeValue::Array(array) => Some(
                array
                    .into_iter()
                    .filter_map(|item| {
                        let span = item.span();
                        match item.into_inner() {
                            DeValue::String(text) => Some(Placed {
                                value: text.into_owned(),
                                span,
                            }),
                            other => {
                                reader.problem(
                                    &span,
                                    format!("`{key}` must hold texts in quotes, not {}", other.type_str()),
                                );
                                None
                            }
                        }
                    })
                    .collect(),
            ),
            DeValue::String(text) if single => Some(vec![Placed {
                value: text.into_owned(),
                span,
            }]),
            other => {
                reader.problem(
                    &span,
                    format!(
                        "`{key}` must be a list such as `[\"team/channel\"]`, not {}",
                        other.type_str()
                    ),
                );
                None
            }
        }
    }

    /// A span such as `"1m"`, or a whole number of nanoseconds.
    pub fn duration(&mut self, reader: &mut Reader<'t>, key: &str) -> Option<Placed<std::time::Duration>> {
        let (_, value) = self.take(key)?;
        let span = value.span();
        let parsed = match value.into_inner() {
            DeValue::String(text) => wire::resource::duration::parse(&text)
                .map_err(|error| error.to_string())
                .and_then(|span| {
                    std::time::Duration::try_from(span).map_err(|_| "it must not be negative".to_owned())
                }),
            DeValue::Integer(number) => number
                .as_str()
                .replace('_', "")
                .parse()
                .map(std::time::Duration::from_nanos)
                .map_err(|_| "a number here means nanoseconds: write `\"1m\"`".to_owned()),
            other => Err(format!(
                "it must be a text such as `\"1m\"`, not {}",
                other.type_str()
            )),
        };
        match parsed {
            Ok(value) => Some(Placed { value, span }),
            Err(why) => {
                reader.problem(&span, format!("`{key}` is no duration: {why}"));
                None
            }
        }
    }

    /// The keys that are left.
    pub fn keys(&self) -> Vec<String> {
        self.entries
            .iter()
            .map(|(name, _)| name.get_ref().to_string())
            .collect()
    }

    /// Takes `key` whatever it holds; gives its place.
    pub fn ignore(&mut self, key: &str) -> Option<Range<usize>> {
        self.take(key).map(|(name, _)| name.span())
    }

    /// What is left is unknown.
    pub fn finish(self, reader: &mut Reader<'t>, known: &[&str]) {
        for (name, value) in &self.entries {
            let is_section = matches!(value.get_ref(), DeValue::Table(_));
            let what = if is_section { "section" } else { "key" };
            let place = if self.name.is_empty() {
                String::new()
            } else {
                format!(" in `[{}]`", self.name)
            };
            let found = name.get_ref();
            let guess = nearest(found, known.iter().copied())
                .map(|guess| format!("; did you mean `{guess}`?"))
                .unwrap_or_default();
            reader.problem(&name.span(), format!("unknown {what} `{found}`{place}{guess}"));
        }
    }

    fn prefix(&self) -> String {
        if self.name.is_empty() {
            String::new()
        } else {
            format!("{}.", self.name)
        }
    }
}
