//! What else a cluster has: bots, join tokens, monitoring rules, its settings. Read here; a command changes it.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode, Uri};
use wire::convert::moment;
use wire::pb::teleport::accessmonitoringrules::v1::ListAccessMonitoringRulesRequest;
use wire::pb::teleport::clusterconfig::v1 as conf;
use wire::pb::teleport::machineid::v1::ListBotsRequest;
use wire::resource::{Kind, Resource};
use wire::status::Failure;

use crate::pages::{Browser, Frame, Person};
use crate::proxy::Proxy;
use crate::text::{self, When};
use crate::upstream::of_person;
use crate::visitor::Visitor;
use crate::words::t;

/// So many of a kind are shown; who has more uses the command.
const SHOWN_MAX: i32 = 200;
/// So much of a join token's name is shown: the name is the secret.
const TOKEN_SHOWN: usize = 4;

/// One thing.
struct Thing {
    name: String,
    facts: Vec<(&'static str, String)>,
    until: Option<When>,
    /// The whole document; empty where it would tell a secret.
    yaml: String,
}

#[derive(Template)]
#[template(path = "running/inventory.html")]
struct Page {
    frame: Frame,
    title: &'static str,
    about: &'static str,
    things: Vec<Thing>,
    empty: &'static str,
    command: &'static str,
}

/// Which page it is.
#[derive(Debug, Clone, Copy)]
enum Shelf {
    Bots,
    Tokens,
    Rules,
    Settings,
}

/// `GET /web/bots`.
pub async fn bots(
    State(proxy): State<Arc<Proxy>>,
    visitor: Visitor,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    show(proxy, visitor, headers, uri, Shelf::Bots).await
}

/// `GET /web/tokens`.
pub async fn tokens(
    State(proxy): State<Arc<Proxy>>,
    visitor: Visitor,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    show(proxy, visitor, headers, uri, Shelf::Tokens).await
}

/// `GET /web/accessmonitoring`.
pub async fn rules(
    State(proxy): State<Arc<Proxy>>,
    visitor: Visitor,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    show(proxy, visitor, headers, uri, Shelf::Rules).await
}

/// `GET /web/settings`.
pub async fn settings(
    State(proxy): State<Arc<Proxy>>,
    visitor: Visitor,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    show(proxy, visitor, headers, uri, Shelf::Settings).await
}

async fn show(proxy: Arc<Proxy>, visitor: Visitor, headers: HeaderMap, uri: Uri, shelf: Shelf) -> Response {
    let browser = Browser::new(&proxy, visitor, headers);
    let person = match browser.require_person(&uri).await {
        Ok(person) => person,
        Err(answer) => return answer,
    };
    let read = match shelf {
        Shelf::Bots => read_bots(&person).await,
        Shelf::Tokens => read_tokens(&browser, &person).await,
        Shelf::Rules => read_rules(&person).await,
        Shelf::Settings => read_settings(&person).await,
    };
    let things = match read {
        Ok(things) => things,
        Err(failure) => return browser.failure(&failure, Some(person.name())),
    };
    let (title, about, empty, command) = match shelf {
        Shelf::Bots => (
            t("Bots"),
            t(
                "Machines that renew their own certificates. A bot's approval never counts where two people are asked.",
            ),
            t("There are no bots yet. A command makes the first one:"),
            "tctl bots add NAME --roles=ROLE",
        ),
        Shelf::Tokens => (
            t("Join tokens"),
            t(
                "Secrets with which machines join. Their names are the secrets: only the last letters are shown.",
            ),
            t("There are no join tokens. A command makes one:"),
            "tctl tokens add --type=bot --bot-name=NAME",
        ),
        Shelf::Rules => (
            t("Monitoring rules"),
            t("Who is told of which request."),
            t("There are no monitoring rules yet. A command makes the first one of a file:"),
            "tctl create rule.yaml",
        ),
        Shelf::Settings => (
            t("Settings"),
            t("How people sign in, and how the cluster is reached."),
            "",
            "tctl edit cluster_auth_preference",
        ),
    };
    let page = Page {
        frame: browser.frame_for(&person),
        title,
        about,
        things,
        empty,
        command,
    };
    browser.page(StatusCode::OK, &page)
}

/// A document without its secrets.
fn document<E: std::fmt::Display>(resource: Result<Resource, E>) -> Result<String, Failure> {
    resource
        .map(|resource| resource.without_secrets().to_yaml())
        .map_err(|error| Failure::internal(error.to_string()))
}

async fn read_bots(person: &Person) -> Result<Vec<Thing>, Failure> {
    let asked = ListBotsRequest {
        page_size: SHOWN_MAX,
        ..ListBotsRequest::default()
    };
    let found = person
        .cluster
        .bots()
        .list_bots(of_person(asked))
        .await?
        .into_inner();
    found
        .bots
        .iter()
        .map(|bot| {
            let roles = bot
                .spec
                .as_ref()
                .map(|spec| spec.roles.join(", "))
                .unwrap_or_default();
            Ok(Thing {
                name: bot
                    .metadata
                    .as_ref()
                    .map(|metadata| text::visible(&metadata.name))
                    .unwrap_or_default(),
                facts: vec![(t("Roles"), text::visible(&roles))],
                until: None,
                yaml: document(Resource::of(Kind::Bot, bot))?,
            })
        })
        .collect()
}

async fn read_tokens(browser: &Browser, person: &Person) -> Result<Vec<Thing>, Failure> {
    let found = person
        .cluster
        .auth()
        .get_tokens(of_person(()))
        .await?
        .into_inner();
    let now = browser.proxy.clock.now();
    Ok(found
        .provision_tokens
        .iter()
        .map(|token| {
            let metadata = token.metadata.clone().unwrap_or_default();
            let spec = token.spec.clone().unwrap_or_default();
            let hidden = metadata.name.chars().count().saturating_sub(TOKEN_SHOWN);
            // A short name would be told by its end.
            let end: String = if hidden < TOKEN_SHOWN {
                String::new()
            } else {
                metadata.name.chars().skip(hidden).collect()
            };
            let mut facts = vec![(t("Lets in"), text::visible(&spec.roles.join(", ")))];
            if !spec.bot_name.is_empty() {
                facts.push((t("Bot"), text::visible(&spec.bot_name)));
            }
            Thing {
                name: format!("…{}", text::visible(&end)),
                facts,
                until: moment(metadata.expires.as_ref()).map(|end| When::of(end, now, &browser.look)),
                yaml: String::new(),
            }
        })
        .collect())
}

async fn read_rules(person: &Person) -> Result<Vec<Thing>, Failure> {
    let asked = ListAccessMonitoringRulesRequest {
        page_size: i64::from(SHOWN_MAX),
        ..ListAccessMonitoringRulesRequest::default()
    };
    let mut rules = person.cluster.access_monitoring_rules();
    let found = rules
        .list_access_monitoring_rules(of_person(asked))
        .await?
        .into_inner();
    found
        .rules
        .iter()
        .map(|rule| {
            let condition = rule
                .spec
                .as_ref()
                .map(|spec| spec.condition.clone())
                .unwrap_or_default();
            Ok(Thing {
                name: rule
                    .metadata
                    .as_ref()
                    .map(|metadata| text::visible(&metadata.name))
                    .unwrap_or_default(),
                facts: vec![(t("Where"), text::visible(&condition))],
                until: None,
                yaml: document(Resource::of(Kind::AccessMonitoringRule, rule))?,
            })
        })
        .collect()
}

async fn read_settings(person: &Person) -> Result<Vec<Thing>, Failure> {
    let mut config = person.cluster.cluster_config();
    let thing = |name: &str, yaml: String| Thing {
        name: name.to_owned(),
        facts: Vec::new(),
        until: None,
        yaml,
    };
    let preference = config
        .get_auth_preference(of_person(conf::GetAuthPreferenceRequest::default()))
        .await?
        .into_inner();
    let mut things = vec![thing(
        "cluster_auth_preference",
        document(Resource::of(Kind::ClusterAuthPreference, &preference))?,
    )];
    // Who may see one need not be allowed to see the others.
    let asked = conf::GetClusterNetworkingConfigRequest::default();
    if let Ok(networking) = config.get_cluster_networking_config(of_person(asked)).await {
        let yaml = document(Resource::of(Kind::ClusterNetworkingConfig, networking.get_ref()))?;
        things.push(thing("cluster_networking_config", yaml));
    }
    let asked = conf::GetSessionRecordingConfigRequest::default();
    if let Ok(recording) = config.get_session_recording_config(of_person(asked)).await {
        let yaml = document(Resource::of(Kind::SessionRecordingConfig, recording.get_ref()))?;
        things.push(thing("session_recording_config", yaml));
    }
    Ok(things)
}
