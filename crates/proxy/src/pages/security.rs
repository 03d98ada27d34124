//! One's own account: second factors and sessions.
//!
//! Adding and removing a factor takes three steps at most: what is wanted, a fresh proof with a factor one has, and for a
//! new one its first answer. A session alone, which may be stolen, changes nothing here but that it ends.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode, Uri};
use serde::Deserialize;
use wire::mfa::browser;
use wire::pb::countersign::v1 as ours;
use wire::pb::proto::{
    AddMfaDeviceSyncRequest, CreateAuthenticateChallengeRequest, CreateRegisterChallengeRequest,
    DeleteMfaDeviceSyncRequest, DeviceType, DeviceUsage, GetMfaDevicesRequest, MfaAuthenticateResponse,
    MfaRegisterResponse, TotpRegisterResponse, TotpResponse, mfa_authenticate_response,
    mfa_register_challenge, mfa_register_response,
};
use wire::pb::teleport::mfa::v1::{ChallengeExtensions, ChallengeScope};
use wire::pb::types::{MfaDevice, mfa_device};
use wire::status::{Class, Failure};

use super::account::signed_out;
use super::invite::Secret;
use super::sign_in::{answer, unreadable};
use super::{Browser, Frame, Person, message, unread};
use crate::proxy::Proxy;
use crate::text::When;
use crate::upstream::{for_visitor, of_person};
use crate::visitor::Visitor;
use crate::{body, text};

/// The kinds that can be added, as the form names them.
const APP: &str = "app";
const KEY: &str = "key";
const PASSKEY: &str = "passkey";

#[derive(Template)]
#[template(path = "security.html")]
struct Page {
    frame: Frame,
    devices: Vec<Device>,
    sessions: Vec<Session>,
    keys: bool,
    passwordless: bool,
    note: String,
    error: String,
}

struct Device {
    name: String,
    /// As the form sends it.
    id: String,
    kind: &'static str,
    added: Option<When>,
    used: Option<When>,
}

struct Session {
    opened: Option<When>,
    expires: Option<When>,
    address: String,
    own: bool,
}

/// A factor one has is to be shown.
#[derive(Template)]
#[template(path = "security_prove.html")]
struct Prove {
    frame: Frame,
    what: String,
    wish: Wish,
    /// What an authenticator is asked; empty if there is none.
    options: String,
    has_app: bool,
    error: String,
}

/// A new authenticator is asked.
#[derive(Template)]
#[template(path = "security_make.html")]
struct Make {
    frame: Frame,
    wish: Wish,
    options: String,
    passwordless: bool,
}

/// A new app is shown its secret.
#[derive(Template)]
#[template(path = "security_app.html")]
struct App {
    frame: Frame,
    wish: Wish,
    id: String,
    secret: Secret,
    error: String,
}

/// What somebody wants, carried through the steps.
#[derive(Clone, Default)]
struct Wish {
    /// `add` or `remove`.
    deed: String,
    kind: String,
    name: String,
    device: String,
}

/// The fields of all forms.
#[derive(Deserialize)]
struct Fields {
    #[serde(default)]
    forms: String,
    /// `add`, `remove`, `finish` or `everywhere`.
    #[serde(default)]
    step: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    device: String,
    /// A code of an app.
    #[serde(default)]
    code: String,
    /// What an authenticator answered.
    #[serde(default)]
    answer: String,
    /// Under what an app is being set up, and its secret.
    #[serde(default)]
    id: String,
    #[serde(default)]
    secret: String,
}

/// `GET /web/account/security`, also known as `/web/account/twofactor`.
pub async fn show(
    State(proxy): State<Arc<Proxy>>,
    visitor: Visitor,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let browser = Browser::new(&proxy, visitor, headers);
    match browser.require_person(&uri).await {
        Ok(person) => page(&browser, &person, StatusCode::OK, "", String::new()).await,
        Err(answer) => answer,
    }
}

/// `POST /web/account/security`.
pub async fn submit(
    State(proxy): State<Arc<Proxy>>,
    visitor: Visitor,
    uri: Uri,
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
    let person = match browser.require_person(&uri).await {
        Ok(person) => person,
        Err(answer) => return answer,
    };
    let done = match fields.step.as_str() {
        "everywhere" => everywhere(&browser, &person).await,
        "add" | "remove" => change(&browser, &person, fields).await,
        "finish" => finish(&browser, &person, fields).await,
        _ => Err(Failure::bad_parameter("choose what is to be done")),
    };
    match done {
        Ok(answer) => answer,
        Err(failure) => refused(&browser, &person, &failure).await,
    }
}

/// Adds or removes, or asks for the proof first.
async fn change(browser: &Browser, person: &Person, fields: Fields) -> Result<Response, Failure> {
    let wish = Wish {
        deed: fields.step.clone(),
        kind: fields.kind.clone(),
        name: fields.name.trim().to_owned(),
        device: fields.device.clone(),
    };
    if wish.deed == "add" && ![APP, KEY, PASSKEY].contains(&wish.kind.as_str()) {
        return Err(Failure::bad_parameter("choose what kind of factor to add"));
    }
    let Some(proof) = proof(&fields)? else {
        return prove(browser, person, wish, String::new(), StatusCode::OK).await;
    };
    let made = if wish.deed == "remove" {
        remove(browser, person, &wish, proof).await
    } else {
        begin(browser, person, &wish, proof).await
    };
    match made {
        // The proof was not right: ask again, with what was wanted kept.
        Err(failure)
            if failure.class() == Class::AccessDenied && failure.message().starts_with("invalid ") =>
        {
            let error = "That was not right, or was used already. Try again.".to_owned();
            prove(browser, person, wish, error, StatusCode::FORBIDDEN).await
        }
        other => other,
    }
}

/// The factor that was shown, if one was.
fn proof(fields: &Fields) -> Result<Option<MfaAuthenticateResponse>, Failure> {
    let code: String = fields.code.chars().filter(|c| !c.is_whitespace()).collect();
    let response = if !fields.answer.is_empty() {
        let answer = answer(&fields.answer).ok_or_else(unreadable)?;
        mfa_authenticate_response::Response::Webauthn(answer)
    } else if !code.is_empty() {
        mfa_authenticate_response::Response::Totp(TotpResponse { code })
    } else {
        return Ok(None);
    };
    Ok(Some(MfaAuthenticateResponse {
        response: Some(response),
    }))
}

async fn prove(
    browser: &Browser,
    person: &Person,
    wish: Wish,
    error: String,
    status: StatusCode,
) -> Result<Response, Failure> {
    let asked = CreateAuthenticateChallengeRequest {
        challenge_extensions: Some(ChallengeExtensions {
            scope: ChallengeScope::ManageDevices.into(),
            ..ChallengeExtensions::default()
        }),
        ..CreateAuthenticateChallengeRequest::default()
    };
    let challenge = person
        .cluster
        .auth()
        .create_authenticate_challenge(of_person(asked))
        .await?
        .into_inner();
    let has_app = challenge.totp.is_some();
    let options = challenge
        .webauthn_challenge
        .map(|asked| browser::assertion(&asked).to_string())
        .unwrap_or_default();
    if options.is_empty() && !has_app {
        return Err(Failure::access_denied(
            "you have no second factor to confirm this with; an administrator can send you a link to start afresh",
        ));
    }
    let name = if wish.deed == "remove" { &wish.name } else { "" };
    let what = match (wish.deed.as_str(), wish.kind.as_str()) {
        ("remove", _) => format!("to remove {}", text::visible(name)),
        (_, APP) => "to add an authenticator app".to_owned(),
        (_, PASSKEY) => "to add a passkey".to_owned(),
        _ => "to add a security key".to_owned(),
    };
    let page = Prove {
        frame: browser.frame_for(person),
        what,
        wish,
        options,
        has_app,
        error,
    };
    Ok(browser.page(status, &page))
}

async fn remove(
    browser: &Browser,
    person: &Person,
    wish: &Wish,
    proof: MfaAuthenticateResponse,
) -> Result<Response, Failure> {
    let asked = DeleteMfaDeviceSyncRequest {
        device_name: wish.device.clone(),
        existing_mfa_response: Some(proof),
        ..DeleteMfaDeviceSyncRequest::default()
    };
    person
        .cluster
        .auth()
        .delete_mfa_device_sync(of_person(asked))
        .await?;
    let note = format!("{} is removed.", text::visible(&wish.name));
    Ok(page(browser, person, StatusCode::OK, &note, String::new()).await)
}

/// Asks the new factor.
async fn begin(
    browser: &Browser,
    person: &Person,
    wish: &Wish,
    proof: MfaAuthenticateResponse,
) -> Result<Response, Failure> {
    let asked = CreateRegisterChallengeRequest {
        device_type: if wish.kind == APP {
            DeviceType::Totp
        } else {
            DeviceType::Webauthn
        }
        .into(),
        device_usage: if wish.kind == PASSKEY {
            DeviceUsage::Passwordless
        } else {
            DeviceUsage::Mfa
        }
        .into(),
        existing_mfa_response: Some(proof),
        ..CreateRegisterChallengeRequest::default()
    };
    let given = person
        .cluster
        .auth()
        .create_register_challenge(of_person(asked))
        .await?;
    let frame = browser.frame_for(person);
    Ok(match given.into_inner().request {
        Some(mfa_register_challenge::Request::Webauthn(options)) => browser.page(
            StatusCode::OK,
            &Make {
                frame,
                wish: wish.clone(),
                options: browser::creation(&options).to_string(),
                passwordless: wish.kind == PASSKEY,
            },
        ),
        Some(mfa_register_challenge::Request::Totp(totp)) => {
            let address = wire::mfa::totp_address(&totp.issuer, &totp.account, &totp.secret);
            let secret =
                Secret::of(address).ok_or_else(|| Failure::internal("the secret cannot be drawn"))?;
            browser.page(
                StatusCode::OK,
                &App {
                    frame,
                    wish: wish.clone(),
                    id: totp.id,
                    secret,
                    error: String::new(),
                },
            )
        }
        None => return Err(Failure::internal("the cluster asked the new factor nothing")),
    })
}

/// The new factor has answered.
async fn finish(browser: &Browser, person: &Person, fields: Fields) -> Result<Response, Failure> {
    let wish = Wish {
        deed: "add".to_owned(),
        kind: fields.kind.clone(),
        name: fields.name.trim().to_owned(),
        device: String::new(),
    };
    let response = if wish.kind == APP {
        mfa_register_response::Response::Totp(TotpRegisterResponse {
            code: fields.code.chars().filter(|c| !c.is_whitespace()).collect(),
            id: fields.id.clone(),
        })
    } else {
        let made = serde_json::from_str(&fields.answer)
            .ok()
            .and_then(|json| browser::creation_answer(&json))
            .ok_or_else(unreadable)?;
        mfa_register_response::Response::Webauthn(made)
    };
    let asked = AddMfaDeviceSyncRequest {
        new_device_name: wish.name.clone(),
        new_mfa_response: Some(MfaRegisterResponse {
            response: Some(response),
        }),
        ..AddMfaDeviceSyncRequest::default()
    };
    match person.cluster.auth().add_mfa_device_sync(of_person(asked)).await {
        Ok(added) => {
            let name = added.get_ref().device.as_ref().map(name_of).unwrap_or_default();
            let note = format!("{} is added.", text::visible(&name));
            Ok(page(browser, person, StatusCode::OK, &note, String::new()).await)
        }
        Err(status) => {
            let failure = Failure::from(status);
            let is_code = failure.message().starts_with("invalid one time token");
            match Secret::of(fields.secret) {
                Some(secret) if is_code => {
                    let page = App {
                        frame: browser.frame_for(person),
                        wish,
                        id: fields.id,
                        secret,
                        error: "That code is not right. Type the one that the app shows now.".to_owned(),
                    };
                    Ok(browser.page(StatusCode::FORBIDDEN, &page))
                }
                _ => Err(failure),
            }
        }
    }
}

/// Signs out everywhere.
async fn everywhere(browser: &Browser, person: &Person) -> Result<Response, Failure> {
    let asked = ours::CloseAllWebSessionsRequest {
        user: person.session.user.clone(),
        id: person.session.id.clone(),
    };
    let mut sign_in = browser.proxy.upstream.cluster().sign_in();
    sign_in
        .close_all_web_sessions(for_visitor(&browser.visitor, asked))
        .await?;
    Ok(signed_out(&browser.proxy, "/web/login?out"))
}

async fn refused(browser: &Browser, person: &Person, failure: &Failure) -> Response {
    let said = text::capitalised(&text::visible(failure.message()));
    let status = match failure.class() {
        Class::AccessDenied => StatusCode::FORBIDDEN,
        Class::BadParameter | Class::AlreadyExists | Class::CompareFailed | Class::NotFound => {
            StatusCode::BAD_REQUEST
        }
        Class::LimitExceeded => StatusCode::TOO_MANY_REQUESTS,
        _ => return browser.failure(failure, Some(person.name())),
    };
    page(
        browser,
        person,
        status,
        "",
        format!("{said}. Nothing was changed."),
    )
    .await
}

async fn page(browser: &Browser, person: &Person, status: StatusCode, note: &str, error: String) -> Response {
    let devices = match devices(person).await {
        Ok(devices) => devices,
        Err(failure) => return browser.failure(&failure, Some(person.name())),
    };
    let sessions = match sessions(browser, person).await {
        Ok(sessions) => sessions,
        Err(failure) => return browser.failure(&failure, Some(person.name())),
    };
    let when = |moment: Option<&prost_types::Timestamp>| {
        wire::convert::moment(moment).map(|moment| browser.when(moment))
    };
    let settings = browser.proxy.discovery.settings(&browser.proxy).await;
    let (keys, passwordless) = settings.map_or((false, false), |settings| settings.authenticators());
    let page = Page {
        frame: browser.frame_for(person),
        devices: devices
            .iter()
            .map(|device| Device {
                name: text::visible(&name_of(device)),
                id: device.id.clone(),
                kind: kind_of(device),
                added: when(device.added_at.as_ref()),
                used: when(device.last_used.as_ref()),
            })
            .collect(),
        sessions: sessions
            .iter()
            .map(|session| Session {
                opened: when(session.opened.as_ref()),
                expires: when(session.expires.as_ref()),
                address: text::visible(&session.address),
                own: session.own,
            })
            .collect(),
        keys,
        passwordless,
        note: note.to_owned(),
        error,
    };
    browser.page(status, &page)
}

async fn devices(person: &Person) -> Result<Vec<MfaDevice>, Failure> {
    let asked = GetMfaDevicesRequest::default();
    let found = person.cluster.auth().get_mfa_devices(of_person(asked)).await?;
    Ok(found.into_inner().devices)
}

async fn sessions(browser: &Browser, person: &Person) -> Result<Vec<ours::WebSessionFacts>, Failure> {
    let asked = ours::ListWebSessionsRequest {
        user: person.session.user.clone(),
        id: person.session.id.clone(),
    };
    let mut sign_in = browser.proxy.upstream.cluster().sign_in();
    let found = sign_in
        .list_web_sessions(for_visitor(&browser.visitor, asked))
        .await?;
    Ok(found.into_inner().sessions)
}

fn name_of(device: &MfaDevice) -> String {
    device
        .metadata
        .as_ref()
        .map(|metadata| metadata.name.clone())
        .unwrap_or_default()
}

fn kind_of(device: &MfaDevice) -> &'static str {
    match &device.device {
        Some(mfa_device::Device::Webauthn(key)) if key.resident_key => "Passkey",
        Some(mfa_device::Device::Webauthn(_)) => "Security key",
        Some(mfa_device::Device::Totp(_)) => "Authenticator app",
        _ => "Other",
    }
}
