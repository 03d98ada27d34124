//! Why something could not be measured.

use std::error::Error;
use std::fmt;

/// Why something could not be measured, in words: what was being done, then the causes.
#[derive(Debug)]
pub struct Trouble(String);

/// What a step of the bench gives back.
pub type Outcome<T> = Result<T, Trouble>;

impl Trouble {
    /// In words of one's own.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Says what was being done when something failed.
pub trait While<T> {
    /// `doing` as in "could not {doing}: …".
    fn to(self, doing: &str) -> Outcome<T>;
}

impl<T, E: Into<Box<dyn Error + Send + Sync>>> While<T> for Result<T, E> {
    fn to(self, doing: &str) -> Outcome<T> {
        self.map_err(|error| {
            let error = error.into();
            let mut text = format!("could not {doing}: {error}");
            let mut next = error.source();
            while let Some(cause) = next {
                let cause_text = cause.to_string();
                if !text.ends_with(&cause_text) {
                    text.push_str(": ");
                    text.push_str(&cause_text);
                }
                next = cause.source();
            }
            Trouble(text)
        })
    }
}

impl<T> While<T> for Option<T> {
    fn to(self, doing: &str) -> Outcome<T> {
        self.ok_or_else(|| Trouble(format!("could not {doing}: there is none")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_being_done_and_the_causes_are_told() {
        let failed: Result<(), _> = Err(std::io::Error::other("no space"));
        let trouble = failed.to("write the report").expect_err("it failed");
        assert_eq!(trouble.to_string(), "could not write the report: no space");
    }
}
