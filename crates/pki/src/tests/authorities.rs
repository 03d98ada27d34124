use access::ambient::SeededEntropy;
use access::{HostGrant, HostPermit, SystemRole};
use expect_test::expect;
use jiff::{SignedDuration, Timestamp};
use rustls_pki_types::CertificateDer;

use crate::authority::{AuthorityError, LIFETIME};
use crate::issue::user::granted;
use crate::issue::{IssueError, SubjectKeys, host};
use crate::pin::PinError;
use crate::ssh::CertificateError;
use crate::tests::tools::{Bench, x509_text};
use crate::tests::world::{CLUSTER, HOST_ID, after, authority, grant, key, noon};
use crate::verify::{Purpose, Trust, VerifyError};
use crate::{Algorithm, Authority, AuthorityKind, Pin};

fn trust(authority: &Authority) -> Trust {
    Trust::new(authority.certificates().cloned())
}

fn bob(authority: &Authority) -> CertificateDer<'static> {
    let key = key(Algorithm::P256);
    let keys = SubjectKeys::same(key.public());
    let grant = grant("bob", &["devops"]);
    let certificates = granted(&grant, keys, authority, noon(), &SeededEntropy::new(1));
    certificates.unwrap().tls.unwrap()
}

#[test]
fn an_authoritys_certificate() {
    let host = authority(AuthorityKind::Host);
    let certificate = host.certificates().next().unwrap();
    expect![[r#"
                Version: 3 (0x2)
                Serial Number:
                    6d:21:56:95:26:f5:ce:0d:d5:6f:57:d1:45:ff:d1:8d
                Signature Algorithm: ecdsa-with-SHA256
                Issuer: O=teleport.example.com,CN=teleport.example.com,serialNumber=145058953441167198388998685524391612813
                Validity
                    Not Before: Aug 27 12:00:00 2025 GMT
                    Not After : Aug 25 12:00:00 2035 GMT
                Subject: O=teleport.example.com,CN=teleport.example.com,serialNumber=145058953441167198388998685524391612813
                X509v3 extensions:
                    X509v3 Key Usage: critical
                        Digital Signature, Certificate Sign, CRL Sign
                    X509v3 Basic Constraints: critical
                        CA:TRUE
                    X509v3 Subject Key Identifier:
                        45:28:8B:CC:DC:97:4F:9D:CD:68:F9:41:EA:BB:B9:D4:95:57:1C:95
    "#]].assert_eq(&x509_text(certificate.der()));
}

#[test]
fn the_pin_is_the_digest_openssl_computes() {
    let host = authority(AuthorityKind::Host);
    let bench = Bench::new();
    bench.write("ca.pem", host.certificates().next().unwrap().to_pem());
    bench.write("spki.pem", bench.run("openssl x509 -in ca.pem -noout -pubkey"));
    bench.run("openssl pkey -pubin -in spki.pem -outform DER -out spki");
    let digest = bench.run("openssl dgst -sha256 -r spki");
    let pin = host.pins().next().unwrap();
    assert_eq!(pin.to_string(), format!("sha256:{}", &digest[..64]));

    let certificates: Vec<_> = host.certificates().map(|it| it.der().as_ref()).collect();
    let check = |pins: &[Pin], now| Pin::check_all(pins, certificates.iter().copied(), now);
    assert_eq!(check(&[pin], noon()), Ok(()));
    let other = authority(AuthorityKind::User).pins().next().unwrap();
    assert_eq!(check(&[other], noon()), Err(PinError::Mismatch { found: pin }));
    assert_eq!(
        check(&[pin], after(-1)),
        Err(PinError::NotValidNow { found: pin })
    );
    assert_eq!(Pin::check_all(&[pin], [], noon()), Err(PinError::Nothing));
}

#[test]
fn an_authority_comes_back_from_its_stored_form_and_signs() {
    for kind in AuthorityKind::ALL {
        let made = authority(kind);
        assert_eq!(kind.as_str().parse::<AuthorityKind>(), Ok(kind));
        let record = made.to_record().unwrap();
        let back = Authority::from_record(&record).unwrap();
        assert!(made.ssh_keys().eq(back.ssh_keys()));
        assert!(made.certificates().eq(back.certificates()));
        assert_eq!(made.ssh_keys().count() > 0, kind.is_used());
        let public = Authority::from_record(&record.without_secrets()).unwrap();
        assert!(made.certificates().eq(public.certificates()));
        if kind == AuthorityKind::User {
            assert!(trust(&made).check(&[bob(&back)], Purpose::Client, noon()).is_ok());
            let key = key(Algorithm::P256);
            let keys = SubjectKeys::same(key.public());
            let grant = grant("bob", &["devops"]);
            let unsigned = granted(&grant, keys, &public, noon(), &SeededEntropy::new(1));
            assert!(matches!(
                unsigned,
                Err(IssueError::Authority(AuthorityError::NoSigningKey { .. }))
            ));
        }
    }
    assert!("nosuch".parse::<AuthorityKind>().is_err());
}

#[test]
fn a_stored_key_must_belong_to_its_public_half() {
    let mut record = authority(AuthorityKind::Host).to_record().unwrap();
    let mut other = authority(AuthorityKind::User).to_record().unwrap();
    std::mem::swap(
        &mut record.active.tls[0].private,
        &mut other.active.tls[0].private,
    );
    assert_eq!(
        Authority::from_record(&record).err(),
        Some(AuthorityError::KeyMismatch(AuthorityKind::Host))
    );
}

#[test]
fn a_cluster_name_that_would_break_a_line_is_refused() {
    for name in ["", "a b", "a,b", "a\nb", "ä"] {
        let made = Authority::generate(AuthorityKind::Host, name, noon(), &SeededEntropy::new(1));
        assert!(matches!(made, Err(AuthorityError::ClusterName(_))), "{name:?}");
    }
}

#[test]
fn only_a_certificate_signed_by_the_right_authority_in_time_for_its_purpose_is_believed() {
    let (user, host_authority) = (authority(AuthorityKind::User), authority(AuthorityKind::Host));
    let shown = bob(&user);
    let check = |trust: &Trust, purpose, now| trust.check(std::slice::from_ref(&shown), purpose, now).err();
    let ours = trust(&user);
    assert_eq!(check(&ours, Purpose::Client, noon()), None);
    assert_eq!(check(&ours, Purpose::Client, after(12)), None);
    let late = after(12) + SignedDuration::from_secs(1);
    assert_eq!(
        check(&ours, Purpose::Client, late),
        Some(VerifyError::Expired(after(12)))
    );
    let begin = noon() - SignedDuration::from_secs(60);
    let early = begin - SignedDuration::from_secs(1);
    assert_eq!(
        check(&ours, Purpose::Client, early),
        Some(VerifyError::NotYetValid(begin))
    );
    assert_eq!(
        check(&trust(&host_authority), Purpose::Client, noon()),
        Some(VerifyError::Foreign)
    );
    assert_eq!(
        check(&Trust::default(), Purpose::Client, noon()),
        Some(VerifyError::Foreign)
    );

    // The same name, another key.
    let entropy = SeededEntropy::named("an impostor");
    let impostor = Authority::generate(AuthorityKind::User, CLUSTER, noon(), &entropy).unwrap();
    let mut posing: Vec<_> = impostor.certificates().cloned().collect();
    posing[0].subject = user.certificates().next().unwrap().subject.clone();
    assert_eq!(
        check(&Trust::new(posing), Purpose::Client, noon()),
        Some(VerifyError::BadSignature)
    );

    let authority_itself = user.certificates().next().unwrap().der().clone();
    let chain = [shown.clone(), authority_itself.clone()];
    assert_eq!(
        ours.check(&chain, Purpose::Client, noon()).err(),
        Some(VerifyError::Intermediaries)
    );
    assert_eq!(
        ours.check(&[], Purpose::Client, noon()).err(),
        Some(VerifyError::Intermediaries)
    );
    assert_eq!(
        ours.check(&[authority_itself], Purpose::Client, noon()).err(),
        Some(VerifyError::Purpose)
    );
    // An authority that has ended ends what it signed.
    let end = noon() + LIFETIME;
    let key = key(Algorithm::P256);
    let permit = HostPermit::for_own_part(HostGrant {
        host_id: HOST_ID.to_owned(),
        cluster: CLUSTER.to_owned(),
        role: SystemRole::Auth,
        principals: Vec::new(),
        not_after: Timestamp::MAX,
    });
    let keys = SubjectKeys::same(key.public());
    let entropy = SeededEntropy::new(1);
    let long = host(&permit, keys, &host_authority, after(24), &entropy).unwrap();
    let long = [long.tls.unwrap()];
    assert!(trust(&host_authority).check(&long, Purpose::Server, end).is_ok());
    assert_eq!(
        trust(&host_authority)
            .check(&long, Purpose::Server, end + SignedDuration::from_secs(1))
            .err(),
        Some(VerifyError::Expired(end))
    );
}

#[test]
fn a_changed_byte_is_never_believed() {
    let user = authority(AuthorityKind::User);
    let (trust, shown) = (trust(&user), bob(&user));
    for index in 0..shown.len() {
        let mut changed = shown.to_vec();
        changed[index] ^= 0x01;
        let changed = [CertificateDer::from(changed)];
        let verdict = trust.check(&changed, Purpose::Client, noon());
        assert!(verdict.is_err(), "byte {index}");
    }
}

#[test]
fn ssh_certificates_are_checked_against_the_authorities_and_the_time() {
    let user = authority(AuthorityKind::User);
    let key = key(Algorithm::Ed25519);
    let keys = SubjectKeys::same(key.public());
    let grant = grant("bob", &["devops"]);
    let made = granted(&grant, keys, &user, noon(), &SeededEntropy::new(1)).unwrap();
    let made = made.ssh.unwrap();
    let read = crate::ssh::Certificate::from_line(&made.to_line()).unwrap();
    assert_eq!(read, made);
    assert_eq!(read.check(user.ssh_keys(), noon()), Ok(()));
    let other = authority(AuthorityKind::Host);
    assert_eq!(
        read.check(other.ssh_keys(), noon()),
        Err(CertificateError::Foreign)
    );
    assert_eq!(
        read.check(user.ssh_keys(), after(12)),
        Err(CertificateError::Expired(after(12)))
    );
    let line = made.to_line();
    let (kind, blob) = line.split_once(' ').unwrap();
    let mut blob = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, blob).unwrap();
    for index in 0..blob.len() {
        blob[index] ^= 0x01;
        let text = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &blob);
        let changed = crate::ssh::Certificate::from_line(&format!("{kind} {text}"));
        let verdict = changed.and_then(|changed| changed.check(user.ssh_keys(), noon()));
        assert!(verdict.is_err(), "byte {index}");
        blob[index] ^= 0x01;
    }
}
