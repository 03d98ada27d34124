//! A cluster on a port of this machine: an Auth Service in memory that can be stopped and started again, and the people
//! of the guide, each with a certificate of their own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use access::SystemRole;
use access::ambient::{Clock, Entropy, ManualClock};
use auth::credentials::password::Cost;
use auth::credentials::totp::Seed;
use auth::guard::Rates;
use auth::{Auth, HostIdentity, Opening, SealSource, Settings};
use client::identity::{Identity, IdentityHandle, IdentityParts, Origin};
use client::{Cluster, Connect, Destination};
use jiff::SignedDuration;
use pki::{Algorithm, AuthorityKind, KeyPair};
use store::{Memory, SealKey, Store};
use tokio::net::TcpListener;
use transport::endpoint::{Handler, TlsEndpoint};
use transport::http::HttpHandler;
use transport::limits::Limits;
use transport::listen::Listener;
use transport::rate::Rate;
use transport::system::{SystemClock, SystemEntropy};
use transport::target::{Serving as Serves, Target};
use transport::tls::{ClientAuthorities, Credentials, ServerSettings, ServerTls};
use transport::{Accepted, Address, Drain, names};
use wire::convert::timestamp;
use wire::keep::Kept;
use wire::pb::countersign::v1 as ours;
use wire::pb::proto;
use wire::pb::teleport::users::v1 as users;
use wire::pb::types::{
    self, AccessRequestSpecV3, AccessRequestV3, AccessReview, AccessReviewSubmission, Metadata,
    PluginDataFilter, RequestState,
};
use wire::resource::{Kind, Limits as ReadLimits, defaults, read_all};

pub const CLUSTER: &str = "teleport.example.com";
pub const PROXY: &str = "proxy.example.com:3080";
const HOST: &str = "5d4a3c1e-63c0-4b5e-9b8e-0d3f6c2a1b00";
const GUIDE: &str = include_str!("../../../e2e/data/guide/dual-authorization-roles.yaml");
const PLUGIN: &str = include_str!("../../../e2e/data/guide/access-plugin.yaml");

/// A running cluster.
pub struct Teleport {
    pub clock: Arc<ManualClock>,
    store: Arc<dyn Store>,
    entropy: Arc<dyn Entropy>,
    address: SocketAddr,
    authorities: String,
    serving: Serving,
    /// The local administrator, as at the start.
    pub admin: Cluster,
    proxy: Cluster,
}

struct Serving {
    auth: Arc<Auth>,
    drain: Drain,
}

/// The people of the guide.
pub struct People {
    pub bob: Cluster,
    pub alice: Cluster,
    pub ivan: Cluster,
}

impl Teleport {
    /// A new cluster with the guide's roles and the plugin's user.
    pub async fn start() -> Self {
        Self::start_with(PLUGIN).await
    }

    /// The same with other resources for the plugin.
    pub async fn start_with(plugin: &str) -> Self {
        // Behind the present, so that what is signed here later is valid for programs that read the real clock.
        let start = SystemClock::new().now() - SignedDuration::from_mins(30);
        let clock = Arc::new(ManualClock::new(start));
        let store: Arc<dyn Store> = Arc::new(Memory::new());
        let auth = open(&store, &clock).await;
        let host = identity(&auth, SystemRole::Admin).await;
        let socket = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = socket.local_addr().expect("an address");
        let serving = serve(auth, &clock, socket).await;
        let proxy = identity(&serving.auth, SystemRole::Proxy).await;
        let dial = |host: &HostIdentity| dial(&clock, address, own(host));
        let this = Self {
            admin: dial(&host),
            proxy: dial(&proxy),
            authorities: host.authorities.clone(),
            clock,
            store,
            entropy: Arc::new(SystemEntropy),
            address,
            serving,
        };
        this.apply(GUIDE).await;
        this.apply(plugin).await;
        this
    }

    /// Ends the Auth Service; its port is closed.
    pub async fn stop(&self) {
        self.serving.drain.finish(Duration::from_millis(200)).await;
    }

    /// Starts the Auth Service on the same store and port.
    pub async fn restart(&mut self) {
        self.stop().await;
        let auth = open(&self.store, &self.clock).await;
        let socket = TcpListener::bind(self.address).await.expect("the same port");
        self.serving = serve(auth, &self.clock, socket).await;
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// HTTPS in front of another port of this machine, with a certificate of the host authority; gives the address and
    /// the authority's certificate.
    pub async fn https_before(&self, port: SocketAddr) -> (SocketAddr, String) {
        let names = pki::names::service_names(SystemRole::Proxy, "web", ["127.0.0.1"]);
        let shown = self
            .serving
            .auth
            .host_identity(SystemRole::Proxy, &names)
            .await
            .expect("a certificate");
        let certificate = Credentials::from_pem(
            shown.certificate.as_bytes(),
            shown.private_key.expose().as_bytes(),
        );
        let settings = ServerSettings {
            certificates: vec![certificate.expect("credentials")],
            client_authorities: None,
            protocols: vec![names::HTTP_1_1.to_vec()],
            cluster: None,
        };
        let tls = ServerTls::new(settings, Arc::<ManualClock>::clone(&self.clock)).expect("settings");
        let target: Arc<dyn Target> = Arc::new(TlsEndpoint::new(tls, Onward(port)));
        let socket = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = socket.local_addr().expect("an address");
        let drain = self.serving.drain.clone();
        drain.spawn(Listener::new(socket, Limits::default()).serve(target, drain.clone()));
        (address, shown.authorities)
    }

    /// Lets what is overdue expire.
    pub async fn sweep(&self) {
        auth::services::requests::sweep::once(&self.serving.auth, self.clock.now())
            .await
            .expect("swept");
    }

    /// Writes every role and user of a resource file.
    pub async fn apply(&self, yaml: &str) {
        for resource in read_all(yaml, &ReadLimits::default()).expect("a resource file") {
            match resource.kind() {
                Kind::Role => {
                    let mut role: types::RoleV6 = resource.to().expect("a role");
                    defaults::role(&mut role);
                    let request = proto::UpsertRoleRequest {
                        role: Some(Kept::from(role)),
                    };
                    self.admin.auth().upsert_role_v2(request).await.expect("stored");
                }
                Kind::User => {
                    let mut user: types::UserV2 = resource.to().expect("a user");
                    defaults::user(&mut user);
                    let request = users::UpsertUserRequest {
                        user: Some(Kept::from(user)),
                    };
                    self.admin.users().upsert_user(request).await.expect("stored");
                }
                other => panic!("a story has no use for {other:?}"),
            }
        }
    }

    /// Bob, who asks, and Alice and Ivan, who review.
    pub async fn people(&self) -> People {
        People {
            bob: self.person("bob@example.com", "devops").await,
            alice: self.person("alice@example.com", "dbreviewer").await,
            ivan: self.person("ivan@example.com", "dbreviewer").await,
        }
    }

    /// Somebody new, through invite and sign-in.
    pub async fn person(&self, name: &str, role: &str) -> Cluster {
        let file =
            format!("kind: user\nversion: v2\nmetadata:\n  name: {name:?}\nspec:\n  roles: [{role}]\n");
        self.apply(&file).await;
        let link = proto::CreateResetPasswordTokenRequest {
            name: name.to_owned(),
            r#type: "invite".to_owned(),
            ..Default::default()
        };
        let link = self
            .admin
            .auth()
            .create_reset_password_token(link)
            .await
            .expect("a link");
        let token = link.into_inner().metadata.expect("metadata").name;
        let enrol = ours::EnrolAuthenticatorRequest {
            token: token.clone(),
            ..Default::default()
        };
        let shown = self
            .proxy
            .sign_in()
            .enrol_authenticator(enrol)
            .await
            .expect("a secret");
        let seed = Seed::from_base32(&shown.into_inner().secret).expect("a seed");
        let password = "correct horse battery staple";
        let accept = ours::AcceptInviteRequest {
            token,
            new_password: password.as_bytes().to_vec().into(),
            totp_code: seed.code(self.clock.now()).expect("a code"),
            device_name: "otp-device".to_owned(),
            ..Default::default()
        };
        self.proxy
            .sign_in()
            .accept_invite(accept)
            .await
            .expect("accepted");
        // The code that follows is a new one.
        self.clock.advance(SignedDuration::from_secs(30));
        let key = self.key();
        let line = key.public().to_ssh_line().into_bytes();
        let finish = ours::FinishRequest {
            user: name.to_owned(),
            password: password.as_bytes().to_vec().into(),
            second_factor: Some(ours::finish_request::SecondFactor::TotpCode(
                seed.code(self.clock.now()).expect("a code"),
            )),
            ssh_public_key: line.clone().into(),
            tls_public_key: line.into(),
            ..Default::default()
        };
        let answer = self
            .proxy
            .sign_in()
            .finish(finish)
            .await
            .expect("signed in")
            .into_inner();
        let parts = self.parts(&key, &answer.tls_certificate);
        dial(
            &self.clock,
            self.address,
            Identity::new(&parts, Origin::Process).expect("an identity"),
        )
    }

    /// The plugin's user as a program signs in as it.
    pub async fn plugin_parts(&self, lifetime: SignedDuration) -> IdentityParts {
        let key = self.key();
        let line = key.public().to_ssh_line().into_bytes();
        let asked = proto::UserCertsRequest {
            username: "access-plugin".to_owned(),
            ssh_public_key: line.clone().into(),
            tls_public_key: line.into(),
            expires: Some(timestamp(self.clock.now() + lifetime)),
            ..Default::default()
        };
        let answer = self
            .admin
            .auth()
            .generate_user_certs(asked)
            .await
            .expect("signed")
            .into_inner();
        IdentityParts {
            ssh_certificate: Some(
                String::from_utf8(answer.ssh.to_vec())
                    .expect("text")
                    .trim_end()
                    .to_owned(),
            ),
            ..self.parts(&key, &answer.tls)
        }
    }

    /// The cluster as the plugin sees it.
    pub async fn plugin(&self) -> Cluster {
        let parts = self.plugin_parts(SignedDuration::from_hours(24)).await;
        dial(
            &self.clock,
            self.address,
            Identity::new(&parts, Origin::Process).expect("an identity"),
        )
    }

    fn key(&self) -> KeyPair {
        KeyPair::generate(Algorithm::P256, &*self.entropy).expect("a key")
    }

    fn parts(&self, key: &KeyPair, certificate: &[u8]) -> IdentityParts {
        IdentityParts {
            private_key: key.to_pem().expect("a key"),
            tls_certificate: String::from_utf8(certificate.to_vec()).expect("PEM"),
            tls_authorities: self.authorities.clone(),
            ssh_certificate: None,
        }
    }

    /// What is noted beside a request.
    pub async fn notes(&self, id: &str) -> std::collections::BTreeMap<String, String> {
        let filter = PluginDataFilter {
            kind: "access_request".to_owned(),
            resource: id.to_owned(),
            plugin: "mattermost".to_owned(),
        };
        let found = self
            .admin
            .auth()
            .get_plugin_data(filter)
            .await
            .expect("plugin data");
        let mut all = found
            .into_inner()
            .plugin_data
            .into_iter()
            .filter_map(|data| data.spec);
        all.find_map(|mut spec| spec.entries.remove("mattermost"))
            .map(|entry| entry.data)
            .unwrap_or_default()
    }

    /// Writes notes as another plugin would.
    pub async fn write_notes(&self, id: &str, pairs: &[(&str, &str)]) {
        let set = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let asked = types::PluginDataUpdateParams {
            kind: "access_request".to_owned(),
            resource: id.to_owned(),
            plugin: "mattermost".to_owned(),
            set,
            ..Default::default()
        };
        self.admin
            .auth()
            .update_plugin_data(asked)
            .await
            .expect("written");
    }

    /// Removes a request: `tctl requests rm`.
    pub async fn delete(&self, id: &str) {
        let id = proto::RequestId { id: id.to_owned() };
        self.admin
            .auth()
            .delete_access_request(id)
            .await
            .expect("removed");
    }

    /// Sets a request's state: `tctl requests deny`.
    pub async fn deny(&self, id: &str, reason: &str) {
        let asked = proto::RequestStateSetter {
            id: id.to_owned(),
            state: RequestState::Denied.into(),
            reason: reason.to_owned(),
            ..Default::default()
        };
        self.admin
            .auth()
            .set_access_request_state(asked)
            .await
            .expect("denied");
    }
}

/// Passes plain bytes on.
struct Onward(SocketAddr);

impl Handler for Onward {
    fn serve(&self, mut accepted: Accepted) -> Serves {
        let port = self.0;
        Box::pin(async move {
            let mut onward = tokio::net::TcpStream::connect(port).await.expect("a port");
            // Whoever hangs up first is not of interest here.
            let _ = tokio::io::copy_bidirectional(&mut accepted, &mut onward).await;
        })
    }
}

/// What somebody asks for.
pub struct Wanted<'w> {
    pub roles: &'w [&'w str],
    pub reason: &'w str,
    pub reviewers: &'w [&'w str],
}

impl Default for Wanted<'_> {
    fn default() -> Self {
        Self {
            roles: &["elevated-access"],
            reason: "need it",
            reviewers: &[],
        }
    }
}

/// Asks; gives the request's id.
pub async fn ask(by: &Cluster, wanted: Wanted<'_>) -> String {
    let texts = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect();
    let request = AccessRequestV3 {
        kind: "access_request".to_owned(),
        version: "v3".to_owned(),
        metadata: Some(Metadata {
            name: auth::ids::Chance::new(Arc::new(SystemEntropy)).uuid(),
            ..Metadata::default()
        }),
        spec: Some(AccessRequestSpecV3 {
            user: by.identity().current().user().to_owned(),
            roles: texts(wanted.roles),
            state: RequestState::Pending.into(),
            request_reason: wanted.reason.to_owned(),
            suggested_reviewers: texts(wanted.reviewers),
            ..Default::default()
        }),
        ..Default::default()
    };
    let made = by
        .auth()
        .create_access_request_v2(Kept::from(request))
        .await
        .expect("a request");
    made.into_inner().into_message().metadata.expect("metadata").name
}

pub async fn approve(by: &Cluster, id: &str, reason: &str) {
    review(by, id, RequestState::Approved, reason).await;
}

pub async fn deny(by: &Cluster, id: &str, reason: &str) {
    review(by, id, RequestState::Denied, reason).await;
}

async fn review(by: &Cluster, id: &str, vote: RequestState, reason: &str) {
    let submission = AccessReviewSubmission {
        request_id: id.to_owned(),
        review: Some(AccessReview {
            proposed_state: vote.into(),
            reason: reason.to_owned(),
            ..Default::default()
        }),
    };
    by.auth()
        .submit_access_review(submission)
        .await
        .expect("a review");
}

async fn open(store: &Arc<dyn Store>, clock: &Arc<ManualClock>) -> Arc<Auth> {
    let much = Rate::per_second(1_000, 1_000_000);
    let settings = Settings {
        cluster_name: Some(CLUSTER.to_owned()),
        proxy_public_address: Some(PROXY.to_owned()),
        // What is tested here is not how slow a hash is.
        password_cost: Cost {
            memory_kib: 8,
            passes: 1,
        },
        rates: Rates {
            guesses: much,
            credentials: much,
            user: much,
            requests: much,
            refusals: much,
            pending_requests: usize::MAX,
        },
        ..Settings::new(HOST, "demo")
    };
    let opening = Opening {
        store: Arc::clone(store),
        seal: SealSource::Key(SealKey::from_bytes([7; 32])),
        clock: Arc::<ManualClock>::clone(clock),
        entropy: Arc::new(SystemEntropy),
        settings,
    };
    match Auth::open(opening).await {
        Ok(auth) => auth,
        Err(error) => panic!("the Auth Service opens: {error}"),
    }
}

async fn identity(auth: &Auth, role: SystemRole) -> HostIdentity {
    auth.host_identity(role, &[]).await.expect("a certificate")
}

fn own(host: &HostIdentity) -> Identity {
    let parts = IdentityParts {
        private_key: host.private_key.clone(),
        tls_certificate: host.certificate.clone(),
        tls_authorities: host.authorities.clone(),
        ssh_certificate: Some(host.ssh_certificate.clone()),
    };
    Identity::new(&parts, Origin::Process).expect("an identity")
}

/// The Auth port: TLS that asks for certificates, and the Auth Service behind it.
async fn serve(auth: Arc<Auth>, clock: &Arc<ManualClock>, socket: TcpListener) -> Serving {
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
    let shown = auth
        .host_identity(
            SystemRole::Auth,
            &pki::names::service_names(SystemRole::Auth, "demo", ["127.0.0.1"]),
        )
        .await
        .expect("a certificate");
    let certificate = Credentials::from_pem(
        shown.certificate.as_bytes(),
        shown.private_key.expose().as_bytes(),
    )
    .expect("credentials");
    let settings = ServerSettings {
        certificates: vec![certificate],
        client_authorities: Some(ClientAuthorities {
            user: trusted(AuthorityKind::User).await,
            host: trusted(AuthorityKind::Host).await,
        }),
        protocols: vec![names::H2.to_vec(), names::HTTP_1_1.to_vec()],
        cluster: Some(CLUSTER.to_owned()),
    };
    let tls = ServerTls::new(settings, Arc::<ManualClock>::clone(clock)).expect("settings");
    let target: Arc<dyn Target> = Arc::new(TlsEndpoint::new(
        tls,
        HttpHandler::new(auth::server::service(&auth)),
    ));
    let drain = Drain::new();
    let listener = Listener::new(socket, Limits::default());
    drain.spawn(listener.serve(target, drain.clone()));
    Serving { auth, drain }
}

fn dial(clock: &Arc<ManualClock>, address: SocketAddr, identity: Identity) -> Cluster {
    Cluster::lazy(Connect {
        identity: IdentityHandle::new(identity),
        destination: Destination::Addresses(vec![Address::from(address)]),
        insecure: false,
        clock: Arc::<ManualClock>::clone(clock),
        program: "test",
    })
}
