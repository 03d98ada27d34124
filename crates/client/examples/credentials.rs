//! Writes Bob's credentials in every form into a directory, for programs in other languages that read
//! them: `cargo run -p client --example credentials -- DIRECTORY`.
//!
//! The files are always valid at noon of 27 August 2025, and made of the same keys each time.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use access::ambient::SeededEntropy;
use access::issue::{Subject, Wish, local_admin};
use access::{HostGrant, HostPermit, Role, SystemRole, Traits};
use jiff::{SignedDuration, Timestamp};
use pki::issue::{self, SubjectKeys};
use pki::{Algorithm, Authority, AuthorityKind, KeyPair};
use wire::identity_file::{Format, IdentityFile, known_hosts_line};

const CLUSTER: &str = "teleport.example.com";
const HOST_ID: &str = "5f2c4c6e-6a1f-4f0b-9d5a-3d8a2f1b7c44";

fn main() -> ExitCode {
    let directory = std::env::args_os()
        .nth(1)
        .or_else(|| std::env::var_os("COUNTERSIGN_CREDENTIALS"));
    let Some(directory) = directory.map(PathBuf::from) else {
        eprintln!("ERROR: no directory to write the credentials to");
        return ExitCode::FAILURE;
    };
    match write(&directory) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ERROR: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write(directory: &Path) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(directory)?;
    let noon: Timestamp = "2025-08-27T12:00:00Z".parse()?;
    let entropy = SeededEntropy::named("credentials");
    let user = Authority::generate(AuthorityKind::User, CLUSTER, noon, &entropy)?;
    let host = Authority::generate(AuthorityKind::Host, CLUSTER, noon, &entropy)?;

    let mut roles = [Role::empty("devops"), Role::empty("elevated-access")];
    roles[1].allow.logins = vec!["root".to_owned(), "ubuntu".to_owned()];
    let mut traits = Traits::from([("logins".to_owned(), Vec::new())]);
    traits.insert(
        "teams".to_owned(),
        vec!["<core> & friends".to_owned(), "ß".to_owned()],
    );
    let bob = Subject {
        user: "bob@example.com",
        subject: "bob",
        roles: &roles,
        traits: &traits,
    };
    let wish = Wish::AtMost(noon + SignedDuration::from_hours(12));
    let permit = local_admin(&format!("{HOST_ID}.{CLUSTER}"), &bob, wish, noon)?;

    for (name, algorithm, format) in [
        ("identity", Algorithm::P256, Format::File),
        ("identity-rsa", Algorithm::Rsa, Format::File),
        ("identity-ed25519", Algorithm::Ed25519, Format::File),
        ("tls", Algorithm::P256, Format::Tls),
        ("ssh", Algorithm::Ed25519, Format::OpenSsh),
    ] {
        let key = KeyPair::generate(algorithm, &entropy)?;
        let keys = SubjectKeys::same(key.public());
        let certificates = issue::user(&permit, keys, &user, noon, &entropy)?;
        let file = IdentityFile {
            private_key: match format {
                Format::OpenSsh => key.to_openssh_pem()?,
                Format::File | Format::Tls => key.to_pem()?,
            },
            ssh_certificate: certificates.ssh.map(|certificate| certificate.to_line()),
            tls_certificate: certificates
                .tls
                .map(|der| pki::certificate::to_pem(&der))
                .unwrap_or_default(),
            ssh_authorities: host
                .ssh_keys()
                .map(|key| known_hosts_line(None, CLUSTER, &key.to_ssh_line()))
                .collect(),
            tls_authorities: host
                .certificates()
                .map(|certificate| certificate.to_pem())
                .collect(),
        };
        for part in file.files(format)? {
            std::fs::write(
                directory.join(format!("{name}{}", part.suffix)),
                part.content.expose(),
            )?;
        }
    }

    // What the other ends show and trust.
    let key = KeyPair::generate(Algorithm::P256, &entropy)?;
    let permit = HostPermit::for_own_part(HostGrant {
        host_id: HOST_ID.to_owned(),
        cluster: CLUSTER.to_owned(),
        role: SystemRole::Proxy,
        principals: pki::names::service_names(SystemRole::Proxy, "demo", ["proxy.example.com:443"]),
        not_after: Timestamp::MAX,
    });
    let certificates = issue::host(&permit, SubjectKeys::same(key.public()), &host, noon, &entropy)?;
    let (Some(tls), Some(ssh)) = (certificates.tls, certificates.ssh) else {
        return Err("a certificate is missing".into());
    };
    let web = issue::web::self_signed(&key, "demo", &[], noon, &entropy)?;
    let user_tls: String = user
        .certificates()
        .map(|certificate| certificate.to_pem())
        .collect();
    let user_ssh: String = user.ssh_keys().map(|key| key.to_ssh_line() + "\n").collect();
    let pins: String = host.pins().map(|pin| pin.to_string() + "\n").collect();
    for (name, text) in [
        ("host.key", key.to_pem()?.expose().clone()),
        ("host.crt", pki::certificate::to_pem(&tls)),
        ("host-cert.pub", ssh.to_line() + "\n"),
        ("web.crt", pki::certificate::to_pem(&web)),
        ("user-ca.crt", user_tls),
        ("user-ca.pub", user_ssh),
        ("pins", pins),
    ] {
        std::fs::write(directory.join(name), text)?;
    }
    Ok(())
}
