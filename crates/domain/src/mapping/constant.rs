//! What an expression gives on any row, as far as it can be seen without one: so that a word that no fact has is told when a
//! mapping is read, and not found later as `other`.

use std::cell::Cell;

use jiff::tz::TimeZone;

use super::fit::{Fitting, fit};
use crate::{Expression, Kind, Unknown, Value};

/// Why what an expression gives can never be what its fact is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// A word that is none of the symbol's.
    Word(String),
    /// Something of another kind; says what was expected.
    Kind(String),
    /// It cannot be computed.
    Failed(String),
}

/// What is wrong with an expression as that of a fact of this kind, whatever the row; `None` where only a row can show it.
pub fn unfit(expression: &Expression, kind: &Kind, zone: &TimeZone) -> Option<Unfit> {
    expression.constants().into_iter().find_map(|constant| match constant {
        Ok(value) => wrong(value, kind, zone),
        Err(Unknown::Failed(why)) => Some(Unfit::Failed(why)),
        Err(Unknown::Missing(_)) => None,
    })
}

fn wrong(value: Value, kind: &Kind, zone: &TimeZone) -> Option<Unfit> {
    if let Kind::Symbol { symbols, .. } = kind {
        return match value {
            Value::Text(text) if symbols.contains(&text) => None,
            Value::Text(text) => Some(Unfit::Word(text.to_string())),
            _ => Some(Unfit::Kind("expected text".to_owned())),
        };
    }
    let fell_back = Cell::new(false);
    match fit(value, kind, Fitting { zone, fell_back: &fell_back }) {
        Err(why) => Some(Unfit::Kind(why)),
        Ok(_) if fell_back.get() => {
            Some(Unfit::Kind("a word in it is none of those that there are".to_owned()))
        }
        Ok(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_expression_always_gives_is_held_against_its_fact() {
        let channel = Kind::Symbol { symbols: vec!["web".into(), "other".into()], fallback: "other".into() };
        let channels = Kind::List(Box::new(channel.clone()));
        let money = Kind::Decimal { scale: 2 };
        let check =
            |source: &str, kind: &Kind| unfit(&Expression::parse(source).unwrap(), kind, &TimeZone::UTC);
        let word = |word: &str| Some(Unfit::Word(word.to_owned()));
        assert_eq!(check("'web'", &channel), None);
        assert_eq!(check("'other'", &channel), None);
        assert_eq!(check("row.channel", &channel), None);
        assert_eq!(check("'wbe'", &channel), word("wbe"));
        assert_eq!(check("'w' + 'be'", &channel), word("wbe"));
        assert_eq!(check("row.x == 'wbe' ? 'web' : row.y ? 'other' : 'wbe'", &channel), word("wbe"));
        assert_eq!(check("row.x == 'wbe' ? 'web' : row.channel", &channel), None);
        assert!(matches!(check("1 + 2", &channel), Some(Unfit::Kind(_))));
        assert!(matches!(check("['web', 'wbe']", &channels), Some(Unfit::Kind(_))));
        assert_eq!(check("['web']", &channels), None);
        assert_eq!(check("'12.50'", &money), None);
        assert!(matches!(check("'much'", &money), Some(Unfit::Kind(_))));
        assert!(matches!(check("1 / 0", &money), Some(Unfit::Failed(_))));
    }
}
