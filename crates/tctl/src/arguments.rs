//! The command line: the flags that every command has, and the commands.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use cli::Failure;

use crate::commands::{
    access_check, acl, alerts, auth, bots, create, edit, get, lock, nodes, notifications, remove, requests,
    status, tokens, users, version,
};
use crate::connection::Connection;

/// Above the flags that every command has, in its help.
const EVERYWHERE: &str = "Flags of every command";

/// Administers a cluster: roles, users, access requests, locks, certificates.
#[derive(Debug, Parser)]
#[command(
    name = "tctl",
    max_term_width = 100,
    after_help = "On the machine of the Auth Service tctl is its local administrator. Elsewhere it is whoever is logged \
                  in with `tsh login`, or whoever an identity file is for."
)]
pub struct Arguments {
    /// What every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The flags that every command has.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = EVERYWHERE)]
pub struct Global {
    /// Say on standard error what is being done
    #[arg(short, long, global = true)]
    pub debug: bool,
    /// Configuration of the Auth Service on this machine [default: /etc/teleport.yaml if it is there]
    #[arg(
        short,
        long,
        global = true,
        value_name = "FILE",
        env = "TELEPORT_CONFIG_FILE",
        hide_env_values = true
    )]
    pub config: Option<PathBuf>,
    /// The same as a text in base64, in place of the file
    #[arg(
        long,
        global = true,
        value_name = "BASE64",
        env = "TELEPORT_CONFIG",
        hide = true
    )]
    pub config_string: Option<String>,
    /// Address of an Auth Service or a proxy, HOST:PORT; may be given several times
    #[arg(
        long,
        global = true,
        value_name = "ADDRESS",
        env = "TELEPORT_AUTH_SERVER",
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub auth_server: Vec<String>,
    /// Identity file to be used; needs `--auth-server`
    #[arg(
        short,
        long,
        global = true,
        value_name = "FILE",
        env = "TELEPORT_IDENTITY_FILE",
        hide_env_values = true
    )]
    pub identity: Option<PathBuf>,
    /// Do not verify the web certificate of the proxy
    #[arg(long, global = true)]
    pub insecure: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make resources from a file, or write over them
    Create(create::Create),
    /// Show resources
    Get(get::Get),
    /// Change a resource in an editor
    Edit(edit::Edit),
    /// Remove a resource
    #[command(visible_alias = "del")]
    Rm(remove::Remove),
    /// Add, show, change, reset and remove users
    #[command(subcommand)]
    Users(users::Users),
    /// Show and decide access requests
    #[command(subcommand, visible_alias = "request")]
    Requests(requests::Requests),
    /// Make, show, change and remove bots: machines with an identity of their own
    #[command(subcommand)]
    Bots(bots::Bots),
    /// Make, show and remove the tokens with which machines join
    #[command(subcommand)]
    Tokens(tokens::Tokens),
    /// Sign certificates, export authorities
    #[command(subcommand)]
    Auth(auth::Auth),
    /// Lock a user, a role, a login or a request out, at once
    Lock(lock::Lock),
    /// Show who could come to a role alone
    AccessCheck(access_check::AccessCheck),
    /// Show access lists, add and remove members, review them
    #[command(subcommand, visible_alias = "access-lists")]
    Acl(acl::Acl),
    /// Show, make and acknowledge alerts
    #[command(subcommand, visible_alias = "alert")]
    Alerts(alerts::Alerts),
    /// Tell people something, show and remove what they are told
    #[command(subcommand, visible_alias = "notification")]
    Notifications(notifications::Notifications),
    /// Show the servers of the cluster
    #[command(subcommand)]
    Nodes(nodes::Nodes),
    /// Show the cluster and its authorities
    Status(status::Status),
    /// Show the version of this program
    Version(version::Version),
}

impl Command {
    /// Does it.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        match self {
            Self::Create(command) => command.run(connection).await,
            Self::Get(command) => command.run(connection).await,
            Self::Edit(command) => command.run(connection).await,
            Self::Rm(command) => command.run(connection).await,
            Self::Users(command) => command.run(connection).await,
            Self::Requests(command) => command.run(connection).await,
            Self::Bots(command) => command.run(connection).await,
            Self::Tokens(command) => command.run(connection).await,
            Self::Auth(command) => command.run(connection).await,
            Self::Lock(command) => command.run(connection).await,
            Self::AccessCheck(command) => command.run(connection).await,
            Self::Acl(command) => command.run(connection).await,
            Self::Notifications(command) => command.run(connection).await,
            Self::Nodes(command) => command.run(connection).await,
            Self::Alerts(command) => command.run(connection).await,
            Self::Status(command) => command.run(connection).await,
            Self::Version(version::Version {}) => version::Version::run(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    /// `UPDATE_EXPECT=1 cargo test -p tctl` writes the page anew.
    #[test]
    fn the_reference_page_is_the_help_of_every_command() {
        let mut command = Arguments::command().term_width(100);
        command.build();
        let mut page = "# tctl\n\nWhat `tctl help` and `tctl help COMMAND` print. Written from the program itself; a test holds \
                        the page to it.\n"
            .to_owned();
        describe(&mut command, &mut page);
        expect_test::expect_file!["../../../docs/reference/tctl.md"].assert_eq(&page);
    }

    fn describe(command: &mut clap::Command, page: &mut String) {
        let name = command.get_bin_name().unwrap_or("tctl").to_owned();
        let help = command.render_help().to_string();
        // Once is enough.
        let own = help.split(&format!("{EVERYWHERE}:")).next().unwrap_or_default();
        let help = if name == "tctl" { &help } else { own };
        page.push_str(&format!("\n## {name}\n\n```text\n{}\n```\n", help.trim_end()));
        for inner in command.get_subcommands_mut() {
            if inner.get_name() != "help" && !inner.is_hide_set() {
                describe(inner, page);
            }
        }
    }
}
