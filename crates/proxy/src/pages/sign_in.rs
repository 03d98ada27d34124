//! Signing in: name, password and code in one form; then back to where one was going.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode, Uri, header};
use serde::Deserialize;
use wire::status::{Class, Failure};

use super::{Browser, Frame, message, see_other, unread};
use crate::proxy::Proxy;
use crate::visitor::Visitor;
use crate::{body, cookie, session, text};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct Page {
    frame: Frame,
    next: String,
    user: String,
    error: String,
    note: &'static str,
    wanted: &'static str,
}

/// The fields of the form.
#[derive(Deserialize)]
struct Credentials {
    #[serde(default)]
    forms: String,
    #[serde(default)]
    next: String,
    #[serde(default)]
    user: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    code: String,
}

/// What the address says.
#[derive(Deserialize, Default)]
struct Query {
    #[serde(default)]
    next: String,
    out: Option<String>,
    changed: Option<String>,
}

/// The address of the form for somebody who was going to `uri`.
pub fn address(uri: &Uri) -> String {
    let next = uri.path_and_query().map_or("/web", |path| path.as_str());
    let next: String = next
        .bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect();
    format!("/web/login?next={next}")
}

/// Where to go after signing in: one of our own pages, whatever was asked for.
pub fn destination(next: &str) -> &str {
    const START: &str = "/web";
    let is_page = next
        .strip_prefix(START)
        .is_some_and(|below| below.is_empty() || below.starts_with(['/', '?']));
    let is_plain = next
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !b"\\\"'<>`{}|^#".contains(&byte));
    let climbs = next.contains("//") || next.split(['/', '?']).any(|part| matches!(part, "." | ".."));
    let is_encoded_climb =
        next.to_ascii_lowercase().contains("%2e") || next.to_ascii_lowercase().contains("%2f");
    let leads_here = next.starts_with("/web/login") || next.starts_with("/web/logout");
    if is_page && is_plain && !climbs && !is_encoded_climb && !leads_here && next.len() <= 1_024 {
        next
    } else {
        START
    }
}

/// `GET /web/login`.
pub async fn show(
    State(proxy): State<Arc<Proxy>>,
    visitor: Visitor,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let browser = Browser::new(&proxy, visitor, headers);
    let Query { next, out, changed } = axum::extract::Query::try_from_uri(&uri)
        .map(|axum::extract::Query(query)| query)
        .unwrap_or_default();
    let next = destination(&next);
    match browser.person().await {
        Ok(Some(_)) => return see_other(next),
        Ok(None) => {}
        // Who is locked out may still want to sign in as somebody else.
        Err(failure) if failure.class() == Class::AccessDenied => {}
        Err(failure) => return browser.failure(&failure, None),
    }
    browser.page(
        StatusCode::OK,
        &Page {
            frame: browser.frame(None),
            wanted: wanted(next),
            next: next.to_owned(),
            user: String::new(),
            error: String::new(),
            note: match (out, changed) {
                (_, Some(_)) => "Your password is changed. Sign in with it, and with the next code.",
                (Some(_), None) => "You are signed out.",
                (None, None) => "",
            },
        },
    )
}

/// `POST /web/login`.
pub async fn submit(State(proxy): State<Arc<Proxy>>, visitor: Visitor, request: Request) -> Response {
    let (headers, asked) = match body::form::<Credentials>(&proxy, request).await {
        Ok(read) => read,
        Err(error) => return unread(error),
    };
    let browser = Browser::new(&proxy, visitor, headers);
    if !browser.sent(&asked.forms) {
        return browser.message(
            message::stale_form().link("Open the sign-in page", "/web/login"),
            None,
        );
    }
    let next = destination(&asked.next).to_owned();
    let code: String = asked.code.chars().filter(|c| !c.is_whitespace()).collect();
    let user = asked.user.trim().to_owned();
    let opened = session::open(
        &proxy,
        &browser.visitor,
        &browser.headers,
        user.clone(),
        asked.password.into_bytes(),
        code,
    )
    .await;
    match opened {
        Ok(opened) => {
            let mut response = see_other(&next);
            let cookies = response.headers_mut();
            cookies.append(header::SET_COOKIE, cookie::session(&opened.user, &opened.id));
            cookies.append(header::SET_COOKIE, cookie::forms(&proxy.secret()));
            response
        }
        Err(failure) => refused(&browser, &failure, next, &user),
    }
}

/// The form again, with what was wrong. Which of the three it was is not told.
fn refused(browser: &Browser, failure: &Failure, next: String, user: &str) -> Response {
    let (status, error) = match failure.class() {
        Class::AccessDenied if failure.message().starts_with("invalid ") => (
            StatusCode::FORBIDDEN,
            "Name, password or code is not right. After several wrong tries an account is closed for a while.".to_owned(),
        ),
        Class::AccessDenied => (
            StatusCode::FORBIDDEN,
            format!("You cannot sign in: {}.", text::visible(failure.message())),
        ),
        Class::LimitExceeded => (
            StatusCode::TOO_MANY_REQUESTS,
            format!("Too many tries from your address: {}.", text::visible(failure.message())),
        ),
        Class::BadParameter | Class::NotImplemented => (
            StatusCode::BAD_REQUEST,
            format!("That did not work: {}.", text::visible(failure.message())),
        ),
        _ => return browser.failure(failure, None),
    };
    let page = Page {
        frame: browser.frame(None),
        wanted: wanted(&next),
        next,
        user: text::visible(user),
        error,
        note: "",
    };
    browser.page(status, &page)
}

/// Why somebody who was going somewhere is asked.
fn wanted(next: &str) -> &'static str {
    if next.starts_with("/web/requests/") {
        "Sign in to see this access request."
    } else if next.starts_with("/web/requests") {
        "Sign in to see the access requests."
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_comes_back_to_our_own_pages() {
        for next in [
            "/web",
            "/web/requests",
            "/web/requests/0198-ab",
            "/web/requests?scope=mine",
            "/web?welcome",
        ] {
            assert_eq!(destination(next), next);
        }
    }

    #[test]
    fn and_nowhere_else() {
        for next in [
            "",
            "/",
            "web",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example",
            "https:evil.example",
            "https:/evil.example",
            "http://localhost:3080/web",
            "https://localhost:3080/web",
            "https://user@evil.example/web",
            "https://localhost:3080@evil.example/web",
            "javascript:alert(1)",
            "JAVASCRIPT:alert(1)",
            "data:text/html,x",
            "/webevil",
            "/web.evil.example",
            "/web@evil.example",
            "/web:8080",
            "/web//evil.example",
            "/web/../../evil",
            "/web/..//evil.example",
            "/web/./x",
            "/web/%2e%2e/%2e%2e/webapi",
            "/web/%2E%2E/x",
            "/web%2f%2fevil.example",
            "/web/\\evil.example",
            "/web/\u{2215}evil",
            "/web/x\r\nSet-Cookie: a=b",
            "/web/x\n",
            "/web/x\t",
            "/web/ x",
            " /web",
            "\t/web",
            "/web/\"><script>",
            "/web/'",
            "/web/#//evil.example",
            "/webapi/ping",
            "/v1/webapi/ping",
            "/WEB",
            "https://127.0.0.1",
            "https://[::1]/web",
            "https://2130706433/",
            "https://localhost.evil.example",
            "//localhost:3080",
            "/web/login",
            "/web/login?next=/web/login",
            "/web/logout",
            "..",
            "./web",
            "?/web",
            "#/web",
            "ftp://evil.example",
            "mailto:x@evil.example",
            "blob:https://evil.example",
            "view-source:https://evil.example",
        ] {
            assert_eq!(destination(next), "/web", "{next:?}");
        }
        assert_eq!(destination(&format!("/web/{}", "x".repeat(2_000))), "/web");
    }

    #[test]
    fn the_address_of_the_form_carries_the_way_back() {
        let uri: Uri = "/web/requests?scope=mine&x=%22".parse().unwrap();
        assert_eq!(
            address(&uri),
            "/web/login?next=/web/requests%3Fscope%3Dmine%26x%3D%2522"
        );
    }
}
