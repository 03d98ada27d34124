//! Takes an identity file apart, as tolerantly as its other readers do.

use access::SecretText;

use crate::identity::IdentityParts;

/// Why a text is no identity file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IdentityFileError {
    /// A PEM block begins and does not end: the file was cut off.
    #[error("a PEM block does not end: the file is cut off")]
    Fragment,
    /// There is no private key, or no certificate after it.
    #[error("it does not hold a private key and a certificate")]
    Incomplete,
}

/// Reads the parts: the first PEM block is the key, the second the certificate, all others are
/// authorities; one line is the SSH certificate. Everything else is ignored.
pub(crate) fn read(text: &str) -> Result<IdentityParts, IdentityFileError> {
    let mut blocks: Vec<SecretText> = Vec::new();
    let mut ssh_certificate = None;
    let mut lines = text.lines().map(str::trim);
    while let Some(line) = lines.next() {
        if line.starts_with("-----BEGIN") {
            let mut block = String::with_capacity(2048);
            let mut next = Some(line);
            loop {
                let line = next.ok_or(IdentityFileError::Fragment)?;
                block.push_str(line);
                block.push('\n');
                if line.starts_with("-----END") && line.ends_with("-----") && line.len() > 13 {
                    break;
                }
                next = lines.next();
            }
            blocks.push(block.into());
        } else if is_ssh_certificate(line) {
            ssh_certificate = Some(line.to_owned());
        }
    }
    let mut blocks = blocks.into_iter();
    let (Some(private_key), Some(certificate)) = (blocks.next(), blocks.next()) else {
        return Err(IdentityFileError::Incomplete);
    };
    Ok(IdentityParts {
        private_key,
        tls_certificate: certificate.expose().clone(),
        tls_authorities: blocks.map(|block| block.expose().clone()).collect(),
        ssh_certificate,
    })
}

/// Whether the first word is `…-cert-vNN@openssh.com`.
fn is_ssh_certificate(line: &str) -> bool {
    let word = line.split_ascii_whitespace().next().unwrap_or_default();
    word.strip_suffix("@openssh.com")
        .and_then(|name| name.rsplit_once("-cert-v"))
        .is_some_and(|(kind, version)| {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            !kind.is_empty()
                && kind.chars().all(plain)
                && version.len() == 2
                && version.chars().all(|c| c.is_ascii_digit())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# a comment\n-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n\
        ecdsa-sha2-nistp256-cert-v01@openssh.com AAAA\n  -----BEGIN CERTIFICATE-----\n  BBBB\n-----END CERTIFICATE-----\n\
        @cert-authority c,*.c ssh-ed25519 AAAA type=host\n-----BEGIN CERTIFICATE-----\nCCCC\n-----END CERTIFICATE-----\n\
        -----BEGIN CERTIFICATE-----\nDDDD\n-----END CERTIFICATE-----\n";

    #[test]
    fn the_order_of_the_blocks_says_what_they_are() {
        let parts = read(FILE).expect("readable");
        assert!(parts.private_key.expose().contains("AAAA"));
        assert_eq!(
            parts.tls_certificate,
            "-----BEGIN CERTIFICATE-----\nBBBB\n-----END CERTIFICATE-----\n"
        );
        assert_eq!(parts.tls_authorities.matches("BEGIN").count(), 2);
        assert_eq!(
            parts.ssh_certificate.as_deref(),
            Some("ecdsa-sha2-nistp256-cert-v01@openssh.com AAAA")
        );
    }

    #[test]
    fn every_cut_is_noticed_or_harmless() {
        for length in 0..FILE.len() {
            match read(&FILE[..length]) {
                Err(IdentityFileError::Fragment | IdentityFileError::Incomplete) => {}
                Ok(parts) => assert!(parts.tls_certificate.contains("BBBB"), "{length}"),
            }
        }
    }
}
