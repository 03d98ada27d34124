//! Files that hold a key: who may read them. It warns and changes nothing; whose file it is decides about it.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Says so on standard error if others than its owner can read a file that holds a key.
pub fn warn_if_readable(file: &Path) {
    if let Some(warning) = warning(file) {
        crate::failure::warn(&warning);
    }
}

fn warning(file: &Path) -> Option<String> {
    let mode = fs::metadata(file).ok()?.mode();
    let file = file.display();
    (mode & 0o077 != 0)
        .then(|| format!("others than its owner can read the identity file `{file}`; run `chmod 600 {file}`"))
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_that_others_can_read_is_warned_about() {
        let file = std::env::temp_dir().join(format!("cli-key-file-{}", std::process::id()));
        fs::write(&file, "").expect("a file");
        for (mode, warned) in [(0o600, false), (0o400, false), (0o640, true), (0o604, true)] {
            fs::set_permissions(&file, Permissions::from_mode(mode)).expect("permissions");
            assert_eq!(warning(&file).is_some(), warned, "{mode:o}");
        }
        fs::remove_file(&file).expect("removed");
        assert_eq!(warning(&file), None);
    }
}
