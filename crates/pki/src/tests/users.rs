use access::UserGrant;
use access::ambient::SeededEntropy;
use expect_test::{Expect, expect};

use crate::identity::{Caller, VouchedBy};
use crate::issue::user::granted;
use crate::issue::{Certificates, IssueError, SubjectKeys};
use crate::tests::tools::{Bench, ssh_text, x509_text};
use crate::tests::world::{CLUSTER, HOST_ID, after, authority, grant, key, noon, texts};
use crate::{Algorithm, AuthorityKind, Identity};

fn issue(grant: &UserGrant) -> Certificates {
    issue_for(grant, Algorithm::P256)
}

fn issue_for(grant: &UserGrant, algorithm: Algorithm) -> Certificates {
    let (key, authority) = (key(algorithm), authority(AuthorityKind::User));
    let keys = SubjectKeys::same(key.public());
    granted(grant, keys, &authority, noon(), &SeededEntropy::new(1)).expect("certificates")
}

fn refused(grant: &UserGrant) -> String {
    let (key, authority) = (key(Algorithm::P256), authority(AuthorityKind::User));
    let keys = SubjectKeys::same(key.public());
    granted(grant, keys, &authority, noon(), &SeededEntropy::new(1))
        .expect_err("a refusal")
        .to_string()
}

fn check(grant: &UserGrant, x509: &Expect, ssh: &Expect) {
    let certificates = issue(grant);
    x509.assert_eq(&x509_text(certificates.tls.as_ref().unwrap()));
    ssh.assert_eq(&ssh_text(&certificates.ssh.as_ref().unwrap().to_line()));
}

/// What `tctl auth sign --user=access-plugin` makes on the Auth host.
fn plugin() -> UserGrant {
    UserGrant {
        impersonator: Some(format!("{HOST_ID}.{CLUSTER}")),
        ..grant("access-plugin", &["access-plugin"])
    }
}

/// Bob after the second approval.
fn bob() -> UserGrant {
    let names = [
        "aws_role_arns",
        "azure_identities",
        "db_names",
        "db_roles",
        "db_users",
        "gcp_service_accounts",
        "kubernetes_groups",
        "kubernetes_users",
        "logins",
        "windows_logins",
    ];
    let mut traits: access::Traits = names.map(|name| (name.to_owned(), Vec::new())).into();
    traits.insert("host_user_gid".to_owned(), texts(&[""]));
    traits.insert("host_user_uid".to_owned(), texts(&[""]));
    UserGrant {
        traits,
        logins: texts(&["root"]),
        active_requests: texts(&["019a1c5e-0f2b-7c3d-8e4f-5a6b7c8d9e0f"]),
        login_ip: Some("127.0.0.1".to_owned()),
        ..grant("bob@example.com", &["devops", "elevated-access"])
    }
}

/// The renewable certificate of a bot.
fn bot() -> UserGrant {
    UserGrant {
        traits: [("logins".to_owned(), texts(&["root"]))].into(),
        login_ip: Some("127.0.0.1".to_owned()),
        renewable: true,
        generation: 3,
        bot_name: Some("robot2".to_owned()),
        bot_instance: Some("0d5c8f3e-7a6b-4c2d-9e1f-2b3a4c5d6e7f".to_owned()),
        not_after: after(1),
        ..grant("bot-robot2", &["bot-robot2"])
    }
}

#[test]
fn the_plugins_certificates_signed_on_the_auth_host() {
    check(
        &plugin(),
        &expect![[r#"
                    Version: 3 (0x2)
                    Serial Number:
                        22:98:14:1c:b9:12:16:37:df:cb:69:43:ad:aa:a8:81
                    Signature Algorithm: ecdsa-with-SHA256
                    Issuer: O=teleport.example.com,CN=teleport.example.com,serialNumber=111477139074079387046126816498621352418
                    Validity
                        Not Before: Aug 27 11:59:00 2025 GMT
                        Not After : Aug 28 00:00:00 2025 GMT
                    Subject: L=-teleport-internal-join+L=-teleport-nologin-f534527e-6880-4a14-a880-916a733cc893,street=teleport.example.com,postalCode=null,O=access-plugin,CN=access-plugin,1.3.9999.1.7=teleport.example.com,1.3.9999.2.7=5f2c4c6e-6a1f-4f0b-9d5a-3d8a2f1b7c44.teleport.example.com,1.3.9999.1.20=local,1.3.9999.1.15=none
                    X509v3 extensions:
                        X509v3 Key Usage: critical
                            Digital Signature
                        X509v3 Extended Key Usage:
                            TLS Web Server Authentication, TLS Web Client Authentication
                        X509v3 Basic Constraints: critical
                            CA:FALSE
                        X509v3 Authority Key Identifier:
                            9C:F6:C2:06:21:49:4C:76:57:91:0C:0B:E6:E4:0A:5B:DD:3F:F0:52
        "#]],
        &expect![[r#"
                    Type: ecdsa-sha2-nistp256-cert-v01@openssh.com user certificate
                    Signing CA: ED25519 SHA256:XDt6/+mzRQSkOXUhEFyXKYnxZT/7ydAj4/La/KgKF7Q (using ssh-ed25519)
                    Key ID: "access-plugin"
                    Serial: 0
                    Valid: from 2025-08-27T11:59:00 to 2025-08-28T00:00:00
                    Principals:
                            -teleport-nologin-f534527e-6880-4a14-a880-916a733cc893
                            -teleport-internal-join
                    Critical Options: (none)
                    Extensions:
                            impersonator 5f2c4c6e-6a1f-4f0b-9d5a-3d8a2f1b7c44.teleport.example.com
                            permit-port-forwarding
                            permit-pty
                            private-key-policy none
                            teleport-roles {"roles":["access-plugin"]}
                            teleport-route-to-cluster teleport.example.com
                            teleport-traits null
        "#]],
    );
}

#[test]
fn bobs_certificates_with_an_assumed_request() {
    check(
        &bob(),
        &expect![[r#"
                    Version: 3 (0x2)
                    Serial Number:
                        4b:6d:ac:0d:ef:a8:96:89:4d:a9:34:cf:e7:44:18:2c
                    Signature Algorithm: ecdsa-with-SHA256
                    Issuer: O=teleport.example.com,CN=teleport.example.com,serialNumber=111477139074079387046126816498621352418
                    Validity
                        Not Before: Aug 27 11:59:00 2025 GMT
                        Not After : Aug 28 00:00:00 2025 GMT
                    Subject: L=root+L=-teleport-internal-join,street=teleport.example.com,postalCode={"aws_role_arns":null,"azure_identities":null,"db_names":null,"db_roles":null,"db_users":null,"gcp_service_accounts":null,"host_user_gid":[""],"host_user_uid":[""],"kubernetes_groups":null,"kubernetes_users":null,"logins":null,"windows_logins":null},O=devops+O=elevated-access,CN=bob@example.com,1.3.9999.1.7=teleport.example.com,1.3.9999.1.9=127.0.0.1,1.3.9999.2.8=019a1c5e-0f2b-7c3d-8e4f-5a6b7c8d9e0f,1.3.9999.1.20=local,1.3.9999.1.15=none
                    X509v3 extensions:
                        X509v3 Key Usage: critical
                            Digital Signature
                        X509v3 Extended Key Usage:
                            TLS Web Server Authentication, TLS Web Client Authentication
                        X509v3 Basic Constraints: critical
                            CA:FALSE
                        X509v3 Authority Key Identifier:
                            9C:F6:C2:06:21:49:4C:76:57:91:0C:0B:E6:E4:0A:5B:DD:3F:F0:52
        "#]],
        &expect![[r#"
                    Type: ecdsa-sha2-nistp256-cert-v01@openssh.com user certificate
                    Signing CA: ED25519 SHA256:XDt6/+mzRQSkOXUhEFyXKYnxZT/7ydAj4/La/KgKF7Q (using ssh-ed25519)
                    Key ID: "bob@example.com"
                    Serial: 0
                    Valid: from 2025-08-27T11:59:00 to 2025-08-28T00:00:00
                    Principals:
                            root
                            -teleport-internal-join
                    Critical Options: (none)
                    Extensions:
                            login-ip 127.0.0.1
                            permit-port-forwarding
                            permit-pty
                            private-key-policy none
                            teleport-active-requests {"access_requests":["019a1c5e-0f2b-7c3d-8e4f-5a6b7c8d9e0f"]}
                            teleport-roles {"roles":["devops","elevated-access"]}
                            teleport-route-to-cluster teleport.example.com
                            teleport-traits {"aws_role_arns":null,"azure_identities":null,"db_names":null,"db_roles":null,"db_users":null,"gcp_service_accounts":null,"host_user_gid":[""],"host_user_uid":[""],"kubernetes_groups":null,"kubernetes_users":null,"logins":null,"windows_logins":null}
        "#]],
    );
}

#[test]
fn a_bots_renewable_certificates() {
    check(
        &bot(),
        &expect![[r#"
                    Version: 3 (0x2)
                    Serial Number:
                        22:98:14:1c:b9:12:16:37:df:cb:69:43:ad:aa:a8:81
                    Signature Algorithm: ecdsa-with-SHA256
                    Issuer: O=teleport.example.com,CN=teleport.example.com,serialNumber=111477139074079387046126816498621352418
                    Validity
                        Not Before: Aug 27 11:59:00 2025 GMT
                        Not After : Aug 27 13:00:00 2025 GMT
                    Subject: L=-teleport-internal-join+L=-teleport-nologin-f534527e-6880-4a14-a880-916a733cc893,street=teleport.example.com,postalCode={"logins":["root"]},O=bot-robot2,CN=bot-robot2,1.3.9999.1.13=true,1.3.9999.1.7=teleport.example.com,1.3.9999.1.9=127.0.0.1,1.3.9999.1.14=3,1.3.9999.2.18=robot2,1.3.9999.2.20=0d5c8f3e-7a6b-4c2d-9e1f-2b3a4c5d6e7f,1.3.9999.1.20=local,1.3.9999.1.15=none
                    X509v3 extensions:
                        X509v3 Key Usage: critical
                            Digital Signature
                        X509v3 Extended Key Usage:
                            TLS Web Server Authentication, TLS Web Client Authentication
                        X509v3 Basic Constraints: critical
                            CA:FALSE
                        X509v3 Authority Key Identifier:
                            9C:F6:C2:06:21:49:4C:76:57:91:0C:0B:E6:E4:0A:5B:DD:3F:F0:52
        "#]],
        &expect![[r#"
                    Type: ecdsa-sha2-nistp256-cert-v01@openssh.com user certificate
                    Signing CA: ED25519 SHA256:XDt6/+mzRQSkOXUhEFyXKYnxZT/7ydAj4/La/KgKF7Q (using ssh-ed25519)
                    Key ID: "bot-robot2"
                    Serial: 0
                    Valid: from 2025-08-27T11:59:00 to 2025-08-27T13:00:00
                    Principals:
                            -teleport-nologin-f534527e-6880-4a14-a880-916a733cc893
                            -teleport-internal-join
                    Critical Options: (none)
                    Extensions:
                            bot-instance-id@goteleport.com 0d5c8f3e-7a6b-4c2d-9e1f-2b3a4c5d6e7f
                            bot-name@goteleport.com robot2
                            generation 3
                            login-ip 127.0.0.1
                            permit-port-forwarding
                            permit-pty
                            private-key-policy none
                            renewable
                            teleport-roles {"roles":["bot-robot2"]}
                            teleport-route-to-cluster teleport.example.com
                            teleport-traits {"logins":["root"]}
        "#]],
    );
}

#[test]
fn everything_a_grant_can_say() {
    let grant = UserGrant {
        kubernetes_users: texts(&["kube-bob"]),
        kubernetes_groups: texts(&["system:masters", "viewers"]),
        allowed_resources: texts(&["/teleport.example.com/node/one", "/teleport.example.com/node/<&>"]),
        login_ip: Some("2001:db8::7".to_owned()),
        pin_source_ip: true,
        disallow_reissue: true,
        impersonator: Some("alice".to_owned()),
        usage: texts(&["usage:kube"]),
        previous_not_after: Some(after(2)),
        permit_agent_forwarding: true,
        permit_port_forwarding: false,
        permit_x11_forwarding: true,
        extensions: [
            ("login@github.com".to_owned(), "bob".to_owned()),
            ("teleport-roles".to_owned(), "{\"roles\":[\"root\"]}".to_owned()),
            ("permit-port-forwarding".to_owned(), String::new()),
        ]
        .into(),
        ..bob()
    };
    check(
        &grant,
        &expect![[r#"
                    Version: 3 (0x2)
                    Serial Number:
                        4b:6d:ac:0d:ef:a8:96:89:4d:a9:34:cf:e7:44:18:2c
                    Signature Algorithm: ecdsa-with-SHA256
                    Issuer: O=teleport.example.com,CN=teleport.example.com,serialNumber=111477139074079387046126816498621352418
                    Validity
                        Not Before: Aug 27 11:59:00 2025 GMT
                        Not After : Aug 28 00:00:00 2025 GMT
                    Subject: L=root+L=-teleport-internal-join,street=teleport.example.com,postalCode={"aws_role_arns":null,"azure_identities":null,"db_names":null,"db_roles":null,"db_users":null,"gcp_service_accounts":null,"host_user_gid":[""],"host_user_uid":[""],"kubernetes_groups":null,"kubernetes_users":null,"logins":null,"windows_logins":null},O=devops+O=elevated-access,OU=usage:kube,CN=bob@example.com,1.3.9999.1.1=kube-bob,1.3.9999.1.2=system:masters,1.3.9999.1.2=viewers,1.3.9999.1.7=teleport.example.com,1.3.9999.2.12=2025-08-27T14:00:00Z,1.3.9999.1.9=2001:db8::7,1.3.9999.2.15=2001:db8::7,1.3.9999.2.7=alice,1.3.9999.2.8=019a1c5e-0f2b-7c3d-8e4f-5a6b7c8d9e0f,1.3.9999.2.9=true,1.3.9999.2.10=["/teleport.example.com/node/one","/teleport.example.com/node/\u003c\u0026\u003e"],1.3.9999.1.20=local,1.3.9999.1.15=none
                    X509v3 extensions:
                        X509v3 Key Usage: critical
                            Digital Signature
                        X509v3 Extended Key Usage:
                            TLS Web Server Authentication, TLS Web Client Authentication
                        X509v3 Basic Constraints: critical
                            CA:FALSE
                        X509v3 Authority Key Identifier:
                            9C:F6:C2:06:21:49:4C:76:57:91:0C:0B:E6:E4:0A:5B:DD:3F:F0:52
        "#]],
        &expect![[r#"
                    Type: ecdsa-sha2-nistp256-cert-v01@openssh.com user certificate
                    Signing CA: ED25519 SHA256:XDt6/+mzRQSkOXUhEFyXKYnxZT/7ydAj4/La/KgKF7Q (using ssh-ed25519)
                    Key ID: "bob@example.com"
                    Serial: 0
                    Valid: from 2025-08-27T11:59:00 to 2025-08-28T00:00:00
                    Principals:
                            root
                            -teleport-internal-join
                    Critical Options:
                            source-address 2001:db8::7/128
                    Extensions:
                            disallow-reissue
                            impersonator alice
                            login-ip 2001:db8::7
                            login@github.com bob
                            permit-X11-forwarding
                            permit-agent-forwarding
                            permit-pty
                            prev-identity-expires 2025-08-27T14:00:00Z
                            private-key-policy none
                            teleport-active-requests {"access_requests":["019a1c5e-0f2b-7c3d-8e4f-5a6b7c8d9e0f"]}
                            teleport-allowed-resources ["/teleport.example.com/node/one","/teleport.example.com/node/\u003c\u0026\u003e"]
                            teleport-roles {"roles":["devops","elevated-access"]}
                            teleport-route-to-cluster teleport.example.com
                            teleport-traits {"aws_role_arns":null,"azure_identities":null,"db_names":null,"db_roles":null,"db_users":null,"gcp_service_accounts":null,"host_user_gid":[""],"host_user_uid":[""],"kubernetes_groups":null,"kubernetes_users":null,"logins":null,"windows_logins":null}
        "#]],
    );
}

#[test]
fn rsa_keys_may_also_encipher() {
    let certificates = issue_for(&plugin(), Algorithm::Rsa);
    let text = x509_text(&certificates.tls.unwrap());
    assert!(text.contains("Digital Signature, Key Encipherment"), "{text}");
    let line = certificates.ssh.unwrap().to_line();
    assert!(line.starts_with("ssh-rsa-cert-v01@openssh.com "), "{line}");
    assert!(ssh_text(&line).contains("access-plugin"));
}

#[test]
fn openssl_and_openssh_verify_them() {
    let user = authority(AuthorityKind::User);
    let bench = Bench::new();
    bench.write("ca.pem", user.certificates().next().unwrap().to_pem());
    let line = user.ssh_keys().next().unwrap().to_ssh_line();
    bench.write("allowed", format!("* cert-authority {line}\n"));
    for algorithm in [Algorithm::P256, Algorithm::Ed25519, Algorithm::Rsa] {
        let certificates = issue_for(&bob(), algorithm);
        let (tls, ssh) = (certificates.tls.unwrap(), certificates.ssh.unwrap());
        bench.write("it.pem", crate::certificate::to_pem(&tls));
        let at = noon().as_second();
        bench.run(&format!(
            "openssl verify -x509_strict -purpose sslclient -attime {at} -CAfile ca.pem it.pem"
        ));

        bench.write("it", key(algorithm).to_openssh_pem().unwrap().expose());
        bench.write("it-cert.pub", format!("{}\n", ssh.to_line()));
        let signature = bench
            .try_run("ssh-keygen -Y sign -f it-cert.pub -n file", b"hello")
            .unwrap();
        bench.write("it.sig", signature);
        let verify = |name: &str, at: &str| {
            let line =
                format!("ssh-keygen -Y verify -f allowed -I {name} -n file -s it.sig -Overify-time={at}");
            bench.try_run(&line, b"hello")
        };
        assert!(verify("root", "20250827120000").is_ok());
        assert!(verify("ubuntu", "20250827120000").is_err());
        assert!(verify("root", "20250828000000").is_err());
        assert!(verify("root", "20250827115900").is_ok());
        assert!(verify("root", "20250827115859").is_err());
    }
}

#[test]
fn what_is_written_is_read_back() {
    let certificates = issue(&bob());
    let identity = Identity::from_certificate(certificates.tls.as_ref().unwrap()).unwrap();
    assert_eq!(identity.username, "bob@example.com");
    assert_eq!(identity.groups, ["devops", "elevated-access"]);
    assert_eq!(identity.principals, ["root", "-teleport-internal-join"]);
    assert_eq!(identity.traits, bob().traits);
    assert_eq!(identity.active_requests, bob().active_requests);
    assert_eq!(identity.cluster, CLUSTER);
    assert_eq!(identity.not_after, after(12));
    assert_eq!(
        identity.caller(VouchedBy::User),
        Ok(Caller::User {
            name: "bob@example.com"
        })
    );
    // A person's certificate is never a service's, whoever is said to vouch for it.
    assert!(identity.caller(VouchedBy::Host).is_err());
    let posing = Identity::from_certificate(&issue(&grant(&format!("x.{CLUSTER}"), &["Admin"])).tls.unwrap());
    assert!(matches!(
        posing.unwrap().caller(VouchedBy::User),
        Ok(Caller::User { .. })
    ));
}

#[test]
fn users_without_logins_get_a_placeholder_of_their_own() {
    let (first, second) = (issue(&plugin()), {
        let (key, authority) = (key(Algorithm::P256), authority(AuthorityKind::User));
        let keys = SubjectKeys::same(key.public());
        granted(&plugin(), keys, &authority, noon(), &SeededEntropy::new(2)).unwrap()
    });
    let principals = |certificates: &Certificates| {
        let ssh = certificates.ssh.as_ref().unwrap().principals().to_vec();
        let mut tls = Identity::from_certificate(certificates.tls.as_ref().unwrap())
            .unwrap()
            .principals;
        tls.reverse();
        assert_eq!(ssh, tls);
        ssh
    };
    let (first, second) = (principals(&first), principals(&second));
    assert!(first[0].starts_with("-teleport-nologin-") && first[0].len() == 18 + 36);
    assert_ne!(first[0], second[0]);
    assert_eq!(first[1], "-teleport-internal-join");
}

#[test]
fn what_would_lie_or_break_is_refused() {
    let with = |change: fn(&mut UserGrant)| {
        let mut grant = bob();
        change(&mut grant);
        refused(&grant)
    };
    let mut out = String::new();
    for change in [
        (|grant| grant.user.clear()) as fn(&mut UserGrant),
        |grant| grant.roles.clear(),
        |grant| grant.roles[0] = "a\nb".to_owned(),
        |grant| grant.logins[0] = String::new(),
        |grant| grant.login_ip = Some("example.com".to_owned()),
        |grant| (grant.login_ip, grant.pin_source_ip) = (None, true),
        |grant| grant.not_after = noon(),
        |grant| grant.roles = (0..10_000).map(|index| format!("role-{index}")).collect(),
    ] {
        out.push_str(&with(change));
        out.push('\n');
    }
    expect![[r#"
        a certificate without a user name is of no use
        a certificate without roles is of no use
        the role `a\nb` does not fit into a certificate
        the login `` does not fit into a certificate
        the address `example.com` does not fit into a certificate
        a certificate without the address it is pinned to is of no use
        the permitted time is over
        the certificate would be longer than 64 KiB: there are too many roles, traits or names
    "#]]
    .assert_eq(&out);
}

#[test]
fn only_the_right_authority_signs_people() {
    let key = key(Algorithm::Ed25519);
    let entropy = SeededEntropy::new(1);
    let keys = SubjectKeys::same(key.public());
    let with = |kind, keys| granted(&bob(), keys, &authority(kind), noon(), &entropy);
    assert!(matches!(
        with(AuthorityKind::Host, keys),
        Err(IssueError::WrongAuthority { .. })
    ));
    assert!(matches!(
        with(AuthorityKind::OpenSsh, keys),
        Err(IssueError::WrongAuthority { .. })
    ));
    let ssh_alone = SubjectKeys { tls: None, ..keys };
    assert!(with(AuthorityKind::OpenSsh, ssh_alone).is_ok());
    assert!(matches!(
        with(AuthorityKind::Db, ssh_alone),
        Err(IssueError::WrongAuthority { .. })
    ));
}

#[test]
fn certificates_of_another_writer_are_read_too() {
    // One part for each value, and facts nobody here knows.
    let read = |subject: &str| {
        let bench = Bench::new();
        let head = "[req]\ndistinguished_name=dn\nprompt=no\nstring_mask=utf8only\n[dn]\n";
        bench.write("conf", format!("{head}{}\n", subject.replace(' ', "\n")));
        bench.run("openssl ecparam -name prime256v1 -genkey -noout -out k");
        bench.run(
            "openssl req -x509 -new -key k -config conf -days 1 -addext basicConstraints=CA:FALSE -out it.pem",
        );
        let der = crate::certificate::from_pem(&bench.read("it.pem"))
            .unwrap()
            .remove(0);
        Identity::from_certificate(&der)
    };
    let identity = read(
        "0.O=one 1.O=two 0.L=root 1.L=ubuntu CN=carol x.1.3.9999.1.7=c x.1.3.9999.7.7=new x.1.3.9999.2.9=true",
    );
    let identity = identity.unwrap();
    assert_eq!(identity.groups, ["one", "two"]);
    assert_eq!(identity.principals, ["root", "ubuntu"]);
    assert_eq!(identity.cluster, "c");
    assert!(identity.disallow_reissue && !identity.renewable);
    // Old certificates name their cluster only through their authority; here that is the certificate itself.
    assert_eq!(read("O=one CN=carol").unwrap().cluster, "one");

    let mut out = String::new();
    for subject in [
        "O=one",
        "CN=carol",
        "0.O=one 1.O=two CN=carol",
        "O=one 0.CN=carol 1.CN=root",
        "O=one CN=carol postalCode={",
        "O=one CN=carol postalCode={\"a\":[1]}",
        "O=one CN=carol x.1.3.9999.1.13=yes",
        "O=one CN=carol x.1.3.9999.1.14=-1",
        "O=one CN=carol x.1.3.9999.1.9=example.com",
        "O=one CN=carol x.1.3.9999.2.12=tomorrow",
        "O=one CN=carol x.1.3.9999.2.10=/a/node/b",
        "O=one CN=carol x.1.3.9999.2.7=alice y.1.3.9999.2.7=ivan",
    ] {
        out.push_str(&format!("{subject}: {}\n", read(subject).unwrap_err()));
    }
    expect![[r#"
        O=one: missing identity username
        CN=carol: missing identity groups
        0.O=one 1.O=two CN=carol: malformed issuer in the certificate
        O=one 0.CN=carol 1.CN=root: malformed user name in the certificate
        O=one CN=carol postalCode={: malformed traits in the certificate
        O=one CN=carol postalCode={"a":[1]}: malformed traits in the certificate
        O=one CN=carol x.1.3.9999.1.13=yes: malformed renewal flag in the certificate
        O=one CN=carol x.1.3.9999.1.14=-1: malformed generation in the certificate
        O=one CN=carol x.1.3.9999.1.9=example.com: malformed login address in the certificate
        O=one CN=carol x.1.3.9999.2.12=tomorrow: malformed previous end in the certificate
        O=one CN=carol x.1.3.9999.2.10=/a/node/b: malformed resources in the certificate
        O=one CN=carol x.1.3.9999.2.7=alice y.1.3.9999.2.7=ivan: malformed impersonator in the certificate
    "#]]
    .assert_eq(&out);
}

#[test]
fn any_character_may_stand_in_a_trait() {
    let all: String = (0..0x3000).filter_map(char::from_u32).collect();
    let traits = access::Traits::from([("everything".to_owned(), vec![all])]);
    let grant = UserGrant { traits, ..plugin() };
    let certificates = issue(&grant);
    let read = Identity::from_certificate(certificates.tls.as_ref().unwrap()).unwrap();
    assert_eq!(read.traits, grant.traits);
}

#[test]
fn a_changed_byte_never_breaks_the_reader() {
    let certificates = issue(&bob());
    let der = certificates.tls.unwrap();
    for index in 0..der.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut changed = der.to_vec();
            changed[index] ^= flip;
            let _ = Identity::from_certificate(&changed);
        }
        assert!(Identity::from_certificate(&der[..index]).is_err());
    }
    let longer = [der.as_ref(), &[0]].concat();
    assert!(Identity::from_certificate(&longer).is_err());
}
