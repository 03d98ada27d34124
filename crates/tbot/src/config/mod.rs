//! What tbot is told: a configuration file (`version: v2`), flags over it, and one validated value out of both.

mod file;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use access::SecretText;
use cli::{Failure, duration};
use client::files::{self, FileError};
use client::join::Door;
use jiff::SignedDuration;
use pki::Pin;
use transport::Address;

use crate::arguments::{IdentityOutput, Overrides};

/// Where the configuration is looked for.
pub const PATH_DEFAULT: &str = "/etc/tbot.yaml";
/// Where tbot keeps what it must not lose, if nobody says.
const STORAGE_DEFAULT: &str = "/var/lib/teleport/bot";

/// Life of certificates if nobody says.
const TTL_DEFAULT: SignedDuration = SignedDuration::from_hours(1);
/// The longest life a cluster gives.
const TTL_MAX: SignedDuration = SignedDuration::from_hours(24);
/// How often certificates are renewed if nobody says.
const INTERVAL_DEFAULT: SignedDuration = SignedDuration::from_mins(20);

/// A configuration file to begin with.
pub const EXAMPLE: &str = "\
# Configuration of tbot. `tctl bots add NAME --roles=LIST` makes the bot and its token.
version: v2

# The address of a proxy, or `auth_server:` with that of the Auth Service.
proxy_server: teleport.example.com:443

onboarding:
  join_method: token
  # The token, or the absolute path of a file that holds it. It lets this machine in once.
  token: /etc/tbot-token
  # With `auth_server`: the pin that `tctl status` prints.
  # ca_pins: [\"sha256:…\"]

# What tbot must not lose. Whoever can read it is the bot.
storage:
  type: directory
  path: /var/lib/teleport/bot

credential_ttl: 1h
renewal_interval: 20m

outputs:
  - type: identity
    destination:
      type: directory
      path: /opt/machine-id
    # The roles of the identity; all of the bot's if left out.
    # roles: [access-plugin]
";

/// Somewhere to keep or to put something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A directory.
    Directory(PathBuf),
    /// Nowhere: gone when tbot stops.
    Memory,
}

/// An identity that programs use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Where it goes.
    pub place: Place,
    /// Its roles; all of the bot's if there are none.
    pub roles: Vec<String>,
    /// Its life.
    pub ttl: SignedDuration,
}

/// How a machine joins that has no identity yet.
#[derive(Clone)]
pub struct Onboarding {
    /// The token; without one there is only going on with what is stored.
    pub token: Option<SecretText>,
    /// Pins of the cluster's host authority.
    pub pins: Vec<Pin>,
    /// A file with the certificates of the cluster's host authority.
    pub authorities: Option<PathBuf>,
}

/// Everything tbot is told.
#[derive(Clone)]
pub struct Settings {
    /// Where the cluster is.
    pub door: Door,
    /// How to join.
    pub onboarding: Onboarding,
    /// Where tbot's own identity is kept.
    pub storage: Place,
    /// Life of tbot's own certificate.
    pub ttl: SignedDuration,
    /// How often certificates are renewed.
    pub interval: SignedDuration,
    /// Write everything once and stop.
    pub oneshot: bool,
    /// Say more in the log.
    pub debug: bool,
    /// Believe whoever answers.
    pub insecure: bool,
    /// What is written.
    pub outputs: Vec<Output>,
}

impl Overrides {
    /// Whether nothing at all was said.
    pub fn is_empty(&self) -> bool {
        self.config.is_none()
            && self.proxy_server.is_none()
            && self.auth_server.is_none()
            && self.token.is_none()
            && self.storage.is_none()
    }
}

impl Settings {
    /// What the file and the flags say together; flags win. An output of the flags takes the place of those of the file.
    pub fn of(flags: &Overrides, output: Option<&IdentityOutput>) -> Result<Self, Failure> {
        let mut said = match &flags.config {
            Some(path) => file::read(path)?,
            None if flags.is_empty() && output.is_none() => file::read(Path::new(PATH_DEFAULT))?,
            None => file::File::default(),
        };
        if let Some(output) = output {
            said.outputs = vec![file::Output::identity(&output.destination, &output.roles)?];
            said.services.clear();
        }
        if flags.proxy_server.is_some() || flags.auth_server.is_some() {
            said.proxy_server.clone_from(&flags.proxy_server);
            said.auth_server.clone_from(&flags.auth_server);
        }
        let onboarding = said.onboarding.get_or_insert_default();
        if flags.token.is_some() {
            onboarding.token.clone_from(&flags.token);
        }
        if flags.join_method.is_some() {
            onboarding.join_method.clone_from(&flags.join_method);
        }
        if !flags.ca_pin.is_empty() {
            onboarding.ca_pins.clone_from(&flags.ca_pin);
        }
        if let Some(storage) = &flags.storage {
            said.storage = Some(file::Destination::parse(storage)?);
        }
        let mut settings = said.settle()?;
        settings.ttl = flags.credential_ttl.unwrap_or(settings.ttl);
        if let Some(ttl) = flags.credential_ttl {
            for output in &mut settings.outputs {
                output.ttl = ttl;
            }
        }
        settings.interval = flags.renewal_interval.unwrap_or(settings.interval);
        settings.oneshot |= flags.oneshot;
        settings.insecure |= flags.insecure;
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), Failure> {
        for ttl in self.outputs.iter().map(|output| output.ttl).chain([self.ttl]) {
            if ttl < SignedDuration::from_mins(1) || ttl > TTL_MAX {
                return Err(Failure::new(format!(
                    "credential_ttl: {} is not between 1m and {}",
                    duration::print(ttl),
                    duration::print(TTL_MAX)
                )));
            }
            if !self.oneshot && self.interval >= ttl {
                return Err(Failure::new(format!(
                    "renewal_interval: {} leaves no time before certificates of {} end",
                    duration::print(self.interval),
                    duration::print(ttl)
                ))
                .hint("let it be at most half of `credential_ttl`"));
            }
        }
        if !self.interval.is_positive() {
            return Err(Failure::new("renewal_interval: must be more than nothing"));
        }
        Ok(())
    }

    /// The configuration file that says the same. The token is named, so the file is as secret as it is.
    pub fn to_yaml(&self) -> String {
        let mut text = "version: v2\n".to_owned();
        let (key, address) = match &self.door {
            Door::Proxy(address) => ("proxy_server", address),
            Door::Auth(address) => ("auth_server", address),
        };
        let _ = writeln!(text, "{key}: {}", quoted(&address.to_string()));
        text.push_str("onboarding:\n  join_method: token\n");
        if let Some(token) = &self.onboarding.token {
            let _ = writeln!(text, "  token: {}", quoted(token.expose()));
        }
        if !self.onboarding.pins.is_empty() {
            text.push_str("  ca_pins:\n");
            for pin in &self.onboarding.pins {
                let _ = writeln!(text, "    - {}", quoted(&pin.to_string()));
            }
        }
        if let Some(path) = &self.onboarding.authorities {
            let _ = writeln!(text, "  ca_path: {}", quoted(&path.display().to_string()));
        }
        let _ = write!(text, "storage:\n{}", place(&self.storage, "  "));
        let _ = writeln!(text, "credential_ttl: {}", duration::print(self.ttl));
        let _ = writeln!(text, "renewal_interval: {}", duration::print(self.interval));
        if self.oneshot {
            text.push_str("oneshot: true\n");
        }
        if self.outputs.is_empty() {
            return text;
        }
        text.push_str("outputs:\n");
        for output in &self.outputs {
            let _ = write!(
                text,
                "  - type: identity\n    destination:\n{}",
                place(&output.place, "      ")
            );
            if !output.roles.is_empty() {
                let roles: Vec<String> = output.roles.iter().map(|role| quoted(role)).collect();
                let _ = writeln!(text, "    roles: [{}]", roles.join(", "));
            }
        }
        text
    }
}

fn place(place: &Place, indent: &str) -> String {
    match place {
        Place::Directory(path) => format!(
            "{indent}type: directory\n{indent}path: {}\n",
            quoted(&path.display().to_string())
        ),
        Place::Memory => format!("{indent}type: memory\n"),
    }
}

/// A text as YAML reads it back, whatever it holds.
fn quoted(text: &str) -> String {
    format!("{text:?}")
}

/// What a file error says to people.
pub fn file_failure(error: &FileError) -> Failure {
    Failure::new(format!("{error}: {}", error.source))
}

/// The token itself, or what a file of that absolute path holds.
fn token(said: &str) -> Result<SecretText, Failure> {
    if !said.starts_with('/') {
        return Ok(SecretText::new(said.to_owned()));
    }
    match files::read_text(Path::new(said)).map_err(|error| file_failure(&error))? {
        Some(text) => Ok(SecretText::new(text.trim().to_owned())),
        None => Err(
            Failure::new(format!("onboarding.token: there is no file `{said}`"))
                .hint("write the token into it, or give the token itself"),
        ),
    }
}

fn address(key: &str, said: &str, port: u16) -> Result<Address, Failure> {
    Address::parse(said, port).map_err(|error| Failure::new(format!("{key}: {error}")))
}
