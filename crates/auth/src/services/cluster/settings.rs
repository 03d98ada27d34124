//! `ClusterConfigService`: sign-in, networking, recording.

use wire::keep::Kept;
use wire::pb::teleport::clusterconfig::v1 as conf;
use wire::pb::types;

use crate::audit::{Event, cluster as told};
use crate::auth::Auth;
use crate::call::Call;
use crate::credentials::webauthn::RelyingParty;
use crate::failure::{Answer, Failure};
use crate::state::resource::{Resource, same_stamp, stamp};
use crate::state::{Change, Tries, cluster};

/// How firmly a new value is put in place of the old one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Write {
    /// The stamp must be that of what is stored.
    Update,
    /// Whatever is stored.
    Upsert,
    /// Whatever is stored, and it counts as set by nobody afterwards.
    Reset,
}

impl Write {
    fn verbs(self) -> &'static [&'static str] {
        match self {
            Self::Update | Self::Reset => &["update"],
            Self::Upsert => &["create", "update"],
        }
    }

    fn origin(self) -> &'static str {
        match self {
            Self::Update | Self::Upsert => "dynamic",
            Self::Reset => "defaults",
        }
    }
}

async fn read<M: Resource>(
    auth: &Auth,
    call: &Call,
    name: &str,
    default: fn() -> Kept<M>,
) -> Answer<Kept<M>> {
    call.allow(M::KIND, &["read"])?;
    Ok(auth
        .state
        .setting::<M>(name, call.now)
        .await?
        .map_or_else(default, |found| found.resource))
}

async fn write<M: Resource>(
    auth: &Auth,
    call: &Call,
    name: &str,
    wanted: Option<Kept<M>>,
    how: Write,
    event: Event,
) -> Answer<Kept<M>> {
    let mut wanted = wanted.ok_or_else(|| Failure::bad_parameter(format!("missing {}", M::KIND)))?;
    call.allow(M::KIND, how.verbs())?;
    let metadata = wanted.metadata_mut();
    name.clone_into(&mut metadata.name);
    "default".clone_into(&mut metadata.namespace);
    metadata
        .labels
        .insert(cluster::ORIGIN.to_owned(), how.origin().to_owned());
    let mut tries = Tries::default();
    loop {
        let stored = auth.state.setting::<M>(name, call.now).await?;
        let labels = stored
            .as_ref()
            .and_then(|stored| stored.resource.metadata())
            .map(|metadata| &metadata.labels);
        if labels.is_some_and(|labels| {
            labels
                .get(cluster::ORIGIN)
                .is_some_and(|origin| origin == "config-file")
        }) {
            return Err(Failure::bad_parameter(
                "this setting comes from the configuration file; change it there and restart the server",
            ));
        }
        let revision = stored.as_ref().map(|stored| stored.revision);
        if how == Write::Update && revision.is_some_and(|revision| !same_stamp(wanted.stamp(), revision)) {
            return Err(Failure::compare_failed(
                "the setting was changed by somebody else meanwhile, read it again",
            ));
        }
        let change = Change::new(call.now, &call.actor().user, event.clone())
            .require_same(&M::key(name), revision)
            .put_resource(&wanted);
        match auth.state.commit(change).await {
            Ok(committed) => {
                wanted.metadata_mut().revision = stamp(committed.revision);
                return Ok(wanted);
            }
            Err(refused) => tries.again(refused)?,
        }
    }
}

/// Handles `GetAuthPreference`.
pub async fn preference(
    auth: &Auth,
    call: &Call,
    _: conf::GetAuthPreferenceRequest,
) -> Answer<Kept<types::AuthPreferenceV2>> {
    let mut found = read(auth, call, cluster::AUTH_PREFERENCE, cluster::default_preference).await?;
    // What follows from the proxy's address is shown as if it were written there: clients ask for it by name.
    if let Some(party) = auth.relying_party(&cluster::Preference(found.clone())) {
        let mut spec = found.spec.take().unwrap_or_default();
        spec.webauthn.get_or_insert_default().rpid = party.id;
        found.spec = Some(spec);
    }
    Ok(found)
}

/// Handles `UpdateAuthPreference`.
pub async fn update_preference(
    auth: &Auth,
    call: &Call,
    asked: conf::UpdateAuthPreferenceRequest,
) -> Answer<Kept<types::AuthPreferenceV2>> {
    put_preference(auth, call, asked.auth_preference, Write::Update).await
}

/// Handles `UpsertAuthPreference`.
pub async fn upsert_preference(
    auth: &Auth,
    call: &Call,
    asked: conf::UpsertAuthPreferenceRequest,
) -> Answer<Kept<types::AuthPreferenceV2>> {
    put_preference(auth, call, asked.auth_preference, Write::Upsert).await
}

/// Handles `ResetAuthPreference`.
pub async fn reset_preference(
    auth: &Auth,
    call: &Call,
    _: conf::ResetAuthPreferenceRequest,
) -> Answer<Kept<types::AuthPreferenceV2>> {
    put_preference(auth, call, Some(cluster::default_preference()), Write::Reset).await
}

/// Refuses what would let nobody register an authenticator, or what is not judged here.
fn check_webauthn(spec: &types::AuthPreferenceSpecV2) -> Answer<()> {
    let Some(webauthn) = &spec.webauthn else {
        return Ok(());
    };
    if !webauthn.rpid.is_empty() && RelyingParty::new(&webauthn.rpid, []).is_none() {
        return Err(Failure::bad_parameter(format!(
            "webauthn.rp_id {:?} is not a host name",
            webauthn.rpid
        )));
    }
    if !webauthn.attestation_allowed_c_as.is_empty() || !webauthn.attestation_denied_c_as.is_empty() {
        return Err(Failure::bad_parameter(
            "attestation_allowed_cas and attestation_denied_cas are not available yet: who made an authenticator is not judged",
        ));
    }
    Ok(())
}

async fn put_preference(
    auth: &Auth,
    call: &Call,
    wanted: Option<Kept<types::AuthPreferenceV2>>,
    how: Write,
) -> Answer<Kept<types::AuthPreferenceV2>> {
    let wanted = wanted.map(|mut wanted| {
        wanted.spec = Some(cluster::complete_preference(
            wanted.spec.take().unwrap_or_default(),
        ));
        wanted
    });
    if let Some(spec) = wanted.as_ref().and_then(|wanted| wanted.spec.as_ref()) {
        check_webauthn(spec)?;
    }
    let event = told::auth_preference_updated(call.actor());
    write(auth, call, cluster::AUTH_PREFERENCE, wanted, how, event).await
}

/// Handles `GetClusterNetworkingConfig`.
pub async fn networking(
    auth: &Auth,
    call: &Call,
    _: conf::GetClusterNetworkingConfigRequest,
) -> Answer<Kept<types::ClusterNetworkingConfigV2>> {
    read(auth, call, cluster::NETWORKING, cluster::default_networking).await
}

/// Handles `UpdateClusterNetworkingConfig`.
pub async fn update_networking(
    auth: &Auth,
    call: &Call,
    asked: conf::UpdateClusterNetworkingConfigRequest,
) -> Answer<Kept<types::ClusterNetworkingConfigV2>> {
    put_networking(auth, call, asked.cluster_network_config, Write::Update).await
}

/// Handles `UpsertClusterNetworkingConfig`.
pub async fn upsert_networking(
    auth: &Auth,
    call: &Call,
    asked: conf::UpsertClusterNetworkingConfigRequest,
) -> Answer<Kept<types::ClusterNetworkingConfigV2>> {
    put_networking(auth, call, asked.cluster_network_config, Write::Upsert).await
}

/// Handles `ResetClusterNetworkingConfig`.
pub async fn reset_networking(
    auth: &Auth,
    call: &Call,
    _: conf::ResetClusterNetworkingConfigRequest,
) -> Answer<Kept<types::ClusterNetworkingConfigV2>> {
    put_networking(auth, call, Some(cluster::default_networking()), Write::Reset).await
}

async fn put_networking(
    auth: &Auth,
    call: &Call,
    wanted: Option<Kept<types::ClusterNetworkingConfigV2>>,
    how: Write,
) -> Answer<Kept<types::ClusterNetworkingConfigV2>> {
    let event = told::networking_updated(call.actor());
    write(auth, call, cluster::NETWORKING, wanted, how, event).await
}

/// Handles `GetSessionRecordingConfig`.
pub async fn recording(
    auth: &Auth,
    call: &Call,
    _: conf::GetSessionRecordingConfigRequest,
) -> Answer<Kept<types::SessionRecordingConfigV2>> {
    read(auth, call, cluster::RECORDING, cluster::default_recording).await
}

/// Handles `UpdateSessionRecordingConfig`.
pub async fn update_recording(
    auth: &Auth,
    call: &Call,
    asked: conf::UpdateSessionRecordingConfigRequest,
) -> Answer<Kept<types::SessionRecordingConfigV2>> {
    put_recording(auth, call, asked.session_recording_config, Write::Update).await
}

/// Handles `UpsertSessionRecordingConfig`.
pub async fn upsert_recording(
    auth: &Auth,
    call: &Call,
    asked: conf::UpsertSessionRecordingConfigRequest,
) -> Answer<Kept<types::SessionRecordingConfigV2>> {
    put_recording(auth, call, asked.session_recording_config, Write::Upsert).await
}

/// Handles `ResetSessionRecordingConfig`.
pub async fn reset_recording(
    auth: &Auth,
    call: &Call,
    _: conf::ResetSessionRecordingConfigRequest,
) -> Answer<Kept<types::SessionRecordingConfigV2>> {
    put_recording(auth, call, Some(cluster::default_recording()), Write::Reset).await
}

async fn put_recording(
    auth: &Auth,
    call: &Call,
    wanted: Option<Kept<types::SessionRecordingConfigV2>>,
    how: Write,
) -> Answer<Kept<types::SessionRecordingConfigV2>> {
    let event = told::recording_updated(call.actor());
    write(auth, call, cluster::RECORDING, wanted, how, event).await
}
