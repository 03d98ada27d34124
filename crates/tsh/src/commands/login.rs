//! `tsh login`: signs in, or uses an approved request in the session there is.
//!
//! A session that is still good is not asked for a password again: what is wanted decides ([`plan`]).

mod plan;
mod sign_in;

use cli::{Failure, duration};
use client::Cluster;
use client::identity::{Identity, IdentityParts, Origin};
use client::profile::{Profile, ProfileKeys};
use jiff::SignedDuration;
use pki::{Algorithm, KeyPair};
use wire::pb::types::AccessCapabilitiesRequest;

use super::credentials::Target;
use super::request::flow::{self, Asking, Ended};
use super::{alerts, status};
use crate::args::Login;
use crate::out;
use crate::refusal;
use crate::session::Session;
use crate::world::World;
use plan::{Known, Plan, Wanted};
use sign_in::{Proven, PublicKeys};

/// Runs the command.
pub async fn run(world: &World, asked: &Login) -> Result<(), Failure> {
    check(world, asked)?;
    let session = match Session::find(world) {
        // What is broken on disk is what a new sign-in mends.
        Err(_) if world.proxy().is_some() => None,
        found => found?,
    };
    let wanted = Wanted {
        user: world.user(),
        lifetime: lifetime(world),
        file: asked.out.is_some(),
        request: asks(asked),
    };
    let now = world.clock.now();
    let plan = session.as_ref().map_or(Plan::SignIn, |session| {
        plan::choose(&Known::of(session), &wanted, now)
    });
    match (plan, session) {
        (Plan::ShowStatus, Some(session)) => {
            check_cluster(asked, &session.profile.cluster)?;
            status::show(world, &session)
        }
        (Plan::Ask, Some(session)) => {
            check_cluster(asked, &session.profile.cluster)?;
            let cluster = session.connect(world).await?;
            flow::code(ask(world, asked, session, &cluster).await?)
        }
        (_, session) => sign_in(world, asked, session.map(|session| session.profile)).await,
    }
}

/// What can be refused before anything is done.
fn check(world: &World, asked: &Login) -> Result<(), Failure> {
    if world.identity().is_some() {
        return Err(Failure::new("-i flag cannot be used with `tsh login`")
            .hint("the credentials in a file are used as they are; leave `-i` out to sign in"));
    }
    if asked.request_id.is_some() && !asked.request_roles.is_empty() {
        return Err(
            Failure::new("--request-id and --request-roles cannot be used together")
                .hint("a request says itself which roles it asks for"),
        );
    }
    if asked.out.is_some() && asks(asked) {
        return Err(
            Failure::new("--out cannot be used together with an access request")
                .hint("sign in without `--out` first, then ask"),
        );
    }
    if let Some(connector) = world.connector().filter(|name| *name != "local") {
        return Err(Failure::new(format!(
            "signing in through `{connector}` is not available yet; valid options: local"
        ))
        .hint("leave `--auth` out to sign in with password and code"));
    }
    Ok(())
}

fn check_cluster(asked: &Login, cluster: &str) -> Result<(), Failure> {
    match asked.cluster.as_deref().filter(|name| !name.is_empty()) {
        Some(name) if name != cluster => Err(Failure::new(format!("cluster `{name}` is not found"))
            .hint(format!("the proxy serves the cluster `{cluster}`"))),
        _ => Ok(()),
    }
}

fn asks(asked: &Login) -> bool {
    asked.request_id.is_some() || !asked.request_roles.is_empty()
}

fn lifetime(world: &World) -> Option<SignedDuration> {
    world
        .ttl()
        .map(|minutes| SignedDuration::from_mins(i64::from(minutes)))
}

/// Uses the request that was named, or makes the one that was described.
async fn ask(world: &World, asked: &Login, session: Session, cluster: &Cluster) -> Result<Ended, Failure> {
    match &asked.request_id {
        Some(id) => flow::resume(world, session, cluster, id, asked.request_nowait).await,
        None => {
            let asking = Asking {
                roles: flow::named(&asked.request_roles),
                reason: asked.request_reason.clone().unwrap_or_default(),
                reviewers: flow::named(&asked.request_reviewers),
                nowait: asked.request_nowait,
                ..Asking::default()
            };
            flow::create(world, session, cluster, asking).await
        }
    }
}

/// Signs in with password and code.
async fn sign_in(world: &World, asked: &Login, before: Option<Profile>) -> Result<(), Failure> {
    let before = match before {
        Some(profile) => Some(profile),
        None => known_profile(world)?,
    };
    if let Some(path) = &asked.out {
        let target = Target::new(path, asked.format, asked.overwrite)?;
        let key = target.key(world)?;
        let keys = PublicKeys::of(&key, &key)?;
        let proven = sign_in::prove(world, before.as_ref(), lifetime(world), &keys).await?;
        check_cluster(asked, &proven.ping.cluster_name)?;
        return target.write(proven.client.address().host(), &key, &proven.answer);
    }
    let no_key = |error: pki::KeyError| Failure::new(format!("no key could be made: {error}"));
    let ssh = KeyPair::generate(Algorithm::Ed25519, &*world.entropy).map_err(no_key)?;
    let tls = KeyPair::generate(Algorithm::P256, &*world.entropy).map_err(no_key)?;
    let keys = PublicKeys::of(&ssh, &tls)?;
    let proven = sign_in::prove(world, before.as_ref(), lifetime(world), &keys).await?;
    check_cluster(asked, &proven.ping.cluster_name)?;
    let session = save(world, &proven, &ssh, &tls, &keys)?;
    say_if_shorter(world, &session);
    after(world, asked, session).await
}

/// The profile that names the proxy when no flag does, whether its user is still logged in or not.
fn known_profile(world: &World) -> Result<Option<Profile>, Failure> {
    let directory = World::profiles()?;
    Ok(match world.proxy_host()? {
        Some(host) => directory.load(&host).unwrap_or_default(),
        None => directory.current().map_err(refusal::of_profile)?,
    })
}

/// Looks whether what came is what was asked for, then writes the profile.
fn save(
    world: &World,
    proven: &Proven,
    ssh: &KeyPair,
    tls: &KeyPair,
    public: &PublicKeys,
) -> Result<Session, Failure> {
    let unusable = |error: pki::KeyError| Failure::new(format!("the new key cannot be written: {error}"));
    let profile = proven.profile();
    let keys = ProfileKeys::of_login(
        &profile,
        ssh.to_openssh_pem().map_err(unusable)?,
        &public.ssh,
        tls.to_pem().map_err(unusable)?,
        &proven.answer,
    );
    let origin = Origin::Profile(profile.name().to_owned());
    let identity = Identity::new(&IdentityParts::from(&keys), origin).map_err(refusal::of_identity)?;
    identity
        .check_time(world.clock.now())
        .map_err(refusal::of_identity)?;
    if identity.user() != proven.user || identity.cluster() != profile.cluster {
        return Err(Failure::new(format!(
            "the proxy sent a certificate for `{}` in `{}`, which nobody asked for",
            identity.user(),
            identity.cluster()
        ))
        .hint("nothing was written; ask whoever runs the proxy"));
    }
    let directory = World::profiles()?;
    directory.save(&profile, &keys).map_err(refusal::of_profile)?;
    Session::of_profile(&directory, profile.name())?
        .ok_or_else(|| Failure::new("the profile that was just written cannot be read again"))
}

/// A certificate that ends earlier than `--ttl` asked for is no error, and no secret.
fn say_if_shorter(world: &World, session: &Session) {
    let Some(wanted) = lifetime(world) else { return };
    let given = session.identity.not_after().duration_since(world.clock.now());
    if given + SignedDuration::from_mins(1) < wanted {
        out::talk(&format!(
            "The certificate is valid for {}, not for {}: that is the most your roles allow.",
            duration::print_minutes(given),
            duration::print_minutes(wanted),
        ));
    }
}

/// What follows a sign-in: the request that was asked for, or that the roles demand; then the status.
async fn after(world: &World, asked: &Login, session: Session) -> Result<(), Failure> {
    let cluster = match session.connect(world).await {
        Ok(cluster) => cluster,
        Err(failure) if asks(asked) => return Err(signed_out(&session, failure)),
        Err(failure) => {
            out::talk(&format!(
                "Signed in, but the cluster does not answer: {}",
                failure.message()
            ));
            return status::show(world, &session);
        }
    };
    let name = session.profile.name().to_owned();
    let ended = if asks(asked) {
        ask(world, asked, session, &cluster).await
    } else {
        match demanded(asked, &cluster).await {
            Ok(Some(asking)) => flow::create(world, session, &cluster, asking).await,
            Ok(None) => {
                status::show(world, &session)?;
                alerts::show(&cluster).await;
                return Ok(());
            }
            Err(failure) => Err(failure),
        }
    };
    match ended {
        Ok(ended) => flow::code(ended),
        // Whoever signed in for a request that came to nothing is not left signed in.
        Err(failure) => match Session::of_profile(&World::profiles()?, &name) {
            Ok(Some(session)) => Err(signed_out(&session, failure)),
            _ => Err(failure),
        },
    }
}

fn signed_out(session: &Session, failure: Failure) -> Failure {
    if let Ok(directory) = World::profiles() {
        // The failure that led here is the one to tell.
        let _ = directory.remove(&session.profile);
    }
    failure
}

/// The request that the user's roles demand at every sign-in, if they do.
async fn demanded(asked: &Login, cluster: &Cluster) -> Result<Option<Asking>, Failure> {
    let question = AccessCapabilitiesRequest::default();
    // A server that does not know the call demands nothing.
    let Ok(answer) = cluster.auth().get_access_capabilities(question).await else {
        return Ok(None);
    };
    let capabilities = answer.into_inner();
    if !capabilities.auto_request {
        return Ok(None);
    }
    let reason = asked.request_reason.clone().unwrap_or_default();
    if capabilities.require_reason && reason.trim().is_empty() {
        let prompt = match capabilities.request_prompt.as_str() {
            "" => String::new(),
            prompt => format!(", prompt={prompt}"),
        };
        return Err(
            Failure::new(format!("--request-reason must be specified{prompt}"))
                .hint("your roles ask for access at every sign-in, and want to know why"),
        );
    }
    Ok(Some(Asking {
        roles: vec!["*".to_owned()],
        reason,
        reviewers: flow::named(&asked.request_reviewers),
        nowait: asked.request_nowait,
        ..Asking::default()
    }))
}
