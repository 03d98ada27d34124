//! Documents that are wrong, and what their author is told: what, where, and what to do.
#![allow(clippy::needless_raw_string_hashes)]

use expect_test::{Expect, expect};
use proptest::prelude::*;
use wire::resource::{Kind, Limits, read_all};

fn check(text: &str, expected: &Expect) {
    let error = read_all(text, &Limits::FILE).expect_err(text);
    let mut out = error.messages().join("\n");
    out.push('\n');
    expected.assert_eq(&out);
}

/// A role whose `spec` is given.
fn role(spec: &str) -> String {
    format!("kind: role\nversion: v7\nmetadata:\n  name: x\nspec:\n{spec}\n")
}

#[test]
fn unknown_fields_are_named_with_the_one_that_was_meant() {
    check(
        "kind: role\nversion: v7\nmetadata:\n  name: x\nspec:\n  deny: {}\n  alow:\n    logins: [root]\n",
        &expect![[r#"
            unknown field `alow` in role `x` at line 7, column 3; did you mean `allow`?
        "#]],
    );
    check(
        &role(
            "  allow:\n    logins: [root]\n    node_lables: {env: prod}\n    request:\n      thresholds:\n      - aprove: 2\n        colour: red\n  options:\n    bogus: 1",
        ),
        &expect![[r#"
            unknown field `node_lables` in role `x` at line 8, column 5; did you mean `node_labels`?
            unknown field `aprove` in role `x` at line 11, column 9; did you mean `approve`?
            unknown field `colour` in role `x` at line 12, column 9; known here: `name`, `filter`, `approve`, `deny`
            unknown field `bogus` in role `x` at line 14, column 5
        "#]],
    );
    check(
        "kind: bot\nversion: v1\nmetadata: {name: rb5}\nspec: {bogus: 1}\n",
        &expect![[r#"
            unknown field `bogus` in bot `rb5` at line 4, column 8; known here: `roles`, `traits`, `max_session_ttl`
        "#]],
    );
}

#[test]
fn wrong_types_say_what_the_field_takes() {
    check(
        &role(
            "  allow:\n    logins: root\n    rules: {resources: [user]}\n    node_labels: prod\n    db_labels: {env: 1}\n  options:\n    forward_agent: maybe\n    max_session_ttl: 0\n    max_connections: many\n    request_prompt: [a]\n    lock: on",
        ),
        &expect![[r#"
            field `logins` in role `x` at line 7, column 13 takes a list, found the text `root`; write `[root]`
            field `rules` in role `x` at line 8, column 12 takes a list, found a group of fields
            field `node_labels` in role `x` at line 9, column 18 takes a group of named texts or lists of texts, found the text `prod`
            field `env` in role `x` at line 10, column 22 takes a text, found the number `1`; put it in quotes: "1"
            field `forward_agent` in role `x` at line 12, column 20 takes `true` or `false`, found the text `maybe`
            field `max_session_ttl` in role `x` at line 13, column 22 takes a duration such as `30h` or `1h30m`, found the number `0`; add a unit, such as `0h`, or write `never`
            field `max_connections` in role `x` at line 14, column 22 takes a whole number, found the text `many`
            field `request_prompt` in role `x` at line 15, column 21 takes a text, found a list
            field `lock` in role `x` at line 16, column 11 takes a text, found the boolean `on`; put it in quotes: "on"
        "#]],
    );
}

#[test]
fn values_that_are_not_understood_say_why() {
    check(
        &role(
            "  options:\n    max_session_ttl: 2w\n    client_idle_timeout: 30\n    mfa_verification_interval: soon\n    require_session_mfa: hardware\n    create_host_user_mode: kep\n    max_sessions: 99999999999999999999\n  allow:\n    request:\n      thresholds: [{approve: -1}]",
        ),
        &expect![[r#"
            field `max_session_ttl` in role `x` at line 7, column 22: `2w` is not understood: the unit `w` is not known: use ms, s, m, h or d (as in `1h30m` or `2d`)
            field `client_idle_timeout` in role `x` at line 8, column 26 takes a duration such as `30h` or `1h30m`, found the number `30`; add a unit, such as `30h`, or write `never`
            field `mfa_verification_interval` in role `x` at line 9, column 32: `soon` is not understood: expected a duration such as `30h`, `1h30m`, `2d` or `never`
            field `require_session_mfa` in role `x` at line 10, column 26 does not know `hardware`; it takes `false`, `true`, `hardware_key`, `hardware_key_touch`, `hardware_key_pin`, `hardware_key_touch_and_pin`
            field `create_host_user_mode` in role `x` at line 11, column 28 does not know `kep`; did you mean `keep`?
            field `max_sessions` in role `x` at line 12, column 19 takes a whole number, found the number `99999999999999999999`
            field `approve` in role `x` at line 15, column 30: the number `-1` is out of range, 0 to 4294967295 is possible
        "#]],
    );
    check(
        "kind: lock\nmetadata: {name: l, expires: tomorrow}\nspec: {target: {user: u}, expires: 2026-01-01}\n",
        &expect![[r#"
            field `expires` in lock `l` at line 2, column 30: `tomorrow` is not understood: expected a moment such as `2026-11-21T18:50:00Z`
            field `expires` in lock `l` at line 3, column 36: `2026-01-01` is not understood: expected a moment such as `2026-11-21T18:50:00Z`
        "#]],
    );
    check(
        "kind: cert_authority\nmetadata: {name: c}\nspec: {active_keys: {tls: [{cert: '***'}]}}\n",
        &expect![[r#"
            field `cert` in cert_authority `c` at line 3, column 35: `***` is not understood: expected base64
        "#]],
    );
    check(
        "kind: cluster_auth_preference\nspec: {okta: {sync_period: 1h}, second_factors: [otp, webautn]}\n",
        &expect![[r#"
            the content of field `okta` in the cluster_auth_preference at line 2, column 15 is not supported yet; leave it out
            field `second_factors` in the cluster_auth_preference at line 2, column 55 does not know `webautn`; did you mean `webauthn`?
        "#]],
    );
    check(
        "kind: cluster_networking_config\nspec: {tunnel_strategy: {type: agent_mess}}\n",
        &expect![[r#"
            field `type` in the cluster_networking_config at line 2, column 32 does not know `agent_mess`; did you mean `agent_mesh`?
        "#]],
    );
}

#[test]
fn kind_version_and_name_are_needed() {
    check(
        "version: v7\nmetadata: {name: x}\n",
        &expect![[r#"
            the resource at line 1, column 1 has no `kind`; add one, such as `kind: role`
        "#]],
    );
    check(
        "kind: rol\n",
        &expect![[r#"
            unknown kind `rol` at line 1, column 7; did you mean `role`?
        "#]],
    );
    check(
        "kind: roles\n",
        &expect![[r#"
            unknown kind `roles` at line 1, column 7; did you mean `role`?
        "#]],
    );
    check(
        "kind: nosuch\n",
        &expect![[r#"
            unknown kind `nosuch` at line 1, column 7
        "#]],
    );
    check(
        "kind: no\n",
        &expect![[r#"
            unknown kind `no` at line 1, column 7
        "#]],
    );
    check(
        "kind: windows_desktop\n",
        &expect![[r#"
            resources of kind `windows_desktop` (at line 1, column 7) are not available yet
        "#]],
    );
    check(
        "kind: role\nversion: v9\nmetadata: {name: x}\n",
        &expect![[r#"
            role version "v9" is not supported, at line 2, column 10; use `v3`, `v4`, `v5`, `v6`, `v7`, `v8`
        "#]],
    );
    check(
        "kind: role\nmetadata: {name: x}\n",
        &expect![[r#"
            role version "" is not supported, at line 1, column 1; use `v3`, `v4`, `v5`, `v6`, `v7`, `v8`
        "#]],
    );
    check(
        "kind: user\nversion: v3\nmetadata: {name: x}\n",
        &expect![[r#"
            user version "v3" is not supported, at line 2, column 10; use `v2`
        "#]],
    );
    check(
        "---\nkind: user\nspec: {}\n",
        &expect![[r#"
            the user at line 2, column 1 has no name; add it under `metadata`: `name: NAME`
        "#]],
    );
    check(
        "kind: user\nmetadata: {name: bad name/x}\n",
        &expect![[r#"
            special characters are not allowed in resource names: `bad name/x` holds ' '; use letters, digits and `- _ . @ : + = ~ %`, at line 2, column 18
        "#]],
    );
    check(
        "kind: user\nmetadata: {name: n}\n",
        &expect![[r#"
            field `name` in the user at line 2, column 18 takes a text, found the boolean `n`; put it in quotes: "n"
        "#]],
    );
    check(
        "kind: cluster_auth_preference\nmetadata: {name: mine}\n",
        &expect![[r#"
            there is one cluster_auth_preference, its name is `cluster-auth-preference`, found `mine` at line 2, column 18
        "#]],
    );
    check(
        "kind: role\nversion: v7\nmetadata: {name: x, namespace: other}\n",
        &expect![[r#"
            field `namespace` in role `x` at line 3, column 32 can only be `default`; leave it out
        "#]],
    );
}

#[test]
fn what_is_no_resource_is_said_so() {
    check(
        "",
        &expect![[r#"
            no resources found, empty input?
        "#]],
    );
    check(
        "# only a comment\n---\n",
        &expect![[r#"
            no resources found, empty input?
        "#]],
    );
    check(
        "hello",
        &expect![[r#"
            a resource was expected at line 1, column 1, found the text `hello`
        "#]],
    );
    check(
        "kind: [role\n",
        &expect![[r#"
            not valid YAML at line 1, column 7: unclosed bracket '['
        "#]],
    );
    check(
        "kind: role\nkind: user\n",
        &expect![[r#"
            `kind` stands twice, at line 1, column 1 and at line 2, column 1; keep one of them
        "#]],
    );
    check(
        "kind: role\nversion: v7\nmetadata: role\nspec: []\n",
        &expect![[r#"
            field `metadata` in the role at line 3, column 11 takes a group of fields, found the text `role`
            field `spec` in the role at line 4, column 7 takes a group of fields, found a list
        "#]],
    );
}

#[test]
fn messages_show_no_control_characters() {
    let text = role("  \"al\\e[31mow\\u202e\": 1");
    let error = read_all(&text, &Limits::FILE).expect_err("unknown").to_string();
    assert!(
        error
            .chars()
            .all(|character| !character.is_control() && character != '\u{202e}'),
        "{error:?}"
    );
}

/// Documents that begin like resources and go on with anything.
fn almost_resources() -> impl Strategy<Value = String> {
    let kind = prop::sample::select(Kind::ALL.to_vec()).prop_map(|kind| kind.name());
    let leaf = prop::sample::select(vec![
        "x",
        "1",
        "-1",
        "true",
        "null",
        "[]",
        "{}",
        "30h",
        "[x]",
        "[{}]",
        "{a: b}",
        "{a: [b]}",
        "\"2026-01-01T00:00:00Z\"",
        "1.5",
        "aGk=",
    ]);
    let key = prop::sample::select(vec![
        "allow",
        "deny",
        "options",
        "roles",
        "rules",
        "logins",
        "node_labels",
        "request",
        "thresholds",
        "approve",
        "traits",
        "expires",
        "status",
        "target",
        "user",
        "max_session_ttl",
        "type",
        "tunnel_strategy",
        "active_keys",
        "tls",
        "cert",
        "state",
        "rtm",
        "reviews",
        "created_by",
        "time",
        "spec",
        "metadata",
        "name",
        "labels",
        "header",
        "okta",
        "idp",
        "saml",
        "enabled",
        "require_session_mfa",
        "second_factors",
        "client_secret",
        "redirect_url",
        "max_age",
        "entries",
        "data",
        "i",
        "s",
    ]);
    let tree = leaf
        .prop_map(str::to_owned)
        .prop_recursive(5, 32, 4, move |inner| {
            prop_oneof![
                prop::collection::hash_map(key.clone(), inner.clone(), 0..4).prop_map(|entries| {
                    let fields: Vec<String> = entries
                        .into_iter()
                        .map(|(key, value)| format!("{key}: {value}"))
                        .collect();
                    format!("{{{}}}", fields.join(", "))
                }),
                prop::collection::vec(inner, 0..3).prop_map(|items| format!("[{}]", items.join(", "))),
            ]
        });
    (kind, tree.clone(), tree).prop_map(|(kind, metadata, spec)| {
        format!("{{kind: {kind}, version: v2, metadata: {metadata}, spec: {spec}, status: {{user_name: x}}}}")
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_document_makes_the_reader_or_the_writer_panic(text in almost_resources()) {
        if let Ok(resources) = read_all(&text, &Limits::FILE) {
            for resource in resources {
                let printed = resource.to_yaml();
                let again = read_all(&printed, &Limits::FILE);
                let again = again.map_err(|error| TestCaseError::fail(format!("{error}\n{printed}")))?;
                prop_assert_eq!(again[0].to_yaml(), printed);
            }
        }
    }

    #[test]
    fn no_bytes_make_the_decoder_or_the_printer_panic(bytes in prop::collection::vec(any::<u8>(), 0..64), which in 0..Kind::ALL.len()) {
        if let Ok(resource) = wire::resource::Resource::decode(Kind::ALL[which], &bytes) {
            let _ = resource.to_yaml();
            let _ = resource.name();
            let _ = resource.without_secrets().to_json();
        }
    }
}
