//! People: who is there, inviting somebody, changing what somebody holds, a new start after a lost phone, locks, leaving.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode, Uri};
use jiff::SignedDuration;
use wire::keep::Kept;
use wire::pb::proto::CreateResetPasswordTokenRequest;
use wire::pb::teleport::users::v1 as users;
use wire::pb::types::{LockTarget, Metadata, UserFilter, UserSpecV2, UserV2};
use wire::resource::defaults;

use super::{Sent, Told, locks, names, sent, told};
use crate::body::Fields;
use crate::pages::{Browser, Frame, Person, encoded, see_other};
use crate::proxy::Proxy;
use crate::text::{self, Face};
use crate::upstream::of_person;
use crate::visitor::Visitor;
use crate::words::t;

/// People on one page.
const PAGE: i32 = 50;
/// How long a link is good: long enough for somebody to read mail.
const LINK_HOURS: i64 = 8;

/// Somebody in the list.
struct Listed {
    address: String,
    face: Face,
    roles: Vec<String>,
    is_bot: bool,
}

/// A link that is shown once.
struct Link {
    user: String,
    url: String,
    is_reset: bool,
}

#[derive(Template)]
#[template(path = "running/people.html")]
struct List {
    frame: Frame,
    people: Vec<Listed>,
    search: String,
    next: String,
    may_invite: bool,
    name: String,
    roles: String,
    error: String,
    link: Option<Link>,
    deleted: bool,
}

#[derive(Template)]
#[template(path = "running/person.html")]
struct One {
    frame: Frame,
    address: String,
    name: String,
    face: Face,
    roles: String,
    traits: Vec<(String, String)>,
    is_self: bool,
    may_change: bool,
    may_lock: bool,
    may_delete: bool,
    error: String,
    done: &'static str,
    link: Option<Link>,
}

/// `GET /web/users`.
pub async fn list(
    State(proxy): State<Arc<Proxy>>,
    visitor: Visitor,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let browser = Browser::new(&proxy, visitor, headers);
    let person = match browser.require_person(&uri).await {
        Ok(person) => person,
        Err(answer) => return answer,
    };
    let query = Fields::of_uri(&uri);
    show_list(&browser, &person, &query, StatusCode::OK, Tried::default()).await
}

/// What was tried on the list.
#[derive(Default)]
struct Tried {
    name: String,
    roles: String,
    error: String,
    link: Option<Link>,
}

async fn show_list(
    browser: &Browser,
    person: &Person,
    query: &Fields,
    status: StatusCode,
    tried: Tried,
) -> Response {
    let search = text::visible(&query.one("q"));
    let asked = users::ListUsersRequest {
        page_size: PAGE,
        page_token: query.one("from"),
        filter: Some(UserFilter {
            search_keywords: names(&search),
        }),
        ..users::ListUsersRequest::default()
    };
    let listed = match person.cluster.users().list_users(of_person(asked)).await {
        Ok(listed) => listed.into_inner(),
        Err(status) => return browser.failure(&status.into(), Some(person.name())),
    };
    let page = List {
        frame: browser.frame_for(person),
        people: listed
            .users
            .iter()
            .map(|user| {
                let metadata = user.metadata.clone().unwrap_or_default();
                Listed {
                    address: address(&metadata.name),
                    face: Face::of(&metadata.name),
                    roles: roles_of(user).iter().map(|role| text::visible(role)).collect(),
                    is_bot: metadata.labels.contains_key("teleport.internal/bot"),
                }
            })
            .collect(),
        next: if listed.next_page_token.is_empty() {
            String::new()
        } else {
            let from = encoded(&listed.next_page_token);
            format!("/web/users?q={}&from={from}", encoded(&search))
        },
        search,
        may_invite: person.rights.may("user", "create"),
        name: tried.name,
        roles: tried.roles,
        error: tried.error,
        link: tried.link,
        deleted: query.one("done") == "deleted",
    };
    browser.page(status, &page)
}

fn address(name: &str) -> String {
    format!("/web/users/{}", encoded(name))
}

fn roles_of(user: &UserV2) -> &[String] {
    user.spec.as_ref().map_or(&[], |spec| &spec.roles)
}

/// `POST /web/users`: invites somebody. The link stands on the page that answers, and nowhere else.
pub async fn invite(State(proxy): State<Arc<Proxy>>, visitor: Visitor, request: Request) -> Response {
    let Sent {
        browser,
        person,
        fields,
    } = match sent(&proxy, visitor, "/web/users", request).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let name = fields.one("name").trim().to_owned();
    let roles = fields.one("roles");
    let mut tried = Tried {
        name: name.clone(),
        roles: roles.clone(),
        ..Tried::default()
    };
    let language = browser.look.language;
    let nothing = Fields::default();
    if name.is_empty() || names(&roles).is_empty() {
        language
            .say("Write a name, and at least one role.")
            .clone_into(&mut tried.error);
        return show_list(&browser, &person, &nothing, StatusCode::BAD_REQUEST, tried).await;
    }
    let mut user = UserV2 {
        metadata: Some(Metadata {
            name: name.clone(),
            ..Metadata::default()
        }),
        spec: Some(UserSpecV2 {
            roles: names(&roles),
            ..UserSpecV2::default()
        }),
        ..UserV2::default()
    };
    defaults::user(&mut user);
    let asked = users::CreateUserRequest {
        user: Some(Kept::from(user)),
    };
    let made = async {
        person.cluster.users().create_user(of_person(asked)).await?;
        link(&person, &name, "invite").await
    };
    match made.await {
        Ok(link) => {
            let tried = Tried {
                link: Some(link),
                ..Tried::default()
            };
            show_list(&browser, &person, &nothing, StatusCode::OK, tried).await
        }
        Err(status) => match told(&browser, &person, &status.into()) {
            Ok(Told { status, error }) => {
                tried.error = error;
                show_list(&browser, &person, &nothing, status, tried).await
            }
            Err(answer) => answer,
        },
    }
}

/// Makes a link by which somebody chooses a password.
async fn link(person: &Person, name: &str, kind: &str) -> Result<Link, tonic::Status> {
    let ttl = SignedDuration::from_hours(LINK_HOURS).as_nanos();
    let asked = CreateResetPasswordTokenRequest {
        name: name.to_owned(),
        r#type: kind.to_owned(),
        ttl: i64::try_from(ttl).unwrap_or(i64::MAX),
    };
    let mut auth = person.cluster.auth();
    let token = auth
        .create_reset_password_token(of_person(asked))
        .await?
        .into_inner();
    Ok(Link {
        user: text::visible(name),
        url: token.spec.map(|spec| spec.url).unwrap_or_default(),
        is_reset: kind != "invite",
    })
}

/// `GET /web/users/{name}`.
pub async fn show(
    State(proxy): State<Arc<Proxy>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(name): Path<String>,
    uri: Uri,
) -> Response {
    let browser = Browser::new(&proxy, visitor, headers);
    let person = match browser.require_person(&uri).await {
        Ok(person) => person,
        Err(answer) => return answer,
    };
    let done = match Fields::of_uri(&uri).one("done").as_str() {
        "saved" => t("Saved. It holds from the next request on."),
        "locked" => t("Locked. Sessions and certificates are refused at once."),
        _ => "",
    };
    let outcome = Outcome {
        done,
        ..Outcome::default()
    };
    show_one(&browser, &person, &name, outcome).await
}

/// What became of a form of somebody's page.
#[derive(Default)]
struct Outcome {
    status: StatusCode,
    error: String,
    roles: Option<String>,
    done: &'static str,
    link: Option<Link>,
}

async fn user(person: &Person, name: &str) -> Result<UserV2, tonic::Status> {
    let asked = users::GetUserRequest {
        name: name.to_owned(),
        ..users::GetUserRequest::default()
    };
    let found = person
        .cluster
        .users()
        .get_user(of_person(asked))
        .await?
        .into_inner();
    found
        .user
        .map(Kept::into_message)
        .ok_or_else(|| tonic::Status::not_found(format!("user {name:?} not found")))
}

async fn show_one(browser: &Browser, person: &Person, name: &str, outcome: Outcome) -> Response {
    let user = match user(person, name).await {
        Ok(user) => user,
        Err(status) => return browser.failure(&status.into(), Some(person.name())),
    };
    let rights = &person.rights;
    let traits = user.spec.as_ref().and_then(|spec| spec.traits.as_ref());
    let page = One {
        frame: browser.frame_for(person),
        address: address(name),
        name: text::visible(name),
        face: Face::of(name),
        roles: outcome.roles.unwrap_or_else(|| roles_of(&user).join(", ")),
        traits: wire::convert::traits(traits)
            .into_iter()
            .filter(|(_, values)| !values.is_empty())
            .map(|(trait_name, values)| (text::visible(&trait_name), text::visible(&values.join(", "))))
            .collect(),
        is_self: name == person.name(),
        may_change: rights.may("user", "update"),
        may_lock: rights.may("lock", "create") && rights.may("lock", "update"),
        may_delete: rights.may("user", "delete"),
        error: outcome.error,
        done: outcome.done,
        link: outcome.link,
    };
    browser.page(outcome.status, &page)
}

/// `POST /web/users/{name}`: one of the forms there.
pub async fn change(
    State(proxy): State<Arc<Proxy>>,
    visitor: Visitor,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let Sent {
        browser,
        person,
        fields,
    } = match sent(&proxy, visitor, &address(&name), request).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let typed = fields.one("roles");
    let done = match fields.one("do").as_str() {
        "roles" => set_roles(&person, &name, &typed)
            .await
            .map(|()| Done::At("saved")),
        "reset" => link(&person, &name, "password").await.map(Done::Link),
        "lock" => {
            let target = LockTarget {
                user: name.clone(),
                ..LockTarget::default()
            };
            locks::make(
                &browser,
                &person,
                target,
                &fields.one("message"),
                &fields.one("hours"),
            )
            .await
            .map(|()| Done::At("locked"))
        }
        "delete" => {
            let asked = users::DeleteUserRequest { name: name.clone() };
            let deleted = person.cluster.users().delete_user(of_person(asked)).await;
            deleted.map(|_| Done::Gone)
        }
        _ => Err(tonic::Status::invalid_argument("nothing was chosen")),
    };
    match done {
        Ok(Done::At(what)) => see_other(&format!("{}?done={what}", address(&name))),
        Ok(Done::Gone) => see_other("/web/users?done=deleted"),
        Ok(Done::Link(link)) => {
            let outcome = Outcome {
                link: Some(link),
                ..Outcome::default()
            };
            show_one(&browser, &person, &name, outcome).await
        }
        Err(status) => match told(&browser, &person, &status.into()) {
            Ok(Told { status, error }) => {
                let outcome = Outcome {
                    status,
                    error,
                    roles: (!typed.is_empty()).then_some(typed),
                    ..Outcome::default()
                };
                show_one(&browser, &person, &name, outcome).await
            }
            Err(answer) => answer,
        },
    }
}

enum Done {
    At(&'static str),
    Link(Link),
    Gone,
}

/// The roles somebody holds from now on; refused if the user was changed since it was read.
async fn set_roles(person: &Person, name: &str, typed: &str) -> Result<(), tonic::Status> {
    let asked = users::GetUserRequest {
        name: name.to_owned(),
        ..users::GetUserRequest::default()
    };
    let mut users = person.cluster.users();
    let found = users.get_user(of_person(asked)).await?.into_inner();
    let mut user = found
        .user
        .ok_or_else(|| tonic::Status::not_found(format!("user {name:?} not found")))?;
    user.spec.get_or_insert_default().roles = names(typed);
    let asked = users::UpdateUserRequest { user: Some(user) };
    users.update_user(of_person(asked)).await?;
    Ok(())
}
