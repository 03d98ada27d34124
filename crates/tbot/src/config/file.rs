//! The configuration file: every key that is known, what is not available yet by name, and nothing else.

use std::path::{Path, PathBuf};

use cli::{Failure, duration};
use client::files;
use client::join::Door;
use jiff::SignedDuration;
use pki::Pin;
use serde::Deserialize;

use super::{
    INTERVAL_DEFAULT, Onboarding, Place, STORAGE_DEFAULT, Settings, TTL_DEFAULT, address, file_failure, token,
};

/// The ports that are meant where an address names none.
const PORTS: (u16, u16) = (443, 3025);

/// What a file says.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    version: Option<String>,
    pub proxy_server: Option<String>,
    pub auth_server: Option<String>,
    #[serde(alias = "certificate_ttl")]
    credential_ttl: Option<String>,
    renewal_interval: Option<String>,
    #[serde(default)]
    oneshot: bool,
    #[serde(default)]
    debug: bool,
    #[serde(default)]
    insecure: bool,
    pub onboarding: Option<Joining>,
    pub storage: Option<Destination>,
    #[serde(default)]
    pub outputs: Vec<Output>,
    #[serde(default)]
    pub services: Vec<Output>,
}

/// `onboarding`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Joining {
    pub token: Option<String>,
    pub join_method: Option<String>,
    #[serde(default)]
    pub ca_pins: Vec<String>,
    ca_path: Option<PathBuf>,
}

/// `destination` and `storage`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Destination {
    #[serde(rename = "type")]
    kind: Option<String>,
    path: Option<PathBuf>,
    symlinks: Option<String>,
    acls: Option<String>,
    #[serde(default)]
    readers: Vec<serde::de::IgnoredAny>,
}

/// One of `outputs`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    #[serde(rename = "type")]
    kind: String,
    destination: Option<Destination>,
    #[serde(default)]
    roles: Vec<String>,
    cluster: Option<String>,
    #[serde(rename = "ssh_config")]
    _ssh_config: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    allow_reissue: bool,
    #[serde(alias = "certificate_ttl")]
    credential_ttl: Option<String>,
    renewal_interval: Option<String>,
    #[serde(rename = "name")]
    _name: Option<String>,
}

/// Reads the file at `path`.
pub fn read(path: &Path) -> Result<File, Failure> {
    let text = files::read_text(path).map_err(|error| file_failure(&error))?;
    let text = text.ok_or_else(|| {
        Failure::new(format!("there is no configuration file `{}`", path.display()))
            .hint("`tbot configure` prints one to begin with; `tbot start identity` needs none")
    })?;
    parse(&text).map_err(|message| Failure::new(format!("{}: {message}", path.display())))
}

/// Reads a text.
pub fn parse(text: &str) -> Result<File, String> {
    let file: File = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
    match file.version.as_deref() {
        Some("v2") => Ok(file),
        Some(other) => Err(format!(
            "version: {other:?} is not known; this is for `version: v2`"
        )),
        None => Err("version: is missing; write `version: v2`".to_owned()),
    }
}

fn not_yet(key: &str, value: &str) -> Failure {
    Failure::new(format!("{key}: {value:?} is not available yet"))
}

fn span(key: &str, said: Option<&String>, default: SignedDuration) -> Result<SignedDuration, Failure> {
    match said {
        Some(text) => duration::parse(text).map_err(|error| Failure::new(format!("{key}: {error}"))),
        None => Ok(default),
    }
}

impl Output {
    /// An identity that goes to `destination`, as a flag says it.
    pub fn identity(destination: &str, roles: &[String]) -> Result<Self, Failure> {
        Ok(Self {
            kind: "identity".to_owned(),
            destination: Some(Destination::parse(destination)?),
            roles: roles.to_vec(),
            cluster: None,
            _ssh_config: None,
            allow_reissue: false,
            credential_ttl: None,
            renewal_interval: None,
            _name: None,
        })
    }

    fn settle(self, ttl: SignedDuration) -> Result<super::Output, Failure> {
        if self.kind != "identity" {
            return Err(not_yet("outputs: type", &self.kind));
        }
        if self.allow_reissue {
            return Err(Failure::new("outputs: allow_reissue is not available")
                .hint("an output that could get other certificates would be as good as the bot itself"));
        }
        if let Some(cluster) = self.cluster.filter(|cluster| !cluster.is_empty()) {
            return Err(not_yet("outputs: cluster", &cluster));
        }
        if let Some(interval) = self.renewal_interval {
            return Err(not_yet("outputs: renewal_interval", &interval));
        }
        let destination = self
            .destination
            .ok_or_else(|| Failure::new("outputs: an output needs a `destination`"))?;
        Ok(super::Output {
            place: destination.settle("outputs: destination")?,
            roles: self.roles,
            ttl: span("outputs: credential_ttl", self.credential_ttl.as_ref(), ttl)?,
        })
    }
}

impl Destination {
    /// A place as a flag says it: a path, `file:///PATH`, `memory://`.
    pub fn parse(said: &str) -> Result<Self, Failure> {
        let (kind, path) = match said.split_once("://") {
            Some(("file", path)) => ("directory", Some(PathBuf::from(path))),
            Some(("memory", "")) => ("memory", None),
            Some((other, _)) => return Err(not_yet("destination", other)),
            None => ("directory", Some(PathBuf::from(said))),
        };
        Ok(Self {
            kind: Some(kind.to_owned()),
            path,
            symlinks: None,
            acls: None,
            readers: Vec::new(),
        })
    }

    fn settle(self, key: &str) -> Result<Place, Failure> {
        if !self.readers.is_empty() || self.acls.as_deref().is_some_and(|acls| acls == "required") {
            return Err(
                Failure::new(format!("{key}: access lists of files are not available yet"))
                    .hint("run tbot as the user whose programs read the identity"),
            );
        }
        if let Some(symlinks) = self.symlinks.filter(|how| how == "insecure") {
            return Err(not_yet(&format!("{key}: symlinks"), &symlinks));
        }
        match (self.kind.as_deref().unwrap_or("directory"), self.path) {
            ("directory", Some(path)) if !path.as_os_str().is_empty() => Ok(Place::Directory(path)),
            ("directory", _) => Err(Failure::new(format!("{key}: a directory needs a `path`"))),
            ("memory", _) => Ok(Place::Memory),
            (other, _) => Err(not_yet(&format!("{key}: type"), other)),
        }
    }
}

impl File {
    /// One validated value.
    pub fn settle(self) -> Result<Settings, Failure> {
        let door = match (&self.proxy_server, &self.auth_server) {
            (Some(proxy), None) => Door::Proxy(address("proxy_server", proxy, PORTS.0)?),
            (None, Some(auth)) => Door::Auth(address("auth_server", auth, PORTS.1)?),
            (Some(_), Some(_)) => {
                return Err(Failure::new("use only one of `proxy_server` and `auth_server`"));
            }
            (None, None) => {
                return Err(Failure::new("no address of the cluster is known")
                    .hint("set `proxy_server` or `auth_server`, or use `--proxy-server HOST:PORT`"));
            }
        };
        let joining = self.onboarding.unwrap_or_default();
        if let Some(method) = joining.join_method.filter(|method| method != "token") {
            return Err(not_yet("onboarding: join_method", &method));
        }
        let pins = joining
            .ca_pins
            .iter()
            .filter(|pin| !pin.is_empty())
            .map(|pin| {
                pin.parse::<Pin>()
                    .map_err(|error| Failure::new(format!("onboarding: ca_pins: {error}")))
            })
            .collect::<Result<_, _>>()?;
        let ttl = span("credential_ttl", self.credential_ttl.as_ref(), TTL_DEFAULT)?;
        let storage = match self.storage {
            Some(storage) => storage.settle("storage")?,
            None => Place::Directory(STORAGE_DEFAULT.into()),
        };
        let outputs: Vec<super::Output> = self
            .outputs
            .into_iter()
            .chain(self.services)
            .map(|output| output.settle(ttl))
            .collect::<Result<_, _>>()?;
        for (index, output) in outputs.iter().enumerate() {
            let taken = |other: &super::Output| other.place == output.place && output.place != Place::Memory;
            if outputs[..index].iter().any(taken) || (output.place == storage && storage != Place::Memory) {
                return Err(
                    Failure::new("outputs: two things would be written to one directory")
                        .hint("give each output, and tbot's own storage, a directory of its own"),
                );
            }
        }
        Ok(Settings {
            door,
            onboarding: Onboarding {
                token: joining
                    .token
                    .as_deref()
                    .filter(|said| !said.is_empty())
                    .map(token)
                    .transpose()?,
                pins,
                authorities: joining.ca_path,
            },
            storage,
            ttl,
            interval: span(
                "renewal_interval",
                self.renewal_interval.as_ref(),
                INTERVAL_DEFAULT,
            )?,
            oneshot: self.oneshot,
            debug: self.debug,
            insecure: self.insecure,
            outputs,
        })
    }
}
