//! The subset of Markdown that matters for messages: where code begins and ends, who is mentioned,
//! and a safe rendering as HTML.
//!
//! Block rules are the common ones, as Mattermost reads it: a fence must stand at the start of a line; three
//! backquotes behind other text open an inline span, which an empty line ends; line ends are kept. HTML
//! in the text is text.

/// A piece of a message.
#[derive(Debug, PartialEq, Eq)]
pub enum Block {
    /// Lines of running text.
    Paragraph(String),
    /// Fenced or indented code.
    Code(String),
    /// `> ` quoted blocks.
    Quote(Vec<Block>),
    /// `- ` or `1. ` items.
    List(Vec<String>),
    /// `# ` headings.
    Heading(String),
    /// `---`.
    Rule,
}

/// A piece of running text.
#[derive(Debug, PartialEq, Eq)]
pub enum Inline {
    /// Plain text.
    Text(String),
    /// A code span.
    Code(String),
    /// `**bold**`.
    Bold(Vec<Inline>),
    /// `*italic*` or `_italic_`.
    Italic(Vec<Inline>),
    /// `~~struck~~`.
    Struck(Vec<Inline>),
    /// A link or an image, which is shown as a link: text and target.
    Link(Vec<Inline>, String),
}

/// Splits a message into blocks.
pub fn blocks(message: &str) -> Vec<Block> {
    let message = message.replace("\r\n", "\n").replace('\r', "\n");
    parse_blocks(&message.split('\n').collect::<Vec<_>>())
}

fn parse_blocks(lines: &[&str]) -> Vec<Block> {
    let mut found = Vec::new();
    let mut paragraph: Vec<&str> = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at];
        let indent = line.len() - line.trim_start_matches(' ').len();
        let trimmed = line.trim();
        if trimmed.is_empty() {
            flush(&mut paragraph, &mut found);
            at += 1;
            continue;
        }
        if indent >= 4 && paragraph.is_empty() {
            let mut code = Vec::new();
            while at < lines.len() && (lines[at].starts_with("    ") || lines[at].trim().is_empty()) {
                code.push(lines[at].get(4..).unwrap_or_default());
                at += 1;
            }
            while code.last().is_some_and(|line| line.trim().is_empty()) {
                code.pop();
            }
            found.push(Block::Code(code.join("\n")));
            continue;
        }
        if indent < 4
            && let Some((mark, length)) = fence_start(trimmed)
        {
            flush(&mut paragraph, &mut found);
            at += 1;
            let mut code = Vec::new();
            while at < lines.len() && !fence_end(lines[at], mark, length) {
                code.push(lines[at]);
                at += 1;
            }
            at += 1;
            found.push(Block::Code(code.join("\n")));
            continue;
        }
        if indent < 4 && trimmed.starts_with('>') {
            flush(&mut paragraph, &mut found);
            let mut quoted = Vec::new();
            while at < lines.len() && lines[at].trim_start().starts_with('>') {
                let inner = &lines[at].trim_start()[1..];
                quoted.push(inner.strip_prefix(' ').unwrap_or(inner));
                at += 1;
            }
            found.push(Block::Quote(parse_blocks(&quoted)));
            continue;
        }
        if indent < 4 && is_rule(trimmed) {
            flush(&mut paragraph, &mut found);
            found.push(Block::Rule);
            at += 1;
            continue;
        }
        if indent < 4
            && let Some(heading) = heading(trimmed)
        {
            flush(&mut paragraph, &mut found);
            found.push(Block::Heading(heading.to_owned()));
            at += 1;
            continue;
        }
        if indent < 4 && list_item(trimmed).is_some() {
            flush(&mut paragraph, &mut found);
            let mut items = Vec::new();
            while let Some(item) = lines.get(at).and_then(|line| list_item(line.trim())) {
                items.push(item.to_owned());
                at += 1;
            }
            found.push(Block::List(items));
            continue;
        }
        paragraph.push(line);
        at += 1;
    }
    flush(&mut paragraph, &mut found);
    found
}

fn flush(paragraph: &mut Vec<&str>, found: &mut Vec<Block>) {
    if !paragraph.is_empty() {
        found.push(Block::Paragraph(paragraph.join("\n")));
        paragraph.clear();
    }
}

fn fence_start(line: &str) -> Option<(char, usize)> {
    let mark = line.chars().next().filter(|mark| ['`', '~'].contains(mark))?;
    let length = line.chars().take_while(|found| *found == mark).count();
    let rest = &line[length..];
    (length >= 3 && !(mark == '`' && rest.contains('`'))).then_some((mark, length))
}

fn fence_end(line: &str, mark: char, length: usize) -> bool {
    let indent = line.len() - line.trim_start_matches(' ').len();
    let trimmed = line.trim();
    indent < 4 && trimmed.len() >= length && trimmed.chars().all(|found| found == mark)
}

fn is_rule(line: &str) -> bool {
    let marks: String = line.chars().filter(|mark| *mark != ' ').collect();
    marks.len() >= 3
        && ['-', '*', '_']
            .iter()
            .any(|mark| marks.chars().all(|found| found == *mark))
}

fn heading(line: &str) -> Option<&str> {
    let level = line.chars().take_while(|mark| *mark == '#').count();
    ((1..=6).contains(&level))
        .then(|| line[level..].strip_prefix(' '))
        .flatten()
        .map(str::trim)
}

fn list_item(line: &str) -> Option<&str> {
    for mark in ["- ", "* ", "+ "] {
        if let Some(item) = line.strip_prefix(mark) {
            return Some(item);
        }
    }
    let digits = line.chars().take_while(char::is_ascii_digit).count();
    (1..=9)
        .contains(&digits)
        .then(|| {
            line[digits..]
                .strip_prefix(". ")
                .or_else(|| line[digits..].strip_prefix(") "))
        })
        .flatten()
}

/// Reads running text.
pub fn inlines(text: &str) -> Vec<Inline> {
    parse_inlines(text, 0)
}

fn parse_inlines(text: &str, depth: usize) -> Vec<Inline> {
    let mut found = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    let mut before = ' ';
    while let Some(next) = rest.chars().next() {
        let piece = if depth > 8 {
            None
        } else {
            special(rest, before, depth)
        };
        if let Some((inline, length)) = piece {
            if !plain.is_empty() {
                found.push(Inline::Text(std::mem::take(&mut plain)));
            }
            found.push(inline);
            before = rest[..length].chars().next_back().unwrap_or(' ');
            rest = &rest[length..];
            continue;
        }
        let length = if next == '\\' {
            match rest[1..].chars().next() {
                // A backslash shows the mark behind it; the mark is not special any more.
                Some(mark) if mark.is_ascii_punctuation() => {
                    plain.push(mark);
                    2
                }
                _ => {
                    plain.push('\\');
                    1
                }
            }
        } else if next == '`' {
            // A run that nobody closes is text as a whole.
            let run = rest.chars().take_while(|mark| *mark == '`').count();
            plain.push_str(&rest[..run]);
            run
        } else {
            plain.push(next);
            next.len_utf8()
        };
        before = rest[..length].chars().next_back().unwrap_or(' ');
        rest = &rest[length..];
    }
    if !plain.is_empty() {
        found.push(Inline::Text(plain));
    }
    found
}

/// What begins exactly here, and its length in bytes.
fn special(rest: &str, before: char, depth: usize) -> Option<(Inline, usize)> {
    let next = rest.chars().next()?;
    match next {
        '`' => code_span(rest),
        '*' | '_' | '~' => emphasis(rest, before, depth),
        '!' if rest.starts_with("![") => link(&rest[1..], depth).map(|(link, length)| (link, length + 1)),
        '[' => link(rest, depth),
        'h' | 'H' if !before.is_alphanumeric() => bare_link(rest),
        _ => None,
    }
}

fn code_span(rest: &str) -> Option<(Inline, usize)> {
    let run = rest.chars().take_while(|mark| *mark == '`').count();
    let mut at = run;
    while let Some(offset) = rest[at..].find('`') {
        let start = at + offset;
        let length = rest[start..].chars().take_while(|mark| *mark == '`').count();
        if length == run {
            let inside = rest[run..start].replace('\n', " ");
            let inside = match inside
                .strip_prefix(' ')
                .and_then(|inside| inside.strip_suffix(' '))
            {
                Some(stripped) if !stripped.trim().is_empty() => stripped.to_owned(),
                _ => inside,
            };
            return Some((Inline::Code(inside), start + length));
        }
        at = start + length;
    }
    None
}

fn emphasis(rest: &str, before: char, depth: usize) -> Option<(Inline, usize)> {
    for mark in ["**", "__", "~~", "*", "_"] {
        let Some(inside) = rest.strip_prefix(mark) else {
            continue;
        };
        if mark.starts_with('_') && before.is_alphanumeric() {
            return None;
        }
        if inside.chars().next().is_none_or(char::is_whitespace) {
            continue;
        }
        let Some(end) = closing(inside, mark) else {
            continue;
        };
        let children = parse_inlines(&inside[..end], depth + 1);
        let inline = match mark {
            "**" | "__" => Inline::Bold(children),
            "~~" => Inline::Struck(children),
            _ => Inline::Italic(children),
        };
        return Some((inline, mark.len() * 2 + end));
    }
    None
}

/// Where `mark` closes, outside code spans, not behind a blank.
fn closing(inside: &str, mark: &str) -> Option<usize> {
    let mut at = 0;
    while at < inside.len() {
        let rest = &inside[at..];
        if rest.starts_with('`')
            && let Some((_, length)) = code_span(rest)
        {
            at += length;
            continue;
        }
        if rest.starts_with(mark)
            && at > 0
            && !inside[..at].ends_with(char::is_whitespace)
            && !(mark.len() == 1 && rest[1..].starts_with(mark))
            && !(mark.starts_with('_') && rest[mark.len()..].starts_with(char::is_alphanumeric))
        {
            return Some(at);
        }
        let next = rest.chars().next()?;
        if next == '\\' {
            at += 1 + rest[1..].chars().next().map_or(0, char::len_utf8);
            continue;
        }
        // A double mark inside a single one is skipped as a whole.
        let run = rest.chars().take_while(|found| *found == next).count();
        at += if mark.len() == 1 && mark.starts_with(next) {
            run * next.len_utf8()
        } else {
            next.len_utf8()
        };
    }
    None
}

fn link(rest: &str, depth: usize) -> Option<(Inline, usize)> {
    let mut level = 0_usize;
    let mut close = None;
    let mut at = 0;
    while at < rest.len() {
        let here = &rest[at..];
        if here.starts_with('`')
            && let Some((_, length)) = code_span(here)
        {
            at += length;
            continue;
        }
        let next = here.chars().next()?;
        match next {
            '\\' => at += here[1..].chars().next().map_or(0, char::len_utf8),
            '[' => level += 1,
            ']' => {
                level -= 1;
                if level == 0 {
                    close = Some(at);
                    break;
                }
            }
            _ => {}
        }
        at += next.len_utf8();
    }
    let close = close?;
    let target = rest[close + 1..].strip_prefix('(')?;
    let end = target.find(')')?;
    let address = target[..end].split_whitespace().next().unwrap_or_default();
    let address = address.trim_start_matches('<').trim_end_matches('>');
    Some((
        Inline::Link(parse_inlines(&rest[1..close], depth + 1), address.to_owned()),
        close + 1 + 1 + end + 1,
    ))
}

fn bare_link(rest: &str) -> Option<(Inline, usize)> {
    let lower = rest.get(..8.min(rest.len())).map(str::to_ascii_lowercase)?;
    if !lower.starts_with("http://") && !lower.starts_with("https://") {
        return None;
    }
    let length = rest
        .find(|mark: char| mark.is_whitespace() || "<>\"`)]".contains(mark))
        .unwrap_or(rest.len());
    let address = rest[..length].trim_end_matches(['.', ',', ';', ':', '!', '?', '*', '_', '~']);
    Some((
        Inline::Link(vec![Inline::Text(address.to_owned())], address.to_owned()),
        address.len(),
    ))
}

/// The names behind every `@` that is not in code, in order, each once. A backslash does not help.
pub fn mentions(message: &str) -> Vec<String> {
    let mut names = Vec::new();
    for text in live_texts(message) {
        let mut before = ' ';
        for (at, mark) in text.char_indices() {
            if mark == '@' && !before.is_alphanumeric() {
                let name: String = text[at + 1..]
                    .chars()
                    .take_while(|part| part.is_ascii_alphanumeric() || ".-_".contains(*part))
                    .collect();
                let name = name.trim_end_matches(['.', '-', '_']).to_ascii_lowercase();
                if !name.is_empty() && !names.contains(&name) {
                    names.push(name);
                }
            }
            before = mark;
        }
    }
    names
}

/// Words behind `#` outside code.
pub fn hashtags(message: &str) -> Vec<String> {
    words_behind('#', message)
        .into_iter()
        .filter(|word| word.starts_with(char::is_alphabetic))
        .collect()
}

/// Channel names behind `~` outside code.
pub fn channel_links(message: &str) -> Vec<String> {
    words_behind('~', message)
}

fn words_behind(sign: char, message: &str) -> Vec<String> {
    let mut words = Vec::new();
    for text in live_texts(message) {
        let mut before = ' ';
        for (at, mark) in text.char_indices() {
            if mark == sign && !before.is_alphanumeric() && before != sign {
                let word: String = text[at + mark.len_utf8()..]
                    .chars()
                    .take_while(|part| part.is_alphanumeric() || "-_".contains(*part))
                    .collect();
                if word.chars().count() > 1 && !words.contains(&word) {
                    words.push(word);
                }
            }
            before = mark;
        }
    }
    words
}

/// Every piece of running text outside code, with link targets left out.
fn live_texts(message: &str) -> Vec<String> {
    fn of_inlines(inlines: &[Inline], texts: &mut Vec<String>) {
        for inline in inlines {
            match inline {
                Inline::Text(text) => texts.push(text.clone()),
                Inline::Code(_) => {}
                Inline::Bold(inner)
                | Inline::Italic(inner)
                | Inline::Struck(inner)
                | Inline::Link(inner, _) => {
                    of_inlines(inner, texts);
                }
            }
        }
    }
    fn of_blocks(blocks: &[Block], texts: &mut Vec<String>) {
        for block in blocks {
            match block {
                Block::Paragraph(text) | Block::Heading(text) => of_inlines(&inlines(text), texts),
                Block::List(items) => items.iter().for_each(|item| of_inlines(&inlines(item), texts)),
                Block::Quote(inner) => of_blocks(inner, texts),
                Block::Code(_) | Block::Rule => {}
            }
        }
    }
    let mut texts = Vec::new();
    of_blocks(&blocks(message), &mut texts);
    texts
}

/// The message as HTML that can do nothing but be read.
pub fn html(message: &str) -> String {
    let mut out = String::new();
    html_blocks(&blocks(message), &mut out);
    out
}

fn html_blocks(blocks: &[Block], out: &mut String) {
    for block in blocks {
        match block {
            Block::Paragraph(text) => {
                out.push_str("<p>");
                html_inlines(&inlines(text), out);
                out.push_str("</p>");
            }
            Block::Heading(text) => {
                out.push_str("<p class=\"heading\">");
                html_inlines(&inlines(text), out);
                out.push_str("</p>");
            }
            Block::Code(code) => {
                out.push_str("<pre><code>");
                escape(code, out);
                out.push_str("</code></pre>");
            }
            Block::Quote(inner) => {
                out.push_str("<blockquote>");
                html_blocks(inner, out);
                out.push_str("</blockquote>");
            }
            Block::List(items) => {
                out.push_str("<ul>");
                for item in items {
                    out.push_str("<li>");
                    html_inlines(&inlines(item), out);
                    out.push_str("</li>");
                }
                out.push_str("</ul>");
            }
            Block::Rule => out.push_str("<hr>"),
        }
    }
}

fn html_inlines(inlines: &[Inline], out: &mut String) {
    for inline in inlines {
        match inline {
            Inline::Text(text) => text_with_mentions(text, out),
            Inline::Code(code) => wrapped("code", |out| escape(code, out), out),
            Inline::Bold(inner) => wrapped("strong", |out| html_inlines(inner, out), out),
            Inline::Italic(inner) => wrapped("em", |out| html_inlines(inner, out), out),
            Inline::Struck(inner) => wrapped("del", |out| html_inlines(inner, out), out),
            Inline::Link(inner, target) => {
                let lower = target.to_ascii_lowercase();
                if lower.starts_with("https://") || lower.starts_with("http://") {
                    out.push_str("<a rel=\"noopener noreferrer nofollow\" href=\"");
                    escape(target, out);
                    out.push_str("\">");
                    html_inlines(inner, out);
                    out.push_str("</a>");
                } else {
                    html_inlines(inner, out);
                }
            }
        }
    }
}

fn wrapped(tag: &str, inside: impl FnOnce(&mut String), out: &mut String) {
    out.push_str(&format!("<{tag}>"));
    inside(out);
    out.push_str(&format!("</{tag}>"));
}

fn text_with_mentions(text: &str, out: &mut String) {
    let mut before = ' ';
    let mut rest = text;
    while let Some(mark) = rest.chars().next() {
        let name = if mark == '@' && !before.is_alphanumeric() {
            rest[1..]
                .find(|part: char| !part.is_ascii_alphanumeric() && !".-_".contains(part))
                .map_or(&rest[1..], |end| &rest[1..=end])
                .trim_end_matches(['.', '-', '_'])
        } else {
            ""
        };
        if name.is_empty() {
            if mark == '\n' {
                out.push_str("<br>");
            } else {
                escape(&rest[..mark.len_utf8()], out);
            }
            before = mark;
            rest = &rest[mark.len_utf8()..];
        } else {
            out.push_str("<span class=\"mention\">@");
            escape(name, out);
            out.push_str("</span>");
            before = 'a';
            rest = &rest[1 + name.len()..];
        }
    }
}

fn escape(text: &str, out: &mut String) {
    for mark in text.chars() {
        match mark {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            mark => out.push(mark),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_mentions(message: &str, expected: &[&str]) {
        assert_eq!(mentions(message), expected, "in {message:?}");
    }

    #[test]
    fn names_notify_outside_code_alone() {
        check_mentions("@alice", &["alice"]);
        check_mentions("**User**: @alice", &["alice"]);
        check_mentions("\\@alice", &["alice"]);
        check_mentions("> @alice", &["alice"]);
        check_mentions("<@alice>", &["alice"]);
        check_mentions("[@alice](https://example.com)", &["alice"]);
        check_mentions("`@alice`", &[]);
        check_mentions("```\n@alice\n```", &[]);
        check_mentions("    @alice", &[]);
        check_mentions("@\u{200b}alice", &[]);
        check_mentions("bob@example.com", &[]);
    }

    #[test]
    fn a_fence_behind_text_is_a_span_that_an_empty_line_ends() {
        check_mentions("**Reason**: ```\na\n@alice```", &[]);
        check_mentions("**Reason**: ```\na\n\n@alice hello```", &["alice"]);
        check_mentions("Reason:\n```\na\n\n@alice\n```", &[]);
        check_mentions("```\na\n```` \n@alice", &["alice"]);
        check_mentions("````\na\n```\n@alice\n````", &[]);
    }

    #[test]
    fn html_in_a_message_is_text() {
        assert_eq!(
            html("<b onclick='x'>&</b>"),
            "<p>&lt;b onclick=&#39;x&#39;&gt;&amp;&lt;/b&gt;</p>"
        );
        assert_eq!(html("[x](javascript:alert(1))"), "<p>x)</p>");
        assert_eq!(
            html("![x](https://a.example/\"b)"),
            "<p><a rel=\"noopener noreferrer nofollow\" href=\"https://a.example/&quot;b\">x</a></p>"
        );
    }

    #[test]
    fn the_usual_marks_are_shown() {
        assert_eq!(
            html("*new*\n**User**: `bob`\n~~old~~"),
            "<p><em>new</em><br><strong>User</strong>: <code>bob</code><br><del>old</del></p>"
        );
        assert_eq!(
            html("snake_case_name 2*3*4"),
            "<p>snake_case_name 2<em>3</em>4</p>"
        );
        assert_eq!(html("- a\n- b"), "<ul><li>a</li><li>b</li></ul>");
        assert_eq!(html("``` a ` b ```"), "<p><code>a ` b</code></p>");
        assert_eq!(html("unclosed ``` here"), "<p>unclosed ``` here</p>");
        assert_eq!(
            html("https://example.com/web/requests/1."),
            "<p><a rel=\"noopener noreferrer nofollow\" href=\"https://example.com/web/requests/1\">\
             https://example.com/web/requests/1</a>.</p>"
        );
    }

    #[test]
    fn no_text_is_too_strange_to_be_read() {
        let mut state = 7_u64;
        for _ in 0..5_000 {
            let mut text = String::new();
            for _ in 0..24 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let marks = [
                    '`', '*', '_', '~', '[', ']', '(', ')', '\\', '\n', ' ', '@', '#', '>', 'é', '🙂', '!',
                    'h',
                ];
                text.push(marks[usize::try_from(state >> 33).unwrap() % marks.len()]);
            }
            let _ = (html(&text), mentions(&text), hashtags(&text));
        }
    }
}
