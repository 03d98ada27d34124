//! `teleport configure`: prints a configuration file to start from, or checks one.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use cli::Failure;
use transport::Address;

use crate::arguments::Configure;
use crate::config::{self, File, Flags, Surroundings};

/// The port of `--public-addr` when it names none.
const PUBLIC_PORT: u16 = 443;

/// Prints, writes or checks.
pub fn run(asked: &Configure) -> Result<(), Failure> {
    if let Some(path) = &asked.test {
        return test(path);
    }
    if let Some((flag, part)) = asked.later.first() {
        return Err(
            Failure::new(format!("{flag} is not available yet: it belongs to {part}")).hint("leave it out"),
        );
    }
    let around = Surroundings::of_this_process();
    let text = written(asked, &around)?;
    match place(&asked.output) {
        None => io::stdout()
            .lock()
            .write_all(text.as_bytes())
            .map_err(Failure::from),
        Some(path) => write(&path, &text),
    }
}

/// Says whether a file is good; the reasons if it is not.
fn test(path: &Path) -> Result<(), Failure> {
    let shown = path.display();
    let read = config::load(path)
        .and_then(|file| config::read(Some(&file), &Flags::default(), &Surroundings::of_this_process()));
    match read {
        Ok(config) => {
            let mut stderr = io::stderr().lock();
            writeln!(stderr, "OK {shown}")?;
            for note in &config.notes {
                writeln!(stderr, "note: {note}")?;
            }
            Ok(())
        }
        Err(error) => {
            writeln!(io::stderr().lock(), "FAIL {shown}")?;
            Err(Failure::new(error.to_string()))
        }
    }
}

/// Where the file goes; `None` is standard output.
fn place(output: &str) -> Option<PathBuf> {
    match output {
        "stdout" | "stdout://" => None,
        "file" | "file://" => Some(PathBuf::from(config::FILE_DEFAULT)),
        path => Some(PathBuf::from(path.strip_prefix("file://").unwrap_or(path))),
    }
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let shown = path.display();
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o640)
        .open(path)
        .map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Failure::new(format!(
                "will not overwrite existing file {shown}, rm -f {shown} and try again"
            )),
            _ => Failure::new(format!("cannot write {shown}: {error}")),
        })?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all())?;
    writeln!(
        io::stdout().lock(),
        "\nA Teleport configuration file has been created at \"{shown}\".\n\
         To start Teleport with this configuration file, run:\n\n\
         teleport start --config=\"{shown}\"\n\n\
         Happy Teleporting!"
    )
    .map_err(Failure::from)
}

/// The file, checked by the reader that will read it.
fn written(asked: &Configure, around: &Surroundings) -> Result<String, Failure> {
    let pair = match (&asked.cert_file, &asked.key_file) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        _ => return Err(Failure::new("please provide both --cert-file and --key-file")),
    };
    let public = asked
        .public_addr
        .as_deref()
        .map(|text| Address::parse(text, PUBLIC_PORT))
        .transpose();
    let public = public.map_err(|error| Failure::new(format!("--public-addr: {error}")))?;
    let roles: Vec<&str> = asked
        .roles
        .split(',')
        .map(str::trim)
        .filter(|role| !role.is_empty())
        .collect();
    let enabled = |role: &str| if roles.contains(&role) { "yes" } else { "no" };
    let node_name = asked.node_name.as_deref().unwrap_or(&around.host_name);
    let data_dir = asked.data_dir.as_deref().unwrap_or(&around.data_dir);

    let mut text = String::from(
        "# Configuration of a Countersign cluster. Every key is described in docs/reference/configuration.md;\n\
         # what is left out has a sensible value. `teleport configure --test FILE` checks a changed file.\n",
    );
    text.push_str(&format!("version: {}\nteleport:\n", asked.version));
    text.push_str(&format!("  nodename: {}\n", scalar(node_name)));
    text.push_str(&format!("  data_dir: {}\n", scalar(&data_dir.to_string_lossy())));
    if let Some(server) = &asked.auth_server {
        let key = if asked.version == "v3" {
            "auth_server"
        } else {
            "auth_servers"
        };
        text.push_str(&format!("  {key}: {}\n", scalar(server)));
    }
    if let Some(token) = &asked.token {
        text.push_str(&format!(
            "  join_params:\n    token_name: {}\n    method: token\n",
            scalar(token)
        ));
    }
    text.push_str("  log:\n    output: stderr\n    severity: INFO\n    format:\n      output: text\n");
    text.push_str("  # /metrics, /healthz and /readyz, for example on 127.0.0.1:3000\n  diag_addr: \"\"\n");
    text.push_str(&format!(
        "auth_service:\n  enabled: \"{}\"\n  listen_addr: 0.0.0.0:3025\n",
        enabled("auth")
    ));
    if let Some(name) = &asked.cluster_name {
        text.push_str(&format!("  cluster_name: {}\n", scalar(name)));
    }
    text.push_str("  proxy_listener_mode: multiplex\n");
    text.push_str("  # Other names and addresses that clients use for the Auth Service\n  public_addr: []\n");
    text.push_str("ssh_service:\n  enabled: \"no\"\n");
    text.push_str(&format!("proxy_service:\n  enabled: \"{}\"\n", enabled("proxy")));
    if let Some(public) = &public {
        text.push_str(&format!("  web_listen_addr: 0.0.0.0:{}\n", public.port()));
        text.push_str(&format!("  public_addr: {}\n", scalar(&public.to_string())));
    }
    match pair {
        Some((certificate, key)) => text.push_str(&format!(
            "  https_keypairs:\n  - key_file: {}\n    cert_file: {}\n",
            scalar(&key.to_string_lossy()),
            scalar(&certificate.to_string_lossy())
        )),
        None => text.push_str("  https_keypairs: []\n"),
    }
    text.push_str("  https_keypairs_reload_interval: 1m\n");

    let file = File {
        name: "made by these flags".to_owned(),
        text,
    };
    let flags = Flags {
        roles: Some(asked.roles.clone()),
        ..Flags::default()
    };
    config::read(Some(&file), &flags, around)
        .map_err(|error| Failure::new(error.of_flags().to_string()).hint("nothing was written"))?;
    Ok(file.text)
}

/// A text as YAML reads it back.
fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | ':');
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let is_word = text.chars().all(plain) && starts_well && !text.ends_with(':');
    let reserved = matches!(
        text.to_ascii_lowercase().as_str(),
        "y" | "n" | "yes" | "no" | "on" | "off" | "true" | "false" | "null"
    );
    if is_word && !reserved {
        text.to_owned()
    } else {
        // JSON's quotes are YAML's too.
        serde_json::Value::String(text.to_owned()).to_string()
    }
}
