//! How many connections may be open, altogether and from one place, and how long a greeting may take.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::system::Stopwatch;

/// The limits of one listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Open connections altogether.
    pub connections_max: usize,
    /// Open connections from one address (IPv6: one /64 network).
    pub connections_per_peer_max: usize,
    /// Connections whose handshake is not finished, altogether.
    pub handshakes_max: usize,
    /// Connections from one address whose handshake is not finished.
    pub handshakes_per_peer_max: usize,
    /// The time from the accepted socket to the end of the handshake.
    pub handshake_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 15_000,
            connections_per_peer_max: 5_000,
            handshakes_max: 2_048,
            handshakes_per_peer_max: 512,
            handshake_timeout: Duration::from_secs(10),
        }
    }
}

/// Which limit turned a connection away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// Too many connections altogether.
    #[error("too many open connections")]
    Connections,
    /// Too many connections from this peer.
    #[error("too many open connections from this address")]
    Peer,
    /// Too many unfinished handshakes altogether.
    #[error("too many unfinished handshakes")]
    Handshakes,
    /// Too many unfinished handshakes from this peer.
    #[error("too many unfinished handshakes from this address")]
    PeerHandshakes,
}

/// Counts connections against [`Limits`].
#[derive(Debug)]
pub struct Doorkeeper {
    limits: Limits,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    all: Count,
    by_peer: HashMap<IpAddr, Count>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Count {
    open: usize,
    handshaking: usize,
}

/// A place among the open connections; given back when dropped.
#[derive(Debug)]
pub struct Admission {
    door: Arc<Doorkeeper>,
    peer: IpAddr,
    handshaking: bool,
}

impl Doorkeeper {
    /// Starts with nobody inside.
    pub fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            counts: Mutex::default(),
        })
    }

    /// Lets a connection in, or says which limit it meets.
    pub fn admit(self: &Arc<Self>, peer: IpAddr) -> Result<Admission, Full> {
        let peer = network(peer);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let of_peer = counts.by_peer.get(&peer).copied().unwrap_or_default();
        if counts.all.open >= self.limits.connections_max {
            return Err(Full::Connections);
        }
        if of_peer.open >= self.limits.connections_per_peer_max {
            return Err(Full::Peer);
        }
        if counts.all.handshaking >= self.limits.handshakes_max {
            return Err(Full::Handshakes);
        }
        if of_peer.handshaking >= self.limits.handshakes_per_peer_max {
            return Err(Full::PeerHandshakes);
        }
        counts.all.open += 1;
        counts.all.handshaking += 1;
        let of_peer = counts.by_peer.entry(peer).or_default();
        of_peer.open += 1;
        of_peer.handshaking += 1;
        Ok(Admission {
            door: Arc::clone(self),
            peer,
            handshaking: true,
        })
    }

    /// How many connections are open.
    pub fn open(&self) -> usize {
        self.counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .all
            .open
    }

    fn give_back(&self, peer: IpAddr, open: usize, handshaking: usize) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all.open -= open;
        counts.all.handshaking -= handshaking;
        if let Some(of_peer) = counts.by_peer.get_mut(&peer) {
            of_peer.open -= open;
            of_peer.handshaking -= handshaking;
            if of_peer.open == 0 {
                counts.by_peer.remove(&peer);
            }
        }
    }
}

impl Admission {
    /// The handshake is over: the connection counts as an open one only.
    pub fn established(&mut self) {
        if std::mem::take(&mut self.handshaking) {
            self.door.give_back(self.peer, 0, 1);
        }
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.door.give_back(self.peer, 1, usize::from(self.handshaking));
    }
}

/// Says something again and again, but not more often than once in a while: for what peers can cause
/// at will and should not be able to fill a log with.
#[derive(Debug)]
pub(crate) struct Seldom {
    pause: Duration,
    last: Mutex<Option<(Stopwatch, u64)>>,
}

impl Seldom {
    pub(crate) fn new(pause: Duration) -> Self {
        Self {
            pause,
            last: Mutex::new(None),
        }
    }

    /// Whether it is time to say it, and how often it was kept back since the last time.
    pub(crate) fn due(&self) -> Option<u64> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *last {
            Some((since, kept_back)) if since.elapsed() < self.pause => {
                *kept_back += 1;
                None
            }
            other => {
                let kept_back = other.as_ref().map_or(0, |(_, kept_back)| *kept_back);
                *other = Some((Stopwatch::start(), 0));
                Some(kept_back)
            }
        }
    }
}

/// Who counts as one peer: an IPv4 address, or the /64 network that an IPv6 host can choose its addresses from.
pub fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_turns_away_and_each_place_comes_back() {
        let door = Doorkeeper::new(Limits {
            connections_max: 5,
            connections_per_peer_max: 3,
            handshakes_max: 3,
            handshakes_per_peer_max: 2,
            ..Limits::default()
        });
        let [one, two, three] = [1, 2, 3].map(|n| IpAddr::from([10, 0, 0, n]));
        let mut first = door.admit(one).expect("first");
        let mut second = door.admit(one).expect("second");
        assert_eq!(door.admit(one).err(), Some(Full::PeerHandshakes));
        let mut other = door.admit(two).expect("another peer");
        assert_eq!(door.admit(three).err(), Some(Full::Handshakes));
        first.established();
        second.established();
        second.established();
        let third = door.admit(one).expect("third");
        assert_eq!(door.admit(one).err(), Some(Full::Peer));
        other.established();
        let last = door.admit(three).expect("the last place");
        assert_eq!(door.admit(two).err(), Some(Full::Connections));
        drop((first, second, third, other, last));
        assert_eq!(door.open(), 0);
        assert!(door.counts.lock().expect("not poisoned").by_peer.is_empty());
    }

    #[test]
    fn what_happens_often_is_told_seldom() {
        let seldom = Seldom::new(Duration::from_secs(3600));
        assert_eq!(seldom.due(), Some(0));
        assert_eq!((seldom.due(), seldom.due()), (None, None));
        let always = Seldom::new(Duration::ZERO);
        assert_eq!((always.due(), always.due()), (Some(0), Some(0)));
    }

    #[test]
    fn one_ipv6_network_is_one_peer() {
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        assert_eq!(
            network(ip("2001:db8:1:2:3::4")),
            network(ip("2001:db8:1:2:ffff::1"))
        );
        assert_ne!(network(ip("2001:db8:1:2::1")), network(ip("2001:db8:1:3::1")));
        assert_eq!(network(ip("::ffff:10.0.0.1")), ip("10.0.0.1"));
    }
}
