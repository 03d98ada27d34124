//! Maps of lists: traits, labels, annotations.

use std::collections::BTreeMap;

use crate::pb::wrappers::{LabelValues, StringValues};

/// Traits, or labels with several values.
pub fn traits(values: Option<&LabelValues>) -> BTreeMap<String, Vec<String>> {
    let entries = values.into_iter().flat_map(|values| &values.values);
    entries
        .map(|(key, values)| (key.clone(), values.values.clone()))
        .collect()
}

/// The same, for labels.
pub fn labels(values: Option<&LabelValues>) -> BTreeMap<String, Vec<String>> {
    traits(values)
}

/// A map of lists as messages carry it.
pub fn label_values(map: &BTreeMap<String, Vec<String>>) -> LabelValues {
    let entry = |(key, values): (&String, &Vec<String>)| {
        (
            key.clone(),
            StringValues {
                values: values.clone(),
            },
        )
    };
    LabelValues {
        values: map.iter().map(entry).collect(),
    }
}
