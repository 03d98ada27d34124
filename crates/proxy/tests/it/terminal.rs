//! Our own client of the JSON calls against the proxy: sign-in and invitations from a terminal.

use std::time::Duration;

use access::SecretText;
use auth::credentials::totp::Seed;
use client::web::{Login, WebClient, WebError};
use pki::{Algorithm, KeyPair};

use crate::Story;
use crate::world::{CLUSTER, PASSWORD};

fn client(story: &Story) -> WebClient {
    WebClient::new(story.address.clone(), &story.trust(), &story.clock_of()).expect("a client")
}

impl Story {
    fn clock_of(&self) -> std::sync::Arc<dyn access::ambient::Clock> {
        std::sync::Arc::clone(&self.world.clock)
    }
}

fn secret(text: &str) -> SecretText {
    text.to_owned().into()
}

fn said<T>(answer: Result<T, WebError>) -> String {
    match answer {
        Ok(_) => "yes".to_owned(),
        Err(WebError::Refused { status, message }) => format!("{} {message}", status.as_u16()),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn somebody_accepts_an_invitation_and_signs_in() {
    let story = Story::begin().await;
    let client = client(&story);
    assert_eq!(client.ping().await.expect("answered").cluster_name, CLUSTER);
    story.user("bob@example.com", &["devops"]).await;
    let token = secret(&story.token("bob@example.com", "invite").await);
    assert_eq!(
        client.invite(&token).await.expect("known").user,
        "bob@example.com"
    );
    let totp = client.invite_totp(&token).await.expect("a secret");
    let uri = totp.uri.expect("our proxies say it as text");
    assert!(
        uri.starts_with("otpauth://totp/teleport.example.com:bob@example.com"),
        "{uri}"
    );
    let (_, after) = uri.split_once("secret=").expect("a secret");
    let seed = Seed::from_base32(after).expect("a seed");
    let code = |seed: &Seed| secret(&seed.code(story.now()).expect("a code"));

    let short = client
        .accept_invite(&token, &secret("short"), &code(&seed), "otp-device")
        .await;
    assert_eq!(said(short), "400 password is too short, min length is 12");
    let wrong = client
        .accept_invite(&token, &secret(PASSWORD), &secret("000000"), "otp-device")
        .await;
    assert_eq!(
        said(wrong),
        "403 invalid one time token, please check if the token has expired and try again"
    );
    let accepted = client
        .accept_invite(&token, &secret(PASSWORD), &code(&seed), "otp-device")
        .await;
    assert_eq!(said(accepted), "yes");
    assert_eq!(said(client.invite(&token).await), "403 bad or expired token");

    story.later();
    let password = secret(PASSWORD);
    assert_eq!(
        said(client.login_begin("bob@example.com", &secret("guess")).await),
        "403 invalid credentials"
    );
    let begun = client
        .login_begin("bob@example.com", &password)
        .await
        .expect("begun");
    assert!(begun.totp_challenge && begun.webauthn_challenge.is_none());
    let ssh = KeyPair::generate(Algorithm::Ed25519, &transport::system::SystemEntropy).expect("a key");
    let tls = story.key();
    let login = |code: &SecretText| {
        let code = code.clone();
        let (ssh, tls) = (ssh.public().to_ssh_line(), tls.public().to_pem().expect("PEM"));
        let (client, password) = (client.clone(), password.clone());
        async move {
            client
                .login_finish(&Login {
                    user: "bob@example.com",
                    password: &password,
                    code: Some(&code),
                    ssh_public_key: &ssh,
                    tls_public_key: &tls,
                    ttl: Duration::from_secs(3_600),
                })
                .await
        }
    };
    assert_eq!(
        said(login(&secret("000000")).await),
        "403 invalid username, password or second factor"
    );
    let good = code(&seed);
    let answer = login(&good).await.expect("signed in");
    assert_eq!(answer.username, "bob@example.com");
    assert!(
        answer
            .ssh_certificate
            .starts_with("ssh-ed25519-cert-v01@openssh.com ")
    );
    assert!(answer.tls_certificate.starts_with("-----BEGIN CERTIFICATE-----"));
    assert_eq!(answer.host_signers.len(), 1);
    assert_eq!(answer.host_signers[0].cluster, CLUSTER);
    assert!(answer.host_signers[0].tls_certs[0].starts_with("-----BEGIN CERTIFICATE-----"));
    assert_eq!(
        said(login(&good).await),
        "403 invalid username, password or second factor",
        "a code is good once"
    );
}

#[tokio::test]
async fn a_certificate_bears_the_address_of_whoever_signed_in() {
    let story = Story::begin().await;
    let person = story.person("bob@example.com", &["devops"]).await;
    let identity = story.as_user(&person.name).await.identity().current();
    // The set-up called from within the process, where addresses are loopback too: what counts is that one is there.
    assert!(identity.certified().login_ip.is_some());
}

#[tokio::test]
async fn the_links_that_the_cluster_prints_lead_to_the_proxy_that_is_there() {
    let story = Story::unnamed().await;
    story.user("bob@example.com", &["devops"]).await;
    let url = |link: wire::pb::types::UserTokenV3| link.spec.expect("a spec").url;
    assert!(url(story.link("bob@example.com", "invite").await).starts_with("https://<proxyhost>:3080/"));

    let drain = transport::Drain::new();
    drain.spawn(std::sync::Arc::clone(&story.proxy).announce(drain.clone()));
    let begins = format!("https://{}/web/invite/", story.address);
    // Until the proxy is known; each try makes a new link.
    let mut link = url(story.link("bob@example.com", "invite").await);
    while !link.starts_with(&begins) {
        tokio::task::yield_now().await;
        link = url(story.link("bob@example.com", "invite").await);
    }
    // And when it has gone, it is not named any more.
    drain.finish(Duration::from_secs(10)).await;
    assert!(url(story.link("bob@example.com", "invite").await).starts_with("https://<proxyhost>:3080/"));
}
