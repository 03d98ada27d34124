//! Text from people in messages: it is shown, and it can do nothing. Judged by the chat itself, as it reads Markdown.

use mattermost_stand_in::markdown::{self, Block, Inline};
use plugin::chat::Links;
use plugin::mattermost::message;
use plugin::request::{Approvals, Request, Review, Standing};

use crate::chat::Chat;
use crate::teleport::{Teleport, Wanted, approve, ask, deny};
use crate::world::run;

/// What somebody might write to reach beyond the place given.
fn corpus() -> Vec<String> {
    let mut all: Vec<String> = [
        "@all",
        "@channel",
        "@here",
        "@alice",
        "\\@alice",
        "<@alice>",
        "> @alice",
        "x @alice",
        "(@alice)",
        "@alice@bob",
        "a-@alice",
        "a_@alice",
        "a.@alice",
        ":@alice:",
        "@\u{200b}alice",
        "@ALICE.",
        "b@x.y @alice",
        "need it\n\n@alice **bold**",
        "a\r\n\r\n@channel",
        "a\r\r@here",
        "a\u{85}\u{85}@here",
        "a\u{2028}@here",
        "a\u{2029}@here",
        "```\n@all",
        "```\n\n@all\n```",
        "```@all```",
        "``` @all",
        "````\n@all\n````",
        "`````````\n@all",
        "~~~\n@all\n~~~",
        "`@all`",
        "``@all``",
        "` @all",
        "x\n```\n@all\n```\ny",
        "x ``` y ```` z\n\n@all",
        "\n```\n\n@all",
        "x\n````````````\n@all\n\n",
        "[click](https://evil.example)",
        "![x](https://evil.example/x.png)",
        "<https://evil.example>",
        "https://evil.example",
        "www.evil.example",
        "http:evil.example",
        "javascript:alert(1)",
        "[x]: https://evil.example\n[x]",
        "mailto:x@evil.example",
        "[a](b \"c\")",
        "](https://evil.example)",
        "**Link**: [https://teleport.example.com](https://evil.example)",
        "# Heading",
        "x\n===",
        "x\n---",
        "---",
        "- item",
        "1. item",
        "> quote",
        "| a | b |\n|---|---|\n| @all | x |",
        "***",
        "**bold**",
        "__init__",
        "~~gone~~",
        "#incident",
        "~town-square",
        ":warning:",
        "$$x$$",
        "^sup^",
        "a\tb",
        "    @all",
        "\t@all",
        "\n\n\n@all",
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<b>@all</b>",
        "&lt;@all&gt;",
        "&#64;all",
        "&commat;all",
        "**Status**: ✅ APPROVED",
        "\n**Status**: ✅ APPROVED\n**Approvals**: 2 of 2",
        "\n*You have new pending request to review!*",
        "\u{202e}devorppa\u{202c}",
        "\u{2066}x\u{2069}",
        "\u{0}\u{1}\u{7}\u{1b}[31mred",
        "\u{feff}@all",
        "\u{ad}@all",
        "\u{e0041}\u{e0042}",
        "a\u{300}\u{301}\u{302}",
        "👩\u{200d}🚀",
        "ﷺ",
        "",
        " ",
        "\n",
        "\u{3000}",
    ]
    .into_iter()
    .map(str::to_owned)
    .collect();
    let base = all.clone();
    // The same far behind other text, and around the places where text is cut.
    for text in &base {
        all.push(format!("{}{text}", "x".repeat(495)));
        all.push(format!("{}\n\n{text}", "é".repeat(490)));
        all.push(format!("{text}\n{text}\n\n{text}"));
        all.push(format!("{}{text}", "`".repeat(7)));
    }
    all.push("`".repeat(4_000));
    all.push("@all ".repeat(800));
    all.push("\n".repeat(4_000));
    all.push(format!("{}@all", "`\n".repeat(240)));
    all
}

/// The names that only the message itself may link or show, whatever people write.
fn request(text: &str, standing: Standing) -> Request {
    let review = Review {
        author: text.to_owned(),
        vote: Standing::Approved,
        reason: text.to_owned(),
        at: "2026-11-23T06:44:00Z".parse().expect("a moment"),
    };
    Request {
        id: "01a20725-e7ac-7289-8a06-d7f7fdb0c41e".to_owned(),
        user: text.to_owned(),
        roles: vec![text.to_owned(), "plain".to_owned(), text.to_owned()],
        resources: vec![text.to_owned()],
        reason: text.to_owned(),
        standing,
        resolve_reason: text.to_owned(),
        taken_back_by: None,
        reviews: vec![review],
        suggested_reviewers: vec![text.to_owned()],
        created: None,
        waits_until: None,
        annotations: access::Traits::new(),
        access_until: None,
        approvals: Some(Approvals {
            by: vec![text.to_owned()],
            needed: 2,
        }),
    }
}

/// Everything that is not code: words, links, and lines that are more than text.
fn live(blocks: &[Block], words: &mut String, links: &mut Vec<String>) {
    fn of(inlines: &[Inline], words: &mut String, links: &mut Vec<String>) {
        for inline in inlines {
            match inline {
                Inline::Text(text) => words.push_str(text),
                Inline::Code(_) => words.push('¤'),
                Inline::Bold(inner) | Inline::Italic(inner) | Inline::Struck(inner) => {
                    of(inner, words, links);
                }
                Inline::Link(inner, target) => {
                    links.push(target.clone());
                    // An address that is its own text is one link.
                    of(inner, words, &mut Vec::new());
                }
            }
        }
    }
    for block in blocks {
        match block {
            Block::Paragraph(text) => {
                of(&markdown::inlines(text), words, links);
                words.push('\n');
            }
            Block::Code(_) => words.push_str("¤¤\n"),
            other => panic!("no block of this kind is ours: {other:?}"),
        }
    }
}

#[test]
fn nothing_that_people_write_leaves_its_place() {
    let pages = Links {
        pages: Some("https://teleport.example.com".to_owned()),
    };
    let page = "https://teleport.example.com/web/requests/01a20725-e7ac-7289-8a06-d7f7fdb0c41e";
    let corpus = corpus();
    assert!(corpus.len() > 400, "{}", corpus.len());
    for text in &corpus {
        for standing in [Standing::Pending, Standing::Approved, Standing::Expired] {
            let request = request(text, standing);
            let shown = [
                (message::post(&request, &pages), true),
                (message::post(&request, &Links::default()), false),
                (message::reply(&request.reviews[0]), false),
                (message::late_end(&request), false),
            ];
            for (shown, has_link) in shown {
                let told = || format!("{text:?}\n{shown}");
                assert_eq!(markdown::mentions(&shown), Vec::<String>::new(), "{}", told());
                assert_eq!(markdown::hashtags(&shown), Vec::<String>::new(), "{}", told());
                assert_eq!(
                    markdown::channel_links(&shown),
                    Vec::<String>::new(),
                    "{}",
                    told()
                );
                let (mut words, mut links) = (String::new(), Vec::new());
                live(&markdown::blocks(&shown), &mut words, &mut links);
                let own: &[&str] = if has_link { &[page] } else { &[] };
                assert_eq!(links, own, "{}", told());
                let statuses = words.matches("Status").count();
                assert!(statuses <= 1, "{}\n{words}", told());
                assert!(
                    !words.contains("evil") && !words.contains("alert"),
                    "{}\n{words}",
                    told()
                );
                let hidden = shown.chars().find(|letter| {
                    (letter.is_control() && !matches!(letter, '\n' | '\t'))
                        || ('\u{202a}'..='\u{202e}').contains(letter)
                        || ('\u{2066}'..='\u{2069}').contains(letter)
                        || ('\u{e0000}'..='\u{e0fff}').contains(letter)
                });
                assert_eq!(hidden, None, "{}", told());
                assert!(shown.chars().count() <= 4_000, "{}", told());
            }
        }
    }
}

#[test]
fn plain_text_is_readable_as_it_is() {
    let mut plain = request("bob@example.com", Standing::Pending);
    plain.reason = "disk of db-3 is full: see INC-42 (https://tracker.example/INC-42)".to_owned();
    let shown = message::post(&plain, &Links::default());
    assert!(shown.contains("**User**: bob@example.com\n"), "{shown}");
    assert!(shown.contains(&format!("\n{}\n", plain.reason)), "{shown}");
}

#[tokio::test]
async fn the_server_notifies_nobody_for_what_a_reason_says() {
    let Some(chat) = Chat::with_faults().await else {
        return;
    };
    let teleport = Teleport::start().await;
    let people = teleport.people().await;
    let alice = chat.server().create_user("alice", "alice@chat.example.com");
    chat.join(&alice, &chat.channel).await;
    let plugin = run(&teleport, &chat).await;
    // The control: the server does notify when such text stands free.
    chat.post_as_bot("hello @alice and @channel").await;
    let loud = chat.server().posts(&chat.channel).pop().expect("a post");
    for loudly in ["alice", "@channel"] {
        assert!(loud.notifies.iter().any(|name| name == loudly), "{loud:?}");
    }

    let texts = [
        "need it\n\n@alice hello **bold**",
        "```\n@channel",
        "` @all",
        "@here\r\n\r\n> @alice",
    ];
    let mut ids = Vec::new();
    for (at, text) in texts.into_iter().enumerate() {
        let id = ask(
            &people.bob,
            Wanted {
                reason: text,
                ..Wanted::default()
            },
        )
        .await;
        chat.until_says(&id, "PENDING").await;
        approve(&people.alice, &id, text).await;
        if at % 2 == 0 {
            approve(&people.ivan, &id, text).await;
        } else {
            deny(&people.ivan, &id, text).await;
        }
        ids.push(id);
    }
    for (at, id) in ids.iter().enumerate() {
        chat.until_says(id, if at % 2 == 0 { "APPROVED" } else { "DENIED" })
            .await;
    }
    plugin.stop().await.expect("it ends as told");
    let posts = chat.server().posts(&chat.channel);
    assert_eq!(posts.len(), 1 + texts.len() * 3);
    for post in &posts[1..] {
        assert_eq!(post.notifies, Vec::<String>::new(), "{}", post.message);
    }
}
