//! What is unusual about a request, seen beside the earlier ones of the same person that its reader may see.

use jiff::{SignedDuration, Timestamp};
use wire::convert::moment;
use wire::pb::types::{AccessRequestSpecV3, RequestState};

use super::show::length;
use crate::look::Look;
use crate::text::{span, visible};

/// How far back a denial is worth telling.
const RECENTLY: SignedDuration = SignedDuration::from_hours(24);

/// What stands out, most telling first.
pub fn marks(
    spec: &AccessRequestSpecV3,
    earlier: &[AccessRequestSpecV3],
    now: Timestamp,
    look: &Look,
) -> Vec<String> {
    let language = look.language;
    let who = visible(&spec.user);
    let mut marks = Vec::new();
    let denied = earlier
        .iter()
        .filter(|other| other.state == i32::from(RequestState::Denied))
        .filter(|other| moment(other.created.as_ref()).is_some_and(|at| now.duration_since(at) < RECENTLY))
        .count();
    if denied > 0 {
        marks.push(language.count(
            i64::try_from(denied).unwrap_or(i64::MAX),
            "Denied once within the last day, and asked again",
            "Denied {} times within the last day, and asked again",
        ));
    }
    let granted = |role: &String| {
        earlier
            .iter()
            .any(|other| other.state == i32::from(RequestState::Approved) && other.roles.contains(role))
    };
    let first = spec.roles.iter().filter(|role| !granted(role)).count();
    if first > 0 && first == spec.roles.len() {
        marks.push(language.fill("First time for {}", &[&who]));
    } else if first > 0 {
        marks.push(language.fill("First time for {} with one of these roles", &[&who]));
    }
    let longest = earlier
        .iter()
        .filter(|other| other.state == i32::from(RequestState::Approved))
        .filter_map(length)
        .max();
    if let (Some(wanted), Some(longest)) = (length(spec), longest)
        && wanted > longest + SignedDuration::from_mins(1)
    {
        marks.push(language.fill(
            "Longer than ever before: at most {} so far",
            &[&span(longest, language)],
        ));
    }
    if spec.request_reason.trim().is_empty() {
        marks.push(language.say("No reason given").to_owned());
    }
    if spec.suggested_reviewers.is_empty() {
        marks.push(language.say("Nobody is named as reviewer").to_owned());
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(role: &str, state: RequestState, created: &str, hours: i64) -> AccessRequestSpecV3 {
        let created: Timestamp = created.parse().unwrap();
        AccessRequestSpecV3 {
            user: "bob".to_owned(),
            roles: vec![role.to_owned()],
            state: state.into(),
            created: Some(wire::convert::timestamp(created)),
            max_duration: Some(wire::convert::timestamp(
                created + SignedDuration::from_hours(hours),
            )),
            request_reason: "why".to_owned(),
            suggested_reviewers: vec!["alice".to_owned()],
            ..AccessRequestSpecV3::default()
        }
    }

    fn told(spec: &AccessRequestSpecV3, earlier: &[AccessRequestSpecV3]) -> Vec<String> {
        let now = "2026-11-27T12:00:00Z".parse().unwrap();
        marks(spec, earlier, now, &Look::default())
    }

    #[test]
    fn the_usual_is_not_told() {
        let spec = asked("dba", RequestState::Pending, "2026-11-27T11:00:00Z", 1);
        let before = asked("dba", RequestState::Approved, "2026-11-20T11:00:00Z", 1);
        assert!(told(&spec, &[before]).is_empty());
    }

    #[test]
    fn what_stands_out_is_told() {
        let mut spec = asked("dba", RequestState::Pending, "2026-11-27T11:00:00Z", 8);
        spec.suggested_reviewers.clear();
        spec.request_reason.clear();
        let earlier = [
            asked("other", RequestState::Approved, "2026-11-20T11:00:00Z", 1),
            asked("dba", RequestState::Denied, "2026-11-27T10:00:00Z", 8),
            asked("dba", RequestState::Denied, "2026-11-20T10:00:00Z", 8),
        ];
        assert_eq!(
            told(&spec, &earlier),
            [
                "Denied once within the last day, and asked again",
                "First time for bob",
                "Longer than ever before: at most 1 hour so far",
                "No reason given",
                "Nobody is named as reviewer",
            ]
        );
    }
}
