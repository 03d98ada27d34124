//! Servers, applications, databases and Kubernetes clusters: registered, found, asked for, reached.

use client::Cluster;
use tonic::{Code, Status};
use wire::keep::Kept;
use wire::pb::proto::paginated_resource::Resource as Wrapped;
use wire::pb::proto::{self, ListResourcesRequest, ListUnifiedResourcesRequest};
use wire::pb::types::{
    self, AccessCapabilitiesRequest, AccessRequestV3, AppSpecV3, AppV3, DatabaseSpecV3, DatabaseV3,
    KubernetesClusterSpecV3, KubernetesClusterV3, Metadata, RequestState, ResourceId, ResourceRequest,
    ServerSpecV2, ServerV2, SortBy,
};

use crate::people::{Person, approve, id_of, role, send, wanted};
use crate::world::{CLUSTER, World, on_every_store};

#[allow(clippy::unnecessary_wraps, reason = "messages hold it so")]
fn metadata(name: &str, labels: &[(&str, &str)]) -> Option<Metadata> {
    Some(Metadata {
        name: name.to_owned(),
        labels: labels
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
        ..Metadata::default()
    })
}

pub fn node(name: &str, hostname: &str, env: &str) -> Kept<ServerV2> {
    Kept::from(ServerV2 {
        kind: "node".to_owned(),
        metadata: metadata(name, &[("env", env)]),
        spec: Some(ServerSpecV2 {
            hostname: hostname.to_owned(),
            addr: format!("{hostname}:3022"),
            ..ServerSpecV2::default()
        }),
        ..ServerV2::default()
    })
}

pub fn app(name: &str, env: &str) -> Kept<AppV3> {
    Kept::from(AppV3 {
        kind: "app".to_owned(),
        metadata: metadata(name, &[("env", env)]),
        spec: Some(AppSpecV3 {
            uri: "http://localhost:8080".to_owned(),
            ..AppSpecV3::default()
        }),
        ..AppV3::default()
    })
}

pub fn database(name: &str, env: &str) -> Kept<DatabaseV3> {
    Kept::from(DatabaseV3 {
        kind: "db".to_owned(),
        metadata: metadata(name, &[("env", env)]),
        spec: Some(DatabaseSpecV3 {
            protocol: "postgres".to_owned(),
            uri: "localhost:5432".to_owned(),
            ..DatabaseSpecV3::default()
        }),
        ..DatabaseV3::default()
    })
}

pub fn kubernetes(name: &str, env: &str) -> Kept<KubernetesClusterV3> {
    Kept::from(KubernetesClusterV3 {
        kind: "kube_cluster".to_owned(),
        metadata: metadata(name, &[("env", env)]),
        spec: Some(KubernetesClusterSpecV3::default()),
        ..KubernetesClusterV3::default()
    })
}

fn named(name: &str) -> ResourceRequest {
    ResourceRequest {
        name: name.to_owned(),
    }
}

/// Production and staging, one of each kind.
async fn stock(world: &World) {
    let mut admin = world.admin.auth();
    for env in ["prod", "stage"] {
        let called = |what: &str| format!("{what}-{env}");
        admin
            .upsert_node(node(&called("n"), &called("host"), env))
            .await
            .expect("stored");
        admin.create_app(app(&called("a"), env)).await.expect("stored");
        admin
            .create_database(database(&called("d"), env))
            .await
            .expect("stored");
        admin
            .create_kubernetes_cluster(kubernetes(&called("k"), env))
            .await
            .expect("stored");
    }
}

/// Roles that reach one environment each.
async fn environments(world: &World) {
    for env in ["prod", "stage"] {
        let labels = format!("{{env: {env}}}");
        let spec = format!(
            "allow:\n  node_labels: {labels}\n  app_labels: {labels}\n  db_labels: {labels}\n  kubernetes_labels: {labels}\n  logins: [root]"
        );
        world.put_role(role(env, &spec)).await.expect("stored");
    }
    let searcher = "allow:\n  request:\n    search_as_roles: [prod]\n    thresholds: [{approve: 2, deny: 1}]";
    world.put_role(role("searcher", searcher)).await.expect("stored");
    let reviews = "allow:\n  review_requests:\n    roles: [prod]\n    preview_as_roles: [prod]";
    world.put_role(role("reviewer", reviews)).await.expect("stored");
}

/// The names on a page of a listing of one kind.
async fn listed(
    cluster: &Cluster,
    kind: &str,
    ask: impl FnOnce(&mut ListResourcesRequest),
) -> Result<Vec<String>, Status> {
    let mut asked = ListResourcesRequest {
        resource_type: kind.to_owned(),
        ..ListResourcesRequest::default()
    };
    ask(&mut asked);
    let page = cluster.auth().list_resources(asked).await?.into_inner();
    Ok(page.resources.iter().map(name_of).collect())
}

async fn unified(
    cluster: &Cluster,
    ask: impl FnOnce(&mut ListUnifiedResourcesRequest),
) -> Result<proto::ListUnifiedResourcesResponse, Status> {
    let mut asked = ListUnifiedResourcesRequest::default();
    ask(&mut asked);
    Ok(cluster.auth().list_unified_resources(asked).await?.into_inner())
}

fn name_of(listed: &proto::PaginatedResource) -> String {
    let metadata = match listed.resource.as_ref().expect("a resource") {
        Wrapped::Node(node) => node.metadata.clone(),
        Wrapped::AppServer(server) => server.metadata.clone(),
        Wrapped::DatabaseServer(server) => server.metadata.clone(),
        Wrapped::KubernetesServer(server) => server.metadata.clone(),
        Wrapped::KubeCluster(cluster) => cluster.metadata.clone(),
        other => panic!("{other:?}"),
    };
    metadata.expect("metadata").name
}

fn id(kind: &str, name: &str) -> ResourceId {
    ResourceId {
        cluster_name: CLUSTER.to_owned(),
        kind: kind.to_owned(),
        name: name.to_owned(),
        sub_resource_name: String::new(),
    }
}

fn wish(world: &World, user: &str, ids: &[ResourceId]) -> AccessRequestV3 {
    let mut request = wanted(world, user, &[]);
    let spec = request.spec.as_mut().expect("a spec");
    spec.requested_resource_i_ds = ids.to_vec();
    request
}

async fn story(world: &World) -> (Person, Person, Person) {
    stock(world).await;
    environments(world).await;
    (
        world.person("bob@example.com", &["searcher", "stage"]).await,
        world.person("alice@example.com", &["reviewer"]).await,
        world.person("ivan@example.com", &["reviewer"]).await,
    )
}

fn spec(request: &AccessRequestV3) -> types::AccessRequestSpecV3 {
    request.spec.clone().expect("a spec")
}

#[tokio::test]
async fn a_resource_is_kept_with_all_that_it_says_and_nobody_sees_it_who_may_not_reach_it() {
    on_every_store(async |world| {
        let (bob, alice, _) = story(world).await;
        for (mine, not_mine) in [(true, "a-stage"), (false, "a-prod"), (false, "nosuch")] {
            let got = bob.cluster.auth().get_app(named(not_mine)).await;
            match got {
                Ok(_) => assert!(mine),
                Err(status) => {
                    assert!(!mine);
                    assert_eq!(status.code(), Code::NotFound);
                    assert_eq!(status.message(), format!("application {not_mine:?} is not found"));
                }
            }
        }
        let apps = bob
            .cluster
            .auth()
            .get_apps(())
            .await
            .expect("a list")
            .into_inner();
        assert_eq!(apps.apps.len(), 1);
        assert!(
            alice
                .cluster
                .auth()
                .get_apps(())
                .await
                .expect("a list")
                .into_inner()
                .apps
                .is_empty()
        );

        let mut auth = world.admin.auth();
        let again = auth.create_app(app("a-prod", "prod")).await.expect_err("there");
        assert_eq!(again.code(), Code::AlreadyExists);
        assert_eq!(again.message(), "application \"a-prod\" already exists");
        let read = auth.get_app(named("a-prod")).await.expect("there").into_inner();
        let mut changed = read.clone();
        changed.spec.as_mut().expect("a spec").uri = "http://localhost:9".to_owned();
        auth.update_app(changed.clone()).await.expect("changed");
        let stale = auth
            .update_app(changed)
            .await
            .expect_err("read before the change");
        assert_eq!(stale.code(), Code::FailedPrecondition);
        auth.delete_app(named("a-prod")).await.expect("deleted");
        let gone = auth.delete_app(named("a-prod")).await.expect_err("gone");
        assert_eq!(gone.code(), Code::NotFound);
    })
    .await;
}

#[tokio::test]
async fn writing_needs_the_verb_and_the_labels_before_and_after() {
    on_every_store(async |world| {
        story(world).await;
        let rules = "allow:\n  app_labels: {env: stage}\n  rules: [{resources: [app, node], verbs: ['*']}]";
        world.put_role(role("app-admin", rules)).await.expect("stored");
        let carol = world.person("carol@example.com", &["app-admin"]).await;
        let mut auth = carol.cluster.auth();
        auth.create_app(app("new", "stage")).await.expect("made");
        let denied = [
            auth.create_app(app("other", "prod")).await,
            auth.update_app(app("new", "prod")).await,
            auth.update_app(app("a-prod", "stage")).await,
            auth.delete_app(named("a-prod")).await,
            auth.create_database(database("x", "stage")).await,
        ];
        for refused in denied {
            assert_eq!(refused.expect_err("denied").code(), Code::PermissionDenied);
        }
        // Servers come and go by their verb alone.
        auth.upsert_node(node("n-new", "new", "prod"))
            .await
            .expect("made");
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_registered_is_refused_with_what_is_wrong() {
    on_every_store(async |world| {
        let mut auth = world.admin.auth();
        let mut nameless = app("", "prod");
        nameless.metadata.get_or_insert_default().name.clear();
        let mut loose = app("loose", "prod");
        loose.spec.as_mut().expect("a spec").uri.clear();
        let mut labelled = app("labelled", "prod");
        let labels = &mut labelled.metadata.get_or_insert_default().labels;
        labels.extend((0..256).map(|at| (format!("l{at}"), String::new())));
        let mut long = app("long", "prod");
        long.spec.as_mut().expect("a spec").uri = "x".repeat(4097);
        for (resource, told) in [
            (nameless, "missing parameter Name"),
            (loose, "app \"loose\" URI is empty; give `uri` or `cloud`"),
            (labelled, "application \"labelled\" has too many labels, max 256"),
            (
                long,
                "application \"long\" has a text of too many bytes, max 4096",
            ),
            (
                app("a b", "prod"),
                "application name \"a b\" contains a character that is not allowed",
            ),
        ] {
            let refused = auth.create_app(resource).await.expect_err("refused");
            assert_eq!((refused.code(), refused.message()), (Code::InvalidArgument, told));
        }
        let mut secret = kubernetes("k", "prod");
        secret.spec.as_mut().expect("a spec").kubeconfig = b"clusters: []".to_vec().into();
        let refused = auth.create_kubernetes_cluster(secret).await.expect_err("refused");
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().contains("kubeconfig, which is not kept"));
    })
    .await;
}

#[tokio::test]
async fn lists_hold_what_the_caller_may_reach() {
    on_every_store(async |world| {
        let (bob, alice, _) = story(world).await;
        for (kind, letter) in [
            ("node", "n"),
            ("app_server", "a"),
            ("db_server", "d"),
            ("kube_server", "k"),
            ("kube_cluster", "k"),
        ] {
            let all = listed(&world.admin, kind, |_| ()).await.expect("a list");
            assert_eq!(all, [format!("{letter}-prod"), format!("{letter}-stage")]);
            let own = listed(&bob.cluster, kind, |_| ()).await.expect("a list");
            assert_eq!(own, [format!("{letter}-stage")]);
            let searched = listed(&bob.cluster, kind, |asked| asked.use_search_as_roles = true).await;
            assert_eq!(searched.expect("a list"), all);
            let previewed = listed(&alice.cluster, kind, |asked| asked.use_preview_as_roles = true).await;
            assert_eq!(previewed.expect("a list"), [format!("{letter}-prod")]);
            assert!(
                listed(&alice.cluster, kind, |_| ())
                    .await
                    .expect("a list")
                    .is_empty()
            );
        }
        assert!(
            listed(&bob.cluster, "windows_desktop", |_| ())
                .await
                .expect("a list")
                .is_empty()
        );
        let unknown = listed(&bob.cluster, "role", |_| ()).await.expect_err("no list");
        assert_eq!(unknown.code(), Code::Unimplemented);

        let requestable = unified(&bob.cluster, |asked| asked.include_requestable = true)
            .await
            .expect("a list");
        let marked: Vec<(String, bool)> = requestable
            .resources
            .iter()
            .map(|listed| (name_of(listed), listed.requires_request))
            .collect();
        assert_eq!(marked.len(), 8);
        assert!(
            marked
                .iter()
                .all(|(name, request)| name.ends_with("prod") == *request)
        );
    })
    .await;
}

#[tokio::test]
async fn filters_are_labels_words_and_a_query() {
    on_every_store(async |world| {
        story(world).await;
        let nodes = async |ask: &dyn Fn(&mut ListResourcesRequest)| {
            listed(&world.admin, "node", |asked| ask(asked)).await
        };
        let label = [("env".to_owned(), "prod".to_owned())];
        let found = nodes(&|asked| asked.labels = label.clone().into()).await;
        assert_eq!(found.expect("a list"), ["n-prod"]);
        let found = nodes(&|asked| asked.search_keywords = vec!["HOST-st".to_owned()]).await;
        assert_eq!(found.expect("a list"), ["n-stage"]);
        for (query, names) in [
            (
                "resource.metadata.name == \"n-prod\" || name == \"x\"",
                &["n-prod"][..],
            ),
            ("name == \"host-stage\"", &["n-stage"]),
            (
                "hasPrefix(resource.spec.hostname, \"host\")",
                &["n-prod", "n-stage"],
            ),
            ("labels[\"env\"] == \"none\"", &[]),
        ] {
            let found = nodes(&|asked| query.clone_into(&mut asked.predicate_expression)).await;
            assert_eq!(found.expect("a list"), names, "{query}");
        }
        let bad = nodes(&|asked| "nosuch(".clone_into(&mut asked.predicate_expression)).await;
        let bad = bad.expect_err("no query");
        assert_eq!(bad.code(), Code::InvalidArgument);
        assert!(
            bad.message()
                .starts_with("failed to parse predicate expression: ")
        );
    })
    .await;
}

#[tokio::test]
async fn pages_are_turned_without_a_gap_in_every_order() {
    on_every_store(async |world| {
        story(world).await;
        for (field, descending) in [("", false), ("name", false), ("name", true), ("kind", true)] {
            let all = unified(&world.admin, |asked| {
                asked.sort_by = Some(SortBy {
                    is_desc: descending,
                    field: field.to_owned(),
                });
            })
            .await
            .expect("a list");
            assert!(all.next_key.is_empty());
            let all: Vec<String> = all.resources.iter().map(name_of).collect();
            assert_eq!(all.len(), 8);
            let mut turned = Vec::new();
            let mut key = String::new();
            loop {
                let page = unified(&world.admin, |asked| {
                    asked.limit = 3;
                    asked.start_key = key.clone();
                    asked.sort_by = Some(SortBy {
                        is_desc: descending,
                        field: field.to_owned(),
                    });
                })
                .await
                .expect("a page");
                assert!(page.resources.len() <= 3);
                turned.extend(page.resources.iter().map(name_of));
                key = page.next_key;
                if key.is_empty() {
                    break;
                }
            }
            assert_eq!(turned, all, "{field} {descending}");
        }
        let counted = world
            .admin
            .auth()
            .list_resources(ListResourcesRequest {
                resource_type: "node".to_owned(),
                limit: 1,
                need_total_count: true,
                ..ListResourcesRequest::default()
            })
            .await
            .expect("a page")
            .into_inner();
        assert_eq!((counted.resources.len(), counted.total_count), (1, 2));
        let negative = listed(&world.admin, "node", |asked| asked.limit = -1).await;
        assert_eq!(negative.expect_err("refused").code(), Code::InvalidArgument);
        let foreign = listed(&world.admin, "node", |asked| asked.start_key = "x".to_owned()).await;
        assert_eq!(foreign.expect_err("refused").code(), Code::InvalidArgument);
        let unsorted = listed(&world.admin, "node", |asked| {
            asked.sort_by = Some(SortBy {
                is_desc: false,
                field: "shoe size".to_owned(),
            });
        })
        .await;
        assert_eq!(unsorted.expect_err("refused").code(), Code::Unimplemented);
    })
    .await;
}

#[tokio::test]
async fn a_page_ends_before_it_would_be_larger_than_clients_take() {
    on_every_store(async |world| {
        for at in 0..20 {
            let mut heavy = app(&format!("heavy-{at:02}"), "prod");
            let labels = &mut heavy.metadata.get_or_insert_default().labels;
            labels.extend((0..250).map(|at| (format!("label-{at}"), "x".repeat(1000))));
            world.admin.auth().create_app(heavy).await.expect("stored");
        }
        let mut key = String::new();
        let mut seen = Vec::new();
        let mut pages = 0;
        loop {
            let asked = ListResourcesRequest {
                resource_type: "app_server".to_owned(),
                start_key: key,
                ..ListResourcesRequest::default()
            };
            let page = world
                .admin
                .auth()
                .list_resources(asked)
                .await
                .expect("a page")
                .into_inner();
            seen.extend(page.resources.iter().map(name_of));
            pages += 1;
            key = page.next_key;
            if key.is_empty() {
                break;
            }
        }
        assert_eq!(seen.len(), 20);
        assert!(pages > 1, "all of it came at once");
    })
    .await;
}

#[tokio::test]
async fn bob_asks_for_a_server_and_his_certificate_opens_that_and_nothing_else() {
    on_every_store(async |world| {
        let (bob, alice, ivan) = story(world).await;
        let wished = wish(world, &bob.name, &[id("node", "n-prod")]);
        let asked = send(&bob.cluster, wished).await.expect("asked");
        assert_eq!(spec(&asked).roles, ["prod"]);
        assert_eq!(spec(&asked).requested_resource_i_ds, [id("node", "n-prod")]);
        assert_eq!(spec(&asked).thresholds[0].approve, 2);
        let request = id_of(&asked);
        let early = world.assume(&bob.cluster, &[&request]).await;
        assert_eq!(early.err().expect("pending").code(), Code::PermissionDenied);
        for reviewer in [&alice, &ivan] {
            approve(&reviewer.cluster, &request).await.expect("approved");
        }
        let elevated = world
            .assume(&bob.cluster, &[&request])
            .await
            .expect("a certificate");
        let identity = elevated.identity().current();
        let certified = identity.certified().clone();
        assert_eq!(certified.allowed_resources, [format!("/{CLUSTER}/node/n-prod")]);
        assert!(certified.groups.contains(&"prod".to_owned()));
        // What the certificate names, and not even what Bob's own roles reach.
        assert_eq!(
            listed(&elevated, "node", |_| ()).await.expect("a list"),
            ["n-prod"]
        );
        assert!(
            listed(&elevated, "app_server", |_| ())
                .await
                .expect("a list")
                .is_empty()
        );
        let searched = listed(&elevated, "node", |asked| asked.use_search_as_roles = true).await;
        assert_eq!(searched.expect("a list"), ["n-prod"]);
        let logins = elevated
            .auth()
            .list_resources(ListResourcesRequest {
                resource_type: "node".to_owned(),
                include_logins: true,
                ..ListResourcesRequest::default()
            })
            .await
            .expect("a list")
            .into_inner();
        assert_eq!(logins.resources[0].logins, ["root"]);

        // Another request for resources cannot be carried beside it; dropping it gives Bob his own reach again.
        let other = send(&bob.cluster, wish(world, &bob.name, &[id("app", "a-prod")]))
            .await
            .expect("asked");
        let other = id_of(&other);
        for reviewer in [&alice, &ivan] {
            approve(&reviewer.cluster, &other).await.expect("approved");
        }
        let both = world.assume(&elevated, &[&other]).await.err().expect("refused");
        assert_eq!(both.code(), Code::InvalidArgument);
        assert_eq!(
            both.message(),
            "cannot generate certificate with multiple resource access requests"
        );
        let dropped = world
            .certificate(&elevated, |asked, _| {
                asked.drop_access_requests = vec!["*".to_owned()];
            })
            .await
            .expect("a certificate");
        assert_eq!(
            listed(&dropped, "node", |_| ()).await.expect("a list"),
            ["n-stage"]
        );
    })
    .await;
}

#[tokio::test]
async fn requests_for_what_is_not_there_or_not_requestable_are_refused_or_warned_of() {
    on_every_store(async |world| {
        let (bob, alice, _) = story(world).await;
        let mut malformed = id("node", "n-prod");
        malformed.sub_resource_name = "x".to_owned();
        let mut foreign = id("node", "n-prod");
        foreign.cluster_name = "elsewhere".to_owned();
        for (person, wished, code, told) in [
            (
                &alice,
                id("node", "n-prod"),
                Code::PermissionDenied,
                "Resource Access Requests require usable \"search_as_roles\", none found for user \"alice@example.com\"",
            ),
            (
                &bob,
                malformed,
                Code::InvalidArgument,
                "resource kind \"node\" doesn't allow sub resources",
            ),
            (
                &bob,
                id("nosuch", "x"),
                Code::InvalidArgument,
                "Resource kind \"nosuch\" is invalid or unsupported",
            ),
            (
                &bob,
                foreign,
                Code::NotFound,
                "access request contains invalid or unknown cluster names: elsewhere",
            ),
        ] {
            let refused = send(&person.cluster, wish(world, &person.name, &[wished])).await;
            let refused = refused.expect_err("refused");
            assert_eq!((refused.code(), refused.message()), (code, told));
        }
        let unknown = wish(world, &bob.name, &[id("node", "nosuch")]);
        let refused = send(&bob.cluster, unknown).await.expect_err("refused");
        assert!(refused.message().contains("allow access to any requested resources"));

        let some = wish(world, &bob.name, &[id("node", "n-prod"), id("node", "nosuch")]);
        let answer = bob
            .cluster
            .auth()
            .create_access_request_v2(Kept::from(some))
            .await
            .expect("asked");
        let warnings: Vec<String> = wire::metadata::warnings(answer.metadata());
        assert_eq!(
            warnings,
            [format!(
                "the request names /{CLUSTER}/node/nosuch, which does not exist in this cluster"
            )]
        );
    })
    .await;
}

#[tokio::test]
async fn a_rehearsal_and_the_capabilities_name_the_roles_that_would_be_asked_for() {
    on_every_store(async |world| {
        let (bob, _, _) = story(world).await;
        let mut dry = wish(world, &bob.name, &[id("db", "d-prod")]);
        dry.spec.as_mut().expect("a spec").dry_run = true;
        let shown = send(&bob.cluster, dry).await.expect("shown");
        assert_eq!(spec(&shown).roles, ["prod"]);
        assert_eq!(
            spec(&shown).dry_run_enrichment.expect("enriched").reason_mode,
            "optional"
        );
        let able = bob
            .cluster
            .auth()
            .get_access_capabilities(AccessCapabilitiesRequest {
                resource_i_ds: vec![id("db", "d-prod")],
                ..Default::default()
            })
            .await
            .expect("capabilities")
            .into_inner();
        assert_eq!(able.applicable_roles_for_resources, ["prod"]);
    })
    .await;
}

#[tokio::test]
async fn the_fingerprint_covers_the_resources() {
    on_every_store(async |world| {
        let (bob, alice, _) = story(world).await;
        let mut prints = Vec::new();
        for name in ["n-prod", "n-stage"] {
            let mut wished = wish(world, &bob.name, &[id("node", name)]);
            wished.spec.as_mut().expect("a spec").roles = vec!["prod".to_owned()];
            let asked = send(&bob.cluster, wished).await.expect("asked");
            let stored = world
                .auth
                .state
                .request(&id_of(&asked), world.now())
                .await
                .expect("read")
                .expect("there");
            let content = |request: &access::request::Request| {
                let none = std::collections::BTreeMap::new();
                wire::convert::content_digest(&wire::convert::request_content(CLUSTER, request, &none, &none))
            };
            let mut twin = stored.request.clone();
            twin.resource_ids[0].name = "another".to_owned();
            assert_ne!(content(&stored.request), content(&twin));
            let explained = alice
                .cluster
                .access()
                .explain(wire::pb::countersign::v1::ExplainRequest {
                    request_id: id_of(&asked),
                })
                .await
                .expect("explained")
                .into_inner();
            prints.push(explained.short_digest);
        }
        assert_ne!(prints[0], prints[1]);
        assert_eq!(RequestState::Pending as i32, 1);
    })
    .await;
}

#[tokio::test]
async fn the_record_tells_what_was_registered_looked_for_and_asked_for() {
    on_every_store(async |world| {
        let (bob, _, _) = story(world).await;
        listed(&bob.cluster, "node", |asked| {
            asked.use_search_as_roles = true;
            asked.search_keywords = vec!["host".to_owned()];
        })
        .await
        .expect("a list");
        listed(&bob.cluster, "node", |_| ()).await.expect("a list");
        send(&bob.cluster, wish(world, &bob.name, &[id("node", "n-prod")]))
            .await
            .expect("asked");
        world
            .admin
            .auth()
            .delete_app(named("a-prod"))
            .await
            .expect("deleted");

        let told = async |name: &str| -> Vec<serde_json::Value> {
            let records = crate::invariants::records(&world.store).await;
            let told = records.into_iter().filter(|told| told.event() == name);
            told.map(|told| told.body).collect()
        };
        let made = told("app.create").await;
        assert_eq!(made.len(), 2);
        assert_eq!(made[0]["code"], "TAP03I");
        assert_eq!(made[0]["app_labels"]["env"], "prod");
        assert_eq!(told("app.delete").await[0]["name"], "a-prod");
        assert_eq!(told("node.create").await[0]["hostname"], "host-prod");
        assert_eq!(told("kube.create").await[0]["code"], "T3010I");
        let searches = told("access_request.search").await;
        assert_eq!(searches.len(), 1);
        assert_eq!(searches[0]["user"], "bob@example.com");
        assert_eq!(searches[0]["search_as_roles"], serde_json::json!(["prod"]));
        assert_eq!(searches[0]["search_keywords"], serde_json::json!(["host"]));
        let asked = told("access_request.create").await;
        assert_eq!(asked[0]["resource_names"], serde_json::json!(["/node/host-prod"]));
        assert_eq!(asked[0]["resource_ids"][0]["name"], "n-prod");
    })
    .await;
}
