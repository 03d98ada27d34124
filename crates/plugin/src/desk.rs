//! The calls to the cluster: requests, and the notes beside them.
//!
//! Only calls that every server of the contract answers, and one of ours that tells how many approvals count; where it
//! is not known, the request itself has to do.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use access::Traits;
use client::Cluster;
use futures::stream::{Stream, StreamExt as _};
use tonic::{Code, Response, Status};
use wire::keep::Kept;
use wire::pb::countersign::v1::ExplainRequest;
use wire::pb::proto::{ListAccessRequestsRequest, PingRequest};
use wire::pb::teleport::accessmonitoringrules::v1::{
    AccessMonitoringRuleSpec, ListAccessMonitoringRulesWithFilterRequest,
};
use wire::pb::teleport::users::v1::GetUserRequest;
use wire::pb::types::{AccessRequestV3, PluginDataFilter, PluginDataUpdateParams};

use crate::chat::Links;
use crate::record::Data;
use crate::request::Request;

/// The kind that notes are kept beside.
const KIND: &str = "access_request";
/// The time for one call.
const CALL_TIMEOUT: Duration = Duration::from_secs(15);
/// Largest answer, in bytes: all notes of a busy cluster come in one.
const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;

/// How writing notes ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// They are stored.
    Yes,
    /// Somebody else has changed them meanwhile.
    Changed,
    /// The request is gone, and there were no notes.
    NoRequest,
}

/// The cluster as the plugin uses it.
pub struct Desk {
    cluster: Cluster,
    plugin: &'static str,
    explains: AtomicBool,
}

impl Desk {
    /// Notes are kept under the name `plugin`.
    pub fn new(cluster: Cluster, plugin: &'static str) -> Self {
        Self {
            cluster,
            plugin,
            explains: AtomicBool::new(true),
        }
    }

    /// The cluster.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The notes beside a request; `None` if there are none.
    pub async fn read(&self, request: &str) -> Result<Option<Data>, Status> {
        let filter = PluginDataFilter {
            kind: KIND.to_owned(),
            resource: request.to_owned(),
            plugin: self.plugin.to_owned(),
        };
        let found = within(self.cluster.auth().get_plugin_data(filter)).await?;
        let mut entries = found.plugin_data.into_iter().filter_map(|data| data.spec);
        Ok(entries
            .find_map(|mut spec| spec.entries.remove(self.plugin))
            .map(|entry| entry.data))
    }

    /// All notes, by request.
    pub async fn all(&self) -> Result<BTreeMap<String, Data>, Status> {
        let filter = PluginDataFilter {
            kind: KIND.to_owned(),
            resource: String::new(),
            plugin: self.plugin.to_owned(),
        };
        let mut auth = self.cluster.auth().max_decoding_message_size(ANSWER_BYTES_MAX);
        let found = within(auth.get_plugin_data(filter)).await?;
        Ok(found
            .plugin_data
            .into_iter()
            .filter_map(|data| {
                let entry = data.spec?.entries.remove(self.plugin)?;
                Some((data.metadata?.name, entry.data))
            })
            .collect())
    }

    /// Writes notes if they still are as they were read.
    pub async fn write(&self, request: &str, before: Option<&Data>, after: &Data) -> Result<Written, Status> {
        let nothing = Data::new();
        let before = before.unwrap_or(&nothing);
        let set: BTreeMap<String, String> = after
            .iter()
            .filter(|(key, value)| before.get(*key) != Some(*value))
            .map(|(key, value)| (key.clone(), value.clone()))
            .chain(
                before
                    .keys()
                    .filter(|key| !after.contains_key(*key))
                    .map(|key| (key.clone(), String::new())),
            )
            .collect();
        if set.is_empty() {
            return Ok(Written::Yes);
        }
        // A key that is not there yet must still not be there.
        let absent = set.keys().map(|key| (key.clone(), String::new()));
        let expect: BTreeMap<String, String> = absent.chain(before.clone()).collect();
        let asked = PluginDataUpdateParams {
            kind: KIND.to_owned(),
            resource: request.to_owned(),
            plugin: self.plugin.to_owned(),
            set,
            expect,
        };
        match within(self.cluster.auth().update_plugin_data(asked)).await {
            Ok(()) => Ok(Written::Yes),
            Err(status) if matches!(status.code(), Code::FailedPrecondition | Code::Aborted) => {
                Ok(Written::Changed)
            }
            Err(status) if status.code() == Code::NotFound => Ok(Written::NoRequest),
            Err(status) => Err(status),
        }
    }

    /// Every request the plugin may see.
    pub fn requests(&self) -> impl Stream<Item = Result<Kept<AccessRequestV3>, Status>> + Send + use<> {
        const PAGE: i32 = 200;
        self.cluster
            .access_requests(ListAccessRequestsRequest {
                limit: PAGE,
                ..ListAccessRequestsRequest::default()
            })
            .boxed()
    }

    /// The request with its approvals counted by the cluster, where it can do that.
    pub async fn counted(&self, request: Request) -> Request {
        // Without votes there is nothing to count, and after the end nothing to wait for, unless somebody took it back.
        let idle = !request.is_pending() || request.reviews.is_empty();
        if (idle && request.taken_back_by.is_none()) || !self.explains.load(Ordering::Relaxed) {
            return request;
        }
        let asked = ExplainRequest {
            request_id: request.id.clone(),
        };
        match within(self.cluster.access().explain(asked)).await {
            Ok(evidence) => request.counted(evidence),
            Err(status) => {
                if status.code() == Code::Unimplemented {
                    self.explains.store(false, Ordering::Relaxed);
                } else {
                    tracing::debug!(request_id = %request.id, error = %status.message(), "approvals are counted here");
                }
                request
            }
        }
    }

    /// Who may review a request as the cluster knows it, by name; `None` where it does not say.
    pub async fn possible_reviewers(&self, request: &Request) -> Result<Option<BTreeSet<String>>, Status> {
        if !self.explains.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let asked = ExplainRequest {
            request_id: request.id.clone(),
        };
        match within(self.cluster.access().explain(asked)).await {
            Ok(evidence) => {
                // Their number is told to everybody who sees the request, their names are not.
                let are_told =
                    evidence.possible_reviewer_count == 0 || !evidence.possible_reviewers.is_empty();
                let names = evidence
                    .possible_reviewers
                    .into_iter()
                    .map(|possible| possible.user);
                Ok(are_told.then(|| names.collect()))
            }
            Err(status) if status.code() == Code::Unimplemented => {
                self.explains.store(false, Ordering::Relaxed);
                Ok(None)
            }
            Err(status) if matches!(status.code(), Code::NotFound | Code::PermissionDenied) => Ok(None),
            Err(status) => Err(status),
        }
    }

    /// The access monitoring rules that are for this plugin, with their names.
    pub async fn rules(&self) -> Result<Vec<(String, AccessMonitoringRuleSpec)>, Status> {
        const PAGE: i64 = 1000;
        let mut rules = Vec::new();
        let mut page_token = String::new();
        loop {
            let asked = ListAccessMonitoringRulesWithFilterRequest {
                page_size: PAGE,
                page_token,
                subjects: vec![KIND.to_owned()],
                notification_name: self.plugin.to_owned(),
                ..ListAccessMonitoringRulesWithFilterRequest::default()
            };
            let mut service = self.cluster.access_monitoring_rules();
            let page = within(service.list_access_monitoring_rules_with_filter(asked)).await?;
            rules.extend(page.rules.into_iter().map(|rule| {
                let rule = rule.into_message();
                let name = rule.metadata.map(|metadata| metadata.name);
                (name.unwrap_or_default(), rule.spec.unwrap_or_default())
            }));
            if page.next_page_token.is_empty() {
                return Ok(rules);
            }
            page_token = page.next_page_token;
        }
    }

    /// The traits a user has now; none if the plugin may not read them.
    pub async fn traits(&self, user: &str) -> Result<Traits, Status> {
        let asked = GetUserRequest {
            name: user.to_owned(),
            ..GetUserRequest::default()
        };
        match within(self.cluster.users().get_user(asked)).await {
            Ok(found) => {
                let spec = found.user.and_then(|user| user.into_message().spec);
                Ok(wire::convert::traits(
                    spec.as_ref().and_then(|spec| spec.traits.as_ref()),
                ))
            }
            Err(status) if matches!(status.code(), Code::PermissionDenied | Code::NotFound) => {
                tracing::warn!(%user, reason = %status.message(), "the traits of a user cannot be read: rules see none");
                Ok(Traits::new())
            }
            Err(status) => Err(status),
        }
    }

    /// Where the cluster's pages are.
    pub async fn links(&self) -> Result<Links, Status> {
        let ping = within(self.cluster.auth().ping(PingRequest {})).await?;
        let has_pages = ping
            .server_features
            .is_some_and(|features| features.advanced_access_workflows);
        Ok(Links {
            pages: Some(ping.proxy_public_addr)
                .filter(|_| has_pages)
                .and_then(|address| pages(&address)),
        })
    }

    /// The server may be another one after a reconnect.
    pub fn reconnected(&self) {
        self.explains.store(true, Ordering::Relaxed);
    }
}

/// The address of pages behind a proxy's public address.
fn pages(address: &str) -> Option<String> {
    let bare = address.strip_prefix("https://").unwrap_or(address);
    let bare = bare.trim_end_matches('/');
    let bare = bare.strip_suffix(":443").unwrap_or(bare);
    let is_address = !bare.is_empty()
        && bare
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte));
    is_address.then(|| format!("https://{bare}"))
}

/// A call that ends.
async fn within<T>(call: impl Future<Output = Result<Response<T>, Status>>) -> Result<T, Status> {
    match tokio::time::timeout(CALL_TIMEOUT, call).await {
        Ok(answer) => answer.map(Response::into_inner),
        Err(_) => Err(Status::deadline_exceeded("the cluster did not answer in time")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_where_the_proxy_says() {
        for (address, expected) in [
            ("teleport.example.com:443", Some("https://teleport.example.com")),
            (
                "https://teleport.example.com/",
                Some("https://teleport.example.com"),
            ),
            (
                "teleport.example.com:3080",
                Some("https://teleport.example.com:3080"),
            ),
            ("[::1]:3080", Some("https://[::1]:3080")),
            ("", None),
            ("evil.example/x](http://other", None),
            ("a b", None),
        ] {
            assert_eq!(pages(address).as_deref(), expected, "{address}");
        }
    }
}
