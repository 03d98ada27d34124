//! What administrators want everybody to know, after the status.

use wire::pb::proto::UpsertClusterAlertRequest;
use wire::pb::types::{AlertSeverity, ClusterAlert, ClusterAlertSpec, Metadata, ResourceHeader};

use crate::world::World;

fn tell(world: &World, message: &str, severity: AlertSeverity, label: &str) {
    let alert = ClusterAlert {
        header: Some(ResourceHeader {
            metadata: Some(Metadata {
                name: message.to_owned(),
                labels: [(format!("teleport.internal/alert-{label}"), "yes".to_owned())].into(),
                ..Metadata::default()
            }),
            ..ResourceHeader::default()
        }),
        spec: Some(ClusterAlertSpec {
            severity: severity.into(),
            message: message.to_owned(),
            created: None,
        }),
    };
    let request = UpsertClusterAlertRequest { alert: Some(alert) };
    world
        .runtime
        .block_on(world.admin.auth().upsert_cluster_alert(request))
        .unwrap();
}

#[test]
fn high_alerts_are_told_after_the_status_and_after_signing_in() {
    let world = World::new();
    let carol = world.person("carol@example.com", &["access"]);
    tell(
        &world,
        "the cluster moves tonight",
        AlertSeverity::High,
        "permit-all",
    );
    tell(&world, "cake in the kitchen", AlertSeverity::Low, "permit-all");
    tell(&world, "for others", AlertSeverity::High, "on-login");
    let login = format!("login --proxy={} --user=carol@example.com", world.address());
    let signed_in = world.tsh(&carol, &login).input(&world.answers(&carol)).succeeds();
    assert_eq!(signed_in.stderr, "the cluster moves tonight\n");
    let status = world.tsh(&carol, "status").succeeds();
    assert_eq!(status.stderr, "the cluster moves tonight\n");
    assert!(!status.stdout.contains("tonight"), "{}", status.stdout);
}
