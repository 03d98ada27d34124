//! The command line: what can be done, and every flag once.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use cli::{Failure, duration};
use jiff::SignedDuration;

use crate::commands::{configure, init, install, start, version};

/// Keeps a machine's identity good: joins, renews, and writes what other programs read.
#[derive(Debug, Parser)]
#[command(
    name = "tbot",
    max_term_width = 100,
    after_help = "`tctl bots add NAME --roles=LIST` makes a bot and prints the command that begins here."
)]
pub struct Arguments {
    /// Say more in the log
    #[arg(short, long, global = true)]
    pub debug: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run until told to stop, or once with `--oneshot`
    Start(start::Start),
    /// Print a configuration file
    Configure(configure::Configure),
    /// Make the directories that outputs go to, for the owner alone
    Init(init::Init),
    /// Prepare tbot to be run by the system
    #[command(subcommand)]
    Install(install::Install),
    /// Show the version of this program
    Version(version::Version),
}

impl Command {
    /// Does it.
    pub fn run(self, debug: bool) -> Result<(), Failure> {
        match self {
            Self::Start(command) => command.run(debug),
            Self::Configure(command) => command.run(),
            Self::Init(command) => command.run(),
            Self::Install(command) => command.run(),
            Self::Version(command) => command.run(),
        }
    }
}

/// What can be said on the command line in place of a configuration file, or over it.
#[derive(Debug, Clone, Default, Args)]
pub struct Overrides {
    /// Configuration file
    #[arg(
        short,
        long,
        value_name = "FILE",
        env = "TBOT_CONFIG_PATH",
        hide_env_values = true
    )]
    pub config: Option<PathBuf>,
    /// Address of a proxy, HOST:PORT
    #[arg(long, value_name = "ADDRESS", conflicts_with = "auth_server")]
    pub proxy_server: Option<String>,
    /// Address of the Auth Service, HOST:PORT
    #[arg(short, long, value_name = "ADDRESS")]
    pub auth_server: Option<String>,
    /// Join token, or the absolute path of a file that holds it
    #[arg(
        long,
        value_name = "TOKEN",
        env = "TELEPORT_BOT_TOKEN",
        hide_env_values = true
    )]
    pub token: Option<String>,
    /// How to join; `token` is the only way so far
    #[arg(long, value_name = "METHOD")]
    pub join_method: Option<String>,
    /// Pin of the cluster's host authority, as `tctl status` prints it; may be given several times
    #[arg(long, value_name = "PIN")]
    pub ca_pin: Vec<String>,
    /// Where tbot keeps its own identity: a directory, `file:///…` or `memory://`
    #[arg(long, visible_alias = "data-dir", value_name = "PLACE")]
    pub storage: Option<String>,
    /// Life of the certificates, 24h at most
    #[arg(long, visible_alias = "certificate-ttl", value_name = "DURATION", value_parser = duration::parse)]
    pub credential_ttl: Option<SignedDuration>,
    /// How often certificates are renewed
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub renewal_interval: Option<SignedDuration>,
    /// Write everything once and stop
    #[arg(long)]
    pub oneshot: bool,
    /// Do not verify the web certificate of the proxy, nor an Auth Service without a pin
    #[arg(long)]
    pub insecure: bool,
}

/// An identity output, in place of those of a configuration file.
#[derive(Debug, Clone, Args)]
pub struct IdentityOutput {
    /// Where the identity goes: a directory or `file:///…`
    #[arg(long, visible_alias = "destination-dir", value_name = "PLACE")]
    pub destination: String,
    /// Roles of the identity; all of the bot's if left out
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub roles: Vec<String>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    /// `UPDATE_EXPECT=1 cargo test -p tbot` writes the page anew.
    #[test]
    fn the_reference_page_is_the_help_of_every_command_and_an_example() {
        let mut command = Arguments::command().term_width(100);
        command.build();
        let mut page = format!(
            "# tbot\n\nThe configuration file that `tbot configure` prints, and what `tbot help COMMAND` prints. Written from the \
             program itself; a test holds\nthe page to it. [Machine ID](../guide/machine-id.md) tells the story.\n\n\
             ## The file\n\n```yaml\n{}```\n",
            crate::config::EXAMPLE
        );
        describe(&mut command, &mut page);
        expect_test::expect_file!["../../../docs/reference/tbot.md"].assert_eq(&page);
    }

    fn describe(command: &mut clap::Command, page: &mut String) {
        let name = command.get_bin_name().unwrap_or("tbot").to_owned();
        let help = command.render_help().to_string();
        page.push_str(&format!("\n## {name}\n\n```text\n{}\n```\n", help.trim_end()));
        for inner in command.get_subcommands_mut() {
            if inner.get_name() != "help" && !inner.is_hide_set() {
                describe(inner, page);
            }
        }
    }
}
