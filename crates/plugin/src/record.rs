//! What the plugin notes beside a request, in the cluster's plugin data.
//!
//! The keys of the published plugin keep their meaning, so that both plugins can take turns on one cluster. What ours
//! needs besides (who is at it, which place shows what) stands under one key of its own. Keys that nobody here knows
//! stay as they are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::request::{Request, Standing};

/// Plugin data as it travels.
pub type Data = BTreeMap<String, String>;

/// The key of our own notes.
const OURS: &str = "countersign";

const USER: &str = "user";
const ROLES: &str = "roles";
const REASON: &str = "request_reason";
const RESOURCES: &str = "resources";
const MESSAGES: &str = "messages";
const REVIEWS: &str = "reviews_count";
const RESOLUTION: &str = "resolution";
const RESOLVE_REASON: &str = "resolve_reason";

/// One recipient and what is shown there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// The recipient as configured or suggested; empty for a post that another plugin made.
    #[serde(default)]
    pub to: String,
    /// The chat's id of the place, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// The chat's id of the post, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post: Option<String>,
    /// The fingerprint of the text the post has; empty if that is not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub shown: String,
    /// The marks of the votes that were told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replies: Vec<String>,
    /// How many of the oldest votes somebody else has told.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub replies_before: u32,
    /// Why nothing more is done here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Our own notes.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Notes {
    v: u32,
    #[serde(default)]
    key: String,
    #[serde(default)]
    by: String,
    #[serde(default)]
    slots: Vec<Slot>,
}

/// Everything noted beside one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// Who asked.
    pub user: String,
    /// For what.
    pub roles: Vec<String>,
    /// Why.
    pub reason: String,
    /// For which resources.
    pub resources: Vec<String>,
    /// The end that every place shows.
    pub resolution: Option<Standing>,
    /// The reason given with it.
    pub resolve_reason: String,
    /// A random text from which the keys of posts are made; nobody else can guess them.
    pub key: String,
    /// The process that is at it.
    pub by: String,
    /// The places.
    pub slots: Vec<Slot>,
    /// What else is there.
    rest: Data,
}

impl Record {
    /// The first notes about a request.
    pub fn begin(request: &Request, recipients: Vec<String>, key: String, by: &str) -> Self {
        let mut record = Self {
            user: request.user.clone(),
            roles: request.roles.clone(),
            reason: request.reason.clone(),
            resources: request.resources.clone(),
            key,
            by: by.to_owned(),
            ..Self::default()
        };
        record.address(recipients);
        record
    }

    /// Reads notes. What cannot be understood of ours counts as absent; posts of another plugin become slots.
    pub fn read(data: &Data) -> Self {
        let text = |key: &str| data.get(key).cloned().unwrap_or_default();
        let notes: Notes = data
            .get(OURS)
            .and_then(|notes| serde_json::from_str(notes).ok())
            .unwrap_or_default();
        let mut slots = notes.slots;
        let told: u32 = text(REVIEWS).parse().unwrap_or(0);
        for (place, post) in text(MESSAGES).split(',').filter_map(|pair| pair.split_once('/')) {
            if !slots.iter().any(|slot| slot.post.as_deref() == Some(post)) {
                slots.push(Slot {
                    place: Some(place.to_owned()),
                    post: Some(post.to_owned()),
                    replies_before: told,
                    ..Slot::default()
                });
            }
        }
        let known = [
            USER,
            ROLES,
            REASON,
            RESOURCES,
            MESSAGES,
            REVIEWS,
            RESOLUTION,
            RESOLVE_REASON,
            OURS,
        ];
        Self {
            user: text(USER),
            roles: text(ROLES)
                .split(',')
                .filter(|role| !role.is_empty())
                .map(str::to_owned)
                .collect(),
            reason: text(REASON),
            resources: serde_json::from_str(&text(RESOURCES)).unwrap_or_default(),
            resolution: Standing::of_label(&text(RESOLUTION)),
            resolve_reason: text(RESOLVE_REASON),
            key: notes.key,
            by: notes.by,
            slots,
            rest: data
                .iter()
                .filter(|(key, _)| !known.contains(&key.as_str()))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
        }
    }

    /// Writes notes. Empty values are left out.
    pub fn to_data(&self) -> Data {
        let mut data = self.rest.clone();
        let mut put = |key: &str, value: String| {
            if !value.is_empty() {
                data.insert(key.to_owned(), value);
            }
        };
        put(USER, self.user.clone());
        put(ROLES, self.roles.join(","));
        put(REASON, self.reason.clone());
        if !self.resources.is_empty() {
            put(RESOURCES, serde_json::json!(self.resources).to_string());
        }
        let messages: Vec<String> = self
            .slots
            .iter()
            .filter_map(|slot| Some(format!("{}/{}", slot.place.as_ref()?, slot.post.as_ref()?)))
            .collect();
        put(MESSAGES, messages.join(","));
        // The other plugin tells what comes behind this number, everywhere.
        let told = self
            .slots
            .iter()
            .filter(|slot| slot.post.is_some())
            .map(|slot| slot.replies.len() + slot.replies_before as usize)
            .max()
            .unwrap_or(0);
        if told > 0 {
            put(REVIEWS, told.to_string());
        }
        if let Some(resolution) = self.resolution {
            put(RESOLUTION, resolution.label().to_owned());
        }
        put(RESOLVE_REASON, self.resolve_reason.clone());
        let notes = Notes {
            v: 1,
            key: self.key.clone(),
            by: self.by.clone(),
            slots: self.slots.clone(),
        };
        put(OURS, serde_json::json!(notes).to_string());
        data
    }

    /// Whether another plugin has noted that it would tell, and no message: it lost it, if it is not at it this moment.
    pub fn is_empty_promise(&self) -> bool {
        self.key.is_empty() && self.slots.is_empty()
    }

    /// Recipients for notes that have none yet.
    pub fn address(&mut self, recipients: Vec<String>) {
        self.slots.extend(recipients.into_iter().map(|to| Slot {
            to,
            ..Slot::default()
        }));
    }

    /// The request as the notes remember it, after it is gone.
    pub fn request_gone(&self, id: &str) -> Request {
        Request {
            id: id.to_owned(),
            user: self.user.clone(),
            roles: self.roles.clone(),
            resources: self.resources.clone(),
            reason: self.reason.clone(),
            standing: Standing::Expired,
            resolve_reason: String::new(),
            taken_back_by: None,
            reviews: Vec::new(),
            suggested_reviewers: Vec::new(),
            created: None,
            waits_until: None,
            annotations: access::Traits::new(),
            access_until: None,
            approvals: None,
        }
    }

    /// Takes over what another process has written meanwhile, and gives the posts that are now one too many.
    ///
    /// `self` is what this process has done, `theirs` what is stored. A post that is stored stays; the other one of the
    /// same place has to go.
    pub fn merge(&mut self, theirs: &Self) -> Vec<String> {
        let mut surplus = Vec::new();
        for their in &theirs.slots {
            let ours = self.slots.iter_mut().find(|ours| {
                (!their.to.is_empty() && ours.to == their.to)
                    || (their.place.is_some() && ours.place == their.place)
            });
            let Some(ours) = ours else {
                self.slots.push(their.clone());
                continue;
            };
            match (&ours.post, &their.post) {
                (Some(one), Some(other)) if one != other => {
                    surplus.push(one.clone());
                    *ours = their.clone();
                }
                (None, Some(_)) => *ours = their.clone(),
                (Some(_), Some(_)) => {
                    if ours.shown != their.shown {
                        // Who came last is not known; what comes next is.
                        ours.shown.clear();
                    }
                    for mark in &their.replies {
                        if !ours.replies.contains(mark) {
                            ours.replies.push(mark.clone());
                        }
                    }
                }
                (_, None) => {}
            }
        }
        self.resolution = self.resolution.or(theirs.resolution);
        if !theirs.key.is_empty() {
            self.key.clone_from(&theirs.key);
        }
        self.rest.extend(theirs.rest.clone());
        surplus
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(pairs: &[(&str, &str)]) -> Data {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn slot(to: &str, place: &str, post: Option<&str>) -> Slot {
        Slot {
            to: to.to_owned(),
            place: Some(place.to_owned()),
            post: post.map(str::to_owned),
            ..Slot::default()
        }
    }

    #[test]
    fn notes_come_back_as_they_were() {
        let record = Record {
            user: "bob@example.com".to_owned(),
            roles: vec!["a".to_owned(), "b".to_owned()],
            reason: "need it\n\nnow".to_owned(),
            resources: vec!["/example.com/node/x".to_owned()],
            resolution: Some(Standing::Denied),
            resolve_reason: "no".to_owned(),
            key: "k".to_owned(),
            by: "me".to_owned(),
            slots: vec![slot("t/c", "c1", Some("p1")), slot("a@example.com", "c2", None)],
            rest: data(&[("logins_by_role", "{}")]),
        };
        let written = record.to_data();
        assert_eq!(written["messages"], "c1/p1");
        assert_eq!(written["roles"], "a,b");
        assert_eq!(written["resolution"], "DENIED");
        assert_eq!(written["logins_by_role"], "{}");
        assert_eq!(Record::read(&written), record);
    }

    #[test]
    fn posts_of_the_published_plugin_are_taken_over() {
        let record = Record::read(&data(&[
            ("user", "bob"),
            ("roles", "dev,ops"),
            ("messages", "c1/p1,c2/p2,broken"),
            ("reviews_count", "1"),
        ]));
        let posts: Vec<_> = record.slots.iter().map(|slot| slot.post.as_deref()).collect();
        assert_eq!(posts, [Some("p1"), Some("p2")]);
        assert!(record.slots.iter().all(|slot| slot.replies_before == 1));
        assert_eq!((record.by.as_str(), record.resolution), ("", None));
        assert_eq!(record.to_data()["reviews_count"], "1");
        assert_eq!(record.to_data()["messages"], "c1/p1,c2/p2");
    }

    #[test]
    fn notes_that_cannot_be_read_are_no_notes() {
        let record = Record::read(&data(&[("countersign", "{"), ("messages", "c1/p1")]));
        assert_eq!(record.slots.len(), 1);
    }

    #[test]
    fn of_two_posts_at_one_place_the_stored_one_stays() {
        let mut ours = Record {
            slots: vec![slot("t/c", "c1", Some("mine")), slot("a@x.y", "c2", Some("same"))],
            ..Record::default()
        };
        ours.slots[1].replies = vec!["one".to_owned()];
        let mut theirs = Record {
            slots: vec![
                slot("t/c", "c1", Some("theirs")),
                slot("a@x.y", "c2", Some("same")),
                slot("new", "c3", None),
            ],
            ..Record::default()
        };
        theirs.slots[1].replies = vec!["two".to_owned()];
        theirs.slots[1].shown = "something else".to_owned();
        assert_eq!(ours.merge(&theirs), ["mine"]);
        assert_eq!(ours.slots[0].post.as_deref(), Some("theirs"));
        assert_eq!(ours.slots[1].replies, ["one", "two"]);
        assert_eq!(ours.slots[1].shown, "", "who wrote last is not known");
        assert_eq!(ours.slots[2].to, "new");
    }
}
