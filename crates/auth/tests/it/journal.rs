//! What the Auth Service logs while tests run, kept so that it can be searched for secrets.

use std::io;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

static LINES: Mutex<String> = Mutex::new(String::new());

/// Where the journal ends now.
pub fn end() -> usize {
    held().len()
}

/// Whether `text` was logged by this process after the place `from`.
pub fn contains(text: &str, from: usize) -> bool {
    held().get(from..).is_some_and(|since| since.contains(text))
}

/// Listens to all levels, the most talkative included. The first call counts.
pub fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_env_filter("trace,h2=info,hyper=info,tower=info")
            .with_ansi(false)
            .with_writer(|| Pen)
            .finish();
        let _ = tracing::subscriber::set_global_default(subscriber);
    });
}

struct Pen;

impl io::Write for Pen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        held().push_str(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn held() -> MutexGuard<'static, String> {
    LINES.lock().unwrap_or_else(PoisonError::into_inner)
}
