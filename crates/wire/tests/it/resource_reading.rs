//! What the document reader accepts, where it says things stand, and what it refuses.

use proptest::prelude::*;
use wire::resource::tree::Value;
use wire::resource::{Limits, Node, ReadError, read, yaml};

fn one(text: &str) -> Node {
    let mut documents = read::documents(text, &Limits::FILE).expect("a document");
    assert_eq!(documents.len(), 1, "{text}");
    documents.remove(0)
}

fn refused(text: &str) -> String {
    read::documents(text, &Limits::FILE).expect_err(text).to_string()
}

#[test]
fn every_value_knows_its_line_and_column() {
    let node = one("# first\nkind: role\nspec:\n  allow:\n    logins: ['root', \"admin\"]\n");
    assert_eq!(
        node.path(&["spec", "allow"])
            .map(|node| node.at.to_string())
            .as_deref(),
        Some("line 5, column 5")
    );
    let logins = node.path(&["spec", "allow", "logins"]).expect("logins");
    let Value::List(items) = &logins.value else {
        panic!("a list")
    };
    let places: Vec<String> = items
        .iter()
        .map(|item| format!("{} {}", item.text().unwrap_or_default(), item.at))
        .collect();
    assert_eq!(places, ["root line 5, column 14", "admin line 5, column 22"]);
    let keys: Vec<String> = node
        .entries()
        .expect("a map")
        .iter()
        .map(|entry| format!("{} {}", entry.key, entry.at))
        .collect();
    assert_eq!(keys, ["kind line 2, column 1", "spec line 3, column 1"]);
}

#[test]
fn documents_are_separated_and_empty_ones_do_not_count() {
    let text = "# nothing yet\n---\na: 1 # one\n# between\n---\n\n---\nb: 2\n...\n---\n# end\n---\n";
    let documents = read::documents(text, &Limits::FILE).expect("documents");
    assert_eq!(documents.len(), 2);
    assert!(read::documents("", &Limits::FILE).expect("nothing").is_empty());
    assert!(
        read::documents("---\n", &Limits::FILE)
            .expect("nothing")
            .is_empty()
    );
}

#[test]
fn json_is_a_part_of_it() {
    let node = one(
        "{\n\t\"kind\": \"role\",\"n\":-1.5e3,\n\t\"list\":[true,null,{\"a\":\"\\u00e9\\ud83d\\ude00\\/\"}]\n}\n",
    );
    assert_eq!(
        node.field("n").map(|node| &node.value),
        Some(&Value::Float(-1500.0))
    );
    let Some(Value::List(items)) = node.field("list").map(|node| &node.value) else {
        panic!("a list")
    };
    assert_eq!(items[2].field("a").and_then(Node::text), Some("é😀/"));
}

#[test]
fn aliases_and_merges_are_followed() {
    let node = one("base: &b {x: 1, z: [1]}\ncopy: *b\nmore:\n  <<: *b\n  x: 2\n");
    assert_eq!(
        node.path(&["copy", "x"]).map(|node| &node.value),
        Some(&Value::Integer(1))
    );
    assert_eq!(
        node.path(&["more", "x"]).map(|node| &node.value),
        Some(&Value::Integer(2))
    );
    assert!(node.path(&["more", "z"]).is_some());
}

#[test]
fn bad_documents_are_refused_with_the_place() {
    for (text, expected) in [
        (
            "a: 1\nb: 2\na: 3\n",
            "`a` stands twice, at line 1, column 1 and at line 3, column 1; keep one of them",
        ),
        (
            "{a: 1, \"a\": 2}",
            "`a` stands twice, at line 1, column 2 and at line 1, column 8; keep one of them",
        ),
        (
            "y: 1\n",
            "the name `y` at line 1, column 1 is not read as text by YAML; put it in quotes: 'y'",
        ),
        (
            "0x10: 1\n",
            "the name `0x10` at line 1, column 1 is not read as text by YAML; put it in quotes: '0x10'",
        ),
        (
            "? [a]\n: 1\n",
            "a name is missing at line 1, column 3: a list or group cannot name a value",
        ),
        (
            "a: !!binary aGk=\n",
            "the tag `!!binary` at line 1, column 4 is not supported; remove it",
        ),
        (
            "a: !ruby/object x\n",
            "the tag `!ruby/object` at line 1, column 4 is not supported; remove it",
        ),
        (
            "a: &x [1, *x]\n",
            "the alias at line 1, column 11 refers to a value that contains it",
        ),
        (
            "a:\n  <<: 5\n",
            "`<<` at line 2, column 3 takes a group of fields or a list of them",
        ),
        (
            "a:\n\tb: 1\n",
            "not valid YAML at line 2, column 2: a tab cannot indent, use spaces",
        ),
    ] {
        let message = refused(text);
        assert_eq!(message, expected, "{text}");
    }
    for text in [
        "a: [1, 2\n",
        "a: 'x\n",
        "a: *nobody\n",
        "%YAML 9\n---\na: 1\n",
        "a: b: c\n",
        "]",
        "- a\nb: c\n",
    ] {
        let message = refused(text);
        assert!(
            message.starts_with("not valid YAML at line "),
            "{text}: {message}"
        );
        assert!(!message.contains('\n'));
    }
}

#[test]
fn a_billion_laughs_cost_no_more_than_their_limit() {
    let mut bomb = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for level in 1..40 {
        let before = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb += &format!("a{level}: &a{level} [{before}]\n");
    }
    assert!(matches!(
        read::documents(&bomb, &Limits::FILE),
        Err(ReadError::TooMuch { .. })
    ));

    let long = "x".repeat(1 << 20);
    let repeated = format!("a: &a {long}\nb: [{}]\n", vec!["*a"; 100].join(", "));
    assert!(matches!(
        read::documents(&repeated, &Limits::FILE),
        Err(ReadError::TooMuch { .. })
    ));
}

#[test]
fn depth_and_length_are_limited() {
    let limits = Limits {
        bytes_max: 200,
        depth_max: 4,
        values_max: 20,
        text_max: 100,
    };
    assert!(read::documents("[[[[1]]]]", &limits).is_ok());
    assert!(matches!(
        read::documents("[[[[[1]]]]]", &limits),
        Err(ReadError::TooDeep { .. })
    ));
    assert!(matches!(
        read::documents("a:\n b:\n  c:\n   d:\n    e: 1\n", &limits),
        Err(ReadError::TooDeep { .. })
    ));
    assert!(matches!(
        read::documents("- - - - - 1\n", &limits),
        Err(ReadError::TooDeep { .. })
    ));
    assert!(matches!(
        read::documents("a: &a [[1]]\nb: [[*a]]\n", &limits),
        Err(ReadError::TooDeep { .. })
    ));
    assert!(matches!(
        read::documents(&" ".repeat(201), &limits),
        Err(ReadError::TooLong {
            bytes: 201,
            bytes_max: 200
        })
    ));
    assert!(matches!(
        read::documents(&"- 1\n".repeat(21), &limits),
        Err(ReadError::TooMuch { .. })
    ));
    for opening in ["[", "{a: ", "- ", "? ", "a:\n "] {
        let deep = opening.repeat(100_000);
        assert!(read::documents(&deep, &Limits::FILE).is_err(), "{opening}");
    }
}

/// JSON values with texts that YAML finds hard.
fn values() -> impl Strategy<Value = serde_json::Value> {
    let text = prop_oneof![
        ".{0,12}",
        "[ -~]{0,8}",
        "[ \\n\\t:#'\"-]{0,6}",
        prop::sample::select(vec![
            "yes",
            "n",
            "~",
            "0x1f",
            "1e5",
            "<<",
            "---",
            "...",
            "- a",
            "a: b",
            "12:30",
            "2024-01-01",
            "",
            "\n",
            " x",
            "x ",
            "a\n b",
            "\u{85}",
            "é"
        ])
        .prop_map(str::to_owned),
    ];
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        text.clone().prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            prop::collection::vec((text.clone(), inner), 0..4)
                .prop_map(|entries| serde_json::Value::Object(entries.into_iter().collect())),
        ]
    })
}

fn plain(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Integer(value) => serde_json::Value::from(i64::try_from(*value).expect("64 bits")),
        Value::Float(value) => (*value).into(),
        Value::Text(text) => text.as_str().into(),
        Value::List(items) => items.iter().map(plain).collect(),
        Value::Map(entries) => serde_json::Value::Object(
            entries
                .iter()
                .map(|entry| (entry.key.clone(), plain(&entry.node)))
                .collect(),
        ),
    }
}

fn sorted(value: &serde_json::Value) -> String {
    fn sort(value: &serde_json::Value) -> serde_json::Value {
        match value {
            serde_json::Value::Array(items) => items.iter().map(sort).collect(),
            serde_json::Value::Object(map) => {
                let sorted: std::collections::BTreeMap<_, _> = map
                    .iter()
                    .map(|(key, value)| (key.clone(), sort(value)))
                    .collect();
                serde_json::Value::Object(sorted.into_iter().collect())
            }
            other => other.clone(),
        }
    }
    sort(value).to_string()
}

proptest! {
    #[test]
    fn what_is_written_as_yaml_is_read_back(value in values()) {
        prop_assume!(!value.is_null());
        let text = yaml::document(&value);
        let documents = read::documents(&text, &Limits::FILE);
        let documents = match documents {
            Ok(documents) => documents,
            Err(error) => return Err(TestCaseError::fail(format!("{error}\n{text}"))),
        };
        prop_assert_eq!(documents.len(), 1, "{}", text);
        prop_assert_eq!(sorted(&plain(&documents[0])), sorted(&value), "{}", text);
    }

    #[test]
    fn what_is_written_as_json_is_read_back(value in values()) {
        prop_assume!(!value.is_null());
        let text = wire::resource::json::pretty(&value, 4);
        let documents = read::documents(&text, &Limits::FILE).expect("readable");
        prop_assert_eq!(documents.len(), 1);
        prop_assert_eq!(sorted(&plain(&documents[0])), sorted(&value));
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,200}") {
        let _ = read::documents(&text, &Limits::FILE);
    }

    #[test]
    fn no_heap_of_yaml_signs_makes_the_reader_panic(text in "[-:?,\\[\\]{}#&*!|>'\"%@`a<~ \\n\\t0]{0,120}") {
        let _ = read::documents(&text, &Limits { bytes_max: 1000, depth_max: 8, values_max: 100, text_max: 500 });
    }
}
