//! Everything that a server is told, as one validated value: from flags, a configuration file, and what is usual.
//!
//! [`read`] looks at all of it and reports all mistakes together. Nothing is opened, bound or made here, and what comes
//! out needs no second look.
//!
//! | module | does |
//! | --- | --- |
//! | [`keys`] | the table of keys |
//! | [`section`] | holds a file to the table, collects mistakes |
//! | [`values`] | understands single values |
//! | [`process`], [`cluster`], [`proxy`] | one section each |
//! | [`join`] | which cluster to join |
//! | [`mistakes`] | says what is wrong |

pub mod cluster;
pub mod join;
pub mod keys;
pub mod mistakes;
pub mod process;
pub mod proxy;
pub mod section;
#[cfg(test)]
mod tests;
pub mod values;

use std::path::{Path, PathBuf};

use transport::Address;
use wire::resource::{self, Limits, Node};

pub use cluster::AuthConfig;
pub use join::JoinConfig;
pub use mistakes::ConfigError;
pub use process::{LogFormat, LogOutput, LogSettings};
pub use proxy::{HttpsCertificates, ProxyConfig};
use section::{Findings, Section};

/// The configuration file that is read when nobody names one, if it is there.
pub const FILE_DEFAULT: &str = "/etc/teleport.yaml";

/// A configuration is no backup of a cluster.
const LIMITS: Limits = Limits {
    bytes_max: 1 << 20,
    depth_max: 16,
    values_max: 10_000,
    text_max: 1 << 20,
};

/// What a server is told.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file it was read from, for the log.
    pub file: Option<PathBuf>,
    /// What this host calls itself.
    pub node_name: String,
    /// Where everything is kept.
    pub data_dir: PathBuf,
    /// The key that seals secrets.
    pub seal_key_file: PathBuf,
    /// Gets the number of the process.
    pub pid_file: Option<PathBuf>,
    /// Where figures and health are served.
    pub diag_address: Option<Address>,
    /// One more address in the certificates.
    pub advertise_ip: Option<std::net::IpAddr>,
    /// The log.
    pub log: LogSettings,
    /// Open connections of one port.
    pub connections_max: usize,
    /// The services that run here.
    pub services: Services,
    /// What is accepted and should be known.
    pub notes: Vec<String>,
}

/// Which services run in this process.
#[derive(Debug, Clone)]
pub enum Services {
    /// The Auth Service, and the proxy if it runs beside it.
    Cluster(Box<AuthConfig>, Option<ProxyConfig>),
    /// A proxy of a cluster whose Auth Service runs elsewhere.
    Proxy(JoinConfig, ProxyConfig),
}

/// What the command line says; it wins over the file.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--debug`.
    pub debug: bool,
    /// `--data-dir`.
    pub data_dir: Option<PathBuf>,
    /// `--roles`, as typed.
    pub roles: Option<String>,
    /// `--nodename`.
    pub node_name: Option<String>,
    /// `--diag-addr`.
    pub diag_address: Option<String>,
    /// `--pid-file`.
    pub pid_file: Option<PathBuf>,
    /// `--advertise-ip`.
    pub advertise_ip: Option<String>,
    /// `--listen-ip`.
    pub listen_ip: Option<String>,
    /// `--auth-server`, as typed.
    pub auth_servers: Vec<String>,
    /// `--token`.
    pub token: Option<String>,
    /// `--ca-pin`.
    pub pins: Vec<String>,
    /// `--insecure`.
    pub insecure: bool,
}

/// What is usual on this machine, for this user.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The host's name.
    pub host_name: String,
    /// Where data is kept.
    pub data_dir: PathBuf,
    /// Where the seal key is kept.
    pub seal_key_file: PathBuf,
}

/// A configuration file: what it is called, and what it says.
#[derive(Debug, Clone)]
pub struct File {
    /// For messages; a path where there is one.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// The versions of the file's form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// Separate ports unless it says otherwise.
    V1,
    /// One port.
    V2,
    /// One port, and one address to join.
    V3,
}

/// Puts file, flags and surroundings together.
///
/// # Errors
/// Every mistake that was found, with its line.
pub fn read(file: Option<&File>, flags: &Flags, around: &Surroundings) -> Result<Config, ConfigError> {
    let node = match file {
        Some(file) => parse(file)?,
        None => None,
    };
    let found = Findings::default();
    let root = Section::root(node.as_ref(), keys::FILE, &found);
    let version = version(&root);
    root_rules(&root, version);
    let roles = Roles::read(flags.roles.as_deref(), &found);
    if let Some(ip) = &flags.listen_ip
        && ip.parse::<std::net::IpAddr>().is_err()
    {
        let what = format!("--listen-ip: `{}` is not an IP address", cli::text::visible(ip));
        found.wrong(None, what);
    }
    let process_section = root.group("teleport", "teleport");
    let process = process::read(&process_section, flags, around, &found);
    let auth_section = root.group("auth_service", "auth_service");
    let proxy_section = root.group("proxy_service", "proxy_service");
    let runs = |section: &Section<'_>, by_flag: Option<bool>| {
        by_flag.unwrap_or_else(|| section.value("enabled", values::switch).unwrap_or(true))
    };
    let runs_auth = runs(&auth_section, roles.as_ref().map(|roles| roles.auth));
    let runs_proxy = runs(&proxy_section, roles.as_ref().map(|roles| roles.proxy));
    let version = file.is_some().then_some(version);
    let auth = cluster::read(&auth_section, version, flags, &process, runs_auth, &found);
    let proxy = proxy::read(&proxy_section, flags, &found);
    let join = join::read(&process_section, flags, runs_auth, &found);
    let services = match join {
        None => Services::Cluster(Box::new(auth), runs_proxy.then_some(proxy)),
        Some(join) => Services::Proxy(join, proxy),
    };
    if !runs_auth && !runs_proxy {
        let (at, named) = match roles {
            Some(_) => (None, "--roles: "),
            None => (auth_section.at("enabled"), ""),
        };
        found.wrong(
            at,
            format!("{named}there is nothing to run: no Auth Service and no proxy"),
        );
    }
    let (mistakes, notes) = found.finish();
    let name = file.map(|file| file.name.as_str());
    ConfigError::of(name, mistakes)?;
    Ok(Config {
        file: file.map(|file| PathBuf::from(&file.name)),
        node_name: process.node_name,
        data_dir: process.data_dir,
        seal_key_file: process.seal_key_file,
        pid_file: process.pid_file,
        diag_address: process.diag_address,
        advertise_ip: process.advertise_ip,
        log: process.log,
        connections_max: process.connections_max,
        services,
        notes,
    })
}

impl Config {
    /// The proxy, if it runs here.
    pub fn proxy(&self) -> Option<&ProxyConfig> {
        match &self.services {
            Services::Cluster(_, proxy) => proxy.as_ref(),
            Services::Proxy(_, proxy) => Some(proxy),
        }
    }
}

/// The one document of a file; `None` if it says nothing.
fn parse(file: &File) -> Result<Option<Node>, ConfigError> {
    let failed = |what: String| ConfigError::Unreadable {
        file: file.name.clone(),
        what,
    };
    let mut documents = resource::read::documents(&file.text, &LIMITS)
        .map_err(|error| failed(error.to_string()))?
        .into_iter();
    let first = documents.next();
    match documents.next() {
        None => Ok(first),
        Some(second) => Err(failed(format!(
            "a second document begins before line {}; one file is one document",
            second.at.line
        ))),
    }
}

fn version(root: &Section<'_>) -> Version {
    let read = root.value("version", |node| match values::text(node)?.as_str() {
        "v1" => Ok(Version::V1),
        "v2" => Ok(Version::V2),
        "v3" => Ok(Version::V3),
        other => Err(format!(
            "must be one of v1, v2, v3, found `{}`",
            cli::text::visible(other)
        )),
    });
    read.unwrap_or(Version::V1)
}

/// What the versions differ in.
fn root_rules(root: &Section<'_>, version: Version) {
    let process = root.group("teleport", "teleport");
    if version == Version::V3 && process.has_any(&["auth_servers"]) {
        process.wrong(
            "auth_servers",
            "config v3 has replaced auth_servers with either auth_server or proxy_server",
        );
    }
    if version < Version::V3 {
        for name in ["auth_server", "proxy_server"] {
            if process.has_any(&[name]) {
                process.wrong(name, format!("`teleport.{name}` needs `version: v3`"));
            }
        }
    }
}

/// What `--roles` names.
struct Roles {
    auth: bool,
    proxy: bool,
}

impl Roles {
    fn read(text: Option<&str>, found: &Findings) -> Option<Self> {
        let text = text?;
        let mut roles = Self {
            auth: false,
            proxy: false,
        };
        for role in text.split(',').map(str::trim).filter(|role| !role.is_empty()) {
            match role.to_ascii_lowercase().as_str() {
                "auth" | "authservice" | "auth_service" => roles.auth = true,
                "proxy" | "proxyservice" | "proxy_service" => roles.proxy = true,
                "node" | "app" | "db" | "kube" | "windowsdesktop" | "windows_desktop" | "discovery"
                | "okta" => {
                    found.wrong(
                        None,
                        format!("--roles: `{role}` is not available yet; `auth,proxy` is"),
                    );
                }
                _ => found.wrong(
                    None,
                    format!("--roles: there is no role `{}`", cli::text::visible(role)),
                ),
            }
        }
        Some(roles)
    }
}

impl Surroundings {
    /// This machine's, for the user who runs this process.
    pub fn of_this_process() -> Self {
        let host_name = std::fs::read_to_string("/proc/sys/kernel/hostname")
            .ok()
            .map(|name| name.trim().to_owned())
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| "localhost".to_owned());
        if is_root() {
            return Self {
                host_name,
                data_dir: PathBuf::from("/var/lib/teleport"),
                seal_key_file: PathBuf::from("/etc/countersign/seal.key"),
            };
        }
        let home = std::env::home_dir().unwrap_or_else(|| PathBuf::from("."));
        let place = |variable: &str, usual: &str| {
            std::env::var_os(variable)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
                .unwrap_or_else(|| home.join(usual))
                .join("countersign")
        };
        Self {
            host_name,
            data_dir: place("XDG_DATA_HOME", ".local/share"),
            seal_key_file: place("XDG_CONFIG_HOME", ".config").join("seal.key"),
        }
    }
}

/// Whether this process may do everything: files of `/proc/self` belong to its user.
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// Reads the file that somebody named.
///
/// # Errors
/// It is not there, or cannot be read.
pub fn load(path: &Path) -> Result<File, ConfigError> {
    let name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(File { name, text }),
        Err(source) => Err(ConfigError::File { file: name, source }),
    }
}
