//! The page that shows the channels.

use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use mattermost_stand_in::{Settings, StandIn};

async fn get(url: &str) -> (u16, hyper::HeaderMap, String) {
    let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let response = client
        .request(Request::get(url).body(Empty::new()).unwrap())
        .await
        .unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (
        parts.status.as_u16(),
        parts.headers,
        String::from_utf8(body.to_vec()).unwrap(),
    )
}

#[tokio::test]
async fn channels_are_shown_and_text_from_people_stays_text() {
    let server = StandIn::spawn_local(Settings::default()).await.unwrap();
    assert_eq!(get(&format!("{}/", server.url())).await.0, 200);
    let team = server.create_team("team-name", "<i>Team</i>");
    server.create_channel(&team, "channel-name", "<b>Channel</b>", false);
    let (status, headers, _) = get(&format!("{}/", server.url())).await;
    assert_eq!(
        (status, headers["location"].to_str().unwrap()),
        (303, "/team-name/channels/channel-name")
    );
    let (status, headers, html) = get(&format!("{}/team-name/channels/channel-name", server.url())).await;
    assert_eq!(status, 200);
    assert!(
        headers["content-security-policy"]
            .to_str()
            .unwrap()
            .starts_with("default-src 'none'")
    );
    assert!(
        !html.contains("<b>Channel") && !html.contains("<i>Team"),
        "{html}"
    );
    assert_eq!(get(&format!("{}/nothing", server.url())).await.0, 404);
    assert!(
        get(&format!("{}/_page/style.css", server.url()))
            .await
            .2
            .contains("prefers-color-scheme")
    );
    assert_eq!(get(&format!("{}/_page/app.js", server.url())).await.0, 200);
}
