//! `NotificationService.ListNotifications`: what the caller is told, the newest first; for administrators also what others
//! are told.
//!
//! The page token is two ids between a comma: the next one for the user alone, and the next one for all. Nothing is behind
//! an empty one.

use std::collections::BTreeMap;

use access::request::visibility::Viewer;
use access::request::{ReviewRights, State};
use wire::pb::teleport::notifications::v1 as pb;
use wire::pb::teleport::notifications::v1::global_notification_spec::Matcher;
use wire::pb::types::RoleConditions;

use super::{CLICKED, KIND, SCOPE, id, requests};
use crate::auth::Auth;
use crate::authorize::verdict;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::services::requests::{list, viewer};
use crate::state::notifications::{global, of_user, states_of};

/// Most of a page.
const PAGE_MAX: usize = 1_000;
/// Of so many pending requests, the newest ones, somebody is told.
const REQUESTS_MAX: usize = 1_000;

/// Handles the call.
pub async fn handle(
    auth: &Auth,
    call: &Call,
    asked: pb::ListNotificationsRequest,
) -> Answer<pb::ListNotificationsResponse> {
    call.caller.require_certificate()?;
    let limit = usize::try_from(asked.page_size)
        .ok()
        .filter(|size| (1..=PAGE_MAX).contains(size))
        .unwrap_or(PAGE_MAX);
    let token = match asked.page_token.as_str() {
        "" => None,
        text => Some(
            text.split_once(',')
                .ok_or_else(|| Failure::bad_parameter(format!("invalid page token {text:?}")))?,
        ),
    };
    let mut seen = None;
    let (mut own, mut others) = match &asked.filters {
        None => {
            let user = call.caller.require_user()?.name();
            let last = auth.state.notifications_seen(user, call.now).await?;
            seen = last.and_then(|last| last.status?.last_seen_time);
            let states = states(auth, call, user).await?;
            let keep = |notification: &mut pb::Notification| match states.get(id(notification)) {
                Some(pb::NotificationState::Dismissed) => false,
                Some(pb::NotificationState::Clicked) => {
                    label(notification, CLICKED, "true");
                    true
                }
                _ => true,
            };
            let (mut own, mut others) = (of_the_user(auth, call, user).await?, for_all(auth, call).await?);
            own.retain_mut(keep);
            others.retain_mut(keep);
            (own, others)
        }
        Some(filters) => by_filters(auth, call, filters).await?,
    };
    for (list, scope, from) in [
        (&mut own, "user", token.map(|token| token.0)),
        (&mut others, "global", token.map(|token| token.1)),
    ] {
        for notification in list.iter_mut() {
            label(notification, SCOPE, scope);
        }
        // The newest first.
        list.sort_by(|left, right| id(right).cmp(id(left)));
        if let Some(from) = from {
            list.retain(|notification| !from.is_empty() && id(notification) <= from);
        }
    }
    let (mut own, mut others) = (own.into_iter().peekable(), others.into_iter().peekable());
    let mut notifications = Vec::new();
    while notifications.len() < limit {
        let next = match (own.peek(), others.peek()) {
            (Some(one), Some(other)) if id(one) >= id(other) => own.next(),
            (Some(_), None) => own.next(),
            (_, Some(_)) => others.next(),
            (None, None) => None,
        };
        match next {
            Some(next) => notifications.push(next),
            None => break,
        }
    }
    let next_page_token = match (own.peek(), others.peek()) {
        (None, None) => String::new(),
        (one, other) => format!("{},{}", one.map_or("", id), other.map_or("", id)),
    };
    Ok(pb::ListNotificationsResponse {
        notifications,
        next_page_token,
        user_last_seen_notification_timestamp: seen,
    })
}

fn label(notification: &mut pb::Notification, key: &str, value: &str) {
    let labels = &mut notification.metadata.get_or_insert_default().labels;
    labels.insert(key.to_owned(), value.to_owned());
}

async fn states(auth: &Auth, call: &Call, user: &str) -> Answer<BTreeMap<String, pb::NotificationState>> {
    let stored: Vec<pb::UserNotificationState> = auth.state.notifications(states_of(user), call.now).await?;
    let pairs = stored.into_iter().filter_map(|stored| {
        let state = stored.status?.notification_state();
        Some((stored.spec?.notification_id, state))
    });
    Ok(pairs.collect())
}

/// What is for the caller alone.
async fn of_the_user(auth: &Auth, call: &Call, user: &str) -> Answer<Vec<pb::Notification>> {
    let mut found: Vec<pb::Notification> = auth.state.notifications(of_user(user), call.now).await?;
    for own in list::newest(auth, call.now, Some(user), None, REQUESTS_MAX).await? {
        found.extend(requests::for_the_requester(&own.request, call.now));
    }
    for notification in &mut found {
        user.clone_into(&mut notification.spec.get_or_insert_default().username);
    }
    Ok(found)
}

/// What is for everybody of the caller's kind.
async fn for_all(auth: &Auth, call: &Call) -> Answer<Vec<pb::Notification>> {
    let viewer = viewer(call);
    let stored: Vec<pb::GlobalNotification> = auth.state.notifications(global(), call.now).await?;
    let mut found: Vec<pb::Notification> = stored
        .into_iter()
        .filter_map(|stored| {
            let spec = stored.spec?;
            is_meant(call, &viewer, &spec).then_some(spec.notification?)
        })
        .collect();
    let may_review = viewer.rights.as_ref().is_some_and(ReviewRights::any);
    if !viewer.denied && (viewer.sees_all || may_review) {
        for pending in list::newest(auth, call.now, None, Some(State::Pending), REQUESTS_MAX).await? {
            found.extend(requests::for_reviewers(&viewer, &pending.request, call.now));
        }
    }
    Ok(found)
}

/// Whether the caller is one of those whom it is for. Without a condition, or with one that is not understood, nobody is.
fn is_meant(call: &Call, viewer: &Viewer<'_>, spec: &pb::GlobalNotificationSpec) -> bool {
    if spec.exclude_users.iter().any(|user| user == viewer.user) {
        return false;
    }
    let several = |answers: Vec<bool>| {
        let mut answers = answers.into_iter().peekable();
        if answers.peek().is_none() {
            return false;
        }
        if spec.match_all_conditions {
            answers.all(|answer| answer)
        } else {
            answers.any(|answer| answer)
        }
    };
    match &spec.matcher {
        Some(Matcher::All(all)) => *all,
        Some(Matcher::ByUsers(by)) => by.users.iter().any(|user| user == viewer.user),
        Some(Matcher::ByRoles(by)) => {
            several(by.roles.iter().map(|role| call.caller.holds_role(role)).collect())
        }
        Some(Matcher::ByPermissions(by)) => several(
            by.role_conditions
                .iter()
                .map(|conditions| has(call, viewer, conditions))
                .collect(),
        ),
        None => false,
    }
}

/// Whether the caller has all that these conditions allow, as far as they speak of rules and of reviewing.
fn has(call: &Call, viewer: &Viewer<'_>, conditions: &RoleConditions) -> bool {
    let rest = RoleConditions {
        rules: Vec::new(),
        review_requests: None,
        ..conditions.clone()
    };
    if rest != RoleConditions::default() {
        return false;
    }
    let rules = conditions.rules.iter().all(|rule| {
        let allowed = |resource: &String, verb: &String| verdict(&call.caller, resource, verb, None).allows();
        rule.resources
            .iter()
            .all(|resource| rule.verbs.iter().all(|verb| allowed(resource, verb)))
    });
    let reviews = conditions.review_requests.as_ref().is_none_or(|asked| {
        let about = access::request::Request {
            roles: asked.roles.clone(),
            ..nothing(call)
        };
        viewer
            .rights
            .as_ref()
            .is_some_and(|rights| rights.cover(&about, viewer.roles, viewer.traits).unwrap_or(false))
    });
    (!conditions.rules.is_empty() || conditions.review_requests.is_some()) && rules && reviews
}

/// A request about nothing, to ask what somebody may review.
fn nothing(call: &Call) -> access::request::Request {
    access::request::Request {
        id: String::new(),
        user: String::new(),
        subject: String::new(),
        roles: Vec::new(),
        state: State::Pending,
        created: call.now,
        expires: call.now,
        expiry: call.now,
        session_ttl: call.now,
        max_duration: call.now,
        reason: String::new(),
        resolve_reason: String::new(),
        resolve_annotations: BTreeMap::new(),
        system_annotations: BTreeMap::new(),
        thresholds: Vec::new(),
        role_thresholds: BTreeMap::new(),
        reviews: Vec::new(),
        suggested_reviewers: Vec::new(),
        resource_ids: Vec::new(),
        login_hint: String::new(),
        assume_start: None,
        dry_run: false,
        labels: BTreeMap::new(),
    }
}

/// What administrators look for: written ones, whomever they are for.
async fn by_filters(
    auth: &Auth,
    call: &Call,
    filters: &pb::NotificationFilters,
) -> Answer<(Vec<pb::Notification>, Vec<pb::Notification>)> {
    let own = call.caller.user_name() == Some(filters.username.as_str()) && !filters.global_only;
    if !own || filters.username.is_empty() {
        call.allow(KIND, &["list", "read"])?;
    }
    let mut users: Vec<pb::Notification> = Vec::new();
    let mut all = Vec::new();
    if !filters.global_only && !filters.username.is_empty() {
        users = auth
            .state
            .notifications(of_user(&filters.username), call.now)
            .await?;
        for notification in &mut users {
            let spec = notification.spec.get_or_insert_default();
            filters.username.clone_into(&mut spec.username);
        }
    }
    if filters.username.is_empty() {
        let stored: Vec<pb::GlobalNotification> = auth.state.notifications(global(), call.now).await?;
        all.extend(stored.into_iter().filter_map(|stored| stored.spec?.notification));
    }
    let fits = |notification: &pb::Notification| {
        let labels = notification.metadata.as_ref().map(|metadata| &metadata.labels);
        let labelled =
            |(key, value): (&String, &String)| labels.is_some_and(|labels| labels.get(key) == Some(value));
        let by_people = notification.sub_kind.starts_with("user-created");
        filters.labels.iter().all(labelled) && (by_people || !filters.user_created_only)
    };
    users.retain(fits);
    all.retain(fits);
    Ok((users, all))
}
