//! D: a compromised plugin host.

use prost::Message as _;
use tonic::Code;
use transport::Authority;
use wire::pb::types::{self, RequestState};

use crate::flaws::{Flaw, attack, attack_with};
use crate::people::{PLUGIN, approve, ask, refusal, role, set_state, user};
use crate::world::{Plan, World, hours, no_limits};

async fn plugin(world: &World) -> client::Cluster {
    world.apply(PLUGIN).await;
    world
        .sign_as(&world.admin, "access-plugin", hours(8))
        .await
        .expect("a certificate")
}

/// The whole table of calls is in `matrix.rs`; these are the ones that would hurt most.
#[tokio::test]
async fn d01_a_plugin_decides_nothing_and_becomes_nobody() {
    // The server takes the plugin for the administrator.
    attack(Flaw::door(), "the call was not refused", async |world| {
        let cast = world.cast().await;
        let plugin = plugin(world).await;
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        world.bend();
        world.disguise(&world.admin, Authority::Host);
        assert_eq!(
            refusal(set_state(&plugin, &id, RequestState::Denied).await).0,
            Code::PermissionDenied
        );
        assert_eq!(refusal(approve(&plugin, &id).await).0, Code::PermissionDenied);
        assert_eq!(
            refusal(world.sign_as(&plugin, &cast.alice.name, hours(1)).await).0,
            Code::PermissionDenied
        );
        let upsert = wire::pb::teleport::users::v1::UpsertUserRequest {
            user: Some(user("access-plugin", &["editor"]).into()),
        };
        assert_eq!(
            refusal(plugin.users().upsert_user(upsert).await).0,
            Code::PermissionDenied
        );
        let upsert = wire::pb::proto::UpsertRoleRequest {
            role: Some(
                role(
                    "access-plugin",
                    "allow:\n  rules:\n  - {resources: ['*'], verbs: ['*']}",
                )
                .into(),
            ),
        };
        assert_eq!(
            refusal(plugin.auth().upsert_role_v2(upsert).await).0,
            Code::PermissionDenied
        );
    })
    .await;
}

/// D02: a plugin's role that was widened by mistake still does not make its certificate a person's.
#[tokio::test]
async fn d02_a_plugin_with_too_wide_a_role_does_not_vote() {
    attack(Flaw::door(), "the call was not refused", async |world| {
        let cast = world.cast().await;
        let plugin_identity = plugin(world).await;
        let wide =
            "allow:\n  review_requests: {roles: ['*']}\n  rules:\n  - {resources: ['*'], verbs: ['*']}";
        world.put_role(role("access-plugin", wide)).await.expect("stored");
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        world.bend();
        world.disguise(&cast.ivan.cluster, Authority::User);
        assert_eq!(
            refusal(approve(&plugin_identity, &id).await).0,
            Code::PermissionDenied
        );
        assert_eq!(
            refusal(set_state(&plugin_identity, &id, RequestState::Approved).await).0,
            Code::PermissionDenied
        );
    })
    .await;
}

#[tokio::test]
async fn d03_notes_of_plugins_have_bounds_and_an_owner() {
    // Any name is some request's.
    let flaw = Flaw {
        reads: Some(Box::new(|key, item| {
            if !crate::flaws::below(key, "access_requests") || item.is_some() {
                return item;
            }
            let request = types::AccessRequestV3 {
                metadata: Some(types::Metadata {
                    name: key.name().into_owned(),
                    ..Default::default()
                }),
                spec: Some(types::AccessRequestSpecV3 {
                    state: RequestState::Pending.into(),
                    ..Default::default()
                }),
                ..Default::default()
            };
            Some(store::Item {
                key: key.clone(),
                value: request.encode_to_vec().into(),
                revision: store::Revision(1),
                expires: None,
            })
        })),
        ..Flaw::default()
    };
    attack(flaw, "left == right", async |world| {
        let cast = world.cast().await;
        let plugin = plugin(world).await;
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        world.bend();
        let write = async |kind: &str, resource: &str, name: &str, value: &str| {
            let params = types::PluginDataUpdateParams {
                kind: kind.to_owned(),
                resource: resource.to_owned(),
                plugin: name.to_owned(),
                set: [("key".to_owned(), value.to_owned())].into(),
                ..Default::default()
            };
            plugin.auth().update_plugin_data(params).await.map(|_| ())
        };
        write("access_request", &id, "mattermost", "fine")
            .await
            .expect("written");
        let large = "x".repeat(1_000_001);
        for (kind, resource, name, value, code) in [
            (
                "access_request",
                &*world.uuid(),
                "mattermost",
                "v",
                Code::NotFound,
            ),
            ("role", "devops", "mattermost", "v", Code::InvalidArgument),
            ("access_request", "", "mattermost", "v", Code::InvalidArgument),
            ("access_request", &id, "", "v", Code::InvalidArgument),
            (
                "access_request",
                &id,
                "matter\u{200b}most",
                "v",
                Code::InvalidArgument,
            ),
            (
                "access_request",
                &id,
                &"n".repeat(256),
                "v",
                Code::InvalidArgument,
            ),
            ("access_request", &id, "mattermost", &large, Code::InvalidArgument),
        ] {
            let answer = write(kind, resource, name, value).await;
            assert_eq!(
                answer.map_err(|status| status.code()),
                Err(code),
                "{kind} {resource} {name:.20}"
            );
        }
        // Each plugin has a space of its own.
        write("access_request", &id, "slack", "other")
            .await
            .expect("written");
        let filter = types::PluginDataFilter {
            kind: "access_request".to_owned(),
            resource: id.clone(),
            plugin: "mattermost".to_owned(),
        };
        let found = plugin
            .auth()
            .get_plugin_data(filter)
            .await
            .expect("read")
            .into_inner()
            .plugin_data;
        let entries = &found[0].spec.as_ref().expect("a spec").entries;
        assert_eq!(entries.keys().collect::<Vec<_>>(), ["mattermost"]);
        assert_eq!(entries["mattermost"].data["key"], "fine");
    })
    .await;
}

#[tokio::test]
async fn d11_a_flood_from_one_identity_is_stopped_and_others_go_on() {
    let limited = || Plan {
        rates: auth::guard::Rates {
            user: transport::rate::Rate::per_second(10, 50),
            ..no_limits()
        },
        ..Plan::default()
    };
    let flaw = Flaw {
        no_limits: true,
        ..Flaw::default()
    };
    attack_with(flaw, "was stopped", limited, async |world| {
        let cast = world.cast().await;
        let plugin = plugin(world).await;
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        let mut stopped = 0;
        for n in 0..100 {
            let params = types::PluginDataUpdateParams {
                kind: "access_request".to_owned(),
                resource: id.clone(),
                plugin: "mattermost".to_owned(),
                set: [("n".to_owned(), n.to_string())].into(),
                ..Default::default()
            };
            if let Err(status) = plugin.auth().update_plugin_data(params).await {
                assert_eq!(status.code(), Code::ResourceExhausted);
                stopped += 1;
            }
        }
        assert!(stopped >= 40, "was stopped: {stopped}");
        approve(&cast.alice.cluster, &id).await.expect("a review");
    })
    .await;
}
