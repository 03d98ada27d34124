//! What a person's roles let them ask for and review, compiled once.

use crate::pattern::{Pattern, PatternError};
use crate::predicate::{EvaluateError, Predicate, Scope, Value, WHERE_NAMES};
use crate::role::{Role, Traits};
use crate::{claims, predicate};

use super::Request;

/// One role's part in asking.
#[derive(Debug)]
struct Granting<'a> {
    role: &'a Role,
    allow: Vec<Pattern>,
    deny: Vec<Pattern>,
}

/// What somebody may ask for.
#[derive(Debug)]
pub struct Requestable<'a>(Vec<Granting<'a>>);

impl<'a> Requestable<'a> {
    /// Compiles the request conditions of `roles`. One pattern that cannot be used makes all of it unusable.
    pub fn of(roles: &'a [Role], traits: &Traits) -> Result<Self, PatternError> {
        let patterns = |conditions: &crate::role::RequestConditions| {
            let mut found: Vec<Pattern> = conditions
                .roles
                .iter()
                .map(|text| Pattern::compile(text))
                .collect::<Result<_, _>>()?;
            found.extend(claims::patterns(&conditions.claims_to_roles, traits)?);
            Ok::<_, PatternError>(found)
        };
        let granting = roles.iter().map(|role| {
            let (allow, deny) = (patterns(&role.allow.request)?, patterns(&role.deny.request)?);
            Ok(Granting { role, allow, deny })
        });
        Ok(Self(granting.collect::<Result<_, PatternError>>()?))
    }

    /// Whether `role` may be asked for: no role denies it, one allows it.
    pub fn allows(&self, role: &str) -> bool {
        let denied = self
            .0
            .iter()
            .any(|granting| granting.deny.iter().any(|pattern| pattern.matches(role)));
        !denied
            && self
                .0
                .iter()
                .any(|granting| granting.allow.iter().any(|pattern| pattern.matches(role)))
    }

    /// Whether `role` may be asked for to reach a resource: no role denies it, one names it in `search_as_roles`.
    pub fn allows_search(&self, role: &str) -> bool {
        let named = |list: &[String]| list.iter().any(|searched| searched == role);
        let denied = self.0.iter().any(|granting| {
            named(&granting.role.deny.request.search_as_roles)
                || granting.deny.iter().any(|pattern| pattern.matches(role))
        });
        !denied
            && self
                .0
                .iter()
                .any(|granting| named(&granting.role.allow.request.search_as_roles))
    }

    /// Whether a role of the person speaks of `role` in requests for roles, or of resources.
    pub(super) fn speaks_of(&self, role: &str, by_resources: bool) -> bool {
        self.0.iter().any(|granting| {
            if by_resources {
                let searched = &granting.role.allow.request.search_as_roles;
                searched.iter().any(|searched| searched == role)
            } else {
                granting.allow.iter().any(|pattern| pattern.matches(role))
            }
        })
    }

    /// The roles whose conditions let `role` be asked for, in the order of the person's roles. Each of them brings
    /// its own set of thresholds.
    pub fn granting(&self, role: &str) -> impl Iterator<Item = &'a Role> {
        self.0
            .iter()
            .filter(move |granting| {
                granting.allow.iter().any(|pattern| pattern.matches(role))
                    || granting
                        .role
                        .allow
                        .request
                        .search_as_roles
                        .iter()
                        .any(|searched| searched == role)
            })
            .map(|granting| granting.role)
    }
}

/// Conditions under which somebody may review, pooled by their `where`.
#[derive(Debug)]
struct Condition {
    holds_if: Predicate,
    roles: Vec<Pattern>,
}

/// What somebody may review.
#[derive(Debug)]
pub struct ReviewRights {
    allow: Vec<Condition>,
    deny: Vec<Condition>,
}

/// Why review rights cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum RightsError {
    #[error(transparent)]
    Pattern(#[from] PatternError),
    #[error("invalid review predicate: {0:?}, {1}")]
    Parse(String, predicate::ParseError),
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
}

impl ReviewRights {
    /// Compiles the review conditions of `roles`.
    pub fn of(roles: &[Role], traits: &Traits) -> Result<Self, RightsError> {
        let side = |pick: fn(&Role) -> &crate::role::ReviewConditions| {
            let mut texts: Vec<&str> = Vec::new();
            let mut pooled: Vec<Condition> = Vec::new();
            for conditions in roles.iter().map(pick) {
                let mut patterns: Vec<Pattern> = conditions
                    .roles
                    .iter()
                    .map(|text| Pattern::compile(text))
                    .collect::<Result<_, _>>()?;
                patterns.extend(claims::patterns(&conditions.claims_to_roles, traits)?);
                if patterns.is_empty() {
                    continue;
                }
                if let Some(at) = texts.iter().position(|text| *text == conditions.where_) {
                    pooled[at].roles.extend(patterns);
                } else {
                    let holds_if = Predicate::parse(&conditions.where_, WHERE_NAMES)
                        .map_err(|error| RightsError::Parse(conditions.where_.clone(), error))?;
                    texts.push(&conditions.where_);
                    pooled.push(Condition {
                        holds_if,
                        roles: patterns,
                    });
                }
            }
            Ok::<_, RightsError>(pooled)
        };
        Ok(Self {
            allow: side(|role| &role.allow.review_requests)?,
            deny: side(|role| &role.deny.review_requests)?,
        })
    }

    /// Whether there is any right to review at all.
    pub fn any(&self) -> bool {
        !self.allow.is_empty()
    }

    /// Whether these rights cover `request`, for a reviewer with these roles and traits.
    pub fn cover(&self, request: &Request, roles: &[Role], traits: &Traits) -> Result<bool, RightsError> {
        let scope = scope(request, roles, traits);
        let asked = request.original_roles();
        for condition in &self.deny {
            if asked
                .iter()
                .any(|role| condition.roles.iter().any(|pattern| pattern.matches(role)))
                && condition.holds_if.holds(&scope)?
            {
                return Ok(false);
            }
        }
        let mut uncovered = asked;
        for condition in &self.allow {
            if condition.holds_if.holds(&scope)? {
                uncovered.retain(|role| !condition.roles.iter().any(|pattern| pattern.matches(role)));
            }
            if uncovered.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl ReviewRights {
    /// Whether these rights could cover `request` if its reason and its annotations were such that they do.
    pub(crate) fn could_cover(&self, request: &Request, roles: &[Role], traits: &Traits) -> bool {
        let mut uncovered = request.original_roles();
        let named = |condition: &Condition, role: &String| {
            condition.roles.iter().any(|pattern| pattern.matches(role))
        };
        // Most people may review nothing of it, whatever the conditions say.
        if !uncovered
            .iter()
            .all(|role| self.allow.iter().any(|condition| named(condition, role)))
        {
            return false;
        }
        let mut scope = scope(request, roles, traits);
        scope.remove("request.reason");
        scope.remove("request.system_annotations");
        let denied = self.deny.iter().any(|condition| {
            uncovered.iter().any(|role| named(condition, role)) && !condition.holds_if.could(&scope).fail
        });
        if denied {
            return false;
        }
        for condition in &self.allow {
            if condition.holds_if.could(&scope).hold {
                uncovered.retain(|role| !named(condition, role));
            }
        }
        uncovered.is_empty()
    }
}

/// The values that `where` may ask for; `filter` adds the review's.
pub(crate) fn scope(request: &Request, roles: &[Role], traits: &Traits) -> Scope {
    Scope::from([
        (
            "reviewer.roles",
            Value::List(roles.iter().map(|role| role.name.clone()).collect()),
        ),
        ("reviewer.traits", Value::Map(traits.clone())),
        ("request.roles", Value::List(request.original_roles())),
        ("request.reason", Value::Text(request.reason.clone())),
        (
            "request.system_annotations",
            Value::Map(request.system_annotations.clone()),
        ),
    ])
}
