//! Hosts that are parts of the cluster: a token lets them in for its role, and they renew what they hold.

use client::Cluster;
use pki::KeyPair;
use tonic::{Code, Status};
use transport::Authority;
use wire::keep::Kept;
use wire::pb::proto::join_service_client::JoinServiceClient;
use wire::pb::proto::{self, Certs, HostCertsRequest};
use wire::pb::types::{self, RegisterUsingTokenRequest};

use crate::calls::dial;
use crate::flaws::{Flaw, attack};
use crate::invariants::records;
use crate::people::refusal;
use crate::refused;
use crate::world::{HOST, World, on_every_store};

/// A host that is not the Auth Service's.
pub const EDGE: &str = "11111111-2222-4333-8444-555555555555";

impl World {
    /// A token that lets hosts in for `roles`.
    pub async fn host_token(&self, roles: &[&str]) -> String {
        let secret = self.uuid().replace('-', "");
        self.plant(format!("a token for {roles:?}"), secret.clone());
        let token = types::ProvisionTokenV2 {
            metadata: Some(types::Metadata {
                name: secret.clone(),
                ..types::Metadata::default()
            }),
            spec: Some(types::ProvisionTokenSpecV2 {
                roles: roles.iter().map(|&role| role.to_owned()).collect(),
                join_method: "token".to_owned(),
                ..types::ProvisionTokenSpecV2::default()
            }),
            ..types::ProvisionTokenV2::default()
        };
        let request = proto::UpsertTokenV2Request {
            token: Some(proto::upsert_token_v2_request::Token::V2(Kept::from(token))),
        };
        self.admin.auth().upsert_token_v2(request).await.expect("stored");
        secret
    }

    /// A host with that id joins; what it may then call as.
    pub async fn joined_host(&self, token: &str, role: &str, host_id: &str) -> Cluster {
        let key = self.key();
        let certs = register(self, registering(token, role, host_id, &key)).await;
        self.dial(self.identity(&key, &certs.expect("joined").tls))
    }
}

/// What a host sends that joins.
pub fn registering(token: &str, role: &str, host_id: &str, key: &KeyPair) -> RegisterUsingTokenRequest {
    let line = key.public().to_ssh_line().into_bytes();
    RegisterUsingTokenRequest {
        host_id: host_id.to_owned(),
        node_name: "edge".to_owned(),
        role: role.to_owned(),
        token: token.to_owned(),
        public_tls_key: line.clone().into(),
        public_ssh_key: line.into(),
        ..RegisterUsingTokenRequest::default()
    }
}

async fn register(world: &World, request: RegisterUsingTokenRequest) -> Result<Certs, Status> {
    let mut nobody = JoinServiceClient::new(dial(world, None));
    Ok(nobody.register_using_token(request).await?.into_inner())
}

/// What a host sends that wants new certificates.
pub fn renewing(host_id: &str, role: &str, key: &KeyPair) -> HostCertsRequest {
    let line = key.public().to_ssh_line().into_bytes();
    HostCertsRequest {
        host_id: host_id.to_owned(),
        node_name: "edge".to_owned(),
        role: role.to_owned(),
        public_tls_key: line.clone().into(),
        public_ssh_key: line.into(),
        ..HostCertsRequest::default()
    }
}

fn identity(certs: &Certs) -> pki::Identity {
    let pem = String::from_utf8(certs.tls.to_vec()).expect("PEM");
    let der = pki::certificate::from_pem(&pem).expect("PEM");
    pki::Identity::from_certificate(&der[0]).expect("an identity")
}

#[tokio::test]
async fn a_node_gets_no_name_by_which_the_clusters_own_services_are_known() {
    on_every_store(async |world| {
        let token = world.host_token(&["Node"]).await;
        for name in [
            "teleport.cluster.local",
            "TELEPORT.cluster.local.",
            "x.teleport.cluster.local",
            "*.teleport.cluster.local",
            "*.cluster.local",
            "*",
        ] {
            let mut named = registering(&token, "node", EDGE, &world.key());
            named.node_name = name.to_owned();
            let mut listed = registering(&token, "node", EDGE, &world.key());
            listed.dns_names = vec![name.to_owned()];
            for asked in [named, listed] {
                let refused = register(world, asked).await.expect_err(name);
                assert_eq!(refused.code(), Code::InvalidArgument, "{name}: {refused}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn one_token_lets_several_proxies_in_and_nobody_as_anything_else() {
    on_every_store(async |world| {
        let token = world.host_token(&["Proxy"]).await;
        let second = "22222222-2222-4333-8444-555555555555";
        for host in [EDGE, second] {
            let certs = register(world, registering(&token, "proxy", host, &world.key()))
                .await
                .expect("joined");
            let who = identity(&certs);
            assert_eq!(who.username, format!("{host}.teleport.example.com"));
            assert_eq!(who.groups, ["Proxy"]);
            assert_eq!((certs.tlsca_certs.len(), certs.sshca_certs.len()), (1, 1));
        }
        for role in ["Node", "Bot", "Admin", "Auth", "Instance", ""] {
            let request = registering(&token, role, EDGE, &world.key());
            refused!(
                register(world, request).await,
                PermissionDenied,
                format!("\"edge\" can not join the cluster with role {role:?}, token expired or not found")
            );
        }
        let told = records(&world.store).await;
        let joined: Vec<_> = told
            .iter()
            .filter(|told| told.event() == "instance.join")
            .collect();
        assert_eq!(
            joined.iter().filter(|told| told.text("code") == "TJ002I").count(),
            2
        );
        let pings = world.joined_host(&token, "Proxy", EDGE).await;
        pings
            .auth()
            .ping(proto::PingRequest {})
            .await
            .expect("part of the cluster");
    })
    .await;
}

#[tokio::test]
async fn e15_a_host_joins_under_an_id_of_its_own() {
    on_every_store(async |world| {
        let token = world.host_token(&["Proxy", "Node"]).await;
        for id in [HOST, "", "edge", "../../etc", &"a".repeat(2_000)] {
            let request = registering(&token, "Proxy", id, &world.key());
            assert_eq!(
                refusal(register(world, request).await).0,
                Code::InvalidArgument,
                "{id}"
            );
        }
        let until = wire::convert::timestamp(world.now());
        let mut for_a_day = registering(&token, "Node", EDGE, &world.key());
        for_a_day.expires = Some(until);
        assert_eq!(refusal(register(world, for_a_day).await).0, Code::InvalidArgument);
        let mut without_keys = registering(&token, "Node", EDGE, &world.key());
        without_keys.public_ssh_key.clear();
        without_keys.public_tls_key.clear();
        refused!(
            register(world, without_keys).await,
            InvalidArgument,
            "a certificate needs a public key"
        );
    })
    .await;
}

#[tokio::test]
async fn e15_a_node_gets_no_name_of_the_clusters_own_services() {
    on_every_store(async |world| {
        let token = world.host_token(&["Node", "Proxy"]).await;
        for name in [
            "teleport.cluster.local",
            "*.teleport.cluster.local",
            "teleport.cluster.local:3025",
        ] {
            let mut request = registering(&token, "Node", EDGE, &world.key());
            request.dns_names = vec![name.to_owned()];
            assert_eq!(
                refusal(register(world, request.clone()).await).0,
                Code::InvalidArgument
            );
            (request.additional_principals, request.dns_names) = (request.dns_names, Vec::new());
            assert_eq!(refusal(register(world, request).await).0, Code::InvalidArgument);
        }
        let mut many = registering(&token, "Node", EDGE, &world.key());
        many.dns_names = (0..101).map(|number| format!("n{number}.example.com")).collect();
        assert_eq!(refusal(register(world, many).await).0, Code::InvalidArgument);
    })
    .await;
}

#[tokio::test]
async fn e01_a_locked_host_or_token_lets_nobody_in() {
    // Locks are not seen.
    attack(
        Flaw::blind_for("locks"),
        "the call was not refused",
        async |world| {
            let token = world.host_token(&["Proxy"]).await;
            let proxy = world.joined_host(&token, "Proxy", EDGE).await;
            let lock = types::LockV2 {
                metadata: Some(types::Metadata {
                    name: "edge".to_owned(),
                    ..types::Metadata::default()
                }),
                spec: Some(types::LockSpecV2 {
                    target: Some(types::LockTarget {
                        server_id: EDGE.to_owned(),
                        ..types::LockTarget::default()
                    }),
                    ..types::LockSpecV2::default()
                }),
                ..types::LockV2::default()
            };
            world
                .admin
                .auth()
                .upsert_lock(Kept::from(lock))
                .await
                .expect("locked");
            world.bend();
            let again = registering(&token, "Proxy", EDGE, &world.key());
            assert_eq!(refusal(register(world, again).await).0, Code::PermissionDenied);
            let renewed = proxy
                .auth()
                .generate_host_certs(renewing(EDGE, "Proxy", &world.key()))
                .await;
            assert_eq!(refusal(renewed).0, Code::PermissionDenied);
        },
    )
    .await;
}

#[tokio::test]
async fn a_host_renews_its_own_certificates() {
    on_every_store(async |world| {
        let token = world.host_token(&["Proxy"]).await;
        let proxy = world.joined_host(&token, "Proxy", EDGE).await;
        let key = world.key();
        let mut asked = renewing(EDGE, "Proxy", &key);
        asked.dns_names = vec![
            "proxy.example.com".to_owned(),
            "*.teleport.cluster.local".to_owned(),
        ];
        let certs = proxy
            .auth()
            .generate_host_certs(asked)
            .await
            .expect("renewed")
            .into_inner();
        assert_eq!(identity(&certs).username, format!("{EDGE}.teleport.example.com"));
        let renewed = world.dial(world.identity(&key, &certs.tls));
        renewed
            .auth()
            .ping(proto::PingRequest {})
            .await
            .expect("part of the cluster");
    })
    .await;
}

/// E14: a proxy that somebody has taken over asks for more than itself.
#[tokio::test]
async fn e14_a_proxy_gets_no_certificate_of_another_host_or_role() {
    // The door takes the proxy for another one.
    attack(Flaw::door(), "the call was not refused", async |world| {
        let token = world.host_token(&["Proxy"]).await;
        let proxy = world.joined_host(&token, "Proxy", EDGE).await;
        world.bend();
        world.disguise(&world.proxy, Authority::Host);
        for (host, role) in [
            (HOST, "Proxy"),
            (EDGE, "Admin"),
            (EDGE, "Auth"),
            (EDGE, "Node"),
            (HOST, "Admin"),
        ] {
            let asked = renewing(host, role, &world.key());
            refused!(
                proxy.auth().generate_host_certs(asked).await,
                PermissionDenied,
                "a host can get certificates for itself and in its own role only"
            );
        }
        let bob = world.cast().await.bob;
        refused!(
            bob.cluster
                .auth()
                .generate_host_certs(renewing(HOST, "Proxy", &world.key()))
                .await,
            PermissionDenied,
            "access denied"
        );
    })
    .await;
}

#[tokio::test]
async fn a_server_says_of_itself_that_it_is_there_and_of_nobody_else() {
    // The server does not tell hosts apart.
    attack(Flaw::door(), "the call was not refused", async |world| {
        let token = world.host_token(&["Node"]).await;
        let node = world.joined_host(&token, "Node", EDGE).await;
        let other = world
            .joined_host(&token, "Node", "11111111-2222-4333-8444-666666666666")
            .await;
        let alive = |name: &str, hours: i64| {
            let mut node = crate::resources::node(name, "edge", "prod");
            let ends = world.now() + crate::world::hours(hours);
            node.metadata.get_or_insert_default().expires = Some(wire::convert::timestamp(ends));
            node
        };
        node.auth()
            .upsert_node(alive(EDGE, 1))
            .await
            .expect("its sign of life");
        let (code, _) = refusal(node.auth().upsert_node(alive(EDGE, 2)).await);
        assert_eq!(code, Code::InvalidArgument, "for an hour at most");
        world.bend();
        world.disguise(&node, Authority::Host);
        let (code, _) = refusal(other.auth().upsert_node(alive(EDGE, 1)).await);
        assert_eq!(code, Code::PermissionDenied);
    })
    .await;
}
