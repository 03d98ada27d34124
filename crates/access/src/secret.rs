//! Values nobody may print: passwords, private keys, tokens.

use zeroize::Zeroize;

/// A value that is wiped when dropped and has neither `Debug` nor `Display`.
///
/// Whoever needs it asks for it by name: [`Secret::expose`].
#[derive(Clone, Default)]
pub struct Secret<T: Zeroize>(T);

/// A secret text.
pub type SecretText = Secret<String>;

/// Secret bytes.
pub type SecretBytes = Secret<Vec<u8>>;

impl<T: Zeroize> Secret<T> {
    /// Hides a value.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself. The caller must not let it out.
    pub fn expose(&self) -> &T {
        &self.0
    }

    /// The value itself, to be filled or changed in its place.
    pub fn expose_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: Zeroize> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
