//! `tctl get`: resources as documents or as a table.

use cli::{Failure, text};
use wire::resource::{Kind, Reference, ReferenceError, References, Resource, json_of, yaml_of};

use crate::connection::Connection;
use crate::kinds::read::{Secrets, read};
use crate::kinds::{self, text as table};
use crate::output;
use crate::session::Session;

/// Shows resources.
#[derive(Debug, clap::Args)]
pub struct Get {
    /// What to show: `roles`, `role/NAME`, several between commas, or `all`: a backup, with every secret and private key
    #[arg(value_name = "RESOURCES", value_parser = parse)]
    resources: References,
    /// yaml, json or text
    #[arg(long, value_name = "FORMAT", default_value = "yaml")]
    format: String,
    /// Show secrets too, as far as you may have them
    #[arg(long)]
    with_secrets: bool,
    /// Show everything in full with `--format=text`
    #[arg(short, long)]
    verbose: bool,
    /// Has no meaning any more
    #[arg(long, hide = true, value_name = "NAMESPACE")]
    namespace: Option<String>,
}

fn parse(text: &str) -> Result<References, ReferenceError> {
    References::parse(text)
}

/// How resources are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Yaml,
    Json,
    Text,
}

impl Get {
    /// Reads and shows them.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let format = match self.format.as_str() {
            "yaml" => Format::Yaml,
            "json" => Format::Json,
            "text" => Format::Text,
            _ => return Err(Failure::new("unsupported format").hint("use yaml, json or text")),
        };
        let all = self.resources == References::All;
        let secrets = if all || self.with_secrets {
            Secrets::With
        } else {
            Secrets::Without
        };
        let references = match self.resources {
            References::All => kinds::in_backup().map(whole).collect(),
            References::Listed(references) => references,
        };
        if references.len() > 1 && format != Format::Yaml {
            return Err(Failure::new("mixed resource types only support YAML formatting"));
        }
        let session = connection.session().await?;
        let authorities = |reference: &Reference| reference.kinds.contains(&Kind::CertAuthority);
        if secrets == Secrets::With && references.iter().any(authorities) {
            session.before_change().await?;
        }
        let found = read_all(session, &references, secrets).await.map_err(|failure| {
            if all {
                failure.hint("a backup holds everything: make it on the machine of the Auth Service, as its local administrator")
            } else {
                failure
            }
        })?;
        if all {
            cli::failure::warn(
                "a backup holds every secret of the cluster, the private keys of its authorities too: keep it like a key",
            );
        }
        match format {
            Format::Yaml => output::print(&yaml_of(&found)),
            Format::Json => output::print(&json_of(&found, 4)),
            Format::Text => output::print(&shown(&references, &found, self.verbose)),
        }
    }
}

fn whole(kind: Kind) -> Reference {
    Reference {
        kinds: vec![kind],
        sub_kind: None,
        name: None,
    }
}

async fn read_all(
    session: &Session,
    references: &[Reference],
    secrets: Secrets,
) -> Result<Vec<Resource>, Failure> {
    let mut found = Vec::new();
    for reference in references {
        found.extend(read(session, reference, secrets).await?);
    }
    Ok(found)
}

fn shown(references: &[Reference], found: &[Resource], verbose: bool) -> String {
    let columns = text::terminal_width();
    let kinds: Vec<Kind> = references
        .iter()
        .flat_map(|reference| reference.kinds.iter().copied())
        .collect();
    if let [kind] = kinds[..] {
        return table::text(kind, found, verbose, columns);
    }
    let mut shown = String::new();
    for kind in kinds {
        let part: Vec<Resource> = found
            .iter()
            .filter(|resource| resource.kind() == kind)
            .cloned()
            .collect();
        if !part.is_empty() {
            let title = match kind {
                Kind::Github => "GitHub",
                Kind::Saml => "SAML",
                Kind::Oidc => "OIDC",
                other => other.name(),
            };
            shown.push_str(&format!("\n{title}:\n"));
            shown.push_str(&table::text(kind, &part, verbose, columns));
        }
    }
    shown
}
