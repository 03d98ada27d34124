//! `find`, `ping`, `motd`: byte for byte as a proxy of that version was seen to answer, where nothing differs on purpose.

use http::{Method, StatusCode};

use crate::Story;
use crate::browser::Browser;

fn described(port: u16) -> String {
    format!(
        concat!(
            r#""proxy":{{"kube":{{"enabled":false}},"ssh":{{"listen_addr":"127.0.0.1:{port}","#,
            r#""tunnel_listen_addr":"127.0.0.1:{port}","web_listen_addr":"127.0.0.1:{port}","#,
            r#""public_addr":"localhost:{port}","dial_timeout":30000000000}},"db":{{}},"tls_routing_enabled":true}},"#,
            r#""server_version":"18.0.0","min_client_version":"16.0.0-aa","#,
        ),
        port = port
    )
}

const UPDATES: &str = concat!(
    r#""auto_update":{"tools_version":"18.0.0","tools_auto_update":false,"agent_version":"18.0.0","#,
    r#""agent_auto_update":false,"agent_update_jitter_seconds":60},"#,
);
const END: &str =
    r#""cluster_name":"teleport.example.com","automatic_upgrades":false,"edition":"oss","fips":false}"#;

#[tokio::test]
async fn ping_says_how_people_sign_in() {
    let story = Story::begin().await;
    let mut browser = Browser::new(&story);
    let answer = browser.get("/webapi/ping").await;
    let auth = concat!(
        r#"{"auth":{"type":"local","second_factor":"on","preferred_local_mfa":"webauthn","allow_passwordless":true,"#,
        r#""local":{"name":""},"webauthn":{"rp_id":"localhost"},"#,
        r#""private_key_policy":"none","piv_slot":"","piv_pin_cache_ttl":0,"device_trust":{"disabled":true},"#,
        r#""has_motd":false,"default_session_ttl":"12h0m0s","signature_algorithm_suite":"balanced-v1"},"#,
    );
    let expected = format!("{auth}{}{UPDATES}{END}", described(story.address.port()));
    assert_eq!(answer.body, expected);
    assert_eq!(browser.get("/v1/webapi/ping").await.body, expected);
}

#[tokio::test]
async fn find_says_where_things_are_and_not_how_people_sign_in() {
    let story = Story::begin().await;
    let mut browser = Browser::new(&story);
    let auth = concat!(
        r#"{"auth":{"type":"","private_key_policy":"","piv_slot":"","piv_pin_cache_ttl":0,"device_trust":{},"#,
        r#""has_motd":false,"default_session_ttl":"0s","signature_algorithm_suite":"balanced-v1"},"#,
    );
    let expected = format!("{auth}{}{UPDATES}{END}", described(story.address.port()));
    for path in [
        "/webapi/find",
        "/v1/webapi/find",
        "/webapi/find?group=default&update_id=x",
    ] {
        assert_eq!(browser.get(path).await.body, expected, "{path}");
    }
}

#[tokio::test]
async fn ping_of_a_connector_names_it_or_lists_those_there_are() {
    let story = Story::begin().await;
    let mut browser = Browser::new(&story);
    let local = browser.get("/webapi/ping/local").await.json();
    assert_eq!(local["auth"]["local"]["name"], "local");
    assert_eq!(local["auth"]["default_session_ttl"], "0s");
    assert_eq!(local["edition"], "");
    assert_eq!(
        local["auto_update"].to_string(),
        concat!(
            r#"{"tools_version":"","tools_auto_update":false,"agent_version":"","agent_auto_update":false,"#,
            r#""agent_update_jitter_seconds":0}"#
        )
    );
    let other = browser.get("/webapi/ping/nosuch").await;
    assert_eq!(
        other.short(),
        "400 invalid connector name: nosuch; valid options: local"
    );
    let foreign = browser.get("/webapi/ping/%0a%1b%5b31m").await;
    assert!(!foreign.body.contains('\u{1b}'), "{}", foreign.body);
}

#[tokio::test]
async fn there_is_no_message_of_the_day() {
    let story = Story::begin().await;
    assert_eq!(
        Browser::new(&story).get("/webapi/motd").await.body,
        r#"{"Text":""}"#
    );
}

#[tokio::test]
async fn every_answer_for_programs_carries_the_known_headers() {
    let story = Story::begin().await;
    let mut browser = Browser::new(&story);
    for path in [
        "/webapi/ping",
        "/webapi/nosuch",
        "/webapi/ping/nosuch",
        "/webapi/user/status",
    ] {
        let answer = browser.get(path).await;
        for (name, value) in [
            ("cache-control", "no-cache, no-store, must-revalidate"),
            ("content-type", "application/json"),
            ("expires", "0"),
            ("pragma", "no-cache"),
            ("referrer-policy", "strict-origin"),
            ("strict-transport-security", "max-age=31536000; includeSubDomains"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "SAMEORIGIN"),
            ("x-xss-protection", "1; mode=block"),
        ] {
            assert_eq!(answer.header(name), value, "{path} {name}");
        }
    }
}

#[tokio::test]
async fn what_means_nothing_says_so_in_the_known_form() {
    let story = Story::begin().await;
    let mut browser = Browser::new(&story);
    let nothing = concat!(
        r#"{"error":{"message":"path not found"},"fields":{"proxyVersion":"#,
        r#"{"major":18,"minor":0,"patch":0,"preRelease":"","string":"18.0.0"}}}"#,
    );
    for path in [
        "/webapi/nosuch",
        "/v1/webapi/nosuch",
        "/v1/web/login",
        "/v2/webapi/ping",
        "/webapi/ssh/certs",
        "/webapi/accessrequest",
        "/favicon.ico",
    ] {
        let answer = browser.get(path).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (StatusCode::NOT_FOUND, nothing),
            "{path}"
        );
    }
    let answer = browser
        .json(Method::POST, "/webapi/find", &serde_json::json!({}))
        .await;
    assert_eq!(answer.short(), "405 method not allowed");
}

#[tokio::test]
async fn authorities_are_told_to_anybody_as_ssh_reads_them() {
    let story = Story::begin().await;
    let mut browser = Browser::new(&story);
    let user = browser.get("/webapi/auth/export?type=user").await;
    assert_eq!(user.header("content-type"), "text/plain");
    assert!(
        user.body.starts_with("cert-authority ssh-ed25519 AAAA"),
        "{}",
        user.body
    );
    assert!(
        user.body
            .ends_with(" clustername=teleport.example.com&type=user\n\n"),
        "{}",
        user.body
    );
    let host = browser.get("/v1/webapi/auth/export?type=host").await;
    assert!(
        host.body
            .starts_with("@cert-authority teleport.example.com,*.teleport.example.com ssh-ed25519 AAAA"),
        "{}",
        host.body
    );
    assert_eq!(
        browser.get("/webapi/auth/export").await.body,
        format!("{}{}", host.body, user.body)
    );
    let unknown = browser.get("/webapi/auth/export?type=zz").await;
    assert_eq!(unknown.status, StatusCode::BAD_REQUEST);
    assert_eq!(unknown.body, r#""zz" authority type is not supported"#);
    // Whatever is asked for, what signs stays inside.
    for kind in [
        "user",
        "host",
        "tls-host",
        "tls-user",
        "openssh",
        "db",
        "tls-spiffe",
    ] {
        let answer = browser.get(&format!("/webapi/auth/export?type={kind}")).await;
        assert!(!answer.body.contains("PRIVATE KEY"), "{kind}");
    }
}
