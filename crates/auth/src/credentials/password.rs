//! Passwords: their rules, their Argon2id hashes, and the pool of threads that computes them.
//!
//! A hash takes tens of milliseconds and megabytes on purpose. So the number of those at work and of
//! those waiting is bounded; whoever does not fit in is told to try again. Names that do not exist
//! cost the same work as names that do.

use std::sync::Arc;
use std::time::Duration;

use access::{SecretBytes, SecretText};
use argon2::password_hash::phc::{Output, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use tokio::sync::Semaphore;

use crate::failure::{Answer, Failure};
use crate::ids::Chance;

/// The shortest password.
pub const BYTES_MIN: usize = 12;
/// The longest password.
pub const BYTES_MAX: usize = 128;

/// How much work a hash is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
}

impl Default for Cost {
    /// What OWASP asks for at least: 19 MiB, two passes.
    fn default() -> Self {
        Self {
            memory_kib: 19 * 1024,
            passes: 2,
        }
    }
}

/// Whether a password may be chosen.
pub fn check_rules(password: &SecretBytes) -> Answer<()> {
    let length = password.expose().len();
    if length < BYTES_MIN {
        return Err(Failure::bad_parameter(format!(
            "password is too short, min length is {BYTES_MIN}"
        )));
    }
    if length > BYTES_MAX {
        return Err(Failure::bad_parameter(format!(
            "password is too long, max length is {BYTES_MAX}"
        )));
    }
    Ok(())
}

/// Computes and compares hashes on threads of their own.
#[derive(Clone)]
pub struct PasswordPool {
    argon2: Argon2<'static>,
    /// A hash of nothing anybody knows, for names that have none.
    decoy: Arc<SecretText>,
    working: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    patience: Duration,
}

impl PasswordPool {
    /// A pool with one thread per core.
    ///
    /// # Errors
    /// The cost is out of Argon2's range.
    pub fn new(cost: Cost, chance: &Chance) -> Answer<Self> {
        let params = Params::new(cost.memory_kib, cost.passes, 1, None)
            .map_err(|error| Failure::internal(format!("password cost: {error}")))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Ok(Self {
            decoy: Arc::new(written(&argon2, &chance.bytes(), &chance.bytes())?),
            argon2,
            working: Arc::new(Semaphore::new(cores)),
            waiting: Arc::new(Semaphore::new(cores * 64)),
            patience: Duration::from_secs(10),
        })
    }

    /// The hash of a new password.
    pub async fn hash(&self, password: SecretBytes, chance: &Chance) -> Answer<SecretText> {
        let salt = chance.bytes::<16>();
        let argon2 = self.argon2.clone();
        self.work(move || compute(&argon2, password.expose(), &salt))
            .await?
    }

    /// Whether `password` is the one that `hash` was made of. Without a hash: the same work, and no.
    pub async fn matches(&self, password: SecretBytes, hash: Option<SecretText>) -> Answer<bool> {
        let decoy = Arc::clone(&self.decoy);
        self.work(move || {
            let text = hash.as_ref().unwrap_or(&decoy).expose();
            // Whatever the length, the work is that of a password that may exist.
            let tried = password.expose();
            let tried = tried.get(..BYTES_MAX * 8).unwrap_or(tried);
            is_right(tried, text) && hash.is_some()
        })
        .await
    }

    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Answer<T> {
        let busy =
            || Failure::limit_exceeded("the server is busy with other sign-ins, try again in a moment");
        let _place = Arc::clone(&self.waiting)
            .try_acquire_owned()
            .map_err(|_| busy())?;
        let turn = tokio::time::timeout(self.patience, Arc::clone(&self.working).acquire_owned())
            .await
            .map_err(|_| busy())?
            .map_err(|_| busy())?;
        tokio::task::spawn_blocking(move || {
            let result = work();
            drop(turn);
            result
        })
        .await
        .map_err(|error| Failure::internal(format!("password thread: {error}")))
    }
}

/// Memory that the system takes back when it is free.
///
/// Allocators keep pieces of less than 32 MiB with whichever thread used them, the C library's for ever: a crowd of
/// sign-ins would leave hundreds of megabytes behind. What is not touched of a larger piece costs nothing.
fn workspace(argon2: &Argon2<'_>) -> Vec<Block> {
    const GIVEN_BACK_BYTES: usize = 33 << 20;
    let blocks = argon2.params().block_count();
    let mut memory = Vec::with_capacity(blocks.max(GIVEN_BACK_BYTES / Block::SIZE));
    memory.resize(blocks, Block::new());
    memory
}

fn compute(argon2: &Argon2<'_>, password: &[u8], salt: &[u8; 16]) -> Answer<SecretText> {
    let mut hash = [0; Params::DEFAULT_OUTPUT_LEN];
    argon2
        .hash_password_into_with_memory(password, salt, &mut hash, workspace(argon2))
        .map_err(|error| Failure::internal(format!("password hash: {error}")))?;
    written(argon2, salt, &hash)
}

/// A hash as it is stored.
fn written(
    argon2: &Argon2<'_>,
    salt: &[u8; 16],
    hash: &[u8; Params::DEFAULT_OUTPUT_LEN],
) -> Answer<SecretText> {
    let fault = |error: &dyn std::fmt::Display| Failure::internal(format!("password hash: {error}"));
    let text = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: argon2.params().try_into().map_err(|error| fault(&error))?,
        salt: Some(Salt::new(salt).map_err(|error| fault(&error))?),
        hash: Some(Output::new(hash).map_err(|error| fault(&error))?),
    };
    Ok(SecretText::new(text.to_string()))
}

/// Whether `password` is the one that the hash was made of. A text that is no hash belongs to nobody.
fn is_right(password: &[u8], text: &str) -> bool {
    let Ok(stored) = PasswordHash::new(text) else {
        return false;
    };
    let (Some(salt), Some(expected)) = (&stored.salt, &stored.hash) else {
        return false;
    };
    let (Ok(Algorithm::Argon2id), Ok(params)) = (
        Algorithm::try_from(stored.algorithm.as_str()),
        Params::try_from(&stored),
    ) else {
        return false;
    };
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut hash = vec![0; expected.as_bytes().len()];
    let computed = argon2.hash_password_into_with_memory(password, salt, &mut hash, workspace(&argon2));
    // Compared in constant time by its type.
    computed.is_ok() && Output::new(&hash).is_ok_and(|hash| hash == *expected)
}

#[cfg(test)]
mod tests {
    use access::ambient::SeededEntropy;

    use super::*;

    const CHEAP: Cost = Cost {
        memory_kib: 16,
        passes: 1,
    };

    fn secret(text: &str) -> SecretBytes {
        SecretBytes::new(text.as_bytes().to_vec())
    }

    #[tokio::test]
    async fn a_hash_knows_its_password_and_no_other() {
        let chance = Chance::new(Arc::new(SeededEntropy::new(3)));
        let pool = PasswordPool::new(CHEAP, &chance).unwrap();
        let hash = pool.hash(secret("correct horse"), &chance).await.unwrap();
        assert!(hash.expose().starts_with("$argon2id$v=19$m=16,t=1,p=1$"));
        assert!(
            pool.matches(secret("correct horse"), Some(hash.clone()))
                .await
                .unwrap()
        );
        assert!(!pool.matches(secret("correct horsf"), Some(hash)).await.unwrap());
        assert!(!pool.matches(secret("correct horse"), None).await.unwrap());
        assert!(
            !pool
                .matches(secret("x"), Some(SecretText::new("garbage".into())))
                .await
                .unwrap()
        );
    }

    #[test]
    fn length_is_the_rule() {
        assert_eq!(
            check_rules(&secret("short")).unwrap_err().message(),
            "password is too short, min length is 12"
        );
        assert!(check_rules(&secret("twelve chars")).is_ok());
        assert!(check_rules(&secret(&"x".repeat(129))).is_err());
    }
}
