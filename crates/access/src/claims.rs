//! `claims_to_roles`: patterns that a role gains from the traits of its holder.

use crate::pattern::{self, Pattern, PatternError};
use crate::role::{ClaimMapping, Traits};

/// The patterns that `mappings` give with these traits.
///
/// A role text with `$1` becomes a literal name, so that a trait whose value is `*` cannot become a wildcard; a
/// role text without is a pattern of its own. A mapping whose `value` is no usable expression gives nothing.
pub fn patterns(mappings: &[ClaimMapping], traits: &Traits) -> Result<Vec<Pattern>, PatternError> {
    let mut found = Vec::new();
    for mapping in mappings {
        let Ok(expression) = pattern::whole(&mapping.value) else {
            continue;
        };
        for value in traits.get(&mapping.claim).into_iter().flatten() {
            let Some(groups) = expression.captures(value) else {
                continue;
            };
            for role in &mapping.roles {
                let mut expanded = String::new();
                groups.expand(role, &mut expanded);
                if expanded.is_empty() {
                    continue;
                }
                let is_literal = role.contains('$') && (expanded != *role || !role.ends_with('$'));
                found.push(if is_literal {
                    Pattern::Exact(expanded)
                } else {
                    Pattern::compile(role)?
                });
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matched(value: &str, roles: &[&str], traits: &[&str], name: &str) -> bool {
        let mapping = ClaimMapping {
            claim: "groups".to_owned(),
            value: value.to_owned(),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        };
        let traits = Traits::from([(
            "groups".to_owned(),
            traits.iter().map(|value| (*value).to_owned()).collect(),
        )]);
        patterns(&[mapping], &traits)
            .unwrap()
            .iter()
            .any(|pattern| pattern.matches(name))
    }

    #[test]
    fn traits_become_literal_names_and_plain_roles_stay_patterns() {
        assert!(matched("team-*", &["$1-admin"], &["team-red"], "red-admin"));
        assert!(matched("^team-(.*)$", &["${1}x"], &["team-red"], "redx"));
        assert!(
            !matched("team-*", &["$1"], &["team-*"], "anything"),
            "a trait cannot become a wildcard"
        );
        assert!(matched("team-*", &["$1"], &["team-*"], "*"));
        assert!(matched("admins", &["*"], &["admins"], "anything"));
        assert!(!matched("Admins", &["*"], &["admins"], "anything"), "case counts");
        assert!(
            !matched("^(a$", &["*"], &["a"], "anything"),
            "a broken expression gives nothing"
        );
    }
}
