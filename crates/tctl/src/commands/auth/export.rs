//! `tctl auth export`: authorities in the form that other programs trust.

use cli::Failure;
use pki::AuthorityKind;
use wire::authority_export::{ExportError, ExportKind, Half, export};

use crate::connection::Connection;
use crate::kinds::read::authorities_of;
use crate::output;
use crate::session::Session;

/// Shows authorities in the form that other programs trust.
#[derive(Debug, clap::Args)]
pub struct Export {
    /// Which: user, host, tls-host, tls-user, … [default: host and user]
    #[arg(long = "type", value_name = "TYPE", value_parser = parse)]
    kind: Option<ExportKind>,
    /// Only the key with this fingerprint
    #[arg(long, value_name = "SHA256")]
    fingerprint: Option<String>,
    /// The private keys in place of the public ones
    #[arg(long)]
    keys: bool,
}

fn parse(name: &str) -> Result<ExportKind, ExportError> {
    name.parse()
}

impl Export {
    /// Prints them.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let session = connection.session().await?;
        if self.keys {
            session.before_change().await?;
        }
        let kinds = match self.kind {
            Some(kind) => vec![kind],
            None => vec![ExportKind::Host, ExportKind::User],
        };
        let mut exported = Vec::new();
        for kind in &kinds {
            exported.extend(self.of(session, *kind).await?);
        }
        if !kinds.iter().any(|kind| kind.is_binary()) {
            // The original ends texts with an empty line.
            exported.push(b'\n');
        }
        output::print_bytes(&exported)
    }

    async fn of(&self, session: &Session, kind: ExportKind) -> Result<Vec<u8>, Failure> {
        let unknown = |name: &str| Failure::new(format!("this cluster has no `{name}` authority"));
        let authority: AuthorityKind = kind.authority().parse().map_err(|_| unknown(kind.authority()))?;
        let half = if self.keys { Half::Private } else { Half::Public };
        let authorities = authorities_of(session, authority, self.keys).await?;
        export(kind, &authorities, half, self.fingerprint.as_deref()).map_err(|error| {
            Failure::new(error.to_string()).hint("`tctl status` lists the authorities and their keys")
        })
    }
}
