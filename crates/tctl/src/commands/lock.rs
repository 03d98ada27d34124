//! `tctl lock`: shuts somebody or something out, at once.
//!
//! There is a flag for each target that this version enforces, and for no other: a lock that locks nothing is worse than
//! none.

use cli::Failure;
use jiff::{SignedDuration, Timestamp};
use wire::convert;
use wire::keep::Kept;
use wire::pb::types;

use super::moments::moment;
use crate::connection::Connection;
use crate::output;

/// Locks somebody or something out, at once. What carries all of the targets that are given is locked.
#[derive(Debug, clap::Args)]
pub struct Lock {
    /// A user
    #[arg(long, value_name = "NAME", default_value = "")]
    user: String,
    /// Whoever holds a role
    #[arg(long, value_name = "NAME", default_value = "")]
    role: String,
    /// A login on servers: it is in no certificate any more
    #[arg(long, value_name = "LOGIN", default_value = "")]
    login: String,
    /// An authenticator, by its UUID
    #[arg(long, value_name = "UUID", default_value = "")]
    mfa_device: String,
    /// An access request: whatever was given by it
    #[arg(long, value_name = "ID", default_value = "")]
    access_request: String,
    /// A host of the cluster, by its UUID
    #[arg(long, value_name = "UUID", default_value = "")]
    server_id: String,
    /// One copy of a bot, by its UUID
    #[arg(long, value_name = "UUID", default_value = "")]
    bot_instance_id: String,
    /// Whatever joined with a token that is no secret
    #[arg(long, value_name = "NAME", default_value = "")]
    join_token: String,
    /// What the locked are told
    #[arg(long, value_name = "TEXT", default_value = "")]
    message: String,
    /// When the lock ends, such as 2026-11-21T18:50:00Z; never, if neither this nor `--ttl` is given
    #[arg(long, value_name = "TIME", value_parser = moment)]
    expires: Option<Timestamp>,
    /// How long the lock lasts, such as 8h
    #[arg(long, value_name = "DURATION", value_parser = cli::duration::parse)]
    ttl: Option<SignedDuration>,
}

impl Lock {
    /// Makes the lock and prints its name.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let expires = match (self.expires, self.ttl) {
            (Some(_), Some(_)) => return Err(Failure::new("use only one of --expires and --ttl")),
            (Some(at), None) => Some(at),
            (None, Some(ttl)) => Some(
                connection
                    .now()
                    .checked_add(ttl)
                    .map_err(|_| Failure::new("--ttl: the lock would end too far in the future"))?,
            ),
            (None, None) => None,
        };
        let target = types::LockTarget {
            user: self.user,
            role: self.role,
            login: self.login,
            mfa_device: self.mfa_device,
            access_request: self.access_request,
            server_id: self.server_id,
            bot_instance_id: self.bot_instance_id,
            join_token: self.join_token,
            ..types::LockTarget::default()
        };
        if target == types::LockTarget::default() {
            return Err(Failure::new("at least one target field must be set").hint(
                "name whom to lock with `--user`, `--role`, `--login`, `--mfa-device`, `--access-request`, `--server-id`, \
                 `--bot-instance-id` or `--join-token`",
            ));
        }
        let name = super::new_id(connection);
        let lock = types::LockV2 {
            kind: "lock".to_owned(),
            version: "v2".to_owned(),
            metadata: Some(types::Metadata {
                name: name.clone(),
                namespace: "default".to_owned(),
                ..types::Metadata::default()
            }),
            spec: Some(types::LockSpecV2 {
                target: Some(target),
                message: self.message,
                expires: convert::timestamp_option(expires),
                ..types::LockSpecV2::default()
            }),
            ..types::LockV2::default()
        };
        let session = connection.session().await?;
        session.before_change().await?;
        let mut auth = session.cluster().auth();
        session.call(auth.upsert_lock(Kept::from(lock))).await?;
        output::line(&format!("Created a lock with name {name:?}."))
    }
}
