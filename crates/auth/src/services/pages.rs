//! Small things that all lists and writes share.

use crate::failure::Failure;

/// Whether every keyword occurs in some of the texts, in any case.
pub fn matches_all<'a>(keywords: &[String], texts: impl Iterator<Item = &'a str> + Clone) -> bool {
    keywords.iter().all(|keyword| {
        let keyword = keyword.to_lowercase();
        texts.clone().any(|text| text.to_lowercase().contains(&keyword))
    })
}

/// What a client is told that edited an old version.
pub fn changed_meanwhile() -> Failure {
    Failure::compare_failed(
        "resource revision does not match, it may have been concurrently created|modified|deleted; \
         please work from the latest state, or use --force to overwrite",
    )
}
