//! Who is calling, from the certificate alone.
//!
//! [`Identity::from_certificate`] reads what [`crate::issue`] writes, and what the original wrote. It does
//! not verify signatures: it is meant for certificates that the TLS handshake has verified. Which authority
//! vouched decides what the name means, so [`Identity::caller`] asks for that.
//!
//! Facts this version does not know are ignored; what it knows must be well formed, or the certificate is
//! refused as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use access::{SystemRole, Traits};
use const_oid::ObjectIdentifier;
use jiff::Timestamp;
use serde_json::{Value, json};
use x509_cert::name::{Name, RdnSequence};

use crate::certificate::{Parsed, ReadError};
use crate::x509::name::{NameBuilder, text};
use crate::x509::oid;

/// More values than any person has roles, logins and traits.
const VALUES_MAX: usize = 4096;

/// Everything a certificate says about its holder.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// The name: a user, or `HOSTUUID.CLUSTER`.
    pub username: String,
    /// Roles; of a service its one system role. Never empty.
    pub groups: Vec<String>,
    /// All system roles of a process that has several.
    pub system_roles: Vec<String>,
    /// What the certificate is limited to, for example `usage:kube`; empty means nothing in particular.
    pub usage: Vec<String>,
    /// Logins, as in the SSH certificate.
    pub principals: Vec<String>,
    /// The cluster that connections are meant for; may be empty.
    pub route_to_cluster: String,
    /// Traits of the user.
    pub traits: Traits,
    /// The cluster that issued the certificate.
    pub cluster: String,
    /// Kubernetes users.
    pub kubernetes_users: Vec<String>,
    /// Kubernetes groups.
    pub kubernetes_groups: Vec<String>,
    /// The Kubernetes cluster that connections are meant for.
    pub kubernetes_cluster: Option<String>,
    /// The authenticator used for this very certificate.
    pub mfa_device: Option<String>,
    /// Where the user signed in from.
    pub login_ip: Option<IpAddr>,
    /// The only address the certificate may be used from.
    pub pinned_ip: Option<IpAddr>,
    /// The holder may renew it beyond its end.
    pub renewable: bool,
    /// Counts the renewals of a renewable certificate; 0 for others.
    pub generation: u64,
    /// How the key must be kept, for example `none`.
    pub private_key_policy: Option<String>,
    /// `local` or `sso`.
    pub user_type: Option<String>,
    /// Who asked for the certificate in the user's name.
    pub impersonator: Option<String>,
    /// Access requests that gave roles or resources.
    pub active_requests: Vec<String>,
    /// The holder cannot get another certificate with this one.
    pub disallow_reissue: bool,
    /// The only resources it is good for, as `/CLUSTER/KIND/NAME[/SUB]`; empty means all.
    pub allowed_resources: Vec<String>,
    /// The end of the certificate that this one was issued with.
    pub previous_not_after: Option<Timestamp>,
    /// A connection that is being diagnosed.
    pub connection_diagnostic: Option<String>,
    /// The bot.
    pub bot_name: Option<String>,
    /// The bot's instance.
    pub bot_instance: Option<String>,
    /// How a bot or host joined: JSON.
    pub join_attributes: Option<String>,
    /// The trusted device: its id.
    pub device_id: Option<String>,
    /// The trusted device: its asset tag.
    pub device_asset_tag: Option<String>,
    /// The trusted device: its credential's id.
    pub device_credential: Option<String>,
    /// The serial number, lower-case hexadecimal.
    pub serial: String,
    /// The first moment of validity.
    pub not_before: Timestamp,
    /// The last moment of validity.
    pub not_after: Timestamp,
}

/// Why a certificate tells no identity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// It cannot be read at all.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It has no name.
    #[error("missing identity username")]
    MissingUsername,
    /// It has no role.
    #[error("missing identity groups")]
    MissingGroups,
    /// It names no cluster.
    #[error("missing identity cluster")]
    MissingCluster,
    /// A fact that is not of its form, or told twice.
    #[error("malformed {0} in the certificate")]
    Malformed(&'static str),
    /// Far more values than anybody has.
    #[error("the certificate holds more than {VALUES_MAX} values")]
    TooMany,
    /// A host's certificate that is not one service's.
    #[error("access denied: invalid client certificate")]
    NotAService,
    /// A certificate for one thing, used for another.
    #[error("access denied: invalid client certificate")]
    LimitedUsage,
}

/// Which authority vouches for a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VouchedBy {
    /// The user authority.
    User,
    /// The host authority.
    Host,
}

/// What an identity means, given who vouches for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller<'a> {
    /// A person or a bot.
    User {
        /// The name.
        name: &'a str,
    },
    /// A part of the cluster itself.
    Service {
        /// What part.
        role: SystemRole,
        /// The host's id.
        host_id: &'a str,
    },
}

impl Identity {
    /// An identity that says nothing yet.
    pub(crate) fn empty(not_before: Timestamp, not_after: Timestamp) -> Self {
        Self {
            username: String::new(),
            groups: Vec::new(),
            system_roles: Vec::new(),
            usage: Vec::new(),
            principals: Vec::new(),
            route_to_cluster: String::new(),
            traits: Traits::new(),
            cluster: String::new(),
            kubernetes_users: Vec::new(),
            kubernetes_groups: Vec::new(),
            kubernetes_cluster: None,
            mfa_device: None,
            login_ip: None,
            pinned_ip: None,
            renewable: false,
            generation: 0,
            private_key_policy: None,
            user_type: None,
            impersonator: None,
            active_requests: Vec::new(),
            disallow_reissue: false,
            allowed_resources: Vec::new(),
            previous_not_after: None,
            connection_diagnostic: None,
            bot_name: None,
            bot_instance: None,
            join_attributes: None,
            device_id: None,
            device_asset_tag: None,
            device_credential: None,
            serial: String::new(),
            not_before,
            not_after,
        }
    }

    /// Reads a client certificate in DER.
    pub fn from_certificate(der: &[u8]) -> Result<Self, IdentityError> {
        let parsed = Parsed::from_der(der)?;
        let mut facts = Facts::of(parsed.subject())?;
        let username = facts
            .one(oid::COMMON_NAME, "user name")?
            .ok_or(IdentityError::MissingUsername)?;
        let groups = facts.all(oid::ORGANIZATION, "role")?;
        if groups.is_empty() {
            return Err(IdentityError::MissingGroups);
        }
        let cluster = match facts.one(oid::CLUSTER, "cluster")? {
            Some(cluster) => Some(cluster),
            // Certificates of old versions name their cluster only through their authority.
            None => Facts::of(parsed.issuer())?.one(oid::ORGANIZATION, "issuer")?,
        };
        Ok(Self {
            username,
            groups,
            system_roles: facts.all(oid::SYSTEM_ROLE, "system role")?,
            usage: facts.all(oid::ORGANIZATIONAL_UNIT, "usage")?,
            principals: facts.all(oid::LOCALITY, "login")?,
            route_to_cluster: facts.one(oid::STREET, "route")?.unwrap_or_default(),
            traits: match facts.json(oid::POSTAL_CODE, "traits")? {
                Some(json) => traits_from(&json).ok_or(IdentityError::Malformed("traits"))?,
                None => Traits::new(),
            },
            cluster: cluster.ok_or(IdentityError::MissingCluster)?,
            kubernetes_users: facts.all(oid::KUBERNETES_USER, "Kubernetes user")?,
            kubernetes_groups: facts.all(oid::KUBERNETES_GROUP, "Kubernetes group")?,
            kubernetes_cluster: facts.one(oid::KUBERNETES_CLUSTER, "Kubernetes cluster")?,
            mfa_device: facts.one(oid::MFA_DEVICE, "MFA device")?,
            login_ip: facts.parsed(oid::LOGIN_IP, "login address")?,
            pinned_ip: facts.parsed(oid::PINNED_IP, "pinned address")?,
            renewable: facts.flag(oid::RENEWABLE, "renewal flag")?,
            generation: facts.parsed(oid::GENERATION, "generation")?.unwrap_or(0),
            private_key_policy: facts.one(oid::PRIVATE_KEY_POLICY, "key policy")?,
            user_type: facts.one(oid::USER_TYPE, "user type")?,
            impersonator: facts.one(oid::IMPERSONATOR, "impersonator")?,
            active_requests: facts.all(oid::ACTIVE_REQUEST, "access request")?,
            disallow_reissue: facts.flag(oid::DISALLOW_REISSUE, "reissue flag")?,
            allowed_resources: match facts.json(oid::ALLOWED_RESOURCES, "resources")? {
                Some(json) => list_from(&json).ok_or(IdentityError::Malformed("resources"))?,
                None => Vec::new(),
            },
            previous_not_after: facts.parsed(oid::PREVIOUS_EXPIRY, "previous end")?,
            connection_diagnostic: facts.one(oid::CONNECTION_DIAGNOSTIC, "diagnostic")?,
            bot_name: facts.one(oid::BOT_NAME, "bot name")?,
            bot_instance: facts.one(oid::BOT_INSTANCE, "bot instance")?,
            join_attributes: facts.json(oid::JOIN_ATTRIBUTES, "join attributes")?,
            device_id: facts.one(oid::DEVICE_ID, "device")?,
            device_asset_tag: facts.one(oid::DEVICE_ASSET_TAG, "device's tag")?,
            device_credential: facts.one(oid::DEVICE_CREDENTIAL, "device's credential")?,
            serial: parsed.serial(),
            not_before: parsed.not_before,
            not_after: parsed.not_after,
        })
    }

    /// What the identity means on the cluster's own interface, given which authority vouches for it.
    ///
    /// A host's certificate is that of exactly one service under its own name; a person's is a person's,
    /// whatever the roles are called. Certificates for one use only are not good here.
    pub fn caller(&self, vouched_by: VouchedBy) -> Result<Caller<'_>, IdentityError> {
        if !self.usage.is_empty() {
            return Err(IdentityError::LimitedUsage);
        }
        match vouched_by {
            VouchedBy::User => Ok(Caller::User { name: &self.username }),
            VouchedBy::Host => {
                let [role] = self.groups.as_slice() else {
                    return Err(IdentityError::NotAService);
                };
                let role = SystemRole::of_name(role).ok_or(IdentityError::NotAService)?;
                let host_id = self
                    .username
                    .strip_suffix(&self.cluster)
                    .and_then(|rest| rest.strip_suffix('.'))
                    .filter(|host_id| !host_id.is_empty())
                    .ok_or(IdentityError::NotAService)?;
                Ok(Caller::Service { role, host_id })
            }
        }
    }

    /// The subject of a certificate for this identity.
    pub(crate) fn subject(&self) -> der::Result<RdnSequence> {
        let yes = |flag: bool| flag.then_some("true");
        let generation = (self.generation > 0).then(|| self.generation.to_string());
        let ip = |ip: Option<IpAddr>| ip.map(|ip| ip.to_string());
        let resources = (!self.allowed_resources.is_empty()).then(|| compact(&json!(self.allowed_resources)));
        let previous = self.previous_not_after.map(|moment| moment.to_string());
        let name = NameBuilder::default()
            .set(oid::LOCALITY, each(&self.principals))?
            .one(oid::STREET, &self.route_to_cluster)?
            .one(oid::POSTAL_CODE, &traits_json(&self.traits))?
            .set(oid::ORGANIZATION, each(&self.groups))?
            .set(oid::ORGANIZATIONAL_UNIT, each(&self.usage))?
            .one(oid::COMMON_NAME, &self.username)?
            .each(oid::SYSTEM_ROLE, each(&self.system_roles))?
            .maybe(oid::RENEWABLE, yes(self.renewable))?
            .each(oid::KUBERNETES_USER, each(&self.kubernetes_users))?
            .each(oid::KUBERNETES_GROUP, each(&self.kubernetes_groups))?
            .maybe(oid::KUBERNETES_CLUSTER, self.kubernetes_cluster.as_deref())?
            .maybe(oid::CLUSTER, Some(&self.cluster))?
            .maybe(oid::MFA_DEVICE, self.mfa_device.as_deref())?
            .maybe(oid::PREVIOUS_EXPIRY, previous.as_deref())?
            .maybe(oid::LOGIN_IP, ip(self.login_ip).as_deref())?
            .maybe(oid::PINNED_IP, ip(self.pinned_ip).as_deref())?
            .maybe(oid::CONNECTION_DIAGNOSTIC, self.connection_diagnostic.as_deref())?
            .maybe(oid::GENERATION, generation.as_deref())?
            .maybe(oid::IMPERSONATOR, self.impersonator.as_deref())?
            .each(oid::ACTIVE_REQUEST, each(&self.active_requests))?
            .maybe(oid::DISALLOW_REISSUE, yes(self.disallow_reissue))?
            .maybe(oid::ALLOWED_RESOURCES, resources.as_deref())?
            .maybe(oid::BOT_NAME, self.bot_name.as_deref())?
            .maybe(oid::BOT_INSTANCE, self.bot_instance.as_deref())?
            .maybe(oid::USER_TYPE, self.user_type.as_deref())?
            .maybe(oid::PRIVATE_KEY_POLICY, self.private_key_policy.as_deref())?
            .maybe(oid::JOIN_ATTRIBUTES, self.join_attributes.as_deref())?
            .maybe(oid::DEVICE_ID, self.device_id.as_deref())?
            .maybe(oid::DEVICE_ASSET_TAG, self.device_asset_tag.as_deref())?
            .maybe(oid::DEVICE_CREDENTIAL, self.device_credential.as_deref())?
            .finish();
        Ok(name)
    }

    /// The same facts as extensions of an SSH user certificate.
    pub(crate) fn ssh_extensions(&self) -> BTreeMap<String, String> {
        let mut extensions = BTreeMap::new();
        let mut put = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                extensions.insert(name.to_owned(), value);
            }
        };
        let flag = |set: bool| set.then(String::new);
        let list =
            |name: &str, values: &[String]| (!values.is_empty()).then(|| compact(&json!({ name: values })));
        put("bot-instance-id@goteleport.com", self.bot_instance.clone());
        put("bot-name@goteleport.com", self.bot_name.clone());
        put("disallow-reissue", flag(self.disallow_reissue));
        put(
            "generation",
            (self.generation > 0).then(|| self.generation.to_string()),
        );
        put("impersonator", self.impersonator.clone());
        put("login-ip", self.login_ip.map(|ip| ip.to_string()));
        put("mfa-verified", self.mfa_device.clone());
        put(
            "prev-identity-expires",
            self.previous_not_after.map(|moment| moment.to_string()),
        );
        put("private-key-policy", self.private_key_policy.clone());
        put("renewable", flag(self.renewable));
        put(
            "teleport-active-requests",
            list("access_requests", &self.active_requests),
        );
        put(
            "teleport-allowed-resources",
            (!self.allowed_resources.is_empty()).then(|| compact(&json!(self.allowed_resources))),
        );
        put(
            "teleport-connection-diagnostic-id",
            self.connection_diagnostic.clone(),
        );
        put("teleport-device-asset-tag", self.device_asset_tag.clone());
        put("teleport-device-credential-id", self.device_credential.clone());
        put("teleport-device-id", self.device_id.clone());
        put("teleport-roles", list("roles", &self.groups));
        put("teleport-route-to-cluster", Some(self.route_to_cluster.clone()));
        put("teleport-traits", Some(traits_json(&self.traits)));
        extensions
    }
}

impl fmt::Debug for Identity {
    /// Only what a log should hold of a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("username", &self.username)
            .field("groups", &self.groups)
            .field("cluster", &self.cluster)
            .field("serial", &self.serial)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

fn each(values: &[String]) -> impl Iterator<Item = &str> {
    values.iter().map(String::as_str)
}

/// The values of a name, by attribute.
///
/// `None` stands for a value that is no text, which matters only if the attribute is one we know.
struct Facts(BTreeMap<ObjectIdentifier, Vec<Option<String>>>);

impl Facts {
    fn of(name: &Name) -> Result<Self, IdentityError> {
        let mut facts: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (index, pair) in name.iter().enumerate() {
            if index >= VALUES_MAX {
                return Err(IdentityError::TooMany);
            }
            facts
                .entry(pair.oid)
                .or_default()
                .push(text(&pair.value).map(str::to_owned));
        }
        Ok(Self(facts))
    }

    /// The values that say something.
    fn values(
        &mut self,
        attribute: ObjectIdentifier,
        what: &'static str,
    ) -> Result<Vec<String>, IdentityError> {
        let values = self.0.remove(&attribute).unwrap_or_default();
        let texts: Option<Vec<String>> = values.into_iter().collect();
        let mut texts = texts.ok_or(IdentityError::Malformed(what))?;
        texts.retain(|text| !text.is_empty());
        Ok(texts)
    }

    /// The values, each once, none of which can break a line.
    fn all(&mut self, attribute: ObjectIdentifier, what: &'static str) -> Result<Vec<String>, IdentityError> {
        let mut values = self.values(attribute, what)?;
        if values.iter().any(|value| value.chars().any(char::is_control)) {
            return Err(IdentityError::Malformed(what));
        }
        let mut seen = BTreeSet::new();
        values.retain(|value| seen.insert(value.clone()));
        Ok(values)
    }

    /// The one value, if there is one, that cannot break a line.
    fn one(
        &mut self,
        attribute: ObjectIdentifier,
        what: &'static str,
    ) -> Result<Option<String>, IdentityError> {
        match self.json(attribute, what)? {
            Some(value) if value.chars().any(char::is_control) => Err(IdentityError::Malformed(what)),
            value => Ok(value),
        }
    }

    /// The one value, if there is one: JSON may hold any character.
    fn json(
        &mut self,
        attribute: ObjectIdentifier,
        what: &'static str,
    ) -> Result<Option<String>, IdentityError> {
        let mut values = self.values(attribute, what)?;
        match (values.pop(), values.is_empty()) {
            (value, true) => Ok(value),
            (_, false) => Err(IdentityError::Malformed(what)),
        }
    }

    fn parsed<T: std::str::FromStr>(
        &mut self,
        attribute: ObjectIdentifier,
        what: &'static str,
    ) -> Result<Option<T>, IdentityError> {
        match self.one(attribute, what)? {
            None => Ok(None),
            Some(value) => value
                .parse()
                .map(Some)
                .map_err(|_| IdentityError::Malformed(what)),
        }
    }

    fn flag(&mut self, attribute: ObjectIdentifier, what: &'static str) -> Result<bool, IdentityError> {
        Ok(self.parsed(attribute, what)?.unwrap_or(false))
    }
}

/// Traits as JSON, `null` where there is nothing.
fn traits_json(traits: &Traits) -> String {
    if traits.is_empty() {
        return "null".to_owned();
    }
    let entries = traits.iter().map(|(name, values)| {
        let values = if values.is_empty() {
            Value::Null
        } else {
            json!(values)
        };
        (name.clone(), values)
    });
    compact(&Value::Object(entries.collect()))
}

fn traits_from(json: &str) -> Option<Traits> {
    match serde_json::from_str(json).ok()? {
        Value::Null => Some(Traits::new()),
        Value::Object(entries) => entries
            .iter()
            .map(|(name, values)| Some((name.clone(), strings(values)?)))
            .collect(),
        _ => None,
    }
}

/// A list of texts; `null` is an empty one.
fn strings(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Null => Some(Vec::new()),
        Value::Array(values) => values
            .iter()
            .map(|value| value.as_str().map(str::to_owned))
            .collect(),
        _ => None,
    }
}

fn list_from(json: &str) -> Option<Vec<String>> {
    strings(&serde_json::from_str(json).ok()?)
}

/// JSON with the escapes that Go's encoder writes, so that the bytes are the same.
fn compact(value: &Value) -> String {
    let mut out = String::new();
    for character in value.to_string().chars() {
        match character {
            // These stand inside texts only.
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            other => out.push(other),
        }
    }
    out
}
