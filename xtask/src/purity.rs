//! The pure crates stay pure: no runtime, socket, file, clock or source of chance, checked transitively.

use crate::build::{self, Failure};

/// A pure crate and the exceptions it has, each with its reason.
struct Pure {
    name: &'static str,
    /// `(crate, features it may carry)`; `None` allows any.
    allowed: &'static [(&'static str, Option<&'static [&'static str]>)],
}

const PURE: &[Pure] = &[
    Pure {
        name: "access",
        allowed: &[],
    },
    // The generated stubs name tokio's synchronisation types; its other parts stay out.
    Pure {
        name: "wire",
        allowed: &[("tokio", Some(&["default", "sync"])), ("tokio-stream", Some(&[]))],
    },
    // Signing draws its own nonces inside the cryptographic library; `rand_core` is traits alone.
    Pure {
        name: "pki",
        allowed: &[("aws-lc-rs", None), ("aws-lc-sys", None), ("rand_core", None)],
    },
];

/// Crates that open sockets or files, read clocks, draw chance, or run tasks.
const IMPURE: &[&str] = &[
    "async-std",
    "aws-lc-rs",
    "aws-lc-sys",
    "chrono",
    "fs4",
    "getrandom",
    "h2",
    "hyper",
    "hyper-util",
    "mio",
    "openssl",
    "quinn",
    "rand",
    "rand_chacha",
    "rand_core",
    "reqwest",
    "ring",
    "rusqlite",
    "rustls",
    "smol",
    "socket2",
    "tempfile",
    "time",
    "tokio",
    "tokio-rustls",
    "tokio-stream",
    "uuid",
];

/// One sentence for each crate that a pure crate must not reach.
pub fn violations() -> Result<Vec<String>, Failure> {
    let mut found = Vec::new();
    for pure in PURE {
        let tree = build::output(build::cargo().args([
            "tree",
            "--package",
            pure.name,
            "--edges",
            "normal",
            "--format",
            "{p}|{f}",
            "--prefix",
            "none",
        ]))?;
        found.extend(judge(pure, &tree));
    }
    Ok(found)
}

fn judge(pure: &Pure, tree: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in tree.lines() {
        let (package, features) = line.split_once('|').unwrap_or((line, ""));
        let name = package.split_whitespace().next().unwrap_or_default();
        if !IMPURE.contains(&name) {
            continue;
        }
        let sentence = match pure.allowed.iter().find(|(allowed, _)| *allowed == name) {
            None => format!("`{}` is pure and reaches `{name}`", pure.name),
            Some((_, None)) => continue,
            Some((_, Some(allowed))) => {
                let features = features.trim_end_matches("(*)").trim();
                let extra: Vec<&str> = features
                    .split(',')
                    .filter(|f| !f.is_empty() && !allowed.contains(f))
                    .collect();
                if extra.is_empty() {
                    continue;
                }
                format!(
                    "`{}` is pure and reaches `{name}` with {}",
                    pure.name,
                    extra.join(", ")
                )
            }
        };
        if !found.contains(&sentence) {
            found.push(sentence);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pure_crates_reach_no_runtime_socket_file_clock_or_chance() {
        assert_eq!(violations().unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_clock_a_source_of_chance_and_a_forbidden_feature_are_named() {
        let tree =
            "wire v0.1.0|\nrand v0.9.0|std\ntokio v1.0.0|default,net,sync\ntokio v1.0.0|default,net,sync (*)";
        assert_eq!(
            judge(&PURE[1], tree),
            [
                "`wire` is pure and reaches `rand`",
                "`wire` is pure and reaches `tokio` with net"
            ]
        );
    }
}
