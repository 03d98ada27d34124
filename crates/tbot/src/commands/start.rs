//! `tbot start`: joins or goes on, writes the outputs, and keeps them good until told to stop.

use std::sync::Arc;

use access::ambient::{Clock, Entropy};
use clap::{Args, Subcommand};
use cli::Failure;
use tokio::signal::unix::{SignalKind, signal};
use transport::system::{SystemClock, SystemEntropy};

use crate::arguments::{IdentityOutput, Overrides};
use crate::config::Settings;
use crate::log;
use crate::machine::{Machine, Surroundings};

/// Runs until told to stop, or once.
#[derive(Debug, Args)]
pub struct Start {
    #[command(subcommand)]
    output: Option<Output>,
    #[command(flatten)]
    overrides: Overrides,
}

/// One output in place of those of a configuration file.
#[derive(Debug, Subcommand)]
enum Output {
    /// Write an identity that programs use to reach the cluster
    Identity {
        #[command(flatten)]
        output: IdentityOutput,
        #[command(flatten)]
        overrides: Overrides,
    },
    /// Run what the configuration file says
    #[command(hide = true)]
    Legacy {
        #[command(flatten)]
        output: IdentityOutput,
        #[command(flatten)]
        overrides: Overrides,
    },
}

impl Start {
    /// Does it.
    pub fn run(self, debug: bool) -> Result<(), Failure> {
        let settings = match self.output {
            None => Settings::of(&self.overrides, None)?,
            Some(Output::Identity { output, overrides } | Output::Legacy { output, overrides }) => {
                Settings::of(&overrides, Some(&output))?
            }
        };
        log::start(debug || settings.debug);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
            let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
            let oneshot = settings.oneshot;
            let mut machine = Machine::begin(settings, Surroundings { clock, entropy }).await?;
            machine.write_outputs().await?;
            if oneshot {
                tracing::info!("everything is written; stopping, as told by `oneshot`");
                return Ok(());
            }
            let mut stop = signal(SignalKind::terminate())?;
            let mut interrupt = signal(SignalKind::interrupt())?;
            let mut at_once = signal(SignalKind::user_defined1())?;
            loop {
                tokio::select! {
                    () = machine.rest() => {}
                    _ = at_once.recv() => tracing::info!("asked to renew at once"),
                    _ = stop.recv() => break,
                    _ = interrupt.recv() => break,
                }
                machine.renew_all().await?;
            }
            tracing::info!("stopping");
            Ok(())
        })
    }
}
