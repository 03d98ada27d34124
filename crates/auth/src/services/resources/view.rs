//! What a caller may see of what is registered.

use std::sync::Arc;

use access::request::ResourceId;
use access::resource::{Limit, Reach, Resource, preview_roles, search_roles};
use access::{Role, template};

use crate::auth::Auth;
use crate::call::Call;
use crate::caller::UserCaller;
use crate::failure::{Answer, Failure};

/// Whose roles a listing may look with, beside the caller's own.
#[derive(Debug, Clone, Copy, Default)]
pub struct Borrowed {
    /// Those that could be asked for to reach a resource.
    pub search: bool,
    /// Those that a reviewer is lent for looking.
    pub preview: bool,
}

/// What a caller may see.
#[derive(Debug)]
pub struct View {
    own: Sight,
    further: Option<Reach>,
    /// The roles that are looked with beside the caller's own.
    pub borrowed: Vec<String>,
    logins: Vec<(Reach, Vec<String>)>,
    denied_logins: Vec<String>,
}

#[derive(Debug)]
enum Sight {
    /// A part of the cluster sees all.
    Everything,
    /// As far as roles reach.
    Roles(Reach),
}

/// What the certificate is limited to, if it is for single resources.
pub fn limit(auth: &Auth, user: &UserCaller) -> Option<Limit> {
    let named = &user.identity.allowed_resources;
    (!named.is_empty()).then(|| Limit {
        cluster: auth.cluster().to_owned(),
        // What cannot be read opens nothing, and the certificate stays limited.
        ids: named
            .iter()
            .filter_map(|text| ResourceId::parse(text).ok())
            .collect(),
    })
}

impl View {
    /// What `call`'s caller may see, by the roles of the certificate and those that are borrowed. Roles are borrowed of
    /// those held for good: what came by a request leads no further.
    pub async fn of(auth: &Auth, call: &Call, borrowed: Borrowed) -> Answer<Self> {
        call.caller.require_certificate()?;
        let Some(user) = call.caller.user() else {
            return Ok(Self {
                own: Sight::Everything,
                further: None,
                borrowed: Vec::new(),
                logins: Vec::new(),
                denied_logins: Vec::new(),
            });
        };
        let limit = limit(auth, user);
        let mut names = Vec::new();
        if borrowed.search {
            let found = search_roles(user.held_roles(), &user.traits)
                .map_err(|error| Failure::bad_parameter(error.to_string()))?;
            names.extend(found);
        }
        if borrowed.preview {
            names.extend(preview_roles(user.held_roles()));
        }
        names.sort();
        names.dedup();
        names.retain(|name| user.roles().iter().all(|role| role.name != *name));
        let mut roles: Vec<Arc<Role>> = Vec::new();
        for name in &names {
            roles.extend(auth.state.role(name, call.now).await?);
        }
        let judged = [user.roles(), user.forbidding()].concat();
        let further = (!roles.is_empty()).then(|| {
            let mut all = judged.clone();
            all.extend(roles.iter().map(|role| Role::clone(role)));
            Reach::of(&all, &user.traits).within(limit.clone())
        });
        let logins = user.roles().iter().map(|role| {
            (
                Reach::of(std::slice::from_ref(role), &user.traits),
                template::expand_all(&role.allow.logins, &user.traits),
            )
        });
        let denied = judged
            .iter()
            .flat_map(|role| template::expand_all(&role.deny.logins, &user.traits));
        Ok(Self {
            logins: logins.collect(),
            denied_logins: denied.collect(),
            own: Sight::Roles(Reach::of(&judged, &user.traits).within(limit)),
            further,
            borrowed: names,
        })
    }

    /// Whether the caller may reach it with the roles of the certificate.
    pub fn reaches(&self, resource: &Resource) -> bool {
        match &self.own {
            Sight::Everything => true,
            Sight::Roles(reach) => reach.verdict(resource).allows(),
        }
    }

    /// Whether the caller may see it, with the roles that are borrowed too. A denial of an own role holds for those as
    /// well.
    pub fn shows(&self, resource: &Resource) -> bool {
        self.reaches(resource)
            || self
                .further
                .as_ref()
                .is_some_and(|further| further.verdict(resource).allows())
    }

    /// The logins that the caller's roles give on it, sorted.
    pub fn logins(&self, resource: &Resource) -> Vec<String> {
        let mut logins: Vec<String> = self
            .logins
            .iter()
            .filter(|(reach, _)| reach.verdict(resource).allows())
            .flat_map(|(_, logins)| logins.iter().cloned())
            .filter(|login| {
                !self
                    .denied_logins
                    .iter()
                    .any(|denied| denied == login || denied == "*")
            })
            .collect();
        logins.sort();
        logins.dedup();
        logins
    }
}
