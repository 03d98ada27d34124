//! `tsh version`: which version this program is, and the proxy of the profile.

use cli::{Failure, version};
use client::cluster::COMPATIBLE_VERSION;
use client::web::{Ping, WebClient};
use serde_json::{Value, json};
use transport::Address;

use crate::args::{Shape, Version};
use crate::out;
use crate::session::Session;
use crate::world::World;

/// What a proxy says about itself.
struct Found {
    version: String,
    address: String,
}

/// Runs the command.
pub async fn run(world: &World, asked: &Version) -> Result<(), Failure> {
    let found = if asked.client { None } else { proxy(world).await };
    out::data(&match asked.format.format {
        Shape::Text => text(found.as_ref()),
        Shape::Json => format!("{}\n", wire::resource::json::pretty(&object(found.as_ref()), 2)),
        Shape::Yaml => wire::resource::yaml::document(&object(found.as_ref())),
    })
}

/// The proxy of the profile. That it cannot be reached is told, and no reason to fail: this program knows its own version.
async fn proxy(world: &World) -> Option<Found> {
    let addresses = match (world.proxy_addresses(), Session::find(world)) {
        (Ok(addresses), _) => addresses,
        (Err(_), Ok(Some(session))) => vec![Address::parse(&session.profile.web_proxy_addr, 443).ok()?],
        _ => return None,
    };
    match WebClient::find_among(&addresses, &world.web_trust(), &world.clock).await {
        Ok((client, ping)) => Some(Found {
            version: ping.server_version.clone(),
            address: public_address(&client, &ping),
        }),
        Err(error) => {
            let failure = crate::refusal::of_web(error);
            out::talk(&format!(
                "the proxy's version is not known: {}",
                failure.message()
            ));
            None
        }
    }
}

fn public_address(client: &WebClient, ping: &Ping) -> String {
    if ping.proxy.ssh.public_addr.is_empty() {
        client.address().to_string()
    } else {
        ping.proxy.ssh.public_addr.clone()
    }
}

fn text(found: Option<&Found>) -> String {
    let mut lines = format!("{}\n", version::line("Teleport", COMPATIBLE_VERSION));
    if let Some(found) = found {
        let visible = cli::text::visible;
        lines.push_str(&format!(
            "Proxy version: {}\nProxy: {}\n",
            visible(&found.version),
            visible(&found.address)
        ));
    }
    lines
}

fn object(found: Option<&Found>) -> Value {
    let mut object = json!({
        "version": COMPATIBLE_VERSION,
        "gitref": version::OURS,
        "runtime": version::RUNTIME,
    });
    if let Some(found) = found {
        object["proxyVersion"] = found.version.as_str().into();
        object["proxyPublicAddress"] = found.address.as_str().into();
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proxy_is_named_when_it_is_known() {
        let found = Found {
            version: "18.0.0".to_owned(),
            address: "localhost:3080".to_owned(),
        };
        let text = text(Some(&found));
        assert!(text.starts_with("Teleport v18.0.0 git:countersign-"), "{text}");
        assert!(
            text.ends_with("\nProxy version: 18.0.0\nProxy: localhost:3080\n"),
            "{text}"
        );
        let keys: Vec<String> = object(Some(&found))
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect();
        assert_eq!(
            keys,
            [
                "version",
                "gitref",
                "runtime",
                "proxyVersion",
                "proxyPublicAddress"
            ]
        );
    }
}
