//! The directory in which `tsh` remembers who is logged in where: `~/.tsh`, or `TELEPORT_HOME`.
//!
//! ```text
//! current-profile                     the name of the profile in use
//! PROXYHOST.yaml                      one profile
//! known_hosts                         the SSH host authorities of all clusters
//! keys/PROXYHOST/USER                 SSH private key        keys/PROXYHOST/USER.pub
//! keys/PROXYHOST/USER.key             TLS private key        keys/PROXYHOST/USER.crt
//! keys/PROXYHOST/USER-ssh/CLUSTER-cert.pub
//! keys/PROXYHOST/cas/CLUSTER.pem      keys/PROXYHOST/certs.pem
//! ```
//!
//! Other programs read and write the same directory, so names, modes and keys are theirs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use access::SecretText;
use serde::Deserialize;

use crate::files::{self, FileError, PRIVATE, SHARED};
use crate::web::LoginAnswer;

/// Names the directory in place of `~/.tsh`.
pub const HOME_VARIABLE: &str = "TELEPORT_HOME";

/// Why a profile cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// Neither `TELEPORT_HOME` nor `HOME` is set.
    #[error("there is no home directory for profiles")]
    NoHome,
    /// The file system refused.
    #[error(transparent)]
    File(#[from] FileError),
    /// A profile file is not of the known form.
    #[error("the profile `{}` cannot be read: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What the reader says.
        reason: String,
    },
    /// Some of the key files of a profile are missing.
    #[error("the profile `{profile}` is incomplete: `{}` is missing", path.display())]
    Incomplete {
        /// The profile's name.
        profile: String,
        /// The first missing file.
        path: PathBuf,
    },
    /// A name that would lead out of the directory.
    #[error("`{0}` cannot be the name of a file")]
    Name(String),
}

impl ProfileError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoHome => Some(format!("set {HOME_VARIABLE} to a directory of your own")),
            Self::Malformed { path, .. } => Some(format!(
                "remove `{}` and log in again with `tsh login`",
                path.display()
            )),
            Self::Incomplete { .. } => Some("log in again with `tsh login`".to_owned()),
            Self::File(_) | Self::Name(_) => None,
        }
    }
}

/// Who is logged in through one proxy. The name is the host of the proxy's web address.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Profile {
    /// `host:port` of the proxy's pages and web API.
    pub web_proxy_addr: String,
    /// `host:port` of the proxy's SSH service.
    pub ssh_proxy_addr: String,
    /// `host:port` for Kubernetes.
    pub kube_proxy_addr: String,
    /// `host:port` for PostgreSQL.
    pub postgres_proxy_addr: String,
    /// `host:port` for `MySQL`.
    pub mysql_proxy_addr: String,
    /// `host:port` for `MongoDB`.
    pub mongo_proxy_addr: String,
    /// The user's name.
    pub user: String,
    /// The cluster; the profile's name where the file has none.
    pub cluster: String,
    /// The proxy carries everything on its web port.
    pub tls_routing_enabled: bool,
    /// A load balancer in front of the proxy removes ALPN.
    pub tls_routing_conn_upgrade_required: bool,
    /// The connector used to sign in; empty for a local user.
    pub auth_connector: String,
    /// All clusters' authorities are wanted.
    pub load_all_cas: bool,
    /// How a second factor is asked for.
    pub mfa_mode: String,
    /// Which kinds of keys the cluster demands.
    pub private_key_policy: String,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            web_proxy_addr: String::new(),
            ssh_proxy_addr: String::new(),
            kube_proxy_addr: String::new(),
            postgres_proxy_addr: String::new(),
            mysql_proxy_addr: String::new(),
            mongo_proxy_addr: String::new(),
            user: String::new(),
            cluster: String::new(),
            tls_routing_enabled: false,
            tls_routing_conn_upgrade_required: false,
            auth_connector: String::new(),
            load_all_cas: false,
            mfa_mode: "auto".to_owned(),
            private_key_policy: String::new(),
        }
    }
}

impl Profile {
    /// A profile on a proxy that carries everything on its web port.
    pub fn on_one_port(web_proxy_addr: &str, user: &str, cluster: &str) -> Self {
        let address = web_proxy_addr.to_owned();
        Self {
            ssh_proxy_addr: address.clone(),
            kube_proxy_addr: address.clone(),
            postgres_proxy_addr: address.clone(),
            mysql_proxy_addr: address.clone(),
            web_proxy_addr: address,
            user: user.to_owned(),
            cluster: cluster.to_owned(),
            tls_routing_enabled: true,
            ..Self::default()
        }
    }

    /// The profile's name: the host of the proxy's web address.
    pub fn name(&self) -> &str {
        host(&self.web_proxy_addr)
    }

    fn to_yaml(&self) -> String {
        let mut text = String::new();
        let mut line = |key: &str, value: &str| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{key}: {value}");
        };
        for (key, value) in [
            ("web_proxy_addr", &self.web_proxy_addr),
            ("ssh_proxy_addr", &self.ssh_proxy_addr),
            ("kube_proxy_addr", &self.kube_proxy_addr),
            ("postgres_proxy_addr", &self.postgres_proxy_addr),
            ("mysql_proxy_addr", &self.mysql_proxy_addr),
            ("mongo_proxy_addr", &self.mongo_proxy_addr),
            ("auth_connector", &self.auth_connector),
            ("user", &self.user),
            ("cluster", &self.cluster),
        ] {
            if !value.is_empty() {
                line(key, &scalar(value));
            }
        }
        line("dir", "\"\"");
        for (key, set) in [
            ("load_all_cas", self.load_all_cas),
            ("tls_routing_enabled", self.tls_routing_enabled),
            (
                "tls_routing_conn_upgrade_required",
                self.tls_routing_conn_upgrade_required,
            ),
        ] {
            if set {
                line(key, "true");
            }
        }
        line("mfa_mode", &scalar(&self.mfa_mode));
        line("private_key_policy", &scalar(&self.private_key_policy));
        line("piv_slot", "\"\"");
        line("piv_pin_cache_ttl", "0s");
        line("missingclusterdetails", "false");
        line("ssh_dial_timeout", "30s");
        text
    }
}

/// The host of `host:port`, without brackets.
fn host(address: &str) -> &str {
    if let Some(rest) = address.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    match address.rsplit_once(':') {
        Some((host, _)) if !host.contains(':') => host,
        _ => address,
    }
}

/// A text as a YAML value: plain where that is unmistakable, else in double quotes.
fn scalar(text: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "@._/:+-".contains(c);
    let word = text.chars().next().is_some_and(|c| c.is_ascii_alphabetic())
        && text.chars().all(harmless)
        && !text.ends_with(':')
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
            .contains(&text.to_ascii_lowercase().as_str());
    let address = text.contains(':')
        && !text.ends_with(':')
        && text.chars().next().is_some_and(|c| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_digit() || c == '.' || c == ':')
        && text.contains('.');
    if word || address {
        text.to_owned()
    } else {
        serde_json::Value::from(text).to_string()
    }
}

/// The keys and certificates of a profile, as they stand in their files.
#[derive(Clone, Default)]
pub struct ProfileKeys {
    /// PEM.
    pub ssh_private_key: SecretText,
    /// One `authorized_keys` line.
    pub ssh_public_key: String,
    /// PEM.
    pub tls_private_key: SecretText,
    /// PEM.
    pub tls_certificate: String,
    /// One line; for the profile's cluster.
    pub ssh_certificate: String,
    /// PEM, one or more certificates for each cluster.
    pub tls_authorities: BTreeMap<String, String>,
    /// `@cert-authority` lines.
    pub ssh_authorities: Vec<String>,
}

impl ProfileKeys {
    /// The keys that went into a sign-in through `proxy`, with what came out of it.
    pub fn of_login(
        proxy: &Profile,
        ssh_private_key: SecretText,
        ssh_public_key: &str,
        tls_private_key: SecretText,
        answer: &LoginAnswer,
    ) -> Self {
        let lines = answer.host_signers.iter().flat_map(|signer| {
            let (host, cluster) = (proxy.name(), &signer.cluster);
            signer.checking_keys.iter().map(move |key| {
                format!(
                    "@cert-authority {host},{cluster},*.{cluster} {} type=host",
                    key.trim()
                )
            })
        });
        let authorities = answer.host_signers.iter().map(|signer| {
            let pem: String = signer.tls_certs.iter().map(|pem| ended(pem)).collect();
            (signer.cluster.clone(), pem)
        });
        Self {
            ssh_private_key,
            ssh_public_key: ssh_public_key.to_owned(),
            tls_private_key,
            tls_certificate: answer.tls_certificate.clone(),
            ssh_certificate: answer.ssh_certificate.clone(),
            tls_authorities: authorities.collect(),
            ssh_authorities: lines.collect(),
        }
    }
}

/// The directory with everybody's profiles.
#[derive(Debug, Clone)]
pub struct ProfileDir {
    root: PathBuf,
}

impl ProfileDir {
    /// `TELEPORT_HOME`, or `.tsh` in the home directory.
    pub fn from_environment() -> Result<Self, ProfileError> {
        let set = |name| {
            env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        set(HOME_VARIABLE)
            .or_else(|| set("HOME").map(|home| home.join(".tsh")))
            .map(Self::at)
            .ok_or(ProfileError::NoHome)
    }

    /// A certain directory, which need not exist yet.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// The name of the profile in use.
    pub fn current_name(&self) -> Result<Option<String>, ProfileError> {
        let text = files::read_text(&self.root.join("current-profile"))?;
        Ok(text
            .map(|text| text.trim().to_owned())
            .filter(|name| !name.is_empty()))
    }

    /// The profile in use; `None` if nobody is logged in.
    pub fn current(&self) -> Result<Option<Profile>, ProfileError> {
        match self.current_name()? {
            Some(name) => self.load(&name),
            None => Ok(None),
        }
    }

    /// Uses another profile from now on.
    pub fn set_current(&self, name: &str) -> Result<(), ProfileError> {
        let name = file_name(name)?;
        files::create_private_directory(&self.root)?;
        files::write_whole(
            &self.root.join("current-profile"),
            format!("{name}\n").as_bytes(),
            SHARED,
        )?;
        Ok(())
    }

    /// The names of all profiles, in order.
    pub fn names(&self) -> Result<Vec<String>, ProfileError> {
        let entries = match fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(FileError::new("read", &self.root, error).into()),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| FileError::new("read", &self.root, error))?;
            if let Some(name) = entry
                .file_name()
                .to_str()
                .and_then(|name| name.strip_suffix(".yaml"))
            {
                names.push(name.to_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    /// One profile; `None` if there is none of this name.
    pub fn load(&self, name: &str) -> Result<Option<Profile>, ProfileError> {
        let path = self.profile_path(name)?;
        let Some(text) = files::read_text(&path)? else {
            return Ok(None);
        };
        let mut profile: Profile =
            serde_saphyr::from_str(&text).map_err(|error| ProfileError::Malformed {
                path,
                reason: error.to_string(),
            })?;
        if profile.cluster.is_empty() {
            name.clone_into(&mut profile.cluster);
        }
        Ok(Some(profile))
    }

    /// Writes a profile with its keys, and uses it from now on.
    pub fn save(&self, profile: &Profile, keys: &ProfileKeys) -> Result<(), ProfileError> {
        let paths = self.paths(profile)?;
        files::create_private_directory(&paths.ssh_certificates)?;
        files::create_private_directory(&paths.authorities)?;
        for (path, content) in [
            (&paths.ssh_private_key, keys.ssh_private_key.expose()),
            (&paths.ssh_public_key, &keys.ssh_public_key),
            (&paths.tls_private_key, keys.tls_private_key.expose()),
        ] {
            files::write_whole(path, ended(content).as_bytes(), PRIVATE)?;
        }
        let mut all = String::new();
        for (cluster, pem) in &keys.tls_authorities {
            let path = paths.authorities.join(format!("{}.pem", file_name(cluster)?));
            files::write_whole(&path, ended(pem).as_bytes(), SHARED)?;
            all.push_str(&ended(pem));
        }
        all.push('\n');
        files::write_whole(&paths.all_authorities, all.as_bytes(), SHARED)?;
        self.remember_hosts(&keys.ssh_authorities)?;
        self.save_certificates(profile, &keys.tls_certificate, &keys.ssh_certificate)?;
        files::write_whole(
            &self.profile_path(profile.name())?,
            profile.to_yaml().as_bytes(),
            SHARED,
        )?;
        self.set_current(profile.name())
    }

    /// Exchanges the certificates of a profile; the keys stay.
    pub fn save_certificates(
        &self,
        profile: &Profile,
        tls_certificate: &str,
        ssh_certificate: &str,
    ) -> Result<(), ProfileError> {
        let paths = self.paths(profile)?;
        files::write_whole(&paths.ssh_certificate, ended(ssh_certificate).as_bytes(), PRIVATE)?;
        files::write_whole(&paths.tls_certificate, ended(tls_certificate).as_bytes(), PRIVATE)?;
        Ok(())
    }

    /// The keys of a profile; `None` if its user is logged out.
    pub fn keys(&self, profile: &Profile) -> Result<Option<ProfileKeys>, ProfileError> {
        let paths = self.paths(profile)?;
        let Some(tls_certificate) = files::read_text(&paths.tls_certificate)? else {
            return Ok(None);
        };
        let needed = |path: &PathBuf| {
            files::read_text(path)?.ok_or_else(|| ProfileError::Incomplete {
                profile: profile.name().to_owned(),
                path: path.clone(),
            })
        };
        let mut tls_authorities = BTreeMap::new();
        let entries = fs::read_dir(&paths.authorities)
            .map_err(|error| FileError::new("read", &paths.authorities, error))?;
        for entry in entries {
            let entry = entry.map_err(|error| FileError::new("read", &paths.authorities, error))?;
            let name = entry.file_name();
            let Some(cluster) = name.to_str().and_then(|name| name.strip_suffix(".pem")) else {
                continue;
            };
            if let Some(pem) = files::read_text(&entry.path())? {
                tls_authorities.insert(cluster.to_owned(), pem);
            }
        }
        Ok(Some(ProfileKeys {
            ssh_private_key: needed(&paths.ssh_private_key)?.into(),
            ssh_public_key: needed(&paths.ssh_public_key)?,
            tls_private_key: needed(&paths.tls_private_key)?.into(),
            tls_certificate,
            ssh_certificate: needed(&paths.ssh_certificate)?,
            tls_authorities,
            ssh_authorities: self.known_hosts()?,
        }))
    }

    /// Forgets one profile and its keys; says whether there was one.
    pub fn remove(&self, profile: &Profile) -> Result<bool, ProfileError> {
        let mut any = self.remove_keys(profile)?;
        any |= files::remove(&self.profile_path(profile.name())?)?;
        if self.current_name()?.as_deref() == Some(profile.name()) {
            any |= files::remove(&self.root.join("current-profile"))?;
        }
        Ok(any)
    }

    /// Forgets the keys of one user of a proxy; says whether there were any. The proxy's profile stays: it may
    /// be another user's by now.
    pub fn remove_keys(&self, profile: &Profile) -> Result<bool, ProfileError> {
        let paths = self.paths(profile)?;
        let mut any = false;
        for path in [
            &paths.ssh_private_key,
            &paths.ssh_public_key,
            &paths.tls_private_key,
            &paths.tls_certificate,
        ] {
            any |= files::remove(path)?;
        }
        for kind in ["ssh", "app", "db", "kube"] {
            any |= files::remove_tree(&paths.keys.join(format!("{}-{kind}", profile.user)))?;
        }
        Ok(any)
    }

    /// Forgets everybody; says whether there was anybody.
    pub fn remove_all(&self) -> Result<bool, ProfileError> {
        let mut any = files::remove_tree(&self.root.join("keys"))?;
        for name in self.names()? {
            any |= files::remove(&self.profile_path(&name)?)?;
        }
        any |= files::remove(&self.root.join("current-profile"))?;
        files::remove(&self.root.join("known_hosts"))?;
        Ok(any)
    }

    fn known_hosts(&self) -> Result<Vec<String>, ProfileError> {
        let text = files::read_text(&self.root.join("known_hosts"))?.unwrap_or_default();
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// Adds lines that are not there yet.
    fn remember_hosts(&self, lines: &[String]) -> Result<(), ProfileError> {
        let mut known = self.known_hosts()?;
        for line in lines {
            if !known.contains(line) {
                known.push(line.clone());
            }
        }
        let text: String = known.iter().map(|line| ended(line)).collect();
        files::write_whole(&self.root.join("known_hosts"), text.as_bytes(), PRIVATE)?;
        Ok(())
    }

    fn profile_path(&self, name: &str) -> Result<PathBuf, ProfileError> {
        Ok(self.root.join(format!("{}.yaml", file_name(name)?)))
    }

    fn paths(&self, profile: &Profile) -> Result<Paths, ProfileError> {
        let keys = self.root.join("keys").join(file_name(profile.name())?);
        let user = file_name(&profile.user)?;
        let ssh_certificates = keys.join(format!("{user}-ssh"));
        Ok(Paths {
            ssh_private_key: keys.join(user),
            ssh_public_key: keys.join(format!("{user}.pub")),
            tls_private_key: keys.join(format!("{user}.key")),
            tls_certificate: keys.join(format!("{user}.crt")),
            ssh_certificate: ssh_certificates.join(format!("{}-cert.pub", file_name(&profile.cluster)?)),
            ssh_certificates,
            authorities: keys.join("cas"),
            all_authorities: keys.join("certs.pem"),
            keys,
        })
    }

    /// Where the SSH private key and certificate of a profile lie, for programs that read them.
    pub fn ssh_files(&self, profile: &Profile) -> Result<(PathBuf, PathBuf), ProfileError> {
        let paths = self.paths(profile)?;
        Ok((paths.ssh_private_key, paths.ssh_certificate))
    }
}

struct Paths {
    keys: PathBuf,
    ssh_private_key: PathBuf,
    ssh_public_key: PathBuf,
    tls_private_key: PathBuf,
    tls_certificate: PathBuf,
    ssh_certificates: PathBuf,
    ssh_certificate: PathBuf,
    authorities: PathBuf,
    all_authorities: PathBuf,
}

/// A name that stays in its directory.
fn file_name(name: &str) -> Result<&str, ProfileError> {
    let leads_out = name.is_empty()
        || name == "."
        || name == ".."
        || name.contains(['/', '\\'])
        || name.contains(char::is_control);
    if leads_out {
        Err(ProfileError::Name(name.to_owned()))
    } else {
        Ok(name)
    }
}

/// With exactly one line end.
fn ended(text: &str) -> String {
    format!("{}\n", text.trim_end_matches('\n'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_written_as_others_expect_it() {
        let profile = Profile::on_one_port("localhost:3080", "bob@example.com", "teleport.example.com");
        assert_eq!(profile.name(), "localhost");
        assert_eq!(
            profile.to_yaml(),
            "web_proxy_addr: localhost:3080\nssh_proxy_addr: localhost:3080\n\
             kube_proxy_addr: localhost:3080\npostgres_proxy_addr: localhost:3080\n\
             mysql_proxy_addr: localhost:3080\nuser: bob@example.com\ncluster: teleport.example.com\n\
             dir: \"\"\ntls_routing_enabled: true\nmfa_mode: auto\nprivate_key_policy: \"\"\npiv_slot: \"\"\n\
             piv_pin_cache_ttl: 0s\nmissingclusterdetails: false\nssh_dial_timeout: 30s\n"
        );
    }

    #[test]
    fn values_come_back_as_they_went() {
        for value in [
            "localhost:3080",
            "127.0.0.1:443",
            "[::1]:3080",
            "no",
            "1.5",
            "a: b",
            "#x",
            "\"q\"",
            "böb",
            "- a",
            "12",
        ] {
            let profile = Profile {
                user: value.to_owned(),
                ..Profile::default()
            };
            let read: Profile = serde_saphyr::from_str(&profile.to_yaml()).expect("readable");
            assert_eq!(read.user, value);
        }
    }

    #[test]
    fn a_login_becomes_the_lines_other_programs_read() {
        let answer: LoginAnswer = serde_json::from_value(serde_json::json!({
            "username": "bob", "cert": "c3NoCg==", "tls_cert": "UEVN",
            "host_signers": [{"domain_name": "example.com", "checking_keys": ["c3NoLWVkMjU1MTkgQUFBQQo="], "tls_certs": ["UEVN"]}],
        }))
        .expect("readable");
        let profile = Profile::on_one_port("localhost:3080", "bob", "example.com");
        let keys = ProfileKeys::of_login(
            &profile,
            "a".to_owned().into(),
            "ssh-ed25519 B",
            "c".to_owned().into(),
            &answer,
        );
        assert_eq!(
            keys.ssh_authorities,
            ["@cert-authority localhost,example.com,*.example.com ssh-ed25519 AAAA type=host"]
        );
        assert_eq!(keys.tls_authorities["example.com"], "PEM\n");
    }

    #[test]
    fn the_name_is_the_host() {
        for (address, name) in [
            ("teleport.example.com:443", "teleport.example.com"),
            ("[::1]:3080", "::1"),
            ("::1", "::1"),
            ("proxy", "proxy"),
        ] {
            assert_eq!(host(address), name);
        }
    }

    #[test]
    fn names_stay_in_their_directory() {
        let directory = ProfileDir::at("/nowhere");
        for name in ["..", "", "a/b", "../x", "a\nb"] {
            assert!(
                matches!(directory.load(name), Err(ProfileError::Name(_))),
                "{name}"
            );
            let profile = Profile::on_one_port("localhost:3080", name, "c");
            assert!(
                matches!(directory.keys(&profile), Err(ProfileError::Name(_))),
                "{name}"
            );
        }
    }
}
