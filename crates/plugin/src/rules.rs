//! Access monitoring rules: who is told of which request, as administrators of the cluster say it.
//!
//! If any rule names somebody, nobody else is told: the plugin's own configuration is for what no rule is about. Rules are
//! read when they are needed for the first time and whenever they have changed. A plugin that may not read them has none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use access::Traits;
use access::condition::{Condition, Subject};
use jiff::Timestamp;
use tokio::sync::Mutex;
use tonic::{Code, Status};
use wire::pb::teleport::accessmonitoringrules::v1::AccessMonitoringRuleSpec;

use crate::audience::RECIPIENTS_MAX;
use crate::desk::Desk;
use crate::request::Request;

/// The rules as they were last read.
#[derive(Default)]
pub struct Rules {
    read: Mutex<Option<Arc<Vec<Rule>>>>,
    is_told: AtomicBool,
}

#[derive(Debug)]
struct Rule {
    name: String,
    condition: Condition,
    asks_for_traits: bool,
    recipients: Vec<String>,
}

impl Rules {
    /// They have changed: they are read again before they are used.
    pub async fn changed(&self) {
        *self.read.lock().await = None;
    }

    /// Whom the rules name for `request`, each once.
    pub async fn recipients(&self, desk: &Desk, request: &Request) -> Result<Vec<String>, Status> {
        let rules = self.current(desk).await?;
        let traits = if rules.iter().any(|rule| rule.asks_for_traits) {
            desk.traits(&request.user).await?
        } else {
            Traits::new()
        };
        Ok(named(&rules, request, &traits))
    }

    async fn current(&self, desk: &Desk) -> Result<Arc<Vec<Rule>>, Status> {
        let mut read = self.read.lock().await;
        if let Some(rules) = &*read {
            return Ok(Arc::clone(rules));
        }
        let listed = match desk.rules().await {
            Ok(listed) => listed,
            Err(status) if matches!(status.code(), Code::PermissionDenied | Code::Unimplemented) => {
                if !self.is_told.swap(true, Ordering::Relaxed) {
                    tracing::info!(reason = %status.message(), "access monitoring rules are not used: the plugin may not read them");
                }
                Vec::new()
            }
            Err(status) => return Err(status),
        };
        let rules = listed.into_iter().filter_map(|(name, spec)| Rule::of(name, spec));
        let rules = Arc::new(rules.collect::<Vec<_>>());
        *read = Some(Arc::clone(&rules));
        Ok(rules)
    }
}

impl Rule {
    fn of(name: String, spec: AccessMonitoringRuleSpec) -> Option<Self> {
        let condition = match Condition::parse(&spec.condition) {
            Ok(condition) => condition,
            Err(error) => {
                tracing::warn!(rule = %name, %error, "a rule cannot be read and is left out");
                return None;
            }
        };
        Some(Self {
            name,
            condition,
            asks_for_traits: spec.condition.contains("user.traits"),
            recipients: spec.notification.unwrap_or_default().recipients,
        })
    }
}

fn named(rules: &[Rule], request: &Request, traits: &Traits) -> Vec<String> {
    let subject = Subject {
        roles: &request.roles,
        suggested_reviewers: &request.suggested_reviewers,
        system_annotations: &request.annotations,
        user: &request.user,
        reason: &request.reason,
        created: request.created.unwrap_or(Timestamp::UNIX_EPOCH),
        expires: request.waits_until.unwrap_or(Timestamp::MAX),
        traits,
    };
    let mut recipients: Vec<String> = Vec::new();
    for rule in rules.iter().filter(|rule| rule.condition.matches(&subject)) {
        tracing::debug!(request_id = %request.id, rule = %rule.name, "a rule says who is told");
        for recipient in &rule.recipients {
            if !recipients.contains(recipient) {
                recipients.push(recipient.clone());
            }
        }
    }
    recipients.truncate(RECIPIENTS_MAX);
    recipients
}

#[cfg(test)]
mod tests {
    use wire::pb::teleport::accessmonitoringrules::v1::Notification;

    use super::*;

    fn rule(condition: &str, recipients: &[&str]) -> Option<Rule> {
        let spec = AccessMonitoringRuleSpec {
            condition: condition.to_owned(),
            notification: Some(Notification {
                name: "mattermost".to_owned(),
                recipients: recipients.iter().map(|name| (*name).to_owned()).collect(),
            }),
            ..AccessMonitoringRuleSpec::default()
        };
        Rule::of("r".to_owned(), spec)
    }

    #[test]
    fn all_rules_that_match_name_their_recipients_once() {
        let rules: Vec<Rule> = [
            rule(
                "access_request.spec.roles.contains(\"dba\")",
                &["ops/db", "a@example.com"],
            ),
            rule(
                "user.traits[\"team\"].contains(\"storage\")",
                &["ops/storage", "ops/db"],
            ),
            rule("access_request.spec.roles.contains(\"other\")", &["ops/other"]),
            rule("not a condition", &["ops/broken"]),
        ]
        .into_iter()
        .flatten()
        .collect();
        assert_eq!(rules.len(), 3);
        let mut request = crate::record::Record::default().request_gone("id");
        request.roles = vec!["dba".to_owned()];
        let team = Traits::from([("team".to_owned(), vec!["storage".to_owned()])]);
        assert_eq!(
            named(&rules, &request, &team),
            ["ops/db", "a@example.com", "ops/storage"]
        );
        assert_eq!(
            named(&rules, &request, &Traits::new()),
            ["ops/db", "a@example.com"]
        );
        request.roles.clear();
        assert_eq!(named(&rules, &request, &Traits::new()), [""; 0]);
    }
}
