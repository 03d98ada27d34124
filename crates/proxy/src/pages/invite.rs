//! Accepting an invitation, or starting afresh after a reset: a password, and a passkey or an authenticator application.
//!
//! Opening the link changes nothing, so that programs which look at links in messages do no harm. Pressing the button
//! makes the secret; the page then carries it through every mistake, so that nobody has to scan twice.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use wire::pb::countersign::v1 as ours;
use wire::pb::countersign::v1::invite::Kind;
use wire::status::{Class, Failure};

use super::message::{self, Message};
use super::{Browser, Frame, see_other, unread};
use crate::api::invites::{self, Accepting};
use crate::proxy::Proxy;
use crate::qr::Square;
use crate::text::When;
use crate::visitor::Visitor;
use crate::{body, cookie, text};

/// What the application is called in the list of somebody's devices.
const DEVICE_NAME: &str = "otp-device";
/// What the authenticator is called there.
const KEY_NAME: &str = "passkey";
/// How the forms name it.
const KEY: &str = "key";
/// How every address of an authenticator's secret begins.
const SECRET_SCHEME: &str = "otpauth://totp/";
/// Longer than any such address of ours.
const SECRET_BYTES_MAX: usize = 1_024;

/// Whom the link is for.
struct Link {
    user: String,
    is_reset: bool,
    expires: Option<When>,
    needs_code: bool,
    /// Whether authenticators can be set up, and applications.
    keys: bool,
    codes: bool,
}

/// Before anything happens.
#[derive(Template)]
#[template(path = "invite.html")]
struct Welcome {
    frame: Frame,
    link: Link,
}

/// Choosing a password and setting up the application.
#[derive(Template)]
#[template(path = "invite_setup.html")]
struct Setup {
    frame: Frame,
    link: Link,
    secret: Option<Secret>,
    /// What a new authenticator is asked.
    options: Option<String>,
    errors: Errors,
}

/// What is set up beside the password.
enum Factor {
    Nothing,
    App(Secret),
    /// What a new authenticator is asked.
    Key(String),
}

/// The secret as people and applications read it.
pub struct Secret {
    /// `otpauth://…`
    pub address: String,
    /// In groups of four.
    pub groups: Vec<String>,
    /// The side of the square, and its dark modules as a path.
    pub side: usize,
    /// The same.
    pub path: String,
}

/// What is wrong, beside each field.
#[derive(Default)]
struct Errors {
    general: String,
    password: String,
    repeat: String,
    code: String,
}

/// The fields of both forms.
#[derive(Deserialize)]
struct Fields {
    #[serde(default)]
    forms: String,
    #[serde(default)]
    step: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    repeat: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    secret: String,
    /// `key` for an authenticator.
    #[serde(default)]
    kind: String,
    #[serde(default)]
    answer: String,
}

/// `GET /web/invite/{token}`, `GET /web/reset/{token}`.
pub async fn show(
    State(proxy): State<Arc<Proxy>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(token): Path<String>,
) -> Response {
    let browser = Browser::new(&proxy, visitor, headers);
    match invites::invite(&proxy, &browser.visitor, &token).await {
        Ok(invite) => browser.page(
            StatusCode::OK,
            &Welcome {
                frame: browser.frame(None),
                link: link(&browser, &invite),
            },
        ),
        Err(failure) => no_link(&browser, &failure),
    }
}

/// `POST /web/invite/{token}`, `POST /web/reset/{token}`.
pub async fn submit(
    State(proxy): State<Arc<Proxy>>,
    visitor: Visitor,
    Path(token): Path<String>,
    request: Request,
) -> Response {
    let (headers, fields) = match body::form::<Fields>(&proxy, request).await {
        Ok(read) => read,
        Err(error) => return unread(error),
    };
    let browser = Browser::new(&proxy, visitor, headers);
    if !browser.sent(&fields.forms) {
        return browser.message(message::stale_form(), None);
    }
    let invite = match invites::invite(&proxy, &browser.visitor, &token).await {
        Ok(invite) => invite,
        Err(failure) => return no_link(&browser, &failure),
    };
    if fields.step == "finish" {
        finish(&browser, token, &invite, fields).await
    } else {
        begin(&browser, &token, &invite, &fields.kind).await
    }
}

/// Makes the secret, or asks for an authenticator, if one is needed.
async fn begin(browser: &Browser, token: &str, invite: &ours::Invite, kind: &str) -> Response {
    let factor = if kind == KEY {
        match ask(browser, token, invite).await {
            Ok(factor) => factor,
            Err(failure) => return no_link(browser, &failure),
        }
    } else if invite.second_factor_required {
        match invites::enrol(&browser.proxy, &browser.visitor, token).await {
            Ok(enrolled) => Secret::of(enrolled.url).map_or(Factor::Nothing, Factor::App),
            Err(failure) => return no_link(browser, &failure),
        }
    } else {
        Factor::Nothing
    };
    setup(browser, StatusCode::OK, invite, factor, Errors::default())
}

/// Asks for an authenticator; it is to sign in alone where that is allowed.
async fn ask(browser: &Browser, token: &str, invite: &ours::Invite) -> Result<Factor, Failure> {
    let alone = invite.passwordless_allowed;
    let options = invites::register(&browser.proxy, &browser.visitor, token, alone).await?;
    Ok(Factor::Key(wire::mfa::browser::creation(&options).to_string()))
}

/// Spends the link, or shows what is wrong where it is wrong.
async fn finish(browser: &Browser, token: String, invite: &ours::Invite, fields: Fields) -> Response {
    let with_key = fields.kind == KEY;
    let secret = Secret::of(fields.secret);
    let code: String = fields.code.chars().filter(|c| !c.is_whitespace()).collect();
    let webauthn = serde_json::from_str(&fields.answer)
        .ok()
        .and_then(|json| wire::mfa::browser::creation_answer(&json))
        .filter(|_| with_key);
    let mut errors = Errors::default();
    if fields.password.is_empty() {
        "Choose a password.".clone_into(&mut errors.password);
    } else if fields.password != fields.repeat {
        "The two passwords are not the same.".clone_into(&mut errors.repeat);
    }
    if with_key && webauthn.is_none() {
        "The passkey was not made. Press the button, and confirm what your browser asks."
            .clone_into(&mut errors.code);
    } else if !with_key && invite.second_factor_required && code.is_empty() {
        "Type the code that your authenticator app shows now.".clone_into(&mut errors.code);
    }
    let again = async |secret: Option<Secret>| {
        if with_key {
            return ask(browser, &token, invite).await;
        }
        Ok(secret.map_or(Factor::Nothing, Factor::App))
    };
    if !errors.is_empty() {
        return match again(secret).await {
            Ok(factor) => setup(browser, StatusCode::BAD_REQUEST, invite, factor, errors),
            Err(failure) => no_link(browser, &failure),
        };
    }
    let accepting = Accepting {
        token: token.clone(),
        password: fields.password.into_bytes(),
        code,
        webauthn,
        device_name: if with_key { KEY_NAME } else { DEVICE_NAME }.to_owned(),
    };
    match invites::spend(&browser.proxy, &browser.visitor, &browser.headers, accepting).await {
        Ok(opened) => {
            let mut response = see_other("/web?welcome");
            let cookies = response.headers_mut();
            if let Some(opened) = opened {
                cookies.append(header::SET_COOKIE, cookie::session(&opened.user, &opened.id));
            }
            cookies.append(header::SET_COOKIE, cookie::forms(&browser.proxy.secret()));
            response
        }
        Err(failure) => match again(secret).await {
            Ok(factor) => refused(browser, invite, factor, &failure),
            Err(_) => no_link(browser, &failure),
        },
    }
}

fn refused(browser: &Browser, invite: &ours::Invite, factor: Factor, failure: &Failure) -> Response {
    let said = failure.message();
    let mut errors = Errors::default();
    let status = match failure.class() {
        Class::AccessDenied if said == "bad or expired token" => return no_link(browser, failure),
        Class::AccessDenied if said.starts_with("invalid one time token") => {
            "That code is not right. It changes every 30 seconds: type the one shown now. If it stays wrong, \
             check that the clock of your phone is right."
                .clone_into(&mut errors.code);
            StatusCode::FORBIDDEN
        }
        Class::AccessDenied if said.starts_with("the authenticator was not registered") => {
            errors.code = format!("{}.", text::capitalised(&text::visible(said)));
            StatusCode::FORBIDDEN
        }
        Class::AccessDenied => {
            errors.general = format!("The cluster refused: {}.", text::visible(said));
            StatusCode::FORBIDDEN
        }
        Class::BadParameter if said.starts_with("password") => {
            errors.password = format!("{}.", text::capitalised(&text::visible(said)));
            StatusCode::BAD_REQUEST
        }
        Class::BadParameter | Class::CompareFailed | Class::NotImplemented => {
            errors.general = format!("{}.", text::capitalised(&text::visible(said)));
            StatusCode::BAD_REQUEST
        }
        Class::LimitExceeded => {
            errors.general = format!("Too many tries: {}.", text::visible(said));
            StatusCode::TOO_MANY_REQUESTS
        }
        _ => return browser.failure(failure, None),
    };
    setup(browser, status, invite, factor, errors)
}

fn setup(
    browser: &Browser,
    status: StatusCode,
    invite: &ours::Invite,
    factor: Factor,
    errors: Errors,
) -> Response {
    let (secret, options) = match factor {
        Factor::Nothing => (None, None),
        Factor::App(secret) => (Some(secret), None),
        Factor::Key(options) => (None, Some(options)),
    };
    let page = Setup {
        frame: browser.frame(None),
        link: link(browser, invite),
        secret,
        options,
        errors,
    };
    browser.page(status, &page)
}

fn link(browser: &Browser, invite: &ours::Invite) -> Link {
    let now = browser.proxy.clock.now();
    Link {
        user: text::visible(&invite.user),
        is_reset: invite.kind() == Kind::Reset,
        expires: wire::convert::moment(invite.expires.as_ref()).map(|end| When::of(end, now, &browser.look)),
        needs_code: invite.second_factor_required,
        keys: invite.webauthn_allowed,
        codes: invite.totp_allowed,
    }
}

/// Unknown, used, expired: one page for all of them.
fn no_link(browser: &Browser, failure: &Failure) -> Response {
    if failure.class() != Class::AccessDenied {
        return browser.failure(failure, None);
    }
    let message = Message::new(
        StatusCode::FORBIDDEN,
        "This link does not work",
        "It has been used, it is too old, or it was not copied as a whole. A link works once.",
    )
    .hint(
        "If you have set up your account already, sign in. Otherwise ask your administrator for a new link:",
    )
    .command("tctl users reset NAME")
    .link("Sign in", "/web/login");
    browser.message(message, None)
}

impl Errors {
    fn is_empty(&self) -> bool {
        [&self.general, &self.password, &self.repeat, &self.code]
            .iter()
            .all(|error| error.is_empty())
    }
}

impl Secret {
    /// `None` if it is no such address: the form brings it back, and a form can say anything.
    pub fn of(address: String) -> Option<Self> {
        let well_formed = address.len() <= SECRET_BYTES_MAX
            && address.starts_with(SECRET_SCHEME)
            && address.bytes().all(|byte| byte.is_ascii_graphic());
        if !well_formed {
            return None;
        }
        let (_, query) = address.split_once('?')?;
        let secret = query.split('&').find_map(|pair| pair.strip_prefix("secret="))?;
        let is_base32 = |byte: u8| byte.is_ascii_uppercase() || (b'2'..=b'7').contains(&byte);
        if secret.is_empty() || !secret.bytes().all(is_base32) {
            return None;
        }
        let groups = secret
            .as_bytes()
            .chunks(4)
            .map(|four| String::from_utf8_lossy(four).into_owned())
            .collect();
        let square = Square::of(&address)?;
        Some(Self {
            groups,
            side: square.side(),
            path: square.path(),
            address,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_address_of_a_secret_is_drawn_again() {
        let good =
            "otpauth://totp/c:bob@x:1?algorithm=SHA1&digits=6&issuer=c&period=30&secret=ABCDEFGH234567AB";
        let secret = Secret::of(good.to_owned()).unwrap();
        assert_eq!(secret.groups, ["ABCD", "EFGH", "2345", "67AB"]);
        for bad in [
            "",
            "https://evil.example/?secret=ABCD",
            "otpauth://hotp/x?secret=ABCD",
            "otpauth://totp/x",
            "otpauth://totp/x?secret=",
            "otpauth://totp/x?secret=abcd",
            "otpauth://totp/x?secret=AB%20CD",
            "otpauth://totp/x y?secret=ABCD",
        ] {
            assert!(Secret::of(bad.to_owned()).is_none(), "{bad}");
        }
        assert!(Secret::of(format!("otpauth://totp/{}?secret=ABCD", "x".repeat(2_000))).is_none());
    }
}
