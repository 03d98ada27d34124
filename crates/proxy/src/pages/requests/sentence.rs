//! Sentences with something else inside: a person, a role, a label. The words around it are ours, in the reader's
//! language and its order; what stands in a gap is shown as what it is.

/// A piece of a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Our own words.
    Words(String),
    /// Names of roles, logins or labels, each for itself.
    Chips(Vec<String>),
    /// A name of a person.
    Name(String),
}

/// What can stand in a gap.
#[derive(Debug, Clone)]
pub enum Gap {
    /// Words.
    Words(String),
    /// Names of roles, logins or labels.
    Chips(Vec<String>),
    /// A person.
    Name(String),
}

/// The pieces of `sentence`, whose gaps look like `{name}`. A gap that nobody fills says nothing.
pub fn pieces(sentence: &str, gaps: &[(&str, Gap)]) -> Vec<Piece> {
    let mut found = Vec::new();
    let mut rest = sentence;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else {
            break;
        };
        if !before.is_empty() {
            found.push(Piece::Words(before.to_owned()));
        }
        let filled = gaps.iter().find(|(known, _)| *known == name);
        match filled.map(|(_, gap)| gap.clone()) {
            Some(Gap::Words(words)) => found.push(Piece::Words(words)),
            Some(Gap::Chips(chips)) => found.push(Piece::Chips(chips)),
            Some(Gap::Name(name)) => found.push(Piece::Name(name)),
            None => {}
        }
        rest = after;
    }
    if !rest.is_empty() {
        found.push(Piece::Words(rest.to_owned()));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_stand_where_the_language_puts_them() {
        let gaps = [
            ("who", Gap::Name("bob".to_owned())),
            ("roles", Gap::Chips(vec!["dba".to_owned()])),
        ];
        assert_eq!(
            pieces("{who} asks for {roles}.", &gaps),
            [
                Piece::Name("bob".to_owned()),
                Piece::Words(" asks for ".to_owned()),
                Piece::Chips(vec!["dba".to_owned()]),
                Piece::Words(".".to_owned()),
            ]
        );
        assert_eq!(pieces("{nobody}", &gaps), []);
    }
}
