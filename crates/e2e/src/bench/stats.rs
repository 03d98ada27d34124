//! Medians, quantiles and spread of what was measured. Pure: numbers in, numbers out.

use std::time::Duration;

/// Measured values in ascending order; never empty.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample(Vec<f64>);

impl Sample {
    /// `None` if there is nothing to say anything about.
    pub fn new(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        (!values.is_empty()).then_some(Self(values))
    }

    /// The same of durations, in seconds.
    pub fn of_durations(durations: impl IntoIterator<Item = Duration>) -> Option<Self> {
        Self::new(durations.into_iter().map(|duration| duration.as_secs_f64()))
    }

    /// How many values there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The value in the middle; the mean of the two in the middle of an even number.
    pub fn median(&self) -> f64 {
        let middle = self.0.len() / 2;
        if self.0.len() % 2 == 1 {
            self.0[middle]
        } else {
            f64::midpoint(self.0[middle - 1], self.0[middle])
        }
    }

    /// The smallest value that `percent` of all values do not exceed.
    pub fn percentile(&self, percent: usize) -> f64 {
        let rank = (self.0.len() * percent.min(100)).div_ceil(100).max(1);
        self.0[rank - 1]
    }

    /// The smallest value.
    pub fn least(&self) -> f64 {
        self.0[0]
    }

    /// The largest value.
    pub fn most(&self) -> f64 {
        self.0[self.0.len() - 1]
    }
}

/// Which rounds may be kept: those whose floor is within `tolerance` (a part of 1) of the median floor.
///
/// The median is that of all floors given, so that one quiet round does not throw out the rest.
pub fn steady(floors: &[f64], tolerance: f64) -> Vec<bool> {
    let Some(sample) = Sample::new(floors.iter().copied()) else {
        return Vec::new();
    };
    let middle = sample.median();
    floors
        .iter()
        .map(|floor| (floor - middle).abs() <= tolerance * middle)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(values: &[f64]) -> Sample {
        Sample::new(values.iter().copied()).expect("not empty")
    }

    #[test]
    fn nothing_measured_says_nothing() {
        assert_eq!(Sample::new([]), None);
        assert!(steady(&[], 0.2).is_empty());
    }

    #[test]
    fn the_median_does_not_mind_one_wild_value() {
        assert!((sample(&[3.0, 1_000.0, 1.0]).median() - 3.0).abs() < f64::EPSILON);
        assert!((sample(&[4.0, 1.0, 2.0, 1_000.0]).median() - 3.0).abs() < f64::EPSILON);
    }

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let hundred = sample(&(1..=100).map(f64::from).collect::<Vec<_>>());
        for (percent, expected) in [(0, 1.0), (1, 1.0), (50, 50.0), (99, 99.0), (100, 100.0)] {
            assert!(
                (hundred.percentile(percent) - expected).abs() < f64::EPSILON,
                "{percent}"
            );
        }
        let three = sample(&[1.0, 2.0, 3.0]);
        assert!((three.percentile(99) - 3.0).abs() < f64::EPSILON);
        assert!((three.least() - 1.0).abs() < f64::EPSILON && (three.most() - 3.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_round_on_a_disturbed_machine_is_told_apart() {
        assert_eq!(
            steady(&[1.0, 1.1, 0.9, 1.3, 5.0], 0.2),
            [true, true, true, true, false]
        );
        assert_eq!(steady(&[1.0, 1.0, 1.0, 1.3], 0.2), [true, true, true, false]);
    }
}
