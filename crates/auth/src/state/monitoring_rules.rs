//! Access monitoring rules, one item each, kept with the fields we do not know.
//!
//! Their metadata is of the newer form, so they are no [`super::resource::Resource`].

use bytes::Bytes;
use jiff::Timestamp;
use prost::Message as _;
use store::{Item, Key, Prefix, Range, Revision};
use wire::keep::Kept;
use wire::pb::teleport::accessmonitoringrules::v1::AccessMonitoringRule;

use super::State;
use super::resource::stamp;
use crate::failure::{Answer, Failure};

/// A rule with its stamp filled in.
pub type Rule = Kept<AccessMonitoringRule>;

/// Where all of them live.
pub fn prefix() -> Prefix {
    Prefix::of(["access_monitoring_rules"])
}

/// Where the rule called `name` lives.
pub fn key(name: &str) -> Key {
    Key::of(["access_monitoring_rules", name])
}

/// The name of a rule, empty if there is none.
pub fn name(rule: &AccessMonitoringRule) -> &str {
    rule.metadata
        .as_ref()
        .map_or("", |metadata| metadata.name.as_str())
}

/// Reads one from what the store keeps.
pub fn read(item: &Item) -> Answer<Rule> {
    let rule = Rule::decode(item.value.clone())
        .map_err(|error| Failure::internal(format!("`{}` is not readable: {error}", item.key)))?;
    Ok(stamped(rule, item.revision))
}

/// The rule as clients see what a commit has written.
pub fn stamped(mut rule: Rule, revision: Revision) -> Rule {
    rule.metadata.get_or_insert_default().revision = stamp(revision);
    rule
}

/// The bytes to store.
pub fn bytes_of(rule: &Rule) -> Bytes {
    let mut plain = rule.clone();
    plain.metadata.get_or_insert_default().revision.clear();
    plain.encode_to_vec().into()
}

impl State {
    /// The rule called `name`, and the commit that wrote it.
    pub async fn monitoring_rule(&self, name: &str, now: Timestamp) -> Answer<Option<(Rule, Revision)>> {
        let item = self.item(&key(name), now).await?;
        item.map(|item| read(&item).map(|rule| (rule, item.revision)))
            .transpose()
    }

    /// At most `limit` rules from the one called `from` on, and the name that begins the next page.
    pub async fn monitoring_rules(
        &self,
        from: &str,
        limit: usize,
        now: Timestamp,
    ) -> Answer<(Vec<Rule>, String)> {
        let from = (!from.is_empty()).then(|| key(from));
        let page = self
            .page(Range::under(prefix()).from(from).limit(limit), now)
            .await?;
        let rules = page.items.iter().map(read).collect::<Answer<_>>()?;
        let next = page.next.map(|key| key.name().into_owned());
        Ok((rules, next.unwrap_or_default()))
    }
}
