//! The certificate of a proxy that has been given none.

use access::ambient::Entropy;
use jiff::{SignedDuration, Timestamp};
use rustls_pki_types::CertificateDer;

use crate::issue::{IssueError, bounded, fits_as_name};
use crate::key::KeyPair;
use crate::names;
use crate::x509::body::{Use, general_name, leaf_extensions, serial};
use crate::x509::name::NameBuilder;
use crate::x509::{Body, Issuer, oid, time};

/// How long the certificate is valid: as long as browsers still accept.
pub const LIFETIME: SignedDuration = SignedDuration::from_hours(825 * 24);

/// Makes a certificate that vouches for itself, for this machine's names and `listed`.
///
/// It is no authority: whoever decides to trust it trusts these names and nothing else.
pub fn self_signed(
    key: &KeyPair,
    node_name: &str,
    listed: &[String],
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<CertificateDer<'static>, IssueError> {
    let names = names::web_names(node_name, listed);
    names.iter().try_for_each(|name| fits_as_name(name))?;
    let names = names
        .iter()
        .map(|name| general_name(name))
        .collect::<der::Result<Vec<_>>>()?;
    let name = NameBuilder::default()
        .one(oid::COUNTRY, "US")?
        .one(oid::ORGANIZATION, "localhost")?
        .one(oid::COMMON_NAME, "localhost")?
        .finish();
    let body = Body {
        serial: serial(entropy),
        subject: name.clone(),
        key: key.public(),
        not_before: time::backdated(now),
        not_after: time::whole(now.saturating_add(LIFETIME).unwrap_or(Timestamp::MAX)),
        extensions: leaf_extensions(key.public(), Use::Server, None, &names)?,
    };
    bounded(body.sign(&Issuer { name: &name, key })?)
}
