//! Identifiers of resources as text, and what they may say.

use crate::request::ResourceId;

/// Kinds that are whole by themselves.
const WHOLE: &[&str] = &[
    "node",
    "kube_cluster",
    "db",
    "app",
    "windows_desktop",
    "user_group",
    "saml_idp_service_provider",
    "aws_ic_account",
    "aws_ic_account_assignment",
    "git_server",
];

/// Kinds inside a namespace of a Kubernetes cluster.
const NAMESPACED: &[&str] = &[
    "pod",
    "secret",
    "configmap",
    "service",
    "serviceaccount",
    "persistentvolumeclaim",
    "deployment",
    "replicaset",
    "statefulset",
    "daemonset",
    "kube_role",
    "rolebinding",
    "cronjob",
    "job",
    "ingress",
];

/// Kinds of a Kubernetes cluster beside its namespaces.
const CLUSTER_WIDE: &[&str] = &[
    "namespace",
    "kube_node",
    "persistentvolume",
    "clusterrole",
    "clusterrolebinding",
    "certificatesigningrequest",
];

/// Longest part of an identifier, in bytes.
const PART_MAX: usize = 512;

/// Why something is no identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum IdError {
    #[error("{0} is not a valid ResourceID string")]
    Text(String),
    #[error("ResourceID must include {0}")]
    Missing(&'static str),
    #[error("a part of the ResourceID is longer than {PART_MAX} bytes")]
    TooLong,
    #[error("the ResourceID {0:?} contains a control character")]
    Control(String),
    #[error("Resource kind {0:?} is invalid or unsupported")]
    Kind(String),
    #[error("resource of kind {0:?} must include a subresource name")]
    NoSubResource(String),
    #[error("subresource {text:?} must follow the following format: {form}")]
    Form { text: String, form: &'static str },
    #[error("subresource {text:?} must include a non-empty {part}: <namespace>/<name>")]
    EmptyPart { text: String, part: &'static str },
    #[error("resource kind {0:?} doesn't allow sub resources")]
    SubResource(String),
}

/// How many parts the sub-resource of a kind has.
fn parts(kind: &str) -> Option<usize> {
    if WHOLE.contains(&kind) {
        Some(0)
    } else if CLUSTER_WIDE.contains(&kind) {
        Some(1)
    } else if NAMESPACED.contains(&kind) {
        Some(2)
    } else {
        None
    }
}

/// Every kind of object inside a Kubernetes cluster.
pub(super) fn kubernetes_objects() -> impl Iterator<Item = &'static str> {
    NAMESPACED.iter().chain(CLUSTER_WIDE).copied()
}

impl ResourceId {
    /// Reads `/cluster/kind/name` or `/cluster/kind/name/sub`.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let bad = || IdError::Text(text.to_owned());
        let mut pieces = text.strip_prefix('/').ok_or_else(bad)?.splitn(3, '/');
        let (Some(cluster), Some(kind), Some(rest)) = (pieces.next(), pieces.next(), pieces.next()) else {
            return Err(bad());
        };
        // Names of Kubernetes clusters may contain slashes, so their objects are read from the end.
        let wanted = parts(kind).unwrap_or(0);
        let at = if wanted == 0 {
            None
        } else {
            rest.rmatch_indices('/').nth(wanted - 1).map(|(at, _)| at)
        };
        let (name, sub_resource) = at.map_or((rest, ""), |at| (&rest[..at], &rest[at + 1..]));
        let id = Self {
            cluster: cluster.to_owned(),
            kind: kind.to_owned(),
            name: name.to_owned(),
            sub_resource: sub_resource.to_owned(),
        };
        id.check()?;
        Ok(id)
    }

    /// Whether its parts fit together.
    pub fn check(&self) -> Result<(), IdError> {
        let every = [&self.cluster, &self.kind, &self.name, &self.sub_resource];
        if every.iter().any(|part| part.len() > PART_MAX) {
            return Err(IdError::TooLong);
        }
        if every.iter().any(|part| part.chars().any(char::is_control)) {
            return Err(IdError::Control(self.text()));
        }
        for (part, what) in [
            (&self.cluster, "ClusterName"),
            (&self.kind, "Kind"),
            (&self.name, "Name"),
        ] {
            if part.is_empty() {
                return Err(IdError::Missing(what));
            }
        }
        if self.cluster.contains('/') {
            return Err(IdError::Text(self.text()));
        }
        let sub = &self.sub_resource;
        match parts(&self.kind) {
            None => Err(IdError::Kind(self.kind.clone())),
            Some(0) if sub.is_empty() => Ok(()),
            Some(0) => Err(IdError::SubResource(self.kind.clone())),
            Some(_) if sub.is_empty() => Err(IdError::NoSubResource(self.kind.clone())),
            Some(1) if sub.contains('/') => Err(IdError::Form {
                text: sub.clone(),
                form: "<name>",
            }),
            Some(1) => Ok(()),
            Some(_) => match sub.split_once('/') {
                Some((_, name)) if name.contains('/') => Err(self.not_namespaced()),
                Some(("", _)) => Err(self.empty_part("namespace")),
                Some((_, "")) => Err(self.empty_part("name")),
                Some(_) => Ok(()),
                None => Err(self.not_namespaced()),
            },
        }
    }

    /// Whether it is an object inside a Kubernetes cluster.
    pub fn is_kubernetes_object(&self) -> bool {
        kubernetes_objects().any(|kind| kind == self.kind)
    }

    /// The kind of what has to be reached: for an object its cluster.
    pub fn reached(&self) -> Option<super::Kind> {
        if self.is_kubernetes_object() {
            Some(super::Kind::KubeCluster)
        } else {
            super::Kind::of_name(&self.kind)
        }
    }

    fn not_namespaced(&self) -> IdError {
        IdError::Form {
            text: self.sub_resource.clone(),
            form: "<namespace>/<name>",
        }
    }

    fn empty_part(&self, part: &'static str) -> IdError {
        IdError::EmptyPart {
            text: self.sub_resource.clone(),
            part,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_read_back_as_they_are_written() {
        for (text, name, sub) in [
            ("/c/node/5d4a", "5d4a", ""),
            ("/c/app/a/b", "a/b", ""),
            ("/c/pod/k8s/ns/p-1", "k8s", "ns/p-1"),
            ("/c/pod/arn:x/y/ns/p-1", "arn:x/y", "ns/p-1"),
            ("/c/namespace/k8s/*", "k8s", "*"),
        ] {
            let id = ResourceId::parse(text).unwrap();
            assert_eq!(
                (id.name.as_str(), id.sub_resource.as_str()),
                (name, sub),
                "{text}"
            );
            assert_eq!(id.text(), text);
        }
    }

    #[test]
    fn what_is_no_identifier_is_told_so() {
        for (text, why) in [
            ("", " is not a valid ResourceID string"),
            ("c/node/n", "c/node/n is not a valid ResourceID string"),
            ("/c/node", "/c/node is not a valid ResourceID string"),
            ("//node/n", "ResourceID must include ClusterName"),
            ("/c//n", "ResourceID must include Kind"),
            ("/c/node/", "ResourceID must include Name"),
            (
                "/c/nosuch/n",
                "Resource kind \"nosuch\" is invalid or unsupported",
            ),
            (
                "/c/namespace/k",
                "resource of kind \"namespace\" must include a subresource name",
            ),
            (
                "/c/node/a\nb",
                "the ResourceID \"/c/node/a\\nb\" contains a control character",
            ),
        ] {
            assert_eq!(ResourceId::parse(text).unwrap_err().to_string(), why, "{text}");
        }
        let id = |kind: &str, sub: &str| ResourceId {
            cluster: "c".to_owned(),
            kind: kind.to_owned(),
            name: "n".to_owned(),
            sub_resource: sub.to_owned(),
        };
        for (kind, sub, why) in [
            ("node", "x", "resource kind \"node\" doesn't allow sub resources"),
            (
                "pod",
                "",
                "resource of kind \"pod\" must include a subresource name",
            ),
            (
                "pod",
                "p",
                "subresource \"p\" must follow the following format: <namespace>/<name>",
            ),
            (
                "pod",
                "/p",
                "subresource \"/p\" must include a non-empty namespace: <namespace>/<name>",
            ),
            (
                "pod",
                "ns/",
                "subresource \"ns/\" must include a non-empty name: <namespace>/<name>",
            ),
            (
                "namespace",
                "a/b",
                "subresource \"a/b\" must follow the following format: <name>",
            ),
        ] {
            assert_eq!(id(kind, sub).check().unwrap_err().to_string(), why);
        }
    }
}
