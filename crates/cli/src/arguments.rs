//! How our programs read their command line, and what they say when they cannot.
//!
//! The parser is clap, with a flag defined once for parsing, help and errors. What is different from clap is what
//! scripts of the original rely on: `--no-flag` for every switch, help on standard error with exit code 0, exit code 1
//! for every mistake, and one line for a flag or command that does not exist.

use std::error::Error as _;
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command, CommandFactory, FromArgMatches};

use crate::{Failure, text};

/// The end of a program whose command line asks for help or cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub struct Stop {
    stdout: String,
    stderr: String,
    failure: Option<Failure>,
    code: u8,
}

impl Stop {
    /// Prints it and gives the exit code.
    pub fn report(&self) -> ExitCode {
        // Nobody is left to be told when these streams are gone.
        let _ = io::stdout().lock().write_all(self.stdout.as_bytes());
        let _ = io::stderr().lock().write_all(self.stderr.as_bytes());
        if let Some(failure) = &self.failure {
            failure.report();
        }
        ExitCode::from(self.code)
    }

    /// What goes to standard error, uncoloured.
    pub fn stderr(&self) -> String {
        let failure = self.failure.as_ref().map(|failure| failure.lines(false));
        self.stderr.clone() + &failure.unwrap_or_default()
    }

    /// What goes to standard output.
    pub fn stdout(&self) -> &str {
        &self.stdout
    }

    fn help(text: String, asked_by_command: bool) -> Self {
        let (stdout, stderr) = if asked_by_command {
            (text, String::new())
        } else {
            (String::new(), text)
        };
        Self {
            stdout,
            stderr,
            failure: None,
            code: 0,
        }
    }

    /// Something that does not exist: one line.
    fn unknown(program: &str, what: &str, nearest: Option<&str>) -> Self {
        let mut stderr = format!("{program}: error: {}\n", text::visible(what));
        if let Some(nearest) = nearest {
            stderr.push_str(&format!("hint: did you mean `{nearest}`?\n"));
        }
        Self {
            stdout: String::new(),
            stderr,
            failure: None,
            code: 1,
        }
    }

    /// Something that is missing or wrong: how the command is called, then what is wrong.
    fn misused(command: &mut Command, what: String) -> Self {
        let usage = command.render_usage().to_string();
        let name = command.get_bin_name().unwrap_or_default().to_owned();
        Self {
            stdout: String::new(),
            stderr: format!("{usage}\n\n"),
            failure: Some(Failure::new(what).hint(format!("`{name} --help` lists the flags"))),
            code: 1,
        }
    }
}

/// Reads the command line of this process.
pub fn read<A: CommandFactory + FromArgMatches>() -> Result<A, Stop> {
    read_from(std::env::args_os())
}

/// Reads a command line; its first word is the name of the program.
pub fn read_from<A, I>(arguments: I) -> Result<A, Stop>
where
    A: CommandFactory + FromArgMatches,
    I: IntoIterator<Item = OsString>,
{
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let mut command = with_negations(
        A::command()
            .subcommand_required(true)
            .arg_required_else_help(true),
    );
    command.build();
    let read = command
        .try_get_matches_from_mut(&arguments)
        .and_then(|matches| A::from_arg_matches(&matches));
    read.map_err(|error| stop(&command, &error, &arguments))
}

/// The reference page of a program: the help of every command, the flags of all commands once.
///
/// `heading` is the help heading of those flags.
pub fn reference_page<A: CommandFactory>(heading: &str) -> String {
    let mut command = A::command().term_width(100);
    command.build();
    let name = command.get_name().to_owned();
    let mut page = format!(
        "# {name}\n\nWhat `{name} help` and `{name} help COMMAND` print. Written from the program itself; a test holds the \
         page to it.\n"
    );
    describe(&mut command, &name, heading, &mut page);
    page
}

fn describe(command: &mut Command, root: &str, heading: &str, page: &mut String) {
    let name = command.get_bin_name().unwrap_or(root).to_owned();
    let shared = |arg: &Arg| name != root && arg.get_help_heading() == Some(heading);
    let mut shown = command.clone().mut_args(|arg| {
        let hidden = arg.is_hide_set() || shared(&arg);
        arg.hide(hidden)
    });
    let help = shown.render_help().to_string();
    page.push_str(&format!("\n## {name}\n\n```text\n{}\n```\n", help.trim_end()));
    for below in command
        .get_subcommands_mut()
        .filter(|below| below.get_name() != "help")
    {
        describe(below, root, heading, page);
    }
}

/// Every switch `--x` can be taken back by a later `--no-x`.
fn with_negations(command: Command) -> Command {
    let negations: Vec<Arg> = command
        .get_arguments()
        .filter(|arg| matches!(arg.get_action(), ArgAction::SetTrue))
        .filter_map(|arg| {
            let name = format!("no-{}", arg.get_long()?);
            let negation = Arg::new(name.clone())
                .long(name)
                .action(ArgAction::SetTrue)
                .hide(true)
                .global(arg.is_global_set())
                .overrides_with(arg.get_id());
            Some(negation)
        })
        .collect();
    command.args(negations).mut_subcommands(with_negations)
}

fn stop(root: &Command, error: &clap::Error, arguments: &[OsString]) -> Stop {
    let program = root.get_name().to_owned();
    let context = |kind| error.get(kind).map(words).unwrap_or_default();
    let first = |kind| context(kind).into_iter().next();
    let argument = first(ContextKind::InvalidArg).unwrap_or_default();
    let (mut command, by_help_command) = addressed(root, arguments);
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            Stop::help(error.render().to_string(), by_help_command)
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            let group = command.get_name().to_owned();
            if group == program {
                Stop::help(command.render_help().to_string(), false)
            } else {
                Stop::misused(&mut command, format!("must select a subcommand of '{group}'"))
            }
        }
        ErrorKind::UnknownArgument => {
            let what = if argument.starts_with("--") {
                format!("unknown long flag '{argument}'")
            } else if argument.starts_with('-') {
                format!("unknown short flag '{argument}'")
            } else {
                format!("unexpected {argument}")
            };
            let nearest = first(ContextKind::SuggestedArg).filter(|nearest| alike(&argument, nearest));
            Stop::unknown(&program, &what, nearest.as_deref())
        }
        ErrorKind::InvalidSubcommand => {
            let word = first(ContextKind::InvalidSubcommand).unwrap_or_default();
            // The parser lists them from far to near, with other names of commands among them.
            let nearest = context(ContextKind::SuggestedSubcommand)
                .into_iter()
                .rev()
                .filter(|nearest| alike(&word, nearest))
                .find(|nearest| command.get_subcommands().any(|known| known.get_name() == nearest));
            let what = format!("expected command but got {word:?}");
            Stop::unknown(&program, &what, nearest.as_deref())
        }
        ErrorKind::MissingRequiredArgument => {
            let missing = command
                .get_arguments()
                .find(|arg| arg.to_string() == argument)
                .map_or_else(|| format!("required {argument} not provided"), missing);
            Stop::misused(&mut command, missing)
        }
        ErrorKind::InvalidValue => {
            let value = first(ContextKind::InvalidValue).unwrap_or_default();
            let known = context(ContextKind::ValidValue);
            let what = if value.is_empty() {
                format!("expected argument for flag '{}'", flag(&argument))
            } else {
                format!("enum value must be one of {}, got '{value}'", known.join(","))
            };
            Stop::misused(&mut command, what)
        }
        ErrorKind::ValueValidation => {
            let cause = error.source().map(ToString::to_string).unwrap_or_default();
            let what = if cause.starts_with("enum value") || !argument.starts_with('-') {
                cause
            } else {
                format!("{}: {cause}", flag(&argument))
            };
            Stop::misused(&mut command, what)
        }
        ErrorKind::ArgumentConflict => {
            let other = first(ContextKind::PriorArg).unwrap_or_default();
            let what = if other.is_empty() || other == argument {
                format!("flag '{}' cannot be repeated", flag(&argument))
            } else {
                format!(
                    "'{}' and '{}' cannot be used together",
                    flag(&argument),
                    flag(&other)
                )
            };
            Stop::misused(&mut command, what)
        }
        _ => {
            let text = error.render().to_string();
            let line = text.lines().next().unwrap_or_default();
            Stop::misused(&mut command, line.trim_start_matches("error: ").to_owned())
        }
    }
}

/// Whether a suggestion may be what was meant: people slip at the end of a word sooner than at its beginning.
fn alike(word: &str, suggestion: &str) -> bool {
    let start = |word: &str| word.trim_start_matches('-').chars().take(2).collect::<String>();
    start(word) == start(suggestion)
}

/// `required flag --out/-o not provided`, `required argument 'resources' not provided`.
fn missing(arg: &Arg) -> String {
    match (arg.get_long(), arg.get_short()) {
        (Some(long), Some(short)) => format!("required flag --{long}/-{short} not provided"),
        (Some(long), None) => format!("required flag --{long} not provided"),
        _ => format!("required argument '{}' not provided", arg.get_id()),
    }
}

/// `--out` of `--out <PATH>`.
fn flag(shown: &str) -> &str {
    shown.split([' ', '=']).next().unwrap_or(shown)
}

fn words(value: &ContextValue) -> Vec<String> {
    match value {
        ContextValue::String(word) => vec![word.clone()],
        ContextValue::Strings(words) => words.clone(),
        ContextValue::StyledStr(word) => vec![word.to_string()],
        ContextValue::StyledStrs(words) => words.iter().map(ToString::to_string).collect(),
        ContextValue::Number(number) => vec![number.to_string()],
        _ => Vec::new(),
    }
}

/// The command that a command line is for, and whether it asks for help by the command `help`.
fn addressed(root: &Command, arguments: &[OsString]) -> (Command, bool) {
    let mut by_help_command = false;
    let mut place = root;
    let mut words = arguments.iter().skip(1).map(|word| word.to_string_lossy());
    while let Some(word) = words.next() {
        if word.starts_with('-') {
            let takes_value = place.get_arguments().any(|arg| {
                let named = arg.get_long().is_some_and(|long| word == format!("--{long}"))
                    || arg.get_short().is_some_and(|short| word == format!("-{short}"));
                named && arg.get_action().takes_values()
            });
            if takes_value {
                words.next();
            }
        } else if word == "help" && std::ptr::eq(place, root) {
            by_help_command = true;
        } else if let Some(next) = place.find_subcommand(&*word) {
            place = next;
        } else {
            break;
        }
    }
    (place.clone(), by_help_command)
}

#[cfg(test)]
mod tests {
    use clap::{Parser, Subcommand};
    use expect_test::{Expect, expect};

    use super::*;

    #[derive(Debug, Parser)]
    #[command(name = "tool")]
    struct Tool {
        /// Say more
        #[arg(long, short, global = true)]
        debug: bool,
        #[command(subcommand)]
        command: Commands,
    }

    #[derive(Debug, Subcommand)]
    enum Commands {
        /// Reads things
        Get {
            /// What to read
            things: String,
            /// In which form
            #[arg(long, value_parser = ["text", "json"], default_value = "text")]
            format: String,
        },
        /// Works on people
        Users {
            #[command(subcommand)]
            command: Users,
        },
    }

    #[derive(Debug, Subcommand)]
    enum Users {
        /// Adds somebody
        Add {
            /// The name
            name: String,
            /// The roles
            #[arg(long, required = true)]
            roles: Vec<String>,
            /// How long
            #[arg(long, value_parser = crate::duration::parse)]
            ttl: Option<jiff::SignedDuration>,
            /// Where to
            #[arg(long, short)]
            out: Option<String>,
        },
    }

    fn parse(line: &str) -> Result<Tool, Stop> {
        read_from(line.split(' ').map(OsString::from))
    }

    fn check(line: &str, expected: Expect) {
        let shown = match parse(line) {
            Ok(read) => format!("{read:?}\n"),
            Err(stop) => {
                let (stdout, stderr) = (stop.stdout().to_owned(), stop.stderr());
                format!("{stdout}{stderr}→ {}\n", stop.code)
            }
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn flags_may_stand_anywhere_and_be_taken_back() {
        check(
            "tool get x --format=json -d",
            expect![[r#"
            Tool { debug: true, command: Get { things: "x", format: "json" } }
        "#]],
        );
        check(
            "tool -d --no-debug get --format json x",
            expect![[r#"
            Tool { debug: false, command: Get { things: "x", format: "json" } }
        "#]],
        );
        check(
            "tool --no-debug get x --debug",
            expect![[r#"
            Tool { debug: true, command: Get { things: "x", format: "text" } }
        "#]],
        );
    }

    #[test]
    fn what_does_not_exist_is_one_line() {
        check(
            "tool nosuch",
            expect![[r#"
            tool: error: expected command but got "nosuch"
            → 1
        "#]],
        );
        check(
            "tool gett x",
            expect![[r#"
            tool: error: expected command but got "gett"
            hint: did you mean `get`?
            → 1
        "#]],
        );
        check(
            "tool get x --nosuchflag",
            expect![[r"
            tool: error: unknown long flag '--nosuchflag'
            → 1
        "]],
        );
        check(
            "tool get x --nosuchflag=3",
            expect![[r"
            tool: error: unknown long flag '--nosuchflag'
            → 1
        "]],
        );
        check(
            "tool get x -z",
            expect![[r"
            tool: error: unknown short flag '-z'
            → 1
        "]],
        );
        check(
            "tool get x y",
            expect![[r"
            tool: error: unexpected y
            → 1
        "]],
        );
        check(
            "tool users nosuch",
            expect![[r#"
            tool: error: expected command but got "nosuch"
            → 1
        "#]],
        );
    }

    #[test]
    fn what_is_missing_or_wrong_shows_the_usage_first() {
        check(
            "tool get",
            expect![[r"
            Usage: tool get [OPTIONS] <THINGS>

            ERROR: required argument 'things' not provided
            hint: `tool get --help` lists the flags
            → 1
        "]],
        );
        check(
            "tool users",
            expect![[r"
            Usage: tool users [OPTIONS] <COMMAND>

            ERROR: must select a subcommand of 'users'
            hint: `tool users --help` lists the flags
            → 1
        "]],
        );
        check(
            "tool users add bob",
            expect![[r"
            Usage: tool users add [OPTIONS] --roles <ROLES> <NAME>

            ERROR: required flag --roles not provided
            hint: `tool users add --help` lists the flags
            → 1
        "]],
        );
        check(
            "tool users add bob --roles",
            expect![[r"
            Usage: tool users add [OPTIONS] --roles <ROLES> <NAME>

            ERROR: expected argument for flag '--roles'
            hint: `tool users add --help` lists the flags
            → 1
        "]],
        );
        check(
            "tool users add bob --roles=a --ttl=8",
            expect![[r"
            Usage: tool users add [OPTIONS] --roles <ROLES> <NAME>

            ERROR: --ttl: `8` is not a duration; write it like `8h`, `90m` or `1h30m`
            hint: `tool users add --help` lists the flags
            → 1
        "]],
        );
        check(
            "tool users add bob --roles=a --ttl=1h --ttl=2h",
            expect![[r"
            Usage: tool users add [OPTIONS] --roles <ROLES> <NAME>

            ERROR: flag '--ttl' cannot be repeated
            hint: `tool users add --help` lists the flags
            → 1
        "]],
        );
        check(
            "tool get x --format=xml",
            expect![[r"
            Usage: tool get [OPTIONS] <THINGS>

            ERROR: enum value must be one of text,json, got 'xml'
            hint: `tool get --help` lists the flags
            → 1
        "]],
        );
    }

    #[test]
    fn a_reference_page_has_every_command() {
        let page = reference_page::<Tool>("Flags of every command");
        for command in ["tool", "tool get", "tool users", "tool users add"] {
            assert!(page.contains(&format!("\n## {command}\n\n```text\n")), "{page}");
        }
        assert!(
            page.contains("--roles <ROLES>") && !page.contains("## tool help"),
            "{page}"
        );
    }

    #[test]
    fn help_goes_to_standard_error_unless_it_was_a_command() {
        let asked = parse("tool get --help").expect_err("help");
        assert_eq!((asked.stdout(), asked.code), ("", 0));
        assert!(asked.stderr().contains("Reads things"));
        let command = parse("tool help get").expect_err("help");
        assert!(command.stdout().contains("Reads things"));
        assert_eq!(command.stderr(), "");
        let bare = parse("tool").expect_err("help");
        assert_eq!((bare.stdout(), bare.code), ("", 0));
        assert!(bare.stderr().contains("Usage: tool"));
    }
}
