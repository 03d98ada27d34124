//! Second factors outside gRPC messages: in a header beside a repeated call, and in the JSON that browsers and
//! `/webapi` speak.

pub mod browser;
pub mod header;
mod text;

/// What an authenticator app reads, as an address.
pub fn totp_address(issuer: &str, account: &str, secret: &str) -> String {
    let (issuer, account) = (escaped(issuer), escaped(account));
    format!(
        "otpauth://totp/{issuer}:{account}?algorithm=SHA1&digits=6&issuer={issuer}&period=30&secret={secret}"
    )
}

fn escaped(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~@:".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_address_of_a_secret_names_cluster_and_account() {
        assert_eq!(
            super::totp_address("example.com", "bob b@localhost:3080", "ABCD"),
            "otpauth://totp/example.com:bob%20b@localhost:3080?algorithm=SHA1&digits=6&issuer=example.com&period=30&secret=ABCD"
        );
    }
}
