//! The keys of authorities are exchanged: at each step what is in use goes on, and at the end the old keys open nothing.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};

use access::SystemRole;
use access::ambient::ManualClock;
use auth::Auth;
use auth::services::authorities::rotate::{self, Keeper};
use client::Cluster;
use jiff::SignedDuration;
use pki::AuthorityKind;
use tonic::{Code, Status};
use transport::tls::ServerTls;
use wire::pb::proto::{self, PingRequest, event};
use wire::pb::teleport::trust::v1 as trust;
use wire::pb::types::{self, WatchKind};

use crate::flaws::{Flaw, attack};
use crate::invariants::records;
use crate::people::refusal;
use crate::refused;
use crate::world::{World, door_settings, hours, identity_of, on_every_store};

/// Lets the world's door follow, as a server's ports do.
struct Door {
    auth: Weak<Auth>,
    clock: Arc<ManualClock>,
    tls: Arc<ServerTls>,
}

impl Keeper for Door {
    fn keep_up(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            let auth = self.auth.upgrade().expect("the Auth Service is there");
            let own = auth
                .host_identity(SystemRole::Auth, &[])
                .await
                .expect("a certificate");
            let settings = door_settings(&auth, &self.clock, &own).await;
            self.tls.replace(settings).expect("settings");
        })
    }
}

impl World {
    fn follow_authorities(&self) {
        self.auth.keepers.add(Arc::new(Door {
            auth: Arc::downgrade(&self.auth),
            clock: Arc::clone(&self.clock),
            tls: Arc::clone(&self.tls),
        }));
    }

    /// One step by hand, asked for by an administrator with a certificate of the moment.
    async fn rotate(&self, kind: &str, phase: &str) -> Result<(), Status> {
        let request = trust::RotateCertAuthorityRequest {
            r#type: kind.to_owned(),
            target_phase: phase.to_owned(),
            mode: "manual".to_owned(),
            ..Default::default()
        };
        let admin = self.administrator().await;
        admin.trust().rotate_cert_authority(request).await.map(|_| ())
    }

    /// The local administrator, with a certificate of the moment and everybody whom it should believe.
    async fn administrator(&self) -> Cluster {
        let own = self.auth.host_identity(SystemRole::Admin, &[]).await;
        self.dial(identity_of(&own.expect("a certificate")))
    }

    /// What `cluster` gets when it renews, seen by whoever believes the authorities of the moment.
    async fn reissued(&self, cluster: &Cluster) -> Result<Cluster, Status> {
        self.certificate(cluster, |asked, now| {
            asked.expires = Some(wire::convert::timestamp(now + hours(1)));
        })
        .await
    }

    async fn phase(&self, kind: AuthorityKind) -> types::Rotation {
        let shown = self
            .auth
            .state
            .authority_shown(kind, self.now())
            .await
            .expect("readable");
        shown.and_then(|shown| shown.spec?.rotation).unwrap_or_default()
    }
}

async fn ping(cluster: &Cluster) -> Result<(), Status> {
    cluster.auth().ping(PingRequest {}).await.map(|_| ())
}

/// Who has signed what `cluster` shows.
fn issuer(cluster: &Cluster) -> Vec<u8> {
    let identity = cluster.identity().current();
    pki::certificate::issuer_name(identity.certificate()).expect("a name")
}

const RETIRED: &str = "the authority that signed the certificate of this connection is not trusted any more; connect again with a new one";

#[tokio::test]
async fn people_go_on_through_every_phase_and_old_certificates_end_with_the_last() {
    on_every_store(async |world| {
        world.follow_authorities();
        let bob = world.cast().await.bob.cluster;
        let by_old = issuer(&bob);
        let mut watch = bob
            .watch(
                vec![WatchKind {
                    kind: "cluster_auth_preference".to_owned(),
                    ..WatchKind::default()
                }],
                false,
            )
            .await
            .expect("a watch");
        for (phase, signs_anew) in [
            ("init", false),
            ("update_clients", true),
            ("update_servers", true),
        ] {
            world.rotate("user", phase).await.expect("a step");
            ping(&bob).await.expect("the connection from before");
            let renewed = world.reissued(&bob).await.expect("renewed");
            assert_eq!(issuer(&renewed) != by_old, signs_anew, "{phase}");
            ping(&renewed).await.expect("a new connection");
            let again = world.dial((*bob.identity().current()).clone());
            ping(&again)
                .await
                .expect("a new connection with the old certificate");
        }
        let late = world.reissued(&bob).await.expect("renewed in time");
        world.rotate("user", "standby").await.expect("the end");
        // The connection ends under what runs on it; no other comes about.
        assert!(ping(&bob).await.is_err(), "the connection from before");
        assert!(!matches!(watch.next().await, Ok(Some(_))), "the stream has ended");
        let again = world.dial((*bob.identity().current()).clone());
        assert!(ping(&again).await.is_err(), "a new connection");
        ping(&late).await.expect("who renewed in time goes on");
        let told = records(&world.store).await;
        let steps = told.iter().filter(|told| told.event() == "cert_authority.rotate");
        let phases: Vec<_> = steps.map(|told| told.text("phase")).collect();
        assert_eq!(phases, ["init", "update_clients", "update_servers", "standby"]);
    })
    .await;
}

/// E01: a stolen certificate, after its authority was exchanged.
#[tokio::test]
async fn e01_a_stolen_certificate_is_worth_nothing_once_its_authority_is_gone() {
    // The authorities are taken for what they were.
    let flaw = Flaw::stale(&["cert_authorities"]);
    attack(flaw, "the call was not refused", async |world| {
        let stolen = world.cast().await.bob.cluster;
        ping(&stolen).await.expect("an open connection");
        for phase in ["init", "update_clients", "update_servers"] {
            world.rotate("user", phase).await.expect("a step");
        }
        world.bend();
        world.rotate("user", "standby").await.expect("the end");
        refused!(ping(&stolen).await, Unavailable, RETIRED);
    })
    .await;
}

#[tokio::test]
async fn hosts_go_on_through_every_phase() {
    on_every_store(async |world| {
        world.follow_authorities();
        let edge = world
            .joined_host(&world.host_token(&["Proxy"]).await, "Proxy", crate::hosts::EDGE)
            .await;
        let by_old = issuer(&edge);
        let mut held = edge.clone();
        for (phase, signs_anew) in [
            ("init", false),
            ("update_clients", false),
            ("update_servers", true),
        ] {
            world.rotate("host", phase).await.expect("a step");
            ping(&edge).await.expect("the connection from before");
            let key = world.key();
            let asked = crate::hosts::renewing(crate::hosts::EDGE, "Proxy", &key);
            let certs = held
                .auth()
                .generate_host_certs(asked)
                .await
                .expect("renewed")
                .into_inner();
            assert_eq!(certs.tlsca_certs.len(), 2, "both are believed in {phase}");
            held = world.dial(identity_believing(&key, &certs));
            assert_eq!(issuer(&held) != by_old, signs_anew, "{phase}");
            ping(&held).await.expect("a new connection");
        }
        world.rotate("host", "standby").await.expect("the end");
        assert!(ping(&edge).await.is_err(), "the connection from before");
        ping(&held).await.expect("who renewed in time goes on");
        ping(&world.administrator().await)
            .await
            .expect("the administrator goes on");
    })
    .await;
}

#[tokio::test]
async fn a_rotation_is_taken_back_from_every_phase() {
    on_every_store(async |world| {
        world.follow_authorities();
        let bob = world.cast().await.bob.cluster;
        let by_old = issuer(&bob);
        for way in [
            &["init"][..],
            &["init", "update_clients"],
            &["init", "update_clients", "update_servers"],
        ] {
            for phase in way {
                world.rotate("user", phase).await.expect("a step");
            }
            let meanwhile = world.reissued(&bob).await.expect("renewed");
            world.rotate("user", "rollback").await.expect("back");
            assert_eq!(issuer(&world.reissued(&bob).await.expect("renewed")), by_old);
            ping(&meanwhile)
                .await
                .expect("what was signed meanwhile is still believed");
            world.rotate("user", "standby").await.expect("the end");
            assert_eq!(
                ping(&meanwhile).await.is_ok(),
                issuer(&meanwhile) == by_old,
                "{way:?}"
            );
            ping(&bob).await.expect("as if nothing had been");
        }
    })
    .await;
}

#[tokio::test]
async fn steps_that_are_none_are_refused() {
    on_every_store(async |world| {
        for (kind, phase, words) in [
            ("host", "nosuch", "unsupported phase: \"nosuch\""),
            ("nosuch", "init", "\"nosuch\" authority type is not supported"),
            ("", "init", "\"\" authority type is not supported"),
            (
                "jwt",
                "init",
                "the jwt authority has no keys here, so there is nothing to rotate",
            ),
            (
                "host",
                "standby",
                "no rotation of the host authority is in progress; begin with the phase init",
            ),
        ] {
            refused!(world.rotate(kind, phase).await, InvalidArgument, words);
        }
        world.rotate("host", "init").await.expect("a step");
        refused!(
            world.rotate("host", "init").await,
            InvalidArgument,
            "a rotation of the host authority is in progress already, in the phase init"
        );
        refused!(
            world.rotate("host", "standby").await,
            InvalidArgument,
            "the rotation of the host authority is in the phase init, from which standby cannot be reached"
        );
        let mut asked = trust::RotateCertAuthorityRequest {
            r#type: "user".to_owned(),
            target_phase: "update_clients".to_owned(),
            mode: "auto".to_owned(),
            ..Default::default()
        };
        let rotate = async |asked: &trust::RotateCertAuthorityRequest| {
            world.admin.trust().rotate_cert_authority(asked.clone()).await
        };
        assert_eq!(refusal(rotate(&asked).await).0, Code::InvalidArgument);
        asked.target_phase.clear();
        asked.grace_period = Some(prost_types::Duration::default());
        assert_eq!(refusal(rotate(&asked).await).0, Code::InvalidArgument);
        asked.mode = "sometimes".to_owned();
        refused!(
            rotate(&asked).await,
            InvalidArgument,
            "unsupported mode: \"sometimes\""
        );
        assert_eq!(world.phase(AuthorityKind::User).await, types::Rotation::default());
    })
    .await;
}

#[tokio::test]
async fn a_schedule_gives_each_phase_a_third_and_a_hand_takes_over() {
    on_every_store(async |world| {
        world.follow_authorities();
        let begin = async || {
            let request = trust::RotateCertAuthorityRequest {
                r#type: "user".to_owned(),
                mode: "auto".to_owned(),
                grace_period: Some(prost_types::Duration {
                    seconds: 3 * 3600,
                    nanos: 0,
                }),
                ..Default::default()
            };
            world
                .admin
                .trust()
                .rotate_cert_authority(request)
                .await
                .expect("begun");
        };
        begin().await;
        let hour = hours(1);
        let short = SignedDuration::from_secs(1);
        for (after, phase) in [
            (hour - short, "init"),
            (short, "update_clients"),
            (hour - short, "update_clients"),
            (short, "update_servers"),
            (hour, "standby"),
        ] {
            world.clock.advance(after);
            rotate::advance(&world.auth, world.now())
                .await
                .expect("on its way");
            assert_eq!(world.phase(AuthorityKind::User).await.phase, phase);
        }
        let done = world.phase(AuthorityKind::User).await;
        assert_eq!(
            wire::convert::moment(done.last_rotated.as_ref()),
            Some(world.now())
        );
        // A server that was off for the whole time catches up.
        begin().await;
        world.clock.advance(hours(4));
        assert_eq!(
            rotate::advance(&world.auth, world.now())
                .await
                .expect("caught up"),
            3
        );
        begin().await;
        world.rotate("user", "rollback").await.expect("back");
        world.clock.advance(hours(4));
        assert_eq!(
            rotate::advance(&world.auth, world.now())
                .await
                .expect("nothing is due"),
            0
        );
        assert_eq!(world.phase(AuthorityKind::User).await.phase, "rollback");
    })
    .await;
}

#[tokio::test]
async fn who_watches_authorities_hears_of_theirs_and_never_of_private_keys() {
    on_every_store(async |world| {
        let kind = |types: &[(&str, &str)]| WatchKind {
            kind: "cert_authority".to_owned(),
            filter: types
                .iter()
                .map(|(kind, cluster)| ((*kind).to_owned(), (*cluster).to_owned()))
                .collect(),
            ..WatchKind::default()
        };
        let mut all = world.proxy.watch(vec![kind(&[])], false).await.expect("a watch");
        let mut users = world
            .proxy
            .watch(
                vec![kind(&[
                    ("user", "teleport.example.com"),
                    ("host", "other.example.com"),
                ])],
                false,
            )
            .await
            .expect("a watch");
        world.rotate("host", "init").await.expect("a step");
        world.rotate("user", "init").await.expect("a step");
        let told = async |watch: &mut client::watch::Watch| {
            let event = watch.next().await.expect("told").expect("an event");
            let Some(event::Resource::CertAuthority(authority)) = event.resource else {
                panic!("something else is told: {event:?}");
            };
            let spec = authority.spec.expect("a spec");
            let keys = [
                spec.active_keys.expect("keys"),
                spec.additional_trusted_keys.expect("keys"),
            ];
            for set in &keys {
                assert!(
                    set.ssh
                        .iter()
                        .all(|pair| !pair.public_key.is_empty() && pair.private_key.is_empty())
                );
                assert!(
                    set.tls
                        .iter()
                        .all(|pair| !pair.cert.is_empty() && pair.key.is_empty())
                );
            }
            (spec.r#type, spec.rotation.expect("a rotation").phase)
        };
        assert_eq!(told(&mut all).await, ("host".to_owned(), "init".to_owned()));
        assert_eq!(told(&mut all).await, ("user".to_owned(), "init".to_owned()));
        assert_eq!(told(&mut users).await, ("user".to_owned(), "init".to_owned()));
        let unknown = world.proxy.watch(vec![kind(&[("nosuch", "*")])], false).await;
        assert_eq!(refusal(unknown.map(|_| ())).0, Code::InvalidArgument);
    })
    .await;
}

/// An identity out of a key and what was issued for it, authorities included.
fn identity_believing(key: &pki::KeyPair, certs: &proto::Certs) -> client::Identity {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("PEM");
    let parts = client::identity::IdentityParts {
        private_key: key.to_pem().expect("a key"),
        tls_certificate: text(&certs.tls),
        tls_authorities: certs.tlsca_certs.iter().map(|pem| text(pem)).collect(),
        ssh_certificate: None,
    };
    client::Identity::new(&parts, client::identity::Origin::Process).expect("an identity")
}
