//! What would be enough in the original and is not here: for those who bring their documents along, and for those who go back.

use std::collections::{BTreeMap, BTreeSet};

use super::report::{Evidence, Note};
use super::rules::may;
use super::world::World;

/// Kinds whose writers decide there about everybody's roles: kind, what it does.
const THERE: &[(&str, &str)] = &[
    (
        "access_monitoring_rule",
        "make a rule that approves requests by itself",
    ),
    (
        "auth_connector",
        "change which roles an identity provider's groups become",
    ),
    (
        "cert_authority",
        "export the keys of the authorities and sign any certificate",
    ),
    (
        "cluster_auth_preference",
        "switch off second factors, and with them what protects administrators' deeds",
    ),
    ("github", "change which roles GitHub teams become"),
    ("login_rule", "change the traits with which everybody signs in"),
    ("oidc", "change which roles an OIDC provider's claims become"),
    ("saml", "change which roles a SAML provider's attributes become"),
    (
        "trusted_cluster",
        "map the roles of another cluster to roles of this one",
    ),
];

/// Sentences about this policy under the original's rules. Who may change roles or users here is a finding already and is left
/// out.
pub fn notes(world: &World<'_>, targets: &BTreeSet<String>) -> Vec<Note> {
    let mut found: BTreeMap<(String, Evidence), BTreeSet<String>> = BTreeMap::new();
    for standing in &world.standings {
        let Some(first) = standing.accounts.first() else {
            continue;
        };
        let user = world.account(*first).name.as_str();
        if may(standing, user, "user", "update", None).is_some() {
            continue;
        }
        let mut note = |what: String, evidence: Evidence| {
            found
                .entry((what, evidence))
                .or_default()
                .extend(world.names(&standing.accounts));
        };
        for (kind, what) in THERE {
            let verbs: &[&str] = if *kind == "cert_authority" {
                &["read"]
            } else {
                &["create", "update"]
            };
            let evidence = verbs
                .iter()
                .find_map(|verb| may(standing, user, kind, verb, None));
            if let Some(evidence) = evidence {
                note(format!("could {what}"), evidence);
            }
        }
        if let (Some(evidence), false) = (
            may(standing, user, "access_request", "update", None),
            targets.is_empty(),
        ) {
            note(
                "could approve any request of others alone, whatever its rule asks for".to_owned(),
                evidence,
            );
        }
    }
    let mut notes: Vec<Note> = found
        .into_iter()
        .map(|((what, evidence), people)| {
            let people: Vec<String> = people.into_iter().collect();
            Note {
                text: format!("In the original {} {what}.", people.join(", ")),
                evidence: vec![evidence],
            }
        })
        .collect();
    for connector in &world.policy.connectors {
        for (group, role) in connector
            .mappings
            .iter()
            .filter(|(_, role)| targets.contains(role))
        {
            notes.push(Note {
                text: format!(
                    "In the original whoever puts people into `{group}` at the identity provider of `{}` gives them `{role}`.",
                    connector.name
                ),
                evidence: vec![Evidence {
                    document: format!("{} {}", connector.kind, connector.name),
                    field: "spec".to_owned(),
                }],
            });
        }
    }
    notes
}
