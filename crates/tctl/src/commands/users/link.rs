//! The link by which somebody chooses a password, as a command shows it.

use cli::{Failure, duration, text};
use jiff::SignedDuration;
use wire::convert;
use wire::pb::types;
use wire::resource::{Kind, json};

use super::Format;
use crate::kinds::resource;
use crate::output;

/// The shortest life of a link.
const TTL_MIN: SignedDuration = SignedDuration::from_secs(1);

/// Refuses a life in which nobody could open the link.
pub fn check_ttl(ttl: SignedDuration) -> Result<(), Failure> {
    if ttl < TTL_MIN {
        return Err(Failure::new("--ttl: a link must be valid for a second at least")
            .hint("write it like `8h` or `30m`"));
    }
    Ok(())
}

/// Prints a link: `done` is what was done to the user, `purpose` what the link is for.
pub fn print(token: &types::UserTokenV3, format: Format, done: &str, purpose: &str) -> Result<(), Failure> {
    if format == Format::Json {
        // Two spaces and no final line end, as the original.
        return output::print(&json::pretty(&resource(Kind::UserToken, token)?.to_json(), 2));
    }
    let spec = token.spec.clone().unwrap_or_default();
    let url = text::visible(&spec.url);
    output::print(&format!(
        "User {} has been {done}. Share this URL with the user to complete {purpose}, link is valid for {}:\n{url}\n\n\
         NOTE: Make sure {} points at a Teleport proxy which users can access.\n",
        text::quoted(&spec.user),
        short(validity(token)),
        host(&url),
    ))
}

fn validity(token: &types::UserTokenV3) -> SignedDuration {
    let moment = |moment: Option<&prost_types::Timestamp>| convert::moment(moment);
    let expires = token
        .metadata
        .as_ref()
        .and_then(|metadata| moment(metadata.expires.as_ref()));
    let created = token.spec.as_ref().and_then(|spec| moment(spec.created.as_ref()));
    match (created, expires) {
        (Some(created), Some(expires)) => expires.duration_since(created),
        _ => SignedDuration::ZERO,
    }
}

/// Without the parts at its end that are zero: `1h`, `30m`, `1h30m`.
fn short(duration: SignedDuration) -> String {
    let mut shown = duration::print(duration);
    for (end, zero) in [("m0s", "0s"), ("h0m", "0m")] {
        if shown.ends_with(end) {
            shown.truncate(shown.len() - zero.len());
        }
    }
    shown
}

/// `HOST:PORT` of a URL.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_lose_their_zero_parts() {
        for (seconds, shown) in [
            (3_600, "1h"),
            (1_800, "30m"),
            (5_400, "1h30m"),
            (90, "1m30s"),
            (36_000, "10h"),
            (3_605, "1h0m5s"),
        ] {
            assert_eq!(short(SignedDuration::from_secs(seconds)), shown);
        }
    }

    #[test]
    fn the_note_names_host_and_port() {
        assert_eq!(host("https://localhost:3080/web/invite/abc"), "localhost:3080");
        assert_eq!(
            host("https://<proxyhost>:3080/web/invite/abc"),
            "<proxyhost>:3080"
        );
    }
}
