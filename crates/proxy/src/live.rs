//! What tells open pages that they are out of date: one watch of the whole proxy, however many pages are open.
//!
//! It tells that something changed, never what: a page that is told asks again, with its reader's own certificate.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use access::ambient::Entropy;
use client::Cluster;
use client::watch::{Feed, Told as Fed};
use tokio::sync::broadcast;
use wire::pb::proto::event::Resource;
use wire::pb::types::WatchKind;

/// So many changes may wait for a page; one that falls further behind is told that everything may have changed.
const WAITING_MAX: usize = 64;
/// So many pages are kept fresh at once; further ones work as without script.
const PAGES_MAX: usize = 4_096;

/// What pages are told.
#[derive(Debug, Clone)]
pub enum Told {
    /// The access request of this id changed.
    Changed(Arc<str>),
    /// Anything may have changed: the watch stands again.
    Begun,
    /// Nothing is known from here on, until it begins again.
    Lost,
}

/// The one watch, and the pages it tells.
pub struct Hub {
    told: broadcast::Sender<Told>,
    running: Arc<AtomicBool>,
    pages: Arc<AtomicUsize>,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            told: broadcast::channel(WAITING_MAX).0,
            running: Arc::default(),
            pages: Arc::default(),
        }
    }
}

/// A page that is kept fresh, for as long as the value lives.
pub struct Page {
    /// What it is told.
    pub told: broadcast::Receiver<Told>,
    pages: Arc<AtomicUsize>,
}

impl Drop for Page {
    fn drop(&mut self) {
        self.pages.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Hub {
    /// Keeps one more page fresh; `None` when there are too many. The first one starts the watch, as the proxy.
    pub fn join(&self, cluster: &Cluster, entropy: &Arc<dyn Entropy>) -> Option<Page> {
        let before = self.pages.fetch_add(1, Ordering::Relaxed);
        let page = Page {
            told: self.told.subscribe(),
            pages: Arc::clone(&self.pages),
        };
        if before >= PAGES_MAX {
            return None;
        }
        if !self.running.swap(true, Ordering::AcqRel) {
            let feed = Feed::new(cluster.clone(), kinds(), false, Arc::clone(entropy));
            tokio::spawn(follow(feed, self.told.clone(), Arc::clone(&self.running)));
        }
        Some(page)
    }
}

fn kinds() -> Vec<WatchKind> {
    vec![WatchKind {
        kind: "access_request".to_owned(),
        ..WatchKind::default()
    }]
}

/// Follows the watch for as long as somebody listens.
async fn follow(mut feed: Feed, told: broadcast::Sender<Told>, running: Arc<AtomicBool>) {
    loop {
        let tell = match feed.next().await {
            Ok(Fed::Begun { .. }) => Told::Begun,
            Ok(Fed::Changed(event)) => match event.resource {
                Some(Resource::AccessRequest(request)) => {
                    let metadata = request.metadata.as_ref();
                    Told::Changed(metadata.map_or("", |metadata| metadata.name.as_str()).into())
                }
                Some(Resource::ResourceHeader(header)) => {
                    let metadata = header.metadata.as_ref();
                    Told::Changed(metadata.map_or("", |metadata| metadata.name.as_str()).into())
                }
                _ => continue,
            },
            Ok(Fed::Lost(status)) => {
                tracing::warn!(%status, "open pages are not kept fresh: the watch is lost");
                Told::Lost
            }
            Err(status) => {
                tracing::error!(%status, "open pages are not kept fresh: the watch is refused");
                running.store(false, Ordering::Release);
                let _ = told.send(Told::Lost);
                return;
            }
        };
        // Nobody listens: the next page starts the watch again. One that came in between relies on this one.
        while told.send(tell.clone()).is_err() {
            running.store(false, Ordering::Release);
            if told.receiver_count() == 0 || running.swap(true, Ordering::AcqRel) {
                return;
            }
        }
    }
}
