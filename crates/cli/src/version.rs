//! The line by which our programs say which version they are.
//!
//! Other people's scripts look for `^Teleport ([^ ]+)`: the version that we are compatible with comes first,
//! ours stands where the original has the commit.

/// Our own version, in the place of the original's commit: `countersign-0.1.0`.
pub const OURS: &str = concat!("countersign-", env!("CARGO_PKG_VERSION"));

/// The compiler that the program is made for: `rust1.90`.
pub const RUNTIME: &str = concat!("rust", env!("CARGO_PKG_RUST_VERSION"));

/// `Teleport v18.0.0 git:countersign-0.1.0 rust1.90`.
pub fn line(name: &str, compatible: &str) -> String {
    format!("{name} v{compatible} git:{OURS} {RUNTIME}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_find_the_compatible_version() {
        let line = line("Teleport", "18.0.0");
        assert!(line.starts_with("Teleport v18.0.0 git:countersign-"), "{line}");
        assert_eq!(line.split(' ').count(), 4);
    }
}
