//! `tctl users reset`: a fresh start for somebody who has lost password or authenticator.

use cli::{Failure, duration};
use jiff::SignedDuration;
use wire::pb::proto::CreateResetPasswordTokenRequest;

use super::{Format, link};
use crate::connection::Connection;

/// Takes password and authenticators away and makes a link for new ones.
#[derive(Debug, clap::Args)]
pub struct Reset {
    /// The user's name
    #[arg(value_name = "ACCOUNT")]
    account: String,
    /// How long the link is valid, 24h at most
    #[arg(long, value_name = "DURATION", default_value = "8h", value_parser = duration::parse)]
    ttl: SignedDuration,
    /// text or json
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    format: Format,
}

impl Reset {
    /// Resets the user and prints the link.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        link::check_ttl(self.ttl)?;
        let session = connection.session().await?;
        session.before_change().await?;
        let request = CreateResetPasswordTokenRequest {
            name: self.account,
            r#type: "password".to_owned(),
            ttl: i64::try_from(self.ttl.as_nanos()).unwrap_or(i64::MAX),
        };
        let mut auth = session.cluster().auth();
        let token = session.call(auth.create_reset_password_token(request)).await?;
        link::print(&token, self.format, "reset", "password reset")
    }
}
