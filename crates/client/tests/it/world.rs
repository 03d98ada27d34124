//! A cluster on loopback: an Auth Service that answers one call, and a proxy in front of it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use access::ambient::{Clock, ManualClock};
use bytes::Bytes;
use client::identity::{Identity, IdentityHandle, IdentityParts, Origin};
use client::{Cluster, Connect, ConnectError, Destination};
use futures::StreamExt as _;
use http::{HeaderMap, Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio::sync::{broadcast, mpsc};
use tokio_stream::wrappers::BroadcastStream;
use tonic::Status;
use tonic::codegen::BoxStream;
use transport::endpoint::{Refuse, TlsEndpoint};
use transport::http::HttpHandler;
use transport::limits::Limits;
use transport::listen::Listener;
use transport::router::{PortRouter, Routes};
use transport::target::Target;
use transport::tls::{ClientAuthorities, ServerSettings, ServerTls};
use transport::{Address, Drain, Peer, names};
use wire::keep::Kept;
use wire::pb::proto::auth_service_server::{AuthService, AuthServiceServer};
use wire::pb::proto::{
    Event, ListAccessRequestsRequest, ListAccessRequestsResponse, Operation, PingRequest, PingResponse,
    Watch, event,
};
use wire::pb::types::{AccessRequestV3, Metadata, WatchStatusSpecV1, WatchStatusV1};

use crate::authority::{Authority, Issued, Leaf, noon, pem};

pub const CLUSTER: &str = "example.com";

pub type Body = BoxBody<Bytes, Infallible>;
type Answer = Result<Response<Body>, Infallible>;

/// A call as the Auth Service saw it.
#[derive(Debug)]
pub struct Seen {
    pub call: &'static str,
    pub headers: HeaderMap,
    pub peer: Peer,
}

pub struct World {
    pub clock: Arc<ManualClock>,
    pub cluster: &'static str,
    pub user: Authority,
    pub host: Authority,
    pub public: Authority,
}

pub struct Running {
    pub auth: Address,
    pub proxy: Address,
    pub auth_target: Arc<dyn Target>,
    /// The proxy's web server without what routes connections to it.
    pub web_target: Arc<dyn Target>,
    pub auth_tls: Arc<ServerTls>,
    pub calls: mpsc::UnboundedReceiver<Seen>,
    pub drain: Drain,
    pub events: broadcast::Sender<Event>,
}

impl World {
    pub fn new() -> Self {
        Self::named(CLUSTER)
    }

    pub fn named(cluster: &'static str) -> Self {
        Self {
            clock: Arc::new(ManualClock::new(noon())),
            cluster,
            user: Authority::new(&format!("{cluster} user")),
            host: Authority::new(&format!("{cluster} host")),
            public: Authority::new("public"),
        }
    }

    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::<ManualClock>::clone(&self.clock)
    }

    pub fn user(&self, name: &str) -> Issued {
        self.user.issue(&Leaf {
            subject: name,
            cluster: Some(self.cluster),
            ..Leaf::default()
        })
    }

    pub fn parts(&self, issued: &Issued) -> IdentityParts {
        IdentityParts {
            private_key: issued.key_pem().into(),
            tls_certificate: issued.certificate_pem(),
            tls_authorities: pem("CERTIFICATE", &self.host.certificate),
            ssh_certificate: None,
        }
    }

    pub fn identity(&self, name: &str) -> Identity {
        Identity::new(&self.parts(&self.user(name)), Origin::File("identity".into())).expect("an identity")
    }

    pub fn connect_with(&self, identity: Identity, destination: Destination) -> Connect {
        Connect {
            identity: IdentityHandle::new(identity),
            destination,
            insecure: true,
            clock: self.clock(),
            program: "test",
        }
    }

    pub async fn connect(&self, identity: Identity, address: &Address) -> Result<Cluster, ConnectError> {
        let destination = Destination::Addresses(vec![address.clone()]);
        Cluster::connect(self.connect_with(identity, destination))
            .await
            .map(|(cluster, _)| cluster)
    }

    /// Starts an Auth Service and a proxy.
    pub async fn run(&self) -> Running {
        let dns = &["teleport.cluster.local", "*.teleport.cluster.local"];
        let certificate = self.host.issue(&Leaf {
            subject: "auth",
            dns,
            ..Leaf::default()
        });
        let auth_tls = ServerTls::new(
            ServerSettings {
                certificates: vec![certificate.credentials()],
                client_authorities: Some(ClientAuthorities {
                    user: vec![self.user.certificate.clone()],
                    host: vec![self.host.certificate.clone()],
                }),
                protocols: vec![names::H2.to_vec(), names::HTTP_1_1.to_vec()],
                cluster: Some(self.cluster.to_owned()),
            },
            self.clock(),
        )
        .expect("settings");
        let (seen, calls) = mpsc::unbounded_channel();
        let cluster = self.cluster;
        let (events, _) = broadcast::channel(16);
        let auth = Auth {
            cluster,
            seen,
            events: events.clone(),
        };
        let auth_service = tonic::service::Routes::new(AuthServiceServer::new(auth)).prepare();
        let auth_target: Arc<dyn Target> = Arc::new(TlsEndpoint::new(
            Arc::clone(&auth_tls),
            HttpHandler::new(auth_service),
        ));

        let web_certificate = self.public.issue(&Leaf {
            dns: &["localhost"],
            ip: &[[127, 0, 0, 1]],
            ..Leaf::default()
        });
        let web_tls = |protocols: Vec<Vec<u8>>| {
            let certificates = vec![web_certificate.credentials()];
            let settings = ServerSettings {
                certificates,
                client_authorities: None,
                protocols,
                cluster: None,
            };
            ServerTls::new(settings, self.clock()).expect("settings")
        };
        let web_service = tower::service_fn(move |request| web(request, cluster));
        let http = web_tls(vec![names::H2.to_vec(), names::HTTP_1_1.to_vec()]);
        let others = web_tls(names::KNOWN_PROTOCOLS.iter().map(|name| name.to_vec()).collect());
        let web_target: Arc<dyn Target> = Arc::new(TlsEndpoint::new(http, HttpHandler::new(web_service)));
        let proxy_target: Arc<dyn Target> = Arc::new(PortRouter::new(Routes {
            cluster: cluster.to_owned(),
            auth: Arc::clone(&auth_target),
            web: Arc::clone(&web_target),
            protocols: BTreeMap::new(),
            other_protocols: Arc::new(TlsEndpoint::new(others, Refuse)),
        }));
        let drain = Drain::new();
        let auth = listen(Arc::clone(&auth_target), &drain).await;
        let proxy = listen(proxy_target, &drain).await;
        Running {
            auth,
            proxy,
            auth_target,
            web_target,
            auth_tls,
            calls,
            drain,
            events,
        }
    }
}

pub async fn listen(target: Arc<dyn Target>, drain: &Drain) -> Address {
    listen_at(SocketAddr::from(([127, 0, 0, 1], 0)), target, drain).await
}

pub async fn listen_at(at: SocketAddr, target: Arc<dyn Target>, drain: &Drain) -> Address {
    let socket = TcpListener::bind(at).await.expect("a port");
    let address = Address::from(socket.local_addr().expect("an address"));
    tokio::spawn(Listener::new(socket, Limits::default()).serve(target, drain.clone()));
    address
}

/// The calls the Auth Service knows.
#[derive(Clone)]
struct Auth {
    cluster: &'static str,
    seen: mpsc::UnboundedSender<Seen>,
    events: broadcast::Sender<Event>,
}

impl Auth {
    fn note<T>(&self, call: &'static str, request: &tonic::Request<T>) {
        let peer = request.extensions().get::<Peer>().expect("always there").clone();
        let _ = self.seen.send(Seen {
            call,
            headers: request.metadata().clone().into_headers(),
            peer,
        });
    }
}

type Reply<T> = Result<tonic::Response<T>, Status>;

#[tonic::async_trait]
impl AuthService for Auth {
    async fn ping(&self, request: tonic::Request<PingRequest>) -> Reply<PingResponse> {
        self.note("Ping", &request);
        Ok(tonic::Response::new(PingResponse {
            cluster_name: self.cluster.to_owned(),
            ..PingResponse::default()
        }))
    }

    async fn list_access_requests(
        &self,
        request: tonic::Request<ListAccessRequestsRequest>,
    ) -> Reply<ListAccessRequestsResponse> {
        self.note("ListAccessRequests", &request);
        let page: u32 = request.into_inner().start_key.parse().unwrap_or_default();
        let named = |name: String| {
            let metadata = Some(Metadata {
                name,
                ..Metadata::default()
            });
            Kept::from(AccessRequestV3 {
                metadata,
                ..AccessRequestV3::default()
            })
        };
        Ok(tonic::Response::new(ListAccessRequestsResponse {
            access_requests: (0..2).map(|n| named(format!("request-{page}-{n}"))).collect(),
            next_key: if page < 2 {
                (page + 1).to_string()
            } else {
                String::new()
            },
        }))
    }

    async fn watch_events(&self, request: tonic::Request<Watch>) -> Reply<BoxStream<Event>> {
        self.note("WatchEvents", &request);
        let kinds = request.into_inner().kinds;
        if kinds.iter().any(|kind| kind.kind == "forbidden") {
            return Err(Status::permission_denied("access denied"));
        }
        let status = WatchStatusV1 {
            spec: Some(WatchStatusSpecV1 { kinds }),
            ..WatchStatusV1::default()
        };
        let init = Event {
            r#type: Operation::Init.into(),
            resource: Some(event::Resource::WatchStatus(status)),
        };
        let changes = BroadcastStream::new(self.events.subscribe())
            .map(|event| event.map_err(|_| Status::unavailable("too slow")));
        Ok(tonic::Response::new(Box::pin(
            futures::stream::iter([Ok(init)]).chain(changes),
        )))
    }
}

/// A proxy's JSON calls, as far as the client needs them.
async fn web(request: Request<Incoming>, cluster: &'static str) -> Answer {
    let (parts, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let json = parts
        .headers
        .get("content-type")
        .is_some_and(|kind| kind == "application/json");
    let error = |message: &str| serde_json::json!({"error": {"message": message}});
    let (status, answer) = match (parts.method.as_str(), parts.uri.path()) {
        ("GET", "/webapi/ping" | "/webapi/find") => (
            200,
            serde_json::json!({
                "cluster_name": cluster,
                "server_version": "18.0.0",
                "proxy": {"tls_routing_enabled": true},
            }),
        ),
        ("POST", "/webapi/mfa/login/begin") if json && body["pass"] == "correct horse" => (
            200,
            serde_json::json!({"webauthn_challenge": null, "totp_challenge": true, "sso_challenge": null}),
        ),
        ("POST", "/webapi/mfa/login/begin") => (403, error("invalid credentials")),
        ("POST", "/webapi/mfa/login/finish") if body["totp_code"] == "123456" => (
            200,
            serde_json::json!({
                "username": body["user"], "cert": body["ssh_pub_key"], "tls_cert": body["tls_pub_key"],
                "host_signers": [{"domain_name": cluster, "checking_keys": [], "tls_certs": null}],
            }),
        ),
        ("POST", "/webapi/mfa/login/finish") => (403, error("invalid username, password or second factor")),
        ("GET", "/v1/webapi/users/password/token/good") => (
            200,
            serde_json::json!({"tokenId": "good", "user": "bob", "qrCode": "", "expiry": "0001-01-01T00:00:00Z"}),
        ),
        ("POST", "/v1/webapi/mfa/token/good/registerchallenge") => (
            200,
            serde_json::json!({"webauthn": null, "totp": {"qrCode": "", "uri": "otpauth://totp/x"}}),
        ),
        ("PUT", "/v1/webapi/users/password/token") if body["token"] == "good" => {
            (200, serde_json::json!({"recovery": {}}))
        }
        (_, path) if path.starts_with("/v1/webapi/users/password/token") => {
            (403, error("bad or expired token"))
        }
        _ => (404, serde_json::json!("not ours")),
    };
    let response = Response::builder()
        .status(status)
        .header("content-type", "application/json");
    Ok(response
        .body(Full::from(answer.to_string()).boxed())
        .expect("a response"))
}
