//! The files of the data directory besides the store: who this host is, and how its local administrator gets in.

use std::fs::{File, OpenOptions, TryLockError};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use access::SecretText;
use access::ambient::Entropy;
use auth::ids::{Chance, is_uuid};
use cli::Failure;
use client::files::{self, PRIVATE};

use crate::failures;

/// Holds the id of this host.
pub const HOST_ID: &str = "host_uuid";
/// Holds what the tools on this host read.
pub const PROCESS: &str = "proc";
/// Under [`PROCESS`]: the local administrator's identity file.
pub const ADMIN: &str = "admin";
/// Under [`PROCESS`]: where the Auth Service listens, `HOST:PORT`.
pub const AUTH_ADDRESS: &str = "auth_address";
/// Under [`PROCESS`]: who a proxy is towards an Auth Service elsewhere.
const MEMBER: &str = "proxy";
/// Held by the process that works on the directory, where there is no store that would see to it.
const LOCK: &str = "lock";
/// The certificate that a proxy makes for itself, with its key.
const WEB_CERTIFICATE: &str = "web.pem";

/// The data directory of a server that has the store's lock.
#[derive(Clone)]
pub struct Home {
    directory: PathBuf,
    /// The id of this host, a UUID.
    pub host_id: String,
}

/// Refuses a directory in which anybody could exchange files.
///
/// # Errors
/// It is no directory, or the whole machine may write to it.
pub fn check_directory(directory: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt as _;
    let Ok(about) = std::fs::metadata(directory) else {
        return Ok(());
    };
    let shown = directory.display();
    if !about.is_dir() {
        return Err(
            Failure::new(format!("the data directory `{shown}` is no directory"))
                .hint("give another one with `--data-dir` or `teleport.data_dir`"),
        );
    }
    if about.permissions().mode() & 0o002 != 0 {
        return Err(Failure::new(format!(
            "everybody on this machine may write to the data directory `{shown}`"
        ))
        .hint(format!("give it to this service alone: chmod 700 {shown}")));
    }
    Ok(())
}

impl Home {
    /// Finds out who this host is; decides it at the first start.
    ///
    /// # Errors
    /// The file cannot be read or written, or holds something else.
    pub fn open(directory: &Path, entropy: &Arc<dyn Entropy>) -> Result<Self, Failure> {
        let path = directory.join(HOST_ID);
        let host_id = match files::read_text(&path).map_err(|error| failures::file(&error))? {
            Some(text) if is_uuid(text.trim()) => text.trim().to_owned(),
            Some(_) => {
                return Err(Failure::new(format!("`{}` does not hold a UUID", path.display()))
                    .hint("restore it from a backup: certificates name this host by it"));
            }
            None => {
                let host_id = Chance::new(Arc::clone(entropy)).uuid();
                write(&path, format!("{host_id}\n").as_bytes())?;
                host_id
            }
        };
        files::create_private_directory(&directory.join(PROCESS)).map_err(|error| failures::file(&error))?;
        Ok(Self {
            directory: directory.to_owned(),
            host_id,
        })
    }

    /// Leaves the local administrator's identity for the tools on this host.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_admin(&self, identity: &SecretText) -> Result<(), Failure> {
        write(
            &self.directory.join(PROCESS).join(ADMIN),
            identity.expose().as_bytes(),
        )
    }

    /// Leaves the Auth Service's address for the tools on this host.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_auth_address(&self, listens: SocketAddr) -> Result<(), Failure> {
        let line = format!("{}\n", from_here(listens));
        write(&self.directory.join(PROCESS).join(AUTH_ADDRESS), line.as_bytes())
    }

    /// Where a proxy keeps who it is towards an Auth Service elsewhere.
    pub fn member_file(&self) -> PathBuf {
        self.directory.join(PROCESS).join(MEMBER)
    }

    /// Where the proxy keeps the certificate that it makes for itself.
    pub fn web_certificate_file(&self) -> PathBuf {
        self.directory.join(WEB_CERTIFICATE)
    }
}

/// Keeps a second process out of a directory that has no store, as long as the value lives.
///
/// # Errors
/// There is one, or the directory cannot be written.
pub fn lock_directory(directory: &Path) -> Result<File, Failure> {
    files::create_private_directory(directory).map_err(|error| failures::file(&error))?;
    let path = directory.join(LOCK);
    let failed = |error: std::io::Error| Failure::new(format!("cannot lock `{}`: {error}", path.display()));
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(PRIVATE)
        .open(&path)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Failure::new(format!(
            "another process works on the data directory `{}`",
            directory.display()
        ))
        .hint("stop that one, or give this one its own with `--data-dir`")),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

fn write(path: &Path, content: &[u8]) -> Result<(), Failure> {
    files::write_whole(path, content, PRIVATE).map_err(|error| failures::file(&error))
}

/// How an address that is listened on is reached from this host.
pub fn from_here(listens: SocketAddr) -> SocketAddr {
    let ip = match listens.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        // Listening on all of IPv6 may or may not include IPv4; its own loopback is always there.
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listens.port())
}

/// The file with the number of this process; gone when the server ends.
pub struct PidFile(PathBuf);

impl PidFile {
    /// Writes the number of this process.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(path: &Path) -> Result<Self, Failure> {
        let line = format!("{}\n", std::process::id());
        files::write_whole(path, line.as_bytes(), 0o644).map_err(|error| failures::file(&error))?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // Somebody else may have removed it.
        let _ = files::remove(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_that_can_be_dialled() {
        for (listens, dialled) in [
            ("0.0.0.0:3025", "127.0.0.1:3025"),
            ("[::]:3025", "[::1]:3025"),
            ("192.0.2.1:3025", "192.0.2.1:3025"),
        ] {
            assert_eq!(
                from_here(listens.parse().expect("an address")).to_string(),
                dialled
            );
        }
    }
}
