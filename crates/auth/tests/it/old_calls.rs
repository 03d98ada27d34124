//! The old JSON calls on the Auth port, which tools still make beside gRPC.

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use wire::pb::countersign::v1::AnnounceProxyRequest;

use crate::calls::connect;
use crate::people::lock_user;
use crate::world::{CLUSTER, HOST, World, on_every_store};

/// Status, kind of content and body of a call by whoever shows `credentials`.
async fn get(
    world: &World,
    credentials: Option<transport::tls::Credentials>,
    path: &str,
) -> (StatusCode, String, String) {
    let stream = connect(world, credentials, transport::names::HTTP_1_1).await;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .expect("HTTP");
    tokio::spawn(connection);
    let request = Request::get(path)
        .header("host", "teleport.cluster.local")
        .body(Empty::<Bytes>::new())
        .expect("a request");
    let answer = sender.send_request(request).await.expect("an answer");
    let kind = answer
        .headers()
        .get("content-type")
        .map(|kind| kind.to_str().expect("text").to_owned())
        .unwrap_or_default();
    let status = answer.status();
    let body = answer.into_body().collect().await.expect("a body").to_bytes();
    (status, kind, String::from_utf8(body.to_vec()).expect("text"))
}

#[tokio::test]
async fn which_servers_there_are() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let bob = || Some(cast.bob.cluster.identity().current().credentials().clone());
        for version in ["v1", "v2"] {
            let (status, kind, body) = get(world, bob(), &format!("/{version}/authservers")).await;
            assert_eq!((status, kind.as_str()), (StatusCode::OK, "application/json"));
            let servers: Value = serde_json::from_str(&body).expect("JSON");
            assert_eq!(servers[0]["kind"], "auth_server");
            assert_eq!(servers[0]["metadata"]["name"], HOST);
            assert_eq!(servers[0]["spec"]["version"], "18.0.0");
            assert_eq!(servers.as_array().map(Vec::len), Some(1));
        }
        assert_eq!(get(world, bob(), "/v2/proxies").await.2, "[]");
        let announced = AnnounceProxyRequest {
            address: "10.0.0.1:443".to_owned(),
            host_name: "edge".to_owned(),
            public_addresses: vec!["proxy.example.com:443".to_owned()],
            version: "18.0.0".to_owned(),
        };
        world
            .proxy
            .proxy_presence()
            .announce_proxy(announced)
            .await
            .expect("announced");
        let proxies: Value = serde_json::from_str(&get(world, bob(), "/v2/proxies").await.2).expect("JSON");
        assert_eq!(proxies[0]["kind"], "proxy");
        assert_eq!(
            proxies[0]["spec"]["public_addrs"],
            json!(["proxy.example.com:443"])
        );
        let (_, _, body) = get(world, bob(), "/v2/configuration/name").await;
        let name: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!(name["spec"]["cluster_name"], CLUSTER);
    })
    .await;
}

#[tokio::test]
async fn nobody_else_is_told_and_nothing_else_is_there() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let bob = || Some(cast.bob.cluster.identity().current().credentials().clone());
        let (status, _, body) = get(world, bob(), "/v2/no/such/thing").await;
        assert_eq!(
            (status, body.as_str()),
            (StatusCode::NOT_FOUND, "404 page not found")
        );
        let (status, _, body) = get(world, None, "/v2/proxies").await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        let error: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!(error["error"]["message"], "access denied");
        lock_user(&world.admin, world, &cast.bob.name)
            .await
            .expect("locked");
        let (status, _, body) = get(world, bob(), "/v2/authservers").await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        assert!(body.contains("lock targeting User"), "{body}");
    })
    .await;
}
