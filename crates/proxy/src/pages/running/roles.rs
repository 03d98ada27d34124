//! Roles: the list, and one role as a document with what it means beside it: what it opens, what its holders may ask for
//! with how many approvals, and by which ways fewer people come to it. A mistake is told with its line.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode, Uri};
use wire::convert;
use wire::keep::Kept;
use wire::metadata::warnings;
use wire::pb::countersign::v1::AccessCheckRequest;
use wire::pb::proto;
use wire::pb::types::RoleV6;
use wire::resource::{Kind, Limits, Resource, defaults, read_one};

use super::{Sent, Told, sent, told};
use crate::body::Fields;
use crate::pages::requests::opens::{Opening, openings};
use crate::pages::requests::sentence::Piece;
use crate::pages::{Browser, Frame, Person, encoded, see_other};
use crate::proxy::Proxy;
use crate::text;
use crate::upstream::of_person;
use crate::visitor::Visitor;
use crate::words::{Language, t};

/// Roles on one page.
const PAGE: i32 = 100;
/// So many ways around a rule are told.
const WAYS_MAX: usize = 10;

/// What a new role begins with.
const BLANK: &str =
    "kind: role\nversion: v7\nmetadata:\n  name: \nspec:\n  allow:\n    logins: []\n    node_labels: {}\n";

/// A role in the list.
struct Listed {
    address: String,
    name: String,
    description: String,
    dangerous: usize,
    approvals: String,
}

#[derive(Template)]
#[template(path = "running/roles.html")]
struct List {
    frame: Frame,
    roles: Vec<Listed>,
    next: String,
    may_create: bool,
    deleted: bool,
}

#[derive(Template)]
#[template(path = "running/role.html")]
struct One {
    frame: Frame,
    address: String,
    name: String,
    is_new: bool,
    yaml: String,
    errors: Vec<String>,
    warnings: Vec<String>,
    meaning: Option<Meaning>,
    ways: Vec<Way>,
    may_change: bool,
    may_delete: bool,
    done: &'static str,
}

/// What a document means, in plain words.
struct Meaning {
    openings: Vec<Opening>,
    rules: Vec<String>,
}

/// A way by which fewer people come to the role.
struct Way {
    people: usize,
    steps: Vec<String>,
    fix: String,
}

/// `GET /web/roles`.
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
    let asked = proto::ListRolesRequest {
        limit: PAGE,
        start_key: query.one("from"),
        ..proto::ListRolesRequest::default()
    };
    let found = match person.cluster.auth().list_roles(of_person(asked)).await {
        Ok(found) => found.into_inner(),
        Err(status) => return browser.failure(&status.into(), Some(person.name())),
    };
    let language = browser.look.language;
    let page = List {
        frame: browser.frame_for(&person),
        roles: found
            .roles
            .iter()
            .map(|role| {
                let metadata = role.metadata.clone().unwrap_or_default();
                let meaning = convert::role(role).ok().map(|role| meaning(&role, language));
                let dangerous = |meaning: &Meaning| {
                    meaning
                        .openings
                        .iter()
                        .filter(|opening| !opening.danger.is_empty())
                        .count()
                };
                Listed {
                    address: address(&metadata.name),
                    name: text::visible(&metadata.name),
                    description: text::visible(&metadata.description),
                    dangerous: meaning.as_ref().map_or(0, dangerous),
                    approvals: meaning.map(|meaning| meaning.rules.join(" ")).unwrap_or_default(),
                }
            })
            .collect(),
        next: if found.next_key.is_empty() {
            String::new()
        } else {
            format!("/web/roles?from={}", encoded(&found.next_key))
        },
        may_create: person.rights.may("role", "create"),
        deleted: query.one("done") == "deleted",
    };
    browser.page(StatusCode::OK, &page)
}

fn address(name: &str) -> String {
    format!("/web/roles/{}", encoded(name))
}

/// What a role means.
fn meaning(role: &access::Role, language: Language) -> Meaning {
    let request = &role.allow.request;
    let roles: Vec<String> = request.roles.iter().map(|role| text::visible(role)).collect();
    let rules = if roles.is_empty() {
        Vec::new()
    } else {
        let ways: Vec<String> = request
            .thresholds
            .iter()
            .filter(|threshold| threshold.approve > 0)
            .map(|threshold| language.count(i64::from(threshold.approve), "1 approval", "{} approvals"))
            .collect();
        let needs = if ways.is_empty() {
            language.count(1, "1 approval", "{} approvals")
        } else {
            ways.join(language.say(" or "))
        };
        vec![language.fill(
            "Its holders may ask for {}, with {}.",
            &[&text::listed(&roles, language), &needs],
        )]
    };
    Meaning {
        openings: openings(role, language),
        rules,
    }
}

/// `GET /web/roles/{name}`; `new` is a role that is not there yet.
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
    if name == "new" {
        return page(&browser, &person, &name, Draft::of(BLANK.to_owned()), "").await;
    }
    let asked = proto::GetRoleRequest { name: name.clone() };
    let role = match person.cluster.auth().get_role(of_person(asked)).await {
        Ok(role) => role.into_inner(),
        Err(status) => return browser.failure(&status.into(), Some(person.name())),
    };
    let yaml = match Resource::of(Kind::Role, &role) {
        Ok(resource) => resource.to_yaml(),
        Err(error) => {
            let failure = wire::status::Failure::internal(error.to_string());
            return browser.failure(&failure, Some(person.name()));
        }
    };
    let done = match Fields::of_uri(&uri).one("done").as_str() {
        "saved" => t("Saved. It holds from the next request on."),
        _ => "",
    };
    let mut draft = Draft::of(yaml);
    draft.meaning = convert::role(&role)
        .ok()
        .map(|role| meaning(&role, browser.look.language));
    page(&browser, &person, &name, draft, done).await
}

/// A document as it is being written.
#[derive(Default)]
struct Draft {
    yaml: String,
    errors: Vec<String>,
    warnings: Vec<String>,
    meaning: Option<Meaning>,
    status: StatusCode,
}

impl Draft {
    fn of(yaml: String) -> Self {
        Self {
            yaml,
            ..Self::default()
        }
    }
}

async fn page(browser: &Browser, person: &Person, name: &str, draft: Draft, done: &'static str) -> Response {
    let is_new = name == "new";
    let page = One {
        frame: browser.frame_for(person),
        address: address(name),
        name: text::visible(name),
        is_new,
        yaml: draft.yaml,
        errors: draft.errors,
        warnings: draft.warnings,
        meaning: draft.meaning,
        ways: if is_new {
            Vec::new()
        } else {
            ways(person, name).await
        },
        may_change: person
            .rights
            .may("role", if is_new { "create" } else { "update" }),
        may_delete: !is_new && person.rights.may("role", "delete"),
        done,
    };
    browser.page(draft.status, &page)
}

/// By which ways fewer than two people come to the role as it is stored. Who may not ask for the report sees none.
async fn ways(person: &Person, name: &str) -> Vec<Way> {
    let asked = AccessCheckRequest {
        people: 2,
        roles: vec![name.to_owned()],
    };
    let Ok(report) = person.cluster.access().access_check(of_person(asked)).await else {
        return Vec::new();
    };
    report
        .into_inner()
        .paths
        .into_iter()
        .take(WAYS_MAX)
        .map(|path| Way {
            people: usize::try_from(path.people).unwrap_or(usize::MAX),
            steps: path
                .steps
                .iter()
                .map(|step| {
                    let mut who: Vec<String> = step
                        .people
                        .iter()
                        .take(3)
                        .map(|name| text::visible(name))
                        .collect();
                    if step.people.len() > 3 {
                        who.push("…".to_owned());
                    }
                    format!("{} {}", who.join(", "), text::visible(&step.does))
                })
                .collect(),
            fix: text::visible(&path.fix),
        })
        .collect()
}

/// Reads a document: the role, or every mistake with its place.
fn read(yaml: &str) -> Result<(RoleV6, access::Role, Vec<String>), Vec<String>> {
    let resource = read_one(yaml, &Limits::default()).map_err(|error| error.messages())?;
    if resource.kind() != Kind::Role {
        return Err(vec![format!("this is a {}, not a role", resource.kind())]);
    }
    let mut role: RoleV6 = resource.to().map_err(|error| vec![error.to_string()])?;
    defaults::role(&mut role);
    let decided = convert::role(&role).map_err(|error| vec![error.to_string()])?;
    let warnings = access::role_check::check(&decided).map_err(|error| vec![error.to_string()])?;
    Ok((role, decided, warnings))
}

/// `POST /web/roles/{name}`: a look at what a draft means, saving, deleting.
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
    let mut draft = Draft::of(fields.one("yaml").replace("\r\n", "\n"));
    let step = fields.one("step");
    if step == "delete" {
        let asked = proto::DeleteRoleRequest { name: name.clone() };
        return match person.cluster.auth().delete_role(of_person(asked)).await {
            Ok(_) => see_other("/web/roles?done=deleted"),
            Err(status) => refused(&browser, &person, &name, draft, status).await,
        };
    }
    let (role, decided, found) = match read(&draft.yaml) {
        Ok(read) => read,
        Err(errors) => {
            draft.errors = errors.iter().map(|error| text::visible(error)).collect();
            draft.status = StatusCode::BAD_REQUEST;
            return page(&browser, &person, &name, draft, "").await;
        }
    };
    draft.meaning = Some(meaning(&decided, browser.look.language));
    draft.warnings = found.iter().map(|warning| text::visible(warning)).collect();
    if step != "save" {
        return page(&browser, &person, &name, draft, "").await;
    }
    let called = role
        .metadata
        .as_ref()
        .map(|metadata| metadata.name.clone())
        .unwrap_or_default();
    let mut auth = person.cluster.auth();
    let saved = if called == name {
        let asked = proto::UpdateRoleRequest {
            role: Some(Kept::from(role)),
        };
        auth.update_role(of_person(asked)).await
    } else {
        // Another name is another role: what stands under that name is not written over.
        let asked = proto::CreateRoleRequest {
            role: Some(Kept::from(role)),
        };
        auth.create_role(of_person(asked)).await
    };
    match saved {
        Ok(answer) => {
            let told = warnings(answer.metadata());
            if told.is_empty() && draft.warnings.is_empty() {
                return see_other(&format!("{}?done=saved", address(&called)));
            }
            draft
                .warnings
                .extend(told.iter().map(|warning| text::visible(warning)));
            draft.warnings.dedup();
            page(
                &browser,
                &person,
                &called,
                draft,
                t("Saved, with warnings. Read them."),
            )
            .await
        }
        Err(status) => refused(&browser, &person, &name, draft, status).await,
    }
}

async fn refused(
    browser: &Browser,
    person: &Person,
    name: &str,
    mut draft: Draft,
    status: tonic::Status,
) -> Response {
    match told(browser, person, &status.into()) {
        Ok(Told { status, error }) => {
            draft.status = status;
            draft.errors.push(error);
            page(browser, person, name, draft, "").await
        }
        Err(answer) => answer,
    }
}
