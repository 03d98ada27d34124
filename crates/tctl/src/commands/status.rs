//! `tctl status`: the cluster, its pins and its authorities.

use cli::{Failure, Table};
use pki::authority::AuthorityCertificate;
use pki::{AuthorityKind, PublicKey};
use rustls_pki_types::CertificateDer;
use wire::convert;
use wire::pb::countersign::v1::GetSettingsRequest;
use wire::pb::types;
use wire::status::Class;

use crate::connection::Connection;
use crate::kinds::read::authorities_of;
use crate::output;
use crate::session::Session;

/// Shows the cluster and its authorities.
#[derive(Debug, clap::Args)]
pub struct Status {}

impl Status {
    /// Prints both tables and the line about rule changes.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let session = connection.session().await?;
        let authorities = readable_authorities(session).await?;
        let ping = session.ping();
        let mut shown = cluster_table(&ping.cluster_name, &ping.server_version, &pins(&authorities));
        shown.push('\n');
        shown.push_str(&authority_table(&authorities));
        let mut access = session.cluster().access();
        match session.call(access.get_settings(GetSettingsRequest {})).await {
            Ok(settings) => {
                let state = if settings.two_persons_for_rule_changes {
                    "on"
                } else {
                    "off"
                };
                shown.push_str(&format!("\nTwo persons for rule changes: {state}\n"));
            }
            // A server of the original knows no such thing.
            Err(refusal) if refusal.class == Class::NotImplemented => {}
            Err(refusal) => return Err(refusal.into()),
        }
        output::print(&shown)
    }
}

/// The authorities of every type that the caller may read and the cluster knows: an older cluster knows fewer.
async fn readable_authorities(session: &Session) -> Result<Vec<types::CertAuthorityV2>, Failure> {
    let mut authorities = Vec::new();
    let mut refused = None;
    for kind in AuthorityKind::ALL {
        match authorities_of(session, kind, false).await {
            Ok(found) => authorities.extend(found),
            Err(refusal) if matches!(refusal.class, Class::AccessDenied | Class::BadParameter) => {
                tracing::warn!(%kind, "{}", refusal.message);
                refused.get_or_insert(refusal);
            }
            Err(refusal) => return Err(refusal.into()),
        }
    }
    match refused {
        Some(refusal) if authorities.is_empty() => Err(refusal.into()),
        _ => Ok(authorities),
    }
}

fn cluster_table(cluster: &str, version: &str, pins: &[String]) -> String {
    let mut table = Table::headless(2);
    table.row(["Cluster:", cluster]);
    table.row(["Version:", version]);
    for (index, pin) in pins.iter().enumerate() {
        table.row([if index == 0 { "CA pins:" } else { "" }, pin]);
    }
    table.print(usize::MAX)
}

fn authority_table(authorities: &[types::CertAuthorityV2]) -> String {
    let mut table = Table::new([
        "authority",
        "rotation",
        "protocol",
        "status",
        "algorithm",
        "storage",
    ]);
    for authority in authorities {
        let spec = authority.spec.clone().unwrap_or_default();
        let rotation = rotation(spec.rotation.as_ref());
        let keys = keys(&spec);
        if keys.is_empty() {
            table.row([spec.r#type.as_str(), rotation.as_str(), "", "", "", ""]);
        }
        for (index, key) in keys.iter().enumerate() {
            let (name, rotation) = if index == 0 {
                (spec.r#type.as_str(), rotation.as_str())
            } else {
                ("", "")
            };
            table.row([
                name,
                rotation,
                key.protocol,
                key.status,
                &key.algorithm,
                key.storage,
            ]);
        }
    }
    table.print(usize::MAX)
}

/// One key as the table shows it.
struct Key {
    protocol: &'static str,
    status: &'static str,
    algorithm: String,
    storage: &'static str,
}

/// The keys of an authority: by protocol, and the ones that sign first.
fn keys(spec: &types::CertAuthoritySpecV2) -> Vec<Key> {
    let empty = types::CaKeySet::default();
    let sets = [
        ("active", spec.active_keys.as_ref().unwrap_or(&empty)),
        ("trusted", spec.additional_trusted_keys.as_ref().unwrap_or(&empty)),
    ];
    let mut keys = Vec::new();
    for (status, set) in sets {
        keys.extend(set.ssh.iter().map(|pair| Key {
            protocol: "SSH",
            status,
            algorithm: algorithm(PublicKey::from_text(&text(&pair.public_key)).ok()),
            storage: storage(pair.private_key_type),
        }));
    }
    for (status, set) in sets {
        keys.extend(set.jwt.iter().map(|pair| Key {
            protocol: "JWT",
            status,
            algorithm: algorithm(PublicKey::from_text(&text(&pair.public_key)).ok()),
            storage: storage(pair.private_key_type),
        }));
    }
    for (status, set) in sets {
        keys.extend(set.tls.iter().map(|pair| Key {
            protocol: "TLS",
            status,
            algorithm: algorithm(certificates(&pair.cert).first().map(|one| one.key().clone())),
            storage: storage(pair.key_type),
        }));
    }
    keys
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

fn certificates(pem: &[u8]) -> Vec<AuthorityCertificate> {
    pki::certificate::from_pem(&text(pem))
        .unwrap_or_default()
        .into_iter()
        .filter_map(|der: CertificateDer<'static>| AuthorityCertificate::from_der(der).ok())
        .collect()
}

fn algorithm(key: Option<PublicKey>) -> String {
    key.map_or_else(|| "unknown".to_owned(), |key| key.algorithm().to_string())
}

fn storage(kind: i32) -> &'static str {
    match types::PrivateKeyType::try_from(kind) {
        Ok(types::PrivateKeyType::Raw) => "software",
        Ok(types::PrivateKeyType::Pkcs11) => "PKCS#11 HSM",
        Ok(types::PrivateKeyType::GcpKms) => "GCP KMS",
        Ok(types::PrivateKeyType::AwsKms) => "AWS KMS",
        Err(_) => "unknown",
    }
}

/// `standby (never rotated)`, `in progress (mode: manual, phase: init)`.
fn rotation(rotation: Option<&types::Rotation>) -> String {
    let rotation = rotation.cloned().unwrap_or_default();
    if rotation.state == "in_progress" {
        return format!("in progress (mode: {}, phase: {})", rotation.mode, rotation.phase);
    }
    match convert::moment(rotation.last_rotated.as_ref()) {
        Some(last) => format!(
            "standby (last rotated: {})",
            last.strftime("%b %d %Y %H:%M:%S UTC")
        ),
        None => "standby (never rotated)".to_owned(),
    }
}

/// The pins of every trusted TLS key of the host authority.
fn pins(authorities: &[types::CertAuthorityV2]) -> Vec<String> {
    let host = AuthorityKind::Host.as_str();
    let specs = authorities
        .iter()
        .filter_map(|authority| authority.spec.as_ref())
        .filter(|spec| spec.r#type == host);
    specs
        .flat_map(|spec| spec.active_keys.iter().chain(&spec.additional_trusted_keys))
        .flat_map(|set| &set.tls)
        .flat_map(|pair| certificates(&pair.cert))
        .map(|certificate| certificate.pin().to_string())
        .collect()
}
