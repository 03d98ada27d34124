//! `teleport-mattermost start`: checks everything that can be checked, then runs.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use access::ambient::{Clock, Entropy};
use cli::Failure;
use client::identity::{Identity, IdentityError, IdentityHandle};
use client::{Cluster, Connect, ConnectError, Destination};
use plugin::check::{check_rights, too_wide};
use plugin::config::{Config, Credentials, Teleport};
use plugin::mattermost::Mattermost;
use plugin::mattermost::api::{Api, ApiError};
use plugin::{Ended, Plugin, Setup};
use tokio::signal::unix::{Signal, SignalKind, signal};
use transport::Address;
use transport::system::{SystemClock, SystemEntropy};

use crate::arguments::Start;
use crate::log;

/// The name of this program in the cluster's and in the chat's log.
const PROGRAM: &str = "teleport-mattermost";
/// The name under which notes are kept; the published plugin uses it too.
const PLUGIN: &str = "mattermost";
/// Another process that is at a request has this long.
const COURTESY: Duration = Duration::from_secs(3);
/// Work under way has this long after a signal.
const PATIENCE: Duration = Duration::from_secs(15);
/// Makes the plugin end, and not reconnect, when the cluster is lost.
const FAIL_FAST: &str = "TELEPORT_PLUGIN_FAIL_FAST";
/// Ports that an address without one may mean: Auth Service, proxy.
const PORTS: &[u16] = &[3025, 443, 3080];

/// Runs the command.
pub fn run(arguments: &Start) -> Result<(), Failure> {
    let config = read_config(&arguments.config)?;
    let fail_fast = fail_fast()?;
    log::start(&config.log, arguments.debug)?;
    tracing::info!(
        version = crate::COMPATIBLE,
        "Starting Teleport Access Mattermost Plugin"
    );
    for warning in &config.warnings {
        tracing::warn!(file = %arguments.config.display(), "{warning}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let done = runtime.block_on(async {
        let mut signals = Signals::new()?;
        let plugin = tokio::select! {
            plugin = prepare(&config, fail_fast) => plugin?,
            () = signals.stop() => return Ok(()),
        };
        run_until_stopped(plugin, &config, signals).await
    });
    runtime.shutdown_background();
    done.inspect(|()| tracing::info!("Successfully shut down"))
}

fn read_config(path: &Path) -> Result<Config, Failure> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::new(format!("cannot read the configuration file `{shown}`: {error}")).hint(format!(
            "`{PROGRAM} configure` prints one to begin with; `-c FILE` names another"
        ))
    })?;
    Config::read(&text).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(|problem| format!("  {problem}")).collect();
        Failure::new(format!(
            "the configuration file `{shown}` is wrong:\n{}",
            lines.join("\n")
        ))
        .hint(format!("`{PROGRAM} configure` prints a file that is right"))
    })
}

fn fail_fast() -> Result<bool, Failure> {
    let Ok(text) = std::env::var(FAIL_FAST) else {
        return Ok(false);
    };
    match text.as_str() {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "" | "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(Failure::new(format!(
            "the environment variable `{FAIL_FAST}` is neither true nor false"
        ))),
    }
}

/// Everything that runs, and the means to renew what it signs in with.
struct Prepared {
    plugin: Plugin<Mattermost>,
    identity: IdentityHandle,
    clock: Arc<dyn Clock>,
}

async fn prepare(config: &Config, fail_fast: bool) -> Result<Prepared, Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let identity = read_identity(&config.teleport.credentials).map_err(|error| identity_failure(&error))?;
    if let Credentials::Identity(path) = &config.teleport.credentials {
        cli::key_file::warn_if_readable(path);
    }
    identity
        .check_time(clock.now())
        .map_err(|error| identity_failure(&error))?;
    let identity = IdentityHandle::new(identity);
    let cluster = connect(&config.teleport, &identity, &clock).await?;
    let chat =
        Api::new(&config.mattermost.url, config.mattermost.token.clone(), PROGRAM).map_err(|error| {
            let hint = match &error {
                ApiError::Token(_) => {
                    "`token` in `[mattermost]` is the token itself, or the path of a file that holds it"
                }
                ApiError::Tls(_) => "this machine must have certificates of authorities that it trusts",
            };
            Failure::new(error.to_string()).hint(hint)
        })?;
    let plugin = Plugin::new(Setup {
        cluster,
        name: PLUGIN,
        chat: Mattermost::new(chat),
        audience: config.audience.clone(),
        clock: Arc::clone(&clock),
        entropy,
        fail_fast,
        renews: config.teleport.refresh.is_some(),
        courtesy: COURTESY,
        patience: PATIENCE,
    });
    check(&plugin, config, &identity.current()).await?;
    Ok(Prepared {
        plugin,
        identity,
        clock,
    })
}

async fn connect(
    teleport: &Teleport,
    identity: &IdentityHandle,
    clock: &Arc<dyn Clock>,
) -> Result<Cluster, Failure> {
    let addresses = Address::parse_any(&teleport.address, PORTS).map_err(|error| {
        let (line, column) = teleport.address_at;
        Failure::new(format!(
            "line {line}, column {column} of the configuration file: {error}"
        ))
        .hint("`addr` in `[teleport]` is `HOST:PORT` of the Auth Service or of a proxy")
    })?;
    let connect = Connect {
        identity: identity.clone(),
        destination: Destination::Addresses(addresses),
        insecure: false,
        clock: Arc::clone(clock),
        program: PROGRAM,
    };
    match Cluster::connect(connect).await {
        Ok((cluster, ping)) => {
            tracing::info!(cluster = %ping.cluster_name, server_version = %ping.server_version, "connected to the cluster");
            Ok(cluster)
        }
        Err(error) => Err(cluster_failure(&error)),
    }
}

async fn check(plugin: &Plugin<Mattermost>, config: &Config, identity: &Identity) -> Result<(), Failure> {
    let desk = plugin.courier().desk();
    let roles = &identity.certified().groups;
    check_rights(desk, identity.user(), roles)
        .await
        .map_err(|error| Failure::new(error.to_string()).hint(error.hint))?;
    for warning in too_wide(desk, roles).await {
        tracing::warn!("{warning}: a plugin should only read requests");
    }
    let recipients = config.audience.configured();
    let bot = plugin
        .courier()
        .chat()
        .check_setup(&recipients)
        .await
        .map_err(|error| Failure::new(error.to_string()).hint(error.hint))?;
    if !bot.is_bot {
        tracing::warn!(user = %bot.name, "the token belongs to a person, not to a bot account: make a bot for the plugin");
    }
    if recipients.is_empty() {
        tracing::warn!(
            "no recipient is configured: only suggested reviewers with an e-mail address are told; set `team` and \
             `channel`, or `recipients`, in `[mattermost]`"
        );
    }
    tracing::info!(bot = %bot.name, url = %config.mattermost.url, recipients = ?recipients, "Mattermost is ready");
    Ok(())
}

async fn run_until_stopped(prepared: Prepared, config: &Config, mut signals: Signals) -> Result<(), Failure> {
    let Prepared {
        plugin,
        identity,
        clock,
    } = prepared;
    let credentials = config.teleport.credentials.clone();
    if let Some(interval) = config.teleport.refresh {
        let credentials = credentials.clone();
        let refresh = identity
            .clone()
            .keep_fresh(interval, Arc::clone(&clock), move || read_identity(&credentials));
        tokio::spawn(refresh);
    }
    let courier = Arc::clone(plugin.courier());
    let mut reload = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while reload.recv().await.is_some() {
            match identity.refresh_once(&*clock, || read_identity(&credentials)) {
                Ok(_) => tracing::info!("identity and token were read again"),
                Err(error) => tracing::warn!(%error, "the identity is not renewed; keeping the one in use"),
            }
            courier.chat().renew_token();
        }
    });
    let stop = async move {
        signals.stop().await;
        tracing::info!("Attempting graceful shutdown");
        tokio::spawn(async move {
            signals.stop().await;
            tracing::warn!("told to stop twice: stopping at once");
            std::process::exit(1);
        });
    };
    plugin.run(stop).await.map_err(|ended| {
        let failure = Failure::new(ended.to_string());
        match &ended {
            Ended::Refused(_) => {
                failure.hint("check the roles of the plugin's user, then start the plugin again")
            }
            Ended::Lost(error) | Ended::Identity(error) => match error.hint() {
                Some(hint) => failure.hint(hint),
                None => failure,
            },
            Ended::Deaf => failure.hint("start the plugin again; this is a fault of the plugin"),
        }
    })
}

fn read_identity(credentials: &Credentials) -> Result<Identity, IdentityError> {
    match credentials {
        Credentials::Identity(path) => Identity::from_file(path),
        Credentials::Files {
            key,
            certificate,
            authorities,
        } => Identity::from_pem_files(key, certificate, authorities),
    }
}

fn identity_failure(error: &IdentityError) -> Failure {
    let failure = Failure::new(with_causes(error));
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure.hint("the plugin's user must be able to read the file that `[teleport]` names"),
    }
}

fn cluster_failure(error: &ConnectError) -> Failure {
    for attempt in error.attempts() {
        tracing::debug!(address = %attempt.address, road = %attempt.road, outcome = %attempt.outcome, "tried");
    }
    let failure = Failure::new(with_causes(error));
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure.hint("check `addr` in `[teleport]`, and that the cluster is up"),
    }
}

/// An error with what lies below it, unless it has said that already.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let more = cause.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        next = cause.source();
    }
    text
}

/// The two signals that end a program politely.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
