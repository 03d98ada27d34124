use super::*;

fn answer(text: &str) -> bool {
    let texts = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let (roles, reviewers) = (texts(&["dba", "dev"]), texts(&["alice@example.com"]));
    let traits = |key: &str, values: &[&str]| Traits::from([(key.to_owned(), texts(values))]);
    let subject = Subject {
        roles: &roles,
        suggested_reviewers: &reviewers,
        system_annotations: &traits("service", &["db", "web"]),
        user: "Bob@example.com",
        reason: "incident 42",
        created: "2026-11-23T12:00:00Z".parse().unwrap(),
        expires: "2026-11-23T13:00:00Z".parse().unwrap(),
        traits: &traits("team", &["storage"]),
    };
    Condition::parse(text)
        .unwrap_or_else(|error| panic!("{text}: {error}"))
        .matches(&subject)
}

#[test]
fn conditions_are_answered() {
    for text in [
        "true",
        "!false && (false || true)",
        r#"access_request.spec.roles.contains("dba")"#,
        r#"access_request.spec.roles.contains_any(set("x", "dev"))"#,
        r#"access_request.spec.roles.contains_all(set("dba", "dev"))"#,
        r#"contains_any(access_request.spec.roles, set("dba"))"#,
        r#"contains_all(set("dba", "dev", "x"), access_request.spec.roles)"#,
        "!is_empty(access_request.spec.suggested_reviewers)",
        r#"access_request.spec.user == "Bob@example.com""#,
        "access_request.spec.user != `bob`",
        r#"access_request.spec.request_reason == "incident 42""#,
        r#"access_request.spec.system_annotations["service"].contains("web")"#,
        r#"user.traits["team"].contains("storage")"#,
        r#"user.traits.team.contains("storage")"#,
        r#"user.traits["nosuch"].isempty()"#,
        r#"strings.lower(access_request.spec.user) == "bob@example.com""#,
        r#"strings.upper("a") == "A""#,
        r#"email.local(access_request.spec.user) == "Bob""#,
        r#"strings.split("a-b", "-").contains("b")"#,
        r#"strings.replaceall("a-b", "-", "+") == "a+b""#,
        r#"regexp.replace(access_request.spec.roles, "^d(.*)$", "${1}").contains("ba")"#,
        r#"!regexp.replace(set("x"), "^d", "").contains("x")"#,
        "access_request.spec.creation_time.before(access_request.spec.expiry)",
        r#"after(access_request.spec.expiry, time.RFC3339("2026-11-23T12:30:00Z"))"#,
        r#"access_request.spec.creation_time.between(time.RFC3339("2026-01-01T00:00:00Z"), time.RFC3339("2027-01-01T00:00:00Z"))"#,
        r#"access_request.spec.roles.add("x").contains("x")"#,
        r#"!access_request.spec.roles.remove("dba").contains("dba")"#,
        r#"union(set("a"), set("b")).contains_all(set("a", "b"))"#,
        r#"dict(pair("a", set("b")))["a"].contains("b")"#,
        r#"user.traits.add_values("team", set("db"))["team"].contains_all(set("storage", "db"))"#,
        r#"user.traits.put("team", set("db"))["team"].contains("db")"#,
        r#"user.traits.remove("team")["team"].isempty()"#,
        r#"ifelse(user.traits["team"].contains("storage"), set("a"), set("b")).contains("a")"#,
        r#"choose(option(false, set("a")), option(true, set("b"))).contains("b")"#,
    ] {
        assert!(answer(text), "{text}");
        assert!(!answer(&format!("!({text})")), "!({text})");
    }
}

#[test]
fn what_cannot_be_answered_does_not_match() {
    for text in [
        r#"choose(option(false, set("a"))).contains("a")"#,
        r#"!choose(option(false, set("a"))).contains("a")"#,
        r#"access_request.spec.expiry.after(time.RFC3339("soon"))"#,
        r#"!regexp.replace(set("x"), "(", "").contains("x")"#,
        r#"email.local("nobody") == """#,
        r#"set("a").contains_all(set())"#,
    ] {
        assert!(!answer(text), "{text}");
    }
}

#[test]
fn what_is_wrong_is_found_with_its_column() {
    for (text, problem) in [
        ("", "something is missing at the end at column 1"),
        ("nosuch", "`nosuch` does not exist here at column 1"),
        (
            "true && access_request.spec.nosuch",
            "`access_request.spec.nosuch` does not exist here at column 9",
        ),
        (
            "access_request.spec.roles",
            "the condition is not a yes-or-no question at column 1",
        ),
        (
            "access_request.spec.roles.has(\"x\")",
            "the method `has` does not exist at column 27",
        ),
        (
            "access_request.spec.roles.contains(set())",
            "`contains` is not for these values at column 27",
        ),
        (
            "equals(\"a\", \"b\")",
            "the function `equals` does not exist at column 1",
        ),
        (
            "regexp.match(set(), \"b\")",
            "the function `regexp.match` does not exist at column 1",
        ),
        ("true &&", "something is missing at the end at column 8"),
        (
            "true || set()",
            "both sides of `||` must be yes-or-no questions at column 8",
        ),
        ("set() == set()", "`==` and `!=` compare two texts at column 9"),
        ("!\"a\"", "`!` turns a yes-or-no question at column 1"),
        ("set(\"a\"", "`)` is missing at column 8"),
        ("\"é\" == \"a", "the quote is not closed at column 8"),
        ("true true", "`true` is not expected at column 6"),
        (
            "access_request.spec.user.x == \"\"",
            "only maps have keys at column 25",
        ),
        (
            "set().contains(\"\\q\")",
            "the escape does not exist at column 17",
        ),
    ] {
        let error = Condition::parse(text).expect_err(text);
        assert_eq!(error.to_string(), problem, "{text}");
    }
    assert!(Condition::parse(&"(".repeat(10_000)).is_err());
    assert!(Condition::parse(&"!".repeat(8_000)).is_err());
    assert!(Condition::parse(&" ".repeat(10_000)).is_err());
}
