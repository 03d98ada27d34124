//! Object identifiers of algorithms, attributes, and Teleport's own facts about an identity.

use const_oid::ObjectIdentifier;

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

// Keys and signatures.
pub(crate) const EC_PUBLIC_KEY: ObjectIdentifier = oid("1.2.840.10045.2.1");
pub(crate) const P256: ObjectIdentifier = oid("1.2.840.10045.3.1.7");
pub(crate) const ED25519: ObjectIdentifier = oid("1.3.101.112");
pub(crate) const RSA: ObjectIdentifier = oid("1.2.840.113549.1.1.1");
pub(crate) const ECDSA_SHA256: ObjectIdentifier = oid("1.2.840.10045.4.3.2");
pub(crate) const RSA_SHA256: ObjectIdentifier = oid("1.2.840.113549.1.1.11");

// Purposes of keys.
pub(crate) const SERVER_AUTH: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.1");
pub(crate) const CLIENT_AUTH: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.2");

// Attributes of names.
pub(crate) const COMMON_NAME: ObjectIdentifier = oid("2.5.4.3");
pub(crate) const SERIAL_NUMBER: ObjectIdentifier = oid("2.5.4.5");
pub(crate) const COUNTRY: ObjectIdentifier = oid("2.5.4.6");
pub(crate) const LOCALITY: ObjectIdentifier = oid("2.5.4.7");
pub(crate) const STREET: ObjectIdentifier = oid("2.5.4.9");
pub(crate) const ORGANIZATION: ObjectIdentifier = oid("2.5.4.10");
pub(crate) const ORGANIZATIONAL_UNIT: ObjectIdentifier = oid("2.5.4.11");
pub(crate) const POSTAL_CODE: ObjectIdentifier = oid("2.5.4.17");

// Facts about an identity.
pub(crate) const KUBERNETES_USER: ObjectIdentifier = oid("1.3.9999.1.1");
pub(crate) const KUBERNETES_GROUP: ObjectIdentifier = oid("1.3.9999.1.2");
pub(crate) const KUBERNETES_CLUSTER: ObjectIdentifier = oid("1.3.9999.1.3");
pub(crate) const CLUSTER: ObjectIdentifier = oid("1.3.9999.1.7");
pub(crate) const MFA_DEVICE: ObjectIdentifier = oid("1.3.9999.1.8");
pub(crate) const LOGIN_IP: ObjectIdentifier = oid("1.3.9999.1.9");
pub(crate) const RENEWABLE: ObjectIdentifier = oid("1.3.9999.1.13");
pub(crate) const GENERATION: ObjectIdentifier = oid("1.3.9999.1.14");
pub(crate) const PRIVATE_KEY_POLICY: ObjectIdentifier = oid("1.3.9999.1.15");
pub(crate) const USER_TYPE: ObjectIdentifier = oid("1.3.9999.1.20");
pub(crate) const IMPERSONATOR: ObjectIdentifier = oid("1.3.9999.2.7");
pub(crate) const ACTIVE_REQUEST: ObjectIdentifier = oid("1.3.9999.2.8");
pub(crate) const DISALLOW_REISSUE: ObjectIdentifier = oid("1.3.9999.2.9");
pub(crate) const ALLOWED_RESOURCES: ObjectIdentifier = oid("1.3.9999.2.10");
pub(crate) const SYSTEM_ROLE: ObjectIdentifier = oid("1.3.9999.2.11");
pub(crate) const PREVIOUS_EXPIRY: ObjectIdentifier = oid("1.3.9999.2.12");
pub(crate) const CONNECTION_DIAGNOSTIC: ObjectIdentifier = oid("1.3.9999.2.13");
pub(crate) const PINNED_IP: ObjectIdentifier = oid("1.3.9999.2.15");
pub(crate) const BOT_NAME: ObjectIdentifier = oid("1.3.9999.2.18");
pub(crate) const BOT_INSTANCE: ObjectIdentifier = oid("1.3.9999.2.20");
pub(crate) const JOIN_ATTRIBUTES: ObjectIdentifier = oid("1.3.9999.2.21");
pub(crate) const DEVICE_ID: ObjectIdentifier = oid("1.3.9999.3.1");
pub(crate) const DEVICE_ASSET_TAG: ObjectIdentifier = oid("1.3.9999.3.2");
pub(crate) const DEVICE_CREDENTIAL: ObjectIdentifier = oid("1.3.9999.3.3");
