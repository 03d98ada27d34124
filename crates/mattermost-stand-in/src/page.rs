//! The page that shows the channels as they change. It reads; nothing can be done on it.

use std::convert::Infallible;
use std::sync::Arc;

use askama::Template;
use bytes::Bytes;
use futures::{StreamExt, stream};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, LOCATION, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Request, Response, StatusCode};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

use crate::markdown;
use crate::model::{Channel, Post};
use crate::server::{Body, decode, whole};
use crate::state::{Shared, State};

const STYLE: &str = include_str!("../static/style.css");
const SCRIPT: &str = include_str!("../static/app.js");
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
    img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[derive(Template)]
#[template(path = "page.html")]
struct Page {
    team: String,
    title: String,
    subtitle: String,
    is_direct: bool,
    archived: bool,
    groups: Vec<Group>,
    days: Vec<Day>,
}

struct Group {
    name: String,
    entries: Vec<Entry>,
}

struct Entry {
    mark: &'static str,
    name: String,
    address: String,
    current: bool,
    count: usize,
}

struct Day {
    name: String,
    posts: Vec<Shown>,
}

#[expect(clippy::struct_excessive_bools, reason = "what the template asks, one by one")]
struct Shown {
    id: String,
    author: String,
    initial: String,
    hue: u32,
    is_bot: bool,
    is_system: bool,
    time: String,
    moment: String,
    edited: bool,
    pinned: bool,
    html: String,
    replies: Vec<Shown>,
}

/// Answers what lies outside the REST calls.
pub fn respond(shared: &Arc<Shared>, request: &Request<Incoming>) -> Response<Body> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return text(
            StatusCode::METHOD_NOT_ALLOWED,
            "text/plain",
            "this page is read only\n",
        );
    }
    let path = decode(request.uri().path());
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    match segments.as_slice() {
        ["_page", "style.css"] => text(StatusCode::OK, "text/css; charset=utf-8", STYLE),
        ["_page", "app.js"] => text(StatusCode::OK, "text/javascript; charset=utf-8", SCRIPT),
        ["_page", "changes"] => changes(shared),
        [""] => start(shared),
        [team, "channels", channel] => {
            let state = shared.lock();
            let found = state
                .team_named(team)
                .and_then(|team| state.channel_named(&team.id, channel))
                .cloned();
            page(&state, found.as_ref())
        }
        ["direct", channel] => {
            let state = shared.lock();
            let found = state
                .channels
                .get(*channel)
                .filter(|found| found.is_direct())
                .cloned();
            page(&state, found.as_ref())
        }
        _ => text(StatusCode::NOT_FOUND, "text/plain", "there is no such page\n"),
    }
}

fn text(status: StatusCode, content_type: &'static str, body: &str) -> Response<Body> {
    let mut response = Response::new(whole(Bytes::from(body.to_owned())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// One line for each change, so that the page looks again.
fn changes(shared: &Arc<Shared>) -> Response<Body> {
    let watch = shared.changes.subscribe();
    let later = stream::unfold(watch, |mut watch| async move {
        watch.changed().await.ok()?;
        let count = *watch.borrow_and_update();
        Some((format!("data: {count}\n\n"), watch))
    });
    let lines = stream::once(async { "retry: 500\n\n".to_owned() })
        .chain(later)
        .map(|line| Ok::<_, Infallible>(Frame::data(Bytes::from(line))));
    let body = StreamBody::new(lines).map_err(|never| match never {}).boxed();
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Leads to the channel where something happened last.
fn start(shared: &Arc<Shared>) -> Response<Body> {
    let state = shared.lock();
    let busiest = state
        .channels
        .values()
        .max_by_key(|channel| (channel.last_post_at, channel.create_at));
    let Some(channel) = busiest else {
        return page(&state, None);
    };
    let mut response = text(StatusCode::SEE_OTHER, "text/plain", "");
    if let Ok(address) = HeaderValue::from_str(&address(&state, channel)) {
        response.headers_mut().insert(LOCATION, address);
    }
    response
}

fn address(state: &State, channel: &Channel) -> String {
    match state.teams.get(&channel.team_id) {
        Some(team) => format!("/{}/channels/{}", team.name, channel.name),
        None => format!("/direct/{}", channel.id),
    }
}

fn page(state: &State, channel: Option<&Channel>) -> Response<Body> {
    let name = |channel: &Channel| {
        if !channel.is_direct() {
            return if channel.display_name.is_empty() {
                channel.name.clone()
            } else {
                channel.display_name.clone()
            };
        }
        let mut people: Vec<(bool, &str)> = channel
            .members
            .iter()
            .filter_map(|id| state.users.get(id))
            .map(|user| (user.bot.is_some(), user.username.as_str()))
            .collect();
        people.sort_unstable();
        people
            .iter()
            .map(|(_, name)| *name)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let entry = |found: &Channel| Entry {
        mark: match found.kind {
            'P' => "private",
            'D' => "direct",
            _ => "public",
        },
        name: name(found),
        address: address(state, found),
        current: channel.is_some_and(|channel| channel.id == found.id),
        count: state
            .posts_in(&found.id)
            .filter(|post| post.delete_at == 0 && post.kind.is_empty() && post.root_id.is_empty())
            .count(),
    };
    let mut groups: Vec<Group> = state
        .teams
        .values()
        .map(|team| Group {
            name: if team.display_name.is_empty() {
                team.name.clone()
            } else {
                team.display_name.clone()
            },
            entries: sorted(
                state
                    .channels
                    .values()
                    .filter(|found| found.team_id == team.id)
                    .map(entry),
            ),
        })
        .collect();
    groups.sort_by(|one, other| one.name.cmp(&other.name));
    let direct = sorted(
        state
            .channels
            .values()
            .filter(|found| found.is_direct())
            .map(entry),
    );
    if !direct.is_empty() {
        groups.push(Group {
            name: "Direct messages".to_owned(),
            entries: direct,
        });
    }
    let template = Page {
        team: channel
            .and_then(|channel| state.teams.get(&channel.team_id))
            .map_or_else(String::new, |team| team.name.clone()),
        title: channel.map_or_else(|| "No channels yet".to_owned(), name),
        subtitle: channel.map_or_else(String::new, |channel| match channel.kind {
            'D' => "Direct message".to_owned(),
            'P' => format!("Private channel, {} members", channel.members.len()),
            _ => format!("Public channel, {} members", channel.members.len()),
        }),
        is_direct: channel.is_some_and(Channel::is_direct),
        archived: channel.is_some_and(|channel| channel.delete_at > 0),
        groups,
        days: channel.map_or_else(Vec::new, |channel| days(state, channel)),
    };
    match template.render() {
        Ok(html) => text(StatusCode::OK, "text/html; charset=utf-8", &html),
        Err(error) => text(
            StatusCode::INTERNAL_SERVER_ERROR,
            "text/plain",
            &format!("the page cannot be shown: {error}\n"),
        ),
    }
}

fn sorted(entries: impl Iterator<Item = Entry>) -> Vec<Entry> {
    let mut entries: Vec<Entry> = entries.collect();
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    entries
}

fn days(state: &State, channel: &Channel) -> Vec<Day> {
    let mut days: Vec<Day> = Vec::new();
    let roots = state
        .posts_in(&channel.id)
        .filter(|post| post.delete_at == 0 && post.original_id.is_empty() && post.root_id.is_empty());
    for post in roots {
        let name = utc(post.create_at).strftime("%A, %-d %B %Y").to_string();
        let mut shown = shown(state, post);
        shown.replies = state
            .replies(post)
            .into_iter()
            .map(|reply| self::shown(state, reply))
            .collect();
        match days.last_mut() {
            Some(day) if day.name == name => day.posts.push(shown),
            _ => days.push(Day {
                name,
                posts: vec![shown],
            }),
        }
    }
    days
}

fn shown(state: &State, post: &Post) -> Shown {
    let user = state.users.get(&post.user_id);
    let author = user.map_or_else(
        || "unknown".to_owned(),
        |user| {
            if user.first_name.is_empty() {
                user.username.clone()
            } else {
                user.first_name.clone()
            }
        },
    );
    let at = utc(post.create_at);
    Shown {
        id: post.id.clone(),
        initial: author.chars().next().unwrap_or('?').to_uppercase().to_string(),
        hue: post
            .user_id
            .bytes()
            .fold(0_u32, |sum, byte| (sum * 31 + u32::from(byte)) % 12),
        is_bot: user.is_some_and(|user| user.bot.is_some()),
        is_system: !post.kind.is_empty(),
        time: at.strftime("%H:%M").to_string(),
        moment: at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        edited: post.edit_at > 0,
        pinned: post.is_pinned,
        html: markdown::html(&post.message),
        replies: Vec::new(),
        author,
    }
}

fn utc(ms: i64) -> DateTime {
    Offset::UTC.to_datetime(Timestamp::from_millisecond(ms).unwrap_or_default())
}
