//! Five hundred people nobody thought of.

use std::collections::BTreeMap;

use access::UserGrant;
use access::ambient::SeededEntropy;
use jiff::SignedDuration;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::issue::SubjectKeys;
use crate::issue::user::granted;
use crate::tests::tools::Bench;
use crate::tests::world::{authority, grant, key, noon};
use crate::verify::{Purpose, Trust};
use crate::{Algorithm, AuthorityKind, Identity, ssh};

/// Names as people choose them, with what makes encoders stumble.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z][a-z0-9-]{0,20}",
        "[ -~]{1,40}",
        "[a-zA-Zäöüß日本語<>&\"\\\\{}+,=#;'/@*_ ]{1,20}",
    ]
}

fn names() -> impl Strategy<Value = Vec<String>> {
    btree_set(name(), 0..5).prop_map(|names| names.into_iter().collect())
}

prop_compose! {
    fn grants()(
        user in name(),
        roles in btree_set(name(), 1..12),
        logins in names(),
        traits in btree_map(name(), vec("(?s).{0,30}", 0..4), 0..6),
        requests in names(),
        resources in names(),
        impersonator in option::of(name()),
        bot in option::of((name(), name())),
        address in option::of(any::<std::net::IpAddr>()),
        (pin, disallow_reissue, renewable, agent, port, x11) in any::<(bool, bool, bool, bool, bool, bool)>(),
        generation in prop_oneof![Just(0), any::<u64>()],
        seconds in 1..4_000_000i64,
        previous in option::of(0..4_000_000i64),
        extensions in btree_map("[a-z]{1,10}@[a-z]{1,10}", "[ -~]{0,10}", 0..3),
    ) -> UserGrant {
        let moment = |seconds| noon() + SignedDuration::from_secs(seconds);
        UserGrant {
            user,
            roles: roles.into_iter().collect(),
            traits,
            logins,
            active_requests: requests,
            allowed_resources: resources,
            not_after: moment(seconds),
            impersonator,
            disallow_reissue,
            renewable,
            generation,
            bot_name: bot.clone().map(|bot| bot.0),
            bot_instance: bot.map(|bot| bot.1),
            login_ip: address.map(|ip| ip.to_string()),
            pin_source_ip: pin && address.is_some(),
            previous_not_after: previous.map(moment),
            permit_agent_forwarding: agent,
            permit_port_forwarding: port,
            permit_x11_forwarding: x11,
            extensions,
            ..grant("", &[])
        }
    }
}

fn sorted(values: &[String]) -> Vec<String> {
    let mut values = values.to_vec();
    values.sort();
    values
}

#[test]
fn five_hundred_random_permits_come_back_as_they_were() {
    let authority = authority(AuthorityKind::User);
    let trust = Trust::new(authority.certificates().cloned());
    let keys = [Algorithm::P256, Algorithm::Ed25519].map(key);
    let mut runner = TestRunner::new_with_rng(
        Config {
            cases: 500,
            failure_persistence: None,
            ..Config::default()
        },
        TestRng::deterministic_rng(RngAlgorithm::ChaCha),
    );
    let count = std::cell::Cell::new(0usize);
    let bench = Bench::new();
    bench.write("ca.pem", authority.certificates().next().unwrap().to_pem());
    let result = runner.run(&grants(), |grant| {
        let index = count.get();
        count.set(index + 1);
        let key = &keys[index % 2];
        let entropy = SeededEntropy::new(index as u64);
        let subject = SubjectKeys::same(key.public());
        let certificates = granted(&grant, subject, &authority, noon(), &entropy).unwrap();
        let (tls, line) = (certificates.tls.unwrap(), certificates.ssh.unwrap().to_line());

        trust
            .check(std::slice::from_ref(&tls), Purpose::Client, noon())
            .unwrap();
        let read = Identity::from_certificate(&tls).unwrap();
        prop_assert_eq!(&read.username, &grant.user);
        prop_assert_eq!(sorted(&read.groups), sorted(&grant.roles));
        prop_assert_eq!(&read.traits, &grant.traits);
        prop_assert_eq!(&read.active_requests, &grant.active_requests);
        prop_assert_eq!(&read.allowed_resources, &grant.allowed_resources);
        prop_assert_eq!(&read.impersonator, &grant.impersonator);
        prop_assert_eq!(&read.bot_name, &grant.bot_name);
        prop_assert_eq!(&read.bot_instance, &grant.bot_instance);
        prop_assert_eq!(read.login_ip.map(|ip| ip.to_string()), grant.login_ip.clone());
        prop_assert_eq!(read.pinned_ip.is_some(), grant.pin_source_ip);
        prop_assert_eq!(read.generation, grant.generation);
        prop_assert_eq!(read.renewable, grant.renewable);
        prop_assert_eq!(read.disallow_reissue, grant.disallow_reissue);
        prop_assert_eq!(read.previous_not_after, grant.previous_not_after);
        prop_assert_eq!(read.not_after, grant.not_after);

        let read = ssh::Certificate::from_line(&line).unwrap();
        prop_assert!(read.check(authority.ssh_keys(), noon()).is_ok());
        prop_assert_eq!(read.key_id(), &grant.user);
        prop_assert_eq!(read.key(), key.public());
        prop_assert_eq!(read.valid_before(), Some(grant.not_after));
        let logins = &read.principals()[..read.principals().len() - 1];
        if !grant.logins.is_empty() {
            prop_assert_eq!(logins, &grant.logins[..]);
        }
        let roles: BTreeMap<String, Vec<String>> =
            serde_json::from_str::<serde_json::Value>(&read.extensions()["teleport-roles"])
                .unwrap()
                .as_object()
                .unwrap()
                .iter()
                .map(|(name, values)| {
                    let values = values.as_array().unwrap().iter();
                    (
                        name.clone(),
                        values.map(|it| it.as_str().unwrap().to_owned()).collect(),
                    )
                })
                .collect();
        prop_assert_eq!(&roles["roles"], &grant.roles);

        // Other people's tools see a sample; starting a process costs more than all of the above.
        if index.is_multiple_of(25) {
            bench.write("it.pem", crate::certificate::to_pem(&tls));
            let at = noon().as_second();
            bench.run(&format!(
                "openssl verify -x509_strict -purpose sslclient -attime {at} -CAfile ca.pem it.pem"
            ));
            bench.write("it.pub", format!("{line}\n"));
            let text = bench.run("ssh-keygen -L -f it.pub");
            let wanted = grant.not_after.to_string();
            prop_assert!(text.contains(wanted.trim_end_matches('Z')), "{}", text);
            for name in grant.extensions.keys() {
                prop_assert!(text.contains(name.as_str()), "{}", text);
            }
        }
        Ok(())
    });
    result.unwrap();
    assert_eq!(count.get(), 500);
}
