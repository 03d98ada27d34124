//! A browser, as far as the proxy can tell: it keeps cookies, says where its requests come from, and sends forms.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use transport::dial::ClientTls;

use crate::world::World;

/// A browser with its cookies.
pub struct Browser<'w> {
    world: &'w World,
    pub cookies: BTreeMap<String, String>,
    /// Sent with every request.
    pub always: Vec<(&'static str, String)>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("text"))
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The message of an error.
    pub fn error(&self) -> String {
        self.json()["error"]["message"]
            .as_str()
            .expect("a message")
            .to_owned()
    }

    pub fn location(&self) -> &str {
        self.header("location")
    }

    /// Status and message in one line.
    pub fn short(&self) -> String {
        format!("{} {}", self.status.as_u16(), self.error())
    }
}

impl<'w> Browser<'w> {
    pub fn new(world: &'w World) -> Self {
        Self {
            world,
            cookies: BTreeMap::new(),
            always: Vec::new(),
        }
    }

    /// A browser that has a session.
    pub fn of(world: &'w World, cookie: &str) -> Self {
        let mut browser = Self::new(world);
        let (name, value) = cookie.split_once('=').expect("a cookie");
        browser.cookies.insert(name.to_owned(), value.to_owned());
        browser
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], "").await
    }

    /// Sends a form of our own page: with the secret of the browser.
    pub async fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        if !self.cookies.contains_key("__Host-forms") {
            self.get("/web/sso").await;
        }
        let secret = self.cookies.get("__Host-forms").cloned().unwrap_or_default();
        let mut all = vec![("forms", secret.as_str())];
        all.extend(fields);
        let origin = format!("https://{}", self.world.address);
        self.send(
            Method::POST,
            path,
            &[
                ("content-type", "application/x-www-form-urlencoded"),
                ("origin", &origin),
                ("sec-fetch-site", "same-origin"),
            ],
            &encoded(&all),
        )
        .await
    }

    /// Sends a JSON value, as a program does.
    pub async fn json(&mut self, method: Method, path: &str, body: &Value) -> Answer {
        self.send(
            method,
            path,
            &[("content-type", "application/json")],
            &body.to_string(),
        )
        .await
    }

    pub async fn send(&mut self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.world.address.to_string());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        for (name, value) in &self.always {
            request = request.header(*name, value);
        }
        if !self.cookies.is_empty() {
            let line: Vec<String> = self
                .cookies
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            request = request.header(header::COOKIE, line.join("; "));
        }
        let request = request
            .body(Full::new(Bytes::from(body.to_owned())))
            .expect("a request");
        let answer = exchange(self.world, request).await;
        for cookie in answer.headers.get_all(header::SET_COOKIE) {
            self.keep(cookie.to_str().expect("text"));
        }
        answer
    }

    fn keep(&mut self, cookie: &str) {
        let mut parts = cookie.split("; ");
        let (name, value) = parts
            .next()
            .and_then(|pair| pair.split_once('='))
            .expect("a cookie");
        let attributes: Vec<&str> = parts.collect();
        // What the prefix promises, browsers hold to; and so does this one.
        assert!(name.starts_with("__Host-"), "{cookie}");
        for needed in ["Path=/", "Secure", "HttpOnly", "SameSite=Lax"] {
            assert!(attributes.contains(&needed), "{cookie}");
        }
        if attributes.contains(&"Max-Age=0") {
            self.cookies.remove(name);
        } else {
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }
}

/// Fields as a form sends them.
pub fn encoded(fields: &[(&str, &str)]) -> String {
    let escape = |text: &str| {
        text.bytes()
            .map(|byte| {
                if byte.is_ascii_alphanumeric() {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02X}")
                }
            })
            .collect::<String>()
    };
    let pairs: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{}={}", escape(name), escape(value)))
        .collect();
    pairs.join("&")
}

/// Events of a page that stays open.
pub struct Events {
    body: hyper::body::Incoming,
    _connection: tokio::task::JoinHandle<Result<(), hyper::Error>>,
}

impl Events {
    /// The name of the next event; `None` at the end.
    pub async fn next(&mut self) -> Option<String> {
        let frame = self.body.frame().await?.expect("a whole event");
        let text = String::from_utf8_lossy(frame.data_ref()?).into_owned();
        let name = text.strip_prefix("event: ").and_then(|rest| rest.lines().next());
        Some(name.expect("an event").to_owned())
    }
}

impl Browser<'_> {
    /// Opens a stream of events, which begins with a sign of life.
    pub async fn events(&self, path: &str) -> Events {
        let (name, value) = self.cookies.first_key_value().expect("a session");
        let request = Request::builder()
            .uri(path)
            .header(header::HOST, self.world.address.to_string())
            .header(header::COOKIE, format!("{name}={value}"))
            .body(Full::new(Bytes::new()))
            .expect("a request");
        let (mut sender, connection) = connected(self.world).await;
        let response = sender.send_request(request).await.expect("an answer");
        assert_eq!(response.status(), StatusCode::OK);
        let mut events = Events {
            body: response.into_body(),
            _connection: connection,
        };
        assert_eq!(events.next().await.as_deref(), Some("beat"));
        events
    }
}

/// One request on a connection of its own.
pub async fn exchange(world: &World, request: Request<Full<Bytes>>) -> Answer {
    let (mut sender, connection) = connected(world).await;
    let response = sender.send_request(request).await.expect("an answer");
    let (parts, mut body) = response.into_parts();
    let is_endless = parts
        .headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind == "text/event-stream");
    let body = if is_endless {
        // Events go on for as long as the page is open: the first one is enough.
        match body.frame().await {
            Some(first) => first.expect("a whole event").into_data().unwrap_or_default(),
            None => Bytes::new(),
        }
    } else {
        body.collect().await.expect("a whole answer").to_bytes()
    };
    connection.abort();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    }
}

/// A connection that serves requests until it is let go.
async fn connected(
    world: &World,
) -> (
    hyper::client::conn::http1::SendRequest<Full<Bytes>>,
    tokio::task::JoinHandle<Result<(), hyper::Error>>,
) {
    let protocols = [transport::names::HTTP_1_1];
    let tls = ClientTls::new(&world.trust(), None, &protocols, &world.clock).expect("settings");
    let stream = tls
        .dial(&world.address, "localhost", Duration::from_secs(30))
        .await
        .expect("a connection");
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .expect("HTTP");
    (sender, tokio::spawn(connection))
}
