//! What configuration files mean, and what is said of those that mean nothing.

use super::*;

fn settled(text: &str) -> Result<Settings, String> {
    let file = file::parse(text)?;
    let settings = file.settle().map_err(|failure| failure.message().to_owned())?;
    settings.check().map_err(|failure| failure.message().to_owned())?;
    Ok(settings)
}

#[test]
fn the_least_there_can_be() {
    let settings = settled("version: v2\nproxy_server: p.example.com\n").expect("settings");
    assert_eq!(settings.door, Door::Proxy(Address::new("p.example.com", 443)));
    assert_eq!(settings.storage, Place::Directory("/var/lib/teleport/bot".into()));
    assert_eq!((settings.ttl, settings.interval), (TTL_DEFAULT, INTERVAL_DEFAULT));
    assert!(settings.outputs.is_empty() && !settings.oneshot);
}

#[test]
fn the_example_is_what_it_says() {
    // Its token stands in a file that is not here.
    let text = EXAMPLE.replace("/etc/tbot-token", "0123456789abcdef");
    let settings = settled(&text).expect("settings");
    assert_eq!(settings.outputs.len(), 1);
    assert_eq!(
        settings.outputs[0].place,
        Place::Directory("/opt/machine-id".into())
    );
}

#[test]
fn what_is_written_is_read_back() {
    let text = "version: v2\nauth_server: \"auth.example.com:3025\"\nonboarding:\n  join_method: token\n  token: \"abc\"\n\
                storage:\n  type: memory\ncredential_ttl: 2h0m0s\nrenewal_interval: 30m0s\noutputs:\n  - type: identity\n    \
                destination:\n      type: directory\n      path: \"/out\"\n    roles: [\"a\", \"b\"]\n";
    let settings = settled(text).expect("settings");
    assert_eq!(settings.to_yaml(), text);
}

#[test]
fn what_means_nothing_is_named() {
    for (text, said) in [
        ("proxy_server: p", "version: is missing"),
        ("version: v1\nproxy_server: p", "\"v1\" is not known"),
        ("version: v2", "no address"),
        ("version: v2\nproxy_server: p\nauth_server: a", "only one of"),
        ("version: v2\nproxy_server: p\nbogus: 1", "bogus"),
        (
            "version: v2\nproxy_server: p\nonboarding: {join_method: iam}",
            "\"iam\" is not available yet",
        ),
        (
            "version: v2\nproxy_server: p\nonboarding: {ca_pins: [\"md5:00\"]}",
            "only `sha256` is known",
        ),
        (
            "version: v2\nproxy_server: p\noutputs: [{type: database, destination: {path: /o}}]",
            "\"database\" is not available yet",
        ),
        (
            "version: v2\nproxy_server: p\noutputs: [{type: identity, destination: {type: kubernetes_secret}}]",
            "\"kubernetes_secret\" is not available yet",
        ),
        (
            "version: v2\nproxy_server: p\noutputs: [{type: identity, destination: {path: /o}}, {type: identity, destination: {path: /o}}]",
            "one directory",
        ),
        (
            "version: v2\nproxy_server: p\nstorage: {path: /o}\noutputs: [{type: identity, destination: {path: /o}}]",
            "one directory",
        ),
        (
            "version: v2\nproxy_server: p\ncredential_ttl: 48h",
            "is not between",
        ),
        (
            "version: v2\nproxy_server: p\ncredential_ttl: 10m",
            "leaves no time",
        ),
        (
            "version: v2\nproxy_server: p\noutputs: [{type: identity, allow_reissue: true, destination: {path: /o}}]",
            "allow_reissue is not available",
        ),
    ] {
        let message = settled(text).map(|_| ()).expect_err(text);
        assert!(message.contains(said), "{text}: {message}");
    }
}
