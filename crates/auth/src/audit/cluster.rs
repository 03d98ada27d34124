//! The cluster itself: its settings, its authorities, calls that were refused.

use super::{Actor, Event};

/// The cluster was made. The original writes nothing here.
pub fn cluster_created(actor: &Actor, name: &str, id: &str) -> Event {
    Event::new("cluster.create", "CSC001I")
        .resource(name, None)
        .with("cluster_id", id)
        .actor(actor)
}

/// An authority got its first keys. The original writes nothing here.
pub fn authority_created(actor: &Actor, kind: &str) -> Event {
    Event::new("cert_authority.create", "CSC002I")
        .resource(kind, None)
        .actor(actor)
}

/// One step of the exchange of an authority's keys.
#[derive(Debug, Clone, Copy)]
pub struct AuthorityStep<'a> {
    /// Which authority.
    pub kind: &'a str,
    /// The phase before.
    pub from: &'a str,
    /// The phase now.
    pub to: &'a str,
    /// By hand or by schedule.
    pub mode: &'a str,
    /// The id of the whole exchange.
    pub rotation: &'a str,
}

/// The exchange of an authority's keys took a step. The original writes nothing here.
pub fn authority_stepped(actor: &Actor, step: &AuthorityStep<'_>) -> Event {
    Event::new("cert_authority.rotate", "CSC004I")
        .resource(step.kind, None)
        .with("from_phase", step.from)
        .with("phase", step.to)
        .text("mode", step.mode)
        .text("rotation_id", step.rotation)
        .actor(actor)
        .remote(actor)
}

fn setting(event: Event, actor: &Actor) -> Event {
    event.with("success", true).actor(actor).remote(actor)
}

/// How people sign in was changed.
pub fn auth_preference_updated(actor: &Actor) -> Event {
    setting(Event::new("auth_preference.update", "TCAUTH001I"), actor).with("admin_actions_mfa_changed", 1)
}

/// How the cluster is reached was changed.
pub fn networking_updated(actor: &Actor) -> Event {
    setting(Event::new("cluster_networking_config.update", "TCNET002I"), actor)
}

/// How sessions are recorded was changed.
pub fn recording_updated(actor: &Actor) -> Event {
    setting(Event::new("session_recording_config.update", "TCREC003I"), actor)
}

/// Something other than what Teleport knows was changed: an alert, a token's use, our own settings.
pub fn changed(actor: &Actor, kind: &str, name: &str, verb: &str) -> Event {
    Event::new("state.change", "CSC003I")
        .resource(name, None)
        .with("kind", kind)
        .with("verb", verb)
        .actor(actor)
        .remote(actor)
}

/// Somebody known asked for what they may not do. The original writes nothing here.
pub fn refused(actor: &Actor, method: &str, error: &str) -> Event {
    Event::new("call.refused", "CSR001W")
        .actor(actor)
        .with("method", method)
        .with("success", false)
        .with("error", error)
        .text("user_agent", &actor.user_agent)
        .remote(actor)
}
