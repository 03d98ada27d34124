//! At a real terminal: what people see and type. A pseudo-terminal stands in for it.

use std::path::Path;
use std::process::Command;

use auth::credentials::totp::Seed;
use rexpect::session::{PtySession, spawn_command};

use crate::people::Person;
use crate::world::World;

/// The longest that anything may take before a test gives up.
const PATIENCE_MS: u64 = 30_000;

/// A shell at a terminal that shows what is typed, 80 columns wide.
fn shell(world: &World, home: &Path, script: &str) -> PtySession {
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("stty echo cols 80 rows 24; {script}")])
        .current_dir(home)
        .env_clear()
        .envs(world.environment(home));
    spawn_command(command, Some(PATIENCE_MS)).unwrap()
}

/// `tsh` at such a terminal.
fn at_terminal(world: &World, home: &Path, arguments: &str) -> PtySession {
    let tsh = env!("CARGO_BIN_EXE_tsh");
    shell(world, home, &format!("exec {tsh} {arguments}"))
}

/// The terminal's bytes come as one character each.
fn utf8(text: &str) -> String {
    let bytes: Vec<u8> = text.chars().map(|c| u8::try_from(c).unwrap()).collect();
    String::from_utf8(bytes).unwrap()
}

fn ends(terminal: &mut PtySession) -> String {
    terminal.exp_eof().unwrap()
}

#[test]
fn password_and_code_are_asked_for_and_not_shown() {
    let world = World::new();
    let carol = world.person("carol@example.com", &["access"]);
    let address = world.address();
    let login = format!("login --proxy={address} --user=carol@example.com");
    let mut terminal = at_terminal(&world, &carol.home, &login);
    terminal
        .exp_string("Enter password for Teleport user carol@example.com:")
        .unwrap();
    terminal.send_line(&carol.password).unwrap();
    let between = terminal.exp_string("Enter an OTP code from a device:").unwrap();
    let code = world.code(&carol.seed);
    terminal.send_line(&code).unwrap();
    let rest = ends(&mut terminal);
    assert!(!between.contains(&carol.password), "{between:?}");
    assert!(!rest.contains(&code), "{rest:?}");
    assert!(
        rest.contains("\r\n> Profile URL:        https://localhost:"),
        "{rest:?}"
    );
}

#[test]
fn a_wrong_password_is_not_followed_by_a_question() {
    let world = World::new();
    let carol = world.person("carol@example.com", &["access"]);
    let login = format!("login --proxy={} --user=carol@example.com", world.address());
    let mut terminal = at_terminal(&world, &carol.home, &login);
    terminal.exp_string("Enter password").unwrap();
    terminal.send_line("not the password").unwrap();
    let rest = ends(&mut terminal);
    // Coloured, because somebody looks at it.
    assert!(
        rest.contains("\u{1b}[31mERROR:\u{1b}[0m invalid credentials\r\n"),
        "{rest:?}"
    );
    assert!(!rest.contains("OTP"), "{rest:?}");
}

#[test]
fn an_invitation_is_accepted_with_a_picture() {
    let world = World::new();
    let link = world.invited("bob@example.com", &["access"]);
    let home = world.home("bob@example.com");
    let mut terminal = at_terminal(&world, &home, &format!("invite accept {link}"));
    terminal
        .exp_string("This link is for bob@example.com at localhost:")
        .unwrap();
    terminal
        .exp_string("Enter a new password for bob@example.com:")
        .unwrap();
    terminal.send_line("short").unwrap();
    terminal
        .exp_string("A password has at least 12 characters.")
        .unwrap();
    terminal
        .exp_string("Enter a new password for bob@example.com:")
        .unwrap();
    terminal.send_line("a long password").unwrap();
    terminal.exp_string("Enter it again:").unwrap();
    terminal.send_line("another password").unwrap();
    terminal
        .exp_string("The two passwords are not the same.")
        .unwrap();
    terminal
        .exp_string("Enter a new password for bob@example.com:")
        .unwrap();
    terminal.send_line("a long password").unwrap();
    terminal.exp_string("Enter it again:").unwrap();
    terminal.send_line("a long password").unwrap();
    let picture = terminal.exp_string("or type this secret into it:").unwrap();
    let picture = utf8(&picture);
    assert!(picture.contains("\r\n█████████████"), "{picture}");
    let secret = terminal.exp_string("Enter the OTP code it shows:").unwrap();
    let seed = Seed::from_base32(&secret.replace(char::is_whitespace, "")).unwrap();
    terminal.send_line("000000").unwrap();
    terminal.exp_string("That is not the code.").unwrap();
    terminal.exp_string("Enter the OTP code it shows:").unwrap();
    terminal.send_line(&world.code(&seed)).unwrap();
    let rest = ends(&mut terminal);
    assert!(
        rest.contains("Password and authenticator of bob@example.com are set.\r\n"),
        "{rest:?}"
    );
    let bob = Person {
        name: "bob@example.com".to_owned(),
        password: "a long password".to_owned(),
        home,
        seed,
    };
    world.login(&bob);
}

#[test]
fn the_live_line_is_replaced_in_its_place() {
    let world = World::new();
    let cast = world.cast();
    let mut terminal = at_terminal(&world, &cast.bob.home, "request create --roles=elevated-access");
    let before = terminal
        .exp_string("\r\u{1b}[2K0 of 2 approvals in, 2 missing")
        .unwrap();
    let id = crate::run::request_id(&before.replace('\r', ""));
    world
        .tsh(&cast.alice, &format!("request review --approve {id}"))
        .succeeds();
    let until = terminal
        .exp_string("\r\u{1b}[2K1 of 2 approvals in, 1 missing")
        .unwrap();
    assert!(!until.contains('\n'), "{until:?}");
    world
        .tsh(&cast.ivan, &format!("request review --approve {id}"))
        .succeeds();
    let rest = ends(&mut terminal);
    assert!(
        rest.contains("\r\n\r\nApproval received, getting updated certificates...\r\n\r\n> Profile URL:"),
        "{rest:?}"
    );
    assert!(
        rest.contains(&format!("Active requests:    {id}\r\n")),
        "{rest:?}"
    );
}

#[test]
fn ctrl_c_leaves_the_request_pending() {
    let world = World::new();
    let cast = world.cast();
    let mut terminal = at_terminal(&world, &cast.bob.home, "request create --roles=elevated-access");
    let before = terminal.exp_string("2 missing").unwrap();
    let id = crate::run::request_id(&before.replace('\r', ""));
    terminal.send_control('c').unwrap();
    terminal
        .exp_string(&format!("Stopped waiting. Request {id} stays pending."))
        .unwrap();
    let rest = ends(&mut terminal);
    assert!(
        rest.contains(&format!("hint: `tsh login --request-id={id}` goes on waiting")),
        "{rest:?}"
    );
    let list = world.tsh(&cast.bob, "request ls").succeeds().stdout;
    assert!(list.contains(&id) && list.contains("PENDING"), "{list}");
}

/// Whoever gives up at the password still sees what they type afterwards.
#[test]
fn a_question_that_is_broken_off_leaves_the_terminal_as_it_was() {
    let world = World::new();
    let carol = world.person("carol@example.com", &["access"]);
    let login = format!(
        "{} login --proxy={} --user=carol@example.com; echo code $?; stty -a",
        env!("CARGO_BIN_EXE_tsh"),
        world.address()
    );
    let mut terminal = shell(&world, &carol.home, &login);
    terminal.exp_string("Enter password").unwrap();
    terminal.send_control('c').unwrap();
    terminal.exp_string("code 130").unwrap();
    let settings = ends(&mut terminal);
    assert!(
        settings.contains(" echo ") && settings.contains(" icanon "),
        "{settings}"
    );
}
