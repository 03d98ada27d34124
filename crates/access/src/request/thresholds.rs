//! Which reviews a request will need: compiled from the asker's roles when it is made, fixed from then on.

use super::{Requestable, RoleThresholds, THRESHOLDS_MAX};
use crate::role::Threshold;

/// The thresholds of a new request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CompiledThresholds {
    /// Distinct thresholds, in the order of the sorted roles and the person's own role order.
    pub thresholds: Vec<Threshold>,
    /// For each requested role its sets.
    pub role_thresholds: RoleThresholds,
}

/// Compiles the thresholds for `roles`; `None` when there are more than 4096 distinct ones, and an empty set of sets
/// for a role that nothing grants.
pub fn compile(requestable: &Requestable<'_>, roles: &[String]) -> Option<CompiledThresholds> {
    let mut compiled = CompiledThresholds::default();
    let mut sorted = roles.to_vec();
    sorted.sort();
    for role in sorted {
        let mut sets = Vec::new();
        for granting in requestable.granting(&role) {
            let written = &granting.allow.request.thresholds;
            let default = [Threshold::default_of_a_role()];
            let thresholds: &[Threshold] = if written.is_empty() { &default } else { written };
            let mut set = Vec::with_capacity(thresholds.len());
            for threshold in thresholds {
                let index = match compiled.thresholds.iter().position(|known| known == threshold) {
                    Some(index) => index,
                    None if compiled.thresholds.len() == THRESHOLDS_MAX => return None,
                    None => {
                        compiled.thresholds.push(threshold.clone());
                        compiled.thresholds.len() - 1
                    }
                };
                set.push(u32::try_from(index).ok()?);
            }
            sets.push(set);
        }
        compiled.role_thresholds.insert(role, sets);
    }
    Some(compiled)
}
