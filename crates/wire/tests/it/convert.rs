//! Between messages and the values of decisions, and what is filled in where a resource says nothing.
#![allow(clippy::needless_raw_string_hashes)]

use std::collections::BTreeMap;

use access::request::{Request, ResourceId, Review, State, Target, Voter};
use access::role::Threshold;
use jiff::Timestamp;
use proptest::prelude::*;
use prost::Message as _;
use wire::convert;
use wire::keep::Kept;
use wire::pb::types;
use wire::resource::{Kind, Limits, Resource, defaults, moment, read_one};

fn texts() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("[a-z]{1,5}", 0..3)
}

fn lists() -> impl Strategy<Value = BTreeMap<String, Vec<String>>> {
    prop::collection::btree_map("[a-z]{1,5}", texts(), 0..3)
}

fn moments() -> impl Strategy<Value = Timestamp> {
    (-10_000_000_i64..4_000_000_000, 0..1_000_000_000_i32)
        .prop_map(|(second, nanosecond)| Timestamp::new(second, nanosecond).unwrap_or(Timestamp::UNIX_EPOCH))
}

fn states() -> impl Strategy<Value = State> {
    prop::sample::select(vec![
        State::Pending,
        State::Approved,
        State::Denied,
        State::Promoted,
    ])
}

fn reviews() -> impl Strategy<Value = Review> {
    (
        ("[a-z]{1,5}", states(), "[a-z ]{0,9}", moments()),
        prop::collection::vec(0..5_u32, 0..3),
        prop::option::of(moments()),
        texts(),
    )
        .prop_map(
            |((author, state, reason, created), thresholds, assume_start, roles)| Review {
                author,
                subject: String::new(),
                voter: Voter::Person,
                state,
                target: (state == State::Promoted).then(|| Target {
                    name: "crew".to_owned(),
                    title: "Crew".to_owned(),
                }),
                reason,
                created,
                thresholds,
                assume_start,
                roles,
                saw: access::pin::Pins::default(),
            },
        )
}

fn thresholds() -> impl Strategy<Value = Threshold> {
    ("[a-z]{0,5}", "[a-z]{0,5}", 0..4_u32, 0..4_u32).prop_map(|(name, filter, approve, deny)| Threshold {
        name,
        filter,
        approve,
        deny,
    })
}

fn requests() -> impl Strategy<Value = Request> {
    let names = (
        "[0-9a-f-]{8,36}",
        "[a-z@.]{1,9}",
        texts(),
        states(),
        "[a-z \\n]{0,9}",
        "[a-z ]{0,9}",
    );
    let times = (
        moments(),
        moments(),
        moments(),
        moments(),
        moments(),
        prop::option::of(moments()),
    );
    let rules = (
        prop::collection::vec(thresholds(), 0..3),
        prop::collection::btree_map(
            "[a-z]{1,5}",
            prop::collection::vec(prop::collection::vec(0..9_u32, 0..3), 0..3),
            0..3,
        ),
        prop::collection::vec(reviews(), 0..3),
    );
    let rest = (
        lists(),
        lists(),
        texts(),
        "[a-z]{0,5}",
        any::<bool>(),
        prop::collection::btree_map("[a-z]{1,5}", "[a-z]{0,5}", 0..3),
    );
    (names, times, rules, rest).prop_map(|(names, times, rules, rest)| Request {
        id: names.0,
        user: names.1,
        subject: String::new(),
        roles: names.2,
        state: names.3,
        reason: names.4,
        resolve_reason: names.5,
        created: times.0,
        expires: times.1,
        expiry: times.2,
        session_ttl: times.3,
        max_duration: times.4,
        assume_start: times.5,
        thresholds: rules.0,
        role_thresholds: rules.1,
        reviews: rules.2,
        resolve_annotations: rest.0,
        system_annotations: rest.1,
        suggested_reviewers: rest.2,
        login_hint: rest.3,
        dry_run: rest.4,
        labels: rest.5,
        resource_ids: vec![ResourceId {
            cluster: "c".to_owned(),
            kind: "node".to_owned(),
            name: "n".to_owned(),
            sub_resource: String::new(),
        }],
    })
}

proptest! {
    #[test]
    fn a_request_survives_the_wire_and_the_terminal(request in requests()) {
        let message = convert::request_message(&request);
        let received = types::AccessRequestV3::decode(message.encode_to_vec().as_slice()).expect("decodes");
        prop_assert_eq!(convert::request(&received).expect("a request"), request.clone());

        let printed = Resource::of(Kind::AccessRequest, &message).expect("encodes").to_yaml();
        let read: types::AccessRequestV3 = read_one(&printed, &Limits::FILE).expect("readable").to().expect("a request");
        prop_assert_eq!(convert::request(&read).expect("a request"), request);
    }

    #[test]
    fn no_message_makes_a_conversion_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        if let Ok(message) = types::AccessRequestV3::decode(bytes.as_slice()) {
            let _ = convert::request(&message);
            let _ = convert::proposal(&message);
        }
        if let Ok(message) = types::RoleV6::decode(bytes.as_slice()) {
            let _ = convert::role(&message);
            let mut message = message;
            defaults::role(&mut message);
        }
        if let Ok(message) = types::AccessReview::decode(bytes.as_slice()) {
            let _ = convert::submission(&message);
        }
    }
}

#[test]
fn what_a_stored_request_cannot_lack_is_named() {
    let mut message = types::AccessRequestV3::default();
    assert_eq!(
        convert::request(&message).map_err(|error| error.to_string()),
        Err("the access request has no spec".to_owned())
    );
    message.spec = Some(types::AccessRequestSpecV3::default());
    message.metadata = Some(types::Metadata::default());
    assert_eq!(
        convert::request(&message).map_err(|error| error.to_string()),
        Err("the stored access request has no access expiry".to_owned())
    );
    let unset = prost_types::Timestamp {
        seconds: moment::UNSET_SECONDS,
        nanos: 0,
    };
    message.spec = Some(types::AccessRequestSpecV3 {
        state: 9,
        max_duration: Some(unset),
        ..Default::default()
    });
    assert_eq!(
        convert::proposal(&message).map(|_| ()),
        Err(convert::ConvertError::State(9))
    );
}

#[test]
fn an_older_client_names_the_waiting_time_in_the_metadata() {
    let at: Timestamp = "2026-11-21T18:50:00Z".parse().expect("a moment");
    let message = types::AccessRequestV3 {
        metadata: Some(types::Metadata {
            expires: Some(convert::timestamp(at)),
            ..Default::default()
        }),
        spec: Some(types::AccessRequestSpecV3::default()),
        ..Default::default()
    };
    assert_eq!(
        convert::proposal(&message).expect("a proposal").pending_end,
        Some(at)
    );
}

/// A role of the given version with everything filled in, as `tctl get` prints it.
fn filled(version: &str, allow: &str) -> String {
    let text = format!("kind: role\nversion: {version}\nmetadata: {{name: x}}\nspec: {{allow: {allow}}}\n");
    let mut role: types::RoleV6 = read_one(&text, &Limits::FILE)
        .expect("a role")
        .to()
        .expect("a role");
    defaults::role(&mut role);
    let again = role.clone();
    defaults::role(&mut role);
    assert_eq!(role, again, "filling in twice changes nothing");
    Resource::of(Kind::Role, &role).expect("a role").to_yaml()
}

#[test]
fn a_role_is_filled_in_as_the_original_fills_it_in() {
    expect_test::expect![[r"
        kind: role
        metadata:
          name: x
        spec:
          allow: {}
          deny: {}
          options:
            cert_format: standard
            create_db_user: false
            create_desktop_user: false
            desktop_clipboard: true
            desktop_directory_sharing: true
            enhanced_recording:
            - command
            - network
            forward_agent: false
            idp:
              saml:
                enabled: true
            max_session_ttl: 30h0m0s
            pin_source_ip: false
            record_session:
              default: best_effort
              desktop: true
            ssh_file_copy: true
        version: v7
    "]]
    .assert_eq(&filled("v7", "{}"));
    assert!(!filled("v8", "{}").contains("idp:"));
}

#[test]
fn what_a_version_opens_by_itself_is_written_down() {
    let allow = |text: &str| {
        let from = text.find("spec:\n  allow:").expect("allow");
        let to = text.find("  deny:").expect("deny");
        text[from..to].to_owned()
    };
    expect_test::expect![[r#"
        spec:
          allow:
            app_labels:
              '*': '*'
            db_labels:
              '*': '*'
            kubernetes_labels:
              '*': '*'
            kubernetes_resources:
            - kind: pod
              name: '*'
              namespace: '*'
              verbs:
              - '*'
            logins:
            - root
            node_labels:
              '*': '*'
    "#]]
    .assert_eq(&allow(&filled("v3", "{logins: [root]}")));
    for version in ["v4", "v5", "v6", "v7", "v8"] {
        assert_eq!(
            allow(&filled(version, "{logins: [root]}")),
            "spec:\n  allow:\n    logins:\n    - root\n",
            "{version}"
        );
    }
    let kubernetes = |version: &str| allow(&filled(version, "{kubernetes_labels: {a: b}}"));
    assert!(kubernetes("v5").contains("kind: pod\n"));
    assert!(!kubernetes("v6").contains("kubernetes_resources"));
    assert!(kubernetes("v7").contains("kind: '*'\n") && !kubernetes("v7").contains("api_group"));
    assert!(kubernetes("v8").contains("api_group: '*'\n"));
}

#[test]
fn decisions_and_documents_agree_about_what_a_version_opens() {
    for version in ["v3", "v4", "v5", "v6", "v7", "v8"] {
        for allow in ["{}", "{logins: [root]}", "{node_labels: {a: b}}"] {
            let text =
                format!("kind: role\nversion: {version}\nmetadata: {{name: x}}\nspec: {{allow: {allow}}}\n");
            let plain: types::RoleV6 = read_one(&text, &Limits::FILE)
                .expect("a role")
                .to()
                .expect("a role");
            let mut full = plain.clone();
            defaults::role(&mut full);
            assert_eq!(convert::role(&plain), convert::role(&full), "{version} {allow}");
        }
    }
}

#[test]
fn settings_are_filled_in_as_the_original_fills_them_in() {
    let mut preference = types::AuthPreferenceV2::default();
    defaults::auth_preference(&mut preference);
    expect_test::expect![[r"
        kind: cluster_auth_preference
        metadata:
          labels:
            teleport.dev/origin: dynamic
          name: cluster-auth-preference
        spec:
          allow_headless: false
          allow_local_auth: true
          allow_passwordless: false
          default_session_ttl: 12h0m0s
          disconnect_expired_cert: false
          idp:
            saml:
              enabled: true
          locking_mode: best_effort
          okta: {}
          type: local
        version: v2
    "]]
    .assert_eq(
        &Resource::of(Kind::ClusterAuthPreference, &preference)
            .expect("settings")
            .to_yaml(),
    );
    let mut networking = types::ClusterNetworkingConfigV2::default();
    defaults::networking_config(&mut networking);
    expect_test::expect![[r#"
        kind: cluster_networking_config
        metadata:
          labels:
            teleport.dev/origin: dynamic
          name: cluster-networking-config
        spec:
          client_idle_timeout: 0s
          idle_timeout_message: ""
          keep_alive_count_max: 3
          keep_alive_interval: 5m0s
          session_control_timeout: 0s
          tunnel_strategy:
            type: agent_mesh
          web_idle_timeout: 0s
        version: v2
    "#]]
    .assert_eq(
        &Resource::of(Kind::ClusterNetworkingConfig, &networking)
            .expect("settings")
            .to_yaml(),
    );
    let mut recording = types::SessionRecordingConfigV2::default();
    defaults::recording_config(&mut recording);
    let text = Resource::of(Kind::SessionRecordingConfig, &recording)
        .expect("settings")
        .to_yaml();
    assert!(
        text.contains("mode: node\n") && text.contains("proxy_checks_host_keys: true\n"),
        "{text}"
    );
}

#[test]
fn the_fingerprint_follows_what_is_decided_and_nothing_else() {
    let text = "kind: access_request\nmetadata: {name: 0193496f-268c-727e-b696-600a868429ff}\nspec: {user: bob, roles: [a], state: 1, created: '2026-11-21T18:50:00Z', expires: '2026-11-22T06:50:00Z', request_reason: r}\n";
    let message: types::AccessRequestV3 = read_one(text, &Limits::FILE)
        .expect("a request")
        .to()
        .expect("a request");
    let request = convert::request(&message).expect("a request");
    let role = |logins: &[&str]| types::RoleV6 {
        metadata: Some(types::Metadata {
            name: "a".to_owned(),
            ..Default::default()
        }),
        spec: Some(types::RoleSpecV6 {
            allow: Some(types::RoleConditions {
                logins: logins.iter().map(|login| (*login).to_owned()).collect(),
                ..Default::default()
            }),
            ..Default::default()
        }),
        ..Default::default()
    };
    let digest = |request: &Request, role: &types::RoleV6| {
        let roles = BTreeMap::from([("a".to_owned(), convert::role_digest(&Kept::from(role.clone())))]);
        convert::content_digest(&convert::request_content(
            "example.com",
            request,
            &BTreeMap::new(),
            &roles,
        ))
    };
    let root = role(&["root"]);
    let first = digest(&request, &root);
    let mut reviewed = request.clone();
    reviewed.state = State::Approved;
    assert_eq!(digest(&reviewed, &root), first, "a state is no content");
    let mut stored = root.clone();
    stored.metadata.get_or_insert_default().revision = "7".to_owned();
    assert_eq!(digest(&request, &stored), first, "a revision is no content");
    let metadata = stored.metadata.get_or_insert_default();
    "what it is good for".clone_into(&mut metadata.description);
    metadata.labels.insert("team".to_owned(), "db".to_owned());
    assert_eq!(
        digest(&request, &stored),
        first,
        "what is for people only is no content"
    );
    assert_ne!(digest(&request, &role(&["root", "admin"])), first);
    let mut other = request.clone();
    other.reason = "another".to_owned();
    assert_ne!(digest(&other, &root), first);
}

#[test]
fn what_a_pin_does_not_compare_piece_by_piece_must_stay_as_it_is() {
    let pin = |text: &str| {
        let read = read_one(text, &Limits::default()).expect("a role");
        let role: Kept<types::RoleV6> = Kept::decode(
            read.to::<types::RoleV6>()
                .expect("a role")
                .encode_to_vec()
                .as_slice(),
        )
        .expect("a role");
        convert::pin(&role).expect("a pin")
    };
    let role =
        |allow: &str| format!("kind: role\nversion: v7\nmetadata:\n  name: a\nspec:\n  allow: {allow}\n");
    let growth = |then: &str, now: &str| {
        access::pin::growth(&["a".to_owned()], &[pin(&role(then))], &[pin(&role(now))])
            .map(|growth| growth.field)
    };
    let then = "{logins: [root, dba], db_users: [reader], rules: [{resources: [user], verbs: [read]}]}";
    assert_eq!(growth(then, then), None);
    assert_eq!(growth(then, "{logins: [dba], db_users: [reader]}"), None);
    assert_eq!(
        growth(then, "{logins: [dba], db_users: [reader, writer]}"),
        Some("spec")
    );
    assert_eq!(
        growth(then, "{logins: [root, dba, admin], db_users: [reader]}"),
        Some("allow.logins")
    );
    // Rules that do more than grant are compared as a whole.
    assert_eq!(
        growth(
            then,
            "{logins: [dba], db_users: [reader], rules: [{resources: [user], verbs: [read], actions: ['log(\"x\")']}]}"
        ),
        Some("spec")
    );
    // What came back from the store is what was put there.
    let kept = pin(&role(then));
    assert_eq!(convert::pin_of_content(&kept.content).expect("a pin"), kept);
}

#[test]
fn fields_nobody_here_knows_pin_the_whole_role() {
    let known = types::RoleV6 {
        version: "v7".to_owned(),
        metadata: Some(types::Metadata {
            name: "a".to_owned(),
            ..Default::default()
        }),
        spec: Some(types::RoleSpecV6 {
            allow: Some(types::RoleConditions {
                logins: vec!["root".to_owned(), "dba".to_owned()],
                ..Default::default()
            }),
            ..Default::default()
        }),
        ..Default::default()
    };
    // Field 200 of the role itself, a number.
    let unknown = |role: &types::RoleV6, value: u8| {
        let mut bytes = role.encode_to_vec();
        bytes.extend([0xc0, 0x0c, value]);
        convert::pin(&Kept::decode(bytes.as_slice()).expect("a role")).expect("a pin")
    };
    let names = ["a".to_owned()];
    let mut less = known.clone();
    less.spec
        .as_mut()
        .and_then(|spec| spec.allow.as_mut())
        .expect("conditions")
        .logins
        .pop();
    let plain = |role: &types::RoleV6| convert::pin(&Kept::from(role.clone())).expect("a pin");
    assert_eq!(
        access::pin::growth(&names, &[plain(&known)], &[plain(&less)]),
        None
    );
    assert!(access::pin::growth(&names, &[unknown(&known, 1)], &[unknown(&less, 1)]).is_some());
    assert!(access::pin::growth(&names, &[unknown(&known, 1)], &[unknown(&known, 2)]).is_some());
    assert!(access::pin::growth(&names, &[plain(&known)], &[unknown(&known, 1)]).is_some());
    assert_eq!(
        access::pin::growth(&names, &[unknown(&known, 1)], &[unknown(&known, 1)]),
        None
    );
}
