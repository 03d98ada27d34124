//! What people prove themselves with: passwords, one-time codes, and what happens after wrong ones.

pub mod lockout;
pub mod password;
pub mod totp;
pub mod webauthn;
