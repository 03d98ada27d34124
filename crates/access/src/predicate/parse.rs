//! From text to a tree, with the column of what is wrong.

use super::{Names, Type};

/// Longest predicate, in bytes.
const TEXT_MAX: usize = 8192;
/// Deepest nesting.
const DEPTH_MAX: usize = 64;

/// Why a text is no predicate here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem} at column {column}")]
pub struct ParseError {
    /// What is wrong, and with what.
    pub problem: String,
    /// Where, counted from 1 in characters.
    pub column: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    Text(String),
    Integer(i64),
    Bool(bool),
    Name(&'static str),
    Key(Box<Node>, Box<Node>),
    Not(Box<Node>),
    /// All of them hold. A list, so that a long chain is no deep tree.
    And(Vec<Node>),
    /// One of them holds.
    Or(Vec<Node>),
    Equal(Box<Node>, Box<Node>),
    Call(Function, Vec<Node>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    Equals,
    Contains,
    RegexpMatch,
    AllEndWith,
    AllEqual,
    IsSubset,
    ContainsAny,
    ContainsAll,
    RegexpReplace,
    EmailLocal,
    Upper,
    Lower,
    LabelsMatching,
    Exists,
    HasPrefix,
    Split,
    Search,
}

/// How a function is called.
struct Signature {
    name: &'static str,
    function: Function,
    least: usize,
    most: usize,
    gives: Type,
    /// The name without which the function does not exist either.
    beside: Option<&'static str>,
}

const fn signature(
    name: &'static str,
    function: Function,
    (least, most): (usize, usize),
    gives: Type,
    beside: Option<&'static str>,
) -> Signature {
    Signature {
        name,
        function,
        least,
        most,
        gives,
        beside,
    }
}

/// Beside what the functions over labels stand.
const LABELS: Option<&str> = Some("labels");
/// Beside what the functions of queries stand.
const QUERY: Option<&str> = Some("name");

const FUNCTIONS: &[Signature] = &[
    signature("equals", Function::Equals, (2, 2), Type::Bool, None),
    signature("contains", Function::Contains, (2, 2), Type::Bool, None),
    signature("regexp.match", Function::RegexpMatch, (2, 2), Type::Bool, None),
    signature("all_end_with", Function::AllEndWith, (2, 2), Type::Bool, None),
    signature("all_equal", Function::AllEqual, (2, 2), Type::Bool, None),
    signature("is_subset", Function::IsSubset, (2, 64), Type::Bool, None),
    signature("contains_any", Function::ContainsAny, (2, 2), Type::Bool, LABELS),
    signature("contains_all", Function::ContainsAll, (2, 2), Type::Bool, LABELS),
    signature(
        "regexp.replace",
        Function::RegexpReplace,
        (3, 3),
        Type::List,
        LABELS,
    ),
    signature("email.local", Function::EmailLocal, (1, 1), Type::List, LABELS),
    signature("strings.upper", Function::Upper, (1, 1), Type::List, LABELS),
    signature("strings.lower", Function::Lower, (1, 1), Type::List, LABELS),
    signature(
        "labels_matching",
        Function::LabelsMatching,
        (1, 1),
        Type::List,
        LABELS,
    ),
    signature("exists", Function::Exists, (1, 1), Type::Bool, QUERY),
    signature("hasPrefix", Function::HasPrefix, (2, 2), Type::Bool, QUERY),
    signature("split", Function::Split, (2, 2), Type::List, QUERY),
    signature("search", Function::Search, (1, 64), Type::Bool, QUERY),
];

struct Parser<'a> {
    text: &'a str,
    at: usize,
    names: Names,
    depth: usize,
}

pub fn parse(text: &str, names: Names) -> Result<Node, ParseError> {
    let mut parser = Parser {
        text,
        at: 0,
        names,
        depth: 0,
    };
    if text.len() > TEXT_MAX {
        return Err(parser.error(format!("the predicate is longer than {TEXT_MAX} bytes")));
    }
    let (node, kind) = parser.or()?;
    parser.skip_space();
    if parser.at < text.len() {
        let rest: String = parser.rest().chars().take(12).collect();
        return Err(parser.error(format!("`{rest}` is not expected")));
    }
    if kind != Type::Bool {
        parser.at = 0;
        return Err(parser.error("the predicate is not a yes-or-no question"));
    }
    Ok(node)
}

type Typed = (Node, Type);

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn error(&self, problem: impl Into<String>) -> ParseError {
        ParseError {
            problem: problem.into(),
            column: self.text[..self.at].chars().count() + 1,
        }
    }

    fn skip_space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn eat(&mut self, token: &str) -> bool {
        self.skip_space();
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn expect(&mut self, token: &str) -> Result<(), ParseError> {
        if self.eat(token) {
            Ok(())
        } else {
            Err(self.error(format!("`{token}` is missing")))
        }
    }

    fn or(&mut self) -> Result<Typed, ParseError> {
        self.joined("||", Self::and, Node::Or)
    }

    fn and(&mut self) -> Result<Typed, ParseError> {
        self.joined("&&", Self::comparison, Node::And)
    }

    fn joined(
        &mut self,
        operator: &str,
        next: fn(&mut Self) -> Result<Typed, ParseError>,
        join: fn(Vec<Node>) -> Node,
    ) -> Result<Typed, ParseError> {
        let (first, mut kind) = next(self)?;
        let mut nodes = vec![first];
        while self.eat(operator) {
            let here = self.at;
            let (node, right) = next(self)?;
            if kind != Type::Bool || right != Type::Bool {
                self.at = here;
                return Err(self.error(format!("both sides of `{operator}` must be yes-or-no questions")));
            }
            kind = Type::Bool;
            nodes.push(node);
        }
        Ok(match (nodes.len(), nodes.pop()) {
            (1, Some(only)) => (only, kind),
            (_, last) => {
                nodes.extend(last);
                (join(nodes), kind)
            }
        })
    }

    fn comparison(&mut self) -> Result<Typed, ParseError> {
        let left = self.unary()?;
        let negated = if self.eat("==") {
            false
        } else if self.eat("!=") {
            true
        } else {
            return Ok(left);
        };
        let here = self.at;
        let right = self.unary()?;
        if left.1 != right.1 || !matches!(left.1, Type::Text | Type::Integer) {
            self.at = here;
            return Err(self.error("`==` and `!=` compare two texts or two numbers"));
        }
        let equal = Node::Equal(Box::new(left.0), Box::new(right.0));
        Ok((
            if negated {
                Node::Not(Box::new(equal))
            } else {
                equal
            },
            Type::Bool,
        ))
    }

    fn unary(&mut self) -> Result<Typed, ParseError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.error(format!("the predicate is nested deeper than {DEPTH_MAX}")));
        }
        self.skip_space();
        let typed = if self.rest().starts_with('!') && !self.rest().starts_with("!=") {
            self.at += 1;
            let here = self.at;
            let (inner, kind) = self.unary()?;
            if kind != Type::Bool {
                self.at = here;
                return Err(self.error("`!` turns a yes-or-no question"));
            }
            (Node::Not(Box::new(inner)), Type::Bool)
        } else {
            self.primary()?
        };
        self.depth -= 1;
        Ok(typed)
    }

    fn primary(&mut self) -> Result<Typed, ParseError> {
        self.skip_space();
        let start = self.at;
        match self.rest().chars().next() {
            None => Err(self.error("something is missing at the end")),
            Some('(') => {
                self.at += 1;
                let inner = self.or()?;
                self.expect(")")?;
                Ok(inner)
            }
            Some('"' | '`') => Ok((Node::Text(self.quoted()?), Type::Text)),
            Some(c) if c.is_ascii_digit() || c == '-' => {
                let length = self
                    .rest()
                    .char_indices()
                    .skip(1)
                    .find(|(_, c)| !c.is_ascii_digit())
                    .map_or(self.rest().len(), |(at, _)| at);
                let number = self.rest()[..length]
                    .parse()
                    .map_err(|_| self.error("the number is not usable"))?;
                self.at += length;
                Ok((Node::Integer(number), Type::Integer))
            }
            Some(c) if c.is_ascii_alphabetic() || c == '_' => self.name_or_call(start),
            Some(c) => Err(self.error(format!("`{c}` is not expected"))),
        }
    }

    fn name_or_call(&mut self, start: usize) -> Result<Typed, ParseError> {
        let mut path = self.word();
        if path == "true" || path == "false" {
            return Ok((Node::Bool(path == "true"), Type::Bool));
        }
        while self.known(&path).is_none() && self.rest().starts_with('.') {
            self.at += 1;
            path.push('.');
            path.push_str(&self.word());
        }
        if self.eat("(") {
            return self.call(&path, start);
        }
        let Some((name, kind)) = self.known(&path) else {
            self.at = start;
            return Err(self.error(format!("`{path}` does not exist here")));
        };
        self.keyed(Node::Name(name), kind)
    }

    /// `m["k"]` and `m.k` after a map.
    fn keyed(&mut self, node: Node, kind: Type) -> Result<Typed, ParseError> {
        let here = self.at;
        let key = if self.eat("[") {
            let (key, key_kind) = self.or()?;
            self.expect("]")?;
            if key_kind != Type::Text {
                self.at = here;
                return Err(self.error("a key is a text"));
            }
            key
        } else if self.rest().starts_with('.') {
            self.at += 1;
            Node::Text(self.word())
        } else {
            return Ok((node, kind));
        };
        let found = match kind {
            Type::Map => Type::List,
            Type::Labels => Type::Text,
            _ => {
                self.at = here;
                return Err(self.error("only maps have keys"));
            }
        };
        Ok((Node::Key(Box::new(node), Box::new(key)), found))
    }

    fn call(&mut self, name: &str, start: usize) -> Result<Typed, ParseError> {
        let mut arguments = Vec::new();
        if !self.eat(")") {
            loop {
                arguments.push(self.or()?.0);
                if !self.eat(",") {
                    break;
                }
            }
            self.expect(")")?;
        }
        let found = FUNCTIONS.iter().find(|signature| {
            signature.name == name && signature.beside.is_none_or(|beside| self.known(beside).is_some())
        });
        let Some(signature) = found else {
            self.at = start;
            return Err(self.error(format!("the function `{name}` does not exist")));
        };
        let least = signature.least;
        if !(least..=signature.most).contains(&arguments.len()) {
            self.at = start;
            let given = arguments.len();
            return Err(self.error(format!("`{name}` takes {least} arguments, not {given}")));
        }
        Ok((Node::Call(signature.function, arguments), signature.gives))
    }

    fn known(&self, path: &str) -> Option<(&'static str, Type)> {
        self.names.iter().copied().find(|(name, _)| *name == path)
    }

    fn word(&mut self) -> String {
        let rest = self.rest();
        let length = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        self.at += length;
        rest[..length].to_owned()
    }

    fn quoted(&mut self) -> Result<String, ParseError> {
        let open = self.at;
        let raw = self.rest().starts_with('`');
        self.at += 1;
        let mut text = String::new();
        let mut characters = self.rest().char_indices();
        while let Some((offset, character)) = characters.next() {
            match character {
                '`' if raw => {
                    self.at += offset + 1;
                    return Ok(text);
                }
                '"' if !raw => {
                    self.at += offset + 1;
                    return Ok(text);
                }
                '\\' if !raw => match characters.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, 't')) => text.push('\t'),
                    Some((_, 'r')) => text.push('\r'),
                    Some((_, other @ ('\\' | '"' | '\''))) => text.push(other),
                    _ => {
                        self.at += offset;
                        return Err(self.error("the escape does not exist"));
                    }
                },
                other => text.push(other),
            }
        }
        self.at = open;
        Err(self.error("the quote is not closed"))
    }
}
