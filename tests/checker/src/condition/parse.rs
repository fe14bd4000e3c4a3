//! The text of a condition to its terms. Refuses all of CEL that [`Term`] has no place for.

use super::{Comparison, Term};

/// A word of the language.
#[derive(Clone, Debug, PartialEq)]
enum Word {
    Name(String),
    Text(String),
    Long(i64),
    Double(f64),
    Sign(&'static str),
}

/// Longer ones first, so that `<=` is not taken for `<`.
const SIGNS: [&str; 16] =
    ["&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "(", ")", "[", "]", ",", ".", "-"];

/// Reads a condition.
///
/// # Errors
/// What of it is not known here.
pub fn parse(text: &str) -> Result<Term, String> {
    let mut words = Words { words: words(text)?, next: 0 };
    let term = words.or()?;
    match words.peek() {
        None => Ok(term),
        Some(word) => Err(format!("{word:?} is not expected after a whole condition")),
    }
}

fn words(text: &str) -> Result<Vec<Word>, String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if first.is_ascii_alphabetic() || first == '_' {
            let length = run(rest, |one| one.is_ascii_alphanumeric() || one == '_');
            words.push(Word::Name(rest[..length].to_owned()));
            length
        } else if first.is_ascii_digit() {
            let length = run(rest, |one| one.is_ascii_alphanumeric() || one == '.');
            words.push(number(&rest[..length])?);
            length
        } else if first == '\'' || first == '"' {
            let (text, length) = quoted(rest, first)?;
            words.push(Word::Text(text));
            length
        } else {
            let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
            let sign = sign.ok_or_else(|| format!("`{first}` is not known here"))?;
            words.push(Word::Sign(sign));
            sign.len()
        };
        rest = rest[length..].trim_start();
    }
    Ok(words)
}

fn run(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|one| !belongs(one)).unwrap_or(text.len())
}

fn number(text: &str) -> Result<Word, String> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let read = if text.contains('.') {
        text.parse().ok().map(Word::Double)
    } else {
        text.parse().ok().map(Word::Long)
    };
    read.filter(|_| plain).ok_or_else(|| format!("the number `{text}` is not known here"))
}

/// The text in quotes, and how much of the condition it takes.
fn quoted(rest: &str, quote: char) -> Result<(String, usize), String> {
    let mut text = String::new();
    let mut escaped = false;
    for (place, one) in rest.char_indices().skip(1) {
        match one {
            '\\' | '\'' | '"' if escaped => text.push(one),
            _ if escaped => return Err(format!("the escape `\\{one}` is not known here")),
            '\\' => {}
            _ if one == quote => return Ok((text, place + 1)),
            _ => text.push(one),
        }
        escaped = one == '\\' && !escaped;
    }
    Err("a text without its end".to_owned())
}

struct Words {
    words: Vec<Word>,
    next: usize,
}

impl Words {
    fn peek(&self) -> Option<&Word> {
        self.words.get(self.next)
    }

    fn take(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Some(Word::Sign(next)) if *next == sign);
        self.next += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &str) -> Result<(), String> {
        if self.take(sign) { Ok(()) } else { Err(format!("`{sign}` is missing before {:?}", self.peek())) }
    }

    fn or(&mut self) -> Result<Term, String> {
        let mut term = self.and()?;
        while self.take("||") {
            term = Term::Or(Box::new(term), Box::new(self.and()?));
        }
        Ok(term)
    }

    fn and(&mut self) -> Result<Term, String> {
        let mut term = self.relation()?;
        while self.take("&&") {
            term = Term::And(Box::new(term), Box::new(self.relation()?));
        }
        Ok(term)
    }

    fn relation(&mut self) -> Result<Term, String> {
        let mut term = self.unary()?;
        loop {
            let how = match self.peek() {
                Some(Word::Sign("==")) => Comparison::Equal,
                Some(Word::Sign("!=")) => Comparison::Unequal,
                Some(Word::Sign("<")) => Comparison::Less,
                Some(Word::Sign("<=")) => Comparison::AtMost,
                Some(Word::Sign(">")) => Comparison::Greater,
                Some(Word::Sign(">=")) => Comparison::AtLeast,
                Some(Word::Name(name)) if name == "in" => {
                    self.next += 1;
                    term = Term::In(Box::new(term), Box::new(self.unary()?));
                    continue;
                }
                Some(_) | None => return Ok(term),
            };
            self.next += 1;
            term = Term::Compare(how, Box::new(term), Box::new(self.unary()?));
        }
    }

    fn unary(&mut self) -> Result<Term, String> {
        if self.take("!") {
            return Ok(Term::Not(Box::new(self.unary()?)));
        }
        if self.take("-") {
            return match self.unary()? {
                Term::Long(number) => Ok(Term::Long(-number)),
                Term::Double(number) => Ok(Term::Double(-number)),
                _ => Err("`-` before anything but a number is not known here".to_owned()),
            };
        }
        let mut term = self.primary()?;
        loop {
            if self.take(".") {
                let Some(Word::Name(name)) = self.peek().cloned() else {
                    return Err("a name is missing after `.`".to_owned());
                };
                self.next += 1;
                if self.take("(") {
                    self.expect(")")
                        .ok()
                        .filter(|()| name == "size")
                        .ok_or(format!("`{name}` is not known here"))?;
                    term = Term::Size(Box::new(term));
                } else {
                    term = Term::Member(Box::new(term), name);
                }
            } else if self.take("[") {
                let place = self.or()?;
                self.expect("]")?;
                term = Term::Item(Box::new(term), Box::new(place));
            } else {
                return Ok(term);
            }
        }
    }

    fn primary(&mut self) -> Result<Term, String> {
        let word = self.peek().cloned().ok_or("the condition ends too early")?;
        self.next += 1;
        Ok(match word {
            Word::Text(text) => Term::Text(text),
            Word::Long(number) => Term::Long(number),
            Word::Double(number) => Term::Double(number),
            Word::Sign("(") => {
                let term = self.or()?;
                self.expect(")")?;
                term
            }
            Word::Sign("[") => {
                let mut items = Vec::new();
                while !self.take("]") {
                    items.push(self.or()?);
                    if !self.take(",") {
                        self.expect("]")?;
                        break;
                    }
                }
                Term::List(items)
            }
            Word::Sign(sign) => return Err(format!("`{sign}` is not expected here")),
            Word::Name(name) => match name.as_str() {
                "true" => Term::Bool(true),
                "false" => Term::Bool(false),
                "event" => {
                    self.expect(".")?;
                    let Some(Word::Name(name)) = self.peek().cloned() else {
                        return Err("a name is missing after `event.`".to_owned());
                    };
                    self.next += 1;
                    Term::Attribute(name)
                }
                "has" | "size" => {
                    self.expect("(")?;
                    let argument = Box::new(self.or()?);
                    self.expect(")")?;
                    match (name.as_str(), &*argument) {
                        ("size", _) => Term::Size(argument),
                        (_, Term::Attribute(_) | Term::Member(..)) => Term::Has(argument),
                        (_, _) => return Err("`has` asks for a name after a point".to_owned()),
                    }
                }
                name => return Err(format!("`{name}` is not known here")),
            },
        })
    }
}
