//! `tctl tokens add`: a secret with which a machine can join for a while.

use cli::{Failure, duration};
use jiff::SignedDuration;
use serde_json::json;
use wire::convert;
use wire::keep::Kept;
use wire::pb::proto::{CreateTokenV2Request, create_token_v2_request};
use wire::pb::types;
use wire::resource::{defaults, json as printed};
use wire::status::Class;

use super::secret;
use crate::commands::lists::{pairs, split};
use crate::connection::Connection;
use crate::output;
use crate::session::Session;

/// Makes a token with which a machine can join.
#[derive(Debug, clap::Args)]
pub struct Add {
    /// What may join with it, such as node, proxy or app; for bots use `tctl bots add`
    #[arg(long = "type", value_name = "LIST", required = true)]
    types: Vec<String>,
    /// The secret; a random one if it is left out, which is better
    #[arg(long, value_name = "SECRET")]
    value: Option<String>,
    /// How long machines can join with it
    #[arg(long, value_name = "DURATION", default_value = "30m", value_parser = duration::parse)]
    ttl: SignedDuration,
    /// Labels of the token, k=v
    #[arg(long, value_name = "LIST")]
    labels: Vec<String>,
    /// text, json or yaml
    #[arg(long, value_name = "FORMAT", value_enum)]
    format: Option<Format>,
}

/// How the token is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// The secret alone.
    Text,
    /// For programs.
    Json,
    /// For programs.
    Yaml,
}

/// Types of parts of a cluster, under the names that tokens use.
const ROLES: [(&str, &str); 12] = [
    ("node", "Node"),
    ("proxy", "Proxy"),
    ("app", "App"),
    ("db", "Db"),
    ("kube", "Kube"),
    ("windowsdesktop", "WindowsDesktop"),
    ("discovery", "Discovery"),
    ("okta", "Okta"),
    ("mdm", "MDM"),
    ("accessgraphplugin", "AccessGraphPlugin"),
    ("instance", "Instance"),
    ("bot", "Bot"),
];

fn role(word: &str) -> Result<String, Failure> {
    let found = ROLES.iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
    found
        .map(|(_, role)| (*role).to_owned())
        .ok_or_else(|| Failure::new(format!("invalid role {word:?}")))
}

impl Add {
    /// Makes the token and prints it.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let roles: Vec<String> = split(&self.types)
            .iter()
            .map(|word| role(word))
            .collect::<Result<_, _>>()?;
        if roles.iter().any(|role| role == "Bot") {
            return Err(Failure::new("token with role \"Bot\" must set bot_name")
                .hint("`tctl bots add NAME` makes a bot with its token, `tctl bots instances add NAME` another token"));
        }
        let expires = connection
            .now()
            .checked_add(self.ttl)
            .map_err(|_| Failure::new("--ttl: the token would end too far in the future"))?;
        let name = self.value.unwrap_or_else(|| secret(connection));
        let labels = pairs(&self.labels)?
            .into_iter()
            .map(|(key, values)| (key, values.join(",")))
            .collect();
        let mut token = types::ProvisionTokenV2 {
            metadata: Some(types::Metadata {
                name: name.clone(),
                labels,
                expires: convert::timestamp_option(Some(expires)),
                ..types::Metadata::default()
            }),
            spec: Some(types::ProvisionTokenSpecV2 {
                roles: roles.clone(),
                ..types::ProvisionTokenSpecV2::default()
            }),
            ..types::ProvisionTokenV2::default()
        };
        defaults::token(&mut token);
        let session = connection.session().await?;
        session.before_change().await?;
        let request = CreateTokenV2Request {
            token: Some(create_token_v2_request::Token::V2(Kept::from(token))),
        };
        let made = session
            .call(session.cluster().auth().create_token_v2(request))
            .await;
        made.map_err(|refusal| match refusal.class {
            Class::AlreadyExists => Failure::new(format!(
                "failed to create token ({name:?} already exists), please use another name"
            )),
            _ => refusal.into(),
        })?;
        match self.format {
            Some(Format::Text) => output::line(&name),
            Some(Format::Json) => {
                let shown = json!({"expires": expires.to_string(), "roles": roles, "token": name});
                output::print(&printed::pretty(&shown, 1))
            }
            Some(Format::Yaml) => {
                let roles: String = roles
                    .iter()
                    .flat_map(|role| ["- ", role.as_str(), "\n"])
                    .collect();
                output::print(&format!("expires: \"{expires}\"\nroles:\n{roles}token: {name}\n"))
            }
            None => output::print(&advice(session, &name, &roles, self.ttl).await?),
        }
    }
}

/// What to do with the token, for people.
async fn advice(
    session: &Session,
    name: &str,
    roles: &[String],
    ttl: SignedDuration,
) -> Result<String, Failure> {
    let pins = pins(session).await?;
    let pins: String = pins
        .iter()
        .flat_map(|pin| ["   --ca-pin=", pin.as_str(), " \\\n"])
        .collect();
    let address = session.address();
    Ok(format!(
        "The invite token: {name}\n\
         This token will expire in {}.\n\n\
         Run this on the new machine to join the cluster:\n\n\
         > teleport start \\\n   --roles={} \\\n   --token={name} \\\n{pins}   --auth-server={address}\n\n\
         Please note:\n\n  - The token is a secret: whoever has it can join.\n  - {address} must be reachable from the new machine.\n",
        super::spoken(ttl),
        roles.join(",").to_lowercase(),
    ))
}

/// The pins of the host authority.
pub async fn pins(session: &Session) -> Result<Vec<String>, Failure> {
    let answer = session
        .call(session.cluster().auth().get_cluster_ca_cert(()))
        .await?;
    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(format!("the cluster's authority cannot be read: {error}"))
    };
    let certificates =
        transport::tls::certificates_from_pem(&answer.tlsca).map_err(|error| failed(&error))?;
    certificates
        .iter()
        .map(|certificate| {
            pki::Pin::of(certificate)
                .map(|pin| pin.to_string())
                .map_err(|error| failed(&error))
        })
        .collect()
}
