//! From a permit to certificates, with the record before the answer.

use access::{IssuancePermit, UserGrant};
use pki::issue::{Certificates, SubjectKeys};
use pki::{Authority, AuthorityKind, PublicKey};
use serde_json::{Map, Value};
use store::Require;
use wire::pb::proto::{Certs, UserCertsRequest};
use wire::pb::types;

use crate::audit::Event;
use crate::audit::certificates::{UserIdentity, user_certificate};
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::locks::{self, Targets};
use crate::state::resource::Resource as _;
use crate::state::{Change, Refused, Tries};

/// The keys certificates are wanted for.
#[derive(Debug, Default)]
pub struct Wanted {
    /// The key of the SSH certificate.
    pub ssh: Option<PublicKey>,
    /// The key of the X.509 certificate.
    pub tls: Option<PublicKey>,
}

impl Wanted {
    /// The keys of a request: one for each certificate, or one for both.
    pub fn of(asked: &UserCertsRequest) -> Answer<Self> {
        if asked.ssh_public_key.is_empty() && asked.tls_public_key.is_empty() {
            let both = key(&asked.public_key)?;
            if both.is_none() {
                return Err(Failure::bad_parameter("a certificate needs a public key"));
            }
            return Ok(Self {
                ssh: both.clone(),
                tls: both,
            });
        }
        Ok(Self {
            ssh: key(&asked.ssh_public_key)?,
            tls: key(&asked.tls_public_key)?,
        })
    }
}

/// A public key in any of the forms that clients send; nothing if there is none.
pub fn key(bytes: &[u8]) -> Answer<Option<PublicKey>> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let text =
        std::str::from_utf8(bytes).map_err(|_| Failure::bad_parameter("the public key is not text"))?;
    PublicKey::from_text(text)
        .map(Some)
        .map_err(|error| Failure::bad_parameter(format!("the public key cannot be used: {error}")))
}

/// Signs what the permit says, unless a lock on it is in force, and records it.
pub async fn sign(auth: &Auth, call: &Call, permit: &IssuancePermit, keys: &Wanted) -> Answer<Certs> {
    let device = call
        .caller
        .user()
        .and_then(|user| user.identity.mfa_device.as_deref());
    sign_proven(auth, call, permit, keys, device).await
}

/// The same for somebody who has just used the authenticator `device`.
pub async fn sign_proven(
    auth: &Auth,
    call: &Call,
    permit: &IssuancePermit,
    keys: &Wanted,
    device: Option<&str>,
) -> Answer<Certs> {
    let signed = signed(auth, call, permit, keys, device, |change| change);
    signed.await.map_err(Failure::from)
}

/// The same, together with what `along` adds to the change: the certificates leave with both, or not at all.
///
/// A conflict is about what `along` requires: decide anew.
pub async fn sign_along(
    auth: &Auth,
    call: &Call,
    permit: &IssuancePermit,
    keys: &Wanted,
    along: impl Fn(Change) -> Change,
) -> Result<Certs, Refused> {
    sign_proven_along(auth, call, permit, keys, None, along).await
}

/// The same for somebody who has just used the authenticator `device`.
pub async fn sign_proven_along(
    auth: &Auth,
    call: &Call,
    permit: &IssuancePermit,
    keys: &Wanted,
    device: Option<&str>,
    along: impl Fn(Change) -> Change,
) -> Result<Certs, Refused> {
    signed(auth, call, permit, keys, device, along).await
}

async fn signed(
    auth: &Auth,
    call: &Call,
    permit: &IssuancePermit,
    keys: &Wanted,
    device: Option<&str>,
    along: impl Fn(Change) -> Change,
) -> Result<Certs, Refused> {
    let grant = permit.grant();
    let targets = Targets {
        users: std::iter::once(grant.user.as_str())
            .chain(grant.impersonator.as_deref())
            .collect(),
        roles: grant.roles.iter().map(String::as_str).collect(),
        requests: grant.active_requests.iter().map(String::as_str).collect(),
        device,
        bot_instance: grant.bot_instance.as_deref(),
        ..Targets::default()
    };
    let authority = auth
        .state
        .authority(AuthorityKind::User, call.now)
        .await
        .map_err(Refused::Failed)?;
    let mut tries = Tries::default();
    let (signed, gone) = loop {
        let (unlocked, gone) = locks::check_with_logins(&auth.state, &targets, &grant.logins, call.now)
            .await
            .map_err(Refused::Failed)?;
        let permit = permit.without_logins(&gone);
        let subject_keys = SubjectKeys {
            ssh: keys.ssh.as_ref(),
            tls: keys.tls.as_ref(),
        };
        let signed = pki::issue::user(&permit, subject_keys, &authority, call.now, auth.chance.entropy())
            .map_err(|error| {
                Refused::Failed(Failure::internal(format!(
                    "a certificate could not be signed: {error}"
                )))
            })?;
        let event = recorded(auth, call, permit.grant(), signed.tls.as_deref());
        let change = along(unlocked.hold(Change::new(call.now, &call.actor().user, event)));
        match auth.state.commit(change).await {
            Ok(_) => break (signed, gone),
            // Locks have changed: what is still good is decided anew. Nothing that was signed has left.
            Err(refused) if is_about_locks(&refused) => tries.again(refused).map_err(Refused::Failed)?,
            Err(refused) => return Err(refused),
        }
    };
    for login in gone {
        call.warn(format!(
            "the login {login:?} is locked; the certificate is without it"
        ));
    }
    let host = auth
        .state
        .authority(AuthorityKind::Host, call.now)
        .await
        .map_err(Refused::Failed)?;
    Ok(with_authorities(&host, signed))
}

/// What was signed, with the host authorities that its holder believes.
pub fn with_authorities(host: &Authority, signed: Certificates) -> Certs {
    Certs {
        ssh: signed
            .ssh
            .map(|certificate| certificate.to_line().into_bytes())
            .unwrap_or_default()
            .into(),
        tls: signed
            .tls
            .map(|der| pki::certificate::to_pem(&der).into_bytes())
            .unwrap_or_default()
            .into(),
        tlsca_certs: host
            .certificates()
            .map(|certificate| certificate.to_pem().into_bytes().into())
            .collect(),
        sshca_certs: host
            .ssh_keys()
            .map(|key| key.to_ssh_line().into_bytes().into())
            .collect(),
    }
}

/// Whether a change came too late for locks that were set meanwhile.
pub fn is_about_locks(refused: &Refused) -> bool {
    matches!(refused, Refused::Conflict(obstacle)
        if matches!(&obstacle.required, Require::Unchanged { prefix, .. } if *prefix == types::LockV2::prefix()))
}

/// The record of a certificate.
fn recorded(auth: &Auth, call: &Call, grant: &UserGrant, tls: Option<&[u8]>) -> Event {
    let traits: Map<String, Value> = grant
        .traits
        .iter()
        .map(|(name, values)| (name.clone(), values.clone().into()))
        .collect();
    let identity = UserIdentity {
        user: grant.user.clone(),
        impersonator: grant.impersonator.clone().unwrap_or_default(),
        roles: grant.roles.clone(),
        logins: logins_in(tls).unwrap_or_else(|| grant.logins.clone()),
        expires: Some(grant.not_after),
        route_to_cluster: auth.cluster().to_owned(),
        traits,
        cluster: auth.cluster().to_owned(),
        client_ip: call.source().map(|source| source.to_string()).unwrap_or_default(),
        access_requests: grant.active_requests.clone(),
        disallow_reissue: grant.disallow_reissue,
        bot_name: grant.bot_name.clone().unwrap_or_default(),
        bot_instance: grant.bot_instance.clone().unwrap_or_default(),
    };
    user_certificate(call.actor(), &identity)
}

/// The logins that a certificate names, those included that stand for none.
fn logins_in(certificate: Option<&[u8]>) -> Option<Vec<String>> {
    let identity = pki::Identity::from_certificate(certificate?).ok()?;
    Some(identity.principals)
}
