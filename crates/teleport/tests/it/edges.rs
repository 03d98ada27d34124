//! Proxies whose Auth Service is another process: they come in with a token and go on without it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use client::identity::Origin;
use client::{Cluster, Connect, Destination, Identity, IdentityHandle};
use pki::Pin;
use transport::Address;
use wire::keep::Kept;
use wire::pb::proto;
use wire::pb::types;

use crate::world::{Server, World, clock, ping};

pub const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// An Auth Service that runs alone, with a token for proxies.
pub struct Auth {
    pub world: World,
    pub server: Server,
    pub pin: String,
}

impl Auth {
    pub async fn start() -> Self {
        let world = World::new();
        let file = world.configuration(&[], &["cluster_name: example.com"], &[]);
        let server = world.start_with(&file, &["--roles=auth"]);
        let (admin, _) = ping(&world, server.auth()).await;
        let token = types::ProvisionTokenV2 {
            metadata: Some(types::Metadata {
                name: TOKEN.to_owned(),
                ..types::Metadata::default()
            }),
            spec: Some(types::ProvisionTokenSpecV2 {
                roles: vec!["Proxy".to_owned()],
                join_method: "token".to_owned(),
                ..types::ProvisionTokenSpecV2::default()
            }),
            ..types::ProvisionTokenV2::default()
        };
        let request = proto::UpsertTokenV2Request {
            token: Some(proto::upsert_token_v2_request::Token::V2(Kept::from(token))),
        };
        admin.auth().upsert_token_v2(request).await.expect("a token");
        Self {
            pin: pin(&admin).await,
            world,
            server,
        }
    }

    /// The pin of this moment.
    pub async fn pin_now(&self) -> String {
        pin(&ping(&self.world, self.server.auth()).await.0).await
    }

    /// What the local administrator is, for calls by any road.
    fn admin(&self) -> Identity {
        admin_of(&self.world.data())
    }

    /// A call through a proxy.
    async fn call_through(&self, proxy: SocketAddr) -> proto::PingResponse {
        let connected = Cluster::connect(Connect {
            identity: IdentityHandle::new(self.admin()),
            destination: Destination::Addresses(vec![Address::from(proxy)]),
            insecure: true,
            clock: clock(),
            program: "test",
        });
        connected.await.unwrap_or_else(|error| panic!("{error}")).1
    }
}

/// What the local administrator of a data directory is at this moment.
pub fn admin_of(data: &Path) -> Identity {
    let path = data.join("proc/admin");
    let text = std::fs::read_to_string(&path).expect("an identity");
    Identity::from_text(&text, Origin::LocalAdmin(path)).expect("an identity")
}

async fn pin(admin: &Cluster) -> String {
    let shown = admin.auth().get_cluster_ca_cert(()).await.expect("an authority");
    let pem = String::from_utf8(shown.into_inner().tlsca.to_vec()).expect("PEM");
    let der = pki::certificate::from_pem(&pem).expect("PEM");
    Pin::of(&der[0]).expect("a pin").to_string()
}

impl World {
    /// The configuration of a proxy of the cluster whose Auth Service listens at `auth`.
    pub fn edge(&self, auth: SocketAddr) -> PathBuf {
        let text = format!(
            "version: v3\nteleport:\n  nodename: edge\n  data_dir: {}\n  auth_server: {auth}\n\
             auth_service:\n  enabled: no\n\
             proxy_service:\n  web_listen_addr: 127.0.0.1:0\n  public_addr: [edge.example.com]\n",
            self.data().display()
        );
        self.file("teleport.yaml", &text)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn proxies_on_other_hosts_join_with_one_token_and_go_on_without_it() {
    let auth = Auth::start().await;
    let pin = format!("--ca-pin={}", auth.pin);
    let token = format!("--token={TOKEN}");
    let (first, second) = (World::new(), World::new());
    for (world, starts) in [(&first, 2), (&second, 1)] {
        let file = world.edge(auth.server.auth());
        for start in 0..starts {
            // The second start has no token to show.
            let more: &[&str] = if start == 0 { &[&token, &pin] } else { &[] };
            let mut edge = world.start_with(&file, more);
            let known = "the proxy is known to its cluster";
            // It may be known before the start is told to have ended.
            if !edge.log.iter().any(|line| line.contains(known)) {
                edge.wait_for(known);
            }
            let ping = auth.call_through(edge.web()).await;
            assert_eq!(ping.cluster_name, "example.com");
            assert_eq!(ping.proxy_public_addr.split(':').next(), Some("edge.example.com"));
            let said = edge.log.join("\n");
            assert!(!said.contains(TOKEN), "the token is not logged: {said}");
            let (status, rest, _) = edge.stop();
            assert!(status.success(), "{rest:?}");
        }
    }
    let kept = std::fs::metadata(first.data().join("proc/proxy")).expect("an identity");
    let mode = std::os::unix::fs::PermissionsExt::mode(&kept.permissions());
    assert_eq!(mode & 0o777, 0o600);
    assert!(!first.data().join("state.db").exists() && !first.seal_key().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_cannot_recognise_its_cluster_shows_its_token_to_nobody() {
    let auth = Auth::start().await;
    let world = World::new();
    let file = world.edge(auth.server.auth());
    let file = file.to_str().expect("a path");
    let (token, wrong) = (
        format!("--token={TOKEN}"),
        format!("--ca-pin=sha256:{}", "0".repeat(64)),
    );
    let good = format!("--ca-pin={}", auth.pin);
    for (more, words) in [
        (
            &[token.as_str()][..],
            "there is nothing to recognise the Auth Service",
        ),
        (
            &[token.as_str(), wrong.as_str()],
            "is not the one that was expected",
        ),
        (
            &[good.as_str()],
            "no part of the cluster yet, and no token was given",
        ),
        (
            &["--token=another-token-of-somebody", good.as_str()],
            "token expired or not found",
        ),
        (&[token.as_str(), "--ca-pin=sha256"], "expected algorithm:pin"),
    ] {
        let mut arguments = vec!["start", "-c", file];
        arguments.extend(more);
        let said = world.transcript(&arguments);
        assert!(said.contains(words), "{words}: {said}");
        assert!(said.contains("hint:") || said.contains("--ca-pin:"), "{said}");
        assert!(said.ends_with("→ 1\n") && !said.contains(TOKEN), "{said}");
        assert!(
            !world.data().join("proc/proxy").exists(),
            "nothing was written: {said}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_stays_out_of_the_directory() {
    let auth = Auth::start().await;
    let world = World::new();
    let file = world.edge(auth.server.auth());
    let (token, pin) = (format!("--token={TOKEN}"), format!("--ca-pin={}", auth.pin));
    let edge = world.start_with(&file, &[&token, &pin]);
    let said = world.transcript(&["start", "-c", file.to_str().expect("a path")]);
    assert!(
        said.contains("another process works on the data directory"),
        "{said}"
    );
    drop(edge);
}
