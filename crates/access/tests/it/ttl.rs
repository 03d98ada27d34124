//! The table of lifetimes: what was given, and what came out.

use access::request::ttl::{Inputs, lifetimes};
use jiff::SignedDuration;

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

/// Plays one row: `C` hours left on the certificate, `S` session, `M` max duration, `P` pending; `R` limits and `D` grants
/// role by role; `dry` for a dry run.
fn play(row: &str) -> String {
    let mut inputs = Inputs {
        certificate_left: Some(hours(8)),
        ..Inputs::default()
    };
    let mut limits: Vec<SignedDuration> = Vec::new();
    let mut grants: Vec<SignedDuration> = Vec::new();
    for word in row.split_whitespace() {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        let one = || hours(value.parse().unwrap());
        let list = || value.split(',').map(|value| hours(value.parse().unwrap()));
        match key {
            "C" if value == "none" => inputs.certificate_left = None,
            "C" => inputs.certificate_left = Some(one()),
            "S" => inputs.session = Some(one()),
            "M" => inputs.max_duration = Some(one()),
            "P" => inputs.pending = Some(one()),
            "R" => limits.extend(list()),
            "D" => grants.extend(list()),
            "dry" => inputs.dry_run = true,
            other => panic!("{other}"),
        }
    }
    for at in 0..limits.len().max(grants.len()).max(1) {
        inputs.roles.push((
            Some(limits.get(at).copied().unwrap_or(hours(30))),
            grants.get(at).copied().unwrap_or(SignedDuration::ZERO),
        ));
    }
    match lifetimes(&inputs) {
        Ok(found) => {
            let shown = |duration: SignedDuration| (duration.as_secs() / 3600).to_string();
            format!(
                "{} {} {}",
                shown(found.access),
                shown(found.session),
                shown(found.pending)
            )
        }
        Err(error) => error.to_string(),
    }
}

#[test]
fn every_worked_example_comes_out() {
    // What was given; access, session and waiting time in hours.
    for (row, expected) in [
        ("", "8 8 8"),
        ("C=40", "30 30 30"),
        ("C=none", "30 30 30"),
        ("S=2", "2 2 2"),
        (
            "S=9",
            "invalid session TTL: 9h0m0s greater than maximum allowed (8h0m0s)",
        ),
        ("R=1", "1 1 1"),
        (
            "R=1 S=2",
            "invalid session TTL: 2h0m0s greater than maximum allowed (1h0m0s)",
        ),
        ("R=6,3", "3 3 3"),
        ("M=5", "5 5 5"),
        ("M=10", "8 8 8"),
        ("M=24 R=6", "6 6 6"),
        ("M=5 R=6", "5 5 5"),
        ("D=72", "72 8 72"),
        ("D=72 M=168", "72 8 72"),
        ("D=72 M=240 dry", "72 8 72"),
        ("D=168 M=24 R=6", "24 6 24"),
        ("D=168 M=2 R=6", "2 2 2"),
        ("D=4", "4 4 4"),
        ("D=336", "336 8 168"),
        ("M=360", "max_duration must be less than or equal to 336h0m0s"),
        ("M=-1", "invalid maxDuration: must be greater than creation time"),
        ("D=120 M=96 P=48", "96 8 48"),
        (
            "P=9",
            "invalid request TTL: 9h0m0s greater than maximum allowed (8h0m0s)",
        ),
        (
            "D=336 P=192",
            "invalid request TTL: 192h0m0s greater than maximum allowed (168h0m0s)",
        ),
        ("P=1", "8 8 1"),
        (
            "P=-1",
            "invalid request TTL: Access Request can not be created in the past",
        ),
        ("D=72,24", "24 8 24"),
        ("D=72 S=2", "72 2 72"),
    ] {
        assert_eq!(play(row), expected, "{row}");
    }
}

/// R14: a role without `max_duration` contributes the ordinary session, whatever the order of names.
#[test]
fn mixed_grants_do_not_depend_on_the_order_of_names() {
    for row in ["D=120,0", "D=0,120", "D=120,0,168"] {
        assert_eq!(play(row), "8 8 8", "{row}");
    }
}
