//! A real browser: Chromium, driven through its WebDriver. `CHROMIUM` names another program than the system's.

use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::world::World;

/// So long a page has to become what is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often a driver is started anew that finds no port: they all look for one at the same time.
const STARTS_MAX: usize = 5;

/// A running driver and its port.
async fn driver() -> (Child, u16) {
    for _ in 0..STARTS_MAX {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect(
                "chromedriver is missing; hint: apt-get install chromium-driver, or run `cargo xtask test`",
            );
        let mut lines = BufReader::new(driver.stdout.take().expect("an output")).lines();
        while let Some(line) = lines.next_line().await.expect("readable") {
            let told = line.rsplit_once("successfully on port ").map(|(_, rest)| rest);
            if let Some(port) = told.and_then(|rest| rest.trim_end_matches('.').parse().ok()) {
                // Whatever else it says must not fill the pipe.
                tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                return (driver, port);
            }
        }
    }
    panic!("chromedriver ended {STARTS_MAX} times without a port");
}

/// A browser with one window.
pub struct Chromium {
    /// Ends with the value.
    _driver: Child,
    port: u16,
    session: String,
    base: String,
}

impl Chromium {
    /// Opens a browser whose reader has the session of `cookie`, or none.
    pub async fn open(world: &World, cookie: Option<&str>) -> Self {
        let (driver, port) = driver().await;
        let mut browser = Self {
            _driver: driver,
            port,
            session: String::new(),
            base: format!("https://{}", world.address),
        };
        let mut options = json!({
            "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--lang=en"],
        });
        if let Ok(program) = std::env::var("CHROMIUM") {
            options["binary"] = json!(program);
        }
        let made = browser
            .call(
                Method::POST,
                "/session",
                json!({"capabilities": {"alwaysMatch": {
                    "acceptInsecureCerts": true,
                    "timeouts": {"script": PATIENCE.as_millis()},
                    "goog:chromeOptions": options,
                }}}),
            )
            .await;
        let session = made["sessionId"].as_str().expect("a session");
        browser.session = format!("/session/{session}");
        browser.go("/web/static/icon.svg").await;
        if let Some((name, value)) = cookie.and_then(|cookie| cookie.split_once('=')) {
            let cookie = json!({"name": name, "value": value, "path": "/", "secure": true, "httpOnly": true});
            browser.send("/cookie", json!({ "cookie": cookie })).await;
        }
        browser
    }

    async fn send(&self, path: &str, body: Value) -> Value {
        self.call(Method::POST, &format!("{}{path}", self.session), body)
            .await
    }

    async fn call(&self, method: Method, path: &str, body: Value) -> Value {
        let stream = TcpStream::connect(("127.0.0.1", self.port))
            .await
            .expect("a driver");
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .expect("HTTP");
        let connection = tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, format!("127.0.0.1:{}", self.port))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body.to_string())))
            .expect("a request");
        let answer = sender.send_request(request).await.expect("an answer");
        let is_good = answer.status().is_success();
        let bytes = answer
            .into_body()
            .collect()
            .await
            .expect("a whole answer")
            .to_bytes();
        connection.abort();
        let answer: Value = serde_json::from_slice(&bytes).expect("JSON");
        assert!(is_good, "{path}: {}", answer["value"]["message"]);
        answer["value"].clone()
    }

    /// Opens one of our pages.
    pub async fn go(&self, path: &str) {
        self.send("/url", json!({"url": format!("{}{path}", self.base)}))
            .await;
    }

    /// What a script returns.
    pub async fn script(&self, code: &str) -> Value {
        self.send("/execute/sync", json!({"script": code, "args": []}))
            .await
    }

    /// Waits until an expression holds in the page, through reloads.
    pub async fn until(&self, holds: &str) {
        let waiting = async {
            loop {
                let code = format!(
                    "const done = arguments[0]; let left = 40; \
                     const look = () => ({holds}) ? done(true) : (left-- > 0 ? setTimeout(look, 25) : done(false)); look();"
                );
                let path = format!("{}/execute/async", self.session);
                let held = self
                    .call(Method::POST, &path, json!({"script": code, "args": []}))
                    .await;
                if held == json!(true) {
                    return;
                }
            }
        };
        if tokio::time::timeout(PATIENCE, waiting).await.is_err() {
            let page = self.script("return document.body.innerText").await;
            panic!("never: {holds}\n{}", page.as_str().unwrap_or_default());
        }
    }

    /// Presses keys, as a hand does: wherever the focus is.
    pub async fn keys(&self, keys: &str) {
        let actions: Vec<Value> = keys
            .chars()
            .flat_map(|key| {
                let key = key.to_string();
                [
                    json!({"type": "keyDown", "value": key}),
                    json!({"type": "keyUp", "value": key}),
                ]
            })
            .collect();
        let keyboard = json!({"type": "key", "id": "keyboard", "actions": actions});
        self.send("/actions", json!({ "actions": [keyboard] })).await;
    }

    /// A command of Chromium's own protocol.
    async fn protocol(&self, command: &str, parameters: Value) -> Value {
        self.send("/goog/cdp/execute", json!({"cmd": command, "params": parameters}))
            .await
    }

    /// From now on the window is so wide and high, and the reader prefers dark or light.
    pub async fn shape(&self, width: u32, height: u32, dark: bool) {
        let scheme = if dark { "dark" } else { "light" };
        let features = json!([
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]);
        self.protocol("Emulation.setEmulatedMedia", json!({ "features": features }))
            .await;
        self.protocol(
            "Emulation.setDeviceMetricsOverride",
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}),
        )
        .await;
    }

    /// The page as a picture, PNG.
    pub async fn picture(&self) -> Vec<u8> {
        use base64::Engine as _;
        let taken = self
            .protocol("Page.captureScreenshot", json!({"format": "png"}))
            .await;
        base64::engine::general_purpose::STANDARD
            .decode(taken["data"].as_str().expect("a picture"))
            .expect("base 64")
    }
}
