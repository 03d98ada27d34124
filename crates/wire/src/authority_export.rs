//! Certificate authorities in the forms that other programs trust: `tctl auth export` and the web address
//! that serves the same.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest as _, Sha256};

use crate::identity_file::{known_hosts_line, trusted_user_line};
use crate::pb::types::{CertAuthorityV2, SshKeyPair, TlsKeyPair};

/// What can be exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ExportKind {
    User,
    Host,
    TlsHost,
    TlsUser,
    TlsUserDer,
    TlsSpiffe,
    Windows,
    Db,
    DbDer,
    DbClient,
    DbClientDer,
    OpenSsh,
    SamlIdp,
    Github,
    AwsRa,
}

/// How an authority is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    TrustedUsers,
    KnownHosts,
    Pem,
    Der,
}

/// Why nothing can be exported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// No such name.
    #[error("enum value must be one of {}, got '{got}'", names())]
    Unknown {
        /// What was asked for.
        got: String,
    },
    /// No key of the authority has the wanted fingerprint.
    #[error("the `{name}` authority has no key with the fingerprint `{fingerprint}`")]
    NoSuchKey {
        /// Which authority.
        name: &'static str,
        /// What was asked for.
        fingerprint: String,
    },
    /// The authority has no keys.
    #[error("the `{0}` authority has no key to export")]
    NoKeys(&'static str),
    /// Private keys were asked for, and the answer holds none.
    #[error("the private keys of the `{0}` authority were not told")]
    NoPrivateKeys(&'static str),
    /// DER has no way to hold several.
    #[error("the `{0}` authority has several certificates, which DER cannot hold: export PEM")]
    Several(&'static str),
    /// What the cluster sent is not of its form.
    #[error("the `{0}` authority is malformed")]
    Malformed(&'static str),
}

impl ExportKind {
    /// All kinds, in the order in which commands name them.
    pub const ALL: [Self; 15] = [
        Self::User,
        Self::Host,
        Self::TlsHost,
        Self::TlsUser,
        Self::TlsUserDer,
        Self::TlsSpiffe,
        Self::Windows,
        Self::Db,
        Self::DbDer,
        Self::DbClient,
        Self::DbClientDer,
        Self::OpenSsh,
        Self::SamlIdp,
        Self::Github,
        Self::AwsRa,
    ];

    /// The name in commands.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Host => "host",
            Self::TlsHost => "tls-host",
            Self::TlsUser => "tls-user",
            Self::TlsUserDer => "tls-user-der",
            Self::TlsSpiffe => "tls-spiffe",
            Self::Windows => "windows",
            Self::Db => "db",
            Self::DbDer => "db-der",
            Self::DbClient => "db-client",
            Self::DbClientDer => "db-client-der",
            Self::OpenSsh => "openssh",
            Self::SamlIdp => "saml-idp",
            Self::Github => "github",
            Self::AwsRa => "awsra",
        }
    }

    /// The type of the authorities to fetch for it.
    pub fn authority(self) -> &'static str {
        match self {
            Self::User | Self::TlsUser | Self::TlsUserDer | Self::Windows => "user",
            Self::Host | Self::TlsHost => "host",
            Self::TlsSpiffe => "spiffe",
            Self::Db | Self::DbDer => "db",
            Self::DbClient | Self::DbClientDer => "db_client",
            Self::OpenSsh => "openssh",
            Self::SamlIdp => "saml_idp",
            Self::Github => "github",
            Self::AwsRa => "awsra",
        }
    }

    /// Whether the bytes are no text.
    pub fn is_binary(self) -> bool {
        self.form() == Form::Der
    }

    fn form(self) -> Form {
        match self {
            Self::User | Self::OpenSsh | Self::Github => Form::TrustedUsers,
            Self::Host => Form::KnownHosts,
            Self::TlsUserDer | Self::Windows | Self::DbDer | Self::DbClientDer => Form::Der,
            Self::TlsHost
            | Self::TlsUser
            | Self::TlsSpiffe
            | Self::Db
            | Self::DbClient
            | Self::SamlIdp
            | Self::AwsRa => Form::Pem,
        }
    }
}

impl fmt::Display for ExportKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ExportKind {
    type Err = ExportError;

    fn from_str(name: &str) -> Result<Self, ExportError> {
        // What `tls-host` was called before.
        let wanted = if name == "tls" { "tls-host" } else { name };
        let mut kinds = Self::ALL.into_iter();
        kinds
            .find(|kind| kind.name() == wanted)
            .ok_or_else(|| ExportError::Unknown { got: name.to_owned() })
    }
}

fn names() -> String {
    ExportKind::ALL.map(ExportKind::name).join(",")
}

/// Which half of the keys is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// What others trust.
    Public,
    /// What signs. Only for backups and for moving an authority.
    Private,
}

/// Writes authorities of [`ExportKind::authority`]; text ends with a newline.
///
/// `fingerprint` keeps only the key with that fingerprint, as `ssh-keygen -l` prints it.
pub fn export(
    kind: ExportKind,
    authorities: &[CertAuthorityV2],
    half: Half,
    fingerprint: Option<&str>,
) -> Result<Vec<u8>, ExportError> {
    let name = kind.authority();
    let mut out = Vec::new();
    let mut count = 0;
    for authority in authorities {
        let spec = authority.spec.as_ref().ok_or(ExportError::Malformed(name))?;
        let sets = || spec.active_keys.iter().chain(&spec.additional_trusted_keys);
        if let Form::TrustedUsers | Form::KnownHosts = kind.form() {
            for pair in sets().flat_map(|set| &set.ssh) {
                let line = text(&pair.public_key, name)?;
                if fingerprint.is_none_or(|wanted| ssh_fingerprint(line).as_deref() == Some(wanted)) {
                    count += 1;
                    out.extend(ssh_part(kind.form(), &spec.cluster_name, line, pair, half, name)?);
                }
            }
        } else {
            for pair in sets().flat_map(|set| &set.tls) {
                // Fingerprints are those of SSH keys; a certificate has none of that kind.
                if fingerprint.is_none() {
                    count += 1;
                    out.extend(tls_part(kind.form(), pair, half, name)?);
                }
            }
        }
    }
    match (count, fingerprint) {
        (0, Some(wanted)) => Err(ExportError::NoSuchKey {
            name,
            fingerprint: wanted.to_owned(),
        }),
        (0, None) => Err(ExportError::NoKeys(name)),
        (2.., _) if kind.is_binary() => Err(ExportError::Several(name)),
        _ => Ok(out),
    }
}

fn ssh_part(
    form: Form,
    cluster: &str,
    line: &str,
    pair: &SshKeyPair,
    half: Half,
    name: &'static str,
) -> Result<Vec<u8>, ExportError> {
    if half == Half::Private {
        return private(&pair.private_key, name);
    }
    let line = match form {
        Form::KnownHosts => known_hosts_line(None, cluster, line),
        _ => trusted_user_line(cluster, line),
    };
    Ok(format!("{line}\n").into_bytes())
}

fn tls_part(form: Form, pair: &TlsKeyPair, half: Half, name: &'static str) -> Result<Vec<u8>, ExportError> {
    let pem = match half {
        Half::Private => private(&pair.key, name)?,
        Half::Public => ended(&pair.cert),
    };
    if form == Form::Der {
        let body: String = text(&pem, name)?
            .lines()
            .map(str::trim)
            .filter(|line| !line.starts_with("-----"))
            .collect();
        return STANDARD.decode(body).map_err(|_| ExportError::Malformed(name));
    }
    Ok(pem)
}

fn private(key: &[u8], name: &'static str) -> Result<Vec<u8>, ExportError> {
    if key.is_empty() {
        return Err(ExportError::NoPrivateKeys(name));
    }
    Ok(ended(key))
}

fn ended(text: &[u8]) -> Vec<u8> {
    let mut text = text.to_vec();
    if text.last() != Some(&b'\n') {
        text.push(b'\n');
    }
    text
}

fn text<'a>(bytes: &'a [u8], name: &'static str) -> Result<&'a str, ExportError> {
    std::str::from_utf8(bytes).map_err(|_| ExportError::Malformed(name))
}

fn ssh_fingerprint(line: &str) -> Option<String> {
    let blob = STANDARD.decode(line.split_ascii_whitespace().nth(1)?).ok()?;
    Some(format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(blob))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pb::types::{CaKeySet, CertAuthoritySpecV2};

    fn authority() -> CertAuthorityV2 {
        let pair = |public: &str, private: &str| SshKeyPair {
            public_key: public.as_bytes().to_vec().into(),
            private_key: private.as_bytes().to_vec().into(),
            ..SshKeyPair::default()
        };
        CertAuthorityV2 {
            spec: Some(CertAuthoritySpecV2 {
                cluster_name: "teleport.example.com".to_owned(),
                active_keys: Some(CaKeySet {
                    ssh: vec![pair("ssh-ed25519 AAAA\n", "PRIVATE")],
                    tls: vec![TlsKeyPair {
                        cert: b"-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n"
                            .to_vec()
                            .into(),
                        ..TlsKeyPair::default()
                    }],
                    ..CaKeySet::default()
                }),
                additional_trusted_keys: Some(CaKeySet {
                    ssh: vec![pair("ssh-ed25519 BBBB\n", "")],
                    ..CaKeySet::default()
                }),
                ..CertAuthoritySpecV2::default()
            }),
            ..CertAuthorityV2::default()
        }
    }

    fn exported(name: &str, half: Half, fingerprint: Option<&str>) -> Result<String, String> {
        let kind = name.parse::<ExportKind>().map_err(|error| error.to_string())?;
        export(kind, &[authority()], half, fingerprint)
            .map(|bytes| String::from_utf8(bytes).expect("a text"))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn each_kind_has_its_form() {
        let public = |name| exported(name, Half::Public, None);
        let users = "cert-authority ssh-ed25519 AAAA clustername=teleport.example.com&type=user\n\
                     cert-authority ssh-ed25519 BBBB clustername=teleport.example.com&type=user\n";
        assert_eq!(public("user").as_deref(), Ok(users));
        assert_eq!(public("openssh").as_deref(), Ok(users));
        assert_eq!(
            public("host").as_deref(),
            Ok(
                "@cert-authority teleport.example.com,*.teleport.example.com ssh-ed25519 AAAA type=host\n\
                 @cert-authority teleport.example.com,*.teleport.example.com ssh-ed25519 BBBB type=host\n"
            )
        );
        let pem = "-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n";
        for name in ["tls-host", "tls", "tls-user", "db", "saml-idp"] {
            assert_eq!(public(name).as_deref(), Ok(pem));
        }
        for name in ["tls-user-der", "windows", "db-der"] {
            assert_eq!(public(name).as_deref(), Ok("\u{1}\u{2}\u{3}"));
        }
    }

    #[test]
    fn a_fingerprint_chooses_one_key() {
        let wanted = ssh_fingerprint("ssh-ed25519 BBBB").expect("a fingerprint");
        let found = exported("user", Half::Public, Some(&wanted)).expect("a line");
        assert!(found.contains("BBBB") && !found.contains("AAAA"));
        assert_eq!(
            exported("user", Half::Public, Some("SHA256:no")),
            Err("the `user` authority has no key with the fingerprint `SHA256:no`".to_owned())
        );
    }

    #[test]
    fn private_keys_are_given_only_where_they_were_told() {
        let first = ssh_fingerprint("ssh-ed25519 AAAA").expect("a fingerprint");
        assert_eq!(
            exported("user", Half::Private, Some(&first)).as_deref(),
            Ok("PRIVATE\n")
        );
        assert_eq!(
            exported("tls-host", Half::Private, None),
            Err("the private keys of the `host` authority were not told".to_owned())
        );
    }

    #[test]
    fn unknown_names_are_refused_as_the_original_does() {
        assert_eq!(
            exported("zz", Half::Public, None),
            Err(
                "enum value must be one of user,host,tls-host,tls-user,tls-user-der,tls-spiffe,windows,db,db-der,\
                 db-client,db-client-der,openssh,saml-idp,github,awsra, got 'zz'"
                    .to_owned()
            )
        );
    }
}
