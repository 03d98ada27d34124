//! A renewal whose answer got lost on its way back: the cluster has counted one up, the machine has not.
//!
//! The machine may ask the same again, for a while, with the certificate before. "The same" is the public key that the
//! lost certificate was for: a thief who holds a copy of the old certificate and asks for that key gets something that
//! only the machine can use, and whoever asks for any other key shows that there are two. So nothing is given away, and
//! a copy is noticed as before.

use jiff::{SignedDuration, Timestamp};
use wire::pb::teleport::machineid::v1::BotInstance;

use super::Wanted;
use crate::moment;
use crate::services::bots::instances::generation_of;

/// How long after a renewal it may be asked for again.
const PATIENCE: SignedDuration = SignedDuration::from_hours(1);

/// Whether somebody whose certificate counts `presented` asks again for the last certificate of `instance`.
pub fn is_asked_again(instance: &BotInstance, presented: u64, keys: &Wanted, now: Timestamp) -> bool {
    let last = instance
        .status
        .as_ref()
        .and_then(|status| status.latest_authentications.last());
    let Some(last) = last else { return false };
    let lately = moment::read_option(last.authenticated_at.as_ref())
        .is_some_and(|at| (SignedDuration::ZERO..PATIENCE).contains(&now.duration_since(at)));
    // All of them: a second key of somebody else's would make a certificate that serves that somebody.
    let mut wanted = keys.ssh.iter().chain(&keys.tls).peekable();
    let same_keys =
        wanted.peek().is_some() && wanted.all(|key| key.to_ssh_line().as_bytes() == last.public_key);
    presented.checked_add(1) == Some(generation_of(instance)) && lately && same_keys
}
