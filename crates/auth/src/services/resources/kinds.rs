//! The kinds of resources that are kept: what is checked before one is stored, and what decisions see of it.

use std::collections::BTreeMap;

use access::request::ResourceId;
use access::resource::{Kind, Resource};
use jiff::Timestamp;
use wire::keep::Kept;
use wire::pb::types::{AppV3, CommandLabelV2, DatabaseV3, KubernetesClusterV3, Metadata, ServerV2};
use wire::resource::defaults;

use crate::audit::Event;
use crate::audit::registered as told;
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::names;
use crate::state::resource::Resource as Stored;

/// Most labels of a resource, and most bytes of a label's name or value.
const LABELS_MAX: usize = 256;
const LABEL_BYTES_MAX: usize = 1024;
/// Most bytes of an address or description.
const TEXT_BYTES_MAX: usize = 4096;

/// A kind of resource that is kept.
pub trait Registered: Stored + Send + Sync {
    /// Its kind.
    const KIND_OF: Kind;

    /// Fills in what everybody leaves out, and forgets what is not the author's to say.
    fn fill_in(&mut self);

    /// Texts that must not be endless, and what must be there.
    fn checked(&self) -> Answer<Vec<&str>>;

    /// What decisions see.
    fn described(&self) -> Resource;
}

/// What the kind is called in sentences.
pub fn spoken(kind: Kind) -> &'static str {
    match kind {
        Kind::Node => "node",
        Kind::App => "application",
        Kind::Db => "database",
        Kind::KubeCluster => "kubernetes cluster",
    }
}

/// Checks a resource that is about to be stored.
pub fn accept<M: Registered>(mut resource: Kept<M>) -> Answer<Kept<M>> {
    resource.fill_in();
    let name = resource.name();
    names::check_resource(spoken(M::KIND_OF), name)?;
    let too_long = |what: &str, most: usize| {
        Failure::bad_parameter(format!("{} {name:?} has {what}, max {most}", spoken(M::KIND_OF)))
    };
    let described = resource.described();
    if described.labels.len() > LABELS_MAX {
        return Err(too_long("too many labels", LABELS_MAX));
    }
    for (key, value) in &described.labels {
        if key.len() > LABEL_BYTES_MAX || value.len() > LABEL_BYTES_MAX {
            return Err(too_long("a label of too many bytes", LABEL_BYTES_MAX));
        }
        if key.is_empty() || key == "*" || key.chars().chain(value.chars()).any(char::is_control) {
            return Err(Failure::bad_parameter(format!(
                "{} {name:?} has a label {key:?} that is not allowed",
                spoken(M::KIND_OF)
            )));
        }
    }
    let description = resource
        .metadata()
        .map_or("", |metadata| metadata.description.as_str());
    for text in resource.checked()?.into_iter().chain([description]) {
        if text.len() > TEXT_BYTES_MAX {
            return Err(too_long("a text of too many bytes", TEXT_BYTES_MAX));
        }
        if text.chars().any(char::is_control) {
            return Err(Failure::bad_parameter(format!(
                "{} {name:?} contains a control character",
                spoken(M::KIND_OF)
            )));
        }
    }
    Ok(resource)
}

/// Own labels, and over them those that commands found out.
fn labels(
    metadata: Option<&Metadata>,
    found_out: &BTreeMap<String, CommandLabelV2>,
) -> BTreeMap<String, String> {
    let mut labels = metadata
        .map(|metadata| metadata.labels.clone())
        .unwrap_or_default();
    for (key, command) in found_out {
        labels.insert(key.clone(), command.result.clone());
    }
    labels
}

fn described<M: Registered>(
    resource: &M,
    friendly: &str,
    found_out: &BTreeMap<String, CommandLabelV2>,
    details: &[(&'static str, &str)],
) -> Resource {
    let metadata = resource.metadata();
    let description = metadata.map_or("", |metadata| metadata.description.as_str());
    Resource {
        friendly: friendly.to_owned(),
        labels: labels(metadata, found_out),
        details: details
            .iter()
            .copied()
            .chain([("resource.metadata.description", description)])
            .filter(|(_, text)| !text.is_empty())
            .map(|(name, text)| (name, text.to_owned()))
            .collect(),
        ..Resource::new(M::KIND_OF, resource.name())
    }
}

fn named(what: &str, text: &str) -> Answer<()> {
    if text.is_empty() {
        Err(Failure::bad_parameter(format!("missing parameter {what}")))
    } else {
        Ok(())
    }
}

impl Registered for ServerV2 {
    const KIND_OF: Kind = Kind::Node;

    fn fill_in(&mut self) {
        defaults::node(self);
    }

    fn checked(&self) -> Answer<Vec<&str>> {
        let spec = self
            .spec
            .as_ref()
            .ok_or_else(|| Failure::bad_parameter("missing parameter Spec"))?;
        if !matches!(
            self.sub_kind.as_str(),
            "" | "teleport" | "openssh" | "openssh-ec2-ice"
        ) {
            return Err(Failure::bad_parameter(format!(
                "invalid subkind {:?} of a node",
                self.sub_kind
            )));
        }
        if self.sub_kind.starts_with("openssh") {
            named("Spec.Hostname", &spec.hostname)?;
            named("Spec.Addr", &spec.addr)?;
        }
        names::check_mentioned("node", &spec.hostname)?;
        Ok([&spec.addr, &spec.peer_addr, &spec.version]
            .into_iter()
            .chain(&spec.public_addrs)
            .map(String::as_str)
            .collect())
    }

    fn described(&self) -> Resource {
        let spec = self.spec.clone().unwrap_or_default();
        let public = spec.public_addrs.first().map_or("", String::as_str);
        described(
            self,
            &spec.hostname,
            &spec.cmd_labels,
            &[
                ("resource.spec.hostname", &spec.hostname),
                ("resource.spec.addr", &spec.addr),
                ("resource.spec.public_addr", public),
            ],
        )
    }
}

impl Registered for AppV3 {
    const KIND_OF: Kind = Kind::App;

    fn fill_in(&mut self) {
        defaults::app(self);
    }

    fn checked(&self) -> Answer<Vec<&str>> {
        let spec = self
            .spec
            .as_ref()
            .ok_or_else(|| Failure::bad_parameter("missing parameter Spec"))?;
        if spec.uri.is_empty() && spec.cloud.is_empty() {
            return Err(Failure::bad_parameter(format!(
                "app {:?} URI is empty; give `uri` or `cloud`",
                self.name()
            )));
        }
        Ok(vec![&spec.uri, &spec.public_addr, &spec.cloud])
    }

    fn described(&self) -> Resource {
        let spec = self.spec.clone().unwrap_or_default();
        // Names of applications that another program made up are said in their description.
        described(
            self,
            "",
            &spec.dynamic_labels,
            &[
                ("resource.spec.uri", &spec.uri),
                ("resource.spec.public_addr", &spec.public_addr),
            ],
        )
    }
}

impl Registered for DatabaseV3 {
    const KIND_OF: Kind = Kind::Db;

    fn fill_in(&mut self) {
        defaults::database(self);
    }

    fn checked(&self) -> Answer<Vec<&str>> {
        let spec = self
            .spec
            .as_ref()
            .ok_or_else(|| Failure::bad_parameter("missing parameter Spec"))?;
        if spec.protocol.is_empty() {
            return Err(Failure::bad_parameter(format!(
                "database {:?} protocol is empty",
                self.name()
            )));
        }
        if spec.uri.is_empty() {
            return Err(Failure::bad_parameter(format!(
                "database {:?} URI is empty",
                self.name()
            )));
        }
        Ok(vec![&spec.protocol, &spec.uri])
    }

    fn described(&self) -> Resource {
        let spec = self.spec.clone().unwrap_or_default();
        described(
            self,
            "",
            &spec.dynamic_labels,
            &[
                ("resource.spec.uri", &spec.uri),
                ("resource.spec.protocol", &spec.protocol),
            ],
        )
    }
}

impl Registered for KubernetesClusterV3 {
    const KIND_OF: Kind = Kind::KubeCluster;

    fn fill_in(&mut self) {
        defaults::kube_cluster(self);
    }

    fn checked(&self) -> Answer<Vec<&str>> {
        let spec = self
            .spec
            .as_ref()
            .ok_or_else(|| Failure::bad_parameter("missing parameter Spec"))?;
        // It holds credentials, and nothing here would use them.
        if !spec.kubeconfig.is_empty() {
            return Err(Failure::bad_parameter(format!(
                "kubernetes cluster {:?} comes with a kubeconfig, which is not kept: this cluster does not connect to \
                 Kubernetes; leave `kubeconfig` out",
                self.name()
            )));
        }
        Ok(Vec::new())
    }

    fn described(&self) -> Resource {
        let spec = self.spec.clone().unwrap_or_default();
        described(self, "", &spec.dynamic_labels, &[])
    }
}

/// The record of a resource that was made, changed or removed.
pub fn told(
    call: &Call,
    kind: Kind,
    deed: told::Deed,
    resource: &Resource,
    ends: Option<Timestamp>,
) -> Event {
    told::event(call.actor(), deed, resource, kind, ends)
}

/// The resource that has to be reached for `id`, if it is kept in this cluster.
pub async fn find(auth: &Auth, id: &ResourceId, now: Timestamp) -> Answer<Option<Resource>> {
    if id.cluster != auth.cluster() {
        return Ok(None);
    }
    let state = &auth.state;
    Ok(match id.reached() {
        Some(Kind::Node) => state
            .find::<ServerV2>(&id.name, now)
            .await?
            .map(|found| found.resource.described()),
        Some(Kind::App) => state
            .find::<AppV3>(&id.name, now)
            .await?
            .map(|found| found.resource.described()),
        Some(Kind::Db) => state
            .find::<DatabaseV3>(&id.name, now)
            .await?
            .map(|found| found.resource.described()),
        Some(Kind::KubeCluster) => state
            .find::<KubernetesClusterV3>(&id.name, now)
            .await?
            .map(|found| found.resource.described()),
        None => None,
    })
}
