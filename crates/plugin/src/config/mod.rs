//! The configuration file of `teleport-mattermost`: TOML, read as a whole before anything is opened.
//!
//! All mistakes are reported together, each with its line. A key that nobody knows is a mistake: a misspelt recipient
//! must not mean that nobody is told.

mod reader;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;

pub use self::reader::Problem;
use self::reader::{Placed, Reader, Section};
use crate::audience::{Audience, EVERY_ROLE};
use crate::mattermost::places::{FORMS, Recipient};
use crate::mattermost::settings::{TokenSource, server_url, token_problem};

/// Where the file is if nobody says otherwise.
pub const PATH_DEFAULT: &str = "/etc/teleport-mattermost.toml";
/// Where the cluster is if the file does not say.
const ADDRESS_DEFAULT: &str = "localhost:3025";
/// How often an identity file is read anew.
const REFRESH_DEFAULT: Duration = Duration::from_secs(60);

/// A file to begin with: `teleport-mattermost configure` prints it.
pub const EXAMPLE: &str = include_str!("example.toml");

/// What the file says.
#[derive(Clone)]
pub struct Config {
    /// The cluster.
    pub teleport: Teleport,
    /// The chat.
    pub mattermost: Mattermost,
    /// Who is told.
    pub audience: Audience,
    /// The log.
    pub log: Log,
    /// What does no harm and is not as its author may think.
    pub warnings: Vec<Problem>,
}

/// Where the cluster is and who the plugin is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Teleport {
    /// `host:port` of the Auth Service or of a proxy.
    pub address: String,
    /// Line and column of the address, for a message about it.
    pub address_at: (usize, usize),
    /// Who the plugin is.
    pub credentials: Credentials,
    /// How often the identity file is read anew; `None`: never.
    pub refresh: Option<Duration>,
}

/// Files that say who the plugin is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// An identity file.
    Identity(PathBuf),
    /// Three PEM files.
    Files {
        /// The private key.
        key: PathBuf,
        /// The certificate.
        certificate: PathBuf,
        /// The authorities.
        authorities: PathBuf,
    },
}

/// Where the chat is.
#[derive(Clone)]
pub struct Mattermost {
    /// The server.
    pub url: Url,
    /// The bot's token.
    pub token: TokenSource,
}

/// Where the log goes and how much of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Where to.
    pub output: Output,
    /// From which severity on.
    pub severity: Severity,
}

/// Where the log goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Standard error.
    Stderr,
    /// Standard output.
    Stdout,
    /// A file, which grows.
    File(PathBuf),
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// What went wrong for good.
    Error,
    /// What somebody should look at.
    Warn,
    /// What was done.
    Info,
    /// How it was done.
    Debug,
    /// Everything.
    Trace,
}

impl Config {
    /// Reads a file's text.
    ///
    /// # Errors
    /// All mistakes, in the order of the file.
    pub fn read(text: &str) -> Result<Self, Vec<Problem>> {
        let mut reader = Reader::new(text);
        let Some(mut file) = reader.sections() else {
            return Err(reader.finish().err().unwrap_or_default());
        };
        let teleport = file.section(&mut reader, "teleport");
        let mattermost = file.section(&mut reader, "mattermost");
        let by_role = file.section(&mut reader, "role_to_recipients");
        let log = file.section(&mut reader, "log");
        if let Some(at) = file.ignore("http") {
            reader.warning(
                &at,
                "`[http]` has no effect: the plugin takes no calls, requests are reviewed in the cluster alone",
            );
        }
        file.finish(
            &mut reader,
            &["teleport", "mattermost", "role_to_recipients", "log", "http"],
        );

        let teleport = teleport_section(&mut reader, teleport);
        let mattermost = mattermost_section(&mut reader, mattermost);
        let by_role = by_role.map(|section| by_role_section(&mut reader, section));
        let log = log_section(&mut reader, log);
        let warnings = reader.finish()?;
        let (Some(teleport), Some((mattermost, everybody))) = (teleport, mattermost) else {
            // Whatever is missing was noted above, and `finish` has told it; this is for the day it was not.
            return Err(vec![Problem {
                line: 1,
                column: 1,
                message: "the file is incomplete".to_owned(),
            }]);
        };
        let mut by_role = by_role.unwrap_or_default();
        match everybody {
            Everybody::Only(list) => by_role = BTreeMap::from([(EVERY_ROLE.to_owned(), list)]),
            Everybody::Also(channel) => {
                let list = by_role.entry(EVERY_ROLE.to_owned()).or_default();
                list.extend(channel.filter(|channel| !list.contains(channel)));
            }
        }
        by_role.retain(|role, list| role != EVERY_ROLE || !list.is_empty());
        Ok(Self {
            teleport,
            mattermost,
            audience: Audience::new(by_role),
            log,
            warnings,
        })
    }
}

/// Recipients for roles that are not named.
enum Everybody {
    /// These, and no others for any role.
    Only(Vec<String>),
    /// This one beside those of `[role_to_recipients]`.
    Also(Option<String>),
}

fn teleport_section<'t>(reader: &mut Reader<'t>, section: Option<Section<'t>>) -> Option<Teleport> {
    let Some(mut section) = section else {
        reader.problem(&(0..0), "the section `[teleport]` is missing");
        return None;
    };
    let whole = section.span().clone();
    let address = section.text(reader, "addr");
    let old_address = section.text(reader, "auth_server");
    if let (Some(old), None) = (&old_address, &address) {
        reader.warning(&old.span, "`auth_server` is an old name: use `addr`");
    }
    let address = address
        .or(old_address)
        .filter(|address| !address.value.is_empty());
    let identity = path(section.text(reader, "identity"));
    let refresh = section.flag(reader, "refresh_identity");
    let interval = section
        .duration(reader, "refresh_identity_interval")
        .or_else(|| section.duration(reader, "refresh_interval"));
    let files = ["client_key", "client_crt", "root_cas"].map(|key| (key, path(section.text(reader, key))));
    section.finish(
        reader,
        &[
            "addr",
            "auth_server",
            "identity",
            "refresh_identity",
            "refresh_identity_interval",
            "client_key",
            "client_crt",
            "root_cas",
        ],
    );

    let set: Vec<&str> = files
        .iter()
        .filter(|(_, file)| file.is_some())
        .map(|(key, _)| *key)
        .collect();
    let missing: Vec<&str> = files
        .iter()
        .filter(|(_, file)| file.is_none())
        .map(|(key, _)| *key)
        .collect();
    let [(_, key), (_, certificate), (_, authorities)] = files;
    let credentials = match (identity, key, certificate, authorities) {
        (Some(identity), None, None, None) => Some(Credentials::Identity(identity.value)),
        (Some(identity), ..) => {
            reader.problem(
                &identity.span,
                "`identity` and `client_key`, `client_crt`, `root_cas` exclude each other: give one or the others",
            );
            None
        }
        (None, Some(key), Some(certificate), Some(authorities)) => Some(Credentials::Files {
            key: key.value,
            certificate: certificate.value,
            authorities: authorities.value,
        }),
        (None, None, None, None) => {
            reader.problem(
                &whole,
                "`identity` is missing in `[teleport]`: the file that `tctl auth sign --user=access-plugin --out=identity` \
                 writes",
            );
            None
        }
        _ => {
            reader.problem(
                &whole,
                format!(
                    "`{}` is given in `[teleport]`, and `{}` is missing",
                    set.join("`, `"),
                    missing.join("`, `")
                ),
            );
            None
        }
    };
    if let (Some(refresh), Some(Credentials::Files { .. })) = (&refresh, &credentials)
        && refresh.value
    {
        reader.problem(&refresh.span, "`refresh_identity` needs `identity`");
    }
    let span = address.as_ref().map_or(whole, |address| address.span.clone());
    let place = reader.place(&span);
    Some(Teleport {
        address: address.map_or_else(|| ADDRESS_DEFAULT.to_owned(), |address| address.value),
        address_at: place,
        credentials: credentials?,
        refresh: refresh.is_some_and(|refresh| refresh.value).then(|| {
            interval
                .map(|interval| interval.value)
                .filter(|interval| !interval.is_zero())
                .unwrap_or(REFRESH_DEFAULT)
        }),
    })
}

fn mattermost_section<'t>(
    reader: &mut Reader<'t>,
    section: Option<Section<'t>>,
) -> Option<(Mattermost, Everybody)> {
    let Some(mut section) = section else {
        reader.problem(&(0..0), "the section `[mattermost]` is missing");
        return None;
    };
    let whole = section.span().clone();
    let insecure = section
        .flag(reader, "insecure")
        .is_some_and(|insecure| insecure.value);
    let url = match section.text(reader, "url").filter(|url| !url.value.is_empty()) {
        None => {
            reader.problem(
                &whole,
                "`url` is missing in `[mattermost]`: the address of the Mattermost server",
            );
            None
        }
        Some(url) => match server_url(&url.value, insecure) {
            Ok(parsed) => Some(parsed),
            Err(why) => {
                reader.problem(&url.span, format!("`url` is wrong: {why}"));
                None
            }
        },
    };
    let token = match section
        .text(reader, "token")
        .filter(|token| !token.value.is_empty())
    {
        None => {
            reader.problem(
                &whole,
                "`token` is missing in `[mattermost]`: the bot's access token, or the path of a file that holds it",
            );
            None
        }
        Some(token) => match token_problem(&token.value) {
            // The token itself must not get into a message.
            Some(why) if !token.value.starts_with('/') => {
                reader.problem(&token.span, format!("`token` is no token: {why}"));
                None
            }
            _ => Some(TokenSource::of(&token.value)),
        },
    };
    let recipients = section.texts(reader, "recipients", false);
    let team = section.text(reader, "team").filter(|team| !team.value.is_empty());
    let channel = section
        .text(reader, "channel")
        .filter(|channel| !channel.value.is_empty());
    if let Some(at) = section.ignore("secret") {
        reader.warning(
            &at,
            "`secret` has no effect: messages have no buttons, requests are reviewed in the cluster alone",
        );
    }
    section.finish(
        reader,
        &[
            "url",
            "token",
            "recipients",
            "team",
            "channel",
            "secret",
            "insecure",
        ],
    );
    let channel = match (team, channel) {
        (Some(team), Some(channel)) => {
            let span = channel.span.clone();
            let value = format!("{}/{}", team.value, channel.value);
            recipient(reader, Placed { value, span })
        }
        (Some(alone), None) => {
            reader.problem(
                &alone.span,
                "`team` needs `channel`: both together name a recipient",
            );
            None
        }
        (None, Some(alone)) => {
            reader.problem(
                &alone.span,
                "`channel` needs `team`: both together name a recipient",
            );
            None
        }
        (None, None) => None,
    };
    let list: Vec<String> = recipients
        .unwrap_or_default()
        .into_iter()
        .filter_map(|name| recipient(reader, name))
        .collect();
    let everybody = if list.is_empty() {
        Everybody::Also(channel)
    } else {
        let mut all = list;
        all.extend(channel.filter(|channel| !all.contains(channel)));
        Everybody::Only(all)
    };
    Some((
        Mattermost {
            url: url?,
            token: token?,
        },
        everybody,
    ))
}

fn by_role_section<'t>(reader: &mut Reader<'t>, mut section: Section<'t>) -> BTreeMap<String, Vec<String>> {
    section
        .keys()
        .into_iter()
        .filter_map(|role| {
            let names = section.texts(reader, &role, true)?;
            let names = names
                .into_iter()
                .filter_map(|name| recipient(reader, name))
                .collect();
            Some((role, names))
        })
        .collect()
}

fn log_section<'t>(reader: &mut Reader<'t>, section: Option<Section<'t>>) -> Log {
    let mut log = Log {
        output: Output::Stderr,
        severity: Severity::Info,
    };
    let Some(mut section) = section else { return log };
    if let Some(output) = section.text(reader, "output") {
        log.output = match output.value.as_str() {
            "" | "stderr" | "error" | "2" => Output::Stderr,
            "stdout" | "out" | "1" => Output::Stdout,
            path => Output::File(PathBuf::from(path)),
        };
    }
    if let Some(severity) = section.text(reader, "severity") {
        match severity.value.to_ascii_lowercase().as_str() {
            "" | "info" => {}
            "err" | "error" => log.severity = Severity::Error,
            "warn" | "warning" => log.severity = Severity::Warn,
            "debug" => log.severity = Severity::Debug,
            "trace" => log.severity = Severity::Trace,
            _ => reader.problem(
                &severity.span,
                format!(
                    "`{}` is no severity: use INFO, ERROR, WARN, DEBUG or TRACE",
                    severity.value
                ),
            ),
        }
    }
    section.finish(reader, &["output", "severity"]);
    log
}

fn recipient(reader: &mut Reader<'_>, name: Placed<String>) -> Option<String> {
    if Recipient::of(&name.value).is_none() {
        reader.problem(&name.span, format!("`{}` is no recipient: {FORMS}", name.value));
        return None;
    }
    Some(name.value)
}

fn path(text: Option<Placed<String>>) -> Option<Placed<PathBuf>> {
    text.filter(|text| !text.value.is_empty()).map(|text| Placed {
        value: PathBuf::from(text.value),
        span: text.span,
    })
}

#[cfg(test)]
mod tests;
