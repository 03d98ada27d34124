//! Which clients are too old to speak with.

use crate::failure::{Answer, Failure};

/// The oldest major version of a client.
const MAJOR_MIN: u32 = 16;

/// Refuses a client whose version cannot be read or is older than the oldest served. A client that
/// says nothing is accepted.
pub fn check_client(said: Option<&str>) -> Answer<()> {
    let Some(said) = said else { return Ok(()) };
    match major(said) {
        Some(major) if major >= MAJOR_MIN => Ok(()),
        _ => Err(Failure::access_denied("client version is unsupported")),
    }
}

/// The major number of a semantic version.
fn major(text: &str) -> Option<u32> {
    let text = text.split_once('+').map_or(text, |(version, _)| version);
    let (numbers, pre) = text
        .split_once('-')
        .map_or((text, None), |(numbers, pre)| (numbers, Some(pre)));
    let mut parts = numbers.split('.');
    let mut number = || {
        let part = parts.next()?;
        let plain = !part.is_empty() && part.len() <= 9 && part.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| part.parse::<u32>().ok()).flatten()
    };
    let (major, _, _) = (number()?, number()?, number()?);
    let sound = parts.next().is_none()
        && pre.is_none_or(|pre| {
            !pre.is_empty()
                && pre
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
        });
    sound.then_some(major)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_and_garbled_versions_are_refused() {
        for good in [
            None,
            Some("18.0.0"),
            Some("16.0.0-aa"),
            Some("17.7.2"),
            Some("19.1.0-dev.1+git"),
        ] {
            assert!(check_client(good).is_ok(), "{good:?}");
        }
        for bad in [
            "15.4.0", "v18.0.0", "18", "", "18.0", "18.0.0.0", "18.0.x", "18.0.0-",
        ] {
            assert_eq!(
                check_client(Some(bad)).unwrap_err().message(),
                "client version is unsupported",
                "{bad}"
            );
        }
    }
}
