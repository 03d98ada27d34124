//! Alerts: who sees which, for how long, and that warnings reach programs that show none beside an answer.

use std::collections::BTreeMap;

use client::Cluster;
use tonic::{Code, Status};
use wire::convert::timestamp;
use wire::pb::proto;
use wire::pb::proto::auth_service_client::AuthServiceClient;
use wire::pb::types::{self, AlertAcknowledgement, AlertSeverity, ClusterAlert, GetClusterAlertsRequest};

use crate::calls::channel;
use crate::people::{refusal, role};
use crate::refused;
use crate::world::{World, hours, on_every_store, seconds};

fn alert(name: &str, severity: AlertSeverity, labels: &[(&str, &str)]) -> ClusterAlert {
    let labels: BTreeMap<String, String> = labels
        .iter()
        .map(|(label, value)| (format!("teleport.internal/alert-{label}"), (*value).to_owned()))
        .collect();
    ClusterAlert {
        header: Some(types::ResourceHeader {
            metadata: Some(types::Metadata {
                name: name.to_owned(),
                labels,
                ..Default::default()
            }),
            ..Default::default()
        }),
        spec: Some(types::ClusterAlertSpec {
            severity: severity.into(),
            message: format!("about {name}"),
            created: None,
        }),
    }
}

async fn put(by: &Cluster, alert: ClusterAlert) -> Result<(), Status> {
    let request = proto::UpsertClusterAlertRequest { alert: Some(alert) };
    by.auth().upsert_cluster_alert(request).await.map(|_| ())
}

async fn seen(by: &Cluster, asked: GetClusterAlertsRequest) -> Vec<String> {
    let answer = by.auth().get_cluster_alerts(asked).await.expect("an answer");
    let alerts = answer.into_inner().alerts.into_iter();
    alerts
        .map(|alert| {
            let metadata = alert.header.expect("a header").metadata;
            metadata.expect("metadata").name
        })
        .collect()
}

async fn all(by: &Cluster) -> Vec<String> {
    seen(by, GetClusterAlertsRequest::default()).await
}

async fn ack(world: &World, by: &Cluster, name: &str) -> Result<(), Status> {
    let ack = AlertAcknowledgement {
        alert_id: name.to_owned(),
        reason: "seen".to_owned(),
        expires: Some(timestamp(world.now() + hours(1))),
    };
    by.auth().create_alert_ack(ack).await.map(|_| ())
}

#[tokio::test]
async fn labels_say_who_sees_an_alert_and_the_severest_comes_first() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let (bob, editor) = (&cast.bob.cluster, &cast.editor.cluster);
        let everybody = ("permit-all", "yes");
        let of_roles = ("verb-permit", "nonsense|role:update|user:create");
        for (name, severity, labels) in [
            ("low", AlertSeverity::Low, &[everybody][..]),
            ("high", AlertSeverity::High, &[everybody]),
            ("medium", AlertSeverity::Medium, &[everybody]),
            ("roles", AlertSeverity::Low, &[of_roles]),
            ("hidden", AlertSeverity::High, &[("permit-all", "no")]),
        ] {
            world.clock.advance(seconds(1));
            put(editor, alert(name, severity, labels)).await.expect("stored");
        }
        assert_eq!(all(bob).await, ["high", "medium", "low"]);
        assert_eq!(all(editor).await, ["high", "medium", "roles", "low"]);
        let untargeted = GetClusterAlertsRequest {
            with_untargeted: true,
            ..Default::default()
        };
        assert_eq!(seen(bob, untargeted.clone()).await, ["high", "medium", "low"]);
        assert_eq!(
            seen(editor, untargeted).await,
            ["hidden", "high", "medium", "roles", "low"]
        );
        let severe = GetClusterAlertsRequest {
            severity: AlertSeverity::Medium.into(),
            ..Default::default()
        };
        assert_eq!(seen(bob, severe).await, ["high", "medium"]);
        let one = GetClusterAlertsRequest {
            alert_id: "low".to_owned(),
            ..Default::default()
        };
        assert_eq!(seen(bob, one).await, ["low"]);
        let labelled = GetClusterAlertsRequest {
            labels: [("teleport.internal/alert-permit-all".to_owned(), "yes".to_owned())].into(),
            ..Default::default()
        };
        assert_eq!(seen(editor, labelled).await, ["high", "medium", "low"]);
        assert_eq!(
            refusal(put(bob, alert("x", AlertSeverity::Low, &[])).await).0,
            Code::PermissionDenied
        );
    })
    .await;
}

#[tokio::test]
async fn an_alert_ends_when_it_is_superseded_seen_or_over() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let (bob, editor) = (&cast.bob.cluster, &cast.editor.cluster);
        let everybody = ("permit-all", "yes");
        put(editor, alert("old", AlertSeverity::Medium, &[everybody]))
            .await
            .expect("stored");
        put(editor, alert("grave", AlertSeverity::High, &[everybody]))
            .await
            .expect("stored");
        let new = &[everybody, ("supersedes", "old,grave")];
        put(editor, alert("new", AlertSeverity::Medium, new))
            .await
            .expect("stored");
        // What is more severe is not made superfluous.
        assert_eq!(all(bob).await, ["grave", "new"]);
        let superseded = GetClusterAlertsRequest {
            with_superseded: true,
            ..Default::default()
        };
        assert_eq!(seen(bob, superseded).await.len(), 3);

        ack(world, editor, "grave").await.expect("acknowledged");
        refused!(
            ack(world, editor, "grave").await,
            AlreadyExists,
            "alert \"grave\" has already been acknowledged"
        );
        assert_eq!(all(bob).await, ["new"]);
        let acknowledged = GetClusterAlertsRequest {
            with_acknowledged: true,
            ..Default::default()
        };
        assert_eq!(seen(bob, acknowledged).await, ["grave", "new"]);
        let acks = editor.auth().get_alert_acks(proto::GetAlertAcksRequest {}).await;
        let acks = acks.expect("an answer").into_inner().acks;
        assert_eq!(acks.len(), 1);
        assert_eq!(
            (acks[0].alert_id.as_str(), acks[0].reason.as_str()),
            ("grave", "seen")
        );
        world.clock.advance(hours(1));
        assert_eq!(all(bob).await, ["grave", "new"], "it was seen for an hour");
        ack(world, editor, "grave").await.expect("acknowledged again");
        let clear = proto::ClearAlertAcksRequest {
            alert_id: "*".to_owned(),
        };
        editor.auth().clear_alert_acks(clear).await.expect("cleared");
        assert_eq!(all(bob).await, ["grave", "new"]);

        let mut short = alert("short", AlertSeverity::High, &[everybody]);
        let header = short.header.as_mut().expect("a header");
        header.metadata.as_mut().expect("metadata").expires = Some(timestamp(world.now() + hours(1)));
        put(editor, short).await.expect("stored");
        assert!(all(bob).await.contains(&"short".to_owned()));
        world.clock.advance(hours(1));
        assert_eq!(all(bob).await, ["grave", "new"]);
    })
    .await;
}

#[tokio::test]
async fn an_alert_that_cannot_be_shown_is_refused() {
    on_every_store(async |world| {
        let admin = &world.admin;
        let with = |change: fn(&mut ClusterAlert)| {
            let mut alert = alert("a", AlertSeverity::Low, &[]);
            change(&mut alert);
            alert
        };
        let spec = |alert: &mut ClusterAlert, message: String| {
            alert.spec.get_or_insert_default().message = message;
        };
        let mut escape = alert("a", AlertSeverity::Low, &[]);
        spec(&mut escape, "a\u{1b}[2Jb".to_owned());
        let mut long = alert("a", AlertSeverity::Low, &[]);
        spec(&mut long, "x".repeat(1025));
        let mut mute = alert("a", AlertSeverity::Low, &[]);
        spec(&mut mute, String::new());
        for (what, bad) in [
            ("no name", alert("", AlertSeverity::Low, &[])),
            ("control characters", escape),
            ("too long", long),
            ("no message", mute),
            (
                "severity",
                with(|alert| alert.spec.get_or_insert_default().severity = 7),
            ),
            (
                "kind",
                with(|alert| alert.header.get_or_insert_default().kind = "role".to_owned()),
            ),
            (
                "past",
                with(|alert| {
                    let header = alert.header.get_or_insert_default();
                    let metadata = header.metadata.get_or_insert_default();
                    metadata.expires = Some(timestamp(crate::world::noon() - hours(1)));
                }),
            ),
        ] {
            assert_eq!(refusal(put(admin, bad).await).0, Code::InvalidArgument, "{what}");
        }
        let no_reason = AlertAcknowledgement {
            alert_id: "a".to_owned(),
            expires: Some(timestamp(world.now() + hours(1))),
            ..Default::default()
        };
        assert_eq!(
            refusal(admin.auth().create_alert_ack(no_reason).await).0,
            Code::InvalidArgument
        );
        for n in 0..200 {
            put(admin, alert(&n.to_string(), AlertSeverity::Low, &[]))
                .await
                .expect("stored");
        }
        assert_eq!(
            refusal(put(admin, alert("one too many", AlertSeverity::Low, &[])).await).0,
            Code::ResourceExhausted
        );
        put(admin, alert("7", AlertSeverity::High, &[]))
            .await
            .expect("written over");
    })
    .await;
}

/// A role whose threshold nobody can reach today is saved with a warning.
#[tokio::test]
async fn a_warning_about_a_role_reaches_programs_that_show_none_beside_the_answer() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let lonely = || proto::UpsertRoleRequest {
            role: Some(
                role(
                    "lonely",
                    "allow: {request: {roles: [nosuch], thresholds: [{approve: 9, deny: 1}]}}",
                )
                .into(),
            ),
        };
        let answer = cast
            .editor
            .cluster
            .auth()
            .upsert_role_v2(lonely())
            .await
            .expect("stored");
        assert!(!wire::metadata::warnings(answer.metadata()).is_empty());
        assert_eq!(all(&cast.editor.cluster).await, [""; 0], "ours have shown it");

        // Another's program says nothing of warnings.
        let credentials = cast.editor.cluster.identity().current().credentials().clone();
        let mut foreign = AuthServiceClient::new(channel(world, Some(credentials)));
        foreign.upsert_role_v2(lonely()).await.expect("stored");
        assert_eq!(all(&cast.editor.cluster).await, ["role-warning-lonely"]);
        assert_eq!(
            all(&cast.bob.cluster).await,
            [""; 0],
            "it is for who may change roles"
        );
        let fine = proto::UpsertRoleRequest {
            role: Some(role("lonely", "allow: {}").into()),
        };
        foreign.upsert_role_v2(fine).await.expect("stored");
        assert_eq!(
            all(&cast.editor.cluster).await,
            [""; 0],
            "there is nothing to warn of any more"
        );
    })
    .await;
}
