//! The table of everything that can be asked for.
//!
//! Whoever adds a line here adds a row to `tests/data/matrix.txt`: who may do it, and what the others are told. A test
//! holds the two together.

use std::sync::Arc;

use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::{MethodRouter, delete, get, post, put};
use axum::{Extension, Router};
use http::Uri;

use crate::api::{self, account as api_account, authorities, discovery, invites, joining, login, sessions};
use crate::headers::Kind;
use crate::pages::requests::decide;
use crate::pages::running::{inventory, locks, people, resources, roles};
use crate::pages::{
    self, account, assets, elsewhere, events, invite, preferences, requests, security, sign_in, start,
};
use crate::proxy::Proxy;
use crate::upgrade::{self, Inside};

/// The route an answer came from: what it is counted and logged under.
#[derive(Debug, Clone, Copy)]
pub struct Template(pub &'static str);

type Handler = MethodRouter<Arc<Proxy>>;

/// Method, path and handler of each entry point.
fn table() -> Vec<(&'static str, &'static str, Handler)> {
    vec![
        ("GET", "/webapi/find", get(discovery::find)),
        ("GET", "/webapi/ping", get(discovery::ping)),
        ("GET", "/webapi/ping/{connector}", get(discovery::ping_connector)),
        ("GET", "/webapi/connectionupgrade", get(upgrade::handle)),
        ("GET", "/webapi/motd", get(discovery::message_of_the_day)),
        ("GET", "/webapi/auth/export", get(authorities::show)),
        ("POST", "/webapi/host/credentials", post(joining::register)),
        ("POST", "/webapi/mfa/login/begin", post(login::begin)),
        ("POST", "/webapi/mfa/login/finish", post(login::finish)),
        ("POST", "/webapi/mfa/login/finishsession", post(sessions::finish)),
        ("GET", "/webapi/users/password/token/{token}", get(invites::show)),
        (
            "POST",
            "/webapi/mfa/token/{token}/registerchallenge",
            post(invites::challenge),
        ),
        ("PUT", "/webapi/users/password/token", put(invites::accept)),
        ("POST", "/webapi/sessions/web", post(sessions::open)),
        ("DELETE", "/webapi/sessions/web", delete(sessions::close)),
        ("POST", "/webapi/sessions/web/renew", post(sessions::renew)),
        ("GET", "/webapi/user/status", get(sessions::status)),
        ("PUT", "/webapi/users/password", put(api_account::change_password)),
        ("GET", "/", get(start::root)),
        ("GET", "/web", get(start::show)),
        ("GET", "/web/login", get(sign_in::show)),
        ("POST", "/web/login", post(sign_in::submit)),
        ("POST", "/web/logout", post(account::sign_out)),
        ("GET", "/web/account/password", get(account::show)),
        ("POST", "/web/account/password", post(account::change_password)),
        ("GET", "/web/account/security", get(security::show)),
        ("POST", "/web/account/security", post(security::submit)),
        ("GET", "/web/account/twofactor", get(security::show)),
        ("GET", "/web/invite/{token}", get(invite::show)),
        ("POST", "/web/invite/{token}", post(invite::submit)),
        ("GET", "/web/reset/{token}", get(invite::show)),
        ("POST", "/web/reset/{token}", post(invite::submit)),
        ("GET", "/web/requests", get(requests::list::show)),
        ("GET", "/web/live", get(events::show)),
        ("GET", "/web/waiting", get(events::waiting)),
        ("GET", "/web/account/preferences", get(preferences::show)),
        ("POST", "/web/account/preferences", post(preferences::submit)),
        ("GET", "/web/requests/new", get(requests::new::show)),
        ("POST", "/web/requests/new", post(requests::new::submit)),
        ("POST", "/web/requests/drop", post(decide::drop)),
        ("GET", "/web/requests/{id}", get(requests::show::show)),
        ("POST", "/web/requests/{id}/review", post(decide::review)),
        ("POST", "/web/requests/{id}/take-back", post(decide::take_back)),
        ("POST", "/web/requests/{id}/withdraw", post(decide::withdraw)),
        ("POST", "/web/requests/{id}/revoke", post(decide::revoke)),
        ("POST", "/web/requests/{id}/assume", post(decide::assume)),
        ("GET", "/web/users", get(people::list)),
        ("POST", "/web/users", post(people::invite)),
        ("GET", "/web/users/{name}", get(people::show)),
        ("POST", "/web/users/{name}", post(people::change)),
        ("GET", "/web/roles", get(roles::list)),
        ("GET", "/web/roles/{name}", get(roles::show)),
        ("POST", "/web/roles/{name}", post(roles::change)),
        ("GET", "/web/locks", get(locks::list)),
        ("GET", "/web/locks/new", get(locks::list)),
        ("POST", "/web/locks", post(locks::change)),
        ("GET", "/web/bots", get(inventory::bots)),
        ("GET", "/web/tokens", get(inventory::tokens)),
        ("GET", "/web/accessmonitoring", get(inventory::rules)),
        ("GET", "/web/settings", get(inventory::settings)),
        ("GET", "/web/resources", get(resources::list)),
        ("GET", "/web/cluster/{cluster}/resources", get(resources::list)),
        ("GET", "/web/static/{file}", get(assets::show)),
        ("GET", "/web/{*path}", get(elsewhere::show)),
    ]
}

/// Method and path of each entry point.
pub fn entry_points() -> Vec<(&'static str, &'static str)> {
    table()
        .into_iter()
        .map(|(method, path, _)| (method, path))
        .collect()
}

/// The router over the whole table. Connections are upgraded where there is an `inside`.
pub fn router(proxy: &Arc<Proxy>, inside: Option<Inside>) -> Router {
    let mut by_path: Vec<(&'static str, Handler)> = Vec::new();
    for (_, path, handler) in table() {
        match by_path.iter_mut().find(|(known, _)| *known == path) {
            Some((_, handlers)) => *handlers = std::mem::take(handlers).merge(handler),
            None => by_path.push((path, handler)),
        }
    }
    let router = by_path
        .into_iter()
        .fold(Router::new(), |router, (path, handlers)| {
            let named = map_response(move |mut response: Response| {
                response.extensions_mut().insert(Template(path));
                std::future::ready(response)
            });
            let handlers = if path.starts_with("/webapi/") {
                handlers.fallback(api::no_such_method)
            } else {
                handlers.fallback(pages::message::no_such_method)
            };
            router.route(path, handlers.layer(named))
        })
        .fallback(nothing)
        .with_state(Arc::clone(proxy));
    match inside {
        Some(inside) => router.layer(Extension(inside)),
        None => router,
    }
}

/// The answer to every address that means nothing: a page where pages are, JSON elsewhere.
async fn nothing(uri: Uri) -> Response {
    match Kind::of(uri.path()) {
        Kind::Page | Kind::Asset => pages::message::not_found().respond(None),
        Kind::Api => api::not_found().await,
    }
}
