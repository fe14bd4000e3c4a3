//! Templates that are text with facts in it and nothing else, filled in without an engine.
//!
//! `# Order {{ event.subject }}` and `{{ department }}`; whatever else minijinja knows is left to it, and so is
//! a value that is more than a line's worth (a list, a record, a measured number).

use std::fmt::Write as _;
use std::sync::Arc;

use super::NOT_KNOWN;
use crate::sight::{Places, Seen, Sight};
use crate::{Event, Value};

/// A template of this kind.
#[derive(Debug)]
pub(super) struct Plain {
    pieces: Vec<Piece>,
    reads: Places,
    by_department: bool,
    /// Roughly how long its text becomes, in bytes.
    length: usize,
}

#[derive(Debug)]
enum Piece {
    Text(Box<str>),
    /// An attribute, by its place among those read.
    Attribute(usize),
    Department,
}

impl Plain {
    /// The template, if it is of this kind.
    pub(super) fn parse(source: &str) -> Option<Self> {
        if source.contains("{%") || source.contains("{#") {
            return None;
        }
        let mut names: Vec<Arc<str>> = Vec::new();
        let mut parts = source.split("{{");
        let mut pieces = vec![Piece::Text(parts.next()?.into())];
        for part in parts {
            let (expression, text) = part.split_once("}}")?;
            let expression = expression.trim_matches([' ', '\t']);
            pieces.push(match expression.strip_prefix("event.") {
                Some(name) if is_name(name) => {
                    let known = names.iter().position(|known| **known == *name);
                    Piece::Attribute(known.unwrap_or_else(|| {
                        names.push(name.into());
                        names.len() - 1
                    }))
                }
                None if expression == "department" => Piece::Department,
                Some(_) | None => return None,
            });
            pieces.push(Piece::Text(text.into()));
        }
        let by_department = pieces.iter().any(|piece| matches!(piece, Piece::Department));
        let length = source.len() + 16 * names.len();
        Some(Self { pieces, reads: Places::new(names), by_department, length })
    }

    /// Whether departments read different texts.
    pub(super) fn by_department(&self) -> bool {
        self.by_department
    }

    /// The text; `None` where a value has to be written by minijinja.
    pub(super) fn render(&self, event: &Event, department: &str) -> Option<String> {
        let seen = self.reads.see(event);
        let mut text = String::with_capacity(self.length);
        for piece in &self.pieces {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::Department => text.push_str(department),
                Piece::Attribute(slot) => write(&seen, *slot, &mut text)?,
            }
        }
        Some(text)
    }
}

fn write(seen: &Seen<'_>, slot: usize, text: &mut String) -> Option<()> {
    match seen.at(slot) {
        Sight::Missing => text.push_str(NOT_KNOWN),
        Sight::Text(value) => text.push_str(value),
        Sight::Date(value) => text.push_str(value.as_str()),
        Sight::Int(value) => write!(text, "{value}").ok()?,
        Sight::Instant(value) => write!(text, "{value}").ok()?,
        Sight::Float(_) => match seen.fact(slot) {
            Some(Value::Decimal(value)) => write!(text, "{value}").ok()?,
            _ => return None,
        },
        Sight::Bool(_) | Sight::List(_) | Sight::Other => return None,
    }
    Some(())
}

fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}
