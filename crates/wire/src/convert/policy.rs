//! Documents as the policy that `access::alone` searches.

use access::alone::{Account, Connector, List, Policy};
use access::list::Book;
use jiff::Timestamp;

use super::{RoleError, access_list, access_list_member, role, traits};
use crate::pb::teleport::accesslist::v1 as lists;
use crate::pb::teleport::accessmonitoringrules::v1 as rules;
use crate::pb::teleport::machineid::v1 as machineid;
use crate::pb::types;
use crate::resource::{Kind, Resource};

/// The label that a bot's user carries.
const BOT_LABEL: &str = "teleport.internal/bot";

/// Why documents are no policy.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// A role cannot be used.
    #[error("role {name:?} cannot be used: {cause}")]
    Role {
        /// Its name.
        name: String,
        /// Why.
        cause: RoleError,
    },
    /// A document is not what its kind says.
    #[error("the {kind} {name:?} cannot be read: {cause}")]
    Document {
        /// Its kind.
        kind: Kind,
        /// Its name.
        name: String,
        /// Why.
        cause: prost::DecodeError,
    },
}

/// A user as stored; locks are looked up elsewhere.
pub fn account(user: &types::UserV2) -> Account {
    let metadata = user.metadata.as_ref();
    let spec = user.spec.as_ref();
    Account {
        name: metadata.map(|metadata| metadata.name.clone()).unwrap_or_default(),
        roles: spec.map(|spec| spec.roles.clone()).unwrap_or_default(),
        traits: traits(spec.and_then(|spec| spec.traits.as_ref())),
        machine: metadata.is_some_and(|metadata| metadata.labels.contains_key(BOT_LABEL)),
        locked: false,
        person: None,
        identities: spec.map(identities).unwrap_or_default(),
    }
}

/// Who a user is at identity providers.
fn identities(spec: &types::UserSpecV2) -> Vec<String> {
    [
        ("oidc", &spec.oidc_identities),
        ("saml", &spec.saml_identities),
        ("github", &spec.github_identities),
    ]
    .into_iter()
    .flat_map(|(kind, identities)| identities.iter().map(move |identity| (kind, identity)))
    .filter(|(_, identity)| !identity.username.is_empty())
    .map(|(kind, identity)| format!("{kind}/{}/{}", identity.connector_id, identity.username))
    .collect()
}

/// The bot that joins with a token, if it is one of a bot.
pub fn bot_of_token(token: &types::ProvisionTokenV2) -> Option<&str> {
    let bot = token.spec.as_ref().map(|spec| spec.bot_name.as_str());
    bot.filter(|bot| !bot.is_empty())
}

/// Documents of a policy repository: roles, users, bots, join tokens, access lists with their members, monitoring rules,
/// connectors and locks. Other kinds
/// give nobody a role and are passed over.
pub fn policy(resources: &[Resource]) -> Result<Policy, PolicyError> {
    let mut policy = Policy::default();
    let mut locked = Vec::new();
    let mut book = Book::default();
    for resource in resources {
        match resource.kind() {
            Kind::Role => {
                let message: types::RoleV6 = read(resource)?;
                let read = role(&message).map_err(|cause| PolicyError::Role {
                    name: resource.name(),
                    cause,
                })?;
                policy.roles.push(read);
            }
            Kind::User => policy.accounts.push(account(&read(resource)?)),
            Kind::Bot => policy.accounts.push(bot(&read(resource)?)),
            Kind::AccessList => {
                let list = access_list(&read(resource)?);
                book.lists.insert(list.name.clone(), list);
            }
            Kind::AccessListMember => {
                let message: lists::Member = read(resource)?;
                let list = message.spec.as_ref().map(|spec| spec.access_list.clone());
                let members = book.members.entry(list.unwrap_or_default()).or_default();
                members.push(access_list_member(&message));
            }
            Kind::AccessMonitoringRule => {
                let message: rules::AccessMonitoringRule = read(resource)?;
                let review = message.spec.and_then(|spec| spec.automatic_review);
                if review.is_some_and(|review| review.decision == "APPROVED") {
                    policy.automatic.push(resource.name());
                }
            }
            Kind::Token => {
                let token: types::ProvisionTokenV2 = read(resource)?;
                policy.tokens.extend(bot_of_token(&token).map(str::to_owned));
            }
            Kind::Github => policy.connectors.push(github(&read(resource)?)),
            Kind::Lock => locked.push(read::<types::LockV2>(resource)?),
            _ => {}
        }
    }
    // Of what ends, today says nothing.
    policy.lists = List::of(&book, &policy.accounts, &policy.roles, Timestamp::MIN);
    for target in locked.iter().filter_map(endless) {
        for account in &mut policy.accounts {
            let user = target.user.is_empty() || target.user == account.name;
            let role = target.role.is_empty() || account.roles.contains(&target.role);
            account.locked |= user && role;
        }
    }
    Ok(policy)
}

fn read<M: prost::Message + Default>(resource: &Resource) -> Result<M, PolicyError> {
    resource.to().map_err(|cause| PolicyError::Document {
        kind: resource.kind(),
        name: resource.name(),
        cause,
    })
}

/// The target of a lock that has no end and is about users or roles: of one that ends, today says nothing.
fn endless(lock: &types::LockV2) -> Option<&types::LockTarget> {
    let spec = lock.spec.as_ref().filter(|spec| spec.expires.is_none())?;
    let target = spec.target.as_ref()?;
    let only = types::LockTarget {
        user: target.user.clone(),
        role: target.role.clone(),
        ..types::LockTarget::default()
    };
    (*target == only && only != types::LockTarget::default()).then_some(target)
}

fn bot(bot: &machineid::Bot) -> Account {
    let name = bot.metadata.as_ref().map_or("", |metadata| &metadata.name);
    Account {
        name: format!("bot-{name}"),
        roles: bot
            .spec
            .as_ref()
            .map(|spec| spec.roles.clone())
            .unwrap_or_default(),
        machine: true,
        ..Account::default()
    }
}

fn github(connector: &types::GithubConnectorV3) -> Connector {
    let teams = connector.spec.iter().flat_map(|spec| &spec.teams_to_roles);
    Connector {
        kind: "github".to_owned(),
        name: connector
            .metadata
            .as_ref()
            .map(|metadata| metadata.name.clone())
            .unwrap_or_default(),
        mappings: teams
            .flat_map(|mapping| {
                let team = format!("{}/{}", mapping.organization, mapping.team);
                mapping.roles.iter().map(move |role| (team.clone(), role.clone()))
            })
            .collect(),
    }
}
