//! The floor of everything that ends in a chat: a message posted over HTTP on a kept connection, nothing else.

use std::time::Duration;

use serde_json::json;
use transport::system::Stopwatch;

use crate::bench::trouble::{Outcome, While as _};

/// About as long as an announcement of a request.
const MESSAGE_CHARACTERS: usize = 500;

/// Posts into one channel of a chat server.
pub struct Posts {
    http: reqwest::Client,
    url: String,
    token: String,
    channel: String,
}

impl Posts {
    /// Prepares to post to the server at `url`.
    pub fn new(url: &str, token: &str, channel: &str) -> Outcome<Self> {
        Ok(Self {
            http: reqwest::Client::builder()
                .tcp_nodelay(true)
                .build()
                .to("prepare HTTP calls")?,
            url: format!("{url}/api/v4/posts"),
            token: token.to_owned(),
            channel: channel.to_owned(),
        })
    }

    /// Posts `count` messages one after the other; how long each took.
    pub async fn run(&self, count: usize) -> Outcome<Vec<Duration>> {
        let body = json!({ "channel_id": self.channel, "message": "x".repeat(MESSAGE_CHARACTERS) });
        let mut took = Vec::with_capacity(count);
        for _ in 0..count {
            let request = self.http.post(&self.url).bearer_auth(&self.token).json(&body);
            let watch = Stopwatch::start();
            let answer = request.send().await.to("post a message")?;
            answer.error_for_status_ref().to("post a message")?;
            answer.bytes().await.to("post a message")?;
            took.push(watch.elapsed());
        }
        Ok(took)
    }
}
