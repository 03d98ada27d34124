//! Accepting an invitation without a terminal, as scripts do. With one: `terminal`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

use auth::credentials::totp::Seed;

use crate::world::World;

#[test]
fn a_script_is_given_the_secret_between_password_and_code() {
    let world = World::new();
    let link = world.invited("bob@example.com", &["access"]);
    let home = world.home("bob");
    let mut child = world
        .command(&home, ["invite", "accept", &link])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"a long password\n").unwrap();
    let mut secret = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut secret)
        .unwrap();
    let seed = Seed::from_base32(secret.trim_end()).unwrap();
    writeln!(stdin, "{}", world.code(&seed)).unwrap();
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(ended.status.success(), "{said}");
    let address = world.address();
    assert_eq!(
        said,
        format!(
            "\nPassword and authenticator of bob@example.com are set.\n\
             hint: sign in with `tsh login --proxy={address} --user=bob@example.com`\n"
        )
    );
    let login = format!("login --proxy={address} --user=bob@example.com");
    let answers = format!("a long password\n{}\n", world.code(&seed));
    let words: Vec<&str> = login.split(' ').collect();
    world.tsh_in(&home, words).input(&answers).succeeds();
    // A link is good once.
    let again = world
        .tsh_in(&home, ["invite", "accept", &link])
        .input("a long password\n000000\n")
        .fails();
    assert!(
        again.starts_with("ERROR: bad or expired token\nhint: "),
        "{again}"
    );
}

#[test]
fn what_does_not_work_is_named_and_the_link_survives() {
    let world = World::new();
    let link = world.invited("bob@example.com", &["access"]);
    let token = link.rsplit('/').next().unwrap();
    let home = world.home("bob");
    let accept = |link: &str, answers: &str| {
        world
            .tsh_in(&home, ["invite", "accept", link])
            .input(answers)
            .run()
    };
    let short = accept(&link, "short\n000000\n");
    assert_eq!(short.code, 1);
    assert!(
        short
            .stderr
            .starts_with("ERROR: password is too short, min length is 12\nhint: "),
        "{short:?}"
    );
    let wrong = accept(&link, "a long password\n000000\n");
    assert!(
        wrong.code == 1 && wrong.stderr.starts_with("ERROR: invalid one time token"),
        "{wrong:?}"
    );
    let foreign = accept("https://example.com/web/login", "");
    assert!(
        foreign
            .stderr
            .starts_with("ERROR: this is not an invitation link\nhint: "),
        "{foreign:?}"
    );
    for ran in [&short, &wrong] {
        assert!(!ran.stderr.contains(token), "{ran:?}");
    }
    let ended = accept(&link, "");
    assert!(
        ended
            .stderr
            .starts_with("ERROR: input ended before an answer to: "),
        "{ended:?}"
    );
    assert_eq!(std::fs::read_dir(&home).unwrap().count(), 0);
}
