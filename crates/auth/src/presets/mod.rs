//! The roles a new cluster begins with.

use access::SecretText;
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

/// The preset roles. A login that nobody has stands for "no login".
pub fn roles(chance: &Chance) -> Answer<Vec<Kept<types::RoleV6>>> {
    let fault = |error: &dyn std::fmt::Display| Failure::internal(format!("a preset role: {error}"));
    let nobody: SecretText = chance.token::<16>();
    TEXTS
        .iter()
        .map(|text| {
            let text = text.replace("NO-LOGIN", &format!("no-login-{}", nobody.expose()));
            let read =
                resource::read_one(&text, &resource::Limits::default()).map_err(|error| fault(&error))?;
            let mut role: types::RoleV6 = read.to().map_err(|error| fault(&error))?;
            resource::defaults::role(&mut role);
            Ok(Kept::from(role))
        })
        .collect()
}
