//! Credentials in files: `tsh login --out=FILE`.

use std::path::{Path, PathBuf};

use cli::{Failure, prompt};
use client::files;
use client::web::LoginAnswer;
use pki::{Algorithm, KeyPair};
use wire::identity_file::{Format, IdentityFile, known_hosts_line};

use crate::args::IdentityFormat;
use crate::out;
use crate::refusal;
use crate::world::World;

/// The files that credentials are to be written to.
pub struct Target {
    path: PathBuf,
    format: Format,
}

impl Target {
    /// The files named, if they may be written: asks before one that exists is lost.
    pub fn new(path: &Path, format: IdentityFormat, overwrite: bool) -> Result<Self, Failure> {
        let format = match format {
            IdentityFormat::File => Format::File,
            IdentityFormat::Openssh => Format::OpenSsh,
            IdentityFormat::Kubernetes => {
                return Err(Failure::new("the format `kubernetes` is not available yet")
                    .hint("use `--format=file` or `--format=openssh`"));
            }
        };
        let target = Self {
            path: path.to_owned(),
            format,
        };
        let there: Vec<String> = target
            .paths()
            .into_iter()
            .filter(|path| path.exists())
            .map(|path| cli::text::visible(&path.display().to_string()))
            .collect();
        if !there.is_empty() && !overwrite {
            let question = format!("Destination file(s) {} exist. Overwrite?", there.join(", "));
            if !prompt::interactive() || !prompt::confirm(&question)? {
                return Err(
                    Failure::new(format!("{} exists and was not written over", there.join(", ")))
                        .hint("name another file, or say `--overwrite`"),
                );
            }
        }
        Ok(target)
    }

    fn paths(&self) -> Vec<PathBuf> {
        let suffixes: &[&str] = match self.format {
            Format::OpenSsh => &["", "-cert.pub"],
            _ => &[""],
        };
        suffixes.iter().map(|suffix| beside(&self.path, suffix)).collect()
    }

    /// The one key that goes into the files.
    pub fn key(&self, world: &World) -> Result<KeyPair, Failure> {
        let algorithm = match self.format {
            Format::OpenSsh => Algorithm::Ed25519,
            _ => Algorithm::P256,
        };
        KeyPair::generate(algorithm, &*world.entropy)
            .map_err(|error| Failure::new(format!("no key could be made: {error}")))
    }

    /// Writes what came out of a sign-in through the proxy at `host`.
    pub fn write(&self, host: &str, key: &KeyPair, answer: &LoginAnswer) -> Result<(), Failure> {
        let private_key = match self.format {
            Format::OpenSsh => key.to_openssh_pem(),
            _ => key.to_pem(),
        };
        let signers = &answer.host_signers;
        let file = IdentityFile {
            private_key: private_key.map_err(|error| Failure::new(error.to_string()))?,
            ssh_certificate: Some(answer.ssh_certificate.clone()),
            tls_certificate: answer.tls_certificate.clone(),
            ssh_authorities: signers
                .iter()
                .flat_map(|signer| {
                    let line = |key: &String| known_hosts_line(Some(host), &signer.cluster, key);
                    signer.checking_keys.iter().map(line)
                })
                .collect(),
            tls_authorities: signers
                .iter()
                .flat_map(|signer| signer.tls_certs.clone())
                .collect(),
        };
        let parts = file
            .files(self.format)
            .map_err(|error| Failure::new(format!("the credentials cannot be written: {error}")))?;
        for part in parts {
            let path = beside(&self.path, part.suffix);
            files::write_whole(&path, part.content.expose().as_bytes(), part.mode)
                .map_err(|error| Failure::new(refusal::with_cause(&error)))?;
        }
        let name = cli::text::visible(&self.path.display().to_string());
        out::data(&format!("\nThe certificate has been written to {name}\n"))
    }
}

/// The path with `suffix` after its last character.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
