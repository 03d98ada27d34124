//! HTTP/2 and HTTP/1.1 on one port, their limits, and stopping without cutting anybody off.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{Semaphore, mpsc};
use transport::drain::Drained;
use transport::endpoint::TlsEndpoint;
use transport::http::{HttpHandler, HttpLimits};
use transport::target::Target;
use transport::{Address, names};

use crate::world::{World, listen, who_service};

const PATIENCE: Duration = Duration::from_secs(20);

type Sender = hyper::client::conn::http2::SendRequest<Empty<Bytes>>;
type Connection = tokio::task::JoinHandle<hyper::Result<()>>;

async fn http2(world: &World, address: &Address, with_certificate: bool) -> (Sender, Connection) {
    let bob = world.bob();
    let client = world.client(with_certificate.then_some(&bob), &[names::H2]);
    let stream = client
        .dial(address, names::CLUSTER_DOMAIN, PATIENCE)
        .await
        .expect("reached");
    let (sender, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .handshake(TokioIo::new(stream))
        .await
        .expect("HTTP/2");
    (sender, tokio::spawn(connection))
}

fn get(path: &str) -> Request<Empty<Bytes>> {
    let uri = format!("https://teleport.cluster.local{path}");
    Request::get(uri).body(Empty::new()).expect("a request")
}

async fn text(response: Response<Incoming>) -> String {
    let bytes = response.into_body().collect().await.expect("a body").to_bytes();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn who_endpoint(world: &World) -> Arc<dyn Target> {
    Arc::new(TlsEndpoint::new(
        world.auth_tls(),
        HttpHandler::new(who_service()),
    ))
}

#[tokio::test]
async fn both_versions_are_served_and_know_their_peer() {
    let world = World::new();
    let (address, _drain) = listen(who_endpoint(&world)).await;
    let (mut sender, _connection) = http2(&world, &address, true).await;
    let response = sender.send_request(get("/one")).await.expect("an answer");
    assert_eq!(text(response).await, "HTTP/2.0 /one for a user");

    for protocols in [vec![names::HTTP_1_1], vec![]] {
        let client = world.client(None, &protocols);
        let stream = client
            .dial(&address, names::CLUSTER_DOMAIN, PATIENCE)
            .await
            .expect("reached");
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .expect("HTTP/1.1");
        tokio::spawn(connection);
        let request = Request::get("/two")
            .body(Empty::<Bytes>::new())
            .expect("a request");
        let response = sender.send_request(request).await.expect("an answer");
        assert_eq!(text(response).await, "HTTP/1.1 /two for a stranger");
    }

    // HTTP/2 without ALPN, known by its first bytes.
    let client = world.client(None, &[]);
    let stream = client
        .dial(&address, names::CLUSTER_DOMAIN, PATIENCE)
        .await
        .expect("reached");
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .expect("HTTP/2");
    tokio::spawn(connection);
    let response = sender.send_request(get("/three")).await.expect("an answer");
    assert_eq!(text(response).await, "HTTP/2.0 /three for a stranger");
}

#[tokio::test]
async fn what_was_agreed_on_is_kept() {
    let world = World::new();
    let (address, _drain) = listen(who_endpoint(&world)).await;
    let client = world.client(None, &[names::H2]);
    let mut stream = client
        .dial(&address, names::CLUSTER_DOMAIN, PATIENCE)
        .await
        .expect("reached");
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .expect("room");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(answer.is_empty(), "HTTP/1.1 after agreeing on h2: {answer:?}");
}

#[tokio::test]
async fn a_header_bomb_meets_the_limit() {
    let world = World::new();
    let limits = HttpLimits {
        header_bytes_max: 16 * 1024,
        ..HttpLimits::default()
    };
    let handler = HttpHandler::new(who_service()).with_limits(limits);
    let (address, _drain) = listen(Arc::new(TlsEndpoint::new(world.auth_tls(), handler))).await;
    let (mut sender, _connection) = http2(&world, &address, false).await;
    let mut request = get("/");
    for index in 0..64 {
        let name = http::HeaderName::try_from(format!("x-{index}")).expect("a name");
        request.headers_mut().insert(
            name,
            http::HeaderValue::from_str(&"v".repeat(1_000)).expect("a value"),
        );
    }
    if let Ok(response) = sender.send_request(request).await {
        assert_eq!(response.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    let (mut sender, _connection) = http2(&world, &address, false).await;
    let response = sender
        .send_request(get("/after"))
        .await
        .expect("others are served");
    assert_eq!(text(response).await, "HTTP/2.0 /after for a stranger");
}

#[tokio::test]
async fn a_stranger_who_leaves_requests_unfinished_has_few_and_is_cut() {
    let world = World::new();
    let (begun, mut arrivals) = mpsc::unbounded_channel();
    let service = waiting_service(begun, Arc::new(Semaphore::new(0)));
    let strangers = HttpLimits {
        answer_timeout: Some(Duration::from_millis(300)),
        ..HttpLimits::for_strangers()
    };
    let handler = HttpHandler::new(service).with_limits_for_strangers(strangers);
    let (address, _drain) = listen(Arc::new(TlsEndpoint::new(world.auth_tls(), handler))).await;
    // Whoever has shown a certificate is not hurried.
    let (mut known, _known_connection) = http2(&world, &address, true).await;
    let known_running = tokio::spawn(known.send_request(get("/known")));
    arrivals.recv().await.expect("arrived");
    let (mut sender, connection) = http2(&world, &address, false).await;
    sender.ready().await.expect("greeted");
    let unfinished = futures::future::join_all((0..200).map(|_| sender.send_request(get("/never"))));
    let answers = tokio::time::timeout(PATIENCE, unfinished).await.expect("ended");
    assert!(answers.iter().all(Result::is_err), "nobody was answered");
    let _ = tokio::time::timeout(PATIENCE, connection).await.expect("cut");
    let mut begun = 0;
    while arrivals.try_recv().is_ok() {
        begun += 1;
    }
    assert!((1..=16).contains(&begun), "{begun} of 200 were begun");
    assert!(!known_running.is_finished(), "others go on");
}

#[tokio::test]
async fn a_flood_of_resets_ends_the_connection_and_nothing_else() {
    let world = World::new();
    let (begun, _) = mpsc::unbounded_channel();
    let service = waiting_service(begun, Arc::new(Semaphore::new(0)));
    let (address, drain) = listen(Arc::new(TlsEndpoint::new(
        world.auth_tls(),
        HttpHandler::new(service),
    )))
    .await;
    let client = world.client(None, &[names::H2]);
    let stream = client
        .dial(&address, names::CLUSTER_DOMAIN, PATIENCE)
        .await
        .expect("reached");
    let mut flood = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    flood.extend([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    for index in 0_u32..20_000 {
        let id = (index * 2 + 1).to_be_bytes();
        // HEADERS (GET / over https, indexed fields and an empty authority), then RST_STREAM.
        let block = [0x82, 0x84, 0x87];
        flood.extend([0, 0, 3, 1, 0x05]);
        flood.extend(id);
        flood.extend(block);
        flood.extend([0, 0, 4, 3, 0]);
        flood.extend(id);
        flood.extend([0, 0, 0, 8]);
    }
    let (mut reading, mut writing) = tokio::io::split(stream);
    let sent = tokio::spawn(async move { writing.write_all(&flood).await });
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, reading.read_to_end(&mut answer))
        .await
        .expect("the end");
    let _ = sent.await;
    let goaway = answer.windows(2).any(|pair| pair == [7, 0]);
    assert!(goaway, "said goodbye");
    assert_eq!(drain.finish(PATIENCE).await, Drained::Quietly);
}

/// Answers when allowed to, and tells when a request has arrived.
fn waiting_service(
    begun: mpsc::UnboundedSender<()>,
    allowed: Arc<Semaphore>,
) -> impl tower::Service<
    Request<Incoming>,
    Response = Response<Full<Bytes>>,
    Error = Infallible,
    Future = impl Future<Output = Result<Response<Full<Bytes>>, Infallible>> + Send,
> + Clone
+ Send
+ Sync
+ 'static {
    tower::service_fn(move |_: Request<Incoming>| {
        let (begun, allowed) = (begun.clone(), Arc::clone(&allowed));
        async move {
            let _ = begun.send(());
            let _ = allowed.acquire().await;
            Ok(Response::new(Full::from("done")))
        }
    })
}

#[tokio::test]
async fn draining_lets_everybody_finish() {
    let world = World::new();
    let (begun, mut arrivals) = mpsc::unbounded_channel();
    let allowed = Arc::new(Semaphore::new(0));
    let service = waiting_service(begun, Arc::clone(&allowed));
    let (address, drain) = listen(Arc::new(TlsEndpoint::new(
        world.auth_tls(),
        HttpHandler::new(service),
    )))
    .await;
    let (mut sender, connection) = http2(&world, &address, true).await;
    let running = tokio::spawn(sender.send_request(get("/slow")));
    arrivals.recv().await.expect("arrived");
    let (_idle, idle_connection) = http2(&world, &address, true).await;

    drain.begin();
    // The idle connection ends at once: it was told to go away.
    tokio::time::timeout(PATIENCE, idle_connection)
        .await
        .expect("ended")
        .expect("no panic")
        .expect("cleanly");
    // Nobody new gets in: the port is closed once the loop has noticed.
    let client = world.client(None, &[names::H2]);
    let mut refused = false;
    for _ in 0..1_000 {
        if client
            .dial(&address, names::CLUSTER_DOMAIN, PATIENCE)
            .await
            .is_err()
        {
            refused = true;
            break;
        }
        tokio::task::yield_now().await;
    }
    assert!(refused, "still accepting");

    let stopped = tokio::spawn({
        let drain = drain.clone();
        async move { drain.finish(PATIENCE).await }
    });
    allowed.add_permits(1);
    let response = running.await.expect("no panic").expect("an answer");
    assert_eq!(text(response).await, "done");
    assert_eq!(stopped.await.expect("no panic"), Drained::Quietly);
    connection.await.expect("no panic").expect("cleanly");
}

#[tokio::test]
async fn whoever_does_not_finish_is_cut_at_the_deadline() {
    let world = World::new();
    let (begun, mut arrivals) = mpsc::unbounded_channel();
    let service = waiting_service(begun, Arc::new(Semaphore::new(0)));
    let (address, drain) = listen(Arc::new(TlsEndpoint::new(
        world.auth_tls(),
        HttpHandler::new(service),
    )))
    .await;
    let (mut sender, _connection) = http2(&world, &address, true).await;
    let running = tokio::spawn(sender.send_request(get("/slow")));
    arrivals.recv().await.expect("arrived");
    assert_eq!(drain.finish(Duration::ZERO).await, Drained::Cut(1));
    assert!(running.await.expect("no panic").is_err());
}

/// A TLS connection in memory to a port that serves [`who_service`].
async fn in_memory(
    world: &World,
    protocols: &[&[u8]],
) -> tokio_rustls::client::TlsStream<tokio::io::DuplexStream> {
    let here = "127.0.0.1:0".parse().expect("an address");
    let pipe = transport::target::dial_in_memory(&who_endpoint(world), here, &transport::Drain::new());
    world
        .client(None, protocols)
        .handshake(pipe, names::CLUSTER_DOMAIN)
        .await
        .expect("let in")
}

/// Time that stands still but for timers: whoever begins and does not go on is cut.
#[tokio::test(start_paused = true)]
async fn whoever_asks_too_slowly_is_cut() {
    let world = World::new();
    for (protocols, begun) in [
        (vec![names::H2], &b""[..]),
        (vec![names::H2], b"PRI * HTTP/2.0\r\n"),
        (vec![names::HTTP_1_1], b""),
        (vec![names::HTTP_1_1], b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "),
        (vec![], b"PRI * HT"),
        (vec![], b"GE"),
    ] {
        let mut stream = in_memory(&world, &protocols).await;
        stream.write_all(begun).await.expect("room");
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(!String::from_utf8_lossy(&answer).contains("200 OK"), "{answer:?}");
    }
}

/// A frame as it goes over the wire.
fn frame(kind: u8, flags: u8, id: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).expect("short").to_be_bytes();
    [&length[1..], &[kind, flags], &id.to_be_bytes(), body].concat()
}

const PREFACE_AND_SETTINGS: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

#[tokio::test]
async fn headers_without_end_end_the_connection() {
    let world = World::new();
    let filler = [0_u8, 1, b'x', 1, b'y'].repeat(1_000);
    let mut flood = PREFACE_AND_SETTINGS.to_vec();
    flood.extend(frame(1, 0, 1, &[0x82, 0x84, 0x87]));
    for _ in 0..4_000 {
        flood.extend(frame(9, 0, 1, &filler));
    }
    let (mut reading, mut writing) = tokio::io::split(in_memory(&world, &[names::H2]).await);
    let sent = tokio::spawn(async move { writing.write_all(&flood).await });
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, reading.read_to_end(&mut answer))
        .await
        .expect("the end");
    assert!(
        sent.await.expect("no panic").is_err(),
        "20 MB of headers were taken"
    );
    assert!(answer.len() < 1_000, "{}", answer.len());
}

/// Time that stands still but for timers: a client that asks without reading the answers comes to a
/// halt, because what the server has to say does not pile up.
#[tokio::test(start_paused = true)]
async fn whoever_does_not_read_is_not_read() {
    let world = World::new();
    let pings: Vec<u8> = (0..400_000).flat_map(|_| frame(6, 0, 0, &[0; 8])).collect();
    let settings: Vec<u8> = (0..400_000).flat_map(|_| frame(4, 0, 0, &[])).collect();
    let requests: Vec<u8> = (0..400_000_u32)
        .flat_map(|index| frame(1, 5, index * 2 + 1, &[0x82, 0x84, 0x87]))
        .collect();
    for (what, flood) in [("pings", pings), ("settings", settings), ("requests", requests)] {
        let mut stream = in_memory(&world, &[names::H2]).await;
        stream.write_all(PREFACE_AND_SETTINGS).await.expect("room");
        let sent = tokio::time::timeout(Duration::from_secs(30), stream.write_all(&flood)).await;
        assert!(
            !matches!(sent, Ok(Ok(()))),
            "{} bytes of {what} were taken",
            flood.len()
        );
    }
}

/// Answers, and ends the connection that it was asked on: at once, while the answer takes its time, or never answers.
#[tokio::test]
async fn a_connection_that_must_not_go_on_ends_whatever_is_said_on_it() {
    let world = World::new();
    let service = tower::service_fn(|request: Request<Incoming>| async move {
        let connection = request
            .extensions()
            .get::<transport::Connection>()
            .expect("the connection");
        connection.end_when(|| std::future::ready(()));
        // Only the first reason counts.
        connection.end_when(std::future::pending::<()>);
        if request.uri().path() == "/never" {
            std::future::pending::<()>().await;
        }
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"bye"))))
    });
    let endpoint = Arc::new(TlsEndpoint::new(world.auth_tls(), HttpHandler::new(service)));
    let (address, _drain) = listen(endpoint).await;
    let (mut polite, connection) = http2(&world, &address, true).await;
    let response = polite.send_request(get("/answer")).await.expect("an answer");
    assert_eq!(text(response).await, "bye", "what was asked is answered");
    let ended = tokio::time::timeout(PATIENCE, connection).await;
    ended
        .expect("the connection ends")
        .expect("without a panic")
        .expect("a goodbye");

    let (mut deaf, connection) = http2(&world, &address, true).await;
    assert!(deaf.send_request(get("/never")).await.is_err(), "cut off");
    let ended = tokio::time::timeout(PATIENCE, connection).await;
    let _ = ended.expect("the connection ends").expect("without a panic");
}
