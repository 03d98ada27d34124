//! Certificate authorities: what signs, and what else is trusted.
//!
//! An authority has the keys that sign now ([`Authority::active`]) and others that are trusted as well
//! ([`Authority::additional`]), which a rotation needs. Kinds whose certificates are never issued here
//! exist without keys.

use std::fmt;
use std::str::FromStr;

use access::ambient::Entropy;
use access::{Secret, SecretBytes};
use der::Encode as _;
use jiff::{SignedDuration, Timestamp};
use rustls_pki_types::CertificateDer;
use x509_cert::name::RdnSequence;

use crate::certificate::{self, Parsed, ReadError};
use crate::key::{KeyError, KeyPair};
use crate::pin::Pin;
use crate::public_key::{Algorithm, PublicKey};
use crate::x509::body::{authority_extensions, serial};
use crate::x509::name::NameBuilder;
use crate::x509::{Body, BodyError, Issuer, oid, time};

/// How long an authority's certificate is valid.
pub const LIFETIME: SignedDuration = SignedDuration::from_hours(10 * 365 * 24);

/// What an authority is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AuthorityKind {
    /// Signs the cluster's services and machines.
    Host,
    /// Signs people and bots.
    User,
    /// Signs database servers.
    Db,
    /// Signs clients of databases.
    DbClient,
    /// Signs people for machines without an agent.
    OpenSsh,
    /// Signs tokens for applications.
    Jwt,
    /// Signs assertions of the SAML identity provider.
    SamlIdp,
    /// Signs tokens of the OIDC identity provider.
    OidcIdp,
    /// Signs workload identities.
    Spiffe,
    /// Signs tokens for Okta.
    Okta,
    /// Signs clients of AWS Roles Anywhere.
    AwsRa,
    /// Signs tokens for bound keypairs.
    BoundKeypair,
}

impl AuthorityKind {
    /// All kinds, in the order in which status tables list them.
    pub const ALL: [Self; 12] = [
        Self::Host,
        Self::User,
        Self::Db,
        Self::DbClient,
        Self::OpenSsh,
        Self::Jwt,
        Self::SamlIdp,
        Self::OidcIdp,
        Self::Spiffe,
        Self::Okta,
        Self::AwsRa,
        Self::BoundKeypair,
    ];

    /// The name in resources, commands and paths.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::User => "user",
            Self::Db => "db",
            Self::DbClient => "db_client",
            Self::OpenSsh => "openssh",
            Self::Jwt => "jwt",
            Self::SamlIdp => "saml_idp",
            Self::OidcIdp => "oidc_idp",
            Self::Spiffe => "spiffe",
            Self::Okta => "okta",
            Self::AwsRa => "awsra",
            Self::BoundKeypair => "bound_keypair",
        }
    }

    /// Whether certificates of this kind are issued here, so that it has keys.
    pub fn is_used(self) -> bool {
        matches!(self, Self::Host | Self::User | Self::OpenSsh)
    }

    fn has_tls(self) -> bool {
        matches!(self, Self::Host | Self::User)
    }
}

impl fmt::Display for AuthorityKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for AuthorityKind {
    type Err = AuthorityError;

    fn from_str(name: &str) -> Result<Self, AuthorityError> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == name)
            .ok_or_else(|| AuthorityError::Kind(name.to_owned()))
    }
}

/// Why an authority was not made or read, or cannot sign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityError {
    /// No such kind.
    #[error("`{0}` is not a kind of certificate authority")]
    Kind(String),
    /// A name that does not fit into a certificate.
    #[error("the cluster name `{0}` does not fit into a certificate")]
    ClusterName(String),
    /// A key was not made or read.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A certificate was not read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A certificate that may not sign.
    #[error("the certificate is not one of an authority")]
    NotAnAuthority,
    /// A private key beside the public key of another.
    #[error("a private key of the {0} authority does not belong to its public key")]
    KeyMismatch(AuthorityKind),
    /// Nothing to sign with.
    #[error("the {kind} authority has no {protocol} key to sign with")]
    NoSigningKey {
        /// Which authority.
        kind: AuthorityKind,
        /// `SSH` or `TLS`.
        protocol: &'static str,
    },
}

/// An authority of one kind.
pub struct Authority {
    kind: AuthorityKind,
    cluster: String,
    active: KeySet,
    additional: KeySet,
}

/// Keys of an authority.
#[derive(Default)]
pub struct KeySet {
    ssh: Vec<SshKey>,
    tls: Vec<TlsKey>,
}

/// A key for SSH certificates.
pub struct SshKey {
    public: PublicKey,
    private: Option<KeyPair>,
}

/// A key for X.509 certificates.
pub struct TlsKey {
    certificate: AuthorityCertificate,
    private: Option<KeyPair>,
}

/// The certificate of an authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorityCertificate {
    der: CertificateDer<'static>,
    pub(crate) subject: RdnSequence,
    pub(crate) key: PublicKey,
    pub(crate) key_identifier: Option<Vec<u8>>,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
    pin: Pin,
}

impl AuthorityCertificate {
    /// Reads a certificate that may sign others.
    pub fn from_der(der: CertificateDer<'static>) -> Result<Self, AuthorityError> {
        let parsed = Parsed::from_der(&der)?;
        if !parsed.is_authority()? {
            return Err(AuthorityError::NotAnAuthority);
        }
        Ok(Self {
            subject: parsed.subject().clone().into(),
            key: parsed.key.clone()?,
            key_identifier: parsed.key_identifier()?,
            not_before: parsed.not_before,
            not_after: parsed.not_after,
            pin: Pin::of(&der)?,
            der,
        })
    }

    /// The certificate itself.
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// The certificate as a PEM block.
    pub fn to_pem(&self) -> String {
        certificate::to_pem(&self.der)
    }

    /// Its public key.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// Whether it is the one of this name, in DER: what certificates name as who issued them.
    pub fn is_called(&self, name: &[u8]) -> bool {
        self.subject.to_der().is_ok_and(|own| own == name)
    }

    /// Its pin.
    pub fn pin(&self) -> Pin {
        self.pin
    }

    /// The end of its validity.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }
}

impl SshKey {
    /// Makes an Ed25519 key.
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, AuthorityError> {
        let key = KeyPair::generate(Algorithm::Ed25519, entropy)?;
        Ok(Self {
            public: key.public().clone(),
            private: Some(key),
        })
    }

    /// The public key.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }
}

impl TlsKey {
    /// Makes a P-256 key and a certificate for it, signed by itself.
    pub fn generate(cluster: &str, now: Timestamp, entropy: &dyn Entropy) -> Result<Self, AuthorityError> {
        let key = KeyPair::generate(Algorithm::P256, entropy)?;
        let der = self_signed(cluster, &key, now, entropy).map_err(|error| match error {
            BodyError::Key(error) => AuthorityError::Key(error),
            BodyError::Unfit => AuthorityError::ClusterName(cluster.to_owned()),
        })?;
        Ok(Self {
            certificate: AuthorityCertificate::from_der(der)?,
            private: Some(key),
        })
    }

    /// The certificate.
    pub fn certificate(&self) -> &AuthorityCertificate {
        &self.certificate
    }
}

fn self_signed(
    cluster: &str,
    key: &KeyPair,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<CertificateDer<'static>, BodyError> {
    let serial = serial(entropy);
    // The serial number in the name tells the authorities of one cluster apart after a rotation.
    let name = NameBuilder::default()
        .one(oid::ORGANIZATION, cluster)?
        .one(oid::COMMON_NAME, cluster)?
        .one(oid::SERIAL_NUMBER, &serial.to_string())?
        .finish();
    let now = time::whole(now);
    let body = Body {
        serial,
        subject: name.clone(),
        key: key.public(),
        not_before: now,
        not_after: now.saturating_add(LIFETIME).unwrap_or(Timestamp::MAX),
        extensions: authority_extensions(key.public())?,
    };
    body.sign(&Issuer { name: &name, key }).map(CertificateDer::from)
}

impl KeySet {
    /// New keys for an authority of this kind; none for a kind that is not used.
    pub fn generate(
        kind: AuthorityKind,
        cluster: &str,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Self, AuthorityError> {
        let mut keys = Self::default();
        if kind.is_used() {
            keys.ssh.push(SshKey::generate(entropy)?);
        }
        if kind.has_tls() {
            keys.tls.push(TlsKey::generate(cluster, now, entropy)?);
        }
        Ok(keys)
    }

    /// Keys for SSH certificates.
    pub fn ssh(&self) -> &[SshKey] {
        &self.ssh
    }

    /// Keys for X.509 certificates.
    pub fn tls(&self) -> &[TlsKey] {
        &self.tls
    }
}

impl Authority {
    /// Makes an authority with new keys; one without keys if its kind is not used.
    pub fn generate(
        kind: AuthorityKind,
        cluster: &str,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Self, AuthorityError> {
        // A cluster's name stands in host names, certificate lines and comments.
        if cluster.is_empty()
            || !cluster
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b',')
        {
            return Err(AuthorityError::ClusterName(cluster.to_owned()));
        }
        Ok(Self {
            kind,
            cluster: cluster.to_owned(),
            active: KeySet::generate(kind, cluster, now, entropy)?,
            additional: KeySet::default(),
        })
    }

    /// What it is for.
    pub fn kind(&self) -> AuthorityKind {
        self.kind
    }

    /// The cluster it belongs to.
    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    /// The keys that sign.
    pub fn active(&self) -> &KeySet {
        &self.active
    }

    /// The keys that are trusted and do not sign.
    pub fn additional(&self) -> &KeySet {
        &self.additional
    }

    /// All trusted SSH keys, the signing ones first.
    pub fn ssh_keys(&self) -> impl Iterator<Item = &PublicKey> {
        self.active
            .ssh
            .iter()
            .chain(&self.additional.ssh)
            .map(SshKey::public)
    }

    /// All trusted certificates, the signing ones first.
    pub fn certificates(&self) -> impl Iterator<Item = &AuthorityCertificate> {
        self.active
            .tls
            .iter()
            .chain(&self.additional.tls)
            .map(TlsKey::certificate)
    }

    /// The pins of all trusted certificates.
    pub fn pins(&self) -> impl Iterator<Item = Pin> {
        self.certificates().map(AuthorityCertificate::pin)
    }

    pub(crate) fn ssh_signer(&self) -> Result<&KeyPair, AuthorityError> {
        let mut keys = self.active.ssh.iter();
        keys.find_map(|key| key.private.as_ref())
            .ok_or(AuthorityError::NoSigningKey {
                kind: self.kind,
                protocol: "SSH",
            })
    }

    pub(crate) fn tls_signer(&self) -> Result<(&AuthorityCertificate, &KeyPair), AuthorityError> {
        let mut keys = self.active.tls.iter();
        keys.find_map(|key| Some((&key.certificate, key.private.as_ref()?)))
            .ok_or(AuthorityError::NoSigningKey {
                kind: self.kind,
                protocol: "TLS",
            })
    }
}

/// An authority as it is stored and sent: texts only.
pub struct Record {
    /// What it is for.
    pub kind: AuthorityKind,
    /// The cluster it belongs to.
    pub cluster: String,
    /// The keys that sign.
    pub active: KeyRecords,
    /// The keys that are trusted as well.
    pub additional: KeyRecords,
}

/// The keys of a [`Record`].
#[derive(Default)]
pub struct KeyRecords {
    /// `authorized_keys` lines and PEM.
    pub ssh: Vec<PairRecord>,
    /// PEM certificates and PEM.
    pub tls: Vec<PairRecord>,
}

/// A public part with its private part.
pub struct PairRecord {
    /// An `authorized_keys` line, or a certificate in PEM.
    pub public: Vec<u8>,
    /// The private key in PEM; empty if it is not told.
    pub private: SecretBytes,
}

impl Authority {
    /// The form to store, with its private keys.
    pub fn to_record(&self) -> Result<Record, AuthorityError> {
        Ok(Record {
            kind: self.kind,
            cluster: self.cluster.clone(),
            active: self.active.to_records()?,
            additional: self.additional.to_records()?,
        })
    }

    /// The authority of a stored form; without private keys it can be trusted but not sign.
    pub fn from_record(record: &Record) -> Result<Self, AuthorityError> {
        Ok(Self {
            kind: record.kind,
            cluster: record.cluster.clone(),
            active: KeySet::from_records(record.kind, &record.active)?,
            additional: KeySet::from_records(record.kind, &record.additional)?,
        })
    }
}

impl Record {
    /// The same without private keys.
    #[must_use]
    pub fn without_secrets(mut self) -> Self {
        for keys in [&mut self.active, &mut self.additional] {
            for pair in keys.ssh.iter_mut().chain(&mut keys.tls) {
                pair.private = SecretBytes::default();
            }
        }
        self
    }
}

impl KeySet {
    fn to_records(&self) -> Result<KeyRecords, AuthorityError> {
        let ssh = self.ssh.iter().map(|key| {
            Ok(PairRecord {
                public: format!("{}\n", key.public.to_ssh_line()).into_bytes(),
                private: private_record(key.private.as_ref())?,
            })
        });
        let tls = self.tls.iter().map(|key| {
            Ok(PairRecord {
                public: key.certificate.to_pem().into_bytes(),
                private: private_record(key.private.as_ref())?,
            })
        });
        Ok(KeyRecords {
            ssh: ssh.collect::<Result<_, AuthorityError>>()?,
            tls: tls.collect::<Result<_, AuthorityError>>()?,
        })
    }

    fn from_records(kind: AuthorityKind, records: &KeyRecords) -> Result<Self, AuthorityError> {
        let ssh = records.ssh.iter().map(|pair| {
            let public = PublicKey::from_ssh_line(text(&pair.public)?)?;
            let private = private_from(kind, &pair.private, &public)?;
            Ok(SshKey { public, private })
        });
        let tls = records.tls.iter().map(|pair| {
            let mut certificates = certificate::from_pem(text(&pair.public)?)?;
            let (Some(der), true) = (certificates.pop(), certificates.is_empty()) else {
                return Err(AuthorityError::Read(ReadError::Malformed));
            };
            let certificate = AuthorityCertificate::from_der(der)?;
            let private = private_from(kind, &pair.private, &certificate.key)?;
            Ok(TlsKey { certificate, private })
        });
        Ok(Self {
            ssh: ssh.collect::<Result<_, AuthorityError>>()?,
            tls: tls.collect::<Result<_, AuthorityError>>()?,
        })
    }
}

fn private_record(key: Option<&KeyPair>) -> Result<SecretBytes, AuthorityError> {
    let Some(key) = key else {
        return Ok(SecretBytes::default());
    };
    let pem = key.to_pem()?;
    Ok(Secret::new(pem.expose().as_bytes().to_vec()))
}

fn private_from(
    kind: AuthorityKind,
    private: &SecretBytes,
    public: &PublicKey,
) -> Result<Option<KeyPair>, AuthorityError> {
    if private.expose().is_empty() {
        return Ok(None);
    }
    let key = KeyPair::from_pem(text(private.expose())?)?;
    if key.public() == public {
        Ok(Some(key))
    } else {
        Err(AuthorityError::KeyMismatch(kind))
    }
}

fn text(bytes: &[u8]) -> Result<&str, AuthorityError> {
    std::str::from_utf8(bytes).map_err(|_| AuthorityError::Key(KeyError::Malformed))
}
