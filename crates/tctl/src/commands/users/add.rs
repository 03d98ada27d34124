//! `tctl users add`: a user, and the link by which the user chooses a password.

use cli::{Failure, duration};
use jiff::SignedDuration;
use wire::convert;
use wire::keep::Kept;
use wire::pb::proto::CreateResetPasswordTokenRequest;
use wire::pb::teleport::users::v1::CreateUserRequest;
use wire::pb::types;
use wire::resource::defaults;
use wire::status::Class;

use super::traits::Traits;
use super::{Format, check_roles, link};
use crate::commands::lists::split;
use crate::connection::Connection;
use crate::output;

/// The longest life of an invite link.
const TTL_MAX: SignedDuration = SignedDuration::from_hours(48);

/// Adds a user and makes an invite link.
#[derive(Debug, clap::Args)]
pub struct Add {
    /// The user's name, such as bob@example.com
    #[arg(value_name = "ACCOUNT")]
    account: String,
    /// The user's roles
    #[arg(long, value_name = "LIST", required = true)]
    roles: Vec<String>,
    /// How long the link is valid, 48h at most
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = duration::parse)]
    ttl: SignedDuration,
    /// text or json
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    traits: Traits<false>,
}

impl Add {
    /// Adds the user and prints the link.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        if self.account.is_empty() {
            return Err(Failure::new("missing parameter Name"));
        }
        // Asked before the user is made, so that no user stays behind without a link.
        link::check_ttl(self.ttl)?;
        if self.ttl > TTL_MAX {
            return Err(Failure::new(format!(
                "failed to create user token for reset password invite: maximum token TTL is {} hours",
                duration::print(TTL_MAX)
            )));
        }
        let roles = split(&self.roles);
        let session = connection.session().await?;
        check_roles(session, &roles).await?;
        session.before_change().await?;
        let user = user(&self.account, roles.clone(), &self.traits);
        let made = session
            .call(
                session
                    .cluster()
                    .users()
                    .create_user(CreateUserRequest { user: Some(user) }),
            )
            .await;
        if let Err(refusal) = made {
            if refusal.class == Class::AlreadyExists {
                output::print(&format!(
                    "NOTE: To update an existing local user:\n\
                     > tctl users update {} --set-roles {} # replace roles\n\n",
                    self.account,
                    roles.join(",")
                ))?;
            }
            return Err(refusal.into());
        }
        let request = CreateResetPasswordTokenRequest {
            name: self.account.clone(),
            r#type: "invite".to_owned(),
            ttl: i64::try_from(self.ttl.as_nanos()).unwrap_or(i64::MAX),
        };
        let token = session
            .call(session.cluster().auth().create_reset_password_token(request))
            .await
            .map_err(|refusal| {
                Failure::from(refusal).hint(format!(
                    "the user was made; `tctl users reset {}` makes a link",
                    self.account
                ))
            })?;
        link::print(
            &token,
            self.format,
            "created but requires a password",
            "user setup",
        )
    }
}

fn user(name: &str, roles: Vec<String>, traits: &Traits<false>) -> Kept<types::UserV2> {
    let mut user = types::UserV2 {
        metadata: Some(types::Metadata {
            name: name.to_owned(),
            ..types::Metadata::default()
        }),
        spec: Some(types::UserSpecV2 {
            roles,
            traits: Some(convert::label_values(&traits.all())),
            ..types::UserSpecV2::default()
        }),
        ..types::UserV2::default()
    };
    defaults::user(&mut user);
    user.into()
}
