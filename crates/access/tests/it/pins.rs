//! What somebody said yes to, and what the role became afterwards.

use std::collections::{BTreeMap, BTreeSet};

use access::ambient::SeededEntropy;
use access::issue::{self, Subject};
use access::pin::{Pin, growth};
use access::rbac::{self, Asker, Touched};
use access::request::{AssumeError, Request, Requester, State, assume, unapproved_growth};
use access::resource::{Kind, Reach, Resource};
use access::role::{Impersonate, KubernetesResource, Labels, Rule};
use access::{Class, Role, Traits};
use jiff::SignedDuration;

use crate::people::{Dice, Group, ask, asking, now, pin, proposal, reviewing, strings, threshold};

const ROLE: &str = "elevated-access";

fn elevated(change: impl FnOnce(&mut Role)) -> Pin {
    let mut role = Role::empty(ROLE);
    role.allow.logins = strings(&["dba"]);
    role.allow.node_labels = Labels::from([("env".to_owned(), strings(&["prod", "test"]))]);
    role.allow.rules = vec![Rule {
        resources: strings(&["event"]),
        verbs: strings(&["list", "read"]),
        where_: String::new(),
    }];
    role.options.max_session_ttl = Some(SignedDuration::from_hours(1));
    change(&mut role);
    pin(role)
}

fn devops() -> Vec<Role> {
    vec![asking("devops", &[ROLE], &[threshold(2, 1)])]
}

fn group(sees: Pin) -> Group {
    let reviewer = || vec![reviewing("dbreviewer", &[ROLE])];
    let group = Group::of(&[
        ("alice", &reviewer()),
        ("ivan", &reviewer()),
        ("carol", &reviewer()),
    ]);
    Group {
        sees: vec![sees],
        ..group
    }
}

fn approve(request: &Request, who: &str, sees: Pin) -> Request {
    group(sees)
        .review(request, who, State::Approved, "")
        .expect("a review")
        .request
}

fn assumed(request: &Request, granted: &[Pin]) -> Result<(), AssumeError> {
    let roles = devops();
    let bob = Requester {
        user: "bob",
        subject: "",
        roles: &roles,
        traits: &Traits::new(),
    };
    assume(request, &bob, granted, now())
}

#[test]
fn an_approval_is_good_for_what_the_role_granted_then_or_less() {
    let pending = ask(&proposal("bob", &[ROLE]), &devops()).unwrap();
    let once = approve(&pending, "alice", elevated(|_| {}));
    let approved = approve(&once, "ivan", elevated(|_| {}));
    assert_eq!(approved.state, State::Approved);
    assert_eq!(assumed(&approved, &[elevated(|_| {})]), Ok(()));
    assert_eq!(
        assumed(&approved, &[elevated(|role| role.allow.logins.clear())]),
        Ok(())
    );
    let wider = elevated(|role| role.allow.logins.push("root".to_owned()));
    let error = assumed(&approved, &[wider]).unwrap_err();
    assert_eq!(error.class(), Class::PermissionDenied);
    assert!(
        error.to_string().contains("role \"elevated-access\"") && error.to_string().contains("allow.logins"),
        "{error}"
    );
    // A role that was not there when they said yes is none that they said yes to.
    let blind = Group {
        sees: Vec::new(),
        ..group(elevated(|_| {}))
    };
    let once = blind
        .review(&pending, "alice", State::Approved, "")
        .unwrap()
        .request;
    let twice = blind.review(&once, "ivan", State::Approved, "").unwrap().request;
    assert!(matches!(
        assumed(&twice, &[elevated(|_| {})]),
        Err(AssumeError::Outgrown { .. })
    ));
}

#[test]
fn an_approval_that_the_role_outgrows_before_the_next_one_is_not_counted() {
    let pending = ask(&proposal("bob", &[ROLE]), &devops()).unwrap();
    let once = approve(&pending, "alice", elevated(|_| {}));
    let wider = || elevated(|role| role.allow.logins.push("root".to_owned()));
    let second = group(wider()).review(&once, "ivan", State::Approved, "").unwrap();
    assert_eq!(second.request.state, State::Pending);
    assert_eq!(second.dropped, ["alice"]);
    assert_eq!(second.evidence.skipped.len(), 1);
    assert_eq!(
        second.evidence.skipped[0].why,
        "a requested role grants more now than its author said yes to"
    );
    let third = approve(&second.request, "carol", wider());
    assert_eq!(third.state, State::Approved);
    assert_eq!(unapproved_growth(&third, &[wider()]), None);
    // A denial needs no pin: it says no to whatever the role became.
    let denied = group(wider()).review(&once, "ivan", State::Denied, "").unwrap();
    assert_eq!(denied.request.state, State::Denied);
}

type Edit = fn(&mut Role);

#[test]
fn every_field_that_grants_is_watched() {
    let then = elevated(|_| {});
    let grown: [(&str, Edit); 14] = [
        ("allow.logins", |role| role.allow.logins.push("root".to_owned())),
        ("allow.node_labels", |role| {
            role.allow.node_labels.remove("env");
            role.allow.node_labels.insert("team".to_owned(), strings(&["db"]));
        }),
        ("allow.node_labels", |role| {
            role.allow.node_labels.insert("*".to_owned(), strings(&["*"]));
        }),
        ("allow.db_labels", |role| {
            role.allow.db_labels.insert("env".to_owned(), strings(&["prod"]));
        }),
        ("allow.node_labels", |role| {
            role.allow.label_expressions.node = "true".to_owned();
        }),
        ("allow.rules", |role| {
            role.allow.rules[0].verbs.push("*".to_owned());
        }),
        ("allow.kubernetes_groups", |role| {
            role.allow.kubernetes_groups = strings(&["system:masters"]);
        }),
        ("allow.kubernetes_resources", |role| {
            role.allow
                .kubernetes_resources
                .push(KubernetesResource::default());
        }),
        ("allow.impersonate", |role| {
            role.allow.impersonate = Impersonate {
                users: strings(&["*"]),
                roles: strings(&["*"]),
                where_: String::new(),
            };
        }),
        ("allow.review_requests", |role| {
            role.allow.review_requests.roles = strings(&["*"]);
        }),
        ("allow.request", |role| role.allow.request.roles = strings(&["*"])),
        ("options.max_session_ttl", |role| {
            role.options.max_session_ttl = Some(SignedDuration::from_hours(2));
        }),
        ("options.max_session_ttl", |role| {
            role.options.max_session_ttl = Some(SignedDuration::ZERO);
        }),
        ("options.forward_agent", |role| role.options.forward_agent = true),
    ];
    for (field, change) in grown {
        let found = growth(
            &[ROLE.to_owned()],
            std::slice::from_ref(&then),
            &[elevated(change)],
        );
        assert_eq!(found.map(|growth| growth.field), Some(field));
    }
    // What was forbidden must stay so.
    let strict = elevated(|role| role.deny.logins = strings(&["root"]));
    let found = growth(&[ROLE.to_owned()], &[strict], &[elevated(|_| {})]);
    assert_eq!(found.map(|growth| growth.field), Some("deny.logins"));
    // What is not compared piece by piece must stay as it is.
    let other = Pin {
        rest: [1; 32],
        ..elevated(|role| {
            role.labels.insert("changed".to_owned(), String::new());
        })
    };
    let found = growth(&[ROLE.to_owned()], &[then], &[other]);
    assert_eq!(found.map(|growth| growth.field), Some("spec"));
}

/// Everything that a holder of this role alone can be seen to have, as texts.
fn powers(role: &Role) -> BTreeSet<String> {
    let traits = Traits::from([("team".to_owned(), strings(&["db"]))]);
    let mut powers = BTreeSet::new();
    let subject = Subject {
        user: "bob",
        subject: "",
        roles: std::slice::from_ref(role),
        traits: &traits,
    };
    let wish = issue::Wish::AtMost(now() + SignedDuration::from_hours(20));
    let permit = issue::sign_in(&subject, Some(wish), None, now()).expect("a permit");
    let grant = permit.grant();
    let named = [
        ("login", &grant.logins),
        ("kubernetes group", &grant.kubernetes_groups),
        ("kubernetes user", &grant.kubernetes_users),
    ];
    for (what, names) in named {
        powers.extend(names.iter().map(|name| format!("{what} {name}")));
    }
    for (name, value) in &grant.extensions {
        powers.insert(format!("extension {name}={value}"));
    }
    let hours = (grant.not_after - now()).as_hours();
    powers.extend((1..=hours).map(|hour| format!("{hour} hours")));
    for (what, has) in [
        ("agent forwarding", grant.permit_agent_forwarding),
        ("port forwarding", grant.permit_port_forwarding),
        ("X11", grant.permit_x11_forwarding),
        ("any address", !grant.pin_source_ip),
    ] {
        if has {
            powers.insert(what.to_owned());
        }
    }
    let asker = Asker {
        user: "bob",
        roles: std::slice::from_ref(role),
        traits: &traits,
    };
    for kind in ["user", "role", "event"] {
        for verb in ["list", "read", "readnosecrets", "update"] {
            for name in ["one", "other"] {
                let touched = Touched {
                    name: Some(name),
                    labels: None,
                };
                if rbac::check(&asker, kind, verb, touched).allows() {
                    powers.insert(format!("{verb} {kind} {name}"));
                }
            }
        }
    }
    let reach = Reach::of(std::slice::from_ref(role), &traits);
    for env in ["", "prod", "test"] {
        for team in ["", "db", "web"] {
            let labels = [("env", env), ("team", team)]
                .into_iter()
                .filter(|(_, value)| !value.is_empty())
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect::<BTreeMap<_, _>>();
            for kind in Kind::ALL {
                let resource = Resource {
                    labels: labels.clone(),
                    ..Resource::new(kind, "it")
                };
                if reach.verdict(&resource).allows() {
                    powers.insert(format!("{kind:?} {env} {team}"));
                }
            }
        }
    }
    for target in ["alice", "ivan"] {
        let roles = [Role::empty("reader"), Role::empty("writer")];
        for held in &roles {
            let other = Subject {
                user: target,
                subject: "",
                roles: std::slice::from_ref(held),
                traits: &traits,
            };
            if issue::impersonate(&issue::Holder::default(), &subject, &other, wish, now()).is_ok() {
                powers.insert(format!("as {target} with {}", held.name));
            }
        }
    }
    powers
}

/// One of many roles, small enough that two of them are often related.
fn random_role(dice: &Dice) -> Role {
    let mut role = Role::empty(ROLE);
    let some = |of: &[&str]| -> Vec<String> {
        of.iter()
            .filter(|_| dice.roll(2) == 0)
            .map(|text| (*text).to_owned())
            .collect()
    };
    let labels = || -> Labels {
        let mut labels = Labels::new();
        let values = [
            "prod",
            "test",
            "*",
            "db",
            "^(",
            "{{external.team}}",
            "{{external.none}}",
        ];
        for key in ["env", "team"] {
            if dice.roll(3) == 0 {
                let picked = (0..=dice.roll(2)).map(|_| (*dice.pick(&values)).to_owned());
                labels.insert(key.to_owned(), picked.collect());
            }
        }
        if dice.roll(6) == 0 {
            labels.insert("*".to_owned(), strings(&["*"]));
        }
        labels
    };
    let expression = || (*dice.pick(&["", "", "", "labels[\"env\"] == \"prod\"", "(("])).to_owned();
    let rules = || -> Vec<Rule> {
        (0..dice.roll(3))
            .map(|_| Rule {
                resources: vec![(*dice.pick(&["user", "role", "*"])).to_owned()],
                verbs: vec![(*dice.pick(&["list", "read", "update", "*"])).to_owned()],
                where_: (*dice.pick(&["", "", "equals(resource.metadata.name, \"one\")", "(("])).to_owned(),
            })
            .collect()
    };
    let impersonate = |where_: &str| Impersonate {
        users: some(&["alice", "*", "^(a|i)[a-z]+$", "^($"]),
        roles: some(&["reader", "writer"]),
        where_: where_.to_owned(),
    };
    for conditions in [&mut role.allow, &mut role.deny] {
        conditions.logins = some(&["root", "dba", "{{external.team}}"]);
        conditions.kubernetes_groups = some(&["admins", "viewers"]);
        conditions.node_labels = labels();
        conditions.db_labels = labels();
        conditions.label_expressions.node = expression();
        conditions.rules = rules();
    }
    // What forbids everything would leave little to compare.
    if dice.roll(2) == 0 {
        role.deny = access::role::Conditions::default();
    }
    let where_ = *dice.pick(&["", "equals(impersonate_role.metadata.name, \"reader\")"]);
    role.allow.impersonate = impersonate(where_);
    role.options.max_session_ttl = Some(SignedDuration::from_hours(i64::from(dice.roll(4))));
    role.options.forward_agent = dice.roll(2) == 0;
    role.options.port_forwarding = *dice.pick(&[None, Some(true), Some(false)]);
    role.options.permit_x11_forwarding = dice.roll(2) == 0;
    role.options.pin_source_ip = dice.roll(2) == 0;
    let extensions = [("a", "1"), ("a", "2"), ("b", "3")];
    role.options.cert_extensions = extensions
        .iter()
        .filter(|_| dice.roll(2) == 0)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    role
}

/// The same role with one or two parts taken from another one, or cut down.
fn edited(dice: &Dice, role: &Role, other: &Role) -> Role {
    let mut edited = role.clone();
    for _ in 0..=dice.roll(2) {
        match dice.roll(14) {
            0 => edited.allow.logins.clone_from(&other.allow.logins),
            1 => edited.allow.node_labels.clone_from(&other.allow.node_labels),
            2 => edited.allow.rules.clone_from(&other.allow.rules),
            3 => edited.allow.impersonate.clone_from(&other.allow.impersonate),
            4 => edited.deny.clone_from(&other.deny),
            5 => edited.options.clone_from(&other.options),
            6 => edited
                .allow
                .label_expressions
                .clone_from(&other.allow.label_expressions),
            7 => drop(edited.allow.logins.pop()),
            8 => drop(edited.allow.rules.pop()),
            9 => edited.deny.logins.push("root".to_owned()),
            10 => edited.options.cert_extensions.truncate(1),
            11 => {
                for values in edited.allow.node_labels.values_mut() {
                    values.pop();
                }
            }
            12 => drop(
                edited
                    .allow
                    .node_labels
                    .insert("env".to_owned(), strings(&["prod"])),
            ),
            _ => drop(edited.allow.impersonate.users.pop()),
        }
    }
    edited
}

#[test]
fn what_is_called_the_same_or_less_never_gives_more() {
    let dice = Dice(SeededEntropy::named("pins"));
    let (mut proven, mut refused) = (0, 0);
    for case in 0..4_000 {
        let then = random_role(&dice);
        let now = edited(&dice, &then, &random_role(&dice));
        let found = growth(&[ROLE.to_owned()], &[pin(then.clone())], &[pin(now.clone())]);
        if found.is_some() {
            refused += 1;
            continue;
        }
        if now != then {
            proven += 1;
        }
        let (before, after) = (powers(&then), powers(&now));
        let gained: Vec<_> = after.difference(&before).collect();
        assert!(
            gained.is_empty(),
            "case {case}: gained {gained:?}\nthen {then:#?}\nnow {now:#?}"
        );
    }
    assert!(
        proven > 200 && refused > 200,
        "{proven} proven, {refused} refused"
    );
}
