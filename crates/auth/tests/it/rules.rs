//! Access monitoring rules: kept, checked when written, listed by pages and by filter, watched.

use client::Cluster;
use tonic::{Code, Status};
use wire::keep::Kept;
use wire::pb::proto::{self, Operation, event::Resource};
use wire::pb::teleport::accessmonitoringrules::v1::{self as amr, AccessMonitoringRule};
use wire::pb::teleport::header::v1::Metadata;
use wire::pb::types::{RequestState, WatchKind};

use crate::people::{PLUGIN, ask, refusal, role, state_of};
use crate::refused;
use crate::world::{World, hours, on_every_store};

/// A rule that tells a channel by the plugin called `mattermost`.
pub fn rule(name: &str, condition: &str) -> AccessMonitoringRule {
    AccessMonitoringRule {
        kind: "access_monitoring_rule".to_owned(),
        version: "v1".to_owned(),
        metadata: Some(Metadata {
            name: name.to_owned(),
            ..Metadata::default()
        }),
        spec: Some(amr::AccessMonitoringRuleSpec {
            subjects: vec!["access_request".to_owned()],
            condition: condition.to_owned(),
            notification: Some(amr::Notification {
                name: "mattermost".to_owned(),
                recipients: vec!["ops/db".to_owned()],
            }),
            ..amr::AccessMonitoringRuleSpec::default()
        }),
        ..AccessMonitoringRule::default()
    }
}

pub async fn create(by: &Cluster, rule: AccessMonitoringRule) -> Result<Kept<AccessMonitoringRule>, Status> {
    let request = amr::CreateAccessMonitoringRuleRequest {
        rule: Some(rule.into()),
    };
    let mut rules = by.access_monitoring_rules();
    Ok(rules.create_access_monitoring_rule(request).await?.into_inner())
}

async fn update(
    by: &Cluster,
    rule: &Kept<AccessMonitoringRule>,
) -> Result<Kept<AccessMonitoringRule>, Status> {
    let request = amr::UpdateAccessMonitoringRuleRequest {
        rule: Some(rule.clone()),
    };
    let mut rules = by.access_monitoring_rules();
    Ok(rules.update_access_monitoring_rule(request).await?.into_inner())
}

async fn remove(by: &Cluster, name: &str) -> Result<(), Status> {
    let request = amr::DeleteAccessMonitoringRuleRequest {
        name: name.to_owned(),
    };
    by.access_monitoring_rules()
        .delete_access_monitoring_rule(request)
        .await
        .map(|_| ())
}

async fn filtered(
    by: &Cluster,
    change: impl FnOnce(&mut amr::ListAccessMonitoringRulesWithFilterRequest),
) -> (Vec<String>, String) {
    let mut request = amr::ListAccessMonitoringRulesWithFilterRequest::default();
    change(&mut request);
    let mut rules = by.access_monitoring_rules();
    let page = rules
        .list_access_monitoring_rules_with_filter(request)
        .await
        .expect("an answer")
        .into_inner();
    (page.rules.iter().map(name).collect(), page.next_page_token)
}

fn name(rule: &Kept<AccessMonitoringRule>) -> String {
    rule.metadata.as_ref().expect("metadata").name.clone()
}

async fn as_plugin(world: &World) -> Cluster {
    world.apply(PLUGIN).await;
    world
        .sign_as(&world.admin, "access-plugin", hours(8))
        .await
        .expect("a certificate")
}

#[tokio::test]
async fn a_rule_is_kept_changed_and_removed() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let editor = &cast.editor.cluster;
        let made = create(editor, rule("r", "true")).await.expect("a rule");
        refused!(
            create(editor, rule("r", "true")).await,
            AlreadyExists,
            "access_monitoring_rule \"r\" already exists"
        );
        let mut other = made.clone();
        other.spec.get_or_insert_default().condition = "false".to_owned();
        let changed = update(editor, &other).await.expect("changed");
        assert_eq!(
            refusal(update(editor, &other).await).0,
            Code::FailedPrecondition,
            "an old version"
        );
        let request = amr::GetAccessMonitoringRuleRequest { name: "r".to_owned() };
        let mut rules = editor.access_monitoring_rules();
        let read = rules
            .get_access_monitoring_rule(request.clone())
            .await
            .expect("a rule");
        assert_eq!(read.into_inner(), changed);
        remove(editor, "r").await.expect("removed");
        let text = "access_monitoring_rule \"r\" is not found";
        refused!(rules.get_access_monitoring_rule(request).await, NotFound, text);
        refused!(remove(editor, "r").await, NotFound, text);
        refused!(update(editor, &changed).await, NotFound, text);
        assert_eq!(
            refusal(create(&cast.bob.cluster, rule("r", "true")).await).0,
            Code::PermissionDenied
        );
    })
    .await;
}

#[tokio::test]
async fn a_rule_that_cannot_work_is_refused_in_the_originals_words() {
    on_every_store(async |world| {
        type Change = fn(&mut AccessMonitoringRule, &mut amr::AccessMonitoringRuleSpec);
        let cases: [(Change, &str); 13] = [
            (
                |rule, _| rule.kind = "x".to_owned(),
                "invalid kind for access monitoring rule: \"x\"",
            ),
            (|rule, _| rule.metadata = None, "accessMonitoringRule metadata is missing"),
            (
                |rule, _| rule.version = "v9".to_owned(),
                "accessMonitoringRule version \"v9\" is not supported",
            ),
            (|_, spec| spec.subjects.clear(), "accessMonitoringRule subject is missing"),
            (|_, spec| spec.condition.clear(), "accessMonitoringRule condition is missing"),
            (
                |_, spec| spec.notification.get_or_insert_default().name.clear(),
                "accessMonitoringRule notification plugin name is missing",
            ),
            (
                |_, spec| spec.automatic_review = Some(amr::AutomaticReview::default()),
                "accessMonitoringRule automatic_review integration is missing",
            ),
            (
                |_, spec| spec.automatic_review.get_or_insert_default().integration = "builtin".to_owned(),
                "accessMonitoringRule automatic_review decision is missing",
            ),
            (
                |_, spec| {
                    let review = spec.automatic_review.get_or_insert_default();
                    review.integration = "builtin".to_owned();
                    review.decision = "MAYBE".to_owned();
                },
                "accessMonitoringRule automatic_review decision \"MAYBE\" is not supported",
            ),
            (
                |_, spec| spec.condition = "access_request.spec.roles.has(\"x\")".to_owned(),
                "accessMonitoringRule condition is invalid: parsing expression: the method `has` does not exist at \
                 column 27",
            ),
            (
                |_, spec| spec.desired_state = "x".to_owned(),
                "accessMonitoringRule desired_state \"x\" is not supported",
            ),
            (
                |_, spec| spec.notification = None,
                "one of notification or automatic_review must be configured if subjects contain \"access_request\"",
            ),
            (
                |_, spec| spec.states = vec![String::new(); 101],
                "accessMonitoringRule has more than 100 subjects, states and recipients",
            ),
        ];
        for (change, text) in cases {
            let mut bad = rule("r", "true");
            let mut spec = bad.spec.take().expect("a spec");
            change(&mut bad, &mut spec);
            bad.spec = Some(spec);
            refused!(create(&world.admin, bad).await, InvalidArgument, text);
        }
        let mut bare = rule("r", "true");
        bare.spec = None;
        refused!(
            create(&world.admin, bare).await,
            InvalidArgument,
            "accessMonitoringRule spec is missing"
        );
        // What is about something else is kept unread.
        let mut other = rule("other", "whatever it is");
        other.spec.get_or_insert_default().subjects = vec!["something_new".to_owned()];
        create(&world.admin, other).await.expect("stored");
    })
    .await;
}

#[tokio::test]
async fn a_plugin_lists_its_rules_by_full_pages() {
    on_every_store(async |world| {
        let plugin = as_plugin(world).await;
        for n in 0..5 {
            let mut made = rule(&format!("r{n}"), "true");
            if n % 2 == 1 {
                let spec = made.spec.get_or_insert_default();
                spec.notification.get_or_insert_default().name = "slack".to_owned();
                spec.automatic_review = Some(amr::AutomaticReview {
                    integration: "builtin".to_owned(),
                    decision: "DENIED".to_owned(),
                });
            }
            create(&world.admin, made).await.expect("a rule");
        }
        let mine = |request: &mut amr::ListAccessMonitoringRulesWithFilterRequest| {
            request.subjects = vec!["access_request".to_owned()];
            request.notification_name = "mattermost".to_owned();
        };
        let (all, next) = filtered(&plugin, mine).await;
        assert_eq!(
            (all, next),
            (vec!["r0".into(), "r2".into(), "r4".into()], String::new())
        );
        let two = |request: &mut amr::ListAccessMonitoringRulesWithFilterRequest| {
            mine(request);
            request.page_size = 2;
        };
        let (first, next) = filtered(&plugin, two).await;
        assert_eq!(first, ["r0", "r2"]);
        let (rest, end) = filtered(&plugin, |request| {
            two(request);
            request.page_token = next;
        })
        .await;
        assert_eq!((rest, end), (vec!["r4".into()], String::new()));
        let (reviews, _) = filtered(&plugin, |request| {
            request.automatic_review_name = "builtin".to_owned();
        })
        .await;
        assert_eq!(reviews, ["r1", "r3"]);
        let (none, _) = filtered(&plugin, |request| {
            request.subjects = vec!["access_request".to_owned(), "x".to_owned()];
        })
        .await;
        assert_eq!(none, [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn changes_of_rules_are_told_to_who_watches_them() {
    on_every_store(async |world| {
        let plugin = as_plugin(world).await;
        let asked = proto::Watch {
            kinds: vec![WatchKind {
                kind: "access_monitoring_rule".to_owned(),
                ..WatchKind::default()
            }],
            ..proto::Watch::default()
        };
        let mut stream = plugin
            .auth()
            .watch_events(asked)
            .await
            .expect("a stream")
            .into_inner();
        stream.message().await.expect("the status").expect("no end");
        let made = create(&world.admin, rule("r", "true")).await.expect("a rule");
        let event = stream.message().await.expect("an event").expect("no end");
        assert_eq!(event.r#type, Operation::Put as i32);
        let Some(Resource::AccessMonitoringRule(told)) = event.resource else {
            panic!("a rule");
        };
        assert_eq!(told, made);
        remove(&world.admin, "r").await.expect("removed");
        let event = stream.message().await.expect("an event").expect("no end");
        assert_eq!(event.r#type, Operation::Delete as i32);
        let Some(Resource::ResourceHeader(header)) = event.resource else {
            panic!("a header");
        };
        assert_eq!(header.kind, "access_monitoring_rule");
        assert_eq!(header.metadata.expect("metadata").name, "r");
    })
    .await;
}

/// A rule that says `decision` to what `condition` is about.
pub fn reviewing(name: &str, condition: &str, decision: &str) -> AccessMonitoringRule {
    let mut made = rule(name, condition);
    let spec = made.spec.get_or_insert_default();
    spec.notification = None;
    spec.desired_state = "reviewed".to_owned();
    spec.automatic_review = Some(amr::AutomaticReview {
        integration: "builtin".to_owned(),
        decision: decision.to_owned(),
    });
    made
}

const QUICK: &str = "access_request.spec.roles.contains(\"quick\")";

/// Somebody who may ask for `quick`, with one approval.
async fn asker(world: &World) -> crate::people::Person {
    let one = "allow:\n  request:\n    roles: [quick]\n    thresholds: [{approve: 1, deny: 1}]";
    world.put_role(role("quick-asker", one)).await.expect("a role");
    world.put_role(role("quick", "allow: {}")).await.expect("a role");
    world.person("dana@example.com", &["quick-asker"]).await
}

async fn state(world: &World, id: &str) -> Option<RequestState> {
    crate::people::look(&world.admin, id)
        .await
        .map(|request| state_of(&request))
}

#[tokio::test]
async fn a_rule_says_yes_where_one_suffices_and_no_anywhere() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let dana = asker(world).await;
        let id = ask(world, &dana.cluster, &["quick"]).await;
        assert_eq!(
            state(world, &id).await,
            Some(RequestState::Pending),
            "there is no rule yet"
        );
        create(&world.admin, reviewing("quick", QUICK, "APPROVED"))
            .await
            .expect("a rule");
        let id = ask(world, &dana.cluster, &["quick"]).await;
        assert_eq!(state(world, &id).await, Some(RequestState::Approved));
        let request = crate::people::look(&world.admin, &id)
            .await
            .expect("a request")
            .spec
            .expect("a spec");
        assert_eq!(request.reviews[0].author, "@teleport-access-approval-bot");
        assert_eq!(
            request.resolve_reason,
            "automatically approved by access monitoring rule \"quick\""
        );
        world.assume(&dana.cluster, &[&id]).await.expect("a certificate");
        // A no wins, wherever it stands among the rules.
        create(
            &world.admin,
            reviewing("a", "access_request.spec.user == \"dana@example.com\"", "DENIED"),
        )
        .await
        .expect("a rule");
        let id = ask(world, &dana.cluster, &["quick"]).await;
        assert_eq!(state(world, &id).await, Some(RequestState::Denied));
        create(
            &world.admin,
            reviewing(
                "b",
                "access_request.spec.roles.contains(\"elevated-access\")",
                "DENIED",
            ),
        )
        .await
        .expect("a rule");
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        assert_eq!(
            state(world, &id).await,
            Some(RequestState::Denied),
            "also where two would have to approve"
        );
        for name in ["a", "b", "quick"] {
            remove(&world.admin, name).await.expect("removed");
        }
        let id = ask(world, &dana.cluster, &["quick"]).await;
        assert_eq!(state(world, &id).await, Some(RequestState::Pending));
    })
    .await;
}

#[tokio::test]
async fn a_rule_that_is_not_meant_to_review_reviews_nothing() {
    on_every_store(async |world| {
        let dana = asker(world).await;
        let mut kept = reviewing("kept", QUICK, "APPROVED");
        kept.spec.get_or_insert_default().desired_state = String::new();
        create(&world.admin, kept).await.expect("a rule");
        let mut elsewhere = reviewing("elsewhere", QUICK, "APPROVED");
        let spec = elsewhere.spec.get_or_insert_default();
        spec.automatic_review.get_or_insert_default().integration = "pagerduty".to_owned();
        create(&world.admin, elsewhere).await.expect("a rule");
        // A newer client's rule holds hours of the day, which this version does not know.
        let mut bytes = prost::Message::encode_to_vec(&reviewing("newer", QUICK, "APPROVED"));
        bytes.extend([0x9a, 0x06, 0x01, 0x00]);
        let newer: Kept<AccessMonitoringRule> = prost::Message::decode(bytes.as_slice()).expect("a rule");
        let request = amr::CreateAccessMonitoringRuleRequest { rule: Some(newer) };
        let mut rules = world.admin.access_monitoring_rules();
        rules
            .create_access_monitoring_rule(request)
            .await
            .expect("a rule");
        let mut ended = reviewing("ended", QUICK, "APPROVED");
        let ends = wire::convert::timestamp(world.now() + hours(1));
        ended.metadata.get_or_insert_default().expires = Some(ends);
        create(&world.admin, ended).await.expect("a rule");
        world.clock.advance(hours(1));
        let id = ask(world, &dana.cluster, &["quick"]).await;
        assert_eq!(state(world, &id).await, Some(RequestState::Pending));
    })
    .await;
}

#[tokio::test]
async fn nobody_can_be_the_reviewer_of_rules() {
    on_every_store(async |world| {
        let request = wire::pb::teleport::users::v1::CreateUserRequest {
            user: Some(Kept::from(crate::people::user(
                "@teleport-access-approval-bot",
                &["access"],
            ))),
        };
        let (code, text) = refusal(world.admin.users().create_user(request).await);
        assert_eq!(code, Code::InvalidArgument);
        assert!(text.ends_with("is reserved"), "{text}");
        world.cast().await;
        let signed = world
            .sign_as(&world.admin, "@teleport-access-approval-bot", hours(1))
            .await;
        assert_eq!(refusal(signed.map(|_| ())).0, Code::NotFound);
    })
    .await;
}
