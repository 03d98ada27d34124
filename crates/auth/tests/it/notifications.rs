//! Notifications: what people are told of requests, what administrators tell them, and what they did with it.

use client::Cluster;
use prost::Message as _;
use tonic::{Code, Status};
use wire::pb::teleport::notifications::v1 as pb;
use wire::pb::teleport::notifications::v1::global_notification_spec::Matcher;
use wire::pb::types::RequestState;

use crate::people::{Cast, approve, ask, deny, refusal};
use crate::refused;
use crate::world::{World, hours, on_every_store, seconds};

const TITLE: &str = "teleport.internal/title";

/// One with that title.
fn note(title: &str) -> pb::Notification {
    let mut note = pb::Notification::default();
    let labels = &mut note.metadata.get_or_insert_default().labels;
    labels.insert(TITLE.to_owned(), title.to_owned());
    note
}

fn for_all(title: &str, matcher: Matcher) -> pb::GlobalNotification {
    pb::GlobalNotification {
        spec: Some(pb::GlobalNotificationSpec {
            matcher: Some(matcher),
            notification: Some(note(title)),
            ..pb::GlobalNotificationSpec::default()
        }),
        ..pb::GlobalNotification::default()
    }
}

async fn tell_user(by: &Cluster, user: &str, title: &str) -> Result<pb::Notification, Status> {
    let request = pb::CreateUserNotificationRequest {
        username: user.to_owned(),
        notification: Some(note(title)),
    };
    Ok(by
        .notifications()
        .create_user_notification(request)
        .await?
        .into_inner())
}

async fn tell_all(by: &Cluster, global: pb::GlobalNotification) -> Result<pb::GlobalNotification, Status> {
    let request = pb::CreateGlobalNotificationRequest {
        global_notification: Some(global),
    };
    Ok(by
        .notifications()
        .create_global_notification(request)
        .await?
        .into_inner())
}

async fn look(by: &Cluster) -> Vec<pb::Notification> {
    let request = pb::ListNotificationsRequest::default();
    let found = by
        .notifications()
        .list_notifications(request)
        .await
        .expect("notifications");
    found.into_inner().notifications
}

fn title(notification: &pb::Notification) -> String {
    notification.metadata.as_ref().expect("metadata").labels[TITLE].clone()
}

async fn titles(by: &Cluster) -> Vec<String> {
    look(by).await.iter().map(title).collect()
}

async fn mark(by: &Cluster, user: &str, id: &str, state: pb::NotificationState) -> Result<(), Status> {
    let request = pb::UpsertUserNotificationStateRequest {
        username: user.to_owned(),
        user_notification_state: Some(pb::UserNotificationState {
            spec: Some(pb::UserNotificationStateSpec {
                notification_id: id.to_owned(),
                ..Default::default()
            }),
            status: Some(pb::UserNotificationStateStatus {
                notification_state: state.into(),
            }),
            ..Default::default()
        }),
    };
    by.notifications()
        .upsert_user_notification_state(request)
        .await
        .map(|_| ())
}

#[tokio::test]
async fn reviewers_are_told_who_asks_and_the_requester_how_it_was_decided() {
    on_every_store(async |world| {
        let Cast {
            bob,
            alice,
            ivan,
            editor,
        } = world.cast().await;
        let first = ask(world, &bob.cluster, &["elevated-access"]).await;
        let asked = "bob@example.com requested access to the 'elevated-access' role.";
        assert_eq!(titles(&alice.cluster).await, [asked]);
        assert_eq!(titles(&editor.cluster).await, [""; 0], "may not review it");
        assert_eq!(titles(&bob.cluster).await, [""; 0], "has asked himself");
        let told = look(&ivan.cluster).await.remove(0);
        assert_eq!(told.sub_kind, "access-request-pending");
        let labels = told.metadata.clone().expect("metadata").labels;
        assert_eq!(labels["request-id"], first);
        assert_eq!(labels["roles"], "elevated-access");
        assert_eq!(labels["teleport.internal/scope"], "global");
        approve(&alice.cluster, &first).await.expect("a review");
        assert_eq!(titles(&alice.cluster).await, [""; 0], "she has reviewed it");
        assert_eq!(titles(&ivan.cluster).await, [asked]);
        world.clock.advance(seconds(60));
        approve(&ivan.cluster, &first).await.expect("a review");
        assert_eq!(titles(&ivan.cluster).await, [""; 0]);
        let decided = look(&bob.cluster).await.remove(0);
        assert_eq!(
            title(&decided),
            "ivan@example.com approved your access request for the 'elevated-access' role."
        );
        assert_eq!(decided.sub_kind, "access-request-approved");
        assert_eq!(decided.spec.expect("a spec").username, bob.name);
        world.clock.advance(seconds(60));
        let second = ask(world, &bob.cluster, &["elevated-access"]).await;
        deny(&alice.cluster, &second).await.expect("a review");
        assert_eq!(
            titles(&bob.cluster).await[0],
            "alice@example.com denied your access request for the 'elevated-access' role."
        );
    })
    .await;
}

#[tokio::test]
async fn who_waits_and_what_ends_is_told_again() {
    on_every_store(async |world| {
        let Cast { bob, alice, ivan, .. } = world.cast().await;
        let id = ask(world, &bob.cluster, &["elevated-access"]).await;
        let request = crate::people::look(&world.admin, &id)
            .await
            .expect("a request")
            .spec
            .expect("a spec");
        let moment =
            |stamp: &Option<prost_types::Timestamp>| wire::convert::moment(stamp.as_ref()).expect("a moment");
        let (made, ends) = (moment(&request.created), moment(&request.resource_expiry));
        world.clock.advance((ends - made) / 2);
        let told = titles(&alice.cluster).await;
        assert_eq!(told.len(), 2);
        assert!(
            told[0].contains("still waits for reviews"),
            "the newest first: {told:?}"
        );
        assert_eq!(titles(&bob.cluster).await, [""; 0]);
        for by in [&alice, &ivan] {
            approve(&world.again(by).await, &id).await.expect("a review");
        }
        let bob_now = world.again(&bob).await;
        let told = titles(&bob_now).await;
        assert_eq!(told.len(), 1, "{told:?}");
        let left = moment(&request.expires).duration_since(world.now());
        world.clock.advance(left - seconds(60));
        let bob_now = world.again(&bob).await;
        let told = titles(&bob_now).await;
        assert!(
            told[0].starts_with("Your access to the 'elevated-access' role ends at "),
            "{told:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn administrators_tell_people_things() {
    on_every_store(async |world| {
        let Cast {
            bob, alice, editor, ..
        } = world.cast().await;
        assert_eq!(
            refusal(tell_user(&bob.cluster, &bob.name, "x").await).0,
            Code::PermissionDenied
        );
        let mine = tell_user(&editor.cluster, &bob.name, "for bob")
            .await
            .expect("told");
        world.clock.advance(seconds(1));
        let roles = |names: &[&str]| {
            Matcher::ByRoles(pb::ByRoles {
                roles: names.iter().map(|name| (*name).to_owned()).collect(),
            })
        };
        let ours = tell_all(&editor.cluster, for_all("for reviewers", roles(&["dbreviewer"])))
            .await
            .expect("told");
        world.clock.advance(seconds(1));
        let mut all = for_all("for all but alice", Matcher::All(true));
        all.spec.get_or_insert_default().exclude_users = vec![alice.name.clone()];
        tell_all(&editor.cluster, all).await.expect("told");
        assert_eq!(titles(&bob.cluster).await, ["for all but alice", "for bob"]);
        assert_eq!(titles(&alice.cluster).await, ["for reviewers"]);
        refused!(
            tell_user(&editor.cluster, "nobody@example.com", "x").await,
            NotFound,
            "\"user\" \"nobody@example.com\" does not exist"
        );
        assert_eq!(
            refusal(tell_user(&editor.cluster, &bob.name, " ").await).0,
            Code::InvalidArgument
        );
        let nobody = for_all("x", roles(&[]));
        assert_eq!(
            refusal(tell_all(&editor.cluster, nobody).await).0,
            Code::InvalidArgument
        );
        // What is meant for those who have rights goes to nobody else.
        let rights = Matcher::ByPermissions(pb::ByPermissions {
            role_conditions: vec![wire::pb::types::RoleConditions {
                review_requests: Some(wire::pb::types::AccessReviewConditions {
                    roles: vec!["elevated-access".to_owned()],
                    ..Default::default()
                }),
                ..Default::default()
            }],
        });
        world.clock.advance(seconds(1));
        tell_all(&editor.cluster, for_all("for who may", rights))
            .await
            .expect("told");
        assert_eq!(titles(&alice.cluster).await[0], "for who may");
        assert!(!titles(&bob.cluster).await.contains(&"for who may".to_owned()));
        let delete = pb::DeleteGlobalNotificationRequest {
            notification_id: ours.metadata.expect("metadata").name,
        };
        editor
            .cluster
            .notifications()
            .delete_global_notification(delete)
            .await
            .expect("gone");
        let delete = pb::DeleteUserNotificationRequest {
            username: bob.name.clone(),
            notification_id: mine.metadata.expect("metadata").name,
        };
        editor
            .cluster
            .notifications()
            .delete_user_notification(delete.clone())
            .await
            .expect("gone");
        let again = editor
            .cluster
            .notifications()
            .delete_user_notification(delete)
            .await;
        assert_eq!(refusal(again).0, Code::NotFound);
        assert_eq!(titles(&bob.cluster).await, ["for all but alice"]);
        world.clock.advance(hours(24 * 30));
        let bob_later = world.again(&bob).await;
        assert_eq!(titles(&bob_later).await, [""; 0], "they end by themselves");
    })
    .await;
}

#[tokio::test]
async fn what_was_opened_is_marked_and_what_was_dismissed_is_gone() {
    on_every_store(async |world| {
        let Cast { bob, alice, .. } = world.cast().await;
        for text in ["one", "two", "three"] {
            tell_user(&world.admin, &bob.name, text).await.expect("told");
            world.clock.advance(seconds(1));
        }
        let told = look(&bob.cluster).await;
        let name = |at: usize| told[at].metadata.clone().expect("metadata").name;
        mark(
            &bob.cluster,
            &bob.name,
            &name(0),
            pb::NotificationState::Dismissed,
        )
        .await
        .expect("marked");
        mark(&bob.cluster, &bob.name, &name(1), pb::NotificationState::Clicked)
            .await
            .expect("marked");
        let (code, _) = refusal(
            mark(
                &alice.cluster,
                &bob.name,
                &name(2),
                pb::NotificationState::Dismissed,
            )
            .await,
        );
        assert_eq!(code, Code::PermissionDenied);
        let left = look(&bob.cluster).await;
        assert_eq!(left.iter().map(title).collect::<Vec<_>>(), ["two", "one"]);
        let clicked = |at: usize| {
            let labels = left[at].metadata.clone().expect("metadata").labels;
            labels.get("teleport.internal/clicked").cloned()
        };
        assert_eq!((clicked(0), clicked(1)), (Some("true".to_owned()), None));
        let when = wire::convert::timestamp(world.now());
        let seen = pb::UpsertUserLastSeenNotificationRequest {
            username: bob.name.clone(),
            user_last_seen_notification: Some(pb::UserLastSeenNotification {
                status: Some(pb::UserLastSeenNotificationStatus {
                    last_seen_time: Some(when),
                }),
                ..Default::default()
            }),
        };
        bob.cluster
            .notifications()
            .upsert_user_last_seen_notification(seen)
            .await
            .expect("marked");
        let request = pb::ListNotificationsRequest {
            page_size: 1,
            ..Default::default()
        };
        let page = bob
            .cluster
            .notifications()
            .list_notifications(request.clone())
            .await
            .expect("a page")
            .into_inner();
        assert_eq!(page.user_last_seen_notification_timestamp, Some(when));
        let next = pb::ListNotificationsRequest {
            page_token: page.next_page_token,
            ..request.clone()
        };
        let page = bob
            .cluster
            .notifications()
            .list_notifications(next)
            .await
            .expect("a page")
            .into_inner();
        assert_eq!(title(&page.notifications[0]), "one");
        assert_eq!(page.next_page_token, "");
        let bad = pb::ListNotificationsRequest {
            page_token: "x".to_owned(),
            ..request
        };
        let refused = bob.cluster.notifications().list_notifications(bad).await;
        assert_eq!(refusal(refused).0, Code::InvalidArgument);
    })
    .await;
}

#[tokio::test]
async fn nobody_is_told_of_requests_that_are_not_theirs() {
    on_every_store(async |world| {
        let Cast { bob, alice, .. } = world.cast().await;
        let id = ask(world, &bob.cluster, &["elevated-access"]).await;
        let denies = "deny:\n  rules:\n  - {resources: [access_request], verbs: [read]}";
        world
            .put_role(crate::people::role("blind", denies))
            .await
            .expect("a role");
        world.set_roles(&alice.name, &["dbreviewer", "blind"]).await;
        assert_eq!(titles(&alice.cluster).await, [""; 0]);
        assert_eq!(
            crate::people::look(&world.admin, &id)
                .await
                .map(|request| crate::people::state_of(&request)),
            Some(RequestState::Pending)
        );
    })
    .await;
}

/// The message of a row of the table of who may call what; `other` is another user.
pub async fn message(world: &World, actor: &str, other: &str, row: &str) -> Vec<u8> {
    let of = |user: &str| pb::UpsertUserNotificationStateRequest {
        username: user.to_owned(),
        user_notification_state: Some(pb::UserNotificationState {
            spec: Some(pb::UserNotificationStateSpec {
                notification_id: "some".to_owned(),
                ..Default::default()
            }),
            ..Default::default()
        }),
    };
    match row {
        "CreateUserNotification" => pb::CreateUserNotificationRequest {
            username: other.to_owned(),
            notification: Some(note("x")),
        }
        .encode_to_vec(),
        "CreateGlobalNotification" => pb::CreateGlobalNotificationRequest {
            global_notification: Some(for_all("x", Matcher::All(true))),
        }
        .encode_to_vec(),
        "DeleteUserNotification" => {
            let made = tell_user(&world.admin, other, "x").await.expect("told");
            pb::DeleteUserNotificationRequest {
                username: other.to_owned(),
                notification_id: made.metadata.expect("metadata").name,
            }
            .encode_to_vec()
        }
        "DeleteGlobalNotification" => {
            let made = tell_all(&world.admin, for_all("x", Matcher::All(true)))
                .await
                .expect("told");
            pb::DeleteGlobalNotificationRequest {
                notification_id: made.metadata.expect("metadata").name,
            }
            .encode_to_vec()
        }
        "ListNotifications: another's" => pb::ListNotificationsRequest {
            filters: Some(pb::NotificationFilters {
                username: other.to_owned(),
                ..Default::default()
            }),
            ..Default::default()
        }
        .encode_to_vec(),
        "UpsertUserNotificationState: one's own" => of(actor).encode_to_vec(),
        "UpsertUserNotificationState: another's" => of(other).encode_to_vec(),
        "UpsertUserLastSeenNotification" => pb::UpsertUserLastSeenNotificationRequest {
            username: actor.to_owned(),
            user_last_seen_notification: Some(pb::UserLastSeenNotification {
                status: Some(pb::UserLastSeenNotificationStatus {
                    last_seen_time: Some(wire::convert::timestamp(world.now())),
                }),
                ..Default::default()
            }),
        }
        .encode_to_vec(),
        _ => Vec::new(),
    }
}
