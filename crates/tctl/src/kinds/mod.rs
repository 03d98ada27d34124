//! What can be done with each kind of resource, and how it is shown. One table for all commands that work on resources.

pub mod access_lists;
pub mod read;
pub mod registered;
pub mod remove;
pub mod text;
pub mod write;

use cli::Failure;
use wire::resource::{Kind, Resource};

/// The kinds that this version reads, in the order in which a backup lists them.
pub const READABLE: [Kind; 22] = [
    Kind::ClusterAuthPreference,
    Kind::ClusterNetworkingConfig,
    Kind::SessionRecordingConfig,
    Kind::CertAuthority,
    Kind::Role,
    Kind::User,
    Kind::Github,
    Kind::Oidc,
    Kind::Saml,
    Kind::Bot,
    Kind::Token,
    Kind::Lock,
    Kind::AccessMonitoringRule,
    Kind::AccessList,
    Kind::AccessListMember,
    Kind::TrustedCluster,
    Kind::AccessRequest,
    Kind::BotInstance,
    Kind::Node,
    Kind::App,
    Kind::Db,
    Kind::KubeCluster,
];

/// The kinds that a backup holds: what people have made, not what happens with it.
pub fn in_backup() -> impl Iterator<Item = Kind> {
    READABLE
        .into_iter()
        .filter(|kind| !matches!(kind, Kind::AccessRequest | Kind::BotInstance))
}

/// What a command says of a kind that this version knows by name and no more.
pub fn not_available(doing: &str, kind: Kind) -> Failure {
    Failure::new(format!(
        "{doing} resources of type \"{kind}\" is not available yet"
    ))
}

/// What a command says of a kind with which that can never be done.
pub fn not_supported(doing: &str, kind: Kind) -> Failure {
    Failure::new(format!("{doing} resources of type \"{kind}\" is not supported"))
}

/// A resource from its message.
pub fn resource(kind: Kind, message: &impl prost::Message) -> Result<Resource, Failure> {
    Resource::of(kind, message)
        .map_err(|error| Failure::new(format!("the cluster sent a {kind} that cannot be read: {error}")))
}

/// The message of a resource.
pub fn message<M: prost::Message + Default>(resource: &Resource) -> Result<M, Failure> {
    resource
        .to()
        .map_err(|error| Failure::new(format!("the {} cannot be sent: {error}", resource.kind())))
}
