//! Who is logged in: a profile with its keys, or credentials in a file.
//!
//! A session is read from disk, checked, and connected when a command needs the cluster. Only [`Session::reissue`]
//! changes what is on disk, and only after the new certificate was found to be good.

use std::sync::Arc;

use cli::Failure;
use client::identity::{Identity, IdentityHandle, IdentityParts, Origin};
use client::profile::{Profile, ProfileDir, ProfileKeys};
use client::{Cluster, Connect, Destination};
use jiff::Timestamp;
use pki::PublicKey;
use transport::Address;
use wire::convert;
use wire::pb::proto::UserCertsRequest;

use crate::refusal;
use crate::world::{World, no_proxy};

/// Who is logged in.
pub struct Session {
    /// Where the cluster is, and who its user.
    pub profile: Profile,
    /// The certificates, as they are on disk.
    pub identity: Identity,
    place: Place,
}

/// Where the credentials lie.
enum Place {
    Profile(ProfileDir, Box<ProfileKeys>),
    File(Vec<Address>),
}

impl Session {
    /// The session that the flags and the environment mean; `None` if nobody is logged in there.
    pub fn find(world: &World) -> Result<Option<Self>, Failure> {
        if let Some(path) = world.identity() {
            if world.proxy().is_none() {
                return Err(Failure::new("tsh --identity also requires --proxy")
                    .hint("the file does not say where its cluster is"));
            }
            let identity = Identity::from_file(path).map_err(refusal::of_identity)?;
            cli::key_file::warn_if_readable(path);
            let addresses = world.proxy_addresses()?;
            let profile = Profile {
                web_proxy_addr: addresses.first().map(ToString::to_string).unwrap_or_default(),
                user: identity.user().to_owned(),
                cluster: identity.cluster().to_owned(),
                ..Profile::default()
            };
            return Ok(Some(Self {
                profile,
                identity,
                place: Place::File(addresses),
            }));
        }
        let directory = World::profiles()?;
        let name = match world.proxy_host()? {
            Some(host) => Some(host),
            None => directory.current_name().map_err(refusal::of_profile)?,
        };
        let Some(name) = name else { return Ok(None) };
        let found = Self::of_profile(&directory, &name)?;
        Ok(match found {
            Some(session) if world.means(&session.profile.web_proxy_addr)? => Some(session),
            _ => None,
        })
    }

    /// The session of a profile.
    pub fn of_profile(directory: &ProfileDir, name: &str) -> Result<Option<Self>, Failure> {
        let Some(profile) = directory.load(name).map_err(refusal::of_profile)? else {
            return Ok(None);
        };
        let Some(keys) = directory.keys(&profile).map_err(refusal::of_profile)? else {
            return Ok(None);
        };
        let origin = Origin::Profile(name.to_owned());
        let identity = Identity::new(&IdentityParts::from(&keys), origin).map_err(refusal::of_identity)?;
        Ok(Some(Self {
            profile,
            identity,
            place: Place::Profile(directory.clone(), Box::new(keys)),
        }))
    }

    /// The session of a command that is of no use without one.
    pub fn require(world: &World) -> Result<Self, Failure> {
        let Some(session) = Self::find(world)? else {
            return Err(match world.proxy() {
                Some(proxy) => Failure::new(format!("nobody is logged in to `{proxy}`"))
                    .hint(format!("sign in with `tsh login --proxy={proxy}`")),
                None => no_proxy(),
            });
        };
        session
            .identity
            .check_time(world.clock.now())
            .map_err(refusal::of_identity)?;
        Ok(session)
    }

    /// Whether the credentials come from a file that is not ours to change.
    pub fn is_file(&self) -> bool {
        matches!(self.place, Place::File(_))
    }

    /// Whether the certificate's time is over.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now >= self.identity.not_after()
    }

    /// Connects, and makes the first call, so that what is wrong shows at once.
    pub async fn connect(&self, world: &World) -> Result<Cluster, Failure> {
        let addresses = match &self.place {
            Place::File(addresses) => addresses.clone(),
            Place::Profile(..) => vec![
                Address::parse(&self.profile.web_proxy_addr, 443)
                    .map_err(|error| Failure::new(error.to_string()).hint("log in again with `tsh login`"))?,
            ],
        };
        let connect = Connect {
            identity: IdentityHandle::new(self.identity.clone()),
            destination: Destination::Addresses(addresses),
            insecure: world.insecure(),
            clock: Arc::clone(&world.clock),
            program: "tsh",
        };
        let (cluster, _) = Cluster::connect(connect)
            .await
            .map_err(|error| refusal::of_connection(&error, world.debug()))?;
        Ok(cluster)
    }

    /// Exchanges the certificates: with the requests `add`, without those in `drop` (`*`: without any).
    ///
    /// The keys stay. The new certificate is on disk when this returns, and `cluster` uses it. What another `tsh`
    /// has done meanwhile counts: requests it has added stay, and a profile that is no longer ours is left alone.
    pub async fn reissue(
        self,
        world: &World,
        cluster: &Cluster,
        add: &[String],
        drop: &[String],
    ) -> Result<Self, Failure> {
        let Place::Profile(directory, keys) = &self.place else {
            return Err(
                Failure::new("the credentials come from a file, and a file is not written over")
                    .hint("sign in with `tsh login`, then use the request with `tsh login --request-id=ID`"),
            );
        };
        let now_there = self.still_there(directory, keys)?;
        let mut requests = add.to_vec();
        let dropped = |id: &String| drop.iter().any(|dropped| dropped == "*" || dropped == id);
        for id in &now_there.certified().active_requests {
            if !dropped(id) && !requests.contains(id) {
                requests.push(id.clone());
            }
        }
        let unreadable = |error: pki::KeyError| {
            Failure::new(format!("the keys of the profile cannot be used: {error}"))
                .hint("log in again with `tsh login`")
        };
        let ssh_key = PublicKey::from_ssh_line(&keys.ssh_public_key).map_err(unreadable)?;
        let tls_key = pki::KeyPair::from_pem(keys.tls_private_key.expose()).map_err(unreadable)?;
        let asked = UserCertsRequest {
            username: self.profile.user.clone(),
            ssh_public_key: format!("{}\n", ssh_key.to_ssh_line()).into_bytes().into(),
            tls_public_key: tls_key.public().to_pem().map_err(unreadable)?.into_bytes().into(),
            expires: Some(convert::timestamp(now_there.not_after())),
            route_to_cluster: self.profile.cluster.clone(),
            access_requests: requests,
            drop_access_requests: drop.to_vec(),
            ..UserCertsRequest::default()
        };
        let certificates = cluster
            .auth()
            .generate_user_certs(asked)
            .await
            .map_err(|status| {
                let failure = refusal::of_call(cluster, &status);
                let active = &now_there.certified().active_requests;
                match active
                    .iter()
                    .find(|id| !add.contains(id) && status.message().contains(*id))
                {
                    Some(id) => failure.hint(format!("`tsh request drop {id}` lets go of it")),
                    None => failure,
                }
            })?
            .into_inner();
        let text = |bytes: &[u8]| {
            String::from_utf8(bytes.to_vec())
                .map_err(|_| Failure::new("the cluster sent a certificate that is no text"))
        };
        let keys = ProfileKeys {
            tls_certificate: text(&certificates.tls)?,
            ssh_certificate: text(&certificates.ssh)?,
            ..ProfileKeys::clone(keys)
        };
        let origin = Origin::Profile(self.profile.name().to_owned());
        let identity = Identity::new(&IdentityParts::from(&keys), origin).map_err(refusal::of_identity)?;
        identity
            .check_time(world.clock.now())
            .map_err(refusal::of_identity)?;
        directory
            .save_certificates(&self.profile, &keys.tls_certificate, &keys.ssh_certificate)
            .map_err(refusal::of_profile)?;
        cluster.identity().replace(identity.clone());
        let place = Place::Profile(directory.clone(), Box::new(keys));
        Ok(Self {
            profile: self.profile,
            identity,
            place,
        })
    }

    /// What is on disk now, if it is still for the same key.
    fn still_there(&self, directory: &ProfileDir, keys: &ProfileKeys) -> Result<Identity, Failure> {
        let name = self.profile.name();
        let found = Self::of_profile(directory, name)?;
        let same = |place: &Place| match place {
            Place::Profile(_, now) => now.tls_private_key.expose() == keys.tls_private_key.expose(),
            Place::File(_) => false,
        };
        match found {
            Some(session) if session.profile.user == self.profile.user && same(&session.place) => {
                Ok(session.identity)
            }
            Some(_) => Err(Failure::new(format!(
                "somebody has signed in to `{name}` anew meanwhile; that profile is left as it is"
            ))
            .hint("use an approved request with `tsh login --request-id=ID`")),
            None => Err(Failure::new(format!("you have signed out of `{name}` meanwhile"))
                .hint("sign in, then use an approved request with `tsh login --request-id=ID`")),
        }
    }
}
