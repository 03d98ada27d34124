//! The traits that flags can set, once for `users add` and once, with `set-` before each name, for `users update`.

use std::collections::BTreeMap;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use crate::commands::lists::split;

/// Flag, trait, what it is.
const TRAITS: [(&str, &str, &str); 12] = [
    ("logins", "logins", "Logins on servers"),
    ("windows-logins", "windows_logins", "Logins on Windows desktops"),
    ("kubernetes-users", "kubernetes_users", "Users in Kubernetes"),
    ("kubernetes-groups", "kubernetes_groups", "Groups in Kubernetes"),
    ("db-users", "db_users", "Users of databases"),
    ("db-names", "db_names", "Names of databases"),
    ("db-roles", "db_roles", "Roles in databases"),
    ("aws-role-arns", "aws_role_arns", "Roles in AWS"),
    ("azure-identities", "azure_identities", "Identities in Azure"),
    (
        "gcp-service-accounts",
        "gcp_service_accounts",
        "Service accounts in GCP",
    ),
    ("host-user-uid", "host_user_uid", "UID of users made on servers"),
    ("host-user-gid", "host_user_gid", "GID of users made on servers"),
];

/// The traits that were given. `SET`: under the names of `users update`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traits<const SET: bool>(BTreeMap<&'static str, Vec<String>>);

impl<const SET: bool> Traits<SET> {
    /// The traits with their values, in the order of the flags.
    pub fn given(&self) -> impl Iterator<Item = (&'static str, &[String])> {
        TRAITS
            .iter()
            .filter_map(|(_, name, _)| Some((*name, self.0.get(name)?.as_slice())))
    }

    /// Every trait there is a flag for, as a new user has them: what was not given is empty.
    pub fn all(&self) -> BTreeMap<String, Vec<String>> {
        TRAITS
            .iter()
            .map(|(_, name, _)| {
                let given = self.0.get(name).cloned();
                ((*name).to_owned(), given.unwrap_or_else(|| unset(name)))
            })
            .collect()
    }

    /// Whether no flag was given.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn flag(name: &str) -> String {
        if SET {
            format!("set-{name}")
        } else {
            name.to_owned()
        }
    }
}

/// What a new user has in a trait that was not given. Other clients expect one empty text in these two.
fn unset(name: &str) -> Vec<String> {
    let texts = usize::from(matches!(name, "host_user_uid" | "host_user_gid"));
    vec![String::new(); texts]
}

impl<const SET: bool> FromArgMatches for Traits<SET> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut given = BTreeMap::new();
        for (flag, name, _) in TRAITS {
            if let Some(values) = matches.get_many::<String>(&Self::flag(flag)) {
                given.insert(name, split(&values.cloned().collect::<Vec<_>>()));
            }
        }
        Ok(Self(given))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl<const SET: bool> Args for Traits<SET> {
    fn augment_args(command: Command) -> Command {
        TRAITS.iter().fold(command, |command, (flag, _, what)| {
            let name = Self::flag(flag);
            command.arg(
                Arg::new(name.clone())
                    .long(name)
                    .action(ArgAction::Append)
                    .value_name("LIST")
                    .help(*what),
            )
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}
