//! The configuration of the Auth Service on this machine, as far as tctl needs it: where its data is and where it
//! listens. `teleport` reads the same file strictly; here a key must be known only in the sections that are read.

mod keys;

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cli::Failure;
use serde::Deserialize;

use crate::input;

/// Read if it exists and no other is named.
const DEFAULT_FILE: &str = "/etc/teleport.yaml";

/// What a configuration says about the Auth Service on this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Configuration {
    /// Whether it runs here.
    pub auth_enabled: bool,
    /// Where its data is, if the file says so.
    pub data_dir: Option<PathBuf>,
    /// Where it listens, if the file says so.
    pub auth_listen_addr: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Text {
    teleport: Option<TeleportSection>,
    auth_service: Option<AuthSection>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct TeleportSection {
    data_dir: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct AuthSection {
    enabled: Option<Switch>,
    listen_addr: Option<String>,
}

/// `yes`, `"no"`, `on`, `true`: people write all of them.
#[derive(Deserialize)]
#[serde(untagged)]
enum Switch {
    Flag(bool),
    Word(String),
}

impl Switch {
    fn is_off(&self) -> bool {
        match self {
            Self::Flag(on) => !on,
            Self::Word(word) => matches!(
                word.to_ascii_lowercase().as_str(),
                "no" | "off" | "false" | "n" | "f" | "0"
            ),
        }
    }
}

impl Configuration {
    /// The configuration that is named, or the usual one; `None` if there is none.
    pub fn find(file: Option<&Path>, encoded: Option<&str>) -> Result<Option<Self>, Failure> {
        if let Some(encoded) = encoded {
            return Self::decode(encoded).map(Some);
        }
        match file {
            Some(file) => Self::load(file).map(Some),
            None if Path::new(DEFAULT_FILE).exists() => Self::load(Path::new(DEFAULT_FILE)).map(Some),
            None => Ok(None),
        }
    }

    fn decode(encoded: &str) -> Result<Self, Failure> {
        let text = STANDARD
            .decode(encoded.trim())
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok());
        let text = text.ok_or_else(|| {
            Failure::new("the configuration in `--config-string` is not base64 of a text")
                .hint("encode the file with `base64 -w0 teleport.yaml`")
        })?;
        Self::parse(&text, "--config-string")
    }

    fn load(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::new(format!(
                "cannot read the config file {}: {}",
                path.display(),
                input::said(&error)
            ))
            .hint("name the file of the Auth Service on this machine with `--config`")
        })?;
        Self::parse(&text, &path.display().to_string())
    }

    fn parse(text: &str, name: &str) -> Result<Self, Failure> {
        // A file without any key is read as one without any section.
        let read: Option<Text> = serde_saphyr::from_str(text).map_err(|error| {
            // The reader adds a picture of the place; its first line says it all.
            let reason = error.to_string();
            let reason = reason.lines().next().unwrap_or_default().to_owned();
            Failure::new(format!("failed parsing the config file {name}: {reason}"))
                .hint("`teleport configure --test=FILE` checks a configuration")
        })?;
        if let Some(unknown) = keys::unknown(text) {
            return Err(
                Failure::new(format!("failed parsing the config file {name}: {unknown}"))
                    .hint("`teleport configure --test=FILE` checks a configuration"),
            );
        }
        let Text {
            teleport,
            auth_service,
        } = read.unwrap_or_default();
        let auth = auth_service.unwrap_or_default();
        let set = |text: Option<String>| text.filter(|text| !text.is_empty());
        Ok(Self {
            auth_enabled: !auth.enabled.is_some_and(|switch| switch.is_off()),
            data_dir: set(teleport.and_then(|section| section.data_dir)).map(PathBuf::from),
            auth_listen_addr: set(auth.listen_addr),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Configuration, String> {
        Configuration::parse(text, "teleport.yaml").map_err(|failure| failure.message().to_owned())
    }

    #[test]
    fn data_and_address_are_found_among_everything_else() {
        let read = parse(
            "version: v3\n\
             teleport:\n  nodename: localhost\n  data_dir: /data\n  log: {severity: INFO}\n\
             auth_service:\n  enabled: \"yes\"\n  listen_addr: 0.0.0.0:3025\n  tokens: [a, b]\n\
             proxy_service: {enabled: no}\n",
        );
        assert_eq!(
            read,
            Ok(Configuration {
                auth_enabled: true,
                data_dir: Some("/data".into()),
                auth_listen_addr: Some("0.0.0.0:3025".to_owned()),
            })
        );
    }

    #[test]
    fn the_auth_service_runs_unless_it_is_switched_off() {
        for (text, enabled) in [
            ("", true),
            ("# nothing\n", true),
            ("teleport: {}", true),
            ("teleport:\nauth_service:\n", true),
            ("auth_service: {enabled: yes}", true),
            ("auth_service: {enabled: true}", true),
            ("auth_service: {enabled: no}", false),
            ("auth_service: {enabled: 'no'}", false),
            ("auth_service: {enabled: off}", false),
            ("auth_service: {enabled: false}", false),
        ] {
            assert_eq!(parse(text).map(|read| read.auth_enabled), Ok(enabled), "{text:?}");
        }
    }

    #[test]
    fn a_file_that_is_not_yaml_is_an_error() {
        let error = parse("teleport: [").expect_err("no YAML");
        assert!(
            error.starts_with("failed parsing the config file teleport.yaml: "),
            "{error}"
        );
        assert!(parse("- a\n- b\n").is_err());
    }

    #[test]
    fn a_text_may_stand_in_place_of_the_file() {
        let encoded = STANDARD.encode("teleport: {data_dir: /d}");
        let read = Configuration::find(None, Some(&encoded)).map(|found| found.map(|read| read.data_dir));
        assert_eq!(read, Ok(Some(Some("/d".into()))));
        let error = Configuration::find(None, Some("?")).expect_err("no base64");
        assert_eq!(
            error.message(),
            "the configuration in `--config-string` is not base64 of a text"
        );
    }
}
