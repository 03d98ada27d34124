//! The layers of the workspace as a table, and the arrows that break it.
//!
//! `ARCHITECTURE.md` draws this table; the test below holds the code to it.

use cargo_metadata::{DependencyKind, Metadata};

/// Each crate and the crates of ours it may use. What is not listed here does not exist.
const TABLE: &[(&str, &[&str])] = &[
    ("access", &[]),
    ("wire", &["access"]),
    ("pki", &["access"]),
    ("store", &["access", "wire"]),
    ("transport", &["access", "pki"]),
    ("client", &["access", "wire", "pki", "transport"]),
    ("cli", &[]),
    ("auth", &["access", "wire", "pki", "store", "transport"]),
    ("proxy", &["access", "wire", "pki", "transport", "client"]),
    ("plugin", &["access", "wire", "client"]),
    (
        "teleport",
        &[
            "access",
            "wire",
            "pki",
            "store",
            "transport",
            "client",
            "auth",
            "proxy",
            "cli",
        ],
    ),
    ("tctl", &["access", "wire", "pki", "transport", "client", "cli"]),
    ("tsh", &["access", "wire", "pki", "transport", "client", "cli"]),
    ("tbot", &["access", "wire", "pki", "transport", "client", "cli"]),
    (
        "teleport-mattermost",
        &["access", "plugin", "client", "transport", "cli"],
    ),
    ("mattermost-stand-in", &[]),
];

/// Development crates: they may use everything, and nothing but each other may use them outside tests.
const DEVELOPMENT: &[&str] = &["e2e", "xtask", "mattermost-stand-in"];

/// One sentence for each arrow that is not in the table.
pub fn violations(metadata: &Metadata) -> Vec<String> {
    let ours: Vec<&str> = metadata
        .workspace_packages()
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    let mut found = Vec::new();
    for package in metadata.workspace_packages() {
        let name = package.name.as_str();
        if DEVELOPMENT.contains(&name) && name != "mattermost-stand-in" {
            continue;
        }
        let Some((_, allowed)) = TABLE.iter().find(|(listed, _)| *listed == name) else {
            found.push(format!(
                "crate `{name}` is not in the table of layers (xtask/src/layers.rs)"
            ));
            continue;
        };
        for dependency in &package.dependencies {
            let target = dependency.name.as_str();
            if !ours.contains(&target) || target == name {
                continue;
            }
            let in_tests_only = dependency.kind == DependencyKind::Development;
            if in_tests_only || allowed.contains(&target) {
                continue;
            }
            found.push(format!(
                "`{name}` may not use `{target}`: the table of layers has no such arrow"
            ));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_arrow_between_crates_is_in_the_table() {
        let metadata = crate::build::metadata().unwrap();
        assert_eq!(violations(&metadata), Vec::<String>::new());
    }

    #[test]
    fn an_arrow_outside_the_table_is_named() {
        let mut metadata = crate::build::metadata().unwrap();
        let store = metadata
            .packages
            .iter()
            .find(|package| package.name == "auth")
            .unwrap()
            .dependencies
            .clone();
        let proxy = metadata
            .packages
            .iter_mut()
            .find(|package| package.name == "proxy")
            .unwrap();
        proxy
            .dependencies
            .extend(store.into_iter().filter(|dependency| dependency.name == "store"));
        assert_eq!(
            violations(&metadata),
            ["`proxy` may not use `store`: the table of layers has no such arrow"]
        );
    }
}
