//! Watches: what a stream begins with, what it tells and to whom, and that nothing is lost between commit and reader.

use client::watch::Watch;
use tonic::Code;
use wire::keep::Kept;
use wire::pb::proto::{self, Event, Operation, event::Resource};
use wire::pb::types::{self, RequestState, WatchKind};

use crate::people::{
    PLUGIN, approve, ask, id_of, list, look, refusal, role, send, set_state, state_of, wanted,
};
use crate::refused;
use crate::world::{hours, on_every_store, seconds};

fn kind(kind: &str) -> WatchKind {
    WatchKind {
        kind: kind.to_owned(),
        ..Default::default()
    }
}

fn filtered(filter: &[(&str, &str)]) -> WatchKind {
    WatchKind {
        filter: filter
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
        ..kind("access_request")
    }
}

/// What an event says, in a few words.
fn told(event: &Event) -> String {
    let operation = Operation::try_from(event.r#type).expect("known").as_str_name();
    match event.resource.as_ref().expect("a resource") {
        Resource::AccessRequest(request) => {
            let spec = request.spec.as_ref().expect("a spec");
            format!(
                "{operation} request {} {}",
                spec.state().as_str_name(),
                spec.reviews.len()
            )
        }
        Resource::Role(role) => format!(
            "{operation} role {}",
            role.metadata.as_ref().expect("metadata").name
        ),
        Resource::User(user) => format!(
            "{operation} user {}",
            user.metadata.as_ref().expect("metadata").name
        ),
        Resource::Lock(_) => format!("{operation} lock"),
        Resource::ResourceHeader(header) => {
            assert_eq!(header.metadata.as_ref().expect("metadata").namespace, "default");
            format!("{operation} {}", header.kind)
        }
        Resource::WatchStatus(_) => format!("{operation} status"),
        other => panic!("{other:?}"),
    }
}

async fn next(watch: &mut Watch) -> Event {
    let waiting = tokio::time::timeout(std::time::Duration::from_secs(20), watch.next());
    waiting
        .await
        .expect("an event in time")
        .expect("a stream")
        .expect("no end")
}

#[tokio::test]
async fn a_stream_begins_with_what_it_will_tell_about() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        world.apply(PLUGIN).await;
        let plugin = world
            .sign_as(&world.admin, "access-plugin", hours(8))
            .await
            .expect("a certificate");
        // As plugins from version 16 on ask, and as those before.
        let asked = proto::Watch {
            kinds: vec![kind("access_request"), kind("access_monitoring_rule")],
            allow_partial_success: true,
        };
        let mut stream = plugin
            .auth()
            .watch_events(asked)
            .await
            .expect("a stream")
            .into_inner();
        let first = stream.message().await.expect("an event").expect("no end");
        assert_eq!(first.r#type, Operation::Init as i32);
        let Some(Resource::WatchStatus(status)) = first.resource else {
            panic!("the first event is the status");
        };
        assert_eq!(
            (status.kind.as_str(), status.version.as_str()),
            ("watch_status", "v1")
        );
        assert_eq!(status.metadata.expect("metadata").name, "watch-status");
        let kinds: Vec<String> = status
            .spec
            .expect("a spec")
            .kinds
            .into_iter()
            .map(|kind| kind.kind)
            .collect();
        assert_eq!(kinds, ["access_request", "access_monitoring_rule"]);
        let old = plugin
            .watch(vec![kind("access_request")], false)
            .await
            .expect("a stream");
        assert_eq!(old.confirmed().len(), 1);
        drop((stream, old, cast));
    })
    .await;
}

#[tokio::test]
async fn a_proxy_is_told_which_request_changed_and_nothing_of_what_it_says() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let mut watch = world
            .proxy
            .watch(vec![kind("access_request")], false)
            .await
            .expect("a stream");
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        let event = next(&mut watch).await;
        let Some(Resource::AccessRequest(request)) = event.resource else {
            panic!("a request");
        };
        let bare = types::AccessRequestV3 {
            kind: "access_request".to_owned(),
            version: "v3".to_owned(),
            metadata: Some(types::Metadata {
                name: id,
                ..types::Metadata::default()
            }),
            ..types::AccessRequestV3::default()
        };
        assert_eq!(*request, bare);
    })
    .await;
}

#[tokio::test]
async fn everything_that_happens_to_a_request_is_told_in_order() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let mut watch = world
            .admin
            .watch(vec![kind("access_request")], false)
            .await
            .expect("a stream");
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        approve(&cast.alice.cluster, &id).await.expect("a review");
        approve(&cast.ivan.cluster, &id).await.expect("a review");
        set_state(&world.admin, &id, RequestState::Denied)
            .await
            .expect("revoked");
        let delete = proto::RequestId { id: id.clone() };
        world
            .admin
            .auth()
            .delete_access_request(delete)
            .await
            .expect("deleted");
        let mut revisions = Vec::new();
        for expected in [
            "PUT request PENDING 0",
            "PUT request PENDING 1",
            "PUT request APPROVED 2",
            "PUT request DENIED 2",
            "DELETE access_request",
        ] {
            let event = next(&mut watch).await;
            assert_eq!(told(&event), expected);
            if let Some(Resource::AccessRequest(request)) = event.resource {
                revisions.push(
                    request
                        .metadata
                        .clone()
                        .expect("metadata")
                        .revision
                        .parse::<u64>()
                        .expect("a number"),
                );
            }
        }
        assert!(revisions.is_sorted_by(|one, other| one < other), "{revisions:?}");
        // One that runs out is told as gone when it is swept.
        let mut request = wanted(world, &cast.bob.name, &["elevated-access"]);
        let until = world.now() + seconds(600);
        request.metadata.as_mut().expect("metadata").expires = Some(wire::convert::timestamp(until));
        send(&cast.bob.cluster, request).await.expect("a request");
        assert_eq!(told(&next(&mut watch).await), "PUT request PENDING 0");
        world.clock.set(until);
        assert_eq!(world.sweep().await, 1);
        assert_eq!(told(&next(&mut watch).await), "DELETE access_request");
    })
    .await;
}

/// Whoever watches first and lists then misses nothing, however the two fall together.
#[tokio::test]
async fn watch_then_list_misses_nothing_and_reads_see_what_was_written() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let asking = async {
            for _ in 0..20 {
                let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
                // Read your writes, by everybody and every way.
                for reader in [&cast.bob.cluster, &cast.ivan.cluster, &world.admin] {
                    assert!(look(reader, &id).await.is_some());
                    let all = list(reader, types::AccessRequestFilter::default())
                        .await
                        .expect("a list");
                    assert!(all.iter().any(|request| id_of(request) == id));
                }
                let after = approve(&cast.alice.cluster, &id).await.expect("a review");
                assert_eq!(look(&cast.ivan.cluster, &id).await, Some(after));
            }
        };
        let watching = async {
            let mut watch = world
                .admin
                .watch(vec![kind("access_request")], false)
                .await
                .expect("a stream");
            let listed = list(&world.admin, types::AccessRequestFilter::default())
                .await
                .expect("a list");
            let mut reviewed: std::collections::BTreeMap<String, usize> = listed
                .iter()
                .map(|request| {
                    (
                        id_of(request),
                        request.spec.as_ref().expect("a spec").reviews.len(),
                    )
                })
                .collect();
            while reviewed.len() < 20 || reviewed.values().any(|reviews| *reviews == 0) {
                if let Some(Resource::AccessRequest(request)) = next(&mut watch).await.resource {
                    let reviews = request.spec.as_ref().expect("a spec").reviews.len();
                    reviewed.insert(id_of(&request), reviews);
                }
            }
        };
        tokio::join!(asking, watching);
    })
    .await;
}

#[tokio::test]
async fn filters_choose_among_requests() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        world
            .set_roles("ivan@example.com", &["dbreviewer", "devops"])
            .await;
        let ivan = world.again(&cast.ivan).await;
        let first = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        let watch = async |filter: &[(&str, &str)]| {
            world
                .admin
                .watch(vec![filtered(filter)], false)
                .await
                .expect("a stream")
        };
        let mut of_bob = watch(&[("user", "bob@example.com")]).await;
        let mut of_one = watch(&[("id", &first)]).await;
        let mut denied = watch(&[("state", "DENIED")]).await;
        let others = ask(world, &ivan, &["elevated-access"]).await;
        let second = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        set_state(&world.admin, &others, RequestState::Denied)
            .await
            .expect("denied");
        let delete = |id: &str| proto::RequestId { id: id.to_owned() };
        world
            .admin
            .auth()
            .delete_access_request(delete(&second))
            .await
            .expect("deleted");
        world
            .admin
            .auth()
            .delete_access_request(delete(&first))
            .await
            .expect("deleted");
        let named = |event: Event| match event.resource {
            Some(Resource::AccessRequest(request)) => id_of(&request),
            Some(Resource::ResourceHeader(header)) => header.metadata.expect("metadata").name,
            other => panic!("{other:?}"),
        };
        assert_eq!(named(next(&mut of_bob).await), second);
        assert_eq!(told(&next(&mut denied).await), "PUT request DENIED 0");
        assert_eq!(
            named(next(&mut of_one).await),
            first,
            "deletions of others are not told"
        );
        for (filter, words) in [
            (("state", "denied"), "unknown request state \"denied\""),
            (("colour", "red"), "unknown access request filter \"colour\""),
        ] {
            let answer = world.admin.watch(vec![filtered(&[filter])], false).await;
            refused!(answer, InvalidArgument, words);
        }
    })
    .await;
}

#[tokio::test]
async fn every_kind_is_told_to_those_who_may_read_it() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let mut all = world
            .admin
            .watch(
                vec![kind("role"), kind("user"), kind("lock"), kind("namespace")],
                false,
            )
            .await
            .expect("a stream");
        world.put_role(role("new", "allow: {}")).await.expect("stored");
        world.user("new@example.com", &["new"]).await;
        crate::people::lock_user(&world.admin, world, "new@example.com")
            .await
            .expect("locked");
        world.delete_user("new@example.com").await;
        let delete = proto::DeleteRoleRequest {
            name: "new".to_owned(),
        };
        world.admin.auth().delete_role(delete).await.expect("deleted");
        for expected in [
            "PUT role new",
            "PUT user new@example.com",
            "PUT lock",
            "DELETE user",
            "DELETE role",
        ] {
            assert_eq!(told(&next(&mut all).await), expected);
        }
        for refused in ["role", "user", "lock", "token", "access_request"] {
            let (code, message) = refusal(cast.bob.cluster.watch(vec![kind(refused)], false).await);
            assert_eq!(code, Code::PermissionDenied);
            assert_eq!(
                message,
                format!("access denied to perform action \"read\" on \"{refused}\"")
            );
        }
        // Of what is asked for, what is allowed is enough.
        let some = cast
            .bob
            .cluster
            .watch(vec![kind("role"), kind("cluster_auth_preference")], true)
            .await;
        assert_eq!(some.expect("a stream").confirmed().len(), 1);
        refused!(
            cast.bob
                .cluster
                .watch(vec![kind("role"), kind("nonsense")], true)
                .await,
            InvalidArgument,
            "none of the requested kinds can be watched"
        );
        refused!(
            cast.bob.cluster.watch(vec![kind("nonsense")], false).await,
            InvalidArgument,
            "the kind \"nonsense\" cannot be watched"
        );
        refused!(
            cast.bob.cluster.watch(vec![], false).await,
            PermissionDenied,
            "can't setup global watch"
        );
        // One's own requests can always be watched, others' not by naming oneself in vain.
        let mut own = cast
            .bob
            .cluster
            .watch(vec![filtered(&[("user", &cast.bob.name)])], false)
            .await
            .expect("a stream");
        let foreign = cast
            .bob
            .cluster
            .watch(vec![filtered(&[("user", "alice@example.com")])], false)
            .await;
        assert_eq!(refusal(foreign).0, Code::PermissionDenied);
        ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        assert_eq!(told(&next(&mut own).await), "PUT request PENDING 0");
    })
    .await;
}

#[tokio::test]
async fn a_stream_ends_with_its_certificate() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        world.apply(PLUGIN).await;
        let plugin = world
            .sign_as(&world.admin, "access-plugin", hours(1))
            .await
            .expect("a certificate");
        let mut watch = plugin
            .watch(vec![kind("access_request")], false)
            .await
            .expect("a stream");
        ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        assert_eq!(told(&next(&mut watch).await), "PUT request PENDING 0");
        world.clock.advance(hours(1));
        ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        refused!(
            watch.next().await,
            Unavailable,
            "the certificate of this stream has ended; connect again"
        );
    })
    .await;
}

/// A plugin that reads its notes and writes them on the condition that nobody did meanwhile.
#[tokio::test]
async fn notes_of_plugins_are_compared_and_set() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        world.apply(PLUGIN).await;
        let plugin = world
            .sign_as(&world.admin, "access-plugin", hours(8))
            .await
            .expect("a certificate");
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        let map = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect()
        };
        let write = async |set: &[(&str, &str)], expect: &[(&str, &str)]| {
            plugin
                .auth()
                .update_plugin_data(types::PluginDataUpdateParams {
                    kind: "access_request".to_owned(),
                    resource: id.clone(),
                    plugin: "mattermost".to_owned(),
                    set: map(set),
                    expect: map(expect),
                })
                .await
                .map(|_| ())
        };
        let read = async || {
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
            found
                .into_iter()
                .next()
                .map(|data| data.spec.expect("a spec").entries["mattermost"].data.clone())
        };
        assert_eq!(read().await, None);
        write(
            &[("user", "bob"), ("resolution", "")],
            &[("user", ""), ("resolution", "")],
        )
        .await
        .expect("claimed");
        assert_eq!(
            read().await,
            Some(map(&[("user", "bob")])),
            "what is set to nothing is not there"
        );
        refused!(
            write(&[("user", "eve")], &[("user", "")]).await,
            FailedPrecondition,
            "expectations not met for field \"user\""
        );
        let races = (0..8).map(|n| {
            let write = &write;
            async move { write(&[("messages", &n.to_string())], &[("messages", "")]).await }
        });
        let won = futures::future::join_all(races)
            .await
            .into_iter()
            .flatten()
            .count();
        assert_eq!(won, 1);
        // They outlive the request, so that its end can be told.
        let delete = proto::RequestId { id: id.clone() };
        world
            .admin
            .auth()
            .delete_access_request(delete)
            .await
            .expect("deleted");
        write(&[("resolution", "EXPIRED")], &[("resolution", "")])
            .await
            .expect("written");
        let unknown = types::PluginDataUpdateParams {
            kind: "access_request".to_owned(),
            resource: world.uuid(),
            plugin: "mattermost".to_owned(),
            set: map(&[("a", "b")]),
            ..Default::default()
        };
        assert_eq!(
            refusal(plugin.auth().update_plugin_data(unknown).await).0,
            Code::NotFound
        );
    })
    .await;
}

#[tokio::test]
async fn lists_come_in_pages_without_gaps_or_repetitions() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        for n in 0..7 {
            world
                .put_role(role(&format!("role{n}"), "allow: {}"))
                .await
                .expect("stored");
            world.user(&format!("user{n}@example.com"), &["access"]).await;
            ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        }
        let mut names = Vec::new();
        let mut start_key = String::new();
        loop {
            let request = proto::ListRolesRequest {
                limit: 3,
                start_key,
                ..Default::default()
            };
            let page = world
                .admin
                .auth()
                .list_roles(request)
                .await
                .expect("a page")
                .into_inner();
            assert!(page.roles.len() <= 3);
            names.extend(
                page.roles
                    .into_iter()
                    .map(|role| role.metadata.clone().expect("metadata").name),
            );
            if page.next_key.is_empty() {
                break;
            }
            start_key = page.next_key;
        }
        assert_eq!(names.len(), 3 + 3 + 7);
        assert!(names.is_sorted_by(|one, other| one < other), "{names:?}");

        let mut users = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = wire::pb::teleport::users::v1::ListUsersRequest {
                page_size: 4,
                page_token,
                ..Default::default()
            };
            let page = world
                .admin
                .users()
                .list_users(request)
                .await
                .expect("a page")
                .into_inner();
            users.extend(
                page.users
                    .into_iter()
                    .map(|user| user.metadata.clone().expect("metadata").name),
            );
            if page.next_page_token.is_empty() {
                break;
            }
            page_token = page.next_page_token;
        }
        assert_eq!(users.len(), 4 + 7);
        assert!(users.is_sorted_by(|one, other| one < other), "{users:?}");

        let all = list(&cast.bob.cluster, types::AccessRequestFilter::default())
            .await
            .expect("a list");
        assert_eq!(all.len(), 7);
        for (sort, descending) in [(0, false), (0, true), (1, false), (1, true), (2, false)] {
            let mut paged = Vec::new();
            let mut start_key = String::new();
            loop {
                let request = proto::ListAccessRequestsRequest {
                    limit: 2,
                    start_key,
                    sort,
                    descending,
                    ..Default::default()
                };
                let page = cast
                    .bob
                    .cluster
                    .auth()
                    .list_access_requests(request)
                    .await
                    .expect("a page")
                    .into_inner();
                paged.extend(
                    page.access_requests
                        .into_iter()
                        .map(Kept::into_message)
                        .map(|one| id_of(&one)),
                );
                if page.next_key.is_empty() {
                    break;
                }
                start_key = page.next_key;
            }
            let mut expected: Vec<String> = all.iter().map(id_of).collect();
            if descending {
                expected.reverse();
            }
            assert_eq!(paged, expected, "sort {sort}, descending {descending}");
        }
        let request = proto::ListAccessRequestsRequest {
            limit: 16_001,
            ..Default::default()
        };
        refused!(
            cast.bob.cluster.auth().list_access_requests(request).await,
            InvalidArgument,
            "page size of 16001 is too large"
        );
        assert_eq!(state_of(&all[0]), RequestState::Pending);
    })
    .await;
}

#[tokio::test]
async fn what_is_registered_is_told_to_who_may_see_it() {
    on_every_store(async |world| {
        let reads = "allow:\n  node_labels: {env: prod}\n  app_labels: {env: prod}\n  rules:\n  - {resources: [node, app], verbs: [list, read]}";
        world.put_role(role("prod-reader", reads)).await.expect("a role");
        let dana = world.person("dana@example.com", &["prod-reader"]).await;
        let mut all = world
            .admin
            .watch(vec![kind("node"), kind("app"), kind("db"), kind("kube_cluster")], false)
            .await
            .expect("a stream");
        let mut some = dana
            .cluster
            .watch(vec![kind("node"), kind("app")], false)
            .await
            .expect("a stream");
        let mut auth = world.admin.auth();
        for (name, env) in [("n1", "stage"), ("n2", "prod")] {
            auth.upsert_node(crate::resources::node(name, "demo", env)).await.expect("stored");
        }
        auth.create_app(crate::resources::app("billing", "prod")).await.expect("stored");
        auth.create_database(crate::resources::database("orders", "prod")).await.expect("stored");
        auth.create_kubernetes_cluster(crate::resources::kubernetes("k1", "prod"))
            .await
            .expect("stored");
        auth.delete_app(types::ResourceRequest {
            name: "billing".to_owned(),
        })
        .await
        .expect("deleted");
        let name = |event: &Event| match event.resource.clone().expect("a resource") {
            Resource::Server(node) => format!("node {}", node.metadata.clone().expect("metadata").name),
            Resource::App(app) => format!("app {}", app.metadata.clone().expect("metadata").name),
            Resource::Database(db) => format!("db {}", db.metadata.clone().expect("metadata").name),
            Resource::KubernetesCluster(cluster) => {
                format!("kube {}", cluster.metadata.clone().expect("metadata").name)
            }
            Resource::ResourceHeader(header) => {
                format!("gone {} {}", header.kind, header.metadata.expect("metadata").name)
            }
            other => panic!("{other:?}"),
        };
        for expected in ["node n1", "node n2", "app billing", "db orders", "kube k1", "gone app billing"] {
            assert_eq!(name(&next(&mut all).await), expected);
        }
        for expected in ["node n2", "app billing", "gone app billing"] {
            assert_eq!(name(&next(&mut some).await), expected, "as far as her role reaches");
        }
    })
    .await;
}
