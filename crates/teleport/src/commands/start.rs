//! `teleport start`: everything is read and found good, then the server runs.

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cli::Failure;
use transport::system::{SystemClock, SystemEntropy};

use crate::arguments::Start;
use crate::config::{self, Config, ConfigError, File, Flags, Surroundings};
use crate::log;
use crate::run::{self, Ambient};

/// Runs the server.
pub fn run(asked: &Start, debug: bool) -> Result<(), Failure> {
    if let Some((flag, part)) = asked.later.first() {
        return Err(
            Failure::new(format!("{flag} is not available yet: it belongs to {part}")).hint("leave it out"),
        );
    }
    let config = read(asked, debug).map_err(|error| Failure::new(error.to_string()).hint(error.hint()))?;
    // The log has a clock of its own: a clock that speaks while a line is written would wait for itself.
    let sink = log::start(&config.log, Arc::new(SystemClock::new()))
        .map_err(|error| Failure::new(error.to_string()).hint("choose another `teleport.log.output`"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ambient = Ambient {
        clock: Arc::new(SystemClock::new()),
        entropy: Arc::new(SystemEntropy),
    };
    let done = runtime.block_on(run::run(&config, &ambient, &sink));
    runtime.shutdown_background();
    done
}

fn read(asked: &Start, debug: bool) -> Result<Config, ConfigError> {
    let file = match (&asked.config_string, &asked.config) {
        (Some(text), _) => Some(decode(text)?),
        (None, Some(path)) => Some(config::load(path)?),
        (None, None) => {
            let usual = Path::new(config::FILE_DEFAULT);
            if usual.exists() {
                Some(config::load(usual)?)
            } else {
                None
            }
        }
    };
    let flags = Flags {
        debug,
        data_dir: asked.data_dir.clone(),
        roles: asked.roles.clone(),
        node_name: asked.nodename.clone(),
        diag_address: asked.diag_addr.clone(),
        pid_file: asked.pid_file.clone(),
        advertise_ip: asked.advertise_ip.clone(),
        listen_ip: Some(asked.listen_ip.clone()),
        auth_servers: asked.auth_server.clone(),
        token: asked.token.clone(),
        pins: asked.ca_pin.clone(),
        insecure: asked.insecure,
    };
    config::read(file.as_ref(), &flags, &Surroundings::of_this_process())
}

fn decode(text: &str) -> Result<File, ConfigError> {
    let bytes = STANDARD
        .decode(text.trim())
        .map_err(|error| ConfigError::NotBase64(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|error| ConfigError::NotBase64(error.to_string()))?;
    Ok(File {
        name: "given by --config-string".to_owned(),
        text,
    })
}
