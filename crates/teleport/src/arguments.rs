//! The command line: what can be done, and every flag once.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand};

/// Runs a cluster: the Auth Service, and the proxy with its one public port.
#[derive(Debug, Parser)]
#[command(
    name = "teleport",
    max_term_width = 100,
    after_help = "`teleport start` needs no configuration file: it makes a data directory, a certificate for its port, and \
                  prints an invite link for the first administrator."
)]
pub struct Arguments {
    /// Say more in the log
    #[arg(short, long, global = true)]
    pub debug: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Starts the server, and runs until it is told to stop
    Start(Box<Start>),
    /// Prints a configuration file to start from, or checks one
    Configure(Box<Configure>),
    /// Says whether this is an SSH session of the cluster
    Status,
    /// Prints the version
    Version(Version),
}

/// Flags of `teleport version`.
#[derive(Debug, Args)]
pub struct Version {
    /// The bare number
    #[arg(long)]
    pub raw: bool,
}

/// Flags of `teleport start`.
#[derive(Debug, Default, Args)]
pub struct Start {
    /// Configuration file [default: /etc/teleport.yaml if it is there]
    #[arg(
        short,
        long,
        value_name = "FILE",
        env = "TELEPORT_CONFIG_FILE",
        hide_env_values = true
    )]
    pub config: Option<PathBuf>,
    /// The configuration as a text in base64, in place of the file
    #[arg(long, value_name = "BASE64", env = "TELEPORT_CONFIG", hide_env_values = true)]
    pub config_string: Option<String>,
    /// Directory where everything is kept
    #[arg(long, value_name = "DIRECTORY")]
    pub data_dir: Option<PathBuf>,
    /// Services to run: auth,proxy, auth, or proxy for a cluster whose Auth Service is elsewhere
    #[arg(short, long, value_name = "ROLES")]
    pub roles: Option<String>,
    /// What this host calls itself [default: the host's name]
    #[arg(long, value_name = "NAME")]
    pub nodename: Option<String>,
    /// IP address to listen on where the configuration names none
    #[arg(short, long, value_name = "IP", default_value = "0.0.0.0")]
    pub listen_ip: String,
    /// One more IP address in the certificates
    #[arg(long, value_name = "IP")]
    pub advertise_ip: Option<String>,
    /// Serve metrics and health over plain HTTP at this address
    #[arg(long, value_name = "ADDRESS")]
    pub diag_addr: Option<String>,
    /// File for the number of this process
    #[arg(long, value_name = "FILE")]
    pub pid_file: Option<PathBuf>,
    /// Join a cluster without recognising it: whoever answers gets the token. For tests
    #[arg(long)]
    pub insecure: bool,
    /// Address of the Auth Service, for a process without one of its own (`--roles=proxy`)
    #[arg(long, value_name = "ADDRESS")]
    pub auth_server: Vec<String>,
    /// Token to join the cluster with, or a file that holds it; needed once
    #[arg(long, value_name = "TOKEN")]
    pub token: Option<String>,
    /// Pin by which the cluster is recognised; `tctl status` prints it
    #[arg(long, value_name = "PIN")]
    pub ca_pin: Vec<String>,
    /// Accepted; nothing is compared
    #[arg(long)]
    pub skip_version_check: bool,
    /// Accepted; there is no debug service
    #[arg(long)]
    pub no_debug_service: bool,
    /// What belongs to parts that do not exist yet.
    #[command(flatten)]
    pub later: Later,
}

/// Flags of `teleport start` that belong to parts that do not exist yet: known, so that the answer can say so.
#[derive(Debug, Default, Args)]
pub struct Later {
    #[arg(long, value_name = "FILE", hide = true)]
    apply_on_startup: Option<PathBuf>,
    #[arg(long, value_name = "FILE", hide = true)]
    bootstrap: Option<PathBuf>,
    #[arg(long, value_name = "LABELS", hide = true)]
    labels: Option<String>,
    #[arg(long, action = ArgAction::SetTrue, hide = true)]
    permit_user_env: bool,
    #[arg(long, action = ArgAction::SetTrue, hide = true)]
    insecure_no_tls: bool,
    #[arg(long, action = ArgAction::SetTrue, hide = true)]
    fips: bool,
}

impl Later {
    /// The first flag that was given, and the part that it belongs to.
    pub fn first(&self) -> Option<(&'static str, &'static str)> {
        let given = [
            (
                self.apply_on_startup.is_some(),
                "--apply-on-startup",
                "applying resources at the start (use `tctl create -f`)",
            ),
            (
                self.bootstrap.is_some(),
                "--bootstrap",
                "making a cluster from a backup (copy the data directory)",
            ),
            (self.labels.is_some(), "--labels", "an SSH node"),
            (self.permit_user_env, "--permit-user-env", "an SSH node"),
            (
                self.insecure_no_tls,
                "--insecure-no-tls",
                "a web port without TLS",
            ),
            (self.fips, "--fips", "a FIPS build"),
        ];
        given
            .into_iter()
            .find(|(is_given, ..)| *is_given)
            .map(|(_, flag, part)| (flag, part))
    }
}

/// Flags of `teleport configure`.
#[derive(Debug, Default, Args)]
pub struct Configure {
    /// Where to: stdout, file (/etc/teleport.yaml), or a path
    #[arg(short, long, value_name = "PLACE", default_value = "stdout")]
    pub output: String,
    /// Check this file and start nothing
    #[arg(long, value_name = "FILE", conflicts_with_all = ["cluster_name", "public_addr"])]
    pub test: Option<PathBuf>,
    /// Name of the cluster
    #[arg(long, value_name = "NAME")]
    pub cluster_name: Option<String>,
    /// Where people find the proxy; port 443 if it names none
    #[arg(long, value_name = "ADDRESS")]
    pub public_addr: Option<String>,
    /// Certificate chain for HTTPS; with --key-file
    #[arg(long, value_name = "FILE")]
    pub cert_file: Option<PathBuf>,
    /// Private key for HTTPS; with --cert-file
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// Directory where everything is kept
    #[arg(long, value_name = "DIRECTORY")]
    pub data_dir: Option<PathBuf>,
    /// Services to run: auth,proxy, auth, or proxy for a cluster whose Auth Service is elsewhere
    #[arg(short, long, value_name = "ROLES", default_value = "auth,proxy")]
    pub roles: String,
    /// What this host calls itself
    #[arg(long, value_name = "NAME")]
    pub node_name: Option<String>,
    /// Address of the Auth Service, for a process without one of its own
    #[arg(long, value_name = "ADDRESS")]
    pub auth_server: Option<String>,
    /// Token to join the cluster with, or a file that holds it
    #[arg(long, value_name = "TOKEN")]
    pub token: Option<String>,
    /// Version of the file's form
    #[arg(long, value_name = "VERSION", default_value = "v3", value_parser = ["v1", "v2", "v3"])]
    pub version: String,
    /// What belongs to parts that do not exist yet.
    #[command(flatten)]
    pub later: ConfigureLater,
}

/// The same for `teleport configure`.
#[derive(Debug, Default, Args)]
pub struct ConfigureLater {
    #[arg(long, action = ArgAction::SetTrue, hide = true)]
    acme: bool,
    #[arg(long, value_name = "ADDRESS", hide = true)]
    acme_email: Option<String>,
    #[arg(long, value_name = "ADDRESS", hide = true)]
    proxy: Option<String>,
    #[arg(long, value_name = "NAME", hide = true)]
    app_name: Option<String>,
    #[arg(long, value_name = "URI", hide = true)]
    app_uri: Option<String>,
    #[arg(long, value_name = "LABELS", hide = true)]
    node_labels: Option<String>,
}

impl ConfigureLater {
    /// The first flag that was given, and the part that it belongs to.
    pub fn first(&self) -> Option<(&'static str, &'static str)> {
        let given = [
            (
                self.acme,
                "--acme",
                "certificates by ACME (use --cert-file and --key-file)",
            ),
            (
                self.acme_email.is_some(),
                "--acme-email",
                "certificates by ACME (use --cert-file and --key-file)",
            ),
            (
                self.proxy.is_some(),
                "--proxy",
                "joining through a proxy (use --auth-server)",
            ),
            (self.app_name.is_some(), "--app-name", "the application service"),
            (self.app_uri.is_some(), "--app-uri", "the application service"),
            (self.node_labels.is_some(), "--node-labels", "an SSH node"),
        ];
        given
            .into_iter()
            .find(|(is_given, ..)| *is_given)
            .map(|(_, flag, part)| (flag, part))
    }
}
