//! What keeps an open page fresh: `GET /web/live` tells it when to ask again, as server-sent events, and `GET /web/waiting`
//! how many requests wait for its reader.
//!
//! The stream holds no contents: `changed` says that what the page shows is out of date, `lost` that nothing is known for
//! the moment, `beat` that the line is there. It ends with the session.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use serde::Deserialize;
use tokio::sync::broadcast::error::RecvError;
use wire::pb::types::AccessRequestScope;

use super::Browser;
use super::requests::list::{self, Asked};
use crate::live::{Page, Told};
use crate::proxy::Proxy;
use crate::session;
use crate::visitor::Visitor;

/// A sign of life, and after so many of them a look whether the session still stands.
const BEAT: Duration = Duration::from_secs(15);
const BEATS_PER_LOOK: u32 = 4;
/// Waiting requests are counted up to here.
const COUNTED_MAX: i32 = 100;

#[derive(Deserialize, Default)]
struct Query {
    /// The access request the page shows; empty: it shows many.
    #[serde(default)]
    request: String,
}

/// `GET /web/live`.
pub async fn show(
    State(proxy): State<Arc<Proxy>>,
    visitor: Visitor,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let Query { request } = axum::extract::Query::try_from_uri(&uri)
        .map(|axum::extract::Query(query)| query)
        .unwrap_or_default();
    let browser = Browser::new(&proxy, visitor, headers);
    match session::find(&proxy, &browser.visitor, &browser.headers).await {
        Ok(Some(_)) => {}
        // Without a session there is nothing to keep fresh; 204 tells a browser not to try again.
        Ok(None) => return StatusCode::NO_CONTENT.into_response(),
        Err(_) => return StatusCode::FORBIDDEN.into_response(),
    }
    let Some(page) = proxy.live.join(proxy.upstream.cluster(), &proxy.entropy) else {
        let later = [(header::RETRY_AFTER, HeaderValue::from_static("60"))];
        return (StatusCode::SERVICE_UNAVAILABLE, later).into_response();
    };
    let kind = [(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream"),
    )];
    (kind, Body::from_stream(events(proxy, browser, page, request))).into_response()
}

/// The events of one page, until its session ends or the proxy does.
fn events(
    proxy: Arc<Proxy>,
    browser: Browser,
    mut page: Page,
    request: String,
) -> impl futures::Stream<Item = Result<Bytes, std::convert::Infallible>> {
    let concerns = move |id: &str| request.is_empty() || request == id;
    async_stream::stream! {
        yield Ok(event("beat"));
        let mut beats = 0;
        loop {
            let told = tokio::select! {
                () = proxy.upstream.road().1.begun() => return,
                told = page.told.recv() => Some(told),
                () = tokio::time::sleep(BEAT) => None,
            };
            match told {
                Some(Ok(Told::Changed(id))) if !concerns(&id) => {}
                Some(Ok(Told::Changed(_) | Told::Begun) | Err(RecvError::Lagged(_))) => yield Ok(event("changed")),
                Some(Ok(Told::Lost)) => yield Ok(event("lost")),
                Some(Err(RecvError::Closed)) => return,
                None => {
                    beats += 1;
                    if beats % BEATS_PER_LOOK == 0 {
                        let found = session::find(&proxy, &browser.visitor, &browser.headers).await;
                        if !matches!(found, Ok(Some(_))) {
                            // The page asks again, and is sent to sign in.
                            yield Ok(event("changed"));
                            return;
                        }
                    }
                    yield Ok(event("beat"));
                }
            }
        }
    }
}

fn event(name: &'static str) -> Bytes {
    Bytes::from(format!("event: {name}\ndata:\n\n"))
}

/// `GET /web/waiting`: how many requests wait for the reader's review, as a number and nothing else.
pub async fn waiting(State(proxy): State<Arc<Proxy>>, visitor: Visitor, headers: HeaderMap) -> Response {
    let browser = Browser::new(&proxy, visitor, headers);
    let Ok(Some(person)) = browser.person().await else {
        return StatusCode::FORBIDDEN.into_response();
    };
    let asked = Asked::newest(AccessRequestScope::NeedsReview, COUNTED_MAX);
    match list::read(&browser, &person, asked).await {
        Ok((waiting, _)) => waiting.len().to_string().into_response(),
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}
