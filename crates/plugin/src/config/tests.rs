//! The file as people write it, well and badly.

use super::*;

/// The guide's file.
const GUIDE: &str = include_str!("../../../e2e/data/guide/teleport-mattermost.toml");

/// A small file that is right, and the part in question.
fn with(mattermost: &str, rest: &str) -> String {
    format!(
        "[teleport]\naddr = \"a:1\"\nidentity = \"id\"\n[mattermost]\nurl = \"https://m\"\ntoken = \"t\"\n{mattermost}\n{rest}"
    )
}

#[track_caller]
fn refused(text: &str) -> Vec<String> {
    match Config::read(text) {
        Ok(_) => panic!("accepted:\n{text}"),
        Err(problems) => problems.iter().map(Problem::to_string).collect(),
    }
}

#[track_caller]
fn accepted(text: &str) -> Config {
    match Config::read(text) {
        Ok(config) => config,
        Err(problems) => panic!("{problems:?}\n{text}"),
    }
}

#[test]
fn the_guides_file_posts_to_its_channel() {
    let config = accepted(GUIDE);
    assert_eq!(config.teleport.address, "myinstance.teleport.sh:443");
    assert_eq!(config.teleport.refresh, Some(Duration::from_secs(60)));
    assert_eq!(config.audience.configured(), ["team-name/channel-name"]);
    assert_eq!(config.audience.everybody(), ["team-name/channel-name"]);
    let warned: Vec<usize> = config.warnings.iter().map(|warning| warning.line).collect();
    assert_eq!(warned, [2, 10, 11], "auth_server, secret and [http]");
    assert_eq!(config.log.severity, Severity::Info);
}

#[test]
fn what_configure_prints_is_accepted() {
    let config = accepted(EXAMPLE);
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    assert_eq!(config.audience.configured(), ["team-name/channel-name"]);
    let uncommented: Vec<&str> = EXAMPLE
        .lines()
        .filter(|line| !line.contains("client_") && !line.contains("root_cas"))
        .map(|line| {
            let is_setting = line.starts_with("# ") && (line.contains(" = ") || line.starts_with("# ["));
            if is_setting { &line[2..] } else { line }
        })
        .collect();
    let all = accepted(&uncommented.join("\n"));
    assert_eq!(
        all.audience.configured(),
        ["team-name/channel-name", "reviewer@example.com"]
    );
}

#[test]
fn who_is_told_of_what() {
    let names = |config: &Config| config.audience.configured();
    assert_eq!(
        names(&accepted(&with("recipients = [\"t/c\", \"a@x.y\"]", ""))),
        ["t/c", "a@x.y"]
    );
    assert_eq!(
        names(&accepted(&with(
            "team = \"t\"\nchannel = \"c\"\nrecipients = [\"t/d\", \"t/c\"]",
            ""
        ))),
        ["t/d", "t/c"]
    );
    let both = accepted(&with(
        "team = \"t\"\nchannel = \"c\"",
        "[role_to_recipients]\ndba = \"a@x.y\"\nquiet = []\n",
    ));
    assert_eq!(both.audience.everybody(), ["t/c"]);
    assert_eq!(names(&both), ["t/c", "a@x.y"]);
    let replaced = accepted(&with(
        "recipients = [\"t/c\"]",
        "[role_to_recipients]\ndba = \"a@x.y\"\n",
    ));
    assert_eq!(names(&replaced), ["t/c"]);
    assert!(names(&accepted(&with("", ""))).is_empty());
}

#[test]
fn mistakes_are_named_with_their_line() {
    let table: &[(&str, &[&str])] = &[
        ("[teleport", &["line 1, column 10: "]),
        (
            "",
            &[
                "line 1, column 1: the section `[teleport]` is missing",
                "line 1, column 1: the section `[mattermost]` is missing",
            ],
        ),
        (
            &with("recipient = [\"t/c\"]", ""),
            &["line 7, column 1: unknown key `recipient` in `[mattermost]`; did you mean `recipients`?"],
        ),
        (
            &with("", "[logs]\noutput = \"stderr\""),
            &["line 8, column 2: unknown section `logs`; did you mean `log`?"],
        ),
        (
            &with("recipients = \"t/c\"", ""),
            &["line 7, column 14: `recipients` must be a list such as `[\"team/channel\"]`, not string"],
        ),
        (
            &with("recipients = [1]", ""),
            &["line 7, column 15: `recipients` must hold texts in quotes, not integer"],
        ),
        (
            &with("recipients = [\"Town Square\"]", ""),
            &["line 7, column 15: `Town Square` is no recipient: a recipient is"],
        ),
        (
            &with("team = \"t\"", ""),
            &["line 7, column 8: `team` needs `channel`"],
        ),
        (
            &with("", "[log]\nseverity = \"loud\""),
            &["line 9, column 12: `loud` is no severity"],
        ),
        (
            &with("", "[role_to_recipients]\ndba = 5"),
            &["line 9, column 7: `dba` must be a list"],
        ),
        (
            "[teleport]\nclient_key = \"k\"\n[mattermost]\nurl = \"http://far\"\ntoken = \"a b\"",
            &[
                "line 1, column 2: `client_key` is given in `[teleport]`, and `client_crt`, `root_cas` is missing",
                "line 4, column 7: `url` is wrong: `http://far` would send the token over the network in clear text",
                "line 5, column 9: `token` is no token: it holds blanks",
            ],
        ),
        (
            "[teleport]\nidentity = \"i\"\nclient_key = \"k\"\nrefresh_identity = 1\n[mattermost]\n",
            &[
                "line 2, column 12: `identity` and `client_key`, `client_crt`, `root_cas` exclude each other",
                "line 4, column 20: `refresh_identity` must be true or false, not integer",
                "line 5, column 2: `url` is missing",
                "line 5, column 2: `token` is missing",
            ],
        ),
        (
            "[teleport]\nidentity = \"i\"\nrefresh_identity_interval = \"soon\"\n[mattermost]\nurl = \"https://m\"\ntoken = \"t\"",
            &["line 3, column 29: `refresh_identity_interval` is no duration"],
        ),
    ];
    for (text, expected) in table {
        let said = refused(text);
        assert_eq!(said.len(), expected.len(), "{said:#?}\n{text}");
        for (said, expected) in said.iter().zip(*expected) {
            assert!(said.starts_with(expected), "{said}\nexpected: {expected}");
        }
    }
}

#[test]
fn no_message_holds_the_token() {
    for text in [
        with("", "").replace("token = \"t\"", "token = \"very secret\""),
        with("", "").replace("token = \"t\"", "token = [\"very secret\"]"),
        with("", "").replace("token = \"t\"", "token = \"very secret"),
    ] {
        let said = refused(&text).join("\n");
        assert!(!said.contains("secret"), "{said}");
    }
}
