//! Identities: what they are made of, what is refused, and how they are renewed.

use std::cell::RefCell;

use client::identity::{Identity, IdentityError, IdentityHandle, IdentityParts, Origin};
use client::profile::{Profile, ProfileDir, ProfileKeys};
use jiff::SignedDuration;

use crate::authority::{Leaf, noon, pem};
use crate::world::World;

fn origin() -> Origin {
    Origin::File("/tmp/identity".into())
}

#[test]
fn an_identity_knows_who_and_where() {
    let world = World::new();
    let identity = world.identity("bob@example.com");
    assert_eq!(identity.user(), "bob@example.com");
    assert_eq!(identity.cluster(), "example.com");
    assert_eq!(identity.not_after(), noon() + SignedDuration::from_hours(12));
    assert_eq!(identity.authorities().len(), 1);
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let world = World::new();
    let (one, two) = (world.user("bob"), world.user("bob"));
    let good = world.parts(&one);
    let told = |parts: &IdentityParts| {
        let error = Identity::new(parts, origin()).expect_err("refused");
        assert!(
            error.hint().is_some_and(|hint| hint.contains("tctl auth sign")),
            "{error}"
        );
        error.to_string()
    };
    let mixed = IdentityParts {
        private_key: two.key_pem().into(),
        ..good.clone()
    };
    assert_eq!(
        told(&mixed),
        "the identity file `/tmp/identity` holds a key that does not belong to its certificate"
    );
    let alone = IdentityParts {
        tls_authorities: String::new(),
        ..good.clone()
    };
    assert_eq!(
        told(&alone),
        "the identity file `/tmp/identity` holds no cluster authorities"
    );
    let half = IdentityParts {
        private_key: one.key_pem()[..100].to_owned().into(),
        ..good.clone()
    };
    assert!(
        told(&half).starts_with("the identity file `/tmp/identity` cannot be read: the private key"),
        "{}",
        told(&half)
    );
    let garbage = IdentityParts {
        tls_certificate: "garbage".to_owned(),
        ..good.clone()
    };
    assert!(told(&garbage).contains("cannot be read"), "{}", told(&garbage));
    let broken = IdentityParts {
        tls_certificate: pem("CERTIFICATE", &[0x30, 3, 1, 2, 3]),
        ..good
    };
    assert!(told(&broken).contains("cannot be read"), "{}", told(&broken));
    let nobody = world.user.issue(&Leaf::default());
    assert_eq!(
        told(&world.parts(&nobody)),
        "the identity file `/tmp/identity` cannot be read: missing identity groups"
    );
}

#[test]
fn time_is_checked_against_the_clock_given() {
    let world = World::new();
    let identity = world.identity("bob");
    assert!(identity.check_time(noon()).is_ok());
    let late = noon() + SignedDuration::from_hours(12);
    assert!(matches!(identity.check_time(late), Err(IdentityError::Expired { at, .. }) if at == late));
    let early = noon() - SignedDuration::from_hours(24 * 31);
    assert!(matches!(
        identity.check_time(early),
        Err(IdentityError::NotYetValid { .. })
    ));
}

#[test]
fn a_renewal_that_cannot_be_used_leaves_the_old_identity() {
    let world = World::new();
    let handle = IdentityHandle::new(world.identity("bob"));
    let before = handle.current();
    let clock = world.clock();

    // The same again, something half written, something expired: nothing changes.
    let same = || Ok((*before).clone());
    assert!(!handle.refresh_once(&*clock, same).expect("readable"));
    let half = || {
        let mut parts = world.parts(&world.user("bob"));
        parts.tls_certificate.truncate(parts.tls_certificate.len() / 2);
        Identity::new(&parts, origin())
    };
    assert!(matches!(
        handle.refresh_once(&*clock, half),
        Err(IdentityError::Malformed { .. })
    ));
    let past = noon() - SignedDuration::from_secs(1);
    let expired = || {
        let leaf = Leaf {
            cluster: Some("example.com"),
            not_after: past,
            ..Leaf::default()
        };
        Identity::new(&world.parts(&world.user.issue(&leaf)), origin())
    };
    assert!(matches!(
        handle.refresh_once(&*clock, expired),
        Err(IdentityError::Expired { .. })
    ));
    assert_eq!(handle.current().certificate(), before.certificate());

    let next = world.identity("bob");
    assert!(
        handle
            .refresh_once(&*clock, || Ok(next.clone()))
            .expect("readable")
    );
    assert_eq!(handle.current().certificate(), next.certificate());
}

#[tokio::test(start_paused = true)]
async fn an_identity_is_read_again_and_again() {
    let world = World::new();
    let handle = IdentityHandle::new(world.identity("bob"));
    let mut changes = handle.subscribe();
    changes.mark_unchanged();
    let next = RefCell::new(vec![
        Ok(world.identity("bob")),
        Err(IdentityError::Missing { origin: origin() }),
        Err(IdentityError::Missing { origin: origin() }),
        Ok(world.identity("bob")),
    ]);
    let reading = handle
        .clone()
        .keep_fresh(std::time::Duration::from_secs(60), world.clock(), move || {
            next.borrow_mut()
                .pop()
                .unwrap_or_else(|| Err(IdentityError::Missing { origin: origin() }))
        });
    let watching = async {
        changes.changed().await.expect("a first");
        let first = handle.current();
        changes.changed().await.expect("a second");
        assert_ne!(first.certificate(), handle.current().certificate());
    };
    tokio::select! {
        () = reading => {}
        () = watching => {}
    }
}

#[test]
fn a_profile_is_an_identity_too() {
    let world = World::new();
    let issued = world.user("bob");
    let directory = tempfile::tempdir().expect("a directory");
    let directory = ProfileDir::at(directory.path().join("tsh"));
    assert!(
        Identity::from_profile(&directory, "localhost")
            .expect("readable")
            .is_none()
    );
    let profile = Profile::on_one_port("localhost:3080", "bob", "example.com");
    let keys = ProfileKeys {
        tls_private_key: issued.key_pem().into(),
        tls_certificate: issued.certificate_pem(),
        tls_authorities: [(
            "example.com".to_owned(),
            pem("CERTIFICATE", &world.host.certificate),
        )]
        .into(),
        ..ProfileKeys::default()
    };
    directory.save(&profile, &keys).expect("saved");
    let identity = Identity::from_profile(&directory, "localhost")
        .expect("readable")
        .expect("logged in");
    assert_eq!((identity.user(), identity.cluster()), ("bob", "example.com"));
    assert_eq!(identity.origin(), &Origin::Profile("localhost".to_owned()));
}

#[test]
fn a_file_is_an_identity() {
    let world = World::new();
    let issued = world.user("bob");
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("identity");
    let error = Identity::from_file(&path).expect_err("missing");
    assert_eq!(
        error.to_string(),
        format!("the identity file `{}` does not exist", path.display())
    );
    let text = [
        issued.key_pem(),
        "ecdsa-sha2-nistp256-cert-v01@openssh.com AAAA\n".to_owned(),
        issued.certificate_pem(),
        "@cert-authority example.com,*.example.com ssh-ed25519 AAAA type=host\n".to_owned(),
        pem("CERTIFICATE", &world.host.certificate),
    ]
    .concat();
    std::fs::write(&path, &text).expect("written");
    let identity = Identity::from_file(&path).expect("readable");
    assert_eq!((identity.user(), identity.cluster()), ("bob", "example.com"));
    assert!(identity.ssh_certificate().is_some());

    // Every way of being cut off is refused, or loses nothing but authorities' tails.
    for length in (0..text.len()).step_by(7) {
        std::fs::write(&path, &text[..length]).expect("written");
        let error = Identity::from_file(&path).expect_err("cut off");
        let told = error.to_string();
        assert!(
            told.contains("cannot be read") || told.contains("holds no cluster authorities"),
            "{told}"
        );
    }
    std::fs::write(&path, b"\xff\xfe garbage").expect("written");
    assert!(Identity::from_file(&path).is_err());

    let file = |name: &str, content: String| {
        let path = directory.path().join(name);
        std::fs::write(&path, content).expect("written");
        path
    };
    let (key, crt) = (
        file("x.key", issued.key_pem()),
        file("x.crt", issued.certificate_pem()),
    );
    let cas = file("x.cas", pem("CERTIFICATE", &world.host.certificate));
    assert_eq!(
        Identity::from_pem_files(&key, &crt, &cas)
            .expect("readable")
            .user(),
        "bob"
    );
}
