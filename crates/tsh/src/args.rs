//! The command line: every flag is defined here once; parser and help come from it.
//!
//! Flags may stand before or after the command and its arguments. What is said about a command line that cannot
//! be read is `cli::arguments`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Sign in to a cluster, ask for access, review what others ask for.
#[derive(Debug, Parser)]
#[command(name = "tsh")]
pub struct Arguments {
    #[command(flatten)]
    pub globals: Globals,
    #[command(subcommand)]
    pub command: Command,
}

/// Where help lists the flags of every command.
const GLOBAL: &str = "Flags of every command";

/// Flags of every command.
#[derive(Debug, Default, Clone, Args)]
#[command(next_help_heading = GLOBAL)]
pub struct Globals {
    /// The proxy's web address; without a port, 3080 and 443 are tried
    #[arg(
        long,
        global = true,
        env = "TELEPORT_PROXY",
        value_name = "HOST[:PORT]",
        hide_env_values = true
    )]
    pub proxy: Option<String>,
    /// Your name in the cluster; by default the one of the profile, or of this machine's account
    #[arg(
        long,
        global = true,
        env = "TELEPORT_USER",
        value_name = "NAME",
        hide_env_values = true
    )]
    pub user: Option<String>,
    /// How many minutes the certificate should be valid; the roles may allow less
    #[arg(long, global = true, value_name = "MINUTES", value_parser = clap::value_parser!(u32).range(1..=i64::from(i32::MAX)))]
    pub ttl: Option<u32>,
    /// Use the credentials in this file instead of a profile; needs --proxy
    #[arg(
        short = 'i',
        long,
        global = true,
        env = "TELEPORT_IDENTITY_FILE",
        value_name = "FILE",
        hide_env_values = true
    )]
    pub identity: Option<PathBuf>,
    /// How to sign in; `local` is the only connector there is
    #[arg(
        long,
        global = true,
        env = "TELEPORT_AUTH",
        value_name = "NAME",
        hide_env_values = true
    )]
    pub auth: Option<String>,
    /// Do not verify the proxy's web certificate. For tests only
    #[arg(long, global = true)]
    pub insecure: bool,
    /// Say more about what goes wrong
    #[arg(short = 'd', long, global = true, env = "TELEPORT_DEBUG", hide_env_values = true, value_parser = clap::builder::FalseyValueParser::new())]
    pub debug: bool,
    /// The account on servers; kept for scripts
    #[arg(short = 'l', long, global = true, env = "TELEPORT_LOGIN", hide = true)]
    pub login: Option<String>,
    /// Whether keys go to the SSH agent; they never do
    #[arg(short = 'k', long, global = true, env = "TELEPORT_ADD_KEYS_TO_AGENT", hide = true, value_parser = ["auto", "no"])]
    pub add_keys_to_agent: Option<String>,
    /// How a second factor is asked for
    #[arg(long, global = true, env = "TELEPORT_MFA_MODE", hide = true, value_parser = ["auto", "otp"])]
    pub mfa_mode: Option<String>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Sign in, or use an approved request
    Login(Login),
    /// Sign out: forget keys and certificates on this machine
    Logout,
    /// Who you are, with which roles, and until when
    Status(Status),
    /// Ask for access, and decide what others ask for
    #[command(subcommand, visible_alias = "requests")]
    Request(Request),
    /// Your second factors
    #[command(subcommand)]
    Mfa(Mfa),
    /// Invitations
    #[command(subcommand)]
    Invite(Invite),
    /// The version of this program and of the proxy
    Version(Version),
}

/// How password and code come from a script.
const ANSWERS: &str =
    "When standard input is no terminal, its first line is the password and its second the code.";

/// `tsh login`
#[derive(Debug, Default, Args)]
#[command(after_help = ANSWERS)]
pub struct Login {
    /// The cluster; by default the proxy's own
    #[arg(value_name = "CLUSTER", env = "TELEPORT_CLUSTER", hide_env_values = true)]
    pub cluster: Option<String>,
    /// Write the credentials to a file instead of a profile
    #[arg(short = 'o', long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// The form of that file
    #[arg(short = 'f', long, value_enum, default_value = "file", value_name = "FORMAT")]
    pub format: IdentityFormat,
    /// Write over a file that exists, without asking
    #[arg(long)]
    pub overwrite: bool,
    /// Use this request, waiting for its approval if it is pending
    #[arg(long, value_name = "ID")]
    pub request_id: Option<String>,
    /// Ask for these roles
    #[arg(long, value_name = "ROLES", value_delimiter = ',')]
    pub request_roles: Vec<String>,
    /// Why you need them
    #[arg(long, value_name = "TEXT")]
    pub request_reason: Option<String>,
    /// Who should review the request
    #[arg(long, value_name = "USERS", value_delimiter = ',')]
    pub request_reviewers: Vec<String>,
    /// Do not wait for the approval
    #[arg(long)]
    pub request_nowait: bool,
}

/// The form of credentials in files.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum IdentityFormat {
    /// One file with everything
    #[default]
    File,
    /// A key with an OpenSSH certificate beside it
    Openssh,
    /// A kubeconfig
    #[value(hide = true)]
    Kubernetes,
}

/// `tsh status`
#[derive(Debug, Args)]
pub struct Status {
    #[command(flatten)]
    pub format: Format,
    /// Show traits and critical options too
    #[arg(short = 'v', long)]
    pub verbose: bool,
}

/// `tsh version`
#[derive(Debug, Args)]
pub struct Version {
    /// Do not ask the proxy
    #[arg(long)]
    pub client: bool,
    #[command(flatten)]
    pub format: Format,
}

/// How data is printed.
#[derive(Debug, Default, Clone, Copy, Args)]
pub struct Format {
    /// How to print
    #[arg(short = 'f', long, value_enum, default_value = "text", value_name = "FORMAT")]
    pub format: Shape,
}

/// How data is printed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shape {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
    /// For programs, easier to read
    Yaml,
}

/// `tsh mfa …`
#[derive(Debug, Subcommand)]
pub enum Mfa {
    /// List your second factors
    Ls(MfaList),
    /// Add an authenticator app; security keys and passkeys are added in the browser
    Add(MfaAdd),
    /// Remove one
    Rm(MfaRemove),
}

/// `tsh mfa ls`
#[derive(Debug, Args)]
pub struct MfaList {
    /// How to print the list
    #[arg(short = 'f', long, value_enum, default_value = "text", value_name = "FORMAT")]
    pub format: Shape,
}

/// `tsh mfa add`
#[derive(Debug, Args)]
pub struct MfaAdd {
    /// What you call it
    #[arg(long, value_name = "NAME", default_value = "otp")]
    pub name: String,
    /// What it is
    #[arg(
        long = "type",
        value_enum,
        ignore_case = true,
        default_value = "totp",
        value_name = "TYPE"
    )]
    pub kind: Factor,
}

/// A kind of second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Factor {
    /// An authenticator app
    Totp,
    /// A security key or passkey
    Webauthn,
}

/// `tsh mfa rm`
#[derive(Debug, Args)]
pub struct MfaRemove {
    /// Its name or id
    #[arg(value_name = "NAME")]
    pub name: String,
}

/// `tsh request …`
#[derive(Debug, Subcommand)]
pub enum Request {
    /// List the requests that you may see
    #[command(visible_alias = "list")]
    Ls(List),
    /// What a request asks for, who has decided, and what is missing
    #[command(visible_alias = "details")]
    Show(Show),
    /// Ask for roles, and wait for the approval
    #[command(visible_alias = "new")]
    Create(Create),
    /// Approve or deny
    Review(Review),
    /// Find resources that you may ask for
    Search(Search),
    /// Go back to your own roles
    Drop(Drop),
    /// Take back your own pending request, or your review of one
    Withdraw(Withdraw),
}

/// `tsh request ls`
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    pub format: Format,
    /// Only those of others that you have not reviewed
    #[arg(long)]
    pub reviewable: bool,
    /// Only those for which you were suggested
    #[arg(long)]
    pub suggested: bool,
    /// Only your own
    #[arg(long)]
    pub my_requests: bool,
}

/// `tsh request show`
#[derive(Debug, Args)]
pub struct Show {
    /// The request
    #[arg(id = "request-id", value_name = "REQUEST-ID")]
    pub id: String,
    #[command(flatten)]
    pub format: Format,
}

/// `tsh request create`
#[derive(Debug, Args)]
pub struct Create {
    /// The roles
    #[arg(long, value_name = "ROLES", value_delimiter = ',')]
    pub roles: Vec<String>,
    /// A resource, as /CLUSTER/KIND/NAME; may be repeated
    #[arg(long = "resource", value_name = "ID")]
    pub resources: Vec<String>,
    /// Why you need them
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Who should review it
    #[arg(long, value_name = "USERS", value_delimiter = ',')]
    pub reviewers: Vec<String>,
    /// Do not wait for the approval
    #[arg(long)]
    pub nowait: bool,
    /// How long the request may stay pending, such as 4h
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true)]
    pub request_ttl: Option<String>,
    /// How long a session may last, such as 1h
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true)]
    pub session_ttl: Option<String>,
    /// How long the access should last, such as 2d
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true)]
    pub max_duration: Option<String>,
    /// When the access should begin, as 2006-01-02T15:04:05Z
    #[arg(long, value_name = "MOMENT")]
    pub assume_start_time: Option<String>,
}

/// `tsh request review`
#[derive(Debug, Args)]
pub struct Review {
    /// The request
    #[arg(id = "request-id", value_name = "REQUEST-ID")]
    pub id: String,
    /// Yes
    #[arg(long)]
    pub approve: bool,
    /// No
    #[arg(long)]
    pub deny: bool,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// When the access should begin, as 2006-01-02T15:04:05Z
    #[arg(long, value_name = "MOMENT")]
    pub assume_start_time: Option<String>,
}

/// `tsh request search`
#[derive(Debug, Args)]
pub struct Search {
    /// What to look for
    #[arg(long, value_name = "KIND")]
    pub kind: SearchKind,
    /// Only what mentions all of these words, between commas
    #[arg(long, value_name = "WORDS", value_delimiter = ',')]
    #[allow(clippy::struct_field_names, reason = "the flag is called so")]
    pub search: Vec<String>,
    /// Only that for which this holds, as `labels["env"] == "prod"`
    #[arg(long, value_name = "PREDICATE", default_value = "")]
    pub query: String,
    /// Only what has these labels, as `env=prod,team=red`
    #[arg(long, value_name = "LABELS", value_delimiter = ',')]
    pub labels: Vec<String>,
    /// Show labels in full
    #[arg(short, long)]
    pub verbose: bool,
}

/// The kinds of resources that can be looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs)]
pub enum SearchKind {
    #[value(name = "node")]
    Node,
    #[value(name = "app")]
    App,
    #[value(name = "db")]
    Db,
    #[value(name = "kube_cluster")]
    KubeCluster,
}

/// `tsh request drop`
#[derive(Debug, Args)]
pub struct Drop {
    /// The requests; all of them if none is named
    #[arg(value_name = "REQUEST-ID")]
    pub ids: Vec<String>,
}

/// `tsh request withdraw`
#[derive(Debug, Args)]
pub struct Withdraw {
    /// The request
    #[arg(id = "request-id", value_name = "REQUEST-ID")]
    pub id: String,
    /// Take back your review of it
    #[arg(long)]
    pub review: bool,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// `tsh invite …`
#[derive(Debug, Subcommand)]
pub enum Invite {
    /// Accept an invitation or a reset link: set a password and an authenticator
    Accept(Accept),
}

/// `tsh invite accept`
#[derive(Debug, Args)]
#[command(after_help = format!("{ANSWERS} Between\nthem the secret of the new authenticator is printed to standard output."))]
pub struct Accept {
    /// The link, as https://PROXY/web/invite/TOKEN
    #[arg(value_name = "URL")]
    pub url: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Arguments {
        cli::arguments::read_from(line.split(' ').map(Into::into)).unwrap()
    }

    fn mistake(line: &str) -> String {
        let words = line.split(' ').map(Into::into);
        cli::arguments::read_from::<Arguments, _>(words)
            .unwrap_err()
            .stderr()
    }

    /// `UPDATE_EXPECT=1 cargo test -p tsh` writes the page anew.
    #[test]
    fn the_reference_page_is_the_help_of_every_command() {
        let page = cli::arguments::reference_page::<Arguments>(GLOBAL);
        expect_test::expect_file!["../../../docs/reference/tsh.md"].assert_eq(&page);
    }

    #[test]
    fn flags_may_stand_anywhere() {
        for line in [
            "tsh request review --approve --reason=ok ID --proxy=p",
            "tsh --proxy p request review ID --reason ok --approve",
            "tsh requests review --proxy=p ID --approve --reason=ok",
        ] {
            let arguments = parsed(line);
            assert_eq!(arguments.globals.proxy.as_deref(), Some("p"), "{line}");
            let Command::Request(Request::Review(review)) = arguments.command else {
                panic!("{line}");
            };
            assert_eq!(
                (review.id.as_str(), review.approve, review.reason.as_deref()),
                ("ID", true, Some("ok")),
                "{line}"
            );
        }
    }

    #[test]
    fn names_have_their_other_names() {
        for line in ["tsh request ls", "tsh requests list", "tsh request list -f text"] {
            let Command::Request(Request::Ls(list)) = parsed(line).command else {
                panic!("{line}");
            };
            assert_eq!(list.format.format, Shape::Text, "{line}");
        }
        for line in [
            "tsh request create --roles=a,b",
            "tsh request new --roles=a --roles=b",
        ] {
            let Command::Request(Request::Create(create)) = parsed(line).command else {
                panic!("{line}");
            };
            assert_eq!(create.roles, ["a", "b"], "{line}");
        }
        assert!(matches!(
            parsed("tsh request details ID").command,
            Command::Request(Request::Show(_))
        ));
    }

    #[test]
    fn a_switch_can_be_turned_off_again() {
        assert!(parsed("tsh --insecure status").globals.insecure);
        assert!(!parsed("tsh status --insecure --no-insecure").globals.insecure);
    }

    #[test]
    fn mistakes_read_as_in_the_original() {
        assert_eq!(
            mistake("tsh --nosuch status"),
            "tsh: error: unknown long flag '--nosuch'\n"
        );
        assert_eq!(
            mistake("tsh nosuch"),
            "tsh: error: expected command but got \"nosuch\"\n"
        );
        let text = mistake("tsh request show");
        assert!(text.starts_with("Usage: tsh request show"), "{text}");
        assert!(
            text.contains("\nERROR: required argument 'request-id' not provided\n"),
            "{text}"
        );
        let text = mistake("tsh login --ttl=soon");
        assert!(text.contains("\nERROR: --ttl: "), "{text}");
    }
}
