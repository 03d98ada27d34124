//! What OpenSSH and OpenSSL read in our certificates.

use std::path::Path;
use std::process::Command;

use e2e::{Outcome, Person};

use crate::world::World;

/// The text that `openssl` makes of a certificate.
fn x509(path: &Path) -> String {
    let mut command = Command::new("openssl");
    command
        .args([
            "x509",
            "-noout",
            "-subject",
            "-nameopt",
            "multiline,-esc_msb,utf8",
            "-ext",
            "extendedKeyUsage",
            "-in",
        ])
        .arg(path);
    Outcome::of(&mut command, "").succeeded().stdout
}

/// The text that `ssh-keygen` makes of a certificate.
fn ssh(path: &Path) -> String {
    let mut command = Command::new("ssh-keygen");
    command.arg("-L").arg("-f").arg(path);
    Outcome::of(&mut command, "").succeeded().stdout
}

/// Checks that a person's certificates carry exactly these roles and, of the logins people have, these.
pub fn carries(person: &Person, roles: &[&str], logins: &[&str]) {
    let (_, ssh_certificate, tls_certificate) = person.key_files();
    let text = x509(&tls_certificate);
    // Several roles are one part of the name, joined by `+`.
    let mut found: Vec<&str> = text
        .split(['\n', '+'])
        .filter_map(|part| part.trim().strip_prefix("organizationName"))
        .filter_map(|rest| rest.split_once('=').map(|(_, role)| role.trim()))
        .collect();
    found.sort_unstable();
    assert_eq!(found, roles, "{text}");
    assert!(text.contains("TLS Web Client Authentication"), "{text}");

    let text = ssh(&ssh_certificate);
    assert!(text.contains(&format!("Key ID: \"{}\"", person.name)), "{text}");
    let principals: Vec<&str> = text
        .lines()
        .skip_while(|line| line.trim() != "Principals:")
        .skip(1)
        .map(str::trim)
        .take_while(|line| !line.starts_with("Critical Options"))
        .filter(|login| !login.starts_with("-teleport-"))
        .collect();
    assert_eq!(principals, logins, "{text}");
    let carried = extension(&text, "teleport-roles");
    let listed: Vec<String> = roles.iter().map(|role| format!("\"{role}\"")).collect();
    assert!(carried.contains(&format!("[{}]", listed.join(","))), "{carried}");
}

/// The value of an extension that `ssh-keygen` does not know and prints in hexadecimal.
fn extension(text: &str, name: &str) -> String {
    let line = text
        .lines()
        .find(|line| line.trim().starts_with(name))
        .unwrap_or_else(|| panic!("no `{name}` in:\n{text}"));
    let digits = line
        .split_once("UNKNOWN OPTION: ")
        .map(|(_, rest)| rest.split(' ').next().unwrap_or_default())
        .unwrap_or_default();
    let bytes: Vec<u8> = (0..digits.len() / 2)
        .filter_map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).ok())
        .collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn signed_identities_are_what_other_tools_expect() {
    let world = World::new();
    let cluster = &world.cluster;
    for (format, files) in [
        ("file", &["id"][..]),
        ("tls", &["id.crt", "id.key", "id.cas"]),
        ("openssh", &["id", "id-cert.pub"]),
    ] {
        let folder = world.folder.path().join(format);
        std::fs::create_dir(&folder).expect("a folder");
        let out = folder.join("id");
        let signed = cluster
            .tctl(&[
                "auth",
                "sign",
                "--user=access-plugin",
                &format!("--format={format}"),
                &format!("--out={}", out.display()),
            ])
            .succeeded();
        assert!(signed.says("The credentials have been written to"), "{signed}");
        for file in files {
            let path = folder.join(file);
            let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&path).expect("written"));
            assert_eq!(mode & 0o777, 0o600, "{}", path.display());
        }
        match format {
            "tls" => assert!(x509(&folder.join("id.crt")).contains("access-plugin")),
            "openssh" => assert!(ssh(&folder.join("id-cert.pub")).contains("Key ID: \"access-plugin\"")),
            _ => {
                let text = std::fs::read_to_string(&out).expect("written");
                assert!(
                    text.contains("-----BEGIN") && text.contains("@cert-authority"),
                    "{format}"
                );
            }
        }
    }
}

#[test]
fn the_auth_service_answers_to_its_public_names() {
    let world = World::empty();
    let mut command = Command::new("openssl");
    command.args([
        "s_client",
        "-connect",
        &world.cluster.auth(),
        "-alpn",
        "h2",
        "-showcerts",
    ]);
    let shown = Outcome::of(&mut command, "");
    let mut command = Command::new("openssl");
    command.args(["x509", "-noout", "-ext", "subjectAltName"]);
    let names = Outcome::of(&mut command, &shown.stdout).succeeded().stdout;
    for name in [
        "DNS:localhost",
        "DNS:example.com",
        "DNS:*.teleport.cluster.local",
        "IP Address:127.0.0.1",
    ] {
        assert!(names.contains(name), "{names}");
    }
}
