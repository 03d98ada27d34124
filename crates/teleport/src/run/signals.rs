//! What the system asks of us.

use std::io;

use tokio::signal::unix::{self, SignalKind};

/// Something that was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// To stop.
    Stop(&'static str),
    /// To read files again.
    Reload,
    /// To say how things are.
    Tell,
    /// Something that is not done here.
    Ignored(&'static str),
}

/// The signals of this process, from the moment of their making on.
pub struct Signals {
    terminate: unix::Signal,
    interrupt: unix::Signal,
    quit: unix::Signal,
    hang_up: unix::Signal,
    user_1: unix::Signal,
    user_2: unix::Signal,
}

impl Signals {
    /// Takes the signals over.
    ///
    /// # Errors
    /// What the system says.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: unix::signal(SignalKind::terminate())?,
            interrupt: unix::signal(SignalKind::interrupt())?,
            quit: unix::signal(SignalKind::quit())?,
            hang_up: unix::signal(SignalKind::hangup())?,
            user_1: unix::signal(SignalKind::user_defined1())?,
            user_2: unix::signal(SignalKind::user_defined2())?,
        })
    }

    /// The next one.
    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::Stop("SIGTERM"),
            _ = self.interrupt.recv() => Signal::Stop("SIGINT"),
            _ = self.quit.recv() => Signal::Stop("SIGQUIT"),
            _ = self.hang_up.recv() => Signal::Reload,
            _ = self.user_1.recv() => Signal::Tell,
            _ = self.user_2.recv() => Signal::Ignored("SIGUSR2"),
        }
    }

    /// Returns when somebody asks to stop; anything else is too late.
    pub async fn stop_again(&mut self) {
        while !matches!(self.next().await, Signal::Stop(_)) {}
    }
}
