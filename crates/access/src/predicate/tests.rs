use super::*;

fn scope() -> Scope {
    let list = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
    Scope::from([
        ("reviewer.roles", Value::List(list(&["sec", "lead"]))),
        (
            "reviewer.traits",
            Value::Map(BTreeMap::from([("team".to_owned(), list(&["red"]))])),
        ),
        ("request.roles", Value::List(list(&["vault"]))),
        ("request.reason", Value::Text("very urgent today".to_owned())),
        ("request.system_annotations", Value::Map(BTreeMap::new())),
        ("review.reason", Value::Text("fine".to_owned())),
        ("review.annotations", Value::Map(BTreeMap::new())),
    ])
}

#[test]
fn questions_have_answers() {
    for (text, answer) in [
        ("", true),
        ("contains(reviewer.roles, \"sec\")", true),
        (
            "contains(reviewer.roles, \"ops\") || contains(reviewer.traits[\"team\"], \"red\")",
            true,
        ),
        (
            "contains(reviewer.traits.team, \"red\") && !contains(reviewer.roles, \"ops\")",
            true,
        ),
        ("regexp.match(request.reason, \"*urgent*\")", true),
        ("regexp.match(request.reason, \"urgent\")", false),
        ("regexp.match(request.reason, \"^very (urgent|late).*$\")", true),
        ("equals(request.roles, request.roles)", true),
        ("equals(request.reason, review.reason)", false),
        ("request.reason == \"very urgent today\"", true),
        ("review.reason != `fine`", false),
        ("contains(request.reason, \"very urgent today\")", true),
        ("contains(reviewer.traits[\"missing\"], \"x\")", false),
        (
            "!(contains(reviewer.roles, \"sec\") && contains(reviewer.roles, \"lead\"))",
            false,
        ),
        ("1 == 1", true),
        ("is_subset(reviewer.roles, \"sec\", \"lead\", \"x\")", true),
    ] {
        let predicate =
            Predicate::parse(text, FILTER_NAMES).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(predicate.holds(&scope()), Ok(answer), "{text}");
    }
}

#[test]
fn mistakes_are_found_when_parsed_with_their_column() {
    for (text, message) in [
        (
            "reviewer.name == \"x\"",
            "`reviewer.name` does not exist here at column 1",
        ),
        (
            "contains(reviewer.partially.fake, \"x\")",
            "`reviewer.partially.fake` does not exist here at column 10",
        ),
        (
            "nosuch(reviewer.roles)",
            "the function `nosuch` does not exist at column 1",
        ),
        (
            "contains(reviewer.roles)",
            "`contains` takes 2 arguments, not 1 at column 1",
        ),
        ("!", "something is missing at the end at column 2"),
        ("&& true", "`&` is not expected at column 1"),
        (
            "reviewer.roles",
            "the predicate is not a yes-or-no question at column 1",
        ),
        (
            "request.roles == reviewer.roles",
            "`==` and `!=` compare two texts or two numbers at column 17",
        ),
        (
            "contains(reviewer.roles, \"x)",
            "the quote is not closed at column 26",
        ),
        ("true true", "`true` is not expected at column 6"),
        ("é", "`é` is not expected at column 1"),
    ] {
        assert_eq!(
            Predicate::parse(text, FILTER_NAMES).unwrap_err().to_string(),
            message,
            "{text}"
        );
    }
    assert!(
        Predicate::parse("review.reason == \"\"", WHERE_NAMES).is_err(),
        "a `where` sees no review"
    );
    assert!(Predicate::parse(&"!".repeat(500), FILTER_NAMES).is_err());
    assert!(Predicate::parse(&"(".repeat(500), FILTER_NAMES).is_err());
    assert!(Predicate::parse(&" ".repeat(9000).replace("  ", " !"), FILTER_NAMES).is_err());
}

#[test]
fn mistakes_in_values_are_errors_not_answers() {
    for text in [
        "equals(request.roles, request.reason)",
        "contains(reviewer.traits, \"x\")",
        "regexp.match(reviewer.roles, \"^(a$\")",
        "contains(reviewer.roles, reviewer.roles)",
    ] {
        let predicate =
            Predicate::parse(text, FILTER_NAMES).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(predicate.holds(&scope()).is_err(), "{text}");
    }
    let predicate = Predicate::parse("request.reason == \"x\"", FILTER_NAMES).unwrap();
    assert_eq!(
        predicate.holds(&Scope::new()),
        Err(EvaluateError::Missing("request.reason"))
    );
}

#[test]
fn the_longest_and_the_deepest_text_need_little_stack() {
    let chain = |operator: &str| {
        let mut text = "1==1".to_owned();
        while text.len() + 6 <= 8192 {
            text.push_str(operator);
            text.push_str("1==1");
        }
        text
    };
    let deepest = format!("{}true{}", "(".repeat(63), ")".repeat(63));
    for text in [chain("||"), chain("&&"), deepest] {
        // A worker's stack has two megabytes.
        let judged = std::thread::Builder::new()
            .stack_size(512 * 1024)
            .spawn(move || {
                Predicate::parse(&text, FILTER_NAMES)
                    .unwrap()
                    .holds(&Scope::new())
                    .unwrap()
            })
            .unwrap()
            .join()
            .unwrap();
        assert!(judged);
    }
    let too_deep = format!("{}true{}", "!(".repeat(40), ")".repeat(40));
    let error = Predicate::parse(&too_deep, FILTER_NAMES).unwrap_err();
    assert!(error.problem.contains("nested deeper"), "{error}");
}

#[test]
fn what_comes_after_the_answer_is_not_asked() {
    let broken = "regexp.match(request.roles, \"^(a$\")";
    for (text, answer) in [
        (format!("true || {broken}"), Some(true)),
        (format!("false && {broken}"), Some(false)),
        (format!("false || true && 1 == 2 || true || {broken}"), Some(true)),
        (format!("{broken} || true"), None),
        (format!("true && {broken}"), None),
    ] {
        let predicate = Predicate::parse(&text, FILTER_NAMES).unwrap();
        assert_eq!(predicate.holds(&scope()).ok(), answer, "{text}");
    }
}
