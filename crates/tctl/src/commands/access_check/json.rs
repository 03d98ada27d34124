//! The report for programs. The names of its fields are a promise; fields may be added.

use serde_json::{Value, json};
use wire::pb::countersign::v1::{AccessEvidence, AccessReport};

/// The report as JSON with a line end.
pub fn page(report: &AccessReport) -> String {
    let value = json!({
        "people": report.people,
        "targets": report.targets,
        "accounts": report.accounts,
        "roles": report.roles,
        "paths": report.paths.iter().map(|path| json!({
            "class": path.class.replace(' ', "-"),
            "people": path.people,
            "targets": path.targets,
            "steps": path.steps.iter().map(|step| json!({
                "people": step.people,
                "does": step.does,
                "evidence": places(&step.evidence),
            })).collect::<Vec<_>>(),
            "fix": path.fix,
        })).collect::<Vec<_>>(),
        "stuck": report.stuck.iter().map(|stuck| json!({
            "role": stuck.role,
            "people": stuck.people,
            "why": stuck.why,
            "evidence": places(stuck.evidence.as_slice()),
        })).collect::<Vec<_>>(),
        "notes": report.notes.iter().map(|note| json!({
            "text": note.text,
            "evidence": places(&note.evidence),
        })).collect::<Vec<_>>(),
        "assumptions": report.assumptions,
    });
    format!("{value:#}\n")
}

fn places(evidence: &[AccessEvidence]) -> Vec<Value> {
    evidence
        .iter()
        .map(|evidence| json!({ "document": evidence.document, "field": evidence.field }))
        .collect()
}
