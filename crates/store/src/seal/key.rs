//! The seal key: 32 random bytes in a file that is not in the data directory.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use access::SecretBytes;
use access::ambient::Entropy;
use aws_lc_rs::hkdf;

use super::{KEY_BYTES, SealError};

/// The file's one line: this word, a space, the key in hexadecimal.
const HEADER: &str = "countersign-seal-key-1";

/// Why there is no seal key.
#[derive(Debug, thiserror::Error)]
pub enum SealKeyError {
    /// It should be there: the store's secrets are sealed with it.
    #[error("the seal key `{}` is missing, and this store's secrets are sealed with it", path.display())]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// Others can read it.
    #[error("the seal key `{}` can be read by others (mode {mode:04o}); only its owner may", path.display())]
    Open {
        /// Where it is.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The file holds something else.
    #[error("`{}` is not a seal key", path.display())]
    Malformed {
        /// Which.
        path: PathBuf,
    },
    /// The file cannot be used.
    #[error("cannot {action} the seal key `{}`: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The key that wraps the data keys. Neither printed nor stored here.
pub struct SealKey(SecretBytes);

impl SealKey {
    /// A key that comes from elsewhere.
    pub fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(SecretBytes::new(bytes.to_vec()))
    }

    /// Reads the key from its file.
    pub fn read(path: &Path) -> Result<Self, SealKeyError> {
        let found = Self::find(path)?;
        found.ok_or_else(|| SealKeyError::Missing {
            path: path.to_owned(),
        })
    }

    /// Reads the key from its file, or makes both, for their owner alone.
    pub fn read_or_make(path: &Path, entropy: &dyn Entropy) -> Result<Self, SealKeyError> {
        if let Some(found) = Self::find(path)? {
            return Ok(found);
        }
        let io = |action| {
            move |source| SealKeyError::Io {
                action,
                path: path.to_owned(),
                source,
            }
        };
        let mut key = SecretBytes::new(vec![0; KEY_BYTES]);
        entropy.fill(key.expose_mut());
        let dir = path
            .parent()
            .filter(|dir| !dir.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        make_dir(dir).map_err(io("make a directory for"))?;
        // Written aside and linked: whoever looks sees a whole key or none, and of two who make one at
        // the same time one wins.
        let draft = dir.join(format!(".seal-key-{}", std::process::id()));
        let _ = std::fs::remove_file(&draft);
        let made = write(&draft, &key).and_then(|()| match std::fs::hard_link(&draft, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            other => other,
        });
        let _ = std::fs::remove_file(&draft);
        made.and_then(|()| File::open(dir)?.sync_all())
            .map_err(io("write"))?;
        Self::read(path)
    }

    /// A key for one purpose, from which this one cannot be found.
    pub fn derive(&self, purpose: &str) -> Result<SecretBytes, SealError> {
        derive(self.0.expose(), purpose)
    }

    fn find(path: &Path) -> Result<Option<Self>, SealKeyError> {
        let text = match std::fs::read(path) {
            Ok(text) => SecretBytes::new(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => {
                return Err(SealKeyError::Io {
                    action: "read",
                    path: path.to_owned(),
                    source,
                });
            }
        };
        private(path)?;
        let key = parse(text.expose()).ok_or_else(|| SealKeyError::Malformed {
            path: path.to_owned(),
        })?;
        Ok(Some(Self(key)))
    }
}

/// HKDF with SHA-256. `purpose` keeps keys of different uses apart.
pub(super) fn derive(key: &[u8], purpose: &str) -> Result<SecretBytes, SealError> {
    let purpose = [b"countersign ", purpose.as_bytes()].concat();
    let mut derived = SecretBytes::new(vec![0; KEY_BYTES]);
    let secret = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(key);
    let filled = secret
        .expand(&[&purpose], hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(derived.expose_mut()));
    filled.map_err(|_| SealError::Library)?;
    Ok(derived)
}

fn parse(text: &[u8]) -> Option<SecretBytes> {
    let text = std::str::from_utf8(text).ok()?;
    let digits = text.trim_end().strip_prefix(HEADER)?.strip_prefix(' ')?;
    if digits.len() != KEY_BYTES * 2 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let mut key = SecretBytes::new(Vec::with_capacity(KEY_BYTES));
    for pair in 0..KEY_BYTES {
        let byte = digits.get(pair * 2..pair * 2 + 2)?;
        key.expose_mut().push(u8::from_str_radix(byte, 16).ok()?);
    }
    Some(key)
}

fn write(path: &Path, key: &SecretBytes) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let mut line = SecretBytes::new(HEADER.as_bytes().to_vec());
    // Room for all of it at once, so that no piece is left behind by growing.
    line.expose_mut().reserve_exact(2 + KEY_BYTES * 2);
    line.expose_mut().push(b' ');
    for byte in key.expose() {
        for digit in [byte >> 4, byte & 15] {
            line.expose_mut().push(b"0123456789abcdef"[usize::from(digit)]);
        }
    }
    line.expose_mut().push(b'\n');
    file.write_all(line.expose())?;
    file.sync_all()
}

fn make_dir(dir: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

#[cfg(unix)]
fn private(path: &Path) -> Result<(), SealKeyError> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = std::fs::metadata(path).map_err(|source| SealKeyError::Io {
        action: "read",
        path: path.to_owned(),
        source,
    })?;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(SealKeyError::Open {
            path: path.to_owned(),
            mode,
        });
    }
    Ok(())
}

#[cfg(not(unix))]
fn private(_: &Path) -> Result<(), SealKeyError> {
    Ok(())
}
