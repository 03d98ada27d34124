//! What was found, in words and with its place in the documents.

use std::collections::BTreeMap;

/// What kind of way it is. A person who is to fail on some ways only names these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Too few approvals are asked of too few people.
    Requests,
    /// A certificate in another's name.
    Impersonation,
    /// Somebody has the role without asking.
    Holding,
    /// A machine has it, and so whoever runs the machine.
    Machines,
    /// The owner of an access list gives it.
    Lists,
    /// Somebody may change the rules.
    RuleChanges,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Requests,
        Self::Impersonation,
        Self::Holding,
        Self::Machines,
        Self::Lists,
        Self::RuleChanges,
    ];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Impersonation => "impersonation",
            Self::Holding => "holding",
            Self::Machines => "machines",
            Self::Lists => "lists",
            Self::RuleChanges => "rule changes",
        }
    }

    /// The class of that word; `rule-changes` is the same as `rule changes`.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|class| class.name() == name.replace('-', " "))
    }
}

/// A place in a document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Evidence {
    /// `role NAME`, `user NAME` and so on.
    pub document: String,
    /// The field, such as `spec.allow.request.thresholds[0]`.
    pub field: String,
}

impl Evidence {
    pub(super) fn role(name: &str, field: impl Into<String>) -> Self {
        Self {
            document: format!("role {name}"),
            field: field.into(),
        }
    }

    pub(super) fn user(name: &str, field: &str) -> Self {
        Self {
            document: format!("user {name}"),
            field: field.to_owned(),
        }
    }
}

/// One step of a way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step {
    /// Who could take it, by user name: one of them is enough. Empty where nobody has to do anything.
    pub people: Vec<String>,
    /// What is done, as the rest of a sentence that begins with the person.
    pub does: String,
    /// What lets it be done.
    pub evidence: Vec<Evidence>,
}

/// A way to a role, or to its rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// Its class.
    pub class: Class,
    /// The roles it leads to.
    pub targets: Vec<String>,
    /// How many people it takes.
    pub people: usize,
    /// Its steps, first to last.
    pub steps: Vec<Step>,
    /// The smallest change that closes it.
    pub fix: String,
}

impl Path {
    /// Everybody who could begin it, each with what tells this way from others. What is in here before a change and
    /// after it is nothing new.
    pub fn keys(&self) -> impl Iterator<Item = String> + '_ {
        let rest = self
            .steps
            .iter()
            .map(|step| step.does.as_str())
            .collect::<Vec<_>>()
            .join("|");
        let first = self.steps.first().map_or(&[][..], |step| &step.people);
        first.iter().flat_map(move |person| {
            let rest = rest.clone();
            self.targets
                .iter()
                .map(move |target| format!("{}|{}|{target}|{person}|{rest}", self.class.name(), self.people))
        })
    }
}

/// A request that nobody could approve today.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stuck {
    /// What is asked for.
    pub role: String,
    /// Who may ask.
    pub people: Vec<String>,
    /// Why nobody could approve it.
    pub why: String,
    /// What lets it be asked for.
    pub evidence: Evidence,
}

/// What would be enough in the original and is not here.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    /// The whole sentence.
    pub text: String,
    /// Where it comes from.
    pub evidence: Vec<Evidence>,
}

/// The answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Ways that take fewer people than this are in it.
    pub people: usize,
    /// The roles that were looked at.
    pub targets: Vec<String>,
    /// How many accounts were examined.
    pub accounts: usize,
    /// How many roles were examined.
    pub roles: usize,
    /// The ways, shortest first.
    pub paths: Vec<Path>,
    /// Requests that nobody could approve today.
    pub stuck: Vec<Stuck>,
    /// What is different in the original.
    pub notes: Vec<Note>,
}

impl Report {
    /// What every report takes for granted.
    pub const ASSUMPTIONS: [&'static str; 2] = [
        "Whoever administers the host of the Auth Service (root there, or the local administrator through `tctl`) can give \
         anybody any role. That is recorded, and it cannot be prevented.",
        "Accounts with one `email` or `person` trait, or with one identity at an identity provider, are one person. Other \
         accounts are taken for different people.",
    ];

    /// The ways that `before` did not have, each for the people for whom it is new.
    pub fn new_since(&self, before: &Self) -> Vec<&Path> {
        let known: std::collections::HashSet<String> = before.paths.iter().flat_map(Path::keys).collect();
        self.paths
            .iter()
            .filter(|path| path.keys().any(|key| !known.contains(&key)))
            .collect()
    }
}

/// What ways have in common that differ in who begins them; its order is the order of the report.
type Alike = (usize, usize, Class, Vec<String>, Vec<Step>, String);

/// Joins ways that differ only in who begins them, and puts the shortest first.
pub(super) fn in_order(found: Vec<Path>) -> Vec<Path> {
    let mut joined: BTreeMap<Alike, Vec<String>> = BTreeMap::new();
    for mut path in found {
        let people = match path.steps.first_mut() {
            Some(step) => std::mem::take(&mut step.people),
            None => continue,
        };
        let key = (
            path.people,
            path.steps.len(),
            path.class,
            path.targets,
            path.steps,
            path.fix,
        );
        joined.entry(key).or_default().extend(people);
    }
    joined
        .into_iter()
        .map(|((count, _, class, targets, mut steps, fix), mut people)| {
            people.sort();
            people.dedup();
            if let Some(step) = steps.first_mut() {
                step.people = people;
            }
            Path {
                class,
                targets,
                people: count,
                steps,
                fix,
            }
        })
        .collect()
}
