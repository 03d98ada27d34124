//! The documents of the guide, as its readers apply them.

use std::path::PathBuf;

/// The people of the guide and the role each is invited with.
pub const PEOPLE: [(&str, &str); 3] = [
    ("bob@example.com", "devops"),
    ("alice@example.com", "dbreviewer"),
    ("ivan@example.com", "dbreviewer"),
];

/// The path of a document.
pub fn document(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("data/guide")
        .join(name)
}

/// The text of the plugin's configuration with its values replaced, as the guide asks its reader to do.
///
/// # Panics
/// If a value that is to be replaced is not there.
pub fn plugin_configuration(values: &[(&str, &str)]) -> String {
    let mut text =
        std::fs::read_to_string(document("teleport-mattermost.toml")).expect("the guide's configuration");
    for (printed, ours) in values {
        assert!(
            text.contains(printed),
            "`{printed}` is not in the guide's configuration"
        );
        text = text.replace(printed, ours);
    }
    text
}
