//! Signing in and out, and what lies on disk in between.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::world::World;

/// What is in a home: names, and for files that hold a secret or a person's certificate whether only the owner may
/// read them.
fn listing(directory: &Path) -> Vec<String> {
    fn walk(directory: &Path, below: &str, into: &mut Vec<String>) {
        let Ok(entries) = fs::read_dir(directory) else {
            return;
        };
        for entry in entries {
            let entry = entry.unwrap();
            let name = format!("{below}{}", entry.file_name().to_str().unwrap());
            let mode = entry.metadata().unwrap().permissions().mode() & 0o077;
            if entry.file_type().unwrap().is_dir() {
                assert_eq!(mode, 0, "{name}");
                walk(&entry.path(), &format!("{name}/"), into);
            } else {
                let shared = ["current-profile", "localhost.yaml", "certs.pem"]
                    .contains(&name.rsplit('/').next().unwrap())
                    || name.contains("/cas/");
                into.push(if mode == 0 && !shared {
                    format!("{name} private")
                } else {
                    name
                });
            }
        }
    }
    let mut found = Vec::new();
    walk(directory, "", &mut found);
    found.sort();
    found
}

#[test]
fn a_sign_in_prints_the_status_and_leaves_a_profile() {
    let world = World::new();
    let carol = world.person("carol@example.com", &["access"]);
    let address = world.address();
    let login = format!("login --proxy={address} --user=carol@example.com");
    let ran = world.tsh(&carol, &login).input(&world.answers(&carol)).succeeds();
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(lines[0], format!("> Profile URL:        https://{address}"));
    assert_eq!(lines[1], "  Logged in as:       carol@example.com");
    assert_eq!(lines[2], "  Cluster:            teleport.example.com");
    assert_eq!(lines[3], "  Roles:              access");
    assert!(ran.stdout.ends_with("private-key-policy\n\n"), "{}", ran.stdout);
    // The server's clock is slow, so a little less than twelve hours are left.
    assert!(ran.stdout.contains(" UTC [valid for 11h"), "{}", ran.stdout);
    assert_eq!(ran.stderr, "");
    assert_eq!(
        listing(&carol.home.join(".tsh")),
        [
            "current-profile",
            "keys/localhost/carol@example.com private",
            "keys/localhost/carol@example.com-ssh/teleport.example.com-cert.pub private",
            "keys/localhost/carol@example.com.crt private",
            "keys/localhost/carol@example.com.key private",
            "keys/localhost/carol@example.com.pub private",
            "keys/localhost/cas/teleport.example.com.pem",
            "keys/localhost/certs.pem",
            "known_hosts private",
            "localhost.yaml",
        ]
    );
    assert_eq!(world.tsh(&carol, "status").succeeds().stdout, ran.stdout);
    let home = carol.home.join("elsewhere");
    let elsewhere = world
        .tsh(&carol, "status")
        .env("TELEPORT_HOME", home.to_str().unwrap());
    assert!(elsewhere.fails().starts_with("ERROR: Not logged in.\nhint: "));
}

#[test]
fn wrong_answers_read_alike_and_leave_nothing() {
    let world = World::new();
    let carol = world.person("carol@example.com", &["access"]);
    let address = world.address();
    let login = |user: &str| format!("login --proxy={address} --user={user}");
    let known = world
        .tsh(&carol, &login("carol@example.com"))
        .input("not the password\n000000\n")
        .fails();
    let unknown = world
        .tsh(&carol, &login("nobody@example.com"))
        .input("not the password\n000000\n")
        .fails();
    assert_eq!(known, unknown);
    assert!(known.starts_with("ERROR: invalid credentials\nhint: "), "{known}");
    let code = world
        .tsh(&carol, &login("carol@example.com"))
        .input(&format!("{}\nnonono\n", carol.password))
        .fails();
    assert!(
        code.starts_with("ERROR: invalid username, password or second factor\nhint: "),
        "{code}"
    );
    let ended = world
        .tsh(&carol, &login("carol@example.com"))
        .input(&format!("{}\n", carol.password))
        .fails();
    assert!(
        ended.starts_with("ERROR: input ended before an answer to: Enter an OTP code from a device"),
        "{ended}"
    );
    assert_eq!(listing(&carol.home), Vec::<String>::new());
}

#[test]
fn a_session_that_is_still_good_is_not_asked_again() {
    let world = World::new();
    let carol = world.person("carol@example.com", &["access"]);
    world.login(&carol);
    let address = world.address();
    for login in [
        "login".to_owned(),
        format!("login --proxy={address}"),
        format!("login --proxy={address} --user=carol@example.com"),
        format!("login --proxy={address} teleport.example.com"),
    ] {
        let ran = world.tsh(&carol, &login).succeeds();
        assert!(ran.stdout.starts_with("> Profile URL:"), "{login}: {ran:?}");
    }
    // Somebody else has to prove who they are, and takes the place.
    let dave = world.person("dave@example.com", &["access"]);
    let login = format!("login --proxy={address} --user=dave@example.com");
    assert!(world.tsh(&carol, &login).fails().contains("input ended"));
    let ran = world.tsh(&carol, &login).input(&world.answers(&dave)).succeeds();
    assert!(
        ran.stdout.contains("Logged in as:       dave@example.com\n"),
        "{ran:?}"
    );
    // Another port of the same host is another proxy.
    let elsewhere = world.tsh(&carol, "request ls --proxy=localhost:1").fails();
    assert!(
        elsewhere.starts_with("ERROR: nobody is logged in to `localhost:1`\nhint: "),
        "{elsewhere}"
    );
    let other = world.tsh(&carol, "login other.example.com").fails();
    assert!(
        other.starts_with("ERROR: cluster `other.example.com` is not found\nhint: "),
        "{other}"
    );
}

#[test]
fn what_is_wrong_with_a_proxy_is_named() {
    let world = World::new();
    let carol = world.person("carol@example.com", &["access"]);
    let address = world.address();
    assert_eq!(
        world.tsh(&carol, "login").fails().lines().next().unwrap(),
        "ERROR: No proxy address specified, missed --proxy flag?"
    );
    assert_eq!(
        world.tsh(&carol, "request ls").fails().lines().next().unwrap(),
        "ERROR: No proxy address specified, missed --proxy flag?"
    );
    let another = World::new();
    let login = format!("login --proxy={address}");
    let untrusted = world
        .tsh(&carol, &login)
        .env("SSL_CERT_FILE", another.certificate.to_str().unwrap())
        .fails();
    assert!(
        untrusted.contains("signed by an unknown authority") && untrusted.contains("--insecure"),
        "{untrusted}"
    );
    let trusting_nobody = world
        .tsh(&carol, &login)
        .env("SSL_CERT_FILE", "/dev/null")
        .fails();
    assert!(
        trusting_nobody.starts_with("ERROR: this machine trusts no authority at all")
            && trusting_nobody.contains("--insecure"),
        "{trusting_nobody}"
    );
    let wrong_name = world
        .tsh(
            &carol,
            &format!("login --proxy={}", world.answer_at([127, 0, 0, 2])),
        )
        .fails();
    assert!(
        wrong_name.contains("the server's certificate is valid for ")
            && wrong_name.contains("not for `127.0.0.2`")
            && wrong_name.contains("\nhint: "),
        "{wrong_name}"
    );
    let nobody = world.tsh(&carol, "login --proxy=localhost:1").fails();
    assert!(
        nobody.contains("connection refused") && nobody.contains("hint: "),
        "{nobody}"
    );
    let malformed = world.tsh(&carol, "login --proxy=local:host:x").fails();
    assert!(malformed.starts_with("ERROR: address `"), "{malformed}");
    assert_eq!(listing(&carol.home), Vec::<String>::new());
}

#[test]
fn an_unverified_proxy_is_warned_about_before_anything_else() {
    let world = World::new();
    let carol = world.person("carol@example.com", &["access"]);
    let address = world.address();
    let ran = world
        .tsh(
            &carol,
            &format!("login --insecure --proxy={address} --user=carol@example.com"),
        )
        .env("SSL_CERT_FILE", "/dev/null")
        .input(&world.answers(&carol))
        .succeeds();
    assert_eq!(
        ran.stderr,
        format!("WARNING: You are using insecure connection to Teleport proxy https://{address}\n")
    );
    // What follows is verified by the cluster's own authority.
    world
        .tsh(&carol, "request ls")
        .env("SSL_CERT_FILE", "/dev/null")
        .succeeds();
}

#[test]
fn a_lifetime_is_as_long_as_the_roles_allow() {
    let world = World::new();
    let carol = world.person("carol@example.com", &["access"]);
    let address = world.address();
    let login = |ttl| format!("login --proxy={address} --user=carol@example.com --ttl={ttl}");
    let ran = world
        .tsh(&carol, &login(60_060))
        .input(&world.answers(&carol))
        .succeeds();
    assert!(ran.stdout.contains("[valid for 29h"), "{}", ran.stdout);
    assert!(
        ran.stderr.starts_with("The certificate is valid for 29h"),
        "{}",
        ran.stderr
    );
    // The next one would be shorter than the one there is: nothing to do.
    world.tsh(&carol, &login(60)).succeeds();
    let bad = world.tsh(&carol, "login --ttl=-5").run();
    assert_eq!(bad.code, 1, "{bad:?}");
    let bad = world.tsh(&carol, "login --ttl=8h").run();
    assert!(bad.stderr.contains("--ttl"), "{bad:?}");
}

#[test]
fn credentials_go_to_a_file_when_asked() {
    let world = World::new();
    let carol = world.person("carol@example.com", &["access"]);
    let address = world.address();
    let login = format!("login --proxy={address} --user=carol@example.com --out=id");
    let ran = world.tsh(&carol, &login).input(&world.answers(&carol)).succeeds();
    assert_eq!(ran.stdout, "\nThe certificate has been written to id\n");
    assert_eq!(listing(&carol.home), ["id private"]);
    let again = world.tsh(&carol, &login).fails();
    assert!(
        again.starts_with("ERROR: id exists and was not written over\nhint: "),
        "{again}"
    );

    let status = world
        .tsh(&carol, &format!("-i id --proxy={address} status"))
        .succeeds();
    assert!(
        status.stdout.contains("Logged in as:       carol@example.com\n"),
        "{status:?}"
    );
    assert!(
        status.stdout.contains("Kubernetes:         disabled\n"),
        "{status:?}"
    );
    world
        .tsh(&carol, &format!("request ls -i id --proxy={address}"))
        .succeeds();
    let lost = world.tsh(&carol, "-i id request ls").fails();
    assert!(
        lost.starts_with("ERROR: tsh --identity also requires --proxy\n"),
        "{lost}"
    );
    let garbage = world
        .tsh(&carol, &format!("-i /dev/null --proxy={address} status"))
        .fails();
    assert!(garbage.contains("/dev/null` cannot be read: "), "{garbage}");
    let missing = world
        .tsh(&carol, &format!("-i nosuch --proxy={address} status"))
        .fails();
    assert!(missing.contains("nosuch` does not exist\nhint: "), "{missing}");

    let another = World::new();
    let foreign = another
        .tsh(&carol, &format!("-i id --proxy={} request ls", another.address()))
        .fails();
    assert!(
        foreign.contains("signed by an unknown authority")
            && foreign.contains("\nhint: the credentials trust ")
            && foreign.contains("they are for another cluster"),
        "{foreign}"
    );

    let openssh = format!("login --proxy={address} --user=carol@example.com --out=key --format=openssh");
    world
        .tsh(&carol, &openssh)
        .input(&world.answers(&carol))
        .succeeds();
    assert_eq!(
        listing(&carol.home),
        ["id private", "key private", "key-cert.pub private"]
    );
    let certificate = fs::read_to_string(carol.home.join("key-cert.pub")).unwrap();
    assert!(
        certificate.starts_with("ssh-ed25519-cert-v01@openssh.com "),
        "{certificate}"
    );
}

#[test]
fn signing_out_forgets() {
    let world = World::new();
    let carol = world.person("carol@example.com", &["access"]);
    world.login(&carol);
    let address = world.address();
    let only_user = world.tsh(&carol, "logout --user=carol@example.com").succeeds();
    assert_eq!(
        only_user.stdout,
        "Specify --proxy to log out user \"carol@example.com\" from a specific proxy or remove the --user flag to log out \
         all users from all proxies.\n"
    );
    let one = format!("logout --proxy={address} --user=carol@example.com");
    assert_eq!(
        world.tsh(&carol, &one).succeeds().stdout,
        "Logged out carol@example.com from localhost.\n"
    );
    let again = world.tsh(&carol, &one).run();
    assert_eq!(
        (again.code, again.stdout.as_str(), again.stderr.as_str()),
        (
            1,
            "User carol@example.com already logged out from localhost.\n",
            ""
        )
    );
    assert_eq!(
        world.tsh(&carol, "logout").succeeds().stdout,
        "Logged out all users from all proxies.\n"
    );
    assert_eq!(
        world.tsh(&carol, "logout").succeeds().stdout,
        "All users logged out.\n"
    );
    assert!(
        world
            .tsh(&carol, "status")
            .fails()
            .starts_with("ERROR: Not logged in.\n")
    );
    world.login(&carol);
    assert_eq!(
        world.tsh(&carol, "logout").succeeds().stdout,
        "Logged out all users from all proxies.\n"
    );
}

#[test]
fn somebody_elses_profile_stays_when_one_signs_out() {
    let world = World::new();
    let carol = world.person("carol@example.com", &["access"]);
    let dave = world.person("dave@example.com", &["access"]);
    let address = world.address();
    world.login(&carol);
    let login = format!("login --proxy={address} --user=dave@example.com");
    world.tsh(&carol, &login).input(&world.answers(&dave)).succeeds();
    let one = format!("logout --proxy={address} --user=carol@example.com");
    assert_eq!(
        world.tsh(&carol, &one).succeeds().stdout,
        "Logged out carol@example.com from localhost.\n"
    );
    let status = world.tsh(&carol, "status").succeeds();
    assert!(
        status.stdout.contains("Logged in as:       dave@example.com\n"),
        "{status:?}"
    );
}

#[test]
fn an_expired_profile_says_so() {
    let world = World::new();
    let carol = world.person("carol@example.com", &["access"]);
    world.sign_in_until_the_past(&carol);
    let status = world.tsh(&carol, "status").run();
    assert_eq!(status.code, 1);
    assert!(status.stdout.contains(" UTC [EXPIRED]\n"), "{status:?}");
    assert_eq!(
        status.stderr,
        "ERROR: Active profile expired.\nhint: log in again with `tsh login`\n"
    );
    let list = world.tsh(&carol, "request ls").fails();
    assert!(
        list.starts_with("ERROR: the profile `localhost` expired at ")
            && list.ends_with("hint: log in again with `tsh login`\n"),
        "{list}"
    );
    // The proxy and the user are known: only the answers are missing.
    let ran = world
        .tsh(&carol, "login")
        .input(&world.answers(&carol))
        .succeeds();
    assert!(ran.stdout.contains("[valid for 11h"), "{ran:?}");
    world.sign_in_until_the_past(&carol);
    let logout = world.tsh(&carol, "logout").succeeds();
    assert_eq!(
        logout.stderr,
        format!(
            "Credentials expired for proxy \"{}\", skipping...\n",
            world.address()
        )
    );
}

#[test]
fn a_broken_profile_is_mended_by_signing_in() {
    let world = World::new();
    let carol = world.person("carol@example.com", &["access"]);
    world.login(&carol);
    fs::remove_file(carol.home.join(".tsh/keys/localhost/carol@example.com.key")).unwrap();
    let broken = world.tsh(&carol, "request ls").fails();
    assert!(
        broken.starts_with("ERROR: the profile `localhost` is incomplete: ")
            && broken.ends_with("hint: log in again with `tsh login`\n"),
        "{broken}"
    );
    world.login(&carol);
    world.tsh(&carol, "request ls").succeeds();
}

#[test]
fn a_locked_person_is_told_so() {
    let world = World::new();
    let carol = world.person("carol@example.com", &["access"]);
    world.login(&carol);
    world.lock("carol@example.com");
    let words = "lock targeting User:\"carol@example.com\" is in force";
    let list = world.tsh(&carol, "request ls").fails();
    assert!(list.starts_with("ERROR: ") && list.contains(words), "{list}");
    assert!(
        list.ends_with("\nhint: ask an administrator to lift the lock\n"),
        "{list}"
    );
    world.tsh(&carol, "logout").succeeds();
    let login = format!("login --proxy={} --user=carol@example.com", world.address());
    let refused = world.tsh(&carol, &login).input(&world.answers(&carol)).fails();
    assert_eq!(
        refused,
        format!("ERROR: {words}\nhint: ask an administrator to lift the lock\n")
    );
}
