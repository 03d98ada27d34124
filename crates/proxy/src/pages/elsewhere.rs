//! Addresses that other versions have pages at: what is not here, and which command does it.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};

use super::Browser;
use super::message::{self, Message};
use crate::proxy::Proxy;
use crate::visitor::Visitor;

/// First part of the path, what would be there, and the command.
const KNOWN: &[(&str, &str, &str)] = &[
    ("sso", "Sign-in through others", "tctl get connectors"),
    ("integrations", "Integrations", ""),
    ("cluster", "Sessions and the audit log", ""),
    ("account", "Your authenticators", "tctl users reset NAME"),
    ("accesslists", "Access lists", ""),
    (
        "accessrequest",
        "A request at sign-in",
        "tsh request create --roles=ROLE",
    ),
    ("trust", "Trusted clusters", ""),
    ("headless", "Headless sign-in", ""),
    ("device", "Trusted devices", ""),
    ("recovery", "Account recovery", "tctl users reset NAME"),
    ("support", "Support", ""),
    ("downloads", "Downloads", ""),
    ("discover", "Adding resources", ""),
];

/// `GET /web/{*path}`.
pub async fn show(
    State(proxy): State<Arc<Proxy>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(path): Path<String>,
) -> Response {
    let browser = Browser::new(&proxy, visitor, headers);
    // Whether somebody is signed in only changes what stands around the page.
    let person = match browser.person().await {
        Ok(person) => person,
        Err(failure) => return browser.failure(&failure, None),
    };
    let user = person.as_ref().map(super::Person::name);
    browser.message(about(&path), user)
}

fn about(path: &str) -> Message {
    let first = path.split('/').next().unwrap_or_default();
    let Some((_, what, command)) = KNOWN.iter().find(|(known, _, _)| *known == first) else {
        return message::not_found();
    };
    let message = Message::new(
        StatusCode::NOT_FOUND,
        "Not on the web yet",
        format!("{what}: there is no page for this in this version."),
    );
    if command.is_empty() {
        message
    } else {
        message.hint("A command does it:").command(*command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_places_name_a_command_and_others_do_not_exist() {
        assert_eq!(about("sso").command, "tctl get connectors");
        assert_eq!(about("cluster/example.com/audit").title, "Not on the web yet");
        assert_eq!(about("ssox").title, "There is nothing here");
    }
}
