//! People as the cluster knows them: the user resource, and beside it what no client may see.
//!
//! | key | what |
//! | --- | --- |
//! | `/users/NAME` | the user resource, without secrets |
//! | `/subjects/NAME` | who is behind the name: stays when the user is deleted |
//! | `/user_names/FOLDED` | the one spelling that is taken |
//! | `/passwords/NAME` | the password hash, sealed |
//! | `/devices/NAME/ID` | an authenticator app with its seed, or an authenticator with its public key; sealed |
//! | `/credentials/ID` | whose authenticator goes by this id: nobody else's can |
//! | `/login_attempts/COUNTED` | wrong guesses, for names that exist and names that do not |
//! | `/login_attempts/COUNTED/DIGEST` | wrong guesses from a network that somebody has signed in from |
//! | `/known_sources/COUNTED` | those networks, as keyed digests |
//! | `/user_tokens/DIGEST` | invite and reset links, by keyed digest; the seed being set up is sealed |

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Class, Key, Range};
use zeroize::Zeroize;

use super::challenges::Registration;
use super::{Change, Read, State, own_bytes};
use crate::audit::people::DeviceFacts;
use crate::credentials::lockout::{Attempts, counted_name};
use crate::credentials::totp::Seed;
use crate::credentials::webauthn::Credential;
use crate::failure::{Answer, Failure};
use crate::names;

/// Who is behind a name. A user that is deleted and made again is somebody else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Never given twice.
    pub id: String,
    /// Since when. A certificate issued before belongs to somebody else of that name.
    pub born: Timestamp,
    /// When the user was deleted.
    pub ended: Option<Timestamp>,
    /// When the last user of that name before this one was deleted: what others have written down for that one by name
    /// is not this one's.
    #[serde(default)]
    pub namesake_until: Option<Timestamp>,
}

impl Subject {
    /// Whether a certificate issued at `issued` (whole seconds) can be this subject's.
    pub fn can_hold_certificate_of(&self, issued: Timestamp) -> bool {
        self.ended.is_none() && issued.as_second() >= self.born.as_second()
    }
}

/// A stored password hash.
#[derive(Clone, Serialize, Deserialize)]
pub struct Password {
    /// In PHC form.
    pub hash: String,
    /// Since when.
    pub since: Timestamp,
}

impl Drop for Password {
    fn drop(&mut self) {
        self.hash.zeroize();
    }
}

/// A second factor of a user.
#[derive(Clone, Serialize, Deserialize)]
pub struct Device {
    /// What its owner calls it.
    pub name: String,
    /// Its id.
    pub id: String,
    /// Since when.
    pub added: Timestamp,
    /// When it was last right.
    pub used: Timestamp,
    /// What it is.
    pub factor: DeviceFactor,
}

/// What a second factor is.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceFactor {
    /// An application that shows one-time codes.
    App(App),
    /// An authenticator that signs.
    Authenticator(Credential),
}

/// An application that shows one-time codes.
#[derive(Clone, Serialize, Deserialize)]
pub struct App {
    /// The step of the last right code; it and all before are refused.
    pub used_step: u64,
    /// The seed in base 32.
    seed: String,
}

impl Drop for App {
    fn drop(&mut self) {
        self.seed.zeroize();
    }
}

impl App {
    /// The seed.
    pub fn seed(&self) -> Answer<Seed> {
        Seed::from_base32(&self.seed).ok_or_else(|| Failure::internal("a stored seed is not readable"))
    }
}

impl Device {
    /// An application whose first code, of `step`, has just been right.
    pub fn app(name: &str, id: String, seed: &Seed, step: u64, now: Timestamp) -> Self {
        let seed = seed.base32().expose().clone();
        Self {
            name: name.to_owned(),
            id,
            added: now,
            used: now,
            factor: DeviceFactor::App(App {
                used_step: step,
                seed,
            }),
        }
    }

    /// An authenticator that was just registered.
    pub fn authenticator(name: &str, id: String, credential: Credential, now: Timestamp) -> Self {
        Self {
            name: name.to_owned(),
            id,
            added: now,
            used: now,
            factor: DeviceFactor::Authenticator(credential),
        }
    }

    /// The credential, if it is an authenticator.
    pub fn credential(&self) -> Option<&Credential> {
        match &self.factor {
            DeviceFactor::Authenticator(credential) => Some(credential),
            DeviceFactor::App(_) => None,
        }
    }

    /// Whether it shows one-time codes.
    pub fn is_app(&self) -> bool {
        matches!(self.factor, DeviceFactor::App(_))
    }

    /// What records say of it.
    pub fn facts(&self) -> DeviceFacts {
        DeviceFacts {
            name: self.name.clone(),
            id: self.id.clone(),
            kind: match self.factor {
                DeviceFactor::App(_) => "TOTP",
                DeviceFactor::Authenticator(_) => "WebAuthn",
            },
        }
    }
}

/// Whose authenticator goes by an id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialOwner {
    /// The user.
    pub user: String,
    /// The id of the device.
    pub device: String,
}

/// What a link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkKind {
    /// The first password of a new user.
    Invite,
    /// Another password and other devices for a user.
    Password,
}

/// An invite or reset link, without its secret.
#[derive(Clone, Serialize, Deserialize)]
pub struct Link {
    /// For whom.
    pub user: String,
    /// Which subject of that name.
    pub subject: String,
    /// What for.
    pub kind: LinkKind,
    /// Since when.
    pub created: Timestamp,
    /// Until when.
    pub expires: Timestamp,
    /// The seed of the authenticator app that is being set up, in base 32.
    seed: Option<String>,
    /// The challenge for an authenticator that is being set up.
    #[serde(default)]
    registration: Option<Registration>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.seed.zeroize();
    }
}

impl Link {
    /// A new link.
    pub fn new(user: &str, subject: &str, kind: LinkKind, created: Timestamp, expires: Timestamp) -> Self {
        Self {
            user: user.to_owned(),
            subject: subject.to_owned(),
            kind,
            created,
            expires,
            seed: None,
            registration: None,
        }
    }

    /// The challenge given last, for an authenticator.
    pub fn registration(&self) -> Option<&Registration> {
        self.registration.as_ref()
    }

    /// Gives another challenge for an authenticator; the one before counts no more.
    pub fn begin_registration(&mut self, registration: Registration) {
        self.registration = Some(registration);
    }

    /// The seed shown last.
    pub fn seed(&self) -> Option<Seed> {
        self.seed.as_deref().and_then(Seed::from_base32)
    }

    /// Shows another seed; the one before counts no more.
    pub fn show_seed(&mut self, seed: &Seed) {
        self.seed.zeroize();
        self.seed = Some(seed.base32().expose().clone());
    }
}

/// Where the keys of people live.
pub mod keys {
    use sha2::{Digest as _, Sha256};
    use store::{Key, Prefix};

    use super::{counted_name, names};

    /// Who is behind a name.
    pub fn subject(user: &str) -> Key {
        Key::of(["subjects", user])
    }

    /// Everybody who is or was here.
    pub fn subjects() -> Prefix {
        Prefix::of(["subjects"])
    }

    /// The spelling that is taken.
    pub fn spelling(user: &str) -> Key {
        Key::of(["user_names", &names::folded(user)])
    }

    /// The password.
    pub fn password(user: &str) -> Key {
        Key::of(["passwords", user])
    }

    /// One authenticator.
    pub fn device(user: &str, id: &str) -> Key {
        Key::of(["devices", user, id])
    }

    /// All authenticators of a user.
    pub fn devices(user: &str) -> Prefix {
        Prefix::of(["devices", user])
    }

    /// Whose authenticator goes by an id.
    pub fn credential(id: &[u8]) -> Key {
        Key::of(["credentials", &crate::ids::hex(&Sha256::digest(id))])
    }

    /// Wrong guesses at a name.
    pub fn attempts(user: &str) -> Key {
        Key::of(["login_attempts", &counted_name(user)])
    }

    /// Wrong guesses at a name from a network that its owner has signed in from.
    pub fn attempts_from(user: &str, source: &str) -> Key {
        Key::of(["login_attempts", &counted_name(user), source])
    }

    /// The networks that somebody has signed in from.
    pub fn sources(user: &str) -> Key {
        Key::of(["known_sources", &counted_name(user)])
    }

    /// A link, by the digest of its secret.
    pub fn link(digest: &str) -> Key {
        Key::of(["user_tokens", digest])
    }

    /// All links.
    pub fn links() -> Prefix {
        Prefix::of(["user_tokens"])
    }
}

/// An authenticator as read, with what is needed to write it back.
pub type ReadDevice = (Key, Read<Device>);

impl State {
    /// Whether there is or was anybody at all.
    pub async fn has_ever_known_anybody(&self, now: Timestamp) -> Answer<bool> {
        let page = self.page(Range::under(keys::subjects()).limit(1), now).await?;
        Ok(!page.items.is_empty())
    }

    /// Who is behind a name, living or not.
    pub async fn subject(&self, user: &str, now: Timestamp) -> Answer<Option<Read<Subject>>> {
        self.own(&keys::subject(user), now).await
    }

    /// The password hash of a user.
    pub async fn password(&self, user: &str, now: Timestamp) -> Answer<Option<Read<Password>>> {
        self.sealed(Class::Credentials, &keys::password(user), now).await
    }

    /// The authenticators of a user, in the order of their ids.
    pub async fn devices(&self, user: &str, now: Timestamp) -> Answer<Vec<ReadDevice>> {
        let (items, _) = self.all(keys::devices(user), now).await?;
        items
            .iter()
            .map(|item| Ok((item.key.clone(), self.open_item(Class::Credentials, item)?)))
            .collect()
    }

    /// Wrong guesses at a name.
    pub async fn attempts(&self, user: &str, now: Timestamp) -> Answer<Option<Read<Attempts>>> {
        self.own(&keys::attempts(user), now).await
    }

    /// The link whose secret is `token`, and its key.
    pub async fn link(&self, token: &str, now: Timestamp) -> Answer<Option<(Key, Read<Link>)>> {
        let key = self.link_key(token)?;
        Ok(self
            .sealed(Class::Tokens, &key, now)
            .await?
            .map(|link| (key, link)))
    }

    /// Where the link whose secret is `token` lives.
    pub fn link_key(&self, token: &str) -> Answer<Key> {
        Ok(keys::link(&self.digest(Class::Tokens, "user token", token)?))
    }

    /// The links of a user. There are few links at any time, and they end soon.
    pub async fn links_of(&self, user: &str, now: Timestamp) -> Answer<Vec<Key>> {
        let (items, _) = self.all(keys::links(), now).await?;
        let mut found = Vec::new();
        for item in items {
            let link: Read<Link> = self.open_item(Class::Tokens, &item)?;
            if link.value.user == user {
                found.push(item.key);
            }
        }
        Ok(found)
    }

    /// All links.
    pub async fn links(&self, now: Timestamp) -> Answer<Vec<(Key, Read<Link>)>> {
        let (items, _) = self.all(keys::links(), now).await?;
        items
            .iter()
            .map(|item| Ok((item.key.clone(), self.open_item(Class::Tokens, item)?)))
            .collect()
    }

    /// Puts a password into a change.
    pub fn put_password(&self, change: Change, user: &str, password: &Password) -> Answer<Change> {
        let key = keys::password(user);
        let bytes = self.seal_own(Class::Credentials, &key, password)?;
        Ok(change.put(key, bytes))
    }

    /// Puts a second factor into a change.
    pub fn put_device(&self, change: Change, user: &str, device: &Device) -> Answer<Change> {
        let key = keys::device(user, &device.id);
        let bytes = self.seal_own(Class::Credentials, &key, device)?;
        Ok(change.put(key, bytes))
    }

    /// Puts a new second factor into a change, which fails if another one goes by the id of its credential.
    pub fn put_new_device(&self, change: Change, user: &str, device: &Device) -> Answer<Change> {
        let change = self.put_device(change, user, device)?;
        let Some(credential) = device.credential() else {
            return Ok(change);
        };
        let key = keys::credential(&credential.id);
        let owner = CredentialOwner {
            user: user.to_owned(),
            device: device.id.clone(),
        };
        Ok(change.require_same(&key, None).put(key, own_bytes(&owner)?))
    }

    /// Whose authenticator goes by `id`, and that authenticator.
    pub async fn device_of_credential(
        &self,
        id: &[u8],
        now: Timestamp,
    ) -> Answer<Option<(String, ReadDevice)>> {
        let owner: Option<Read<CredentialOwner>> = self.own(&keys::credential(id), now).await?;
        let Some(owner) = owner else {
            return Ok(None);
        };
        let key = keys::device(&owner.value.user, &owner.value.device);
        let device = self.sealed(Class::Credentials, &key, now).await?;
        Ok(device.map(|device| (owner.value.user, (key, device))))
    }

    /// Puts a link into a change.
    pub fn put_link(&self, change: Change, key: &Key, link: &Link) -> Answer<Change> {
        let bytes = self.seal_own(Class::Tokens, key, link)?;
        Ok(change.put_until(key.clone(), bytes, Some(link.expires)))
    }
}

/// Takes a second factor out with a change.
#[must_use]
pub fn without_device(change: Change, key: Key, device: &Device) -> Change {
    let change = change.delete(key);
    match device.credential() {
        Some(credential) => change.delete(keys::credential(&credential.id)),
        None => change,
    }
}

/// Puts a subject into a change.
pub fn put_subject(change: Change, user: &str, subject: &Subject) -> Answer<Change> {
    Ok(change.put(keys::subject(user), own_bytes(subject)?))
}

/// Puts the count of wrong guesses at a door into a change.
pub fn put_attempts(change: Change, door: &Key, attempts: &Attempts) -> Answer<Change> {
    let until = attempts.kept_until(change.now());
    Ok(change.put_until(door.clone(), own_bytes(attempts)?, Some(until)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_certificate_does_not_belong_to_a_namesake() {
        let born: Timestamp = "2026-01-01T12:00:00.7Z".parse().unwrap();
        let subject = Subject {
            id: "2".to_owned(),
            born,
            ended: None,
            namesake_until: None,
        };
        let second = jiff::SignedDuration::from_secs(1);
        assert!(!subject.can_hold_certificate_of(born - second));
        assert!(subject.can_hold_certificate_of(born));
        let gone = Subject {
            ended: Some(born),
            ..subject
        };
        assert!(!gone.can_hold_certificate_of(born + second));
    }
}
