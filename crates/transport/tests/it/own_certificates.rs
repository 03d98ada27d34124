//! The certificates the product signs, judged by TLS.

use std::time::Duration;

use access::ambient::SeededEntropy;
use access::{HostGrant, HostPermit, SystemRole};
use jiff::SignedDuration;
use pki::issue::{self, SubjectKeys};
use pki::{Algorithm, Authority, AuthorityKind, KeyPair};
use transport::dial::{ClientTls, Trust};
use transport::tls::{ClientAuthorities, Credentials, ServerSettings, ServerTls};
use transport::{Address, names};

use crate::authority::noon;
use crate::world::{World, echo_endpoint, line, listen};

const PATIENCE: Duration = Duration::from_secs(20);

fn service(authority: &Authority, role: SystemRole, entropy: &SeededEntropy) -> Credentials {
    let permit = HostPermit::for_own_part(HostGrant {
        host_id: "4fe7e7a3-5b5c-4b4e-9a3e-6a5a3c1f0a11".to_owned(),
        cluster: "example.com".to_owned(),
        role,
        principals: pki::names::service_names(role, "demo", ["auth.example.com:3025"]),
        not_after: noon() + SignedDuration::from_hours(24),
    });
    let key = KeyPair::generate(Algorithm::P256, entropy).expect("a key");
    let keys = SubjectKeys {
        tls: Some(key.public()),
        ssh: None,
    };
    let signed = issue::host(&permit, keys, authority, noon(), entropy).expect("signed");
    Credentials::from_key_pair(vec![signed.tls.expect("asked for")], &key).expect("a pair")
}

#[tokio::test]
async fn services_of_one_cluster_know_each_other() {
    let world = World::new();
    let entropy = SeededEntropy::new(7);
    let host = Authority::generate(AuthorityKind::Host, "example.com", noon(), &entropy).expect("keys");
    let user = Authority::generate(AuthorityKind::User, "example.com", noon(), &entropy).expect("keys");
    let der = |authority: &Authority| {
        authority
            .certificates()
            .map(|one| one.der().clone())
            .collect::<Vec<_>>()
    };
    let settings = ServerSettings {
        certificates: vec![service(&host, SystemRole::Auth, &entropy)],
        client_authorities: Some(ClientAuthorities {
            user: der(&user),
            host: der(&host),
        }),
        protocols: vec![names::H2.to_vec()],
        cluster: Some("example.com".to_owned()),
    };
    let tls = ServerTls::new(settings, world.clock()).expect("settings");
    let (endpoint, mut peers) = echo_endpoint(&tls, "auth");
    let (address, _drain) = listen(endpoint).await;
    let proxy = service(&host, SystemRole::Proxy, &entropy);
    let client = ClientTls::new(
        &Trust::Authorities(der(&host)),
        Some(&proxy),
        &[names::H2],
        &world.clock(),
    )
    .expect("a client");
    let encoded = names::encoded_cluster("example.com");
    for name in [
        "teleport.cluster.local",
        &encoded,
        "demo",
        "auth.example.com",
        "localhost",
        "127.0.0.1",
        "::1",
    ] {
        let mut stream = client.dial(&address, name, PATIENCE).await.expect(name);
        assert_eq!(line(&mut stream).await.expect("a line"), "auth for a host");
        let peer = peers.recv().await.expect("seen");
        let identity =
            pki::Identity::from_certificate(peer.certificate().expect("shown")).expect("an identity");
        assert_eq!(identity.groups, ["Proxy"]);
    }
    let error = client
        .dial(&address, "elsewhere.example.com", PATIENCE)
        .await
        .expect_err("another name");
    assert!(error.to_string().contains("is valid for `demo`"), "{error}");
}

#[tokio::test]
async fn a_self_made_web_certificate_is_good_for_its_names() {
    let world = World::new();
    let entropy = SeededEntropy::new(8);
    let key = KeyPair::generate(Algorithm::P256, &entropy).expect("a key");
    let certificate =
        issue::web::self_signed(&key, "demo", &["proxy.example.com".to_owned()], noon(), &entropy)
            .expect("signed");
    let settings = ServerSettings {
        certificates: vec![Credentials::from_key_pair(vec![certificate.clone()], &key).expect("a pair")],
        client_authorities: None,
        protocols: vec![names::HTTP_1_1.to_vec()],
        cluster: None,
    };
    let tls = ServerTls::new(settings, world.clock()).expect("settings");
    let (endpoint, _peers) = echo_endpoint(&tls, "web");
    let (address, _drain): (Address, _) = listen(endpoint).await;
    let trust = Trust::Authorities(vec![certificate]);
    let client = ClientTls::new(&trust, None, &[names::HTTP_1_1], &world.clock()).expect("a client");
    for name in ["localhost", "127.0.0.1", "::1", "demo", "proxy.example.com"] {
        let mut stream = client.dial(&address, name, PATIENCE).await.expect(name);
        assert_eq!(line(&mut stream).await.expect("a line"), "web for a stranger");
    }
    let unknown = ClientTls::new(&world.trust(), None, &[], &world.clock()).expect("a client");
    let error = unknown
        .dial(&address, "localhost", PATIENCE)
        .await
        .expect_err("unknown")
        .to_string();
    assert!(
        error.contains("unknown authority: `localhost`, self-signed"),
        "{error}"
    );
}
