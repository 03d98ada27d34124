//! A certificate as error messages describe it.

use std::net::IpAddr;

use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::der::asn1::{Ia5StringRef, OctetString};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// What people can recognise a certificate by. All empty if it cannot be parsed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    /// The subject's common name.
    pub subject: String,
    /// The issuer's common name.
    pub issuer: String,
    /// The DNS names and IP addresses it is valid for.
    pub names: Vec<String>,
    /// The beginning of its validity.
    pub not_before: Option<Timestamp>,
    /// The end of its validity.
    pub not_after: Option<Timestamp>,
    /// Subject and issuer are the same.
    pub self_signed: bool,
    /// SHA-256 over the certificate, in hexadecimal.
    pub fingerprint: String,
}

impl Shown {
    /// Describes a certificate.
    pub fn of(der: &CertificateDer<'_>) -> Self {
        let fingerprint = hexadecimal(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, der).as_ref());
        let Ok(certificate) = Certificate::from_der(der) else {
            return Self {
                fingerprint,
                ..Self::default()
            };
        };
        let body = certificate.tbs_certificate();
        let moment = |time: &x509_cert::time::Time| {
            i64::try_from(time.to_unix_duration().as_secs())
                .ok()
                .and_then(|seconds| Timestamp::from_second(seconds).ok())
        };
        let names = match body.get_extension::<SubjectAltName>() {
            Ok(Some((_, names))) => names.0.iter().filter_map(name_shown).collect(),
            _ => Vec::new(),
        };
        Self {
            subject: common_name(body.subject()),
            issuer: common_name(body.issuer()),
            names,
            not_before: moment(&body.validity().not_before),
            not_after: moment(&body.validity().not_after),
            self_signed: body.subject() == body.issuer(),
            fingerprint,
        }
    }

    /// The names in a sentence.
    pub fn names_listed(&self) -> String {
        if self.names.is_empty() {
            "no name at all".to_owned()
        } else {
            self.names
                .iter()
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(", ")
        }
    }

    /// Subject, issuer and fingerprint in a phrase.
    pub fn described(&self) -> String {
        if self.fingerprint.is_empty() {
            return "no certificate was shown".to_owned();
        }
        let by = if self.self_signed {
            "self-signed".to_owned()
        } else {
            format!("issued by `{}`", self.issuer)
        };
        format!("`{}`, {by}, SHA-256 {}", self.subject, &self.fingerprint[..16])
    }
}

fn name_shown(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(ia5(name.into())),
        GeneralName::IpAddress(bytes) => ip(bytes).map(|ip| ip.to_string()),
        _ => None,
    }
}

fn ia5(name: Ia5StringRef<'_>) -> String {
    name.as_str().to_owned()
}

fn ip(bytes: &OctetString) -> Option<IpAddr> {
    match bytes.as_bytes().len() {
        4 => <[u8; 4]>::try_from(bytes.as_bytes()).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(bytes.as_bytes()).ok().map(IpAddr::from),
        _ => None,
    }
}

fn common_name(name: &x509_cert::name::Name) -> String {
    const COMMON_NAME: &str = "CN=";
    // The text form escapes what could confuse a reader.
    let text = name.to_string();
    text.split([',', '+'])
        .find_map(|part| part.trim_start().strip_prefix(COMMON_NAME))
        .map_or_else(|| text.clone(), str::to_owned)
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
