//! `tctl auth rotate`: exchanges the keys of an authority, step by step or by a schedule.

use cli::{Failure, duration};
use jiff::SignedDuration;
use pki::AuthorityKind;
use wire::pb::teleport::trust::v1::RotateCertAuthorityRequest;

use crate::connection::Connection;
use crate::output;

/// Exchanges the keys of an authority.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
By schedule, each of three phases gets a third of the grace period. By hand, with --manual --phase, one after the other:
  init            the new keys are made and trusted; the old ones sign
  update_clients  people and bots get certificates by the new keys
  update_servers  servers get certificates by the new keys
  standby         the old keys are gone, and with them every certificate that they signed
From each of them but the last, `rollback` and then `standby` take it all back.")]
pub struct Rotate {
    /// Which authority: host, user or openssh
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<Kind>,
    /// Time in which everybody has to get new certificates
    #[arg(long, value_name = "DURATION", default_value = "30h", value_parser = duration::parse)]
    grace_period: SignedDuration,
    /// Take one step by hand
    #[arg(long)]
    manual: bool,
    /// The step: init, update_clients, update_servers, standby or rollback
    #[arg(long, value_name = "PHASE")]
    phase: Option<String>,
}

/// A kind of authority, as typed.
#[derive(Debug, Clone, Copy)]
struct Kind(AuthorityKind);

impl std::str::FromStr for Kind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        name.parse().map(Self).map_err(|_| {
            let all: Vec<&str> = AuthorityKind::ALL.iter().map(|kind| kind.as_str()).collect();
            format!(
                "enum value must be one of {}, got '{}'",
                all.join(","),
                cli::text::visible(name)
            )
        })
    }
}

impl Rotate {
    /// Asks for it.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let Some(Kind(kind)) = self.kind else {
            return Err(Failure::new(
                "required flag --type not provided, not starting interactive mode because stdin does not appear to be a terminal",
            )
            .hint("name an authority: `--type=host`, `--type=user` or `--type=openssh`"));
        };
        let session = connection.session().await?;
        session.before_change().await?;
        let request = RotateCertAuthorityRequest {
            r#type: kind.as_str().to_owned(),
            grace_period: Some(prost_types::Duration {
                seconds: self.grace_period.as_secs(),
                nanos: self.grace_period.subsec_nanos(),
            }),
            target_phase: self.phase.clone().unwrap_or_default(),
            mode: if self.manual { "manual" } else { "auto" }.to_owned(),
            schedule: None,
        };
        let mut trust = session.cluster().trust();
        session.call(trust.rotate_cert_authority(request)).await?;
        match &self.phase {
            Some(phase) => output::line(&format!(
                "Updated rotation phase to {phase:?}. To check status use 'tctl status'"
            )),
            None => {
                output::line("Initiated certificate authority rotation. To check status use 'tctl status'")
            }
        }
    }
}
