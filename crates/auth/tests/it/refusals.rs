//! What somebody reads who asked for what cannot be: the class and the words, and no secret in them.

use tonic::{Code, Status};
use wire::keep::Kept;
use wire::pb::countersign::v1 as ours;
use wire::pb::proto;
use wire::pb::teleport::users::v1 as users;
use wire::pb::types::{self, RequestState};

use crate::people::{
    Cast, IMPERSONATOR, PLUGIN, approve, ask, deny, refusal, role, send, set_state, user, wanted,
};
use crate::refused;
use crate::world::{World, hours, on_every_store, seconds};

/// A request with something unusual in it, as Bob sends it.
async fn bob_asks(
    world: &World,
    cast: &Cast,
    change: impl FnOnce(&mut types::AccessRequestV3),
) -> Result<types::AccessRequestV3, Status> {
    let mut request = wanted(world, &cast.bob.name, &["elevated-access"]);
    change(&mut request);
    send(&cast.bob.cluster, request).await
}

fn spec(request: &mut types::AccessRequestV3) -> &mut types::AccessRequestSpecV3 {
    request.spec.as_mut().expect("a spec")
}

type Change = fn(&mut types::AccessRequestV3);

#[tokio::test]
async fn a_request_that_cannot_be_is_refused_with_its_limit() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let table: &[(Change, &str)] = &[
            (
                |it| spec(it).roles.clear(),
                "access request does not specify any roles or resources",
            ),
            (|it| spec(it).user.clear(), "access request user name not set"),
            (
                |it| spec(it).roles = vec!["editor".into()],
                "user \"bob@example.com\" can not request role \"editor\"",
            ),
            (
                |it| spec(it).roles.push("no-such-role".into()),
                "user \"bob@example.com\" can not request role \"no-such-role\"",
            ),
            (
                |it| spec(it).request_reason = "x".repeat(4097),
                "access request reason is too long, max 4096 bytes",
            ),
            (
                |it| spec(it).roles = (0..301).map(|n| format!("r{n}")).collect(),
                "access request contains too many roles (301), max 300",
            ),
            (
                |it| spec(it).suggested_reviewers = (0..101).map(|n| format!("r{n}")).collect(),
                "access request contains too many suggested reviewers (101), max 100",
            ),
            (
                |it| spec(it).suggested_reviewers = vec!["x".repeat(256)],
                "access request names something longer than 255 bytes",
            ),
            (
                |it| spec(it).suggested_reviewers = vec!["ali\u{202e}ce".into()],
                "access request names \"ali\\u{202e}ce\", which contains a character that is not allowed",
            ),
            (
                |it| spec(it).login_hint = "ro\0ot".into(),
                "access request names \"ro\\0ot\", which contains a character that is not allowed",
            ),
            (
                |it| spec(it).requested_resource_i_ds = vec![types::ResourceId::default(); 301],
                "access request contains too many resources (301), max 300",
            ),
            (
                |it| spec(it).resolve_reason = "because".into(),
                "pending requests cannot include resolve reason",
            ),
            (
                |it| it.metadata.as_mut().expect("metadata").name = "42".into(),
                "invalid access request ID \"42\"",
            ),
            (
                |it| it.metadata.as_mut().expect("metadata").labels = [("k".into(), "v".repeat(1025))].into(),
                "access request has too many or too long labels, max 64 of 1024 bytes",
            ),
        ];
        for (change, words) in table {
            refused!(bob_asks(world, &cast, *change).await, InvalidArgument, *words);
        }
        let moments: &[(Change, &str)] = &[
            (|it| spec(it).assume_start_time = Some(far()), "a start far away"),
            (
                |it| spec(it).resource_expiry = Some(wire::convert::timestamp(crate::world::noon())),
                "an end in the past",
            ),
            (
                |it| {
                    spec(it).resource_expiry =
                        Some(wire::convert::timestamp(crate::world::noon() + hours(24 * 8)));
                },
                "an end too late",
            ),
        ];
        for (change, what) in moments {
            let (code, message) = refusal(bob_asks(world, &cast, *change).await);
            assert_eq!(code, Code::InvalidArgument, "{what}: {message}");
        }
        refused!(
            send(
                &cast.bob.cluster,
                wanted(world, "alice@example.com", &["elevated-access"])
            )
            .await,
            PermissionDenied,
            "access denied to perform action \"create\" on \"access_request\""
        );
        refused!(
            send(
                &world.admin,
                wanted(world, "nobody@example.com", &["elevated-access"])
            )
            .await,
            NotFound,
            "\"user\" \"nobody@example.com\" does not exist"
        );
        let all = crate::people::list(&world.admin, types::AccessRequestFilter::default()).await;
        assert_eq!(all.expect("a list"), [], "nothing came of any of it");
        // What is only tried leaves nothing behind either.
        let dry = bob_asks(world, &cast, |it| spec(it).dry_run = true)
            .await
            .expect("tried");
        assert!(dry.spec.expect("a spec").dry_run_enrichment.is_some());
        let all = crate::people::list(&world.admin, types::AccessRequestFilter::default()).await;
        assert_eq!(all.expect("a list"), []);
    })
    .await;
}

fn far() -> prost_types::Timestamp {
    wire::convert::timestamp(crate::world::noon() + hours(24 * 30))
}

#[tokio::test]
async fn reviews_and_decisions_that_come_too_late_or_to_nothing() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let unknown = world.uuid();
        refused!(
            approve(&cast.alice.cluster, &unknown).await,
            NotFound,
            format!("cannot apply review to access request {unknown:?} (not found)")
        );
        refused!(
            approve(&cast.alice.cluster, "").await,
            InvalidArgument,
            "missing request ID"
        );
        refused!(
            set_state(&world.admin, &unknown, RequestState::Denied).await,
            NotFound,
            format!("cannot set state of access request {unknown:?} (not found)")
        );
        let delete = proto::RequestId { id: unknown.clone() };
        refused!(
            world.admin.auth().delete_access_request(delete).await,
            NotFound,
            format!("cannot delete access request {unknown:?} (not found)")
        );
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        refused!(
            set_state(&world.admin, &id, RequestState::None).await,
            InvalidArgument,
            "missing request state"
        );
        refused!(
            set_state(&world.admin, &id, RequestState::Promoted).await,
            InvalidArgument,
            "state promoted can be only set when promoting to access list"
        );
        deny(&cast.alice.cluster, &id).await.expect("a review");
        refused!(
            approve(&cast.ivan.cluster, &id).await,
            PermissionDenied,
            "the access request has been already denied"
        );
        refused!(
            approve(&world.admin, &id).await,
            PermissionDenied,
            "user \"@local-admin\" cannot submit reviews"
        );
    })
    .await;
}

#[tokio::test]
async fn resources_that_cannot_be_are_refused_with_their_reason() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let create = async |name: &str, roles: &[&str]| {
            let request = users::CreateUserRequest { user: Some(Kept::from(user(name, roles))) };
            cast.editor.cluster.users().create_user(request).await.map(|_| ())
        };
        let long = "x".repeat(256);
        for (name, words) in [
            ("", "missing parameter Name"),
            (long.as_str(), "user name is longer than 255 bytes"),
            ("a b", "user name \"a b\" contains a space"),
            ("a/b", "user name \"a/b\" contains a character that is not allowed"),
            ("bob\u{200b}", "user name \"bob\\u{200b}\" contains a character that is not allowed"),
            ("bob\u{1b}[2J", "user name \"bob\\u{1b}[2J\" contains a character that is not allowed"),
            ("@local-admin", "user name \"@local-admin\" is reserved"),
            ("system", "user name \"system\" is reserved"),
            (
                "5d4a3c1e-63c0-4b5e-9b8e-0d3f6c2a1b00.teleport.example.com",
                "user name \"5d4a3c1e-63c0-4b5e-9b8e-0d3f6c2a1b00.teleport.example.com\" has the form of a built-in identity",
            ),
        ] {
            refused!(create(name, &["access"]).await, InvalidArgument, words);
        }
        refused!(
            create(&cast.bob.name, &["access"]).await,
            AlreadyExists,
            "user \"bob@example.com\" already registered"
        );
        refused!(create("new@example.com", &["no-such-role"]).await, NotFound, "role no-such-role is not found");
        let delete = users::DeleteUserRequest { name: "nobody".to_owned() };
        refused!(
            cast.editor.cluster.users().delete_user(delete).await,
            NotFound,
            "user \"nobody\" not found"
        );

        let put = async |role: types::RoleV6| {
            let request = proto::UpsertRoleRequest { role: Some(Kept::from(role)) };
            cast.editor.cluster.auth().upsert_role_v2(request).await.map(|_| ())
        };
        for text in [
            "allow:\n  review_requests:\n    roles: ['^(a$']",
            "allow:\n  review_requests:\n    roles: [a]\n    where: 'nonsense('",
            "allow:\n  request:\n    roles: [a]\n    thresholds: [{approve: 2, filter: 'equals('}]",
            "allow:\n  rules:\n  - {resources: [role], verbs: [read], where: 'nonsense('}",
        ] {
            let (code, message) = refusal(put(role("bad", text)).await);
            assert_eq!(code, Code::InvalidArgument, "{text}: {message}");
            assert!(message.len() > 20, "{message}");
        }
        let held = proto::DeleteRoleRequest { name: "devops".to_owned() };
        refused!(
            cast.editor.cluster.auth().delete_role(held).await,
            InvalidArgument,
            "failed to delete a role that is still in use by a user: \"bob@example.com\" holds role \"devops\""
        );
        let none = proto::DeleteRoleRequest { name: "none".to_owned() };
        refused!(cast.editor.cluster.auth().delete_role(none).await, NotFound, "role \"none\" is not found");
        let stale = {
            let mut stale = role("devops", "allow: {}");
            stale.metadata.as_mut().expect("metadata").revision = "1".to_owned();
            proto::UpdateRoleRequest { role: Some(Kept::from(stale)) }
        };
        refused!(
            cast.editor.cluster.auth().update_role(stale).await,
            FailedPrecondition,
            "resource revision does not match, it may have been concurrently created|modified|deleted; please work \
             from the latest state, or use --force to overwrite"
        );
        let lock = |target: types::LockTarget, message: &str| types::LockV2 {
            metadata: Some(types::Metadata { name: "a-lock".to_owned(), ..Default::default() }),
            spec: Some(types::LockSpecV2 {
                target: Some(target),
                message: message.to_owned(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let target = |user: &str| types::LockTarget { user: user.to_owned(), ..Default::default() };
        for (lock, words) in [
            (lock(target(""), ""), "at least one target field must be set"),
            (lock(target("bob"), &"x".repeat(4097)), "the lock's message is longer than 4096 bytes"),
            (lock(target(&long), ""), "lock names something longer than 255 bytes"),
        ] {
            let answer = cast.editor.cluster.auth().upsert_lock(Kept::from(lock)).await;
            refused!(answer, InvalidArgument, words);
        }
        // A message larger than any call may be.
        let mut huge = role("huge", "allow: {}");
        huge.metadata.as_mut().expect("metadata").description = "x".repeat(5 << 20);
        let (code, _) = refusal(put(huge).await);
        assert!(matches!(code, Code::OutOfRange | Code::ResourceExhausted), "{code:?}");
    })
    .await;
}

/// The guide's step in which an editor signs the plugin's certificate.
#[tokio::test]
async fn who_may_sign_in_anothers_name() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        world.apply(PLUGIN).await;
        refused!(
            world
                .sign_as(&cast.editor.cluster, "access-plugin", hours(8))
                .await,
            PermissionDenied,
            "access denied: impersonation is not allowed"
        );
        world.apply(IMPERSONATOR).await;
        world
            .set_roles(
                &cast.editor.name,
                &["access", "editor", "access-plugin-impersonator"],
            )
            .await;
        let editor = world.again(&cast.editor).await;
        let plugin = world
            .sign_as(&editor, "access-plugin", hours(8))
            .await
            .expect("a certificate");
        let identity = plugin.identity().current();
        assert_eq!(
            identity.certified().impersonator.as_deref(),
            Some("editor@example.com")
        );
        refused!(
            world.sign_as(&editor, &cast.alice.name, hours(8)).await,
            PermissionDenied,
            "access denied: user \"editor@example.com\" has requested to generate certs for [dbreviewer]."
        );
        refused!(
            world.sign_as(&editor, "nobody@example.com", hours(8)).await,
            PermissionDenied,
            "access denied"
        );
        refused!(
            world.sign_as(&plugin, &cast.alice.name, hours(1)).await,
            PermissionDenied,
            "access denied: impersonation is not allowed"
        );
        refused!(
            world.sign_as(&world.admin, "nobody@example.com", hours(8)).await,
            NotFound,
            "\"user\" \"nobody@example.com\" does not exist"
        );
        // An end that is meant exactly and cannot be given names what is in the way.
        let request = {
            let mut asked = proto::UserCertsRequest {
                username: "access-plugin".to_owned(),
                tls_public_key: world.key().public().to_ssh_line().into_bytes().into(),
                ..Default::default()
            };
            asked.expires = Some(wire::convert::timestamp(world.now() + hours(31)));
            let mut request = tonic::Request::new(asked);
            request
                .metadata_mut()
                .insert(auth::call::EXACT_TTL_HEADER, "yes".parse().expect("a header"));
            request
        };
        let (code, message) = refusal(editor.auth().generate_user_certs(request).await);
        assert_eq!(code, Code::InvalidArgument);
        assert!(
            message.contains("your present certificate allows it until"),
            "{message}"
        );
    })
    .await;
}

/// Secrets that people send or that are kept for them stand in no answer that is not theirs, and in no refusal.
#[tokio::test]
async fn no_refusal_and_no_list_tells_a_secret() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let session = world.web_session(&cast.alice).await;
        let link = {
            world.user("new@example.com", &["access"]).await;
            world.link("new@example.com", "invite").await
        };
        let wrong = "a wrong password that somebody typed";
        world.plant("a wrong password", wrong);
        let mut said: Vec<String> = Vec::new();
        for (name, password) in [(&*cast.alice.name, wrong), ("nobody@example.com", wrong)] {
            let begin = ours::BeginRequest {
                user: name.to_owned(),
                password: password.as_bytes().to_vec().into(),
                ..Default::default()
            };
            said.push(refusal(world.proxy.sign_in().begin(begin).await).1);
        }
        let short = ours::AcceptInviteRequest {
            token: link.clone(),
            new_password: b"short-pw123".to_vec().into(),
            ..Default::default()
        };
        said.push(refusal(world.proxy.sign_in().accept_invite(short).await).1);
        let long = ours::AcceptInviteRequest {
            token: link.clone(),
            new_password: "long-pw-".repeat(20).into_bytes().into(),
            ..Default::default()
        };
        said.push(refusal(world.proxy.sign_in().accept_invite(long).await).1);
        let other = ours::GetWebSessionRequest {
            user: cast.alice.name.clone(),
            id: format!("{}0", session.id),
            ..Default::default()
        };
        said.push(refusal(world.proxy.sign_in().get_web_session(other).await).1);
        for text in ["short-pw123", "long-pw-long-pw-"] {
            assert!(!said.iter().any(|said| said.contains(text)), "{said:?}");
        }
        // Not even the administrator of the host reads them.
        let list = users::ListUsersRequest {
            with_secrets: true,
            ..Default::default()
        };
        let listed = crate::calls::raw(
            world.admin.calls(),
            "/teleport.users.v1.UsersService/ListUsers",
            prost::Message::encode_to_vec(&list),
        )
        .await
        .expect("a list");
        let tokens = crate::calls::raw(world.admin.calls(), "/proto.AuthService/GetTokens", Vec::new()).await;
        let answers = [listed, tokens.expect("a list")];
        for (what, secret) in world.canaries() {
            let seen = said.iter().any(|said| said.contains(&secret))
                || answers
                    .iter()
                    .any(|answer| String::from_utf8_lossy(answer).contains(&secret));
            assert!(!seen, "{what} was told");
        }
        assert!(
            !String::from_utf8_lossy(&answers[0]).contains("$argon2id$"),
            "a hash was told"
        );
        world.clock.advance(seconds(1));
    })
    .await;
}

#[tokio::test]
async fn a_role_that_ends_may_neither_forbid_nor_demand_anything() {
    on_every_store(async |world| {
        let ending = |spec: &str| {
            let mut ending = role("brief", spec);
            let end = wire::convert::timestamp(world.now() + hours(1));
            ending.metadata.as_mut().expect("metadata").expires = Some(end);
            ending
        };
        for (spec, what) in [
            ("deny:\n  logins: [root]", "spec.deny"),
            ("deny:\n  db_users: [postgres]", "spec.deny"),
            ("allow:\n  request:\n    roles: [access]", "spec.allow.request"),
        ] {
            let (code, message) = refusal(world.put_role(ending(spec)).await);
            assert_eq!(code, Code::InvalidArgument);
            assert!(
                message.starts_with(&format!(
                    "role \"brief\" has an end (metadata.expires) and says something in {what}:"
                )),
                "{message}"
            );
            let mut lasting = ending(spec);
            lasting.metadata.as_mut().expect("metadata").expires = None;
            world.put_role(lasting).await.expect("stored");
        }
        world
            .put_role(ending("allow:\n  logins: [root]"))
            .await
            .expect("what only grants may end");
    })
    .await;
}
