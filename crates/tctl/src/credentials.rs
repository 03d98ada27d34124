//! Who tctl is towards the cluster, and where the cluster is.
//!
//! In this order: the identity file that is named; the local administrator, where a configuration says that an Auth
//! Service runs on this machine; the profile of `tsh login`; the local administrator of the usual data directory. A named
//! identity file that cannot be used is an error: whoever names one does not mean to be root.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use cli::{Failure, key_file};
use client::identity::{IdentityError, Origin};
use client::profile::{ProfileDir, ProfileError};
use client::{ConnectError, Identity};
use jiff::Timestamp;
use transport::Address;

use crate::arguments::Global;
use crate::configuration::Configuration;
use crate::input::said;

/// The port of an Auth Service.
const AUTH_PORT: u16 = 3025;
/// The ports that are tried where an address names none: an Auth Service's, a proxy's.
const PORTS: &[u16] = &[AUTH_PORT, 443, 3080];

/// An identity that is valid now, and where to go with it.
#[derive(Debug)]
pub struct Access {
    /// Who we are.
    pub identity: Identity,
    /// Auth Services or proxies; the first that answers is taken.
    pub addresses: Vec<Address>,
}

impl Access {
    /// Finds both.
    pub fn find(global: &Global, now: Timestamp) -> Result<Self, Failure> {
        let access = Self::look_up(global)?;
        access
            .identity
            .check_time(now)
            .map_err(|error| unusable(&error))?;
        Ok(access)
    }

    fn look_up(global: &Global) -> Result<Self, Failure> {
        if let Some(file) = global
            .identity
            .as_deref()
            .filter(|file| !file.as_os_str().is_empty())
        {
            if global.auth_server.is_empty() {
                return Err(Failure::new("tctl --identity also requires --auth-server").hint(
                    "name the Auth Service or the proxy of the identity's cluster with `--auth-server HOST:PORT`",
                ));
            }
            let access = Self {
                addresses: parsed(&global.auth_server, PORTS)?,
                identity: Identity::from_file(file).map_err(|error| unusable(&error))?,
            };
            key_file::warn_if_readable(file);
            return Ok(access);
        }
        let configuration = Configuration::find(global.config.as_deref(), global.config_string.as_deref())?;
        if let Some(configuration) = &configuration
            && configuration.auth_enabled
        {
            return local_admin(global, Some(configuration));
        }
        match profile(global)? {
            Some(access) => Ok(access),
            None => local_admin(global, None),
        }
    }
}

/// What a person reads of a connection that did not come about: one cause, one next step.
pub fn unreachable(error: &ConnectError) -> Failure {
    if let ConnectError::Identity(error) = error {
        return unusable(error);
    }
    let mut failure = Failure::new(error.to_string());
    if let Some(hint) = error.hint() {
        failure = failure.hint(hint);
    }
    failure
}

fn unusable(error: &IdentityError) -> Failure {
    let message = match error {
        // The line that people and scripts know.
        IdentityError::Expired {
            origin: Origin::Profile(_),
            ..
        } => format!("your credentials have expired, please log in using `tsh login`\n\t{error}"),
        other => chain(other),
    };
    let failure = Failure::new(message);
    match (error, error.hint()) {
        (_, Some(hint)) => failure.hint(hint),
        (IdentityError::File(file), None) if file.source.kind() == io::ErrorKind::PermissionDenied => {
            failure.hint("run the command as the user to whom the file belongs")
        }
        (IdentityError::File(file), None) if file.source.kind() == io::ErrorKind::NotFound => {
            failure.hint("check the path; `tctl auth sign --out=FILE` makes an identity file")
        }
        (_, None) => failure,
    }
}

/// An error with its causes, each said once.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        next = cause.source();
    }
    text
}

fn parsed(texts: &[String], ports: &[u16]) -> Result<Vec<Address>, Failure> {
    let mut addresses = Vec::new();
    for text in texts {
        let found = Address::parse_any(text, ports).map_err(|error| {
            Failure::new(format!("--auth-server: {error}")).hint("write it like `teleport.example.com:443`")
        })?;
        addresses.extend(found);
    }
    Ok(addresses)
}

/// Whoever is logged in at the proxy that is named, or at the last one.
fn profile(global: &Global) -> Result<Option<Access>, Failure> {
    let failed = |error: ProfileError| unusable(&IdentityError::from(error));
    let directory = match ProfileDir::from_environment() {
        Ok(directory) => directory,
        Err(ProfileError::NoHome) => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let addresses = parsed(&global.auth_server, PORTS)?;
    let name = match addresses.first() {
        Some(address) => Some(address.host().to_owned()),
        None => directory.current_name().map_err(failed)?,
    };
    let Some(name) = name else { return Ok(None) };
    let Some(profile) = directory.load(&name).map_err(failed)? else {
        return Ok(None);
    };
    let Some(identity) = Identity::from_profile(&directory, &name).map_err(|error| unusable(&error))? else {
        return Ok(None);
    };
    let addresses = if addresses.is_empty() {
        parsed(std::slice::from_ref(&profile.web_proxy_addr), PORTS)?
    } else {
        addresses
    };
    Ok(Some(Access { identity, addresses }))
}

/// The built-in administrator of the Auth Service on this machine.
fn local_admin(global: &Global, configuration: Option<&Configuration>) -> Result<Access, Failure> {
    let data_dir = match configuration.and_then(|configuration| configuration.data_dir.clone()) {
        Some(named) => named,
        None => usual_data_dir()?,
    };
    let host_id = data_dir.join("host_uuid");
    if let Err(error) = fs::metadata(&host_id) {
        return Err(no_auth_host(&host_id, &error));
    }
    let file = data_dir.join("proc").join("admin");
    let origin = Origin::LocalAdmin(file.clone());
    let text = match fs::read_to_string(&file) {
        Ok(text) => access::SecretText::new(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Failure::new(
                "tctl must be used on an Auth Service host or provided with credentials by logging in with tsh first.",
            )
            .hint(format!(
                "`{}` is missing: the Auth Service writes it when it starts",
                file.display()
            )));
        }
        Err(error) => return Err(no_auth_host(&file, &error)),
    };
    let identity = Identity::from_text(text.expose(), origin).map_err(|error| unusable(&error))?;
    Ok(Access {
        identity,
        addresses: local_addresses(global, configuration, &data_dir)?,
    })
}

fn no_auth_host(file: &Path, error: &io::Error) -> Failure {
    let failure = Failure::new(format!(
        "Could not load Teleport {} at {}.\n\tlstat {}: {}",
        if file.ends_with("host_uuid") {
            "host UUID file"
        } else {
            "administrator's identity"
        },
        file.display(),
        file.display(),
        said(error)
    ));
    if error.kind() == io::ErrorKind::PermissionDenied {
        return failure.hint("run tctl as the user who runs the Auth Service, or log in with `tsh login`");
    }
    failure.hint(
        "on the machine of the Auth Service, start it or name its configuration with `--config`; \
         elsewhere log in with `tsh login` first",
    )
}

/// Where the Auth Service of this machine listens: as the flag says, as the file says, as it wrote down itself.
fn local_addresses(
    global: &Global,
    configuration: Option<&Configuration>,
    data_dir: &Path,
) -> Result<Vec<Address>, Failure> {
    if !global.auth_server.is_empty() {
        return parsed(&global.auth_server, &[AUTH_PORT]);
    }
    let configured = configuration
        .and_then(|configuration| configuration.auth_listen_addr.as_deref())
        .and_then(|text| Address::parse(text, AUTH_PORT).ok())
        // The system chooses the port then; the service has written down which.
        .filter(|address| address.port() != 0);
    let written = || {
        let text = fs::read_to_string(data_dir.join("proc").join("auth_address")).ok()?;
        Address::parse(text.trim(), AUTH_PORT).ok()
    };
    let address = configured
        .or_else(written)
        .unwrap_or_else(|| Address::new("127.0.0.1", AUTH_PORT));
    Ok(vec![reachable(address)])
}

/// Who listens on all addresses is reached on the loopback one.
fn reachable(address: Address) -> Address {
    match address.ip() {
        Some(ip) if ip.is_unspecified() => Address::new("127.0.0.1", address.port()),
        _ if address.host().is_empty() => Address::new("127.0.0.1", address.port()),
        _ => address,
    }
}

/// `/var/lib/teleport` for root, else a directory in the user's home.
fn usual_data_dir() -> Result<PathBuf, Failure> {
    if is_root() {
        return Ok("/var/lib/teleport".into());
    }
    let set = |name| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    set("XDG_DATA_HOME")
        .or_else(|| set("HOME").map(|home| home.join(".local").join("share")))
        .map(|base| base.join("countersign"))
        .ok_or_else(|| {
            Failure::new("there is no home directory to look for an Auth Service in")
                .hint("name the configuration of the Auth Service with `--config`, or set HOME")
        })
}

/// Whether this process belongs to root, as the system tells it.
fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_listens_everywhere_is_reached_on_loopback() {
        for (listening, reached) in [
            ("0.0.0.0:3025", "127.0.0.1:3025"),
            ("[::]:4025", "127.0.0.1:4025"),
            ("192.0.2.7:3025", "192.0.2.7:3025"),
            ("auth.example.com", "auth.example.com:3025"),
        ] {
            let address = Address::parse(listening, AUTH_PORT).expect("an address");
            assert_eq!(reachable(address).to_string(), reached);
        }
    }

    #[test]
    fn the_address_is_what_the_flag_the_file_or_the_service_says() {
        let data = tempfile::tempdir().expect("a directory");
        let address = |flag: &[&str], file: Option<&str>| {
            let global = Global {
                auth_server: flag.iter().map(|&text| text.to_owned()).collect(),
                ..Global::default()
            };
            let configuration = Configuration {
                auth_enabled: true,
                data_dir: None,
                auth_listen_addr: file.map(str::to_owned),
            };
            let found = local_addresses(&global, Some(&configuration), data.path()).expect("addresses");
            found.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(address(&[], None), ["127.0.0.1:3025"]);
        fs::create_dir(data.path().join("proc")).expect("a directory");
        fs::write(data.path().join("proc/auth_address"), "127.0.0.1:4444\n").expect("a file");
        assert_eq!(address(&[], None), ["127.0.0.1:4444"]);
        assert_eq!(address(&[], Some("127.0.0.1:0")), ["127.0.0.1:4444"]);
        assert_eq!(address(&[], Some("0.0.0.0:5025")), ["127.0.0.1:5025"]);
        assert_eq!(
            address(&["a.example.com", "b.example.com:1"], Some("0.0.0.0:5025")),
            ["a.example.com:3025", "b.example.com:1"]
        );
    }
}
