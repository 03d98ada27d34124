//! From text to a tree in which every value is of the right type, with the column of what is wrong.

use super::functions::Function;
use super::{NAMES, Name, Type};

/// Longest condition, in bytes.
const TEXT_MAX: usize = 8192;
/// Deepest nesting.
const DEPTH_MAX: usize = 64;

/// Why a text is no condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem} at column {column}")]
pub struct ParseError {
    /// What is wrong, and with what.
    pub problem: String,
    /// Where, counted from 1 in characters.
    pub column: usize,
}

/// A part of a condition.
#[derive(Debug, Clone)]
pub enum Node {
    Text(String),
    Bool(bool),
    Name(Name),
    Key(Box<Node>, Box<Node>),
    Not(Box<Node>),
    And(Vec<Node>),
    Or(Vec<Node>),
    Equal(Box<Node>, Box<Node>),
    Call(Function, Vec<Node>),
}

type Typed = (Node, Type);

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

/// Parses a whole condition.
pub fn parse(text: &str) -> Result<Node, ParseError> {
    let mut parser = Parser {
        text,
        at: 0,
        depth: 0,
    };
    if text.len() > TEXT_MAX {
        return Err(parser.error(format!("the condition is longer than {TEXT_MAX} bytes")));
    }
    let (node, kind) = parser.or()?;
    parser.skip_space();
    if parser.at < text.len() {
        let rest: String = parser.rest().chars().take(12).collect();
        return Err(parser.error(format!("`{rest}` is not expected")));
    }
    if kind != Type::Bool {
        parser.at = 0;
        return Err(parser.error("the condition is not a yes-or-no question"));
    }
    Ok(node)
}

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

    fn error_at<T>(&mut self, at: usize, problem: impl Into<String>) -> Result<T, ParseError> {
        self.at = at;
        Err(self.error(problem))
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
            return Ok(());
        }
        Err(self.error(format!("`{token}` is missing")))
    }

    fn or(&mut self) -> Result<Typed, ParseError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.error(format!("the condition is nested deeper than {DEPTH_MAX}")));
        }
        let typed = self.joined("||", Self::and, Node::Or)?;
        self.depth -= 1;
        Ok(typed)
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
        let (first, kind) = next(self)?;
        let mut nodes = vec![first];
        let mut is_question = kind == Type::Bool;
        while self.eat(operator) {
            let here = self.at;
            let (node, right) = next(self)?;
            is_question &= right == Type::Bool;
            if !is_question {
                return self.error_at(
                    here,
                    format!("both sides of `{operator}` must be yes-or-no questions"),
                );
            }
            nodes.push(node);
        }
        if nodes.len() > 1 {
            return Ok((join(nodes), Type::Bool));
        }
        match nodes.pop() {
            Some(only) => Ok((only, kind)),
            None => Err(self.error("something is missing")),
        }
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
        if left.1 != Type::Text || right.1 != Type::Text {
            return self.error_at(here, "`==` and `!=` compare two texts");
        }
        let equal = Node::Equal(Box::new(left.0), Box::new(right.0));
        let node = if negated {
            Node::Not(Box::new(equal))
        } else {
            equal
        };
        Ok((node, Type::Bool))
    }

    fn unary(&mut self) -> Result<Typed, ParseError> {
        self.skip_space();
        let mut negations = 0;
        let here = self.at;
        while self.rest().starts_with('!') && !self.rest().starts_with("!=") {
            self.at += 1;
            self.skip_space();
            negations += 1;
        }
        let (node, kind) = self.postfix()?;
        if negations > 0 && kind != Type::Bool {
            return self.error_at(here, "`!` turns a yes-or-no question");
        }
        if negations % 2 == 1 {
            return Ok((Node::Not(Box::new(node)), kind));
        }
        Ok((node, kind))
    }

    /// A value, and what is asked of it: methods and keys.
    fn postfix(&mut self) -> Result<Typed, ParseError> {
        let (mut node, mut kind) = self.primary()?;
        loop {
            self.skip_space();
            let here = self.at;
            if self.eat("[") {
                let (key, key_kind) = self.or()?;
                self.expect("]")?;
                if kind != Type::Map || key_kind != Type::Text {
                    return self.error_at(here, "only maps have keys, and a key is a text");
                }
                node = Node::Key(Box::new(node), Box::new(key));
                kind = Type::Set;
            } else if self.eat(".") {
                let word = self.word();
                if self.eat("(") {
                    let Some(method) = Function::method(&word) else {
                        return self.error_at(here + 1, format!("the method `{word}` does not exist"));
                    };
                    (node, kind) = self.call(method, &word, vec![(node, kind)], here + 1)?;
                } else if kind == Type::Map && !word.is_empty() {
                    node = Node::Key(Box::new(node), Box::new(Node::Text(word)));
                    kind = Type::Set;
                } else {
                    return self.error_at(here, "only maps have keys");
                }
            } else {
                return Ok((node, kind));
            }
        }
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
            Some(letter) if letter.is_ascii_alphabetic() || letter == '_' => self.name_or_call(start),
            Some(other) => Err(self.error(format!("`{other}` is not expected"))),
        }
    }

    fn name_or_call(&mut self, start: usize) -> Result<Typed, ParseError> {
        let mut path = self.word();
        if path == "true" || path == "false" {
            return Ok((Node::Bool(path == "true"), Type::Bool));
        }
        loop {
            if let Some((_, name, kind)) = NAMES.iter().find(|(known, ..)| *known == path) {
                return Ok((Node::Name(*name), *kind));
            }
            if !self.rest().starts_with('.') {
                break;
            }
            self.at += 1;
            path.push('.');
            path.push_str(&self.word());
        }
        if !self.eat("(") {
            return self.error_at(start, format!("`{path}` does not exist here"));
        }
        match Function::of(&path) {
            Some(function) => self.call(function, &path, Vec::new(), start),
            None => self.error_at(start, format!("the function `{path}` does not exist")),
        }
    }

    /// The arguments after an opened parenthesis.
    fn call(
        &mut self,
        function: Function,
        name: &str,
        mut given: Vec<Typed>,
        start: usize,
    ) -> Result<Typed, ParseError> {
        if !self.eat(")") {
            loop {
                given.push(self.or()?);
                if !self.eat(",") {
                    break;
                }
            }
            self.expect(")")?;
        }
        let (nodes, types): (Vec<Node>, Vec<Type>) = given.into_iter().unzip();
        match function.gives(&types) {
            Some(kind) => Ok((Node::Call(function, nodes), kind)),
            None => self.error_at(start, format!("`{name}` is not for these values")),
        }
    }

    fn word(&mut self) -> String {
        let rest = self.rest();
        let length = rest
            .find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
            .unwrap_or(rest.len());
        self.at += length;
        rest[..length].to_owned()
    }

    fn quoted(&mut self) -> Result<String, ParseError> {
        let open = self.at;
        let raw = self.rest().starts_with('`');
        self.at += 1;
        let mut text = String::new();
        let mut letters = self.rest().char_indices();
        while let Some((offset, letter)) = letters.next() {
            match letter {
                '`' if raw => {
                    self.at += offset + 1;
                    return Ok(text);
                }
                '"' if !raw => {
                    self.at += offset + 1;
                    return Ok(text);
                }
                '\\' if !raw => match letters.next() {
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
        self.error_at(open, "the quote is not closed")
    }
}
