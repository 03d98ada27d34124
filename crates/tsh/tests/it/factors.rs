//! `tsh mfa`: what somebody's second factors are, one more, one less.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

use auth::credentials::totp::Seed;

use crate::world::World;

#[test]
fn factors_are_listed_added_with_a_proof_and_removed() {
    let world = World::new();
    let person = world.person("bob@example.com", &["access"]);
    world.login(&person);
    let listed = world.tsh(&person, "mfa ls").succeeds();
    assert!(
        listed.stdout.starts_with("Name       Type Added at"),
        "{listed:?}"
    );
    assert!(listed.stdout.contains("\notp-device TOTP "), "{listed:?}");

    let without = world
        .tsh(&person, "mfa add --name=phone")
        .input("000000\n")
        .fails();
    assert!(
        without.starts_with("ERROR: invalid username, password or second factor"),
        "{without}"
    );
    let key = world.tsh(&person, "mfa add --type=webauthn").fails();
    assert!(key.contains("/web/account/security"), "{key}");

    // The second code is that of the new secret, which is shown in between.
    let mut command = world.command(&person.home, ["mfa", "add", "--name=phone"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    writeln!(input, "{}", world.code(&person.seed)).unwrap();
    let mut secret = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut secret)
        .unwrap();
    let seed = Seed::from_base32(secret.trim()).unwrap();
    writeln!(input, "{}", world.code(&seed)).unwrap();
    drop(input);
    assert!(child.wait().unwrap().success());
    let listed = world.tsh(&person, "mfa ls -f json").succeeds();
    let listed: serde_json::Value = serde_json::from_str(&listed.stdout).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 2);

    let code = format!("{}\n", world.code(&seed));
    world.tsh(&person, "mfa rm otp-device").input(&code).succeeds();
    let code = format!("{}\n", world.code(&seed));
    let last = world.tsh(&person, "mfa rm phone").input(&code).fails();
    assert!(
        last.starts_with("ERROR: cannot delete the last MFA device"),
        "{last}"
    );
}
