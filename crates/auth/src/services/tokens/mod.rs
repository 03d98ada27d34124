//! Join tokens: reading, making, deleting. The name of a token is its secret.

pub mod create;
pub mod delete;
pub mod get;
pub mod list;
pub mod upsert;

use jiff::Timestamp;
use wire::keep::Kept;
use wire::pb::types;

use crate::audit::machines::{masked, token_created};
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::names;
use crate::state::Change;
use crate::state::resource::Resource as _;

/// The only join method there is so far.
pub const METHOD_TOKEN: &str = "token";
/// The role of machines that are no part of the cluster.
pub const BOT: &str = "Bot";

/// What a token can be for. Nobody joins as Auth Service or administrator.
const ROLES: &[&str] = &[
    "Proxy",
    "Node",
    "App",
    "Db",
    "Kube",
    "WindowsDesktop",
    "Discovery",
    "Okta",
    "MDM",
    "AccessGraphPlugin",
    "Instance",
    BOT,
];

/// A shorter secret is told to be one that can be guessed.
const SECRET_CHARS_MIN: usize = 16;

/// What clients are told of a token that is not there; the name stays secret.
fn no_such_token(name: &str) -> Failure {
    Failure::not_found(format!("\"token\" {:?} does not exist", masked(name)))
}

/// The roles of a token.
pub fn roles_of(token: &types::ProvisionTokenV2) -> &[String] {
    token.spec.as_ref().map_or(&[], |spec| &spec.roles)
}

/// The bot of a token; empty if it is for something else.
pub fn bot_of(token: &types::ProvisionTokenV2) -> &str {
    token.spec.as_ref().map_or("", |spec| &spec.bot_name)
}

/// A token as a client sent it, checked and put into the usual form.
fn accept(call: &Call, mut token: Kept<types::ProvisionTokenV2>) -> Answer<Kept<types::ProvisionTokenV2>> {
    names::check_user(token.name())?;
    if !matches!(token.kind.as_str(), "" | "token") {
        return Err(Failure::bad_parameter(format!(
            "resource is of kind {:?}, not \"token\"",
            token.kind
        )));
    }
    wire::resource::defaults::token(&mut token);
    token.status = None;
    let secret = token.name().to_owned();
    if token.expires().is_some_and(|ends| ends <= call.now) {
        return Err(Failure::bad_parameter("the token's end lies in the past"));
    }
    let spec = token.spec.get_or_insert_default();
    if spec.join_method != METHOD_TOKEN {
        return Err(Failure::not_implemented(format!(
            "the join method {:?} is not available yet; use \"token\"",
            spec.join_method
        )));
    }
    if spec.roles.is_empty() {
        return Err(Failure::bad_parameter("provisioning token is missing roles"));
    }
    for role in &mut spec.roles {
        let known = ROLES.iter().find(|known| known.eq_ignore_ascii_case(role));
        let known = known.ok_or_else(|| Failure::bad_parameter(format!("invalid role {role:?}")))?;
        (*known).clone_into(role);
    }
    let for_bot = spec.roles.iter().any(|role| role == BOT);
    match (for_bot, spec.bot_name.is_empty()) {
        (true, true) => Err(Failure::bad_parameter(
            "token with role \"Bot\" must set bot_name",
        )),
        (false, false) => Err(Failure::bad_parameter(
            "only a token with role \"Bot\" may set bot_name",
        )),
        _ if for_bot && spec.roles.len() > 1 => Err(Failure::bad_parameter(
            "a token with role \"Bot\" can have no other role",
        )),
        _ => Ok(()),
    }?;
    if secret.chars().count() < SECRET_CHARS_MIN {
        call.warn(format!(
            "the token is its own secret, and {:?} is short enough to be guessed; leave the name out to get a random one",
            masked(&secret)
        ));
    }
    Ok(token)
}

/// The change that makes or writes over a token, with its record.
fn making(auth: &Auth, call: &Call, token: &Kept<types::ProvisionTokenV2>) -> Answer<Change> {
    let ends: Option<Timestamp> = token.expires();
    let told = token_created(call.actor(), token.name(), ends, roles_of(token), METHOD_TOKEN);
    auth.state
        .put_token(Change::new(call.now, &call.actor().user, told), token)
}
