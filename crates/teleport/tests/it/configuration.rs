//! What a configuration file may say, and how it is told what is wrong.

use expect_test::{Expect, expect};

use crate::world::World;

/// Checks a file; the name of the world's directory is `HOME`.
fn check(text: &str, expected: Expect) {
    let world = World::new();
    world.file("t.yaml", text);
    expected.assert_eq(&world.transcript(&["configure", "--test", "t.yaml"]));
}

/// A good file.
fn good(text: &str) {
    let world = World::new();
    world.file("t.yaml", text);
    let said = world.transcript(&["configure", "--test", "t.yaml"]);
    assert!(
        said.starts_with("! OK t.yaml\n") && said.ends_with("→ 0\n"),
        "{text}\n{said}"
    );
}

#[test]
fn every_version_of_the_original_is_read() {
    good("");
    good("# only a comment\n");
    good("version: v1\nteleport:\n  auth_servers: ['127.0.0.1:3025']\n  auth_token: x\n");
    good("version: v2\nssh_service:\n  enabled: no\n");
    good("version: v3\nteleport:\n  auth_server: 127.0.0.1:3025\n");
    for yes in ["yes", "\"yes\"", "on", "true", "True", "'on'"] {
        good(&format!(
            "auth_service:\n  enabled: {yes}\nssh_service:\n  enabled: \"no\"\n"
        ));
    }
    // As the original's `configure` prints it, without its SSH node.
    good(concat!(
        "version: v3\nteleport:\n  nodename: HOST\n  data_dir: /var/lib/teleport\n  join_params:\n    token_name: \"\"\n",
        "    method: token\n  log:\n    output: stderr\n    severity: INFO\n    format:\n      output: text\n  ca_pin: \"\"\n",
        "  diag_addr: \"\"\nauth_service:\n  enabled: \"yes\"\n  listen_addr: 0.0.0.0:3025\n  cluster_name: x.example.com\n",
        "  proxy_listener_mode: multiplex\nssh_service:\n  enabled: \"no\"\nproxy_service:\n  enabled: \"yes\"\n",
        "  https_keypairs: []\n  https_keypairs_reload_interval: 0s\n  acme: {}\n",
    ));
}

#[test]
fn the_guides_own_lines_are_read() {
    good("auth_service:\n  public_addr: ['localhost:3025', 'example.com:3025']\n");
}

#[test]
fn unknown_keys_are_named_with_their_line_and_what_was_meant() {
    check(
        "teleport:\n  nodename: x\n  bogus_key: 1\n  data-dir: /x\nauth_service:\n  lisen_addr: 127.0.0.1:1\n  also_bogus: 2\n  web_listen_addr: 127.0.0.1:2\nproxy_servce: {}\n",
        expect![["
            ! FAIL t.yaml
            ! ERROR: failed parsing the config file t.yaml:
            !   line 3: unknown key `bogus_key` in `teleport`
            !   line 4: unknown key `data-dir` in `teleport`; did you mean `data_dir`?
            !   line 6: unknown key `lisen_addr` in `auth_service`; did you mean `listen_addr`?
            !   line 7: unknown key `also_bogus` in `auth_service`
            !   line 8: unknown key `web_listen_addr` in `auth_service`; it belongs under `proxy_service`
            !   line 9: unknown key `proxy_servce`; did you mean `proxy_service`?
            → 1
        "]],
    );
}

#[test]
fn all_mistakes_are_told_together() {
    check(
        "version: v9\nteleport:\n  nodename: [a]\n  log: {severity: loud, output: syslog, format: {output: xml, extra_fields: [colour]}}\n  advertise_ip: here\n  connection_limits: {max_connections: many}\nauth_service:\n  enabled: maybe\n  listen_addr: 127.0.0.1:port\n  public_addr: [\"a b\", \"c:0\"]\n  cluster_name: \"not a name\"\n  client_idle_timeout: 5 minutes\n  keep_alive_count_max: 0\n  session_recording: always\n  authentication:\n    type: saml\n    second_factor: off\n    second_factors: [sms]\n    default_session_ttl: -1h\n    webauthn: {rp_id: 127.0.0.1}\n    passwordless: yes\n  proxy_protocol: on\nproxy_service:\n  https_keypairs: [{key_file: /k}, {}, 7]\n  https_keypairs_reload_interval: 30\n  acme: {enabled: yes}\n  proxy_protocol_trusted_peers: [nowhere]\n",
        expect![["
            ! FAIL t.yaml
            ! ERROR: failed parsing the config file t.yaml:
            !   line 1: `version`: must be one of v1, v2, v3, found `v9`
            !   line 3: `teleport.nodename`: takes text, found a list
            !   line 4: `teleport.log.severity`: does not know `loud`; it takes `error`, `warn`, `info`, `debug` or `trace`
            !   line 4: `teleport.log.output`: `syslog` is not available yet; take `stderr` and let the service manager collect it
            !   line 4: `teleport.log.format.output`: does not know `xml`; it takes `text` or `json`
            !   line 4: `teleport.log.format.extra_fields`: does not know `colour`; it takes `timestamp`, `level`, `component`, `caller`
            !   line 5: `teleport.advertise_ip`: `here` is not an IP address
            !   line 6: `teleport.connection_limits.max_connections`: takes a whole number, found the text `many`
            !   line 8: `auth_service.enabled`: takes `yes` or `no`, found the text `maybe`
            !   line 9: `auth_service.listen_addr`: address `127.0.0.1:port` has a port that is not a number from 1 to 65535
            !   line 10: `auth_service.public_addr`: address `a b` is not of the form `host:port`
            !   line 11: `auth_service.cluster_name`: `not a name` is not made of letters, digits, dots and hyphens
            !   line 12: `auth_service.client_idle_timeout`: `5 minutes` is not a duration: the unit ` minutes` is not known: use ms, s, m, h or d (as in `1h30m` or `2d`)
            !   line 13: `auth_service.keep_alive_count_max`: the number `0` is out of range, it must be at least 1
            !   line 14: `auth_service.session_recording`: does not know `always`; it takes `node`, `node-sync`, `proxy`, `proxy-sync` or `off`
            !   line 16: `auth_service.authentication.type`: `saml` is not available yet; `local` is
            !   line 17: `auth_service.authentication.second_factor`: a password alone does not sign anybody in here; take `otp`, `webauthn` or `on`
            !   line 18: `auth_service.authentication.second_factors`: does not know `sms`; it takes `otp` and `webauthn`
            !   line 19: `auth_service.authentication.default_session_ttl`: the duration `-1h` is negative
            !   line 20: `auth_service.authentication.webauthn.rp_id`: `127.0.0.1` is not a host name
            !   line 22: `auth_service.proxy_protocol: on` would let anybody claim any address; list your load balancers in `proxy_protocol_trusted_peers`
            !   line 24: `proxy_service.https_keypairs.key_file` needs `cert_file` beside it
            !   line 24: an entry of `proxy_service.https_keypairs` takes `cert_file` and `key_file`
            !   line 24: `proxy_service.https_keypairs` takes a group of keys, found the number `7`
            !   line 25: `proxy_service.https_keypairs_reload_interval`: takes a duration such as `30m` or `12h`, found the number `30`
            !   line 26: `proxy_service.acme`: not available yet: certificates by ACME
            !   line 27: `proxy_service.proxy_protocol_trusted_peers`: `nowhere` is neither an IP address nor a network such as `10.0.0.0/8`
            → 1
        "]],
    );
}

#[test]
fn parts_that_do_not_exist_yet_are_named_with_their_line() {
    check(
        "version: v2\nssh_service:\n  labels: {a: b}\nkubernetes_service:\n  enabled: yes\napp_service:\n  apps: []\ndb_service: {enabled: off}\nproxy_service:\n  listen_addr: 0.0.0.0:3023\n  tunnel_listen_addr: 0.0.0.0:3024\n  kube_listen_addr: 0.0.0.0:3026\nteleport:\n  storage: {type: etcd, peers: [\"https://a:2379\"]}\n",
        expect![["
            ! FAIL t.yaml
            ! ERROR: failed parsing the config file t.yaml:
            !   line 2: `ssh_service`: SSH nodes are not available yet; leave it out, or set `enabled: no`
            !   line 4: `kubernetes_service`: Kubernetes services are not available yet; leave it out, or set `enabled: no`
            !   line 10: `proxy_service.listen_addr`: not available yet: an SSH port of its own (the web port serves everything by TLS routing)
            !   line 11: `proxy_service.tunnel_listen_addr`: not available yet: a tunnel port of its own (the web port serves everything by TLS routing)
            !   line 12: `proxy_service.kube_listen_addr`: not available yet: Kubernetes access
            !   line 14: `teleport.storage.type`: `etcd` is not available yet; `sqlite` is
            !   line 14: `teleport.storage.peers`: not available yet: the etcd store
            → 1
        "]],
    );
    check(
        "auth_service: {enabled: no}\n",
        expect![["
            ! FAIL t.yaml
            ! ERROR: failed parsing the config file t.yaml:
            !   a process without an Auth Service of its own needs the address of one: `teleport.auth_server`, or `--auth-server`
            → 1
        "]],
    );
}

#[test]
fn what_changes_nothing_is_noted() {
    check(
        "teleport:\n  cache: {enabled: no}\n  auth_token: x\n  ca_pin: [\"sha256:aa\"]\nauth_service:\n  tokens: [\"node:secret\"]\n  license_file: /x\n",
        expect![["
            ! OK t.yaml
            ! note: line 6: `auth_service.tokens` changes nothing: tokens are made with `tctl tokens add`; one that stands in a file never ends
            ! note: line 7: `auth_service.license_file` changes nothing: no licence is needed
            ! note: line 3: `teleport.auth_token` changes nothing: this process has its own Auth Service and joins no other
            ! note: line 4: `teleport.ca_pin` changes nothing: this process has its own Auth Service and joins no other
            → 0
        "]],
    );
}

#[test]
fn versions_differ_in_what_they_allow() {
    check(
        "version: v3\nteleport:\n  auth_servers: ['a:1']\n",
        expect![["
        ! FAIL t.yaml
        ! ERROR: failed parsing the config file t.yaml:
        !   line 3: config v3 has replaced auth_servers with either auth_server or proxy_server
        → 1
    "]],
    );
    check(
        "version: v2\nteleport:\n  auth_server: 'a:1'\n",
        expect![["
        ! FAIL t.yaml
        ! ERROR: failed parsing the config file t.yaml:
        !   line 3: `teleport.auth_server` needs `version: v3`
        → 1
    "]],
    );
}

#[test]
fn what_is_no_yaml_says_where() {
    check(
        "teleport:\n\tnodename: x\n",
        expect![["
            ! FAIL t.yaml
            ! ERROR: failed parsing the config file t.yaml: not valid YAML at line 2, column 2: a tab cannot indent, use spaces
            → 1
        "]],
    );
    check(
        "teleport: [a\nauth_service: b\n",
        expect![["
            ! FAIL t.yaml
            ! ERROR: failed parsing the config file t.yaml: not valid YAML at line 2, column 13: illegal placement of ':' indicator
            → 1
        "]],
    );
    check(
        "teleport: {}\nauth_service: {}\nteleport: {}\n",
        expect![["
            ! FAIL t.yaml
            ! ERROR: failed parsing the config file t.yaml: `teleport` stands twice, at line 1, column 1 and at line 3, column 1; keep one of them
            → 1
        "]],
    );
    check(
        "teleport: {}\n---\nauth_service: {}\n",
        expect![["
            ! FAIL t.yaml
            ! ERROR: failed parsing the config file t.yaml: a second document begins before line 3; one file is one document
            → 1
        "]],
    );
    check(
        "- teleport\n",
        expect![["
            ! FAIL t.yaml
            ! ERROR: failed parsing the config file t.yaml:
            !   line 1: the file takes a group of keys, found a list
            → 1
        "]],
    );
    check(
        "teleport: yes\nauth_service: [a]\n",
        expect![["
        ! FAIL t.yaml
        ! ERROR: failed parsing the config file t.yaml:
        !   line 1: `teleport` takes a group of keys, found the boolean `yes`
        !   line 2: `auth_service` takes a group of keys, found a list
        → 1
    "]],
    );
}

#[test]
fn the_seal_key_does_not_lie_beside_what_it_seals() {
    check(
        "teleport:\n  data_dir: /srv/data\n  seal_key_file: /srv/data/../data/seal.key\n",
        expect![["
            ! FAIL t.yaml
            ! ERROR: failed parsing the config file t.yaml:
            !   line 3: the seal key `/srv/data/../data/seal.key` must not be in the data directory: one stolen backup would hold both the secrets and their key
            → 1
        "]],
    );
}

#[test]
fn secrets_in_a_file_are_not_repeated() {
    let world = World::new();
    world.file(
        "t.yaml",
        "teleport:\n  auth_token: [geheim]\nauth_service:\n  tokens: 'node:geheim'\n  tokenz: geheim\n",
    );
    assert!(
        !world
            .transcript(&["configure", "--test", "t.yaml"])
            .contains("geheim")
    );
}
