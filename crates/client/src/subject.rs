//! The few facts of a client certificate that decide how to dial.

use der::asn1::ObjectIdentifier;
use der::{Decode as _, Tagged as _};
use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::name::Name;

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const ORGANIZATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.10");
const CLUSTER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.9999.1.7");

/// Who and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) user: String,
    pub(crate) cluster: String,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
}

impl Subject {
    pub(crate) fn of(der: &CertificateDer<'_>) -> Result<Self, &'static str> {
        let certificate =
            Certificate::from_der(der).map_err(|_| "the certificate does not follow its format")?;
        let body = certificate.tbs_certificate();
        let moment = |time: &x509_cert::time::Time| {
            i64::try_from(time.to_unix_duration().as_secs())
                .ok()
                .and_then(|seconds| Timestamp::from_second(seconds).ok())
                .ok_or("the certificate's validity is out of range")
        };
        Ok(Self {
            user: value(body.subject(), COMMON_NAME).ok_or("the certificate names no user")?,
            cluster: value(body.subject(), CLUSTER)
                .or_else(|| value(body.issuer(), ORGANIZATION))
                .ok_or("the certificate names no cluster")?,
            not_before: moment(&body.validity().not_before)?,
            not_after: moment(&body.validity().not_after)?,
        })
    }
}

/// The first value of an attribute.
fn value(name: &Name, attribute: ObjectIdentifier) -> Option<String> {
    name.iter()
        .find(|one| one.oid == attribute)
        .and_then(|one| match one.value.tag() {
            der::Tag::Utf8String | der::Tag::PrintableString | der::Tag::Ia5String => {
                String::from_utf8(one.value.value().to_vec()).ok()
            }
            _ => None,
        })
        .filter(|text| !text.is_empty())
}
