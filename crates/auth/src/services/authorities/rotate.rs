//! `TrustService.RotateCertAuthority`: the keys of an authority are exchanged, step by step, by hand or by a schedule.
//!
//! A step is one commit with its record. Before a step by hand is answered, whatever in this process shows or believes
//! certificates has followed it ([`Keepers`]), so that nothing is signed that a port of ours would refuse.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use pki::AuthorityKind;
use pki::rotation::Phase;
use wire::pb::teleport::trust::v1 as trust;
use wire::pb::types::{Rotation, RotationSchedule};

use crate::audit::Actor;
use crate::audit::cluster::{AuthorityStep, authority_stepped};
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::moment;
use crate::state::authorities::public_key;
use crate::state::{Change, Refused, Tries};

/// How long a rotation by schedule takes if nobody says.
const GRACE_DEFAULT: SignedDuration = SignedDuration::from_hours(30);
/// The shortest and the longest that may be asked for.
const GRACE: (SignedDuration, SignedDuration) =
    (SignedDuration::from_secs(3), SignedDuration::from_hours(365 * 24));
/// Longest sleep of the schedule, so that a clock that was moved is noticed.
const LOOKED_AT: Duration = Duration::from_secs(10);

/// Whoever shows or believes certificates in this process, and has to follow when the authorities change.
pub trait Keeper: Send + Sync {
    /// Shows and believes from now on what the authorities say now.
    fn keep_up(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// Those who follow.
#[derive(Default)]
pub struct Keepers(Mutex<Vec<Arc<dyn Keeper>>>);

impl Keepers {
    /// One more who follows from now on.
    pub fn add(&self, keeper: Arc<dyn Keeper>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(keeper);
    }

    async fn keep_up(&self) {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for keeper in all {
            keeper.keep_up().await;
        }
    }
}

/// What is asked for.
struct Wish {
    kind: AuthorityKind,
    target: Phase,
    grace: SignedDuration,
    by_schedule: bool,
}

/// Handles the call.
pub async fn handle(
    auth: &Auth,
    call: &Call,
    asked: trust::RotateCertAuthorityRequest,
) -> Answer<trust::RotateCertAuthorityResponse> {
    call.allow("cert_authority", &["create", "update"])?;
    let wish = read(&asked)?;
    let mut tries = Tries::default();
    loop {
        match step(auth, call.now, call.actor(), &wish).await {
            Ok(()) => break,
            Err(refused) => tries.again(refused)?,
        }
    }
    auth.keepers.keep_up().await;
    Ok(trust::RotateCertAuthorityResponse {})
}

fn read(asked: &trust::RotateCertAuthorityRequest) -> Answer<Wish> {
    let kind = super::kind(&asked.r#type)?;
    if !kind.is_used() {
        return Err(Failure::bad_parameter(format!(
            "the {kind} authority has no keys here, so there is nothing to rotate"
        )));
    }
    let by_schedule = match asked.mode.as_str() {
        "auto" => true,
        "" | "manual" => false,
        other => return Err(Failure::bad_parameter(format!("unsupported mode: {other:?}"))),
    };
    let target = match asked.target_phase.as_str() {
        "" => Phase::Init,
        name => name
            .parse()
            .map_err(|error: pki::rotation::UnknownPhase| Failure::bad_parameter(error.to_string()))?,
    };
    if by_schedule && target != Phase::Init {
        return Err(Failure::bad_parameter(
            "a phase can be chosen in manual mode only; in automatic mode the schedule chooses",
        ));
    }
    let grace = asked.grace_period.as_ref().map_or(GRACE_DEFAULT, |grace| {
        SignedDuration::new(grace.seconds, grace.nanos)
    });
    if by_schedule && !(GRACE.0..=GRACE.1).contains(&grace) {
        return Err(Failure::bad_parameter(
            "the grace period must be between 3 seconds and a year: within it everybody has to get new certificates",
        ));
    }
    if asked
        .schedule
        .is_some_and(|schedule| schedule != trust::RotationSchedule::default())
    {
        return Err(Failure::not_implemented(
            "a schedule of one's own is not available yet; give a grace period, of which each phase gets a third",
        ));
    }
    Ok(Wish {
        kind,
        target,
        grace,
        by_schedule,
    })
}

/// Takes one step, in one commit.
async fn step(auth: &Auth, now: Timestamp, actor: &Actor, wish: &Wish) -> Result<(), Refused> {
    let kind = wish.kind;
    let failed = |failure: Failure| Refused::Failed(failure);
    let shown = auth.state.authority_read(kind, now).await.map_err(failed)?;
    let shown = shown.ok_or_else(|| failed(Failure::internal(format!("the {kind} authority is missing"))))?;
    let before = shown
        .value
        .spec
        .as_ref()
        .and_then(|spec| spec.rotation.clone())
        .unwrap_or_default();
    let at = phase_of(&before).map_err(failed)?;
    if !at.leads_to(wish.target) {
        return Err(failed(Failure::bad_parameter(refusal(kind, at, wish.target))));
    }
    let authority = auth.state.authority(kind, now).await.map_err(failed)?;
    let next = authority
        .stepped(at, wish.target, now, auth.chance.entropy())
        .map_err(|error| failed(Failure::internal(format!("the {kind} authority: {error}"))))?;
    let rotation = after(&before, wish, auth.chance.uuid(), now);
    let told = authority_stepped(
        actor,
        &AuthorityStep {
            kind: kind.as_str(),
            from: at.as_str(),
            to: wish.target.as_str(),
            mode: &rotation.mode,
            rotation: if rotation.current_id.is_empty() {
                &before.current_id
            } else {
                &rotation.current_id
            },
        },
    );
    let change = Change::new(now, &actor.user, told).require_same(&public_key(kind), Some(shown.revision));
    let change = auth
        .state
        .put_authority(change, &next, Some(&rotation))
        .map_err(failed)?;
    auth.state.commit(change).await?;
    tracing::info!(authority = %kind, from = %at, to = %wish.target, "the keys of an authority are being exchanged");
    Ok(())
}

fn refusal(kind: AuthorityKind, at: Phase, target: Phase) -> String {
    match (at, target) {
        (Phase::Standby, _) => {
            format!("no rotation of the {kind} authority is in progress; begin with the phase init")
        }
        (_, Phase::Init) => {
            format!("a rotation of the {kind} authority is in progress already, in the phase {at}")
        }
        _ => format!(
            "the rotation of the {kind} authority is in the phase {at}, from which {target} cannot be reached"
        ),
    }
}

fn phase_of(rotation: &Rotation) -> Answer<Phase> {
    match rotation.phase.as_str() {
        "" => Ok(Phase::Standby),
        name => name
            .parse()
            .map_err(|_| Failure::internal(format!("a rotation is in an unknown phase {name:?}"))),
    }
}

/// What is remembered of the rotation after the step.
fn after(before: &Rotation, wish: &Wish, id: String, now: Timestamp) -> Rotation {
    let at = |thirds: i32| {
        let span = wish.grace.checked_mul(thirds).unwrap_or(wish.grace) / 3;
        Some(moment::write(now.saturating_add(span).unwrap_or(Timestamp::MAX)))
    };
    match wish.target {
        Phase::Standby => Rotation {
            state: "standby".to_owned(),
            phase: "standby".to_owned(),
            last_rotated: Some(moment::write(now)),
            ..Rotation::default()
        },
        Phase::Init => Rotation {
            state: "in_progress".to_owned(),
            phase: "init".to_owned(),
            mode: if wish.by_schedule { "auto" } else { "manual" }.to_owned(),
            current_id: id,
            started: Some(moment::write(now)),
            grace_period: moment::nanos(wish.grace),
            last_rotated: before.last_rotated,
            schedule: wish.by_schedule.then(|| RotationSchedule {
                update_clients: at(1),
                update_servers: at(2),
                standby: at(3),
            }),
        },
        target => Rotation {
            phase: target.as_str().to_owned(),
            // A step by hand takes the rotation out of the schedule's hands.
            mode: if wish.by_schedule { "auto" } else { "manual" }.to_owned(),
            schedule: before.schedule.filter(|_| wish.by_schedule),
            ..before.clone()
        },
    }
}

/// Takes the steps that are due by their schedules, until the Auth Service is dropped.
pub async fn run(auth: Arc<Auth>) {
    let auth = Arc::downgrade(&auth);
    loop {
        {
            let Some(auth) = auth.upgrade() else { return };
            let now = auth.clock.now();
            if let Err(error) = advance(&auth, now).await {
                tracing::warn!(%error, "a rotation could not go on by its schedule; trying again");
            }
        }
        tokio::time::sleep(LOOKED_AT).await;
    }
}

/// Takes every step that is due by its schedule; says how many.
pub async fn advance(auth: &Auth, now: Timestamp) -> Answer<usize> {
    let mut steps = 0;
    for kind in AuthorityKind::ALL.into_iter().filter(|kind| kind.is_used()) {
        while let Some(target) = due(auth, kind, now).await? {
            let wish = Wish {
                kind,
                target,
                grace: GRACE_DEFAULT,
                by_schedule: true,
            };
            match step(auth, now, &Actor::system(), &wish).await {
                Ok(()) => steps += 1,
                // Somebody has taken a step by hand at the same moment.
                Err(Refused::Conflict(_)) => {}
                Err(Refused::Failed(failure)) => return Err(failure),
            }
            auth.keepers.keep_up().await;
        }
    }
    Ok(steps)
}

/// The phase that the schedule of an authority wants by now.
async fn due(auth: &Auth, kind: AuthorityKind, now: Timestamp) -> Answer<Option<Phase>> {
    let shown = auth.state.authority_shown(kind, now).await?;
    let rotation = shown.and_then(|shown| shown.spec?.rotation).unwrap_or_default();
    let Some(schedule) = rotation.schedule.as_ref().filter(|_| rotation.mode == "auto") else {
        return Ok(None);
    };
    let (target, at) = match phase_of(&rotation)? {
        Phase::Init => (Phase::UpdateClients, &schedule.update_clients),
        Phase::UpdateClients => (Phase::UpdateServers, &schedule.update_servers),
        Phase::UpdateServers => (Phase::Standby, &schedule.standby),
        Phase::Standby | Phase::Rollback => return Ok(None),
    };
    let is_due = moment::read_option(at.as_ref()).is_some_and(|at| at <= now);
    Ok(is_due.then_some(target))
}
