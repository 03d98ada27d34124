use access::ambient::SeededEntropy;
use access::{HostGrant, HostPermit, SystemRole};
use expect_test::expect;
use jiff::Timestamp;

use crate::identity::{Caller, VouchedBy};
use crate::issue::{Certificates, IssueError, SubjectKeys, host, web};
use crate::names::service_names;
use crate::tests::tools::{Bench, ssh_text, x509_text};
use crate::tests::world::{CLUSTER, HOST_ID, authority, key, noon};
use crate::{Algorithm, AuthorityKind, Identity};

fn grant(role: SystemRole) -> HostGrant {
    HostGrant {
        host_id: HOST_ID.to_owned(),
        cluster: CLUSTER.to_owned(),
        role,
        principals: service_names(role, "demo", ["auth.example.com:3025", "192.0.2.7"]),
        not_after: Timestamp::MAX,
    }
}

fn try_issue(grant: HostGrant) -> Result<Certificates, IssueError> {
    let (key, authority) = (key(Algorithm::P256), authority(AuthorityKind::Host));
    let keys = SubjectKeys::same(key.public());
    let permit = HostPermit::for_own_part(grant);
    host(&permit, keys, &authority, noon(), &SeededEntropy::new(1))
}

fn issue(grant: HostGrant) -> Certificates {
    try_issue(grant).expect("certificates")
}

#[test]
fn the_auth_services_certificates() {
    let certificates = issue(grant(SystemRole::Admin));
    expect![[r#"
                Version: 3 (0x2)
                Serial Number:
                    4b:6d:ac:0d:ef:a8:96:89:4d:a9:34:cf:e7:44:18:2c
                Signature Algorithm: ecdsa-with-SHA256
                Issuer: O=teleport.example.com,CN=teleport.example.com,serialNumber=145058953441167198388998685524391612813
                Validity
                    Not Before: Aug 27 11:59:00 2025 GMT
                    Not After : Aug 25 12:00:00 2035 GMT
                Subject: street=,postalCode=null,O=Admin,CN=5f2c4c6e-6a1f-4f0b-9d5a-3d8a2f1b7c44.teleport.example.com,1.3.9999.1.7=teleport.example.com
                X509v3 extensions:
                    X509v3 Key Usage: critical
                        Digital Signature
                    X509v3 Extended Key Usage:
                        TLS Web Server Authentication, TLS Web Client Authentication
                    X509v3 Basic Constraints: critical
                        CA:FALSE
                    X509v3 Authority Key Identifier:
                        45:28:8B:CC:DC:97:4F:9D:CD:68:F9:41:EA:BB:B9:D4:95:57:1C:95
                    X509v3 Subject Alternative Name:
                        DNS:demo, DNS:auth.example.com, IP Address:192.0.2.7, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, DNS:*.teleport.cluster.local, DNS:teleport.cluster.local
    "#]].assert_eq(&x509_text(certificates.tls.as_ref().unwrap()));
    expect![[r#"
                Type: ecdsa-sha2-nistp256-cert-v01@openssh.com host certificate
                Signing CA: ED25519 SHA256:5pyIphexFb/mRXRPza/XGy1EbQzKmGR/u4/ibeUBw9A (using ssh-ed25519)
                Key ID: ""
                Serial: 0
                Valid: after 2025-08-27T11:59:00
                Principals:
                        5f2c4c6e-6a1f-4f0b-9d5a-3d8a2f1b7c44
                Critical Options: (none)
                Extensions:
                        x-teleport-authority teleport.example.com
                        x-teleport-role Admin
    "#]]
    .assert_eq(&ssh_text(&certificates.ssh.unwrap().to_line()));
    let identity = Identity::from_certificate(certificates.tls.as_ref().unwrap()).unwrap();
    assert_eq!(
        identity.caller(VouchedBy::Host),
        Ok(Caller::Service {
            role: SystemRole::Admin,
            host_id: HOST_ID
        })
    );
}

#[test]
fn a_proxys_ssh_certificate() {
    let certificates = issue(grant(SystemRole::Proxy));
    expect![[r#"
                Type: ecdsa-sha2-nistp256-cert-v01@openssh.com host certificate
                Signing CA: ED25519 SHA256:5pyIphexFb/mRXRPza/XGy1EbQzKmGR/u4/ibeUBw9A (using ssh-ed25519)
                Key ID: ""
                Serial: 0
                Valid: after 2025-08-27T11:59:00
                Principals:
                        5f2c4c6e-6a1f-4f0b-9d5a-3d8a2f1b7c44.teleport.example.com
                        5f2c4c6e-6a1f-4f0b-9d5a-3d8a2f1b7c44
                        demo.teleport.example.com
                        demo
                        auth.example.com
                        192.0.2.7
                        localhost
                        127.0.0.1
                        ::1
                        remote.kube.proxy.teleport.cluster.local
                Critical Options: (none)
                Extensions:
                        x-teleport-authority teleport.example.com
                        x-teleport-role Proxy
    "#]]
    .assert_eq(&ssh_text(&certificates.ssh.unwrap().to_line()));
}

#[test]
fn a_listed_hosts_ssh_certificate_has_no_end() {
    let listed = HostGrant {
        host_id: String::new(),
        principals: vec!["demo".to_owned()],
        not_after: Timestamp::MAX,
        ..grant(SystemRole::Node)
    };
    let key = key(Algorithm::Ed25519);
    let keys = SubjectKeys {
        ssh: Some(key.public()),
        tls: None,
    };
    let permit = HostPermit::for_own_part(listed.clone());
    let certificates = host(
        &permit,
        keys,
        &authority(AuthorityKind::Host),
        noon(),
        &SeededEntropy::new(1),
    );
    let ssh = certificates.unwrap().ssh.unwrap();
    assert_eq!(
        crate::ssh::Certificate::from_line(&ssh.to_line()),
        Ok(ssh.clone())
    );
    assert_eq!(ssh.valid_before(), None);
    expect![[r#"
                Type: ssh-ed25519-cert-v01@openssh.com host certificate
                Signing CA: ED25519 SHA256:5pyIphexFb/mRXRPza/XGy1EbQzKmGR/u4/ibeUBw9A (using ssh-ed25519)
                Key ID: ""
                Serial: 0
                Valid: after 2025-08-27T11:59:00
                Principals:
                        demo
                Critical Options: (none)
                Extensions:
                        x-teleport-authority teleport.example.com
                        x-teleport-role Node
    "#]]
    .assert_eq(&ssh_text(&ssh.to_line()));
    assert_eq!(try_issue(listed).unwrap_err(), IssueError::Missing("a host id"));
}

#[test]
fn openssl_verifies_them_for_both_ends_and_all_names() {
    let bench = Bench::new();
    let authority = authority(AuthorityKind::Host);
    bench.write("ca.pem", authority.certificates().next().unwrap().to_pem());
    bench.write(
        "it.pem",
        crate::certificate::to_pem(&issue(grant(SystemRole::Auth)).tls.unwrap()),
    );
    let at = noon().as_second();
    let verify = |more: &str| {
        let line = format!("openssl verify -x509_strict -attime {at} -CAfile ca.pem {more} it.pem");
        bench.try_run(&line, b"").is_ok()
    };
    for name in [
        "demo",
        "auth.example.com",
        "localhost",
        "abc.teleport.cluster.local",
    ] {
        assert!(
            verify(&format!("-purpose sslserver -verify_hostname {name}")),
            "{name}"
        );
    }
    for ip in ["127.0.0.1", "::1", "192.0.2.7"] {
        assert!(verify(&format!("-purpose sslclient -verify_ip {ip}")), "{ip}");
    }
    assert!(!verify("-verify_hostname example.com"));
}

#[test]
fn a_permit_for_another_cluster_or_a_strange_name_is_refused() {
    let other = HostGrant {
        cluster: "other.example.com".to_owned(),
        ..grant(SystemRole::Auth)
    };
    assert!(matches!(try_issue(other), Err(IssueError::WrongCluster { .. })));
    for name in ["a b", "a,b", "ä", "a\nb"] {
        let strange = HostGrant {
            principals: vec![name.to_owned()],
            ..grant(SystemRole::Auth)
        };
        assert!(
            matches!(try_issue(strange), Err(IssueError::Unfit { .. })),
            "{name}"
        );
    }
}

#[test]
fn a_proxy_without_a_certificate_makes_one_for_its_own_names_only() {
    let key = key(Algorithm::P256);
    let listed = ["proxy.example.com".to_owned()];
    let der = web::self_signed(&key, "demo", &listed, noon(), &SeededEntropy::new(1)).unwrap();
    expect![[r#"
                Version: 3 (0x2)
                Serial Number:
                    f5:34:52:7e:68:80:0a:14:28:80:91:6a:73:3c:c8:93
                Signature Algorithm: ecdsa-with-SHA256
                Issuer: C=US,O=localhost,CN=localhost
                Validity
                    Not Before: Aug 27 11:59:00 2025 GMT
                    Not After : Nov 30 12:00:00 2027 GMT
                Subject: C=US,O=localhost,CN=localhost
                X509v3 extensions:
                    X509v3 Key Usage: critical
                        Digital Signature
                    X509v3 Extended Key Usage:
                        TLS Web Server Authentication
                    X509v3 Basic Constraints: critical
                        CA:FALSE
                    X509v3 Subject Alternative Name:
                        DNS:demo, DNS:proxy.example.com, DNS:localhost, DNS:localhost.local, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1
    "#]].assert_eq(&x509_text(&der));
    let bench = Bench::new();
    bench.write("it.pem", crate::certificate::to_pem(&der));
    let at = noon().as_second();
    for name in ["demo", "localhost", "proxy.example.com"] {
        bench.run(&format!(
            "openssl verify -purpose sslserver -attime {at} -verify_hostname {name} -CAfile it.pem it.pem"
        ));
    }
}
