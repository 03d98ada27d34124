//! C: one malicious administrator. What needs two persons comes with the rules of their own; until then each deed is
//! done at once, and always recorded.

use prost::Message as _;
use tonic::Code;
use transport::Authority;
use wire::pb::proto;
use wire::pb::teleport::trust::v1::{GetCertAuthoritiesRequest, GetCertAuthorityRequest};

use crate::flaws::{Flaw, attack, rewritten};
use crate::invariants;
use crate::people::{refusal, role};
use crate::world::{CLUSTER, hours};

#[tokio::test]
async fn c01_giving_oneself_a_role_is_recorded() {
    attack(Flaw::unrecorded(), "has no record", async |world| {
        let cast = world.cast().await;
        world.bend();
        let mut me = crate::people::user(&cast.editor.name, &["access", "editor", "elevated-access"]);
        me.metadata.as_mut().expect("metadata").labels.clear();
        let upsert = wire::pb::teleport::users::v1::UpsertUserRequest {
            user: Some(me.into()),
        };
        cast.editor
            .cluster
            .users()
            .upsert_user(upsert)
            .await
            .expect("stored");
        let mut weak = role("devops", "allow:\n  request:\n    roles: [elevated-access]");
        weak.version = "v7".to_owned();
        let upsert = proto::UpsertRoleRequest {
            role: Some(weak.into()),
        };
        cast.editor
            .cluster
            .auth()
            .upsert_role_v2(upsert)
            .await
            .expect("stored");
    })
    .await;
}

#[tokio::test]
async fn c01_what_was_done_says_who_did_it() {
    let flaw = Flaw {
        writes: Some(Box::new(|mut batch| {
            for record in &mut batch.records {
                let body = String::from_utf8_lossy(&record.body).replace("editor@example.com", "nobody");
                record.body = body.into_bytes().into();
            }
            batch
        })),
        ..Flaw::default()
    };
    attack(flaw, "who did it", async |world| {
        let cast = world.cast().await;
        world.bend();
        let upsert = wire::pb::teleport::users::v1::UpsertUserRequest {
            user: Some(crate::people::user("mole@example.com", &["dbreviewer"]).into()),
        };
        cast.editor
            .cluster
            .users()
            .upsert_user(upsert)
            .await
            .expect("stored");
        let records = invariants::records(&world.store).await;
        let told = records
            .iter()
            .find(|told| told.event() == "user.create" && told.text("name") == "mole@example.com")
            .expect("a record");
        assert_eq!(told.text("user"), "editor@example.com", "who did it");
        assert_eq!(told.body["roles"], serde_json::json!(["dbreviewer"]));
    })
    .await;
}

#[tokio::test]
async fn c04_a_reset_ends_what_the_person_had() {
    // The old password is kept.
    attack(Flaw::keeps("passwords"), "left == right", async |world| {
        let cast = world.cast().await;
        let opened = world.web_session(&cast.alice).await;
        world.bend();
        let link = world.link(&cast.alice.name, "password").await;
        let records = invariants::records(&world.store).await;
        assert!(
            records
                .iter()
                .any(|told| told.event() == "reset_password_token.create")
        );
        assert!(
            records.iter().any(|told| told.event() == "mfa.delete"),
            "the authenticator is gone, and told as gone"
        );
        let gone = wire::pb::countersign::v1::GetWebSessionRequest {
            user: opened.user.clone(),
            id: opened.id.clone(),
            ..Default::default()
        };
        assert_eq!(
            refusal(world.proxy.sign_in().get_web_session(gone).await).0,
            Code::NotFound
        );
        let (code, message) = refusal(
            world
                .sign_in(&cast.alice.name, &cast.alice.password, &cast.alice.seed)
                .await,
        );
        assert_eq!((code, &*message), (Code::PermissionDenied, "invalid credentials"));
        world
            .accept(&link, "another password entirely")
            .await
            .expect("accepted");
    })
    .await;
}

#[tokio::test]
async fn c05_private_keys_of_authorities_stay() {
    // The server takes the editor for the administrator of its own host.
    attack(Flaw::door(), "the call was not refused", async |world| {
        let cast = world.cast().await;
        let all = "allow:\n  rules:\n  - {resources: ['*'], verbs: ['*']}";
        world.put_role(role("everything", all)).await.expect("stored");
        let root = world.person("root@example.com", &["everything"]).await;
        world.bend();
        world.disguise(&world.admin, Authority::Host);
        for thief in [
            &cast.bob.cluster,
            &cast.editor.cluster,
            &root.cluster,
            &world.proxy,
        ] {
            let list = GetCertAuthoritiesRequest {
                r#type: "user".to_owned(),
                include_key: true,
            };
            assert_eq!(
                refusal(thief.trust().get_cert_authorities(list).await).0,
                Code::PermissionDenied
            );
            let one = GetCertAuthorityRequest {
                r#type: "user".to_owned(),
                domain: CLUSTER.to_owned(),
                include_key: true,
            };
            assert_eq!(
                refusal(thief.trust().get_cert_authority(one).await).0,
                Code::PermissionDenied
            );
        }
    })
    .await;
}

#[tokio::test]
async fn c05_what_everybody_may_read_of_an_authority_holds_no_key() {
    // The private keys lie beside the public ones.
    let flaw = Flaw {
        reads: Some(Box::new(|key, item| {
            let mut item = item?;
            if key.as_str() == "/cert_authorities/user" {
                let mut shown =
                    wire::pb::types::CertAuthorityV2::decode(item.value.clone()).expect("an authority");
                let keys = shown
                    .spec
                    .get_or_insert_default()
                    .active_keys
                    .get_or_insert_default();
                for pair in &mut keys.tls {
                    pair.key = b"a private key".to_vec().into();
                }
                item.value = shown.encode_to_vec().into();
            }
            Some(item)
        })),
        ..Flaw::default()
    };
    attack(flaw, "no private key", async |world| {
        let cast = world.cast().await;
        world.bend();
        let list = GetCertAuthoritiesRequest {
            r#type: "user".to_owned(),
            include_key: false,
        };
        let found = cast
            .bob
            .cluster
            .trust()
            .get_cert_authorities(list)
            .await
            .expect("a list")
            .into_inner();
        for authority in found.cert_authorities_v2 {
            let keys = authority.spec.expect("a spec").active_keys.expect("keys");
            assert!(keys.tls.iter().all(|pair| pair.key.is_empty()), "no private key");
            assert!(
                keys.ssh.iter().all(|pair| pair.private_key.is_empty()),
                "no private key"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn c07_a_long_lived_certificate_is_cut_to_what_roles_and_ones_own_allow() {
    // The server does not know the role's limit.
    let flaw = Flaw {
        reads: Some(Box::new(|key, item| {
            let item = item?;
            if key.as_str() != "/roles/short" {
                return Some(item);
            }
            let mut role = wire::pb::types::RoleV6::decode(item.value.clone()).expect("a role");
            role.spec.get_or_insert_default().options = None;
            Some(rewritten(item, role.encode_to_vec()))
        })),
        ..Flaw::default()
    };
    attack(flaw, "no longer than", async |world| {
        world.cast().await;
        world
            .put_role(role("short", "options: {max_session_ttl: 2h}"))
            .await
            .expect("stored");
        let may_be_all = "allow:\n  impersonate: {users: ['*'], roles: ['*']}";
        world
            .put_role(role("impersonator", may_be_all))
            .await
            .expect("stored");
        world.user("target@example.com", &["short"]).await;
        let leaver = world.person("leaver@example.com", &["impersonator"]).await;
        world.bend();
        for by in [&world.admin, &leaver.cluster] {
            let signed = world
                .sign_as(by, "target@example.com", hours(10_000))
                .await
                .expect("a certificate");
            let left = signed
                .identity()
                .current()
                .not_after()
                .duration_since(world.now());
            assert!(left <= hours(2), "no longer than the role allows: {left:?}");
        }
        world.clock.advance(hours(11));
        let signed = world
            .sign_as(&leaver.cluster, "target@example.com", hours(10_000))
            .await
            .expect("a certificate");
        let (end, own) = (
            signed.identity().current().not_after(),
            leaver.cluster.identity().current().not_after(),
        );
        assert!(end <= own, "no longer than one's own certificate");
    })
    .await;
}
