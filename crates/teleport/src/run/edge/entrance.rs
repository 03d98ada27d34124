//! The way into a cluster with a token: the cluster is recognised first, the token is shown after that, and to nobody else.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use access::ambient::{Clock, Entropy};
use cli::Failure;
use client::backoff::Backoff;
use client::files;
use client::join::{Belief, Door, Entrance, JoinError};
use pki::Pin;
use wire::pb::proto::Certs;
use wire::pb::types::RegisterUsingTokenRequest;

use crate::config::JoinConfig;
use crate::failures;

/// From how short to how long a wait between attempts grows.
const WAITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Joins with the token that is told; `request` lacks nothing but that. Waits as long as nobody answers.
///
/// # Errors
/// There is no token, it is refused, or the cluster is not the one that was meant.
pub async fn join(
    told: &JoinConfig,
    request: RegisterUsingTokenRequest,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy>,
) -> Result<Certs, Failure> {
    let Some(token) = &told.token else {
        return Err(
            Failure::new("this host is no part of the cluster yet, and no token was given")
                .hint("`tctl tokens add --type=proxy` on the Auth Service makes one; give it with `--token`"),
        );
    };
    let request = RegisterUsingTokenRequest {
        token: text_or_file("the token", token.expose())?,
        ..request
    };
    let belief = belief(told)?;
    let mut backoff = Backoff::new(Arc::clone(entropy), WAITS.0, WAITS.1);
    loop {
        let mut passing = None;
        for address in &told.auth_servers {
            let door = Door::Auth(address.clone());
            let entrance = Entrance::new(door, belief.clone(), told.insecure, Arc::clone(clock));
            match entrance.join(request.clone()).await {
                Ok(certificates) => return Ok(certificates),
                Err(error) if error.is_passing() => passing = Some(error),
                Err(error) => return Err(refused(&error)),
            }
        }
        if let Some(error) = passing {
            tracing::warn!(%error, "The cluster could not be joined yet; trying again.");
        }
        backoff.wait().await;
    }
}

fn refused(error: &JoinError) -> Failure {
    let failure = Failure::new(format!("joining the cluster: {error}"));
    match error {
        JoinError::Refused(_) => {
            failure.hint("`tctl tokens add --type=proxy` makes a token that is good for half an hour")
        }
        _ => match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        },
    }
}

fn belief(told: &JoinConfig) -> Result<Belief, Failure> {
    let mut pins = Vec::new();
    for said in &told.pins {
        for pin in text_or_file("the pin", said)?.split_whitespace() {
            let pin: Pin = pin
                .parse()
                .map_err(|error| Failure::new(format!("--ca-pin: {error}")))?;
            pins.push(pin);
        }
    }
    if !pins.is_empty() {
        return Ok(Belief::Pins(pins));
    }
    if told.insecure {
        tracing::warn!(
            "The Auth Service is not verified, as told by `--insecure`: whoever answers gets the token."
        );
        return Ok(Belief::Anyone);
    }
    Ok(Belief::Web)
}

/// What was said, or what a file of that absolute path holds.
fn text_or_file(what: &str, said: &str) -> Result<String, Failure> {
    if !said.starts_with('/') {
        return Ok(said.to_owned());
    }
    let text = files::read_text(Path::new(said)).map_err(|error| failures::file(&error))?;
    text.map(|text| text.trim().to_owned())
        .ok_or_else(|| Failure::new(format!("there is no file `{said}` with {what}")))
}
