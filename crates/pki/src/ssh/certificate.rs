//! OpenSSH certificates: written, signed, read and checked.
//!
//! The layout is that of OpenSSH's `PROTOCOL.certkeys`. Options are kept by name, so their order on the
//! wire is lexical, as OpenSSH demands.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use crate::key::{EcdsaSignature, KeyError, KeyPair};
use crate::public_key::{Algorithm, PublicKey};
use crate::ssh::wire::{Malformed, Reader, put};

/// What separates the name of a key kind from that of its certificates.
const SUFFIX: &str = "-cert-v01@openssh.com";
/// Go's readers refuse longer lines; a longer certificate would lock its owner out.
const LINE_MAX: usize = 64 * 1024;
/// "No end date".
const FOREVER: u64 = u64::MAX;

/// For whom a certificate speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateKind {
    /// A person or a bot.
    User,
    /// A machine.
    Host,
}

impl fmt::Display for CertificateKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "user",
            Self::Host => "host",
        })
    }
}

/// An SSH certificate that has been signed; not necessarily by somebody who is trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    body: Body,
    authority: PublicKey,
    signed: Vec<u8>,
    signature: Vec<u8>,
}

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Body {
    pub(crate) kind: CertificateKind,
    pub(crate) key: PublicKey,
    pub(crate) serial: u64,
    pub(crate) key_id: String,
    pub(crate) principals: Vec<String>,
    pub(crate) valid_after: Timestamp,
    /// `None` means without end.
    pub(crate) valid_before: Option<Timestamp>,
    pub(crate) critical_options: BTreeMap<String, String>,
    /// An empty text makes a flag.
    pub(crate) extensions: BTreeMap<String, String>,
}

/// Why an SSH certificate was not read, made or believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// The line or the bytes are no certificate.
    #[error("the SSH certificate is malformed")]
    Malformed,
    /// The certificate is for a kind of key that is not supported, or could not be signed.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The line would be too long for the readers of identity files.
    #[error("the SSH certificate would be longer than 64 KiB: the user has too many roles or traits")]
    TooLong,
    /// None of the given authorities signed it.
    #[error("the SSH certificate is not signed by any authority of the cluster")]
    Foreign,
    /// The signature is wrong.
    #[error("the signature of the SSH certificate is wrong")]
    BadSignature,
    /// Its time has not come.
    #[error("the SSH certificate is not valid before {0}")]
    NotYetValid(Timestamp),
    /// Its time is over.
    #[error("the SSH certificate has expired at {0}")]
    Expired(Timestamp),
}

impl From<Malformed> for CertificateError {
    fn from(Malformed: Malformed) -> Self {
        Self::Malformed
    }
}

impl Certificate {
    /// Signs what `body` says.
    pub(crate) fn sign(body: Body, nonce: &[u8; 32], authority: &KeyPair) -> Result<Self, CertificateError> {
        let mut signed = Vec::with_capacity(1024);
        put(&mut signed, format!("{}{SUFFIX}", body.key.ssh_kind()));
        put(&mut signed, nonce);
        body.key.write_ssh_fields(&mut signed);
        signed.extend_from_slice(&body.serial.to_be_bytes());
        let kind: u32 = match body.kind {
            CertificateKind::User => 1,
            CertificateKind::Host => 2,
        };
        signed.extend_from_slice(&kind.to_be_bytes());
        put(&mut signed, &body.key_id);
        let mut principals = Vec::new();
        for principal in &body.principals {
            put(&mut principals, principal);
        }
        put(&mut signed, principals);
        signed.extend_from_slice(&seconds(body.valid_after)?.to_be_bytes());
        let end = body.valid_before.map_or(Ok(FOREVER), seconds)?;
        signed.extend_from_slice(&end.to_be_bytes());
        put_options(&mut signed, &body.critical_options);
        put_options(&mut signed, &body.extensions);
        put(&mut signed, "");
        put(&mut signed, authority.public().ssh_blob());
        let certificate = Self {
            signature: authority.sign_ssh(&signed)?,
            authority: authority.public().clone(),
            signed,
            body,
        };
        if certificate.to_line().len() > LINE_MAX {
            return Err(CertificateError::TooLong);
        }
        Ok(certificate)
    }

    /// Reads `KIND BASE64 [COMMENT]`.
    pub fn from_line(line: &str) -> Result<Self, CertificateError> {
        if line.len() > LINE_MAX {
            return Err(CertificateError::Malformed);
        }
        let mut words = line.split_ascii_whitespace();
        let (Some(kind), Some(blob)) = (words.next(), words.next()) else {
            return Err(CertificateError::Malformed);
        };
        let blob = STANDARD.decode(blob).map_err(|_| CertificateError::Malformed)?;
        if Reader::new(&blob).text()? != kind {
            return Err(CertificateError::Malformed);
        }
        Self::from_blob(&blob)
    }

    fn from_blob(blob: &[u8]) -> Result<Self, CertificateError> {
        let mut reader = Reader::new(blob);
        let kind = reader.text()?;
        let key_kind = kind.strip_suffix(SUFFIX).ok_or(CertificateError::Malformed)?;
        let _nonce = reader.bytes()?;
        let key = PublicKey::read_ssh_fields(key_kind, &mut reader)?;
        let serial = reader.u64()?;
        let kind = match reader.u32()? {
            1 => CertificateKind::User,
            2 => CertificateKind::Host,
            _ => return Err(CertificateError::Malformed),
        };
        let key_id = reader.text()?.to_owned();
        let mut names = Reader::new(reader.bytes()?);
        let mut principals = Vec::new();
        while !names.is_empty() {
            principals.push(names.text()?.to_owned());
        }
        let valid_after = moment(reader.u64()?)?;
        let valid_before = match reader.u64()? {
            FOREVER => None,
            end => Some(moment(end)?),
        };
        let critical_options = read_options(reader.bytes()?)?;
        let extensions = read_options(reader.bytes()?)?;
        let _reserved = reader.bytes()?;
        let authority = PublicKey::from_ssh_blob(reader.bytes()?)?;
        let signed = blob[..blob.len() - reader.rest().len()].to_vec();
        let signature = reader.bytes()?.to_vec();
        reader.end()?;
        Ok(Self {
            body: Body {
                kind,
                key,
                serial,
                key_id,
                principals,
                valid_after,
                valid_before,
                critical_options,
                extensions,
            },
            authority,
            signed,
            signature,
        })
    }

    /// One line without comment or newline, as in identity files and `-cert.pub` files.
    pub fn to_line(&self) -> String {
        let mut blob = self.signed.clone();
        put(&mut blob, &self.signature);
        format!("{}{SUFFIX} {}", self.body.key.ssh_kind(), STANDARD.encode(blob))
    }

    /// For whom it speaks.
    pub fn kind(&self) -> CertificateKind {
        self.body.kind
    }

    /// The key it speaks about.
    pub fn key(&self) -> &PublicKey {
        &self.body.key
    }

    /// The name in the log of an SSH server: for users their name, for hosts empty.
    pub fn key_id(&self) -> &str {
        &self.body.key_id
    }

    /// The serial number; ours is always zero.
    pub fn serial(&self) -> u64 {
        self.body.serial
    }

    /// Logins of a user, names of a host.
    pub fn principals(&self) -> &[String] {
        &self.body.principals
    }

    /// The first moment of validity.
    pub fn valid_after(&self) -> Timestamp {
        self.body.valid_after
    }

    /// The first moment at which it is no longer valid; `None` if there is none.
    pub fn valid_before(&self) -> Option<Timestamp> {
        self.body.valid_before
    }

    /// What a server must understand or else refuse the certificate.
    pub fn critical_options(&self) -> &BTreeMap<String, String> {
        &self.body.critical_options
    }

    /// What a server may ignore. An empty value is a flag.
    pub fn extensions(&self) -> &BTreeMap<String, String> {
        &self.body.extensions
    }

    /// The key that signed it, so far as the certificate says.
    pub fn authority(&self) -> &PublicKey {
        &self.authority
    }

    /// Checks that one of `authorities` signed it and that `now` lies in its time.
    pub fn check<'a>(
        &self,
        authorities: impl IntoIterator<Item = &'a PublicKey>,
        now: Timestamp,
    ) -> Result<(), CertificateError> {
        let Some(authority) = authorities.into_iter().find(|key| **key == self.authority) else {
            return Err(CertificateError::Foreign);
        };
        let signature = x509_form(&self.signature, authority)?;
        if !authority.verifies(&self.signed, &signature) {
            return Err(CertificateError::BadSignature);
        }
        if now < self.body.valid_after {
            return Err(CertificateError::NotYetValid(self.body.valid_after));
        }
        match self.body.valid_before {
            Some(end) if now >= end => Err(CertificateError::Expired(end)),
            _ => Ok(()),
        }
    }
}

/// The signature as X.509 has it, from the form SSH has.
fn x509_form(signature: &[u8], authority: &PublicKey) -> Result<Vec<u8>, CertificateError> {
    let mut reader = Reader::new(signature);
    let kind = reader.text()?;
    let inner = reader.bytes()?;
    reader.end()?;
    match (authority.algorithm(), kind) {
        (Algorithm::Ed25519, "ssh-ed25519") | (Algorithm::Rsa, "rsa-sha2-256") => Ok(inner.to_vec()),
        (Algorithm::P256, "ecdsa-sha2-nistp256") => {
            let mut pair = Reader::new(inner);
            let (r, s) = (pair.number()?, pair.number()?);
            pair.end()?;
            EcdsaSignature::to_der(r, s).ok_or(CertificateError::Malformed)
        }
        // RSA authorities of other makers also sign with SHA-512, which none of ours does.
        _ => Err(CertificateError::BadSignature),
    }
}

fn seconds(moment: Timestamp) -> Result<u64, CertificateError> {
    u64::try_from(moment.as_second()).map_err(|_| CertificateError::Malformed)
}

fn moment(seconds: u64) -> Result<Timestamp, CertificateError> {
    i64::try_from(seconds)
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .ok_or(CertificateError::Malformed)
}

fn put_options(out: &mut Vec<u8>, options: &BTreeMap<String, String>) {
    let mut all = Vec::new();
    for (name, value) in options {
        put(&mut all, name);
        let mut data = Vec::new();
        if !value.is_empty() {
            put(&mut data, value);
        }
        put(&mut all, data);
    }
    put(out, all);
}

fn read_options(bytes: &[u8]) -> Result<BTreeMap<String, String>, CertificateError> {
    let mut reader = Reader::new(bytes);
    let mut options = BTreeMap::new();
    while !reader.is_empty() {
        let name = reader.text()?;
        let mut data = Reader::new(reader.bytes()?);
        let value = if data.is_empty() { "" } else { data.text()? };
        data.end()?;
        // In order and each once, as OpenSSH demands.
        if options
            .last_key_value()
            .is_some_and(|(last, _): (&String, _)| last.as_str() >= name)
        {
            return Err(CertificateError::Malformed);
        }
        options.insert(name.to_owned(), value.to_owned());
    }
    Ok(options)
}
