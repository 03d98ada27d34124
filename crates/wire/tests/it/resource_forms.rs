//! Documents of a real cluster, read and printed again without a difference.
#![allow(clippy::needless_raw_string_hashes)]

use wire::pb::types;
use wire::resource::{Kind, Limits, Resource, json_of, read_all, read_one, yaml_of};

/// What `tctl get` printed for each kind.
const OBSERVED: &[(&str, &str)] = &[
    (
        "role",
        r#"kind: role
metadata:
  name: access-plugin
  revision: 3d8b1c9e-6a55-4a50-9d8f-2b6a2a4f3f10
spec:
  allow:
    rules:
    - resources:
      - access_request
      verbs:
      - list
      - read
    - resources:
      - access_plugin_data
      verbs:
      - update
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
"#,
    ),
    (
        "role with templates, labels and options",
        r#"kind: role
metadata:
  labels:
    a: b
  name: wd
  revision: 3d8b1c9e-6a55-4a50-9d8f-2b6a2a4f3f10
spec:
  allow:
    impersonate:
      roles:
      - nosuch
    logins:
    - '{{internal.logins}}'
    - pre-{{external.team}}-post
    - '{{email.local(external.email)}}'
    - '{{regexp.replace(external.team, "^(r.*)$", "x-$1")}}'
    - bad login with space
    node_labels:
      '*': '*'
      env:
      - a
      - b
      x: ^re.*$
    request:
      annotations:
        pagerduty:
        - one
      claims_to_roles:
      - claim: groups
        roles:
        - $1
        value: ^(.*)$
      max_duration: 72h0m0s
      reason:
        mode: required
      roles:
      - elevated-access
      thresholds:
      - approve: 2
        deny: 1
        filter: contains(reviewer.roles, "x")
        name: two
    review_requests:
      preview_as_roles:
      - list-access-request-resources
      where: contains(request.roles, "x")
  deny: {}
  options:
    cert_extensions:
    - mode: extension
      name: ext
      type: ssh
      value: v
    cert_format: standard
    client_idle_timeout: 1h0m0s
    create_db_user: false
    create_desktop_user: false
    create_host_user_mode: keep
    desktop_clipboard: true
    desktop_directory_sharing: true
    device_trust_mode: optional
    enhanced_recording:
    - command
    forward_agent: false
    idp:
      saml:
        enabled: true
    lock: strict
    max_session_ttl: 30h0m0s
    mfa_verification_interval: 10m0s
    pin_source_ip: false
    record_session:
      default: best_effort
      desktop: true
    request_prompt: p
    require_session_mfa: true
    ssh_file_copy: true
    ssh_port_forwarding:
      local:
        enabled: false
version: v7
"#,
    ),
    (
        "user",
        r#"kind: user
metadata:
  name: access-plugin
  revision: 3d8b1c9e-6a55-4a50-9d8f-2b6a2a4f3f10
spec:
  created_by:
    time: "2026-11-21T18:50:00.123456789Z"
    user:
      name: 0193496f-268c-727e-b696-600a868429ff.teleport.example.com
  expires: "0001-01-01T00:00:00Z"
  roles:
  - access-plugin
  status:
    is_locked: false
    lock_expires: "0001-01-01T00:00:00Z"
    locked_time: "0001-01-01T00:00:00Z"
  traits:
    aws_role_arns: null
    host_user_uid:
    - ""
    logins:
    - root
    - ubuntu
status:
  mfa_weakest_device: 1
version: v2
"#,
    ),
    (
        "github",
        r#"kind: github
metadata:
  name: github
  revision: 3d8b1c9e-6a55-4a50-9d8f-2b6a2a4f3f10
spec:
  api_endpoint_url: ""
  client_id: cid
  client_secret: ""
  display: GitHub
  endpoint_url: ""
  redirect_url: https://localhost:3080/v1/webapi/github/callback
  teams_to_logins: null
  teams_to_roles:
  - organization: octocats
    roles:
    - access
    team: admins
version: v3
"#,
    ),
    (
        "lock",
        r#"kind: lock
metadata:
  name: 3d8b1c9e-6a55-4a50-9d8f-2b6a2a4f3f10
  revision: 0193496f-268c-727e-b696-600a868429ff
spec:
  created_at: "2026-11-21T18:50:00.5Z"
  created_by: Admin
  expires: "2026-11-21T19:50:00.5Z"
  message: gone
  target:
    user: l1
version: v2
"#,
    ),
    (
        "token",
        r#"kind: token
metadata:
  expires: "2026-11-21T18:50:00.5Z"
  name: abc
  revision: 0193496f-268c-727e-b696-600a868429ff
spec:
  join_method: token
  roles:
  - Node
version: v2
"#,
    ),
    (
        "bot",
        r#"kind: bot
metadata:
  name: robot
spec:
  max_session_ttl:
    seconds: 43200
  roles:
  - access-plugin
  traits:
  - name: logins
    values:
    - a
    - root
status:
  role_name: bot-robot
  user_name: bot-robot
version: v1
"#,
    ),
    (
        "cluster_auth_preference",
        r#"kind: cluster_auth_preference
metadata:
  labels:
    teleport.dev/origin: config-file
  name: cluster-auth-preference
  revision: 0193496f-268c-727e-b696-600a868429ff
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
  second_factor: otp
  signature_algorithm_suite: balanced-v1
  type: local
version: v2
"#,
    ),
    (
        "cluster_networking_config",
        r#"kind: cluster_networking_config
metadata:
  labels:
    teleport.dev/origin: config-file
  name: cluster-networking-config
  revision: 0193496f-268c-727e-b696-600a868429ff
spec:
  client_idle_timeout: 0s
  idle_timeout_message: ""
  keep_alive_count_max: 3
  keep_alive_interval: 5m0s
  proxy_listener_mode: 1
  session_control_timeout: 0s
  tunnel_strategy:
    type: agent_mesh
  web_idle_timeout: 0s
version: v2
"#,
    ),
    (
        "session_recording_config",
        r#"kind: session_recording_config
metadata:
  labels:
    teleport.dev/origin: defaults
  name: session-recording-config
  revision: 0193496f-268c-727e-b696-600a868429ff
spec:
  mode: node
  proxy_checks_host_keys: true
version: v2
"#,
    ),
    (
        "bot_instance",
        r#"kind: bot_instance
metadata:
  expires: "2026-11-21T18:50:00.5Z"
  name: 3d8b1c9e-6a55-4a50-9d8f-2b6a2a4f3f10
  revision: 0193496f-268c-727e-b696-600a868429ff
spec:
  bot_name: robot2
  instance_id: 3d8b1c9e-6a55-4a50-9d8f-2b6a2a4f3f10
status:
  initial_authentication:
    authenticated_at: "2026-11-21T18:50:00.5Z"
    generation: 1
    join_method: token
    join_token: '************************abcdef01'
    metadata:
      nested:
        list:
        - 1
        - true
        - null
      word: "yes"
    public_key: aGVsbG8=
  initial_heartbeat:
    architecture: amd64
    hostname: HOST
    is_startup: true
    join_method: token
    one_shot: true
    os: linux
    recorded_at: "2026-11-21T18:50:00.5Z"
    uptime: 64.877658ms
    version: 18.0.0
version: v1
"#,
    ),
    (
        "access_monitoring_rule",
        r#"kind: access_monitoring_rule
metadata:
  labels:
    env: prod
  name: amr
  revision: 0193496f-268c-727e-b696-600a868429ff
spec:
  condition: access_request.spec.roles.contains("x")
  notification:
    name: mattermost
    recipients:
    - security
  subjects:
  - access_request
version: v1
"#,
    ),
    (
        "cert_authority",
        r#"kind: cert_authority
metadata:
  name: teleport.example.com
  revision: 0193496f-268c-727e-b696-600a868429ff
spec:
  active_keys:
    ssh:
    - public_key: c3NoLWVkMjU1MTk=
    tls:
    - cert: LS0tLS1CRUdJTg==
  additional_trusted_keys: {}
  cluster_name: teleport.example.com
  rotation:
    current_id: ""
    last_rotated: "0001-01-01T00:00:00Z"
    schedule:
      standby: "0001-01-01T00:00:00Z"
      update_clients: "0001-01-01T00:00:00Z"
      update_servers: "0001-01-01T00:00:00Z"
    started: "0001-01-01T00:00:00Z"
    state: standby
  type: host
sub_kind: host
version: v2
"#,
    ),
    (
        "oidc",
        r#"kind: oidc
metadata:
  name: google
spec:
  claims_to_roles:
  - claim: groups
    roles:
    - access
    value: admins
  client_id: id
  client_secret: ""
  issuer_url: https://accounts.example.com
  max_age: 1h0m0s
  redirect_url: https://proxy.example.com/v1/webapi/oidc/callback
version: v3
"#,
    ),
    (
        "saml",
        r#"kind: saml
metadata:
  name: okta
spec:
  acs: https://proxy.example.com/v1/webapi/saml/acs/okta
  attributes_to_roles:
  - name: groups
    roles:
    - access
    value: admins
  audience: https://proxy.example.com/v1/webapi/saml/acs/okta
  cert: ""
  display: Okta
  entity_descriptor: |
    <?xml version="1.0"?>
    <md:EntityDescriptor/>
  entity_descriptor_url: ""
  issuer: ""
  service_provider_issuer: https://proxy.example.com/v1/webapi/saml/acs/okta
  sso: ""
version: v2
"#,
    ),
    (
        "access_request",
        r#"kind: access_request
metadata:
  name: 0193496f-268c-727e-b696-600a868429ff
  revision: 3d8b1c9e-6a55-4a50-9d8f-2b6a2a4f3f10
spec:
  created: "2026-11-21T18:50:00.5Z"
  expires: "2026-11-22T06:50:00Z"
  max_duration: "2026-11-22T06:50:00Z"
  request_reason: incident 42
  reviews:
  - author: alice@example.com
    created: "2026-11-21T18:51:00.5Z"
    i:
    - 0
    proposed_state: 2
    reason: ok
  roles:
  - elevated-access
  rtm:
    elevated-access:
      s:
      - i:
        - 0
  session_ttl: "2026-11-22T06:50:00Z"
  state: 1
  suggested_reviewers:
  - alice@example.com
  - ivan@example.com
  system_annotations:
    team:
    - red
  thresholds:
  - approve: 2
    deny: 1
  user: bob@example.com
version: v3
"#,
    ),
    (
        "plugin_data",
        r#"kind: plugin_data
metadata:
  name: 0193496f-268c-727e-b696-600a868429ff
spec:
  entries:
    mattermost:
      data:
        messages: a/b
sub_kind: access_request
version: v3
"#,
    ),
];

#[test]
fn observed_documents_are_printed_as_they_were_read() {
    for (what, text) in OBSERVED {
        let resource = match read_one(text, &Limits::FILE) {
            Ok(resource) => resource,
            Err(error) => panic!("{what}: {:#?}", error.messages()),
        };
        assert_eq!(resource.to_yaml(), *text, "{what}");
        assert_eq!(resource.warnings(), []);
        // What is stored and read back is the same again, and so is its JSON.
        let again = Resource::decode(resource.kind(), &resource.encode()).expect("decodes");
        assert_eq!(again.to_yaml(), *text, "{what}");
        let json = json_of(std::slice::from_ref(&again), 4);
        let from_json = read_all(&json, &Limits::FILE).expect("readable");
        assert_eq!(yaml_of(&from_json), *text, "{what}");
    }
}

#[test]
fn several_documents_are_separated() {
    let texts: Vec<&str> = OBSERVED.iter().map(|(_, text)| *text).collect();
    let all = texts.join("---\n");
    let resources = read_all(&all, &Limits::FILE).expect("readable");
    assert_eq!(resources.len(), OBSERVED.len());
    assert_eq!(yaml_of(&resources), all);
    assert_eq!(yaml_of(&[]), "[]");
    assert_eq!(json_of(&[], 4), "[]");
}

#[test]
fn json_keeps_the_order_of_the_original() {
    let (_, role) = OBSERVED[0];
    let resource = read_one(role, &Limits::FILE).expect("a role");
    expect_test::expect![[r#"
        [
            {
                "kind": "role",
                "version": "v7",
                "metadata": {
                    "name": "access-plugin",
                    "revision": "3d8b1c9e-6a55-4a50-9d8f-2b6a2a4f3f10"
                },
                "spec": {
                    "options": {
                        "forward_agent": false,
                        "max_session_ttl": "30h0m0s",
                        "cert_format": "standard",
                        "enhanced_recording": [
                            "command",
                            "network"
                        ],
                        "record_session": {
                            "desktop": true,
                            "default": "best_effort"
                        },
                        "desktop_clipboard": true,
                        "desktop_directory_sharing": true,
                        "pin_source_ip": false,
                        "ssh_file_copy": true,
                        "idp": {
                            "saml": {
                                "enabled": true
                            }
                        },
                        "create_desktop_user": false,
                        "create_db_user": false
                    },
                    "allow": {
                        "rules": [
                            {
                                "resources": [
                                    "access_request"
                                ],
                                "verbs": [
                                    "list",
                                    "read"
                                ]
                            },
                            {
                                "resources": [
                                    "access_plugin_data"
                                ],
                                "verbs": [
                                    "update"
                                ]
                            }
                        ]
                    },
                    "deny": {}
                }
            }
        ]"#]]
    .assert_eq(&json_of(&[resource], 4));
}

#[test]
fn an_access_request_is_printed_as_tsh_prints_it() {
    let (_, request) = OBSERVED[15];
    let resource = read_one(request, &Limits::FILE).expect("a request");
    assert_eq!(resource.kind(), Kind::AccessRequest);
    let typed: types::AccessRequestV3 = resource.to().expect("an access request");
    let printed = Resource::of(Kind::AccessRequest, &typed)
        .expect("encodes")
        .to_json();
    expect_test::expect![[r#"
        {
          "kind": "access_request",
          "version": "v3",
          "metadata": {
            "name": "0193496f-268c-727e-b696-600a868429ff",
            "revision": "3d8b1c9e-6a55-4a50-9d8f-2b6a2a4f3f10"
          },
          "spec": {
            "user": "bob@example.com",
            "roles": [
              "elevated-access"
            ],
            "state": 1,
            "created": "2026-11-21T18:50:00.5Z",
            "expires": "2026-11-22T06:50:00Z",
            "request_reason": "incident 42",
            "system_annotations": {
              "team": [
                "red"
              ]
            },
            "thresholds": [
              {
                "approve": 2,
                "deny": 1
              }
            ],
            "rtm": {
              "elevated-access": {
                "s": [
                  {
                    "i": [
                      0
                    ]
                  }
                ]
              }
            },
            "reviews": [
              {
                "author": "alice@example.com",
                "proposed_state": 2,
                "reason": "ok",
                "created": "2026-11-21T18:51:00.5Z",
                "i": [
                  0
                ]
              }
            ],
            "suggested_reviewers": [
              "alice@example.com",
              "ivan@example.com"
            ],
            "max_duration": "2026-11-22T06:50:00Z",
            "session_ttl": "2026-11-22T06:50:00Z"
          }
        }"#]]
    .assert_eq(&wire::resource::json::pretty(&printed, 2));
}

#[test]
fn the_documents_of_the_guide_are_read() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../e2e/data/guide");
    for (file, names) in [
        (
            "access-plugin-impersonator.yaml",
            vec!["role access-plugin-impersonator"],
        ),
        (
            "access-plugin.yaml",
            vec![
                "role access-plugin",
                "user access-plugin",
                "role list-access-request-resources",
            ],
        ),
        (
            "dual-authorization-roles.yaml",
            vec!["role dbreviewer", "role devops", "role elevated-access"],
        ),
    ] {
        let text = std::fs::read_to_string(format!("{root}/{file}")).expect("test data");
        let resources = read_all(&text, &Limits::FILE).expect(file);
        let read: Vec<String> = resources
            .iter()
            .map(|resource| format!("{} {}", resource.kind(), resource.name()))
            .collect();
        assert_eq!(read, names, "{file}");
        for resource in &resources {
            let again = read_one(&resource.to_yaml(), &Limits::FILE).expect("readable");
            assert_eq!(again.to_yaml(), resource.to_yaml(), "{file}");
        }
    }
}

#[test]
fn the_guides_other_name_for_a_claim_is_a_warning() {
    let text = "kind: role\nversion: v7\nmetadata: {name: x}\nspec:\n  allow:\n    request:\n      claims_to_roles:\n      - name: groups\n        value: admins\n        roles: [access]\n";
    let resource = read_one(text, &Limits::FILE).expect("a role");
    let warnings: Vec<String> = resource.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        ["field `name` in role `x` at line 8, column 9 is read as `claim`; write `claim`"]
    );
    let role: types::RoleV6 = resource.to().expect("a role");
    let claim = role
        .spec
        .and_then(|spec| spec.allow)
        .and_then(|allow| allow.request)
        .map(|request| request.claims_to_roles[0].claim.clone());
    assert_eq!(claim.as_deref(), Some("groups"));
}

#[test]
fn versions_and_names_are_filled_in_where_there_is_one_choice() {
    let user = read_one(
        "kind: user\nmetadata: {name: x}\nspec: {roles: [access]}\n",
        &Limits::FILE,
    )
    .expect("a user");
    assert_eq!(user.version(), "v2");
    let cap = read_one(
        "kind: cluster_auth_preference\nspec: {type: local}\n",
        &Limits::FILE,
    )
    .expect("settings");
    assert_eq!(
        (cap.name(), cap.version()),
        ("cluster-auth-preference".to_owned(), "v2".to_owned())
    );
    let old = "kind: role\nversion: v5\nmetadata: {name: x, namespace: default, id: 12}\nspec: {allow: {namespaces: [default]}}\n";
    assert_eq!(
        read_one(old, &Limits::FILE)
            .expect("a role of an older release")
            .name(),
        "x"
    );
}

#[test]
fn secrets_are_printed_only_on_request() {
    let text = "kind: oidc\nmetadata: {name: x}\nspec: {client_secret: hidden, google_service_account: hidden, mfa: {client_secret: hidden}, max_age: 1h}\n";
    let resource = read_one(text, &Limits::FILE).expect("a connector");
    assert!(resource.to_yaml().contains("hidden"));
    let blank = resource.without_secrets();
    assert!(!blank.to_yaml().contains("hidden"), "{}", blank.to_yaml());
    assert!(blank.to_yaml().contains("client_secret: \"\"\n"));
    assert!(blank.to_yaml().contains("max_age: 1h0m0s\n"));

    let user = types::UserV2 {
        spec: Some(types::UserSpecV2 {
            local_auth: Some(types::LocalAuthSecrets {
                password_hash: b"hash".to_vec().into(),
                ..Default::default()
            }),
            ..Default::default()
        }),
        ..Default::default()
    };
    let without = wire::resource::secrets::without(&user).expect("a user");
    assert_eq!(without.spec.and_then(|spec| spec.local_auth), None);
}

#[test]
fn the_reference_page_lists_every_kind() {
    use wire::resource::Verb;
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/resources.md");
    let page = std::fs::read_to_string(page).expect("the page");
    for kind in Kind::ALL {
        let quoted: Vec<String> = kind.aliases().iter().map(|alias| format!("`{alias}`")).collect();
        let aliases = if quoted.is_empty() {
            String::new()
        } else {
            format!(" {}", quoted.join(", "))
        };
        let verbs = [
            (Verb::Create, "create"),
            (Verb::Get, "get"),
            (Verb::Edit, "edit"),
            (Verb::Remove, "rm"),
        ];
        let verbs: Vec<&str> = verbs
            .into_iter()
            .filter(|(verb, _)| kind.can(*verb))
            .map(|(_, word)| word)
            .collect();
        let verbs = if verbs.is_empty() {
            String::new()
        } else {
            format!(" {}", verbs.join(", "))
        };
        let row = format!(
            "| `{kind}` |{aliases} | {} |{verbs} |",
            kind.versions().join(", ")
        );
        assert!(page.contains(&row), "the page lacks: {row}");
    }
}

#[test]
fn an_interval_in_the_originals_nanoseconds_is_read() {
    let text = "kind: role\nversion: v7\nmetadata: {name: x}\nspec: {options: {mfa_verification_interval: 5400000000000}}\n";
    let printed = read_one(text, &Limits::FILE).expect("a role").to_yaml();
    assert!(
        printed.contains("mfa_verification_interval: 1h30m0s\n"),
        "{printed}"
    );
    let seconds = text.replace("5400000000000", "5400");
    assert!(read_one(&seconds, &Limits::FILE).is_err());
}
