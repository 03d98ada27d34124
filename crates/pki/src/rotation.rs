//! Exchanging the keys of an authority in steps, so that at each step everybody believes what is signed.
//!
//! | from | to | what happens to the keys |
//! | --- | --- | --- |
//! | standby | init | new keys are made and trusted; the old ones sign |
//! | init | update_clients | the new keys of those who sign people and bots sign |
//! | update_clients | update_servers | the new keys of those who sign hosts sign |
//! | update_servers | standby | the old keys are gone |
//! | init, update_clients, update_servers | rollback | the old keys sign again; both are trusted |
//! | rollback | standby | the new keys are gone |

use std::fmt;
use std::str::FromStr;

use access::ambient::Entropy;
use jiff::Timestamp;

use crate::authority::{Authority, AuthorityError, AuthorityKind, KeyRecords};

/// Where the exchange of an authority's keys stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// No exchange is going on.
    Standby,
    /// New keys are trusted.
    Init,
    /// People and bots get certificates by the new keys.
    UpdateClients,
    /// Hosts get certificates by the new keys.
    UpdateServers,
    /// The old keys sign again.
    Rollback,
}

impl Phase {
    const ALL: [Self; 5] = [
        Self::Standby,
        Self::Init,
        Self::UpdateClients,
        Self::UpdateServers,
        Self::Rollback,
    ];

    /// The name in resources and commands.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standby => "standby",
            Self::Init => "init",
            Self::UpdateClients => "update_clients",
            Self::UpdateServers => "update_servers",
            Self::Rollback => "rollback",
        }
    }

    /// Whether an authority of this kind signs with its new keys.
    fn signs_anew(self, kind: AuthorityKind) -> bool {
        match self {
            Self::Standby | Self::Init | Self::Rollback => false,
            Self::UpdateClients => kind != AuthorityKind::Host,
            Self::UpdateServers => true,
        }
    }

    /// Whether one step leads from here to `next`.
    pub fn leads_to(self, next: Self) -> bool {
        match self {
            Self::Standby => next == Self::Init,
            Self::Init => matches!(next, Self::UpdateClients | Self::Rollback),
            Self::UpdateClients => matches!(next, Self::UpdateServers | Self::Rollback),
            Self::UpdateServers => matches!(next, Self::Standby | Self::Rollback),
            Self::Rollback => next == Self::Standby,
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// No such phase.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unsupported phase: {0:?}")]
pub struct UnknownPhase(String);

impl FromStr for Phase {
    type Err = UnknownPhase;

    fn from_str(name: &str) -> Result<Self, UnknownPhase> {
        let mut all = Self::ALL.into_iter();
        all.find(|phase| phase.as_str() == name)
            .ok_or_else(|| UnknownPhase(name.to_owned()))
    }
}

impl Authority {
    /// The authority after the step from one phase to another, which [`Phase::leads_to`] allows.
    ///
    /// # Errors
    /// Keys cannot be made or read.
    pub fn stepped(
        &self,
        from: Phase,
        to: Phase,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Self, AuthorityError> {
        let mut record = self.to_record()?;
        if to == Phase::Init {
            let new = Self::generate(self.kind(), self.cluster(), now, entropy)?;
            record.additional = new.to_record()?.active;
        }
        if from.signs_anew(self.kind()) != to.signs_anew(self.kind()) && to != Phase::Standby {
            std::mem::swap(&mut record.active, &mut record.additional);
        }
        if to == Phase::Standby {
            record.additional = KeyRecords::default();
        }
        Self::from_record(&record)
    }
}

#[cfg(test)]
mod tests {
    use access::ambient::SeededEntropy;

    use super::*;

    /// The pins of what signs and of what is trusted besides.
    fn keys(authority: &Authority) -> (Vec<String>, Vec<String>) {
        let pins = |keys: &crate::authority::KeySet| {
            keys.tls()
                .iter()
                .map(|key| key.certificate().pin().to_string())
                .collect()
        };
        (pins(authority.active()), pins(authority.additional()))
    }

    fn walk(kind: AuthorityKind, phases: &[Phase]) -> Vec<(Vec<String>, Vec<String>)> {
        let entropy = SeededEntropy::named("rotation");
        let now = "2026-11-23T12:00:00Z".parse().unwrap();
        let mut authority = Authority::generate(kind, "example.com", now, &entropy).unwrap();
        let mut seen = vec![keys(&authority)];
        let mut at = Phase::Standby;
        for &next in phases {
            assert!(at.leads_to(next), "{at} to {next}");
            authority = authority.stepped(at, next, now, &entropy).unwrap();
            seen.push(keys(&authority));
            at = next;
        }
        seen
    }

    #[test]
    fn at_each_step_what_signed_before_is_trusted() {
        use Phase::{Init, Rollback, Standby, UpdateClients, UpdateServers};
        for (kind, signs_anew_at) in [(AuthorityKind::User, 2), (AuthorityKind::Host, 3)] {
            let seen = walk(kind, &[Init, UpdateClients, UpdateServers, Standby]);
            let (old, new) = (&seen[0].0, &seen[1].1);
            assert_ne!(old, new);
            for (step, (signs, trusted)) in seen.iter().enumerate() {
                let expected = if step < signs_anew_at { old } else { new };
                assert_eq!(signs, expected, "{kind} {step}");
                assert_eq!(trusted.is_empty(), step == 0 || step == 4, "{kind} {step}");
            }
            for way in [
                &[Init][..],
                &[Init, UpdateClients],
                &[Init, UpdateClients, UpdateServers],
            ] {
                let seen = walk(kind, &[way, &[Rollback, Standby]].concat());
                let [.., rolled_back, last] = seen.as_slice() else {
                    unreachable!()
                };
                assert_eq!(rolled_back.0, seen[0].0, "the old keys sign again");
                assert_eq!(
                    rolled_back.1, seen[1].1,
                    "what the new ones signed is believed meanwhile"
                );
                assert_eq!(*last, seen[0], "as if nothing had been");
            }
        }
    }

    #[test]
    fn no_step_is_left_out() {
        use Phase::{Init, Rollback, Standby, UpdateClients, UpdateServers};
        for (from, to) in [
            (Standby, UpdateClients),
            (Standby, Rollback),
            (Init, UpdateServers),
            (Init, Standby),
            (UpdateClients, Standby),
            (UpdateClients, Init),
            (UpdateServers, UpdateClients),
            (Rollback, Init),
            (Init, Init),
        ] {
            assert!(!from.leads_to(to), "{from} to {to}");
        }
        assert_eq!(
            "nosuch".parse::<Phase>().unwrap_err().to_string(),
            "unsupported phase: \"nosuch\""
        );
    }
}
