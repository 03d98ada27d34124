//! Asking for access: the request is made, waited for, and used.
//!
//! The status is printed after the new certificate is there, so that it shows the new roles.

use access::request::State;
use cli::{Failure, text};
use client::Cluster;
use jiff::Timestamp;
use wire::convert;
use wire::keep::Kept;
use wire::pb::types::{AccessRequestSpecV3, AccessRequestV3, Metadata, ResourceId};

use super::lookup::{self, Message, id, spec, state};
use super::wait::{self, Outcome};
use super::{block, standing};
use crate::commands::{alerts, status};
use crate::out;
use crate::refusal;
use crate::session::Session;
use crate::world::World;

/// What to ask for.
#[derive(Default)]
pub struct Asking {
    /// The roles; `*` alone for everything that may be asked for.
    pub roles: Vec<String>,
    /// The resources.
    pub resources: Vec<ResourceId>,
    /// Why.
    pub reason: String,
    /// Who should review it.
    pub reviewers: Vec<String>,
    /// Whether to leave it at asking.
    pub nowait: bool,
    /// Until when it may stay pending.
    pub pending_end: Option<Timestamp>,
    /// Until when a session may last.
    pub session_end: Option<Timestamp>,
    /// Until when the access should last.
    pub access_end: Option<Timestamp>,
    /// When the access should begin.
    pub start: Option<Timestamp>,
}

/// Names without blanks around them, and without the empty ones that stray commas make.
pub fn named(texts: &[String]) -> Vec<String> {
    let trimmed = texts.iter().map(|text| text.trim());
    trimmed
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
        .collect()
}

/// How asking ended, if it did not fail.
pub enum Ended {
    /// All is done and said.
    Done,
    /// The person has stopped waiting; it has been said how to go on.
    Interrupted,
}

/// The exit of a command whose asking has ended so.
pub fn code(ended: Ended) -> Result<(), Failure> {
    match ended {
        Ended::Done => Ok(()),
        // As a shell says it of a program that was interrupted.
        Ended::Interrupted => Err(Failure::told().code(130)),
    }
}

/// Makes a request, and waits for it unless told not to.
pub async fn create(
    world: &World,
    session: Session,
    cluster: &Cluster,
    asking: Asking,
) -> Result<Ended, Failure> {
    out::data("Creating request...\n")?;
    let nowait = asking.nowait;
    let message = message(world, &session, asking);
    let answer = cluster
        .auth()
        .create_access_request_v2(message)
        .await
        .map_err(|status| refusal::of_call(cluster, &status))?;
    for warning in wire::metadata::warnings(answer.metadata()) {
        out::talk(&format!("warning: {warning}"));
    }
    let request = answer.into_inner();
    out::data(&format!("{}\n", block::print(&request)))?;
    if nowait {
        status::show(world, &session)?;
        return Ok(Ended::Done);
    }
    go_on(world, session, cluster, request).await
}

/// Uses a request that there is, waiting for it if it is pending, unless told not to.
pub async fn resume(
    world: &World,
    session: Session,
    cluster: &Cluster,
    wanted: &str,
    nowait: bool,
) -> Result<Ended, Failure> {
    let found = lookup::find(cluster, wanted).await?;
    // What others ask for is theirs to use; whether it exists is not told.
    let Some(request) = found.filter(|request| spec(request).user == session.profile.user) else {
        return Err(
            Failure::new(format!("invalid access request {}", text::quoted(wanted)))
                .hint("`tsh request ls --my-requests` lists your own; one that has expired is gone"),
        );
    };
    if state(&request) == Some(State::Pending) {
        out::data(&format!("Request pending...\n{}\n", block::print(&request)))?;
        if nowait {
            status::show(world, &session)?;
            return Ok(Ended::Done);
        }
    }
    go_on(world, session, cluster, request).await
}

/// From the state that a request is in to the end.
async fn go_on(
    world: &World,
    session: Session,
    cluster: &Cluster,
    request: Message,
) -> Result<Ended, Failure> {
    let request = match state(&request) {
        Some(State::Approved) => request,
        Some(State::Pending) => {
            out::data("Waiting for request approval...\n")?;
            match wait::wait(world, cluster, &request).await? {
                Outcome::Approved(request) => *request,
                Outcome::Interrupted => {
                    stays_pending(id(&request));
                    return Ok(Ended::Interrupted);
                }
            }
        }
        Some(other) => return Err(wait::against(id(&request), other, &spec(&request).resolve_reason)),
        None => {
            return Err(Failure::new(format!(
                "request {} is in a state that this program does not know",
                id(&request)
            )));
        }
    };
    assume(world, session, cluster, &request).await?;
    Ok(Ended::Done)
}

fn stays_pending(id: &str) {
    out::talk(&format!(
        "Stopped waiting. Request {id} stays pending.\n\
         hint: `tsh login --request-id={id}` goes on waiting, and uses it once it is approved\n\
         hint: `tsh request withdraw {id}` takes it back"
    ));
}

/// Exchanges the certificate for one with the request's roles, then prints the status.
async fn assume(
    world: &World,
    session: Session,
    cluster: &Cluster,
    request: &AccessRequestV3,
) -> Result<(), Failure> {
    let spec = spec(request);
    let id = id(request).to_owned();
    if let Some(start) = convert::moment(spec.assume_start_time.as_ref())
        && start > world.clock.now()
    {
        return Err(Failure::new(format!(
            "request {id} is approved, and cannot be used before {start}"
        ))
        .hint(format!("use it then with `tsh login --request-id={id}`")));
    }
    if session.is_file() {
        out::talk(&format!(
            "\nApproval received.\nhint: credentials in a file are not changed; after `tsh login`, use the request with \
             `tsh login --request-id={id}`"
        ));
        return Ok(());
    }
    let reason = spec.resolve_reason.trim();
    if reason.is_empty() {
        out::talk("\nApproval received, getting updated certificates...\n");
    } else {
        out::talk(&format!(
            "\nApproval received, reason={}\nGetting updated certificates...\n",
            text::quoted(reason)
        ));
    }
    let session = session
        .reissue(world, cluster, std::slice::from_ref(&id), &[])
        .await?;
    status::show(world, &session)?;
    alerts::show(cluster).await;
    Ok(())
}

/// The request as it is sent.
fn message(world: &World, session: &Session, asking: Asking) -> Message {
    let mut bytes = [0; 16];
    world.entropy.fill(&mut bytes);
    // Servers want a well-formed id, and give the request one of their own.
    let id = uuid::Builder::from_random_bytes(bytes).into_uuid().to_string();
    Kept::from(AccessRequestV3 {
        kind: "access_request".to_owned(),
        version: "v3".to_owned(),
        metadata: Some(Metadata {
            name: id,
            namespace: "default".to_owned(),
            ..Metadata::default()
        }),
        spec: Some(AccessRequestSpecV3 {
            user: session.profile.user.clone(),
            roles: asking.roles,
            state: convert::state_number(State::Pending),
            requested_resource_i_ds: asking.resources,
            request_reason: asking.reason,
            suggested_reviewers: asking.reviewers,
            resource_expiry: convert::timestamp_option(asking.pending_end),
            expires: convert::timestamp_option(asking.session_end),
            max_duration: convert::timestamp_option(asking.access_end),
            assume_start_time: convert::timestamp_option(asking.start),
            ..AccessRequestSpecV3::default()
        }),
        ..AccessRequestV3::default()
    })
}

/// Where a request stands now, as a line of talk; nothing where the server cannot say.
pub async fn say_standing(cluster: &Cluster, id: &str) {
    if let Ok(Some(evidence)) = lookup::explain(cluster, id).await {
        out::talk(&standing::line(&evidence));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stray_commas_name_nobody() {
        let texts = ["a", "", " b "].map(str::to_owned);
        assert_eq!(named(&texts), ["a", "b"]);
    }
}
