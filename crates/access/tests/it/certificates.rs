//! Which certificate somebody gets: the roles inside, its end, and every reason why not.

use access::issue::{Holder, IssueError, Subject, Wish, impersonate, local_admin, renew, sign_in};
use access::request::{Request, State};
use access::role::RequestAccess;
use access::{Class, Role, Traits};
use jiff::{SignedDuration, Timestamp};

use crate::people::{Group, ID, ask, asking, now, pin, proposal, reviewing, strings, threshold};

fn in_hours(hours: i64) -> Timestamp {
    now() + SignedDuration::from_hours(hours)
}

fn devops() -> Role {
    asking("devops", &["elevated-access"], &[threshold(2, 1)])
}

fn elevated() -> Role {
    let mut role = Role::empty("elevated-access");
    role.allow.logins = strings(&["root"]);
    role
}

fn approved() -> Request {
    let reviewer = [reviewing("dbreviewer", &["elevated-access"])];
    let group = Group {
        sees: vec![pin(elevated())],
        ..Group::of(&[("alice", &reviewer), ("ivan", &reviewer)])
    };
    let request = ask(&proposal("bob", &["elevated-access"]), &[devops()]).unwrap();
    let once = group.review(&request, "alice", State::Approved, "").unwrap();
    group
        .review(&once.request, "ivan", State::Approved, "")
        .unwrap()
        .request
}

/// Bob's present certificate, which has eight hours left.
fn holder() -> Holder {
    Holder {
        user: "bob".to_owned(),
        not_after: Some(in_hours(8)),
        login_ip: Some("192.0.2.7".to_owned()),
        ..Holder::default()
    }
}

/// Bob, with these stored roles, takes `request` into his certificate.
fn take(
    holder: &Holder,
    roles: &[Role],
    request: Request,
    wish: Wish,
    at: Timestamp,
) -> Result<access::IssuancePermit, IssueError> {
    let traits = Traits::new();
    let bob = Subject {
        user: "bob",
        subject: "",
        roles,
        traits: &traits,
    };
    renew(holder, &bob, &[request], &[pin(elevated())], wish, at)
}

fn refused(request: Request, roles: &[Role], at: Timestamp) -> (Class, String) {
    let error = take(&holder(), roles, request, Wish::AtMost(in_hours(100)), at).unwrap_err();
    (error.class(), error.to_string())
}

#[test]
fn an_approved_request_adds_its_roles_until_its_end() {
    let request = approved();
    let permit = take(
        &holder(),
        &[devops()],
        request.clone(),
        Wish::AtMost(in_hours(100)),
        now(),
    )
    .unwrap();
    let grant = permit.grant();
    assert_eq!(grant.roles, ["devops", "elevated-access"]);
    assert_eq!(grant.logins, ["root"]);
    assert_eq!(grant.active_requests, [ID]);
    assert_eq!(grant.not_after, request.expires);
    assert_eq!(grant.login_ip.as_deref(), Some("192.0.2.7"));
    assert_eq!(grant.impersonator, None);
    // Dropping it leaves what is stored.
    let traits = Traits::new();
    let bob = Subject {
        user: "bob",
        subject: "",
        roles: &[devops()],
        traits: &traits,
    };
    let without = renew(&holder(), &bob, &[], &[], Wish::AtMost(in_hours(1)), now()).unwrap();
    assert_eq!(without.grant().roles, ["devops"]);
    assert!(without.grant().active_requests.is_empty() && without.grant().logins.is_empty());
}

#[test]
fn a_request_that_is_not_approved_proven_and_in_its_time_is_refused() {
    let with = |change: &dyn Fn(&mut Request)| {
        let mut request = approved();
        change(&mut request);
        refused(request, &[devops()], now())
    };
    let said = |text: &str| text.replace("ID", &format!("{ID:?}"));
    for (state, text) in [
        (State::Pending, "access request ID is awaiting approval"),
        (State::Denied, "access request ID has been denied"),
        (
            State::Promoted,
            "access request ID has been promoted. Use access list to access resources.",
        ),
    ] {
        assert_eq!(
            with(&|request| request.state = state),
            (Class::PermissionDenied, said(text))
        );
    }
    let not_proven = said("the stored reviews of access request ID do not add up to its approval");
    let forgeries: [&dyn Fn(&mut Request); 8] = [
        &|request| drop(request.reviews.pop()),
        &|request| request.reviews[1] = request.reviews[0].clone(),
        &|request| request.reviews[1].author = "bob".to_owned(),
        &|request| request.reviews[1].voter = access::request::Voter::Machine,
        &|request| request.reviews[1].thresholds.clear(),
        &|request| request.thresholds[0].approve = 3,
        &|request| request.role_thresholds.clear(),
        &|request| {
            request.role_thresholds.insert("other".to_owned(), vec![vec![0]]);
            request.role_thresholds.remove("elevated-access");
        },
    ];
    for (at, forgery) in forgeries.into_iter().enumerate() {
        assert_eq!(
            with(forgery),
            (Class::PermissionDenied, not_proven.clone()),
            "forgery {at}"
        );
    }
    for stranger in ["eve", "Bob"] {
        assert_eq!(
            with(&|request| request.user = stranger.to_owned()),
            (Class::NotFound, said("access request ID not found"))
        );
    }
    assert_eq!(
        with(&|request| request.subject = "a former bob".to_owned()).0,
        Class::NotFound
    );
    let (class, text) = with(&|request| request.assume_start = Some(in_hours(1)));
    assert_eq!(class, Class::InvalidArgument);
    assert!(text.starts_with(&said("access request ID can not be assumed until ")));
    let end = approved().expires;
    assert_eq!(
        refused(approved(), &[devops()], end),
        (Class::InvalidArgument, said("access request ID has expired"))
    );
}

#[test]
fn what_the_roles_say_now_is_asked_again() {
    let not_requestable = (
        Class::InvalidArgument,
        "user \"bob\" can not request role \"elevated-access\"".to_owned(),
    );
    assert_eq!(refused(approved(), &[], now()), not_requestable);
    let mut denying = devops();
    denying.deny.request.roles = strings(&["elevated-*"]);
    assert_eq!(refused(approved(), &[denying], now()), not_requestable);
    let mut demanding = devops();
    demanding.options.request_access = RequestAccess::Reason;
    assert_eq!(
        refused(approved(), &[demanding], now()).1,
        "request reason must be specified (required request_access option in one of the roles)"
    );
}

#[test]
fn the_end_is_the_tightest_of_all_limits_and_a_firm_wish_is_refused_beyond_it() {
    let mut short = devops();
    short.options.max_session_ttl = Some(SignedDuration::from_hours(3));
    let traits = Traits::new();
    let subject = |roles| Subject {
        user: "bob",
        subject: "",
        roles,
        traits: &traits,
    };
    let (long_roles, short_roles) = ([devops()], [short]);
    let end =
        |roles, wish| sign_in(&subject(roles), wish, None, now()).map(|permit| permit.grant().not_after);
    assert_eq!(end(&long_roles, None), Ok(in_hours(12)));
    assert_eq!(end(&short_roles, None), Ok(in_hours(3)));
    assert_eq!(
        end(&long_roles, Some(Wish::AtMost(in_hours(100)))),
        Ok(in_hours(30))
    );
    assert_eq!(
        end(&short_roles, Some(Wish::Exactly(in_hours(3)))),
        Ok(in_hours(3))
    );
    let error = end(&short_roles, Some(Wish::Exactly(in_hours(4)))).unwrap_err();
    assert!(error.to_string().contains("`max_session_ttl` of role `devops`"));
    assert_eq!(error.class(), Class::InvalidArgument);
    assert_eq!(
        end(&long_roles, Some(Wish::AtMost(now()))),
        Err(IssueError::InThePast)
    );
    // A minute at least; seconds are rounded down.
    let soon = now() + SignedDuration::from_secs(25);
    assert_eq!(
        end(&long_roles, Some(Wish::AtMost(soon))),
        Ok(now() + SignedDuration::from_secs(60))
    );
    let fraction = in_hours(1) + SignedDuration::from_millis(999);
    assert_eq!(end(&long_roles, Some(Wish::AtMost(fraction))), Ok(in_hours(1)));
    // A renewal never outlives the certificate it is made with, and a requested role's limit holds at once.
    let renewed = renew(
        &holder(),
        &subject(&long_roles),
        &[],
        &[],
        Wish::AtMost(in_hours(30)),
        now(),
    );
    assert_eq!(renewed.unwrap().grant().not_after, in_hours(8));
    let mut brief = elevated();
    brief.options.max_session_ttl = Some(SignedDuration::from_hours(1));
    let with_request = renew(
        &holder(),
        &subject(&long_roles),
        &[approved()],
        &[pin(brief)],
        Wish::AtMost(in_hours(30)),
        now(),
    );
    assert_eq!(with_request.unwrap().grant().not_after, in_hours(1));
    // The administrator on the host has no end of their own, and the target's roles limit them too.
    let signed = local_admin(
        "host.cluster",
        &subject(&short_roles),
        Wish::AtMost(in_hours(100)),
        now(),
    )
    .unwrap();
    assert_eq!(signed.grant().not_after, in_hours(3));
    assert_eq!(signed.grant().impersonator.as_deref(), Some("host.cluster"));
}

#[test]
fn a_certificate_that_forbids_another_gives_none() {
    let stuck = Holder {
        disallow_reissue: true,
        ..holder()
    };
    let wish = Wish::AtMost(in_hours(1));
    assert_eq!(
        take(&stuck, &[devops()], approved(), wish, now()),
        Err(IssueError::DisallowReissue)
    );
    let borrowed = Holder {
        impersonator: Some("alice".to_owned()),
        ..holder()
    };
    assert_eq!(
        take(&borrowed, &[devops()], approved(), wish, now()),
        Err(IssueError::ImpersonatedAsks)
    );
    // What it carries already may be renewed, and the name of who made it stays inside.
    let carrying = Holder {
        active_requests: vec![ID.to_owned()],
        ..borrowed
    };
    let renewed = take(&carrying, &[devops()], approved(), wish, now()).unwrap();
    assert_eq!(renewed.grant().impersonator.as_deref(), Some("alice"));
}

/// Alice, with this role, asks for a certificate of `access-plugin`, whose roles are named.
fn as_plugin(
    role: &Role,
    holder: &Holder,
    plugin_roles: &[&str],
) -> Result<access::IssuancePermit, IssueError> {
    let traits = Traits::from([("team".to_owned(), strings(&["access-plugin"]))]);
    let roles: Vec<Role> = plugin_roles.iter().map(|name| Role::empty(*name)).collect();
    let caller = Subject {
        user: "alice",
        subject: "",
        roles: std::slice::from_ref(role),
        traits: &traits,
    };
    let target = Subject {
        user: "access-plugin",
        subject: "",
        roles: &roles,
        traits: &Traits::new(),
    };
    impersonate(holder, &caller, &target, Wish::AtMost(in_hours(100)), now())
}

#[test]
fn another_name_needs_the_name_and_all_its_roles() {
    let alices = Holder {
        user: "alice".to_owned(),
        not_after: Some(in_hours(8)),
        ..Holder::default()
    };
    let may = |users: &[&str], roles: &[&str]| {
        let mut role = Role::empty("impersonator");
        role.allow.impersonate.users = strings(users);
        role.allow.impersonate.roles = strings(roles);
        role
    };
    let permit = as_plugin(
        &may(&["access-plugin"], &["access-plugin"]),
        &alices,
        &["access-plugin"],
    )
    .unwrap();
    assert_eq!(permit.grant().user, "access-plugin");
    assert_eq!(permit.grant().roles, ["access-plugin"]);
    assert_eq!(permit.grant().impersonator.as_deref(), Some("alice"));
    assert_eq!(
        permit.grant().not_after,
        in_hours(8),
        "never longer than the caller's own"
    );

    assert_eq!(
        as_plugin(&may(&[], &["*"]), &alices, &["access-plugin"]),
        Err(IssueError::NoImpersonation)
    );
    let error = as_plugin(
        &may(&["access-*"], &["access-plugin"]),
        &alices,
        &["access-plugin", "editor"],
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "access denied: user \"alice\" has requested to generate certs for [access-plugin editor]."
    );
    assert!(as_plugin(&may(&["{{external.team}}"], &["*"]), &alices, &["access-plugin"]).is_ok());
    assert!(
        as_plugin(
            &may(&["{{external.nobody}}"], &["*"]),
            &alices,
            &["access-plugin"]
        )
        .is_err()
    );
    assert!(as_plugin(&may(&["^(broken$"], &["*"]), &alices, &["access-plugin"]).is_err());
    let mut conditional = may(&["*"], &["*"]);
    for (condition, holds) in [
        ("equals(impersonate_role.metadata.name, \"access-plugin\")", true),
        ("equals(impersonate_user.metadata.name, \"carol\")", false),
        ("nonsense(", false),
    ] {
        conditional.allow.impersonate.where_ = condition.to_owned();
        assert_eq!(
            as_plugin(&conditional, &alices, &["access-plugin"]).is_ok(),
            holds,
            "{condition}"
        );
    }
    // A name or a role that is forbidden is enough; a condition that cannot be read forbids.
    for (users, roles, forbidden) in [
        (["access-plugin"], ["other"], true),
        (["other"], ["access-plugin"], true),
        (["other"], ["other"], false),
        (["^(broken$"], ["other"], true),
    ] {
        let mut role = may(&["*"], &["*"]);
        role.deny.impersonate.users = strings(&users);
        role.deny.impersonate.roles = strings(&roles);
        assert_eq!(
            as_plugin(&role, &alices, &["access-plugin"]).is_err(),
            forbidden,
            "{users:?} {roles:?}"
        );
    }
    let everyone = may(&["*"], &["*"]);
    for (holder, error) in [
        (
            Holder {
                impersonator: Some("carol".to_owned()),
                ..alices.clone()
            },
            IssueError::ImpersonatedImpersonates,
        ),
        (
            Holder {
                active_requests: vec![ID.to_owned()],
                ..alices.clone()
            },
            IssueError::RequestsForAnother,
        ),
        (
            Holder {
                disallow_reissue: true,
                ..alices.clone()
            },
            IssueError::DisallowReissue,
        ),
    ] {
        assert_eq!(as_plugin(&everyone, &holder, &["access-plugin"]), Err(error));
    }
}

#[test]
fn denied_logins_and_forwarding_of_all_roles_meet() {
    let mut one = Role::empty("one");
    one.allow.logins = strings(&["{{internal.logins}}", "deploy", "-oProxyCommand=x", "two words"]);
    one.options.port_forwarding = Some(false);
    let mut two = Role::empty("two");
    two.deny.logins = strings(&["root"]);
    two.options.port_forwarding = Some(false);
    two.options.forward_agent = true;
    let traits = Traits::from([("logins".to_owned(), strings(&["root", "bob"]))]);
    let subject = Subject {
        user: "bob",
        subject: "",
        roles: &[one, two],
        traits: &traits,
    };
    let permit = sign_in(&subject, None, None, now()).unwrap();
    let grant = permit.grant();
    assert_eq!(grant.logins, ["bob", "deploy"]);
    assert!(grant.permit_agent_forwarding && !grant.permit_port_forwarding && !grant.permit_x11_forwarding);
}
