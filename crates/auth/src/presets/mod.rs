//! The roles a new cluster begins with.

use wire::keep::Kept;
use wire::pb::types;
use wire::resource;

use crate::failure::{Answer, Failure};
use crate::ids::Chance;

const TEXTS: &[&str] = &[
    include_str!("access.yaml"),
    include_str!("auditor.yaml"),
    include_str!("editor.yaml"),
];

/// Stands in the texts for the login of a role that reaches no host; each cluster gets its own.
const NO_LOGIN: &str = "no-login-UUID";

/// The preset roles.
pub fn roles(chance: &Chance) -> Answer<Vec<Kept<types::RoleV6>>> {
    let fault = |error: &dyn std::fmt::Display| Failure::internal(format!("a preset role: {error}"));
    let nobody = format!("no-login-{}", chance.uuid());
    TEXTS
        .iter()
        .map(|text| {
            let text = text.replace(NO_LOGIN, &nobody);
            let read =
                resource::read_one(&text, &resource::Limits::default()).map_err(|error| fault(&error))?;
            let mut role: types::RoleV6 = read.to().map_err(|error| fault(&error))?;
            resource::defaults::role(&mut role);
            Ok(Kept::from(role))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use access::ambient::SeededEntropy;

    use super::*;
    use crate::state::resource::Resource as _;

    #[test]
    fn the_presets_can_be_read_and_decided_with() {
        let roles = roles(&Chance::new(Arc::new(SeededEntropy::new(1)))).unwrap();
        let names: Vec<&str> = roles.iter().map(|role| role.name()).collect();
        assert_eq!(names, ["access", "auditor", "editor"]);
        for role in &roles {
            let decided = crate::policy::role(role).unwrap();
            assert_eq!(
                access::role_check::check(&decided),
                Ok(Vec::new()),
                "{}",
                role.name()
            );
            let logins = &decided.allow.logins;
            assert!(
                !logins.contains(&NO_LOGIN.to_owned()),
                "every cluster has its own"
            );
        }
    }
}
