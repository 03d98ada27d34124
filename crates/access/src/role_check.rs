//! What a role may not say when it is saved, and what it probably does not mean.

use crate::pattern::{self, Pattern, PatternError};
use crate::predicate::{
    FILTER_NAMES, LABEL_NAMES, Names, ParseError, Predicate, RULE_NAMES, Scope, Type, Value, WHERE_NAMES,
};
use crate::role::{ClaimMapping, MAX_DURATION, Role};
use crate::template::{self, TemplateError};

/// Why a role is not saved. All are bad arguments.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum RoleError {
    #[error("deny.request cannot contain thresholds, set denial counts in allow.request.thresholds instead")]
    DenyThresholds,
    #[error("invalid threshold predicate: {0:?}, {1}")]
    Filter(String, ParseError),
    #[error("invalid review predicate: {0:?}, {1}")]
    ReviewWhere(String, ParseError),
    #[error("invalid rule predicate: {0:?}, {1}")]
    RuleWhere(String, ParseError),
    #[error(
        "max access duration must be less than or equal to {}",
        crate::request::ttl::text(MAX_DURATION)
    )]
    MaxDuration,
    #[error("max_duration must not be negative")]
    NegativeDuration,
    #[error("max_session_ttl must not be negative")]
    NegativeSession,
    #[error("request reason mode can be provided only for allow rules")]
    DenyReasonMode,
    #[error("unrecognized request reason mode {0:?}, must be one of: [required optional]")]
    ReasonMode(String),
    #[error("missing resources to match")]
    RuleWithoutResources,
    #[error("missing verbs")]
    RuleWithoutVerbs,
    #[error("please set both impersonate.users and impersonate.roles for user impersonation")]
    ImpersonateWithoutRoles,
    #[error("'where' is not supported in deny.impersonate conditions")]
    DenyImpersonateWhere,
    #[error("{field}: {text:?}, {cause}")]
    LabelExpression {
        field: &'static str,
        text: String,
        cause: ParseError,
    },
    #[error("{0}: selector *:<val> is not supported; write `'*': '*'` for everything, or name the label")]
    LabelWildcard(&'static str),
    #[error("{field}: {cause}")]
    Pattern {
        field: &'static str,
        cause: PatternError,
    },
    #[error("{field}: {cause}")]
    Template {
        field: &'static str,
        cause: TemplateError,
    },
    #[error(
        "no set of people could ever approve a request under this role: every threshold says `approve: 0`; \
         give at least one threshold a number of approvals"
    )]
    NeverApproves,
}

/// Checks a role before it is saved; the warnings are for people, the role is saved all the same.
pub fn check(role: &Role) -> Result<Vec<String>, RoleError> {
    let mut warnings = Vec::new();
    if role.options.max_session_ttl.is_some_and(|ttl| ttl.is_negative()) {
        return Err(RoleError::NegativeSession);
    }
    check_rules(role)?;
    check_names(role)?;
    check_labels(role)?;
    let request = &role.allow.request;
    if !role.deny.request.thresholds.is_empty() {
        return Err(RoleError::DenyThresholds);
    }
    if !role.deny.request.reason_mode.is_empty() {
        return Err(RoleError::DenyReasonMode);
    }
    if !matches!(request.reason_mode.as_str(), "" | "required" | "optional") {
        return Err(RoleError::ReasonMode(request.reason_mode.clone()));
    }
    if request.max_duration > MAX_DURATION {
        return Err(RoleError::MaxDuration);
    }
    if request.max_duration.is_negative() {
        return Err(RoleError::NegativeDuration);
    }
    for threshold in &request.thresholds {
        let filter = Predicate::parse(&threshold.filter, FILTER_NAMES)
            .map_err(|cause| RoleError::Filter(threshold.filter.clone(), cause))?;
        if let Err(cause) = filter.holds(&sample(FILTER_NAMES)) {
            warnings.push(format!(
                "role `{}`: the filter `{}` cannot be evaluated, so that every review would be refused: {cause}",
                role.name, threshold.filter
            ));
        }
        let shown = if threshold.name.is_empty() {
            "a threshold"
        } else {
            threshold.name.as_str()
        };
        if threshold.approve == 0 {
            warnings.push(format!(
                "role `{}`: {shown} can never approve, it says `approve: 0`",
                role.name
            ));
        }
        if threshold.deny == 0 {
            warnings.push(format!(
                "role `{}`: {shown} can never deny, it says `deny: 0`",
                role.name
            ));
        }
    }
    if !request.thresholds.is_empty() && request.thresholds.iter().all(|threshold| threshold.approve == 0) {
        return Err(RoleError::NeverApproves);
    }
    for conditions in [&role.allow.review_requests, &role.deny.review_requests] {
        let condition = Predicate::parse(&conditions.where_, WHERE_NAMES)
            .map_err(|cause| RoleError::ReviewWhere(conditions.where_.clone(), cause))?;
        if let Err(cause) = condition.holds(&sample(WHERE_NAMES)) {
            warnings.push(format!(
                "role `{}`: the condition `{}` cannot be evaluated, so that its holders can review nothing: {cause}",
                role.name, conditions.where_
            ));
        }
    }
    for mapping in claims_of(role) {
        if let Err(cause) = pattern::whole(&mapping.value) {
            warnings.push(format!(
                "role `{}`: the mapping of the claim `{}` is never used: {cause}",
                role.name, mapping.claim
            ));
        }
    }
    Ok(warnings)
}

/// A value of each name's type: what fails with these fails with all, because types are fixed and the shortest values
/// are usable as expressions.
fn sample(names: Names) -> Scope {
    names
        .iter()
        .map(|(name, kind)| {
            let value = match kind {
                Type::Bool => Value::Bool(false),
                Type::Integer => Value::Integer(0),
                Type::Text => Value::Text(String::new()),
                Type::List => Value::List(Vec::new()),
                Type::Map => Value::Map(std::collections::BTreeMap::new()),
                Type::Labels => Value::Labels(std::collections::BTreeMap::new()),
            };
            (*name, value)
        })
        .collect()
}

fn claims_of(role: &Role) -> impl Iterator<Item = &ClaimMapping> {
    [&role.allow, &role.deny].into_iter().flat_map(|conditions| {
        let request = &conditions.request.claims_to_roles;
        request.iter().chain(&conditions.review_requests.claims_to_roles)
    })
}

fn check_rules(role: &Role) -> Result<(), RoleError> {
    for rule in role.allow.rules.iter().chain(&role.deny.rules) {
        if rule.resources.is_empty() {
            return Err(RoleError::RuleWithoutResources);
        }
        if rule.verbs.is_empty() {
            return Err(RoleError::RuleWithoutVerbs);
        }
        readable(&rule.where_, RULE_NAMES)
            .map_err(|cause| RoleError::RuleWhere(rule.where_.clone(), cause))?;
    }
    let (allow, deny) = (&role.allow.impersonate, &role.deny.impersonate);
    if !deny.where_.is_empty() {
        return Err(RoleError::DenyImpersonateWhere);
    }
    if [allow, deny]
        .into_iter()
        .any(|conditions| !conditions.users.is_empty() && conditions.roles.is_empty())
    {
        return Err(RoleError::ImpersonateWithoutRoles);
    }
    readable(&allow.where_, RULE_NAMES).map_err(|cause| RoleError::RuleWhere(allow.where_.clone(), cause))
}

/// System predicates know functions of parts that are not here; those are not mistakes of the role's author.
fn readable(text: &str, names: Names) -> Result<(), ParseError> {
    if text.contains("system.catype()") || text.contains("can_view()") {
        return Ok(());
    }
    Predicate::parse(text, names).map(|_| ())
}

fn check_labels(role: &Role) -> Result<(), RoleError> {
    for conditions in [&role.allow, &role.deny] {
        let expressions = &conditions.label_expressions;
        for (field, labels, expression) in [
            ("node_labels", &conditions.node_labels, &expressions.node),
            ("app_labels", &conditions.app_labels, &expressions.app),
            ("db_labels", &conditions.db_labels, &expressions.db),
            (
                "kubernetes_labels",
                &conditions.kubernetes_labels,
                &expressions.kubernetes,
            ),
        ] {
            Predicate::parse(expression, LABEL_NAMES).map_err(|cause| RoleError::LabelExpression {
                field,
                text: expression.clone(),
                cause,
            })?;
            if labels
                .get("*")
                .is_some_and(|values| values.iter().any(|value| value != "*"))
            {
                return Err(RoleError::LabelWildcard(field));
            }
        }
    }
    Ok(())
}

fn check_names(role: &Role) -> Result<(), RoleError> {
    // A role text with `$1` becomes a literal name; every other is a pattern.
    for text in claims_of(role).flat_map(|mapping| &mapping.roles) {
        if !text.trim_end_matches('$').contains('$') {
            let field = "claims_to_roles";
            Pattern::compile(text).map_err(|cause| RoleError::Pattern { field, cause })?;
        }
    }
    for conditions in [&role.allow, &role.deny] {
        let lists = [
            ("request.roles", &conditions.request.roles),
            ("review_requests.roles", &conditions.review_requests.roles),
        ];
        for (field, patterns) in lists {
            for text in patterns {
                Pattern::compile(text).map_err(|cause| RoleError::Pattern { field, cause })?;
            }
        }
        let impersonated = [
            ("impersonate.users", &conditions.impersonate.users),
            ("impersonate.roles", &conditions.impersonate.roles),
        ];
        for (field, texts) in impersonated {
            for text in texts {
                let expanded = template::expand(text, &crate::role::Traits::new())
                    .map_err(|cause| RoleError::Template { field, cause })?;
                for text in expanded {
                    Pattern::compile(&text).map_err(|cause| RoleError::Pattern { field, cause })?;
                }
            }
        }
        let templates = [
            ("logins", &conditions.logins),
            ("kubernetes_groups", &conditions.kubernetes_groups),
            ("kubernetes_users", &conditions.kubernetes_users),
        ];
        for (field, texts) in templates {
            for text in texts {
                template::expand(text, &crate::role::Traits::new())
                    .map_err(|cause| RoleError::Template { field, cause })?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::role::{Rule, Threshold};

    fn with_thresholds(counts: &[(u32, u32)]) -> Role {
        let mut role = Role::empty("devops");
        role.allow.request.roles = vec!["elevated-access".to_owned()];
        role.allow.request.thresholds = counts
            .iter()
            .map(|(approve, deny)| Threshold {
                approve: *approve,
                deny: *deny,
                ..Threshold::default()
            })
            .collect();
        role
    }

    #[test]
    fn a_policy_that_nobody_could_ever_satisfy_is_refused() {
        assert_eq!(check(&with_thresholds(&[(2, 1)])), Ok(vec![]));
        assert_eq!(check(&with_thresholds(&[])), Ok(vec![]));
        assert_eq!(check(&with_thresholds(&[(0, 1)])), Err(RoleError::NeverApproves));
        assert_eq!(check(&with_thresholds(&[(0, 1), (2, 0)])).unwrap().len(), 2);
    }

    #[test]
    fn predicates_are_read_when_the_role_is_saved() {
        let mut role = with_thresholds(&[(2, 1)]);
        role.allow.request.thresholds[0].filter = "contains(reviewer.role, \"x\")".to_owned();
        assert_eq!(
            check(&role).unwrap_err().to_string(),
            "invalid threshold predicate: \"contains(reviewer.role, \\\"x\\\")\", `reviewer.role` does not exist here at column 10"
        );
        let mut role = Role::empty("r");
        role.allow.rules = vec![Rule {
            resources: vec!["role".to_owned()],
            verbs: vec![],
            where_: String::new(),
        }];
        assert_eq!(check(&role), Err(RoleError::RuleWithoutVerbs));
    }

    #[test]
    fn labels_are_read_when_the_role_is_saved() {
        let mut role = Role::empty("r");
        role.deny.label_expressions.node = "contains(label[\"env\"], \"x\")".to_owned();
        assert_eq!(
            check(&role).unwrap_err().to_string(),
            "node_labels: \"contains(label[\\\"env\\\"], \\\"x\\\")\", `label` does not exist here at column 10"
        );
        let mut role = Role::empty("r");
        role.allow.db_labels = [("*".to_owned(), vec!["prod".to_owned()])].into();
        assert_eq!(check(&role), Err(RoleError::LabelWildcard("db_labels")));
    }

    #[test]
    fn what_can_never_work_is_warned_of_and_saved() {
        let mut role = with_thresholds(&[(1, 1)]);
        for (filter, warned) in [
            ("contains(reviewer.roles, \"sec\")", false),
            ("regexp.match(reviewer.traits[\"team\"], \"^a|b$\")", false),
            ("regexp.match(reviewer.roles, request.reason)", false),
            ("equals(request.roles, request.reason)", true),
            ("regexp.match(reviewer.roles, \"^(a$\")", true),
        ] {
            role.allow.request.thresholds[0].filter = filter.to_owned();
            assert_eq!(!check(&role).unwrap().is_empty(), warned, "{filter}");
        }
        let mut role = Role::empty("r");
        role.allow.review_requests.roles = vec!["x".to_owned()];
        role.allow.review_requests.where_ = "equals(request.roles, request.reason)".to_owned();
        role.allow.request.claims_to_roles = vec![ClaimMapping {
            claim: "groups".to_owned(),
            value: "^(a$".to_owned(),
            roles: vec!["$1".to_owned()],
        }];
        assert_eq!(check(&role).unwrap().len(), 2);
    }

    #[test]
    fn names_that_cannot_be_read_are_refused() {
        for (text, fine) in [
            ("access-*", true),
            ("{{external.team}}", true),
            ("^(a$", false),
            ("{{nothing}}", false),
        ] {
            let mut role = Role::empty("r");
            role.allow.impersonate.users = vec![text.to_owned()];
            role.allow.impersonate.roles = vec!["*".to_owned()];
            assert_eq!(check(&role).is_ok(), fine, "{text}");
        }
        for (text, fine) in [
            ("$1-admin", true),
            ("${1}", true),
            ("db-*", true),
            ("^db-(a|b)$", true),
            ("^(a$", false),
            ("{{external.x}}", false),
        ] {
            let mut role = Role::empty("r");
            role.allow.request.claims_to_roles = vec![ClaimMapping {
                claim: "groups".to_owned(),
                value: "*".to_owned(),
                roles: vec![text.to_owned()],
            }];
            assert_eq!(check(&role).is_ok(), fine, "{text}");
        }
    }
}
