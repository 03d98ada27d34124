//! Identity files: one text with everything that a program needs to reach a cluster.
//!
//! They are written byte for byte as the original writes them and read as leniently as its readers do:
//! unknown lines are passed over, and the order of the PEM blocks alone says what they are. Whether key and
//! certificate belong together, and whether the time is right, is not looked at here.

use std::fmt;
use std::str::FromStr;

use access::SecretText;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Go's readers refuse longer lines.
const LINE_MAX: usize = 64 * 1024;
/// Enough for the largest private key, which therefore leaves no copy behind while it is read.
const KEY_ROOM: usize = 8 * 1024;
/// No identity file is longer, however many clusters it knows.
const TEXT_MAX: usize = 4 << 20;
/// Nor does any know more authorities.
const BLOCKS_MAX: usize = 1024;
/// Only the owner may read what holds a key.
const MODE: u32 = 0o600;

/// The parts of an identity file.
///
/// Every PEM text is one block and ends with a newline; lines have none.
#[derive(Clone, Default)]
pub struct IdentityFile {
    /// The private key of both certificates: PEM.
    pub private_key: SecretText,
    /// The SSH certificate: `KIND BASE64`. Old writers put it into a file beside this one.
    pub ssh_certificate: Option<String>,
    /// The TLS certificate: PEM.
    pub tls_certificate: String,
    /// The SSH authorities of hosts: `@cert-authority` lines, see [`known_hosts_line`].
    pub ssh_authorities: Vec<String>,
    /// The TLS authorities of hosts: PEM.
    pub tls_authorities: Vec<String>,
}

/// Why a text is no identity file, or cannot become one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityFileError {
    /// Not one PEM block.
    #[error("it holds no key and no certificate: this is not an identity file")]
    Nothing,
    /// A PEM block begins and does not end.
    #[error("invalid PEM block (fragment): the file is cut off inside `{label}`")]
    Fragment {
        /// What the BEGIN line says.
        label: String,
    },
    /// A PEM block that holds something else than base64.
    #[error("the PEM block `{label}` holds something that is not base64")]
    Garbled {
        /// What the BEGIN line says.
        label: String,
    },
    /// The first block is something else.
    #[error("the first PEM block must be the private key, not `{label}`")]
    NotAKey {
        /// What the BEGIN line says.
        label: String,
    },
    /// A later block is something else.
    #[error("the PEM blocks after the private key must be certificates, not `{label}`")]
    NotACertificate {
        /// What the BEGIN line says.
        label: String,
    },
    /// A part is not there.
    #[error("it holds no {0}")]
    Missing(&'static str),
    /// More than anybody reads.
    #[error("it is longer than 4 MiB, or holds more than {BLOCKS_MAX} certificates")]
    TooLong,
    /// A line that Go programs refuse to read.
    #[error(
        "the {0} is longer than 64 KiB, more than other programs read: the user has too many roles or traits"
    )]
    LineTooLong(&'static str),
    /// A part with a line break where it would become another part.
    #[error("the {0} is not one line")]
    NotOneLine(&'static str),
}

impl IdentityFile {
    /// Takes a text apart.
    ///
    /// A file without an SSH certificate is accepted: the caller may find one beside it.
    pub fn read(text: &str) -> Result<Self, IdentityFileError> {
        if text.len() > TEXT_MAX {
            return Err(IdentityFileError::TooLong);
        }
        let mut blocks = Vec::new();
        let mut ssh_certificate = None;
        let mut ssh_authorities = Vec::new();
        let mut lines = text.lines().map(str::trim);
        while let Some(line) = lines.next() {
            if blocks.len() > BLOCKS_MAX {
                return Err(IdentityFileError::TooLong);
            } else if line.starts_with("-----BEGIN") {
                blocks.push(Block::read(line, &mut lines)?);
            } else if is_ssh_certificate(line) {
                ssh_certificate = Some(line.to_owned());
            } else if line.starts_with("@cert-authority") {
                ssh_authorities.push(line.to_owned());
            }
        }
        let mut blocks = blocks.into_iter();
        let key = blocks.next().ok_or(IdentityFileError::Nothing)?;
        if !key.label.ends_with("PRIVATE KEY") {
            return Err(IdentityFileError::NotAKey { label: key.label });
        }
        let mut certificates = blocks.map(|block| match block.label.as_str() {
            "CERTIFICATE" => Ok(block.text.expose().clone()),
            _ => Err(IdentityFileError::NotACertificate { label: block.label }),
        });
        Ok(Self {
            private_key: key.text,
            ssh_certificate,
            tls_certificate: certificates
                .next()
                .ok_or(IdentityFileError::Missing("certificate"))??,
            ssh_authorities,
            tls_authorities: certificates.collect::<Result<_, _>>()?,
        })
    }

    /// Puts the parts together: key, SSH certificate, TLS certificate, SSH authorities, TLS authorities.
    pub fn write(&self) -> Result<SecretText, IdentityFileError> {
        let ssh_certificate = self.ssh_line()?;
        for line in &self.ssh_authorities {
            one_line("authority", line)?;
        }
        let parts = || {
            [
                self.private_key.expose().as_str(),
                ssh_certificate,
                self.tls_certificate.as_str(),
            ]
            .into_iter()
            .chain(self.ssh_authorities.iter().map(String::as_str))
            .chain(self.tls_authorities.iter().map(String::as_str))
        };
        // Room for all of it, so that growing leaves no copy of the key behind.
        let mut text = String::with_capacity(parts().map(|part| part.len() + 1).sum());
        for part in parts() {
            push_ended(&mut text, part);
        }
        Ok(text.into())
    }

    /// The files of a format.
    ///
    /// The private key must already be in the form the format wants: for [`Format::OpenSsh`] that of
    /// OpenSSH, else PKCS#8 (RSA: PKCS#1).
    pub fn files(&self, format: Format) -> Result<Vec<OutFile>, IdentityFileError> {
        let private = |suffix| {
            let mut text = String::with_capacity(self.private_key.expose().len() + 1);
            push_ended(&mut text, self.private_key.expose());
            OutFile::new(suffix, text)
        };
        let public = |suffix, parts: &[&str]| {
            let mut text = String::new();
            for part in parts {
                push_ended(&mut text, part);
            }
            OutFile::new(suffix, text)
        };
        Ok(match format {
            Format::File => vec![OutFile {
                suffix: "",
                mode: MODE,
                content: self.write()?,
            }],
            Format::Tls => {
                let authorities: Vec<&str> = self.tls_authorities.iter().map(String::as_str).collect();
                vec![
                    private(".key"),
                    public(".crt", &[&self.tls_certificate]),
                    public(".cas", &authorities),
                ]
            }
            Format::OpenSsh => vec![private(""), public("-cert.pub", &[self.ssh_line()?])],
        })
    }

    fn ssh_line(&self) -> Result<&str, IdentityFileError> {
        let line = self.ssh_certificate.as_deref().map(str::trim_end);
        let line = line.ok_or(IdentityFileError::Missing("SSH certificate"))?;
        one_line("SSH certificate", line)?;
        Ok(line)
    }
}

/// How credentials are laid out in files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One identity file.
    File,
    /// `.key`, `.crt` and `.cas`.
    Tls,
    /// A private key and its `-cert.pub`.
    OpenSsh,
}

/// Why a format cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// Known, and not written by this version.
    #[error("the identity format `{0}` is not available yet, use one of file, openssh, tls")]
    NotAvailable(String),
    /// Not known.
    #[error("unsupported identity format: {0:?}, use one of file, openssh, tls")]
    Unknown(String),
}

impl Format {
    /// The name of the format in commands.
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Tls => "tls",
            Self::OpenSsh => "openssh",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = FormatError;

    fn from_str(name: &str) -> Result<Self, FormatError> {
        match name {
            "file" => Ok(Self::File),
            "tls" => Ok(Self::Tls),
            "openssh" => Ok(Self::OpenSsh),
            "cassandra" | "cockroachdb" | "db" | "elasticsearch" | "kubernetes" | "mongodb" | "oracle"
            | "redis" | "scylla" | "snowflake" | "windows" => Err(FormatError::NotAvailable(name.to_owned())),
            _ => Err(FormatError::Unknown(name.to_owned())),
        }
    }
}

/// A file to write.
pub struct OutFile {
    /// What follows the name the user chose.
    pub suffix: &'static str,
    /// Who may read it.
    pub mode: u32,
    /// What it holds.
    pub content: SecretText,
}

impl OutFile {
    fn new(suffix: &'static str, text: String) -> Self {
        Self {
            suffix,
            mode: MODE,
            content: text.into(),
        }
    }
}

/// One PEM block, its lines trimmed.
struct Block {
    label: String,
    text: SecretText,
}

impl Block {
    fn read<'a>(
        begin: &'a str,
        lines: &mut impl Iterator<Item = &'a str>,
    ) -> Result<Self, IdentityFileError> {
        let label = begin
            .trim_start_matches("-----BEGIN")
            .trim_end_matches('-')
            .trim()
            .to_owned();
        let (mut text, mut base64) = (
            SecretText::new(String::with_capacity(KEY_ROOM)),
            SecretText::new(String::with_capacity(KEY_ROOM)),
        );
        push_ended(text.expose_mut(), begin);
        for line in lines {
            if line.starts_with("-----BEGIN") {
                break;
            }
            push_ended(text.expose_mut(), line);
            if line.starts_with("-----END") {
                if line != format!("-----END {label}-----") {
                    break;
                }
                return match STANDARD.decode(base64.expose()) {
                    Ok(content) => {
                        drop(access::SecretBytes::new(content));
                        Ok(Self { label, text })
                    }
                    Err(_) => Err(IdentityFileError::Garbled { label }),
                };
            }
            // Lines with a colon are headers of the old form.
            if !line.contains(':') {
                base64.expose_mut().push_str(line);
            }
        }
        Err(IdentityFileError::Fragment { label })
    }
}

/// Whether the first word is `…-cert-vNN@openssh.com`.
fn is_ssh_certificate(line: &str) -> bool {
    let word = line.split_ascii_whitespace().next().unwrap_or_default();
    word.strip_suffix("@openssh.com")
        .and_then(|name| name.rsplit_once("-cert-v"))
        .is_some_and(|(kind, version)| {
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            !kind.is_empty()
                && kind.bytes().all(plain)
                && version.len() == 2
                && version.bytes().all(|byte| byte.is_ascii_digit())
        })
}

fn one_line(what: &'static str, line: &str) -> Result<(), IdentityFileError> {
    if line.len() >= LINE_MAX {
        return Err(IdentityFileError::LineTooLong(what));
    }
    if line.trim_end().contains(['\n', '\r']) {
        return Err(IdentityFileError::NotOneLine(what));
    }
    Ok(())
}

fn push_ended(text: &mut String, part: &str) {
    text.push_str(part);
    if !part.ends_with('\n') {
        text.push('\n');
    }
}

/// The line by which SSH clients trust a cluster's host authority, without newline.
///
/// `key` is an `authorized_keys` line; only its first two words are taken. `proxy_host` stands in front of
/// the cluster's name where the writer knows it.
pub fn known_hosts_line(proxy_host: Option<&str>, cluster: &str, key: &str) -> String {
    let proxy = proxy_host.map(|host| format!("{host},")).unwrap_or_default();
    format!(
        "@cert-authority {proxy}{cluster},*.{cluster} {} type=host",
        bare(key)
    )
}

/// The line by which SSH servers trust a cluster's user authority, without newline.
pub fn trusted_user_line(cluster: &str, key: &str) -> String {
    format!(
        "cert-authority {} clustername={}&type=user",
        bare(key),
        escaped(cluster)
    )
}

/// An `authorized_keys` line without its comment.
fn bare(key: &str) -> String {
    let mut words = key.split_ascii_whitespace();
    let kind = words.next().unwrap_or_default();
    format!("{kind} {}", words.next().unwrap_or_default())
}

/// A value of a query string.
fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b' ' => out.push('+'),
            b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    const SSH: &str = "ecdsa-sha2-nistp256-cert-v01@openssh.com BBBB";
    const TLS: &str = "-----BEGIN CERTIFICATE-----\nCCCC\n-----END CERTIFICATE-----\n";
    const CA_1: &str = "-----BEGIN CERTIFICATE-----\nDDDD\n-----END CERTIFICATE-----\n";
    const CA_2: &str = "-----BEGIN CERTIFICATE-----\nEEEE\n-----END CERTIFICATE-----\n";
    const WHOLE: &str = "\
-----BEGIN PRIVATE KEY-----
AAAA
-----END PRIVATE KEY-----
ecdsa-sha2-nistp256-cert-v01@openssh.com BBBB
-----BEGIN CERTIFICATE-----
CCCC
-----END CERTIFICATE-----
@cert-authority example.com,*.example.com ssh-ed25519 FFFF type=host
@cert-authority proxy.example.com,leaf,*.leaf ssh-ed25519 GGGG type=host
-----BEGIN CERTIFICATE-----
DDDD
-----END CERTIFICATE-----
-----BEGIN CERTIFICATE-----
EEEE
-----END CERTIFICATE-----
";

    fn parts() -> IdentityFile {
        IdentityFile {
            private_key: KEY.to_owned().into(),
            ssh_certificate: Some(SSH.to_owned()),
            tls_certificate: TLS.to_owned(),
            ssh_authorities: vec![
                known_hosts_line(None, "example.com", "ssh-ed25519 FFFF\n"),
                known_hosts_line(Some("proxy.example.com"), "leaf", "ssh-ed25519 GGGG a comment"),
            ],
            tls_authorities: vec![CA_1.to_owned(), CA_2.to_owned()],
        }
    }

    fn refusal(text: &str) -> String {
        IdentityFile::read(text).err().expect("a refusal").to_string()
    }

    #[test]
    fn the_layout_is_the_originals_byte_for_byte() {
        assert_eq!(parts().write().unwrap().expose(), WHOLE);
        // Parts without a final newline get one.
        let unended = IdentityFile {
            private_key: KEY.trim_end().to_owned().into(),
            tls_certificate: TLS.trim_end().to_owned(),
            tls_authorities: vec![CA_1.trim_end().to_owned(), CA_2.to_owned()],
            ..parts()
        };
        assert_eq!(unended.write().unwrap().expose(), WHOLE);
    }

    #[test]
    fn what_was_written_is_read_and_written_again() {
        let read = IdentityFile::read(WHOLE).unwrap();
        assert_eq!(read.tls_certificate, TLS);
        assert_eq!(read.ssh_certificate.as_deref(), Some(SSH));
        assert_eq!(read.ssh_authorities, parts().ssh_authorities);
        assert_eq!(read.tls_authorities, [CA_1, CA_2]);
        assert_eq!(read.write().unwrap().expose(), WHOLE);
    }

    #[test]
    fn readers_pass_over_what_they_do_not_know() {
        // Other line ends, indentation, comments; the order among PEM blocks alone matters.
        let dressed = format!(
            "# mine\r\n@cert-authority a,*.a ssh-ed25519 FFFF type=host\r\n\n  {}\nssh-ed25519 AAAA not-a-certificate\n{}{SSH}1\n{SSH}\n",
            KEY.replace('\n', "\r\n   "),
            TLS
        );
        let read = IdentityFile::read(&dressed).unwrap();
        assert_eq!(read.private_key.expose(), KEY);
        assert_eq!(read.tls_certificate, TLS);
        // The last one counts.
        assert_eq!(read.ssh_certificate.as_deref(), Some(SSH));
        assert_eq!(read.ssh_authorities.len(), 1);
        assert!(read.tls_authorities.is_empty());
        let without = IdentityFile::read(&format!("{KEY}{TLS}")).unwrap();
        assert_eq!(without.ssh_certificate, None);
    }

    #[test]
    fn every_refusal_says_what_is_wrong() {
        let garbled = WHOLE.replace("CCCC", "C?CC");
        let swapped = format!("{TLS}{KEY}");
        let two_keys = format!("{KEY}{KEY}");
        let out: String = [
            "",
            "-----BEGIN",
            &WHOLE[..40],
            &WHOLE[..120],
            &garbled,
            &swapped,
            &two_keys,
            KEY,
            &WHOLE.replace("-----END PRIVATE KEY-----", "-----END CERTIFICATE-----"),
            &"x".repeat(TEXT_MAX + 1),
        ]
        .iter()
        .fold(String::new(), |out, text| out + &refusal(text) + "\n");
        expect_test::expect![["
            it holds no key and no certificate: this is not an identity file
            invalid PEM block (fragment): the file is cut off inside ``
            invalid PEM block (fragment): the file is cut off inside `PRIVATE KEY`
            invalid PEM block (fragment): the file is cut off inside `CERT`
            the PEM block `CERTIFICATE` holds something that is not base64
            the first PEM block must be the private key, not `CERTIFICATE`
            the PEM blocks after the private key must be certificates, not `PRIVATE KEY`
            it holds no certificate
            invalid PEM block (fragment): the file is cut off inside `PRIVATE KEY`
            it is longer than 4 MiB, or holds more than 1024 certificates
        "]]
        .assert_eq(&out);
    }

    #[test]
    fn every_cut_is_noticed_or_loses_only_authorities() {
        for length in 0..WHOLE.len() {
            if let Ok(read) = IdentityFile::read(&WHOLE[..length]) {
                assert_eq!(read.tls_certificate, TLS, "{length}");
                assert_eq!(read.private_key.expose(), KEY, "{length}");
            }
        }
    }

    #[test]
    fn what_others_could_not_read_is_not_written() {
        let with = |ssh: &str| {
            let parts = IdentityFile {
                ssh_certificate: Some(ssh.to_owned()),
                ..parts()
            };
            parts.write().err()
        };
        let long = format!("{SSH}{}", "B".repeat(LINE_MAX));
        assert_eq!(
            with(&long),
            Some(IdentityFileError::LineTooLong("SSH certificate"))
        );
        let two = format!("{SSH}\n{SSH}");
        assert_eq!(with(&two), Some(IdentityFileError::NotOneLine("SSH certificate")));
        let none = IdentityFile {
            ssh_certificate: None,
            ..parts()
        };
        assert_eq!(
            none.write().err(),
            Some(IdentityFileError::Missing("SSH certificate"))
        );
    }

    #[test]
    fn each_format_has_its_files() {
        let files = |format: &str| -> Vec<(String, u32, String)> {
            let files = parts().files(format.parse().unwrap()).unwrap();
            let files = files.iter();
            files
                .map(|file| (file.suffix.to_owned(), file.mode, file.content.expose().clone()))
                .collect()
        };
        let file = |suffix: &str, content: &str| (suffix.to_owned(), 0o600, content.to_owned());
        assert_eq!(files("file"), [file("", WHOLE)]);
        assert_eq!(
            files("tls"),
            [
                file(".key", KEY),
                file(".crt", TLS),
                file(".cas", &format!("{CA_1}{CA_2}"))
            ]
        );
        assert_eq!(
            files("openssh"),
            [file("", KEY), file("-cert.pub", &format!("{SSH}\n"))]
        );
        let error = |name: &str| name.parse::<Format>().unwrap_err().to_string();
        assert_eq!(
            error("x"),
            "unsupported identity format: \"x\", use one of file, openssh, tls"
        );
        assert!(error("cassandra").contains("not available yet"));
    }

    #[test]
    fn the_lines_servers_trust_have_their_form() {
        assert_eq!(
            trusted_user_line("teleport.example.com", "ssh-ed25519 AAAA\n"),
            "cert-authority ssh-ed25519 AAAA clustername=teleport.example.com&type=user"
        );
        assert_eq!(
            trusted_user_line("a b&c", "ssh-ed25519 AAAA"),
            "cert-authority ssh-ed25519 AAAA clustername=a+b%26c&type=user"
        );
    }
}
