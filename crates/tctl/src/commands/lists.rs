//! Lists on the command line: flags may be repeated, and each may hold several values between commas.

use std::collections::BTreeMap;

use cli::Failure;

/// The values of a list flag, in their order.
pub fn split(given: &[String]) -> Vec<String> {
    given
        .iter()
        .flat_map(|text| text.split(','))
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The values of a list that must name something; `what` it names, in the singular.
pub fn named(given: &str, what: &str) -> Result<Vec<String>, Failure> {
    let names = split(&[given.to_owned()]);
    if names.is_empty() {
        return Err(Failure::new(format!("no {what} is named")));
    }
    Ok(names)
}

/// `k=v,k2=v2`; a key that stands twice has two values.
pub fn pairs(given: &[String]) -> Result<BTreeMap<String, Vec<String>>, Failure> {
    let mut pairs: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for pair in split(given) {
        let (key, value) = pair
            .split_once('=')
            .filter(|(key, _)| !key.is_empty())
            .ok_or_else(|| Failure::new(format!("invalid key-value pair: {pair:?}")))?;
        pairs.entry(key.to_owned()).or_default().push(value.to_owned());
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_split_on_commas_and_trimmed() {
        let given = ["a, b".to_owned(), "c,".to_owned()];
        assert_eq!(split(&given), ["a", "b", "c"]);
    }

    #[test]
    fn pairs_need_a_key_and_a_value() {
        let read = pairs(&["k=v,k2=a=b".to_owned(), "k=w".to_owned()]).expect("pairs");
        assert_eq!(read["k"], ["v", "w"]);
        assert_eq!(read["k2"], ["a=b"]);
        for bad in ["k", "=v"] {
            let error = pairs(&[bad.to_owned()]).expect_err("no pair");
            assert_eq!(error.message(), format!("invalid key-value pair: {bad:?}"));
        }
    }
}
