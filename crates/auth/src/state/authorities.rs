//! The certificate authorities: what everybody may read, and apart from it, sealed, what signs.
//!
//! Keys are read from the store once per version of an authority: the certificate part carries the
//! revision, and a signer made from another revision is never used.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use access::SecretBytes;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use pki::authority::{KeyRecords, PairRecord, Record};
use pki::{Authority, AuthorityKind};
use prost::Message as _;
use serde::{Deserialize, Serialize};
use store::{Class, Key, Prefix, Revision};
use wire::pb::types;
use zeroize::Zeroize;

use super::{Change, Read, State};
use crate::failure::{Answer, Failure};

/// Signers in memory, each with the revision it was read at.
#[derive(Default)]
pub struct Signers(Mutex<BTreeMap<AuthorityKind, (Revision, Arc<Authority>)>>);

/// The private keys of one authority in the order of its public ones, base64.
#[derive(Serialize, Deserialize)]
struct PrivateKeys {
    active_ssh: Vec<String>,
    active_tls: Vec<String>,
    additional_ssh: Vec<String>,
    additional_tls: Vec<String>,
}

impl Drop for PrivateKeys {
    fn drop(&mut self) {
        for list in [
            &mut self.active_ssh,
            &mut self.active_tls,
            &mut self.additional_ssh,
            &mut self.additional_tls,
        ] {
            list.zeroize();
        }
    }
}

/// Where the public part lives. One item per kind.
pub fn public_key(kind: AuthorityKind) -> Key {
    Key::of(["cert_authorities", kind.as_str()])
}

/// Where all public parts live.
pub fn public_prefix() -> Prefix {
    Prefix::of(["cert_authorities"])
}

fn private_key(kind: AuthorityKind) -> Key {
    Key::of(["cert_authority_keys", kind.as_str()])
}

impl State {
    /// The authority as clients see it, without private keys.
    pub async fn authority_shown(
        &self,
        kind: AuthorityKind,
        now: Timestamp,
    ) -> Answer<Option<types::CertAuthorityV2>> {
        let item = self.item(&public_key(kind), now).await?;
        item.map(|item| read_shown(&item)).transpose()
    }

    /// The same, with the revision it was read at.
    pub async fn authority_read(
        &self,
        kind: AuthorityKind,
        now: Timestamp,
    ) -> Answer<Option<Read<types::CertAuthorityV2>>> {
        let item = self.item(&public_key(kind), now).await?;
        let Some(item) = item else { return Ok(None) };
        Ok(Some(Read {
            value: read_shown(&item)?,
            revision: item.revision,
            expires: item.expires,
        }))
    }

    /// The authority with its keys, ready to sign.
    pub async fn authority(&self, kind: AuthorityKind, now: Timestamp) -> Answer<Arc<Authority>> {
        let keys = [public_key(kind), private_key(kind)];
        let public = self
            .item(&keys[0], now)
            .await?
            .ok_or_else(|| Failure::internal(format!("the {kind} authority is missing")))?;
        let known = |signers: &BTreeMap<_, (Revision, Arc<Authority>)>| {
            signers
                .get(&kind)
                .filter(|(revision, _)| *revision == public.revision)
                .map(|(_, signer)| Arc::clone(signer))
        };
        if let Some(signer) = known(&self.signers.0.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(signer);
        }
        let snapshot = self
            .reading()
            .get_all(&keys, now)
            .await
            .map_err(|error| super::unreadable(&error))?;
        let (Some(public), private) = (
            snapshot.items.first().cloned().flatten(),
            snapshot.items.get(1).cloned().flatten(),
        ) else {
            return Err(Failure::internal(format!("the {kind} authority is missing")));
        };
        let shown = read_shown(&public)?;
        let private = match private {
            Some(item) => Some(self.open_item::<PrivateKeys>(Class::Authorities, &item)?.value),
            None => None,
        };
        let record = record_of(kind, &shown, private.as_ref())?;
        let authority = Authority::from_record(&record)
            .map_err(|error| Failure::internal(format!("the {kind} authority is not readable: {error}")))?;
        let authority = Arc::new(authority);
        self.signers
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(kind, (public.revision, Arc::clone(&authority)));
        Ok(authority)
    }

    /// The authority as clients see it who may have its private keys.
    pub async fn authority_with_keys(
        &self,
        kind: AuthorityKind,
        now: Timestamp,
    ) -> Answer<Option<types::CertAuthorityV2>> {
        let Some(mut shown) = self.authority_shown(kind, now).await? else {
            return Ok(None);
        };
        let record = self
            .authority(kind, now)
            .await?
            .to_record()
            .map_err(|error| Failure::internal(error.to_string()))?;
        if let Some(spec) = shown.spec.as_mut() {
            spec.active_keys = Some(key_set(&record.active, true));
            spec.additional_trusted_keys = Some(key_set(&record.additional, true));
        }
        Ok(Some(shown))
    }

    /// Puts an authority into a change: its public part, and its keys sealed. `rotation` is where the exchange of its keys
    /// stands; nothing if there has never been one.
    pub fn put_authority(
        &self,
        change: Change,
        authority: &Authority,
        rotation: Option<&types::Rotation>,
    ) -> Answer<Change> {
        let kind = authority.kind();
        let record = authority
            .to_record()
            .map_err(|error| Failure::internal(format!("the {kind} authority cannot be stored: {error}")))?;
        let encode = |pairs: &[PairRecord]| -> Vec<String> {
            pairs
                .iter()
                .map(|pair| STANDARD.encode(pair.private.expose()))
                .collect()
        };
        let private = PrivateKeys {
            active_ssh: encode(&record.active.ssh),
            active_tls: encode(&record.active.tls),
            additional_ssh: encode(&record.additional.ssh),
            additional_tls: encode(&record.additional.tls),
        };
        let place = private_key(kind);
        let sealed = self.seal_own(Class::Authorities, &place, &private)?;
        let mut shown = shown(kind, authority.cluster(), &record);
        shown.spec.get_or_insert_default().rotation = rotation.cloned();
        Ok(change
            .put(public_key(kind), shown.encode_to_vec())
            .put(place, sealed))
    }
}

/// An authority as clients see it, out of what is stored.
pub fn read_shown(item: &store::Item) -> Answer<types::CertAuthorityV2> {
    let mut shown = types::CertAuthorityV2::decode(item.value.clone())
        .map_err(|error| Failure::internal(format!("`{}` is not readable: {error}", item.key)))?;
    shown.metadata.get_or_insert_default().revision = super::resource::stamp(item.revision);
    Ok(shown)
}

fn shown(kind: AuthorityKind, cluster: &str, record: &Record) -> types::CertAuthorityV2 {
    types::CertAuthorityV2 {
        kind: "cert_authority".to_owned(),
        sub_kind: kind.as_str().to_owned(),
        version: "v2".to_owned(),
        metadata: Some(types::Metadata {
            name: cluster.to_owned(),
            namespace: "default".to_owned(),
            ..types::Metadata::default()
        }),
        spec: Some(types::CertAuthoritySpecV2 {
            r#type: kind.as_str().to_owned(),
            cluster_name: cluster.to_owned(),
            active_keys: Some(key_set(&record.active, false)),
            additional_trusted_keys: Some(key_set(&record.additional, false)),
            ..types::CertAuthoritySpecV2::default()
        }),
    }
}

fn key_set(records: &KeyRecords, with_private: bool) -> types::CaKeySet {
    let private = |pair: &PairRecord| -> Vec<u8> {
        if with_private {
            pair.private.expose().clone()
        } else {
            Vec::new()
        }
    };
    types::CaKeySet {
        ssh: records
            .ssh
            .iter()
            .map(|pair| types::SshKeyPair {
                public_key: pair.public.clone().into(),
                private_key: private(pair).into(),
                private_key_type: types::PrivateKeyType::Raw.into(),
            })
            .collect(),
        tls: records
            .tls
            .iter()
            .map(|pair| types::TlsKeyPair {
                cert: pair.public.clone().into(),
                key: private(pair).into(),
                key_type: types::PrivateKeyType::Raw.into(),
            })
            .collect(),
        jwt: Vec::new(),
    }
}

fn record_of(
    kind: AuthorityKind,
    shown: &types::CertAuthorityV2,
    private: Option<&PrivateKeys>,
) -> Answer<Record> {
    let spec = shown.spec.clone().unwrap_or_default();
    let none = Vec::new();
    let pick = |list: Option<&Vec<String>>, at: usize| -> Answer<SecretBytes> {
        let text = list.and_then(|list| list.get(at)).map_or("", String::as_str);
        STANDARD
            .decode(text)
            .map(SecretBytes::new)
            .map_err(|_| Failure::internal(format!("a key of the {kind} authority is not readable")))
    };
    let pairs = |publics: Vec<bytes::Bytes>, privates: &Vec<String>| -> Answer<Vec<PairRecord>> {
        publics
            .into_iter()
            .enumerate()
            .map(|(at, public)| {
                Ok(PairRecord {
                    public: public.to_vec(),
                    private: pick(Some(privates), at)?,
                })
            })
            .collect()
    };
    let keys = |set: Option<types::CaKeySet>, ssh: &Vec<String>, tls: &Vec<String>| -> Answer<KeyRecords> {
        let set = set.unwrap_or_default();
        Ok(KeyRecords {
            ssh: pairs(set.ssh.into_iter().map(|pair| pair.public_key).collect(), ssh)?,
            tls: pairs(set.tls.into_iter().map(|pair| pair.cert).collect(), tls)?,
        })
    };
    let list = |pick: fn(&PrivateKeys) -> &Vec<String>| private.map_or(&none, pick);
    Ok(Record {
        kind,
        cluster: spec.cluster_name.clone(),
        active: keys(spec.active_keys, list(|p| &p.active_ssh), list(|p| &p.active_tls))?,
        additional: keys(
            spec.additional_trusted_keys,
            list(|p| &p.additional_ssh),
            list(|p| &p.additional_tls),
        )?,
    })
}
