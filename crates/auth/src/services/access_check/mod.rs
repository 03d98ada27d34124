//! Who could, alone: the search of `access::alone` over what is stored, when somebody asks and when something is saved.
//!
//! Nothing is decided or changed here, and no record is made: it reads what its caller may list and read anyway.

mod ask;
mod at_save;

pub use ask::handle;
pub use at_save::{of_role, of_user};

use access::Role;
use access::alone::{Account, List, Policy};
use access::automatic::Decision;
use jiff::Timestamp;
use wire::convert;
use wire::pb::types;

use crate::auth::Auth;
use crate::failure::{Answer, Class};
use crate::locks::{self, Targets};
use crate::services::monitoring_rules;

/// What is stored, as far as it can give somebody a role.
async fn stored(auth: &Auth, now: Timestamp) -> Answer<Policy> {
    let roles: Vec<Role> = auth
        .state
        .find_all::<types::RoleV6>(now)
        .await?
        .iter()
        .map(|found| crate::policy::role(&found.resource))
        .collect::<Answer<_>>()?;
    let book = auth.state.whole_book(now).await?;
    let anything_locked = !auth.state.find_all::<types::LockV2>(now).await?.is_empty();
    let mut accounts = Vec::new();
    for found in auth.state.find_all::<types::UserV2>(now).await? {
        accounts.push(convert::account(&found.resource));
    }
    let approving = monitoring_rules::automatic::rules(auth, now).await?.into_iter();
    let automatic = approving
        .filter(|rule| rule.decision == Decision::Approve)
        .map(|rule| rule.name)
        .collect();
    let lists = List::of(&book, &accounts, &roles, now);
    for account in &mut accounts {
        account.locked = anything_locked && is_locked(auth, account, &lists, now).await?;
    }
    Ok(Policy {
        roles,
        accounts,
        lists,
        automatic,
        tokens: tokens(auth, now).await?,
        ..Policy::default()
    })
}

/// Bots for which there is a join token.
async fn tokens(auth: &Auth, now: Timestamp) -> Answer<Vec<String>> {
    let tokens = auth.state.tokens(now).await?;
    let bots = tokens
        .iter()
        .filter_map(|found| convert::bot_of_token(&found.resource));
    Ok(bots.map(str::to_owned).collect())
}

async fn is_locked(auth: &Auth, account: &Account, lists: &[List], now: Timestamp) -> Answer<bool> {
    let given = lists.iter().flat_map(|list| {
        let member = list.members.contains(&account.name).then_some(&list.grants);
        let owner = list.owners.contains(&account.name).then_some(&list.owner_grants);
        member.into_iter().chain(owner).flatten()
    });
    let targets = Targets {
        users: vec![&account.name],
        roles: account.roles.iter().chain(given).map(String::as_str).collect(),
        ..Targets::default()
    };
    match locks::check(&auth.state, &targets, now).await {
        Ok(_) => Ok(false),
        Err(failure) if failure.class() == Class::AccessDenied => Ok(true),
        Err(failure) => Err(failure),
    }
}
