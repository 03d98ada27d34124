//! `auth sign` and `auth export`, read by OpenSSH and OpenSSL.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Duration;

use expect_test::expect;
use rexpect::session::spawn_command;

use crate::world::{GUIDE, World, redacted};

/// A machine with the plugin's role and user.
fn world() -> World {
    let world = World::new();
    world
        .tctl(&format!("create -f {GUIDE}/access-plugin.yaml"))
        .succeeded();
    world
}

/// What another program says about files of this machine.
fn say(world: &World, line: &str) -> String {
    let mut words = line.split(' ');
    let output = Command::new(words.next().expect("a program"))
        .args(words)
        .current_dir(world.path("."))
        .output()
        .expect("the program is there");
    assert!(
        output.status.success(),
        "{line}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn one_identity_file_that_only_its_owner_may_read() {
    let world = world();
    world
        .tctl("auth sign --user=access-plugin --out=identity")
        .prints(expect![[r"
            $ tctl auth sign --user=access-plugin --out=identity    → 0
            The credentials have been written to identity
        "]]);
    let mode = fs::metadata(world.path("identity"))
        .expect("there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let parts: Vec<String> = world
        .read("identity")
        .lines()
        .filter(|line| line.starts_with("-----BEGIN") || line.contains("-cert-v01@") || line.starts_with('@'))
        .map(|line| redacted(line) + "\n")
        .collect();
    expect![[r"
        -----BEGIN PRIVATE KEY-----
        ecdsa-sha2-nistp256-cert-v01@openssh.com <b64>
        -----BEGIN CERTIFICATE-----
        @cert-authority teleport.example.com,*.teleport.example.com ssh-ed25519 <b64> type=host
        -----BEGIN CERTIFICATE-----
    "]]
    .assert_eq(&parts.concat());
}

#[test]
fn openssl_reads_what_tls_needs() {
    let world = world();
    world
        .tctl("auth sign --user=access-plugin --out=tlsid --format=tls")
        .prints(expect![[r"
            $ tctl auth sign --user=access-plugin --out=tlsid --format=tls    → 0
            The credentials have been written to tlsid.key, tlsid.crt, tlsid.cas
        "]]);
    for name in ["tlsid.key", "tlsid.crt", "tlsid.cas"] {
        let mode = fs::metadata(world.path(name))
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let subject = say(
        &world,
        "openssl x509 -in tlsid.crt -noout -subject -nameopt multiline",
    );
    assert!(
        subject.contains("commonName                = access-plugin"),
        "{subject}"
    );
    let key = say(&world, "openssl pkey -in tlsid.key -pubout");
    assert_eq!(key, say(&world, "openssl x509 -in tlsid.crt -noout -pubkey"));
    let issuer = say(&world, "openssl x509 -in tlsid.cas -noout -subject");
    assert!(issuer.contains("teleport.example.com"), "{issuer}");
    // The certificate was signed by the user authority.
    let user = world.tctl("auth export --type=tls-user").succeeded();
    world.write("user.pem", &user);
    let verified = say(&world, "openssl verify -partial_chain -CAfile user.pem tlsid.crt");
    assert_eq!(verified, "tlsid.crt: OK\n");
}

#[test]
fn openssh_reads_what_ssh_needs() {
    let world = world();
    world
        .tctl("auth sign --user=access-plugin --out=sshid --format=openssh")
        .prints(expect![[r"
            $ tctl auth sign --user=access-plugin --out=sshid --format=openssh    → 0
            The credentials have been written to sshid, sshid-cert.pub
        "]]);
    let public = say(&world, "ssh-keygen -y -f sshid");
    assert!(public.starts_with("ssh-ed25519 "), "{public}");
    let shown = say(&world, "ssh-keygen -L -f sshid-cert.pub");
    for line in [
        "Type: ssh-ed25519-cert-v01@openssh.com user certificate",
        "Key ID: \"access-plugin\"",
    ] {
        assert!(
            shown.lines().any(|found| found.trim() == line),
            "{line} in {shown}"
        );
    }
    let authority = world.tctl("auth export --type=user").succeeded();
    let key = authority.split(' ').nth(2).expect("a key");
    world.write("user.pub", &format!("ssh-ed25519 {key}\n"));
    let fingerprint = say(&world, "ssh-keygen -l -f user.pub");
    let fingerprint = fingerprint.split(' ').nth(1).expect("a fingerprint");
    assert!(shown.contains(fingerprint), "{fingerprint} in {shown}");
}

#[test]
fn a_host_gets_the_names_it_was_asked_for() {
    let world = world();
    world
        .tctl("auth sign --host=demo,10.0.0.7 --out=hostkey --format=openssh")
        .prints(expect![[r"
            $ tctl auth sign --host=demo,10.0.0.7 --out=hostkey --format=openssh    → 0

            The credentials have been written to hostkey, hostkey-cert.pub
        "]]);
    let shown = say(&world, "ssh-keygen -L -f hostkey-cert.pub");
    assert!(shown.contains("host certificate"), "{shown}");
    assert!(
        shown.contains("Valid: after") && !shown.contains(" to "),
        "{shown}"
    );
    let names: Vec<&str> = shown
        .lines()
        .skip_while(|line| !line.contains("Principals:"))
        .skip(1)
        .take_while(|line| !line.contains("Critical Options:"))
        .map(str::trim)
        .collect();
    assert_eq!(names, ["demo", "10.0.0.7"]);
    world
        .tctl("auth sign --host=demo --out=hostkey2")
        .prints(expect![[r#"
            $ tctl auth sign --host=demo --out=hostkey2    → 1
            ! ERROR: invalid --format flag "file", only "openssh" is supported
        "#]]);
}

#[test]
fn a_lifetime_that_was_asked_for_is_given_or_refused() {
    let world = world();
    world
        .tctl("auth sign --user=access-plugin --out=id1h --ttl=1h --format=tls")
        .succeeded();
    let ends = say(&world, "openssl x509 -in id1h.crt -noout -checkend 3500");
    assert_eq!(ends, "Certificate will not expire\n");
    let typed = world.tctl("auth sign --user=access-plugin --out=id1000 --ttl=1000h");
    typed.prints(expect![[r"
        $ tctl auth sign --user=access-plugin --out=id1000 --ttl=1000h    → 1
        ! ERROR: a certificate until <time> cannot be given: `max_session_ttl` of role `access-plugin` allows it until <time> at the latest
        ! hint: ask for less with `--ttl`, or leave it out: the longest possible is given then
    "]]);
    assert!(!world.path("id1000").exists());
    world
        .tctl("auth sign --user=access-plugin --out=id0 --ttl=0")
        .prints(expect![[r"
            $ tctl auth sign --user=access-plugin --out=id0 --ttl=0    → 1
            ! ERROR: --ttl: a certificate is valid for a minute at least
        "]]);
    world
        .tctl("auth sign --user=access-plugin --out=id0 --ttl=1s")
        .prints(expect![[r"
            $ tctl auth sign --user=access-plugin --out=id0 --ttl=1s    → 1
            ! ERROR: --ttl: a certificate is valid for a minute at least
        "]]);
    assert!(!world.path("id0").exists());
}

#[test]
fn what_cannot_be_signed_is_explained_and_nothing_is_written() {
    let world = world();
    world.tctl("auth sign --out=x").prints(expect![[r"
        $ tctl auth sign --out=x    → 1
        ! ERROR: --user or --host must be specified
    "]]);
    world
        .tctl("auth sign --user=a --host=b --out=x")
        .prints(expect![[r"
        $ tctl auth sign --user=a --host=b --out=x    → 1
        ! ERROR: use only one of --user and --host
    "]]);
    world.tctl("auth sign --user=nosuch --out=x").prints(expect![[r#"
        $ tctl auth sign --user=nosuch --out=x    → 1
        ! ERROR: "user" "nosuch" does not exist
    "#]]);
    world
        .tctl("auth sign --user=access-plugin --out=x --format=kubernetes")
        .prints(expect![[r"
            $ tctl auth sign --user=access-plugin --out=x --format=kubernetes    → 1
            ! ERROR: the identity format `kubernetes` is not available yet, use one of file, openssh, tls
        "]]);
    world
        .tctl("auth sign --user=access-plugin --out=x --format=nosuch")
        .prints(expect![[r#"
            $ tctl auth sign --user=access-plugin --out=x --format=nosuch    → 1
            ! ERROR: unsupported identity format: "nosuch", use one of file, openssh, tls
        "#]]);
    world
        .tctl("auth sign --user=access-plugin --out=nosuch/x")
        .prints(expect![[r"
            $ tctl auth sign --user=access-plugin --out=nosuch/x    → 1
            ! ERROR: cannot write nosuch/x: there is no directory nosuch
            ! hint: make it first, or choose another place with `--out`
        "]]);
    assert!(!world.path("x").exists());
    // For oneself anybody may sign, and never longer than one's own certificate lives.
    world.identity("access-plugin", "imp");
    world
        .tctl_as("imp", "auth sign --user=access-plugin --out=imp7")
        .prints(expect![[r"
            $ tctl -i imp --auth-server=AUTH auth sign --user=access-plugin --out=imp7    → 0
            The credentials have been written to imp7
        "]]);
}

#[test]
fn who_may_impersonate_nobody_signs_for_nobody_else() {
    let world = world();
    world
        .tctl("users add other@example.com --roles=auditor")
        .succeeded();
    world.identity("other@example.com", "other");
    world
        .tctl_as("other", "auth sign --user=access-plugin --out=x")
        .prints(expect![[r"
            $ tctl -i other --auth-server=AUTH auth sign --user=access-plugin --out=x    → 1
            ! ERROR: access denied: impersonation is not allowed
        "]]);
    assert!(!world.path("x").exists());
}

#[test]
fn nothing_is_written_over_unasked() {
    let world = world();
    world.write("identity", "mine\n");
    world
        .tctl("auth sign --user=access-plugin --out=identity")
        .prints(expect![[r"
            $ tctl auth sign --user=access-plugin --out=identity    → 1
            ! Destination file(s) identity exist. Overwrite? [y/N]: ERROR: not overwriting destination files identity
            ! hint: choose another name with `--out`, or use `--overwrite`
        "]]);
    world
        .tctl_with("auth sign --user=access-plugin --out=identity", "n\n")
        .prints(expect![[r"
            $ tctl auth sign --user=access-plugin --out=identity    → 1
            ! Destination file(s) identity exist. Overwrite? [y/N]: ERROR: not overwriting destination files identity
            ! hint: choose another name with `--out`, or use `--overwrite`
        "]]);
    assert_eq!(world.read("identity"), "mine\n");
    world
        .tctl("auth sign --user=access-plugin --out=identity --overwrite")
        .prints(expect![[r"
            $ tctl auth sign --user=access-plugin --out=identity --overwrite    → 0
            The credentials have been written to identity
        "]]);
    assert_ne!(world.read("identity"), "mine\n");
}

#[test]
fn a_person_at_a_terminal_is_asked_before_a_file_is_written_over() {
    let world = world();
    for (answer, written) in [("n", false), ("y", true)] {
        world.write("identity", "mine\n");
        let mut command = world.command(&[("TELEPORT_CONFIG_FILE", "teleport.yaml")]);
        command.args(["auth", "sign", "--user=access-plugin", "--out=identity"]);
        let patience = u64::try_from(Duration::from_secs(60).as_millis()).expect("short");
        let mut terminal = spawn_command(command, Some(patience)).expect("a terminal");
        terminal
            .exp_string("Destination file(s) identity exist. Overwrite? [y/N]: ")
            .expect("the question");
        terminal.send_line(answer).expect("sent");
        let rest = terminal.exp_eof().expect("the end");
        let said = if written {
            "The credentials have been written to identity"
        } else {
            "not overwriting destination files identity"
        };
        assert!(rest.contains(said), "{rest}");
        assert_eq!(world.read("identity") != "mine\n", written);
    }
}

#[test]
fn authorities_are_exported() {
    let world = world();
    world.tctl("auth export").prints(expect![[r"
        $ tctl auth export    → 0
        @cert-authority teleport.example.com,*.teleport.example.com ssh-ed25519 <b64> type=host
        cert-authority ssh-ed25519 <b64> clustername=teleport.example.com&type=user

    "]]);
    world.tctl("auth export --type=user").prints(expect![[r"
        $ tctl auth export --type=user    → 0
        cert-authority ssh-ed25519 <b64> clustername=teleport.example.com&type=user

    "]]);
    world.tctl("auth export --type=host").prints(expect![[r"
        $ tctl auth export --type=host    → 0
        @cert-authority teleport.example.com,*.teleport.example.com ssh-ed25519 <b64> type=host

    "]]);
    world.tctl("auth export --type=openssh").prints(expect![[r"
        $ tctl auth export --type=openssh    → 0
        cert-authority ssh-ed25519 <b64> clustername=teleport.example.com&type=user

    "]]);
    world.tctl("auth export --type=db").prints(expect![[r"
        $ tctl auth export --type=db    → 1
        ! ERROR: the `db` authority has no key to export
        ! hint: `tctl status` lists the authorities and their keys
    "]]);
    world.tctl("auth export --type=github").prints(expect![[r"
        $ tctl auth export --type=github    → 1
        ! ERROR: this cluster has no `github` authority
    "]]);
    for (kind, words) in [
        ("tls-host", "x509 -noout -subject"),
        ("tls-user", "x509 -noout -subject"),
        ("tls-user-der", "x509 -inform DER -noout -subject"),
    ] {
        let exported = world.tctl(&format!("auth export --type={kind}"));
        assert_eq!(exported.code(), Some(0));
        fs::write(world.path("exported"), exported.stdout_bytes()).expect("written");
        let subject = say(&world, &format!("openssl {words} -in exported"));
        assert!(subject.contains("teleport.example.com"), "{kind}: {subject}");
    }
    let private = world.tctl("auth export --type=user --keys").succeeded();
    assert!(private.contains("PRIVATE KEY-----"), "{private}");
}

#[test]
fn a_fingerprint_chooses_a_key() {
    let world = world();
    let shown = world.tctl("get cas --format=text").succeeded();
    let user = shown
        .lines()
        .find(|line| line.contains(" user "))
        .expect("the user authority");
    let fingerprint = user.split_whitespace().nth(2).expect("a fingerprint");
    let chosen = world
        .tctl(&format!("auth export --type=user --fingerprint={fingerprint}"))
        .succeeded();
    assert_eq!(chosen, world.tctl("auth export --type=user").succeeded());
    world
        .tctl("auth export --type=user --fingerprint=SHA256:nosuch")
        .prints(expect![[r"
            $ tctl auth export --type=user --fingerprint=SHA256:nosuch    → 1
            ! ERROR: the `user` authority has no key with the fingerprint `SHA256:nosuch`
            ! hint: `tctl status` lists the authorities and their keys
        "]]);
}
