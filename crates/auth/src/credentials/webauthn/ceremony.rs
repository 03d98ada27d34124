//! The two ceremonies, step by step as the standard numbers them: registering a credential, and proving that one is there.

use coset::cbor::Value;
use sha2::{Digest as _, Sha256};

use super::authenticator::take_cbor;
use super::{AuthenticatorData, ClientData, Credential, PublicKey, Refusal, RelyingParty};

/// What an answer has to fit.
#[derive(Debug)]
pub struct Expected<'a> {
    /// For whom.
    pub party: &'a RelyingParty,
    /// The challenge that was given out, once.
    pub challenge: &'a [u8],
    /// Whether the authenticator must have found out who touched it.
    pub verified: bool,
}

/// An authenticator's answer to the wish for a new credential.
#[derive(Debug)]
pub struct Attestation<'a> {
    /// The name of the credential.
    pub id: &'a [u8],
    /// What the browser asked.
    pub client_data: &'a [u8],
    /// What the authenticator made.
    pub object: &'a [u8],
    /// Whether it can be found without a name, as the browser says.
    pub resident: bool,
}

/// An authenticator's answer to a challenge.
#[derive(Debug)]
pub struct Assertion<'a> {
    /// The name of the credential.
    pub id: &'a [u8],
    /// What the browser asked.
    pub client_data: &'a [u8],
    /// What the authenticator says.
    pub authenticator_data: &'a [u8],
    /// Its signature over both.
    pub signature: &'a [u8],
    /// The account it made the credential for; empty if it does not say.
    pub account: &'a [u8],
}

/// What a good answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asserted {
    /// The new signature counter.
    pub counter: u32,
    /// Whether the authenticator found out who touched it.
    pub verified: bool,
    /// Whether the credential is on other devices too.
    pub backed_up: bool,
}

/// Judges a new credential.
pub fn register(expected: &Expected<'_>, answer: &Attestation<'_>) -> Result<Credential, Refusal> {
    ClientData::read(answer.client_data)?.check("webauthn.create", expected)?;
    let data = authenticator_data(answer.object)?;
    let data = AuthenticatorData::read(&data)?;
    check_data(expected, &data)?;
    let attested = data
        .attested
        .as_ref()
        .ok_or(Refusal::Malformed("authenticator data"))?;
    if attested.id != answer.id {
        return Err(Refusal::WrongCredential);
    }
    PublicKey::read(&attested.public_key)?;
    Ok(Credential {
        id: attested.id.clone(),
        public_key: attested.public_key.clone(),
        counter: data.counter,
        aaguid: attested.aaguid.to_vec(),
        rp_id: expected.party.id.clone(),
        resident: answer.resident,
        backup_eligible: data.backup_eligible(),
        backed_up: data.backed_up(),
    })
}

/// Judges an answer by `credential`, which belongs to `account`.
pub fn assert(
    expected: &Expected<'_>,
    credential: &Credential,
    account: &[u8],
    answer: &Assertion<'_>,
) -> Result<Asserted, Refusal> {
    if credential.id != answer.id {
        return Err(Refusal::WrongCredential);
    }
    if !answer.account.is_empty() && answer.account != account {
        return Err(Refusal::WrongAccount);
    }
    if credential.rp_id != expected.party.id {
        return Err(Refusal::WrongRelyingParty);
    }
    ClientData::read(answer.client_data)?.check("webauthn.get", expected)?;
    let data = AuthenticatorData::read(answer.authenticator_data)?;
    check_data(expected, &data)?;
    let signed = [answer.authenticator_data, &Sha256::digest(answer.client_data)].concat();
    PublicKey::read(&credential.public_key)?.verify(&signed, answer.signature)?;
    let counts = data.counter != 0 || credential.counter != 0;
    if counts && data.counter <= credential.counter {
        return Err(Refusal::Cloned {
            before: credential.counter,
            now: data.counter,
        });
    }
    Ok(Asserted {
        counter: data.counter,
        verified: data.verified(),
        backed_up: data.backed_up(),
    })
}

fn check_data(expected: &Expected<'_>, data: &AuthenticatorData) -> Result<(), Refusal> {
    if data.rp_id_hash[..] != Sha256::digest(expected.party.id.as_bytes())[..] {
        return Err(Refusal::WrongRelyingParty);
    }
    if !data.present() {
        return Err(Refusal::NobodyPresent);
    }
    if expected.verified && !data.verified() {
        return Err(Refusal::NotVerified);
    }
    Ok(())
}

/// The authenticator data inside an attestation object. Who made the authenticator is not asked, so the statement about it
/// is not judged either.
fn authenticator_data(object: &[u8]) -> Result<Vec<u8>, Refusal> {
    let malformed = || Refusal::Malformed("attestation object");
    let mut rest = object;
    let value = take_cbor(&mut rest).ok_or_else(malformed)?;
    let (true, Value::Map(entries)) = (rest.is_empty(), value) else {
        return Err(malformed());
    };
    let mut found = entries
        .into_iter()
        .filter(|(key, _)| key.as_text() == Some("authData"))
        .map(|(_, value)| value);
    match (found.next(), found.next()) {
        (Some(Value::Bytes(data)), None) => Ok(data),
        _ => Err(malformed()),
    }
}
