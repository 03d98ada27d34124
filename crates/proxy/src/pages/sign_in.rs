//! Signing in: name, password and code in one form, or a security key in a second one, or a passkey alone; then back to
//! where one was going.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode, Uri, header};
use serde::Deserialize;
use wire::mfa::browser;
use wire::pb::countersign::v1 as ours;
use wire::pb::webauthn::CredentialAssertionResponse;
use wire::status::{Class, Failure};

use super::{Browser, Frame, message, see_other, unread};
use crate::api::login;
use crate::proxy::Proxy;
use crate::session::Credentials;
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
    /// Whether authenticators are a second factor, and whether one alone signs in.
    keys: bool,
    passwordless: bool,
}

/// The second half: an authenticator is asked.
#[derive(Template)]
#[template(path = "sign_in_key.html")]
struct KeyPage {
    frame: Frame,
    next: String,
    /// As it is shown, and as it is sent.
    user: String,
    name: String,
    options: String,
    has_app: bool,
    back: String,
}

/// The fields of the form.
#[derive(Deserialize)]
struct Fields {
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
    /// `passkey`: begin without a name; `key`: an authenticator has answered; empty: name and password.
    #[serde(default)]
    step: String,
    #[serde(default)]
    answer: String,
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
    let (keys, passwordless) = ways(&browser).await;
    browser.page(
        StatusCode::OK,
        &Page {
            keys,
            passwordless,
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
    let (headers, asked) = match body::form::<Fields>(&proxy, request).await {
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
    let user = asked.user.trim().to_owned();
    let code: String = asked.code.chars().filter(|c| !c.is_whitespace()).collect();
    let credentials = match asked.step.as_str() {
        "passkey" => match login::asking(&proxy, &browser.visitor, String::new(), Vec::new(), true).await {
            Ok(begun) => return key_page(&browser, &next, "", &begun),
            Err(failure) => return refused(&browser, &failure, next, &user).await,
        },
        "key" => match answer(&asked.answer) {
            Some(answer) => Credentials::signed(user.clone(), answer),
            None => return refused(&browser, &unreadable(), next, &user).await,
        },
        _ if code.is_empty() => {
            let password = asked.password.clone().into_bytes();
            match login::asking(&proxy, &browser.visitor, user.clone(), password, false).await {
                Ok(begun) if begun.webauthn.is_some() => return key_page(&browser, &next, &user, &begun),
                Ok(begun) if begun.totp => {
                    let failure = Failure::bad_parameter("type the code that your authenticator app shows");
                    return refused(&browser, &failure, next, &user).await;
                }
                Ok(_) => Credentials::with_code(user.clone(), asked.password.into_bytes(), code),
                Err(failure) => return refused(&browser, &failure, next, &user).await,
            }
        }
        _ => Credentials::with_code(user.clone(), asked.password.into_bytes(), code),
    };
    match session::open(&proxy, &browser.visitor, &browser.headers, credentials).await {
        Ok(opened) => {
            let mut response = see_other(&next);
            let cookies = response.headers_mut();
            cookies.append(header::SET_COOKIE, cookie::session(&opened.user, &opened.id));
            cookies.append(header::SET_COOKIE, cookie::forms(&proxy.secret()));
            response
        }
        Err(failure) => refused(&browser, &failure, next, &user).await,
    }
}

/// What the script has put into a form.
pub fn answer(text: &str) -> Option<CredentialAssertionResponse> {
    browser::assertion_answer(&serde_json::from_str(text).ok()?)
}

/// What is said of a form whose answer cannot be read.
pub fn unreadable() -> Failure {
    Failure::bad_parameter("the answer of the security key did not arrive; try again")
}

/// Asks the authenticators of `user`, or whoever is there.
fn key_page(browser: &Browser, next: &str, user: &str, begun: &ours::BeginResponse) -> Response {
    let asked = begun.webauthn.clone().unwrap_or_default();
    let page = KeyPage {
        frame: browser.frame(None),
        next: next.to_owned(),
        user: text::visible(user),
        name: user.to_owned(),
        options: browser::assertion(&asked).to_string(),
        has_app: begun.totp,
        back: format!("/web/login?next={next}"),
    };
    browser.page(StatusCode::OK, &page)
}

/// Whether authenticators are a second factor here, and whether one alone signs in. While the cluster does not say, no.
async fn ways(browser: &Browser) -> (bool, bool) {
    let settings = browser.proxy.discovery.settings(&browser.proxy).await;
    settings.map_or((false, false), |settings| settings.authenticators())
}

/// The form again, with what was wrong. Which of the three it was is not told.
async fn refused(browser: &Browser, failure: &Failure, next: String, user: &str) -> Response {
    let (status, error) = match failure.class() {
        Class::AccessDenied if failure.message().starts_with("invalid ") => (
            StatusCode::FORBIDDEN,
            "Name, password, code or key is not right. After several wrong tries an account is closed for a while.".to_owned(),
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
    let (keys, passwordless) = ways(browser).await;
    let page = Page {
        keys,
        passwordless,
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
