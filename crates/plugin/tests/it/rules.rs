//! Rules of the cluster about who is told, made and removed while the plugin runs.

use wire::pb::teleport::accessmonitoringrules::v1::{
    AccessMonitoringRule, AccessMonitoringRuleSpec, CreateAccessMonitoringRuleRequest, Notification,
};
use wire::pb::teleport::header::v1::Metadata;

use crate::chat::Chat;
use crate::teleport::{Teleport, Wanted, ask};
use crate::world::{everybody, run_for};

async fn tell(teleport: &Teleport, name: &str, plugin: &str, condition: &str, recipient: String) {
    let rule = AccessMonitoringRule {
        kind: "access_monitoring_rule".to_owned(),
        version: "v1".to_owned(),
        metadata: Some(Metadata {
            name: name.to_owned(),
            ..Metadata::default()
        }),
        spec: Some(AccessMonitoringRuleSpec {
            subjects: vec!["access_request".to_owned()],
            condition: condition.to_owned(),
            notification: Some(Notification {
                name: plugin.to_owned(),
                recipients: vec![recipient],
            }),
            ..AccessMonitoringRuleSpec::default()
        }),
        ..AccessMonitoringRule::default()
    };
    let request = CreateAccessMonitoringRuleRequest {
        rule: Some(rule.into()),
    };
    let mut rules = teleport.admin.access_monitoring_rules();
    rules
        .create_access_monitoring_rule(request)
        .await
        .expect("a rule");
}

#[tokio::test]
async fn a_rule_says_who_is_told_as_soon_as_it_is_there() {
    let (teleport, chat) = (Teleport::start().await, Chat::start().await);
    let people = teleport.people().await;
    // Nobody is configured; rules for others and about others name nobody either.
    let here = chat.recipient();
    let matching = "access_request.spec.roles.contains(\"elevated-access\")";
    tell(&teleport, "others", "slack", matching, here.clone()).await;
    tell(
        &teleport,
        "elsewhere",
        "mattermost",
        "access_request.spec.user == \"nobody\"",
        here.clone(),
    )
    .await;
    let _plugin = run_for(&teleport, &chat, everybody(&[])).await;
    let unheard = ask(&people.bob, Wanted::default()).await;
    tell(&teleport, "here", "mattermost", matching, here).await;
    let heard = ask(&people.bob, Wanted::default()).await;
    chat.until_says(&heard, "PENDING").await;
    drop(unheard);
}
