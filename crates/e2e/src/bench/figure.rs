//! Numbers with their units, and what is wanted of them, as people read them.

use std::fmt;

use serde_json::{Value, json};

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Time, in seconds.
    Seconds,
    /// A rate.
    PerSecond,
    /// Memory or a file, in bytes.
    Bytes,
    /// Things.
    Count,
}

/// A number with its unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figure {
    /// The number, in the unit itself: seconds, not milliseconds.
    pub value: f64,
    /// What it counts.
    pub unit: Unit,
}

impl Figure {
    /// A time.
    pub fn seconds(value: f64) -> Self {
        Self {
            value,
            unit: Unit::Seconds,
        }
    }

    /// A rate.
    pub fn per_second(value: f64) -> Self {
        Self {
            value,
            unit: Unit::PerSecond,
        }
    }

    /// A size.
    pub fn bytes(value: f64) -> Self {
        Self {
            value,
            unit: Unit::Bytes,
        }
    }

    /// A number of things.
    pub fn count(value: f64) -> Self {
        Self {
            value,
            unit: Unit::Count,
        }
    }

    /// For the report.
    pub fn to_json(self) -> Value {
        let unit = match self.unit {
            Unit::Seconds => "s",
            Unit::PerSecond => "1/s",
            Unit::Bytes => "B",
            Unit::Count => "1",
        };
        json!({ "value": self.value, "unit": unit })
    }
}

/// Three significant digits, and never an exponent.
fn digits(value: f64) -> String {
    match value.abs() {
        size if size >= 99.95 => format!("{value:.0}"),
        size if size >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// A whole number in groups of three.
fn grouped(value: f64) -> String {
    let plain = format!("{value:.0}");
    let mut text = String::new();
    for (place, digit) in plain.chars().enumerate() {
        let left = plain.len() - place;
        if place > 0 && left.is_multiple_of(3) && digit.is_ascii_digit() {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.unit {
            Unit::Seconds if self.value >= 1.0 => format!("{} s", digits(self.value)),
            Unit::Seconds if self.value >= 0.001 => format!("{} ms", digits(self.value * 1e3)),
            Unit::Seconds => format!("{} us", digits(self.value * 1e6)),
            Unit::PerSecond => format!("{}/s", grouped(self.value)),
            Unit::Bytes => format!("{} MB", digits(self.value / 1e6)),
            Unit::Count => grouped(self.value),
        };
        f.pad(&text)
    }
}

/// What is wanted of a ratio.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// No more than this.
    AtMost(f64),
    /// No less than this.
    AtLeast(f64),
}

impl Bound {
    /// Whether `ratio` is as wanted.
    pub fn holds(self, ratio: f64) -> bool {
        match self {
            Self::AtMost(most) => ratio <= most,
            Self::AtLeast(least) => ratio >= least,
        }
    }

    /// For the report.
    pub fn to_json(self) -> Value {
        match self {
            Self::AtMost(value) => json!({ "at_most": value }),
            Self::AtLeast(value) => json!({ "at_least": value }),
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, value) = match self {
            Self::AtMost(value) => ("<=", value),
            Self::AtLeast(value) => (">=", value),
        };
        f.pad(&format!("{sign} {}", ratio_text(*value)))
    }
}

/// A ratio as people read it: `1.52x`, `0.005x`, `250x`.
pub fn ratio_text(ratio: f64) -> String {
    if ratio != 0.0 && ratio.abs() < 0.0995 {
        format!("{ratio:.3}x")
    } else {
        format!("{}x", digits(ratio))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_for_people() {
        for (figure, expected) in [
            (Figure::seconds(0.000_173_4), "173 us"),
            (Figure::seconds(0.002_52), "2.52 ms"),
            (Figure::seconds(0.503), "503 ms"),
            (Figure::seconds(1.85), "1.85 s"),
            (Figure::per_second(421.0), "421/s"),
            (Figure::per_second(12_345_678.4), "12,345,678/s"),
            (Figure::bytes(58_300_000.0), "58.3 MB"),
            (Figure::count(100.0), "100"),
            (Figure::count(-1_000.0), "-1,000"),
        ] {
            assert_eq!(figure.to_string(), expected);
        }
    }

    #[test]
    fn a_bound_holds_at_its_own_value() {
        assert!(Bound::AtMost(2.0).holds(2.0) && !Bound::AtMost(2.0).holds(2.01));
        assert!(Bound::AtLeast(1.5).holds(1.5) && !Bound::AtLeast(1.5).holds(1.49));
        assert!(!Bound::AtMost(2.0).holds(f64::NAN) && !Bound::AtLeast(0.0).holds(f64::NAN));
    }

    #[test]
    fn ratios_keep_the_digits_that_matter() {
        for (ratio, expected) in [
            (0.005, "0.005x"),
            (0.6, "0.60x"),
            (1.5, "1.50x"),
            (20.0, "20.0x"),
            (300.0, "300x"),
        ] {
            assert_eq!(ratio_text(ratio), expected);
        }
        assert_eq!(Bound::AtLeast(20.0).to_string(), ">= 20.0x");
    }
}
