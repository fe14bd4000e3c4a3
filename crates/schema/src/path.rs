//! Where in an event something is wrong, such as `items[2].price`. Costs nothing until it is shown.

use std::fmt;

/// A way from the event's data down to one fact.
#[derive(Clone, Copy)]
pub(crate) enum Path<'a> {
    /// The data itself.
    Data,
    /// A member of a record.
    Member(&'a Path<'a>, &'a str),
    /// An item of a list, from 0.
    Item(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data => f.write_str("data"),
            Self::Member(Self::Data, name) => f.write_str(shown(name)),
            Self::Member(parent, name) => write!(f, "{parent}.{}", shown(name)),
            Self::Item(parent, position) => write!(f, "{parent}[{position}]"),
        }
    }
}

/// A name as it may be told: what a sender calls a member may be somebody's address, and as long as it likes.
pub(crate) fn shown(name: &str) -> &str {
    const LONGEST: usize = 64;
    let usual = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let told = name.len() <= LONGEST && !name.contains("..") && name.chars().all(usual);
    if told && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') { name } else { "?" }
}
