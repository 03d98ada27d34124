//! Asking for servers, applications, databases and Kubernetes clusters instead of roles.

use std::collections::BTreeMap;

use access::issue::{self, Holder, IssueError, Subject, Wish};
use access::pin::Pin;
use access::request::{
    AssumeError, Capabilities, Intent, Proposal, ProposeError, Request, Requester, ResourceId, Review, State,
    Voter, capabilities, propose,
};
use access::resource::{Catalogue, Kind, Resource, preview_roles, search_roles};
use access::role::{KubernetesResource, Labels};
use access::{Class, Role, Traits};
use jiff::SignedDuration;

use crate::people::{CLUSTER, ID, now, pin, proposal, strings, threshold};

/// What there is in the cluster of these stories.
struct Shop {
    roles: BTreeMap<String, Role>,
    resources: Vec<Resource>,
}

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn wanted(pairs: &[(&str, &str)]) -> Labels {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), strings(&[value])))
        .collect()
}

fn resource(kind: Kind, name: &str, pairs: &[(&str, &str)]) -> Resource {
    Resource {
        labels: labels(pairs),
        ..Resource::new(kind, name)
    }
}

fn shop() -> Shop {
    let role = |name: &str, change: &dyn Fn(&mut Role)| {
        let mut role = Role::empty(name);
        change(&mut role);
        (name.to_owned(), role)
    };
    let roles = [
        role("node-prod", &|role| {
            role.allow.node_labels = wanted(&[("env", "prod")]);
            role.allow.logins = strings(&["root", "ubuntu"]);
        }),
        role("node-all", &|role| {
            role.allow.node_labels = wanted(&[("*", "*")]);
            role.allow.logins = strings(&["ubuntu"]);
        }),
        role("db-team", &|role| {
            role.allow.db_labels = [("team".to_owned(), strings(&["{{external.team}}"]))].into();
        }),
        role("kube-dev", &|role| {
            role.allow.kubernetes_labels = wanted(&[("*", "*")]);
            role.allow.kubernetes_resources = vec![KubernetesResource {
                kind: "pod".to_owned(),
                namespace: "dev".to_owned(),
                name: "*".to_owned(),
            }];
        }),
    ];
    Shop {
        roles: roles.into(),
        resources: vec![
            resource(Kind::Node, "n-prod", &[("env", "prod")]),
            resource(Kind::Node, "n-stage", &[("env", "stage")]),
            resource(Kind::Db, "orders", &[("team", "red")]),
            resource(Kind::Db, "wages", &[("team", "blue")]),
            resource(Kind::KubeCluster, "k8s", &[]),
        ],
    }
}

/// The role of somebody who may look for `searched`, two approvals each.
fn searcher(searched: &[&str]) -> Role {
    let mut role = Role::empty("searcher");
    role.allow.request.search_as_roles = strings(searched);
    role.allow.request.thresholds = vec![threshold(2, 1)];
    role
}

const ALL: &[&str] = &["node-prod", "node-all", "db-team", "kube-dev"];

fn traits() -> Traits {
    Traits::from([("team".to_owned(), strings(&["red"]))])
}

fn with<T>(shop: &Shop, then: impl FnOnce(&Catalogue<'_>) -> T) -> T {
    let catalogue = Catalogue {
        cluster: CLUSTER,
        role: &|name| shop.roles.get(name).cloned(),
        every_role: &|| shop.roles.keys().cloned().collect(),
        resource: &|id| {
            shop.resources
                .iter()
                .find(|resource| id.reached() == Some(resource.kind) && id.name == resource.name)
                .cloned()
        },
    };
    then(&catalogue)
}

fn id(tail: &str) -> ResourceId {
    ResourceId::parse(&format!("/{CLUSTER}/{tail}")).unwrap()
}

fn wish(tails: &[&str]) -> Proposal {
    Proposal {
        resource_ids: tails.iter().map(|tail| id(tail)).collect(),
        ..proposal("bob", &[])
    }
}

fn ask(proposal: &Proposal, roles: &[Role]) -> Result<Request, ProposeError> {
    let traits = traits();
    let requester = Requester {
        user: "bob",
        subject: "",
        roles,
        traits: &traits,
    };
    with(&shop(), |catalogue| {
        propose(
            proposal,
            &requester,
            Some(SignedDuration::from_hours(8)),
            catalogue,
            ID.to_owned(),
            now(),
        )
    })
}

#[test]
fn the_roles_are_those_that_open_what_is_asked_for() {
    let searcher = [searcher(ALL)];
    for (tails, roles) in [
        (&["node/n-prod"][..], &["node-all", "node-prod"][..]),
        (&["node/n-stage"], &["node-all"]),
        (&["db/orders"], &["db-team"]),
        (&["node/n-stage", "db/orders"], &["db-team", "node-all"]),
        (&["node/n-stage", "db/wages"], &["node-all"]),
        (&["kube_cluster/k8s"], &["kube-dev"]),
        (&["pod/k8s/dev/web"], &["kube-dev"]),
    ] {
        let request = ask(&wish(tails), &searcher).unwrap();
        assert_eq!(request.roles, roles, "{tails:?}");
        assert_eq!(request.resource_ids, wish(tails).resource_ids);
        assert_eq!(request.thresholds.len(), 1);
        assert_eq!(request.thresholds[0].approve, 2);
        assert!(request.role_thresholds.keys().eq(roles));
    }
}

#[test]
fn a_login_narrows_to_the_role_with_the_fewest() {
    let searcher = [searcher(ALL)];
    let login = |login: &str| Proposal {
        login_hint: login.to_owned(),
        ..wish(&["node/n-prod"])
    };
    assert_eq!(ask(&login("ubuntu"), &searcher).unwrap().roles, ["node-all"]);
    assert_eq!(ask(&login("root"), &searcher).unwrap().roles, ["node-prod"]);
    assert!(ask(&login("nobody"), &searcher).is_err());
}

#[test]
fn what_nobody_may_ask_for_is_refused_in_the_words_clients_know() {
    let no_search = [Role::empty("plain")];
    let refused = ask(&wish(&["node/n-prod"]), &no_search).unwrap_err();
    assert_eq!(refused.class(), Class::PermissionDenied);
    assert_eq!(
        refused.to_string(),
        "Resource Access Requests require usable \"search_as_roles\", none found for user \"bob\""
    );
    let mut denied = searcher(&["node-all"]);
    denied.deny.request.search_as_roles = strings(&["node-all"]);
    assert_eq!(ask(&wish(&["node/n-prod"]), &[denied]).unwrap_err(), refused);
    let mut denied = Role::empty("denying");
    denied.deny.request.roles = strings(&["node-*"]);
    let both = [searcher(&["node-all"]), denied];
    assert_eq!(ask(&wish(&["node/n-prod"]), &both).unwrap_err(), refused);

    let searcher = [searcher(ALL)];
    for (tails, told) in [
        (&["db/wages"][..], "allow access to any requested resources"),
        (&["node/unknown"], "allow access to any requested resources"),
        (&["windows_desktop/d"], "allow access to any requested resources"),
        (
            &["node/n-prod", "pod/k8s/prod/web"],
            "allow access to at least one requested resources",
        ),
    ] {
        let refused = ask(&wish(tails), &searcher).unwrap_err();
        assert_eq!(refused.class(), Class::InvalidArgument);
        assert!(refused.to_string().contains(told), "{tails:?}: {refused}");
    }
    let elsewhere = Proposal {
        resource_ids: ["/b/node/n", "/a/node/n", "/b/node/m"]
            .iter()
            .map(|text| ResourceId::parse(text).unwrap())
            .collect(),
        ..proposal("bob", &[])
    };
    let refused = ask(&elsewhere, &searcher).unwrap_err();
    assert_eq!(refused.class(), Class::NotFound);
    assert_eq!(
        refused.to_string(),
        "access request contains invalid or unknown cluster names: b, a"
    );
    let mut malformed = wish(&["node/n-prod"]);
    malformed.resource_ids[0].sub_resource = "x".to_owned();
    assert_eq!(
        ask(&malformed, &searcher).unwrap_err().to_string(),
        "resource kind \"node\" doesn't allow sub resources"
    );
}

#[test]
fn named_roles_must_be_search_roles_and_stay_as_named() {
    let mut role = searcher(&["node-all"]);
    role.allow.request.roles = strings(&["db-team"]);
    let named = |roles: &[&str]| Proposal {
        roles: strings(roles),
        ..wish(&["db/orders"])
    };
    assert_eq!(
        ask(&named(&["node-all"]), &[role.clone()]).unwrap().roles,
        ["node-all"]
    );
    // Requestable as a role is not the same as to reach a resource.
    let refused = ask(&named(&["db-team"]), &[role.clone()]).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "user \"bob\" can not request role \"db-team\""
    );
    // And the other way round.
    let refused = ask(&proposal("bob", &["node-all"]), &[role]).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "user \"bob\" can not request role \"node-all\""
    );
}

#[test]
fn kinds_inside_kubernetes_can_be_required() {
    let mut role = searcher(ALL);
    role.allow.request.kubernetes_kinds = strings(&["namespace"]);
    let refused = ask(&wish(&["pod/k8s/dev/web"]), &[role.clone()]).unwrap_err();
    assert_eq!(refused.class(), Class::InvalidArgument);
    assert!(
        refused.to_string().contains(
            "allowed kinds for each requestable roles: db-team: [namespace], kube-dev: [namespace]"
        ),
        "{refused}"
    );
    let named = Proposal {
        roles: strings(&["kube-dev"]),
        ..wish(&["kube_cluster/k8s"])
    };
    let refused = ask(&named, &[role]).unwrap_err().to_string();
    assert!(
        refused.ends_with("each requested roles: kube-dev: [namespace]"),
        "{refused}"
    );
}

#[test]
fn there_are_limits_to_how_much_is_asked_for_at_once() {
    let searcher = [searcher(ALL)];
    let doubled = ask(&wish(&["node/n-prod"; 300]), &searcher).unwrap();
    assert_eq!(doubled.resource_ids, [id("node/n-prod")]);
    let refused = ask(&wish(&["node/n-prod"; 301]), &searcher).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "access request contains too many resources (301), max 300"
    );
    let length = |extra: usize| {
        let prefix = format!("/{CLUSTER}/node/").len();
        let used = id("node/n-prod").text().len() + prefix;
        let filler = "x".repeat(500);
        let mut ids: Vec<ResourceId> = vec![id("node/n-prod")];
        let mut left = 2048 - used + extra;
        for at in 0..10 {
            let overhead = if at == 0 { 0 } else { prefix };
            let taken = left.saturating_sub(overhead).min(490);
            let name = format!("{at}{}", &filler[..taken - 1]);
            left -= overhead + taken;
            let mut next = id("node/n");
            next.name = name;
            ids.push(next);
            if left == 0 {
                break;
            }
        }
        Proposal {
            resource_ids: ids,
            ..proposal("bob", &[])
        }
    };
    let total =
        |proposal: &Proposal| -> usize { proposal.resource_ids.iter().map(|id| id.text().len()).sum() };
    assert_eq!((total(&length(0)), total(&length(1))), (2048, 2049));
    assert!(ask(&length(0), &searcher).is_ok());
    assert_eq!(
        ask(&length(1), &searcher).unwrap_err(),
        ProposeError::ResourcesTooLong
    );
}

#[test]
fn annotations_of_requests_for_resources_come_from_search_roles_alone() {
    let mut by_role = Role::empty("by-role");
    by_role.allow.request.roles = strings(&["node-*"]);
    by_role.allow.request.annotations = [("from".to_owned(), strings(&["roles"]))].into();
    let mut by_search = searcher(&["node-all"]);
    by_search.allow.request.annotations = [("from".to_owned(), strings(&["search"]))].into();
    let roles = [by_role, by_search];
    let found = ask(&wish(&["node/n-stage"]), &roles).unwrap();
    assert_eq!(found.system_annotations["from"], ["search"]);
    let found = ask(&proposal("bob", &["node-all"]), &roles).unwrap();
    assert_eq!(found.system_annotations["from"], ["roles"]);
    // Both roles let it be asked for, so both bring thresholds.
    assert_eq!(found.role_thresholds["node-all"].len(), 2);
}

#[test]
fn a_reason_is_needed_where_a_role_that_opens_the_resource_wants_one() {
    let mut strict = searcher(&["db-team"]);
    strict.name = "strict".to_owned();
    strict.allow.request.reason_mode = "required".to_owned();
    let roles = [strict, searcher(&["node-all"])];
    assert!(ask(&wish(&["node/n-prod"]), &roles).is_ok());
    let refused = ask(&wish(&["db/orders"]), &roles).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "request reason must be specified (required for role \"db-team\")"
    );
    // Naming another role than the one that opens it is no way round.
    let round = Proposal {
        roles: strings(&["node-all"]),
        ..wish(&["db/orders"])
    };
    assert_eq!(ask(&round, &roles).unwrap_err(), refused);
}

fn able(roles: &[Role], intent: &Intent<'_>) -> Capabilities {
    let traits = traits();
    let requester = Requester {
        user: "bob",
        subject: "",
        roles,
        traits: &traits,
    };
    with(&shop(), |catalogue| {
        capabilities(&requester, intent, catalogue, &|resource| {
            resource.name != "wages"
        })
        .unwrap()
    })
}

#[test]
fn capabilities_tell_which_roles_a_resource_needs() {
    let ids = [id("node/n-prod")];
    let intent = Intent {
        resource_ids: &ids,
        ..Intent::default()
    };
    let found = able(&[searcher(ALL)], &intent);
    assert_eq!(found.applicable_roles, ["node-all", "node-prod"]);
    assert!(found.requestable_roles.is_empty());

    let mut asker = Role::empty("asker");
    asker.allow.request.roles = strings(&["*"]);
    let opening = |ids: &[ResourceId]| {
        let intent = Intent {
            resource_ids: ids,
            only_opening: true,
            ..Intent::default()
        };
        able(std::slice::from_ref(&asker), &intent).requestable_roles
    };
    assert_eq!(opening(&ids), ["node-all", "node-prod"]);
    assert_eq!(opening(&[id("node/n-prod"), id("db/orders")]), [""; 0]);
    // What Bob cannot see tells him nothing: neither that it is there, nor what opens it.
    assert_eq!(opening(&[id("db/wages")]), opening(&[id("db/nosuch")]));
}

fn approved(tails: &[&str], id: &str) -> Request {
    let vote = |author: &str| Review {
        author: author.to_owned(),
        subject: String::new(),
        target: None,
        voter: Voter::Person,
        state: State::Approved,
        reason: String::new(),
        created: now(),
        thresholds: vec![0],
        assume_start: None,
        roles: Vec::new(),
        saw: shop().roles.into_values().map(pin).collect(),
    };
    let asked = ask(&wish(tails), &[searcher(ALL)]).unwrap();
    Request {
        id: id.to_owned(),
        state: State::Approved,
        reviews: vec![vote("alice"), vote("ivan")],
        ..asked
    }
}

fn assume(requests: &[Request], roles: &[Role]) -> Result<Vec<String>, IssueError> {
    let traits = traits();
    let subject = Subject {
        user: "bob",
        subject: "",
        roles,
        traits: &traits,
    };
    let requested: Vec<Pin> = shop().roles.into_values().map(pin).collect();
    let wish = Wish::AtMost(now() + SignedDuration::from_hours(1));
    let holder = Holder {
        user: "bob".to_owned(),
        ..Holder::default()
    };
    issue::renew(&holder, &subject, requests, &requested, wish, now())
        .map(|permit| permit.grant().allowed_resources.clone())
}

#[test]
fn a_certificate_is_for_the_resources_of_one_request() {
    let one = approved(&["node/n-prod", "db/orders"], ID);
    let other = approved(&["node/n-stage"], "0193496f-268c-727e-b696-600a86842900");
    let roles = [searcher(ALL)];
    assert_eq!(
        assume(std::slice::from_ref(&one), &roles).unwrap(),
        [id("node/n-prod").text(), id("db/orders").text()]
    );
    assert_eq!(assume(&[], &roles).unwrap(), [""; 0]);
    let both = assume(&[one.clone(), other], &roles).unwrap_err();
    assert_eq!(both, IssueError::SeveralResourceRequests);
    assert_eq!(both.class(), Class::InvalidArgument);
    // A right to search that is gone by now carries nothing, even if the roles could be asked for as roles.
    let mut as_roles = Role::empty("as-roles");
    as_roles.allow.request.roles = strings(ALL);
    assert!(matches!(
        assume(std::slice::from_ref(&one), &[as_roles]).unwrap_err(),
        IssueError::Assume(AssumeError::Propose(ProposeError::NotRequestable { .. }))
    ));
}

#[test]
fn looking_borrows_no_role_that_is_denied() {
    let mut role = searcher(&["b", "a", "c"]);
    role.deny.request.search_as_roles = strings(&["c"]);
    role.deny.request.roles = strings(&["b*"]);
    role.allow.review_requests.preview_as_roles = strings(&["y", "x", "y"]);
    role.deny.review_requests.preview_as_roles = strings(&["x"]);
    let roles = [role];
    assert_eq!(search_roles(&roles, &traits()).unwrap(), ["a"]);
    assert_eq!(preview_roles(&roles), ["y"]);
}
