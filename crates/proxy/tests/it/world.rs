//! A cluster in one process: an Auth Service on a store in memory, a proxy in front of it, and a real port on loopback.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use access::SystemRole;
use access::ambient::{Clock, Entropy, SeededEntropy};
use auth::credentials::password::Cost;
use auth::credentials::totp::Seed;
use auth::guard::Rates;
use auth::{Auth, HostIdentity, SealSource};
use client::identity::{Identity, IdentityHandle, IdentityParts, Origin};
use client::{Cluster, Connect, Destination};
use jiff::Timestamp;
use pki::AuthorityKind;
use proxy::{Opening, Proxy, Settings};
use rustls_pki_types::CertificateDer;
use store::{Memory, SealKey};
use tokio::net::TcpListener;
use transport::dial::Trust;
use transport::endpoint::TlsEndpoint;
use transport::http::HttpHandler;
use transport::limits::Limits;
use transport::listen::Listener;
use transport::rate::Rate;
use transport::target::Target;
use transport::tls::{ClientAuthorities, Credentials, ServerSettings, ServerTls};
use transport::{Address, Drain, names};
use wire::keep::Kept;
use wire::pb::countersign::v1 as ours;
use wire::pb::proto;
use wire::pb::teleport::users::v1 as users;
use wire::pb::types::{
    AccessRequestSpecV3, AccessRequestV3, AccessReview, AccessReviewSubmission, Metadata, RequestState,
    RoleV6, UserSpecV2, UserV2,
};
use wire::resource::{Limits as ReadLimits, defaults, read_all};

pub const CLUSTER: &str = "teleport.example.com";
pub const HOST: &str = "5d4a3c1e-63c0-4b5e-9b8e-0d3f6c2a1b00";
pub const ROLES: &str = include_str!("../../../e2e/data/guide/dual-authorization-roles.yaml");
pub const PASSWORD: &str = "a long enough password";

/// A running cluster.
pub struct World {
    pub clock: Arc<dyn Clock>,
    /// The local administrator.
    pub admin: Cluster,
    /// The proxy as the cluster knows it.
    pub as_proxy: Cluster,
    pub proxy: Arc<Proxy>,
    /// The public port.
    pub address: Address,
    /// What the public port shows.
    pub certificate: CertificateDer<'static>,
    store: Arc<Memory>,
    /// The connections to the Auth Service.
    road: Drain,
    authorities: String,
    door: Arc<dyn Target>,
    entropy: Arc<dyn Entropy>,
    sessions: Mutex<BTreeMap<String, ours::WebSession>>,
}

/// Somebody with a password and an authenticator app.
pub struct Person {
    pub name: String,
    pub seed: Seed,
    /// The session of the browser in which the invitation was accepted.
    pub session: ours::WebSession,
}

impl Person {
    /// The cookie of that session.
    pub fn cookie(&self) -> String {
        cookie(&self.session.user, &self.session.id)
    }
}

/// The cookie of a session.
pub fn cookie(user: &str, id: &str) -> String {
    let content = format!(r#"{{"user":"{user}","sid":"{id}"}}"#);
    content
        .bytes()
        .fold("__Host-session=".to_owned(), |cookie, byte| {
            format!("{cookie}{byte:02x}")
        })
}

/// Rates that no story reaches.
pub fn no_limits() -> Rates {
    let much = Rate::per_second(1_000, 1_000_000);
    Rates {
        guesses: much,
        credentials: much,
        user: much,
        requests: much,
        refusals: much,
        pending_requests: usize::MAX,
    }
}

impl World {
    /// A cluster that lives by `clock`, its proxy on `listen`; `named` says whether the configuration names its address.
    pub async fn open(clock: Arc<dyn Clock>, rates: Rates, listen: SocketAddr, named: bool) -> Self {
        let socket = TcpListener::bind(listen).await.expect("a port");
        let listen_address = socket.local_addr().expect("an address");
        let public = Address::new("localhost", listen_address.port());
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::named("proxy tests"));
        let store = Arc::new(Memory::new());
        let opening = auth::Opening {
            store: Arc::<Memory>::clone(&store),
            seal: SealSource::Key(SealKey::from_bytes([7; 32])),
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
            settings: auth::Settings {
                cluster_name: Some(CLUSTER.to_owned()),
                proxy_public_address: named.then(|| public.to_string()),
                // What is tested here is not how slow a hash is.
                password_cost: Cost {
                    memory_kib: 8,
                    passes: 1,
                },
                rates,
                ..auth::Settings::new(HOST, "demo")
            },
        };
        let auth = match Auth::open(opening).await {
            Ok(auth) => auth,
            Err(error) => panic!("the Auth Service opens: {error}"),
        };
        let own = host(&auth, SystemRole::Admin).await;
        let door = door(&auth, &clock, &own).await;
        let road = Drain::new();
        let dial = |identity: Identity| {
            Cluster::lazy(Connect {
                identity: IdentityHandle::new(identity),
                destination: Destination::InProcess(Arc::clone(&door), road.clone()),
                insecure: false,
                clock: Arc::clone(&clock),
                program: "test",
            })
        };
        let as_host = host(&auth, SystemRole::Proxy).await;
        let inner = mutual_tls(&auth, &clock, &as_host, proxy::passage_protocols()).await;
        let as_proxy = dial(identity_of(&as_host));
        let proxy = Proxy::open(Opening {
            cluster: as_proxy.clone(),
            auth_road: (Arc::clone(&door), road.clone()),
            settings: Settings {
                cluster: CLUSTER.to_owned(),
                host_id: HOST.to_owned(),
                node_name: "demo".to_owned(),
                public_addresses: vec![public.clone()],
                listen_address,
                auth_listen_address: None,
            },
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
        });
        let key = pki::KeyPair::generate(pki::Algorithm::P256, &*entropy).expect("a key");
        let certificate = pki::issue::web::self_signed(&key, "localhost", &[], clock.now(), &*entropy)
            .expect("a certificate");
        let tls = ServerTls::new(
            ServerSettings {
                certificates: vec![
                    Credentials::from_key_pair(vec![certificate.clone()], &key).expect("credentials"),
                ],
                client_authorities: None,
                protocols: Vec::new(),
                cluster: None,
            },
            Arc::clone(&clock),
        )
        .expect("settings");
        let port = proxy.port(tls, Some(inner), Arc::clone(&door));
        tokio::spawn(Listener::new(socket, Limits::default()).serve(port, Drain::new()));
        let world = Self {
            admin: dial(identity_of(&own)),
            as_proxy,
            proxy,
            address: public,
            certificate,
            store,
            road,
            authorities: own.authorities.clone(),
            clock,
            door,
            entropy,
            sessions: Mutex::default(),
        };
        world.apply(ROLES).await;
        world
    }

    /// Whom clients of the public port believe.
    pub fn trust(&self) -> Trust {
        Trust::Authorities(vec![self.certificate.clone()])
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn key(&self) -> pki::KeyPair {
        pki::KeyPair::generate(pki::Algorithm::P256, &*self.entropy).expect("a key")
    }

    /// Writes every role of a resource file.
    pub async fn apply(&self, yaml: &str) {
        for resource in read_all(yaml, &ReadLimits::default()).expect("a resource file") {
            let mut role: RoleV6 = resource.to().expect("a role");
            defaults::role(&mut role);
            let request = proto::UpsertRoleRequest {
                role: Some(Kept::from(role)),
            };
            self.admin.auth().upsert_role_v2(request).await.expect("stored");
        }
    }

    /// A user who has no password yet.
    pub async fn user(&self, name: &str, roles: &[&str]) {
        let mut user = UserV2 {
            metadata: Some(Metadata {
                name: name.to_owned(),
                ..Metadata::default()
            }),
            spec: Some(UserSpecV2 {
                roles: roles.iter().map(|role| (*role).to_owned()).collect(),
                ..UserSpecV2::default()
            }),
            ..UserV2::default()
        };
        defaults::user(&mut user);
        let request = users::CreateUserRequest {
            user: Some(Kept::from(user)),
        };
        self.admin.users().create_user(request).await.expect("a new user");
    }

    /// A link for a user: the resource that `tctl users add` and `tctl users reset` print.
    pub async fn link(&self, name: &str, kind: &str) -> wire::pb::types::UserTokenV3 {
        let request = proto::CreateResetPasswordTokenRequest {
            name: name.to_owned(),
            r#type: kind.to_owned(),
            ..Default::default()
        };
        let made = self.admin.auth().create_reset_password_token(request).await;
        made.expect("a link").into_inner()
    }

    /// The secret of a new link.
    pub async fn token(&self, name: &str, kind: &str) -> String {
        self.link(name, kind).await.metadata.expect("metadata").name
    }

    /// Somebody new who has accepted an invitation.
    pub async fn person(&self, name: &str, roles: &[&str]) -> Person {
        self.user(name, roles).await;
        let token = self.token(name, "invite").await;
        let mut sign_in = self.as_proxy.sign_in();
        let shown = sign_in
            .enrol_authenticator(ours::EnrolAuthenticatorRequest {
                token: token.clone(),
                ..Default::default()
            })
            .await
            .expect("a secret");
        let seed = Seed::from_base32(&shown.into_inner().secret).expect("a seed");
        let request = ours::AcceptInviteRequest {
            token,
            new_password: PASSWORD.as_bytes().to_vec().into(),
            totp_code: seed.code(self.now()).expect("a code"),
            open_web_session: true,
            ..Default::default()
        };
        let accepted = sign_in
            .accept_invite(request)
            .await
            .expect("accepted")
            .into_inner();
        let session = accepted.web_session.expect("a session");
        self.sessions
            .lock()
            .expect("not poisoned")
            .insert(name.to_owned(), session.clone());
        Person {
            name: name.to_owned(),
            seed,
            session,
        }
    }

    /// The cluster as seen by somebody who has accepted an invitation, with the certificate of that session.
    pub async fn as_user(&self, user: &str) -> Cluster {
        let session = self.sessions.lock().expect("not poisoned")[user].clone();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("PEM");
        let parts = IdentityParts {
            private_key: text(&session.tls_private_key).into(),
            tls_certificate: text(&session.tls_certificate),
            tls_authorities: self.authorities.clone(),
            ssh_certificate: None,
        };
        self.dial(Identity::new(&parts, Origin::Process).expect("an identity"))
    }

    fn dial(&self, identity: Identity) -> Cluster {
        Cluster::lazy(Connect {
            identity: IdentityHandle::new(identity),
            destination: Destination::InProcess(Arc::clone(&self.door), self.road.clone()),
            insecure: false,
            clock: Arc::clone(&self.clock),
            program: "test",
        })
    }

    /// `user` asks for `roles`; gives the request's id.
    pub async fn ask(&self, user: &str, roles: &[&str], reason: &str) -> String {
        let request = AccessRequestV3 {
            kind: "access_request".to_owned(),
            version: "v3".to_owned(),
            metadata: Some(Metadata {
                name: auth::ids::Chance::new(Arc::clone(&self.entropy)).uuid(),
                ..Metadata::default()
            }),
            spec: Some(AccessRequestSpecV3 {
                user: user.to_owned(),
                roles: roles.iter().map(|role| (*role).to_owned()).collect(),
                state: RequestState::Pending.into(),
                request_reason: reason.to_owned(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let made = self
            .as_user(user)
            .await
            .auth()
            .create_access_request_v2(Kept::from(request))
            .await
            .expect("a request");
        made.into_inner().metadata.clone().expect("metadata").name
    }

    /// `user` reviews a request.
    pub async fn review(&self, user: &str, id: &str, state: RequestState, reason: &str) {
        let review = AccessReviewSubmission {
            request_id: id.to_owned(),
            review: Some(AccessReview {
                proposed_state: state.into(),
                reason: reason.to_owned(),
                ..Default::default()
            }),
        };
        self.as_user(user)
            .await
            .auth()
            .submit_access_review(review)
            .await
            .expect("reviewed");
    }

    /// The number of the last change, whatever it was: a changed thing, or a record of something refused.
    pub fn last_change(&self) -> store::Revision {
        store::Store::revision(&*self.store)
    }

    /// From now on nobody reaches the Auth Service from within this process.
    pub async fn cut_off(&self) {
        self.road.finish(std::time::Duration::ZERO).await;
    }

    /// Locks a user.
    pub async fn lock(&self, user: &str) {
        let lock = wire::pb::types::LockV2 {
            kind: "lock".to_owned(),
            version: "v2".to_owned(),
            metadata: Some(Metadata {
                name: format!("lock-{user}"),
                ..Metadata::default()
            }),
            spec: Some(wire::pb::types::LockSpecV2 {
                target: Some(wire::pb::types::LockTarget {
                    user: user.to_owned(),
                    ..Default::default()
                }),
                ..Default::default()
            }),
            ..Default::default()
        };
        self.admin
            .auth()
            .upsert_lock(Kept::from(lock))
            .await
            .expect("locked");
    }
}

async fn host(auth: &Arc<Auth>, role: SystemRole) -> HostIdentity {
    auth.host_identity(role, &[]).await.expect("a certificate")
}

fn identity_of(host: &HostIdentity) -> Identity {
    let parts = IdentityParts {
        private_key: host.private_key.clone(),
        tls_certificate: host.certificate.clone(),
        tls_authorities: host.authorities.clone(),
        ssh_certificate: Some(host.ssh_certificate.clone()),
    };
    Identity::new(&parts, Origin::Process).expect("an identity")
}

/// The Auth port.
async fn door(auth: &Arc<Auth>, clock: &Arc<dyn Clock>, own: &HostIdentity) -> Arc<dyn Target> {
    let protocols = vec![names::H2.to_vec(), names::HTTP_1_1.to_vec()];
    Arc::new(TlsEndpoint::new(
        mutual_tls(auth, clock, own, protocols).await,
        HttpHandler::new(auth::server::service(auth)),
    ))
}

/// TLS that shows a certificate of the cluster and asks for one.
async fn mutual_tls(
    auth: &Arc<Auth>,
    clock: &Arc<dyn Clock>,
    own: &HostIdentity,
    protocols: Vec<Vec<u8>>,
) -> Arc<ServerTls> {
    let trusted = async |kind: AuthorityKind| {
        let authority = auth
            .state
            .authority(kind, clock.now())
            .await
            .expect("an authority");
        authority
            .certificates()
            .map(|certificate| certificate.der().clone())
            .collect()
    };
    let certificate = Credentials::from_pem(own.certificate.as_bytes(), own.private_key.expose().as_bytes())
        .expect("credentials");
    let settings = ServerSettings {
        certificates: vec![certificate],
        client_authorities: Some(ClientAuthorities {
            user: trusted(AuthorityKind::User).await,
            host: trusted(AuthorityKind::Host).await,
        }),
        protocols,
        cluster: Some(CLUSTER.to_owned()),
    };
    ServerTls::new(settings, Arc::clone(clock)).expect("settings")
}
