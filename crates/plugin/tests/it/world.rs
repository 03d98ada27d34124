//! A plugin at work between a cluster and a chat, and the ways in which it can end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use access::ambient::ManualClock;
use plugin::audience::{Audience, EVERY_ROLE};
use plugin::{Ended, Plugin, Setup};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use transport::system::SystemEntropy;

use crate::chat::Chat;
use crate::teleport::Teleport;

/// A running plugin. It is killed when this is dropped.
pub struct Running {
    task: JoinHandle<Result<(), Ended>>,
    stop: Option<oneshot::Sender<()>>,
}

impl Running {
    /// Ends it in the middle of whatever it is doing.
    pub async fn kill(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }

    /// Tells it to end, and waits for that.
    pub async fn stop(mut self) -> Result<(), Ended> {
        let _ = self.stop.take().expect("not stopped yet").send(());
        (&mut self.task).await.expect("it does not panic")
    }

    /// Waits for it to end by itself.
    pub async fn ended(mut self) -> Result<(), Ended> {
        (&mut self.task).await.expect("it does not panic")
    }

    pub fn is_running(&self) -> bool {
        !self.task.is_finished()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Who is told: these, for every role.
pub fn everybody(recipients: &[String]) -> Audience {
    Audience::new(BTreeMap::from([(EVERY_ROLE.to_owned(), recipients.to_vec())]))
}

/// Starts a plugin that tells the story's channel.
pub async fn run(teleport: &Teleport, chat: &Chat) -> Running {
    run_for(teleport, chat, everybody(&[chat.recipient()])).await
}

pub async fn run_for(teleport: &Teleport, chat: &Chat, audience: Audience) -> Running {
    run_with(teleport, chat, audience, |_| {}).await
}

pub async fn run_with(
    teleport: &Teleport,
    chat: &Chat,
    audience: Audience,
    change: impl FnOnce(&mut Setup<plugin::mattermost::Mattermost>),
) -> Running {
    let mut setup = Setup {
        cluster: teleport.plugin().await,
        name: "mattermost",
        chat: chat.mattermost(),
        audience,
        clock: Arc::<ManualClock>::clone(&teleport.clock),
        entropy: Arc::new(SystemEntropy),
        fail_fast: false,
        renews: false,
        courtesy: Duration::from_millis(50),
        patience: Duration::from_secs(15),
    };
    change(&mut setup);
    let (stop, stopped) = oneshot::channel();
    let plugin = Plugin::new(setup);
    let task = tokio::spawn(plugin.run(async {
        // A dropped sender is no wish to end.
        if stopped.await.is_err() {
            std::future::pending::<()>().await;
        }
    }));
    Running {
        task,
        stop: Some(stop),
    }
}
