//! Who could, alone: the search of `access::alone` over what is stored, when somebody asks and when something is saved.
//!
//! Nothing is decided or changed here, and no record is made: it reads what its caller may list and read anyway.

mod ask;
mod at_save;

pub use ask::handle;
pub use at_save::{of_role, of_user};

use access::Role;
use access::alone::{Account, Policy};
use jiff::Timestamp;
use wire::convert;
use wire::pb::types;

use crate::auth::Auth;
use crate::failure::{Answer, Class};
use crate::locks::{self, Targets};

/// What is stored, as far as it can give somebody a role.
async fn stored(auth: &Auth, now: Timestamp) -> Answer<Policy> {
    let roles: Vec<Role> = auth
        .state
        .find_all::<types::RoleV6>(now)
        .await?
        .iter()
        .map(|found| crate::policy::role(&found.resource))
        .collect::<Answer<_>>()?;
    let anything_locked = !auth.state.find_all::<types::LockV2>(now).await?.is_empty();
    let mut accounts = Vec::new();
    for found in auth.state.find_all::<types::UserV2>(now).await? {
        let mut account = convert::account(&found.resource);
        account.locked = anything_locked && is_locked(auth, &account, now).await?;
        accounts.push(account);
    }
    Ok(Policy {
        roles,
        accounts,
        ..Policy::default()
    })
}

async fn is_locked(auth: &Auth, account: &Account, now: Timestamp) -> Answer<bool> {
    let targets = Targets {
        users: vec![&account.name],
        roles: account.roles.iter().map(String::as_str).collect(),
        ..Targets::default()
    };
    match locks::check(&auth.state, &targets, now).await {
        Ok(_) => Ok(false),
        Err(failure) if failure.class() == Class::AccessDenied => Ok(true),
        Err(failure) => Err(failure),
    }
}
