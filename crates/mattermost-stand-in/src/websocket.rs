//! The WebSocket: who listens, what they are told, and how a connection lives and ends.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use futures::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};

use crate::ambient;
use crate::state::{Shared, State};

const FRAME_BYTES_MAX: usize = 8 * 1024;
const BACKLOG_MAX: usize = 128;

/// Every connection, those that broke included, so that they can be resumed.
#[derive(Default)]
pub struct Hub {
    connections: BTreeMap<String, Connection>,
}

struct Connection {
    user_id: String,
    token_id: String,
    sequence: u64,
    backlog: VecDeque<(u64, String)>,
    outlet: Option<mpsc::UnboundedSender<String>>,
}

/// Who an event is for.
#[derive(Debug, Clone, Copy)]
pub enum Audience<'a> {
    User(&'a str),
    Channel(&'a str),
}

impl State {
    /// Tells everybody in the audience whose token is still in force.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "every caller makes the data for this one call"
    )]
    pub fn emit(&mut self, event: &str, data: Value, audience: Audience<'_>) {
        let listens = |state: &Self, user_id: &str| match audience {
            Audience::User(id) => id == user_id,
            Audience::Channel(id) => state
                .channels
                .get(id)
                .is_some_and(|channel| channel.members.contains(user_id)),
        };
        let ids: Vec<String> = self
            .hub
            .connections
            .iter()
            .filter(|(_, connection)| {
                listens(self, &connection.user_id) && self.token_in_force(&connection.token_id)
            })
            .map(|(id, _)| id.clone())
            .collect();
        let (user, channel) = match audience {
            Audience::User(id) => (id, ""),
            Audience::Channel(id) => ("", id),
        };
        for id in ids {
            let Some(connection) = self.hub.connections.get_mut(&id) else {
                continue;
            };
            connection.sequence += 1;
            let broadcast = json!({
                "omit_users": null, "user_id": user, "channel_id": channel, "team_id": "",
                "connection_id": "", "omit_connection_id": "",
                "contains_sanitized_data": event == "post_deleted",
            });
            // A real server spells its events in two ways, depending on the road they take inside it.
            let text = if channel.is_empty() {
                json!({"event": event, "data": data, "broadcast": broadcast, "seq": connection.sequence})
                    .to_string()
            } else {
                format!(
                    "{{\"event\": {}, \"data\": {data}, \"broadcast\": {broadcast}, \"seq\": {}}}",
                    json!(event),
                    connection.sequence
                )
            };
            if connection.backlog.len() == BACKLOG_MAX {
                connection.backlog.pop_front();
            }
            connection.backlog.push_back((connection.sequence, text.clone()));
            let broken = connection
                .outlet
                .as_ref()
                .is_some_and(|outlet| outlet.send(text).is_err());
            if broken {
                connection.outlet = None;
            }
        }
    }
}

/// What a client wants to go on with.
#[derive(Debug)]
pub struct Resume {
    pub connection_id: String,
    pub sequence: u64,
}

/// Serves one connection until it ends.
pub async fn serve(shared: Arc<Shared>, upgraded: Upgraded, token: Option<String>, resume: Option<Resume>) {
    let config = WebSocketConfig::default()
        .max_message_size(Some(FRAME_BYTES_MAX))
        .max_frame_size(Some(FRAME_BYTES_MAX));
    let mut socket =
        WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
    let (outlet, mut inbox) = mpsc::unbounded_channel();
    let settings = shared.lock().settings.clone();
    let started = Instant::now();
    let mut connection_id = token.and_then(|token| sign_in(&shared, &token, &outlet, resume.as_ref()));
    let mut ping_at = started + settings.websocket_ping;
    let mut cut_at = started + settings.websocket_cut;
    let sign_in_by = started + settings.websocket_sign_in;
    loop {
        let signed_in = connection_id.is_some();
        tokio::select! {
            text = inbox.recv() => {
                let Some(text) = text else { break };
                if socket.send(Message::text(text)).await.is_err() {
                    break;
                }
            }
            () = sleep_until(sign_in_by), if !signed_in => break,
            () = sleep_until(cut_at) => break,
            () = sleep_until(ping_at) => {
                ping_at += settings.websocket_ping;
                if socket.send(Message::Ping(Bytes::new())).await.is_err() {
                    break;
                }
            }
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    let Ok(call) = serde_json::from_str::<Value>(&text) else { break };
                    match hear(&shared, &call, &outlet, &mut connection_id) {
                        Heard::Answer(answer) => {
                            if outlet.send(answer.to_string()).is_err() {
                                break;
                            }
                        }
                        Heard::Nothing => {}
                        Heard::Cut => break,
                    }
                }
                Some(Ok(Message::Pong(_))) => cut_at = Instant::now() + settings.websocket_cut,
                Some(Ok(Message::Ping(_) | Message::Frame(_))) => {}
                Some(Err(Error::Capacity(_))) => {
                    let frame = CloseFrame { code: CloseCode::Size, reason: "".into() };
                    if socket.close(Some(frame)).await.is_err() {
                        break;
                    }
                    while let Some(Ok(_)) = socket.next().await {}
                    break;
                }
                Some(Ok(Message::Binary(_) | Message::Close(_)) | Err(_)) | None => break,
            },
        }
    }
    if let Some(id) = connection_id {
        let mut state = shared.lock();
        if let Some(connection) = state.hub.connections.get_mut(&id)
            && connection
                .outlet
                .as_ref()
                .is_some_and(|held| held.same_channel(&outlet))
        {
            connection.outlet = None;
        }
    }
}

enum Heard {
    Answer(Value),
    Nothing,
    Cut,
}

fn hear(
    shared: &Shared,
    call: &Value,
    outlet: &mpsc::UnboundedSender<String>,
    connection_id: &mut Option<String>,
) -> Heard {
    let seq = call["seq"].as_i64().unwrap_or(0);
    let action = call["action"].as_str().unwrap_or_default();
    if action == "authentication_challenge" {
        let token = call["data"]["token"].as_str().unwrap_or_default();
        if connection_id.is_some() {
            return Heard::Nothing;
        }
        let Some(id) = sign_in(shared, token, outlet, None) else {
            return Heard::Cut;
        };
        *connection_id = Some(id);
        let user_id = shared
            .lock()
            .session(token)
            .map_or_else(String::new, |(_, user)| user.id.clone());
        let status = json!({"event": "status_change", "data": {"status": "online", "user_id": user_id},
            "broadcast": {"omit_users": null, "user_id": user_id, "channel_id": "", "team_id": "",
                "connection_id": "", "omit_connection_id": ""}, "seq": 1});
        // The answer goes out before the change of status.
        let _ = outlet.send(json!({"status": "OK", "seq_reply": seq}).to_string());
        if let Some(connection) = shared
            .lock()
            .hub
            .connections
            .get_mut(connection_id.as_deref().unwrap_or_default())
        {
            connection.sequence = 1;
            connection.backlog.push_back((1, status.to_string()));
        }
        return Heard::Answer(status);
    }
    if connection_id.is_none() {
        return Heard::Nothing;
    }
    let fail = |id: &str, status: u16| {
        Heard::Answer(json!({"status": "FAIL", "seq_reply": seq, "error": {
            "id": id, "message": "The WebSocket call cannot be answered.", "detailed_error": "",
            "request_id": ambient::id(), "status_code": status}}))
    };
    if action.is_empty() {
        return fail("api.web_socket_router.no_action.app_error", 400);
    }
    if seq <= 0 {
        return fail("api.web_socket_router.bad_seq.app_error", 400);
    }
    if action == "ping" {
        return Heard::Answer(json!({"status": "OK", "seq_reply": seq, "data": {
            "node_id": "", "server_time": ambient::now_ms(), "text": "pong", "version": "11.6.0"}}));
    }
    fail("api.web_socket_router.bad_action.app_error", 500)
}

/// Starts or resumes a connection; `None` when the token opens nothing.
fn sign_in(
    shared: &Shared,
    token: &str,
    outlet: &mpsc::UnboundedSender<String>,
    resume: Option<&Resume>,
) -> Option<String> {
    let mut state = shared.lock();
    let (token, user) = state.session(token)?;
    let (token_id, user_id) = (token.id.clone(), user.id.clone());
    if let Some(resume) = resume
        && let Some(connection) = state.hub.connections.get_mut(&resume.connection_id)
        && connection.user_id == user_id
    {
        let oldest = connection
            .backlog
            .front()
            .map_or(connection.sequence + 1, |(seq, _)| *seq);
        if resume.sequence >= oldest && resume.sequence <= connection.sequence + 1 {
            for (_, text) in connection
                .backlog
                .iter()
                .filter(|(seq, _)| *seq >= resume.sequence)
            {
                let _ = outlet.send(text.clone());
            }
            connection.outlet = Some(outlet.clone());
            connection.token_id = token_id;
            return Some(resume.connection_id.clone());
        }
    }
    let id = ambient::id();
    let hello = json!({
        "event": "hello",
        "data": {"connection_id": id, "server_hostname": "mattermost-stand-in",
            "server_version": shared.version_id},
        "broadcast": {"omit_users": null, "user_id": user_id, "channel_id": "", "team_id": "",
            "connection_id": "", "omit_connection_id": ""},
        "seq": 0,
    });
    let _ = outlet.send(hello.to_string());
    state.hub.connections.insert(
        id.clone(),
        Connection {
            user_id,
            token_id,
            sequence: 0,
            backlog: VecDeque::from([(0, hello.to_string())]),
            outlet: Some(outlet.clone()),
        },
    );
    Some(id)
}
