//! What `access::alone` finds, as a message.

use access::alone::{Evidence, Path, Report, Step};

use crate::pb::countersign::v1 as ours;

/// A report as the API answers it.
pub fn access_report(report: &Report) -> ours::AccessReport {
    ours::AccessReport {
        people: count(report.people),
        targets: report.targets.clone(),
        accounts: count(report.accounts),
        roles: count(report.roles),
        paths: report.paths.iter().map(path).collect(),
        stuck: report
            .stuck
            .iter()
            .map(|stuck| ours::StuckRequest {
                role: stuck.role.clone(),
                people: stuck.people.clone(),
                why: stuck.why.clone(),
                evidence: Some(evidence(&stuck.evidence)),
            })
            .collect(),
        notes: report
            .notes
            .iter()
            .map(|note| ours::AccessNote {
                text: note.text.clone(),
                evidence: note.evidence.iter().map(evidence).collect(),
            })
            .collect(),
        assumptions: Report::ASSUMPTIONS.map(str::to_owned).to_vec(),
    }
}

fn path(path: &Path) -> ours::AccessPath {
    ours::AccessPath {
        class: path.class.name().to_owned(),
        targets: path.targets.clone(),
        people: count(path.people),
        steps: path.steps.iter().map(step).collect(),
        fix: path.fix.clone(),
    }
}

fn step(step: &Step) -> ours::AccessStep {
    ours::AccessStep {
        people: step.people.clone(),
        does: step.does.clone(),
        evidence: step.evidence.iter().map(evidence).collect(),
    }
}

fn evidence(evidence: &Evidence) -> ours::AccessEvidence {
    ours::AccessEvidence {
        document: evidence.document.clone(),
        field: evidence.field.clone(),
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
