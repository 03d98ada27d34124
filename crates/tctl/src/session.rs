//! A connected cluster, and the frame of each call: a limit in time, warnings shown, refusals in the server's words.

use std::future::Future;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use access::ambient::Clock;
use cli::{Failure, style, text};
use client::{Cluster, Connect, Destination, IdentityHandle};
use tonic::metadata::MetadataMap;
use tonic::{Code, Response, Status};
use wire::metadata::warnings;
use wire::pb::proto::{
    self, AdminAction, CreateAuthenticateChallengeRequest, IsMfaRequiredRequest, MfaRequired, PingResponse,
    is_mfa_required_request,
};
use wire::pb::teleport::mfa::v1::{ChallengeExtensions, ChallengeScope};
use wire::pb::types;
use wire::status::{self, Class};

use crate::credentials::{Access, unreachable};

/// Longer no call takes.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);

/// Nobody waits longer for alerts than this.
const ALERTS_TIMEOUT: Duration = Duration::from_millis(500);

/// A connected cluster.
pub struct Session {
    cluster: Cluster,
    ping: PingResponse,
    address: String,
    /// Warnings that wait until the end of the command, if they do.
    held: Mutex<Option<Vec<String>>>,
}

/// Why a call did not succeed, in the words of the cluster.
#[derive(Debug)]
pub struct Refusal {
    /// What kind of reason it is.
    pub class: Class,
    /// The reason.
    pub message: String,
    hint: Option<String>,
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let failure = Self::new(refusal.message);
        match refusal.hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl Session {
    /// Connects.
    pub async fn open(access: Access, insecure: bool, clock: &Arc<dyn Clock>) -> Result<Self, Failure> {
        let address = access
            .addresses
            .first()
            .map(ToString::to_string)
            .unwrap_or_default();
        let connect = Connect {
            identity: IdentityHandle::new(access.identity),
            destination: Destination::Addresses(access.addresses),
            insecure,
            clock: Arc::clone(clock),
            program: "tctl",
        };
        let (cluster, ping) = Cluster::connect(connect).await.map_err(|error| {
            for attempt in error.attempts() {
                tracing::debug!(address = %attempt.address, tried = %attempt.road, "{}", attempt.outcome);
            }
            unreachable(&error)
        })?;
        Ok(Self {
            cluster,
            ping,
            address,
            held: Mutex::default(),
        })
    }

    /// Whom to call.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The address that was dialled, `HOST:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What the cluster says about itself.
    pub fn ping(&self) -> &PingResponse {
        &self.ping
    }

    /// Waits for the answer of a call, and shows the warnings that come with it.
    pub async fn call<T>(
        &self,
        answer: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, Refusal> {
        let Ok(answer) = tokio::time::timeout(CALL_TIMEOUT, answer).await else {
            return Err(Refusal {
                class: Class::DeadlineExceeded,
                message: format!("the cluster did not answer within {} s", CALL_TIMEOUT.as_secs()),
                hint: Some("look at what is there before you try again: it may have been done".to_owned()),
            });
        };
        match answer {
            Ok(response) => {
                self.warn(response.metadata());
                Ok(response.into_inner())
            }
            Err(status) => {
                self.warn(status.metadata());
                Err(self.refusal(&status))
            }
        }
    }

    /// Shows warnings, or keeps them for [`Session::show_held`].
    fn warn(&self, metadata: &MetadataMap) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        for warning in warnings(metadata) {
            match held.as_mut() {
                Some(held) => held.push(warning),
                None => cli::failure::warn(&warning),
            }
        }
    }

    /// Keeps warnings from now on, for a command of several steps of which a later one may settle them.
    pub fn hold_warnings(&self) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(Vec::new());
    }

    /// Shows the warnings that were kept and are not settled.
    pub fn show_held(&self, settled: impl Fn(&str) -> bool) {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner).take();
        for warning in held.unwrap_or_default() {
            if !settled(&warning) {
                cli::failure::warn(&warning);
            }
        }
    }

    /// As [`Session::call`]; what is not there is `None`.
    pub async fn find<T>(
        &self,
        answer: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<Option<T>, Refusal> {
        match self.call(answer).await {
            Ok(found) => Ok(Some(found)),
            Err(refusal) if refusal.class == Class::NotFound => Ok(None),
            Err(refusal) => Err(refusal),
        }
    }

    /// What a page of a list that could not be read ends with.
    pub fn refusal(&self, status: &Status) -> Refusal {
        // A status with a cause was made on this side: the connection failed below the call.
        if std::error::Error::source(status).is_some() {
            let error = self.cluster.explain(status);
            return Refusal {
                class: Class::ConnectionProblem,
                message: error.to_string(),
                hint: error.hint(),
            };
        }
        if status.code() == Code::Unimplemented && status.message().is_empty() {
            return Refusal {
                class: Class::NotImplemented,
                message: "this cluster does not offer that yet".to_owned(),
                hint: None,
            };
        }
        let failure = status::Failure::from(status);
        Refusal {
            class: failure.class(),
            message: failure.message().to_owned(),
            hint: None,
        }
    }

    /// Asks whether this change needs a further proof of who is at the keyboard, as the cluster's rules may say.
    ///
    /// The parts of the system, the local administrator among them, are no users: they are told that there is
    /// nothing to ask them for.
    pub async fn before_change(&self) -> Result<(), Failure> {
        let request = CreateAuthenticateChallengeRequest {
            mfa_required_check: Some(IsMfaRequiredRequest {
                target: Some(is_mfa_required_request::Target::AdminAction(AdminAction {})),
            }),
            challenge_extensions: Some(ChallengeExtensions {
                scope: ChallengeScope::AdminAction.into(),
                ..ChallengeExtensions::default()
            }),
            request: Some(
                proto::create_authenticate_challenge_request::Request::ContextUser(proto::ContextUser {}),
            ),
            ..CreateAuthenticateChallengeRequest::default()
        };
        let mut auth = self.cluster.auth();
        match self.call(auth.create_authenticate_challenge(request)).await {
            Ok(challenge) if challenge.mfa_required() == MfaRequired::Yes => Err(Failure::new(
                "this cluster asks administrators for a security key, which tctl cannot do yet",
            )
            .hint("make the change on the machine of the Auth Service, as its local administrator")),
            Ok(_) => Ok(()),
            Err(refusal) if refusal.class == Class::BadParameter => Ok(()),
            Err(refusal) => Err(refusal.into()),
        }
    }

    /// Shows what the cluster wants its administrators to know. That it cannot be had is no failure of the command.
    pub async fn show_alerts(&self) {
        let request = types::GetClusterAlertsRequest {
            severity: types::AlertSeverity::High.into(),
            ..types::GetClusterAlertsRequest::default()
        };
        let mut auth = self.cluster.auth();
        let asked = auth.get_cluster_alerts(request);
        let Ok(Ok(answer)) = tokio::time::timeout(ALERTS_TIMEOUT, asked).await else {
            return;
        };
        let mut stderr = io::stderr().lock();
        let coloured = style::wanted(stderr.is_terminal());
        for alert in answer.into_inner().alerts {
            let message = text::visible_lines(&alert.spec.unwrap_or_default().message);
            // Nobody is left to be told when standard error is gone.
            let _ = writeln!(stderr, "{}\n", style::red(&message, coloured));
        }
    }
}
