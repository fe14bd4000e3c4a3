//! The forms of a policy's files: which keys there are, what stands under them, and which must be there.
//!
//! One table for each file, next to what reads it. It serves twice: [`read`] checks a file against it and
//! notes everything that is wrong at once, and [`crate::editor`] writes it as a JSON Schema, so that editors
//! know the same keys.

use hinge_domain::nearest;
use serde_saphyr::Spanned;

use crate::diagnostic::Page;
use crate::place::Place;
use crate::yaml::{self, Node, Yaml};

/// The form of a record: a file as a whole, or one entry of it.
pub(crate) struct Form {
    /// What it is, with its article: `a rule`.
    pub(crate) what: &'static str,
    /// What it is for.
    pub(crate) doc: &'static str,
    /// Its keys, in the order in which people write them.
    pub(crate) keys: &'static [Key],
}

/// A key of a record.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) holds: Holds,
    /// Whether it must be there.
    pub(crate) must: bool,
    /// What it means.
    pub(crate) doc: &'static str,
}

/// What stands under a key.
#[derive(Clone, Copy)]
pub(crate) enum Holds {
    /// Text.
    Text,
    /// A whole number in this range.
    Whole(i64, i64),
    /// `true` or `false`.
    Flag,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// One of these words; what reads it says what is wrong with another.
    Known(&'static [&'static str]),
    /// Text, for which a number or `true` may stand as it is written: expressions, names that others chose.
    Plain,
    /// Expressions by names that are known elsewhere.
    Expressions,
    /// A text, or a list of texts.
    Texts,
    /// A list.
    List(&'static Holds),
    /// A record.
    Record(&'static Form),
    /// A text, or a record.
    TextOr(&'static Form),
    /// Records by names that the organisation chooses.
    Named(&'static Form),
    /// Values by names that are known elsewhere, such as facts.
    Values,
}

impl Key {
    /// What it means, with its name.
    fn help(&self) -> String {
        format!("`{}`: {}", self.name, self.doc)
    }

    /// A key that must be there.
    pub(crate) const fn must(name: &'static str, holds: Holds, doc: &'static str) -> Self {
        Self { name, holds, must: true, doc }
    }

    /// A key that may be left out.
    pub(crate) const fn may(name: &'static str, holds: Holds, doc: &'static str) -> Self {
        Self { name, holds, must: false, doc }
    }
}

/// Reads a file of this form and notes everything about its form that is wrong. What it gives has what is
/// right; the rest is as if it were not there.
pub(crate) fn read(page: &mut Page<'_>, form: &Form) -> Option<Yaml> {
    read_as(page, |_| (form, Vec::new()))
}

/// Reads a file whose form depends on what it says. With the form come the keys that the caller tells of: those that
/// the form does not have, or whose absence it has its own words for.
pub(crate) fn read_as<'f>(
    page: &mut Page<'_>,
    form: impl FnOnce(&Yaml) -> (&'f Form, Vec<&'static str>),
) -> Option<Yaml> {
    let node = yaml::read(page)?;
    let (form, told) = form(&node.value);
    // Where a file ends is no place to show.
    if matches!(node.value, Yaml::Null) {
        let key = form.keys.iter().find(|key| key.must).map_or("", |key| key.name);
        page.note(
            "key-missing",
            Place::FILE,
            "the file is empty".into(),
            &format!("write `{key}:` and what belongs to it"),
        );
        return None;
    }
    record_but(page, &node, form, &told);
    Some(node.value)
}

/// Whether a record says something under a key of its form, be it wrong, or the key misspelt, which are noted.
pub(crate) fn says(record: &Yaml, form: &Form, key: &str) -> bool {
    record.get(key).is_some() || is_misspelt(record.entries(), form, key)
}

fn is_misspelt(entries: &[(Node, Node)], form: &Form, key: &str) -> bool {
    let unknown = entries.iter().filter_map(|(name, _)| name.value.text());
    let mut unknown = unknown.filter(|name| !form.keys.iter().any(|key| key.name == *name));
    unknown.any(|name| nearest(name, form.keys.iter().map(|key| key.name)) == Some(key))
}

fn record(page: &mut Page<'_>, node: &Node, form: &Form) {
    record_but(page, node, form, &[]);
}

/// Checks a record, except for what is told elsewhere about these keys.
fn record_but(page: &mut Page<'_>, node: &Node, form: &Form, told: &[&str]) {
    let entries = match &node.value {
        Yaml::Map(entries) => entries.as_slice(),
        Yaml::Null if !form.keys.iter().any(|key| key.must) => return,
        other => {
            let names: Vec<&str> = form.keys.iter().map(|key| key.name).collect();
            let message = format!("{} must be a record of names and values, not {}", form.what, other.name());
            let help = format!("write `name: value` for each of its keys: {}", names.join(", "));
            page.note("value-invalid", yaml::whole(page.text, node), message, &help);
            return;
        }
    };
    let mut seen: Vec<&str> = Vec::new();
    for (name, value) in entries {
        let Some(text) = name.value.text() else {
            let message = format!("{} is no name", name.value.name());
            page.note("key-unknown", name, message, &keys_help(form));
            continue;
        };
        let Some(key) = form.keys.iter().find(|key| key.name == text) else {
            if told.contains(&text) {
                continue;
            }
            let message = format!("{} has no `{text}`", form.what);
            let meant = nearest(text, form.keys.iter().map(|key| key.name));
            page.note("key-unknown", name, message, &keys_help(form)).suggestion = meant.map(str::to_owned);
            continue;
        };
        if seen.contains(&text) {
            let message = format!("`{text}` is said twice");
            page.note("name-duplicate", name, message, "keep one of the two");
            continue;
        }
        seen.push(text);
        let nothing = matches!(value.value, Yaml::Null);
        if nothing && key.must && !told.contains(&text) {
            let message = format!("nothing stands under `{text}`");
            page.note("key-missing", name, message, &key.help());
        } else if !nothing {
            check(page, value, key.holds, key);
        }
    }
    for key in form.keys.iter().filter(|key| key.must && !seen.contains(&key.name)) {
        // A key that is only misspelt is told already.
        if told.contains(&key.name) || is_misspelt(entries, form, key.name) {
            continue;
        }
        let place = entries.first().map_or(node.into(), |(name, _)| Place::from(name));
        page.note("key-missing", place, format!("{} needs `{}`", form.what, key.name), &key.help());
    }
}

fn keys_help(form: &Form) -> String {
    let names: Vec<&str> = form.keys.iter().map(|key| key.name).collect();
    format!("its keys are {}", names.join(", "))
}

fn check(page: &mut Page<'_>, node: &Node, holds: Holds, key: &Key) {
    match (holds, &node.value) {
        (Holds::Text | Holds::Texts | Holds::TextOr(_) | Holds::Known(_), Yaml::Text(_))
        | (Holds::Plain, Yaml::Text(_) | Yaml::Number(_) | Yaml::Bool(_))
        | (Holds::Flag, Yaml::Bool(_))
        | (Holds::Values, Yaml::Map(_)) => {}
        (Holds::Texts, Yaml::List(items)) => {
            for item in items {
                check(page, item, Holds::Text, key);
            }
        }
        (Holds::List(of), Yaml::List(items)) => {
            for item in items {
                check(page, item, *of, key);
            }
        }
        (Holds::Record(form), _) | (Holds::TextOr(form), Yaml::Map(_)) => record(page, node, form),
        (Holds::Named(form), Yaml::Map(entries)) => {
            names(page, entries);
            for (_, value) in entries {
                record(page, value, form);
            }
        }
        (Holds::Expressions, Yaml::Map(entries)) => {
            names(page, entries);
            for (name, value) in entries {
                if matches!(value.value, Yaml::Null | Yaml::List(_) | Yaml::Map(_)) {
                    let name_text = name.value.text().unwrap_or_default();
                    let message = format!("`{name_text}` must be an expression, not {}", value.value.name());
                    let (place, help) = match value.value {
                        Yaml::Null => (name.into(), "write a CEL expression, or leave the name out"),
                        _ => (yaml::whole(page.text, value), IN_QUOTES),
                    };
                    page.note("value-invalid", place, message, help);
                }
            }
        }
        (Holds::Whole(least, most), Yaml::Number(number)) => {
            if !number.parse().is_ok_and(|number: i64| (least..=most).contains(&number)) {
                let message = format!("`{}` cannot be {number}", key.name);
                let help = format!("write a whole number from {least} to {most}; {}", key.help());
                page.note("value-invalid", node, message, &help);
            }
        }
        (Holds::OneOf(words), Yaml::Text(text)) => {
            if !words.contains(&text.as_str()) {
                let meant = nearest(text, words.iter().copied()).map(str::to_owned);
                let message = format!("`{}` cannot be `{text}`", key.name);
                let help = format!("write one of {}; {}", words.join(", "), key.help());
                page.note("value-invalid", node, message, &help).suggestion = meant;
            }
        }
        (holds, other) => {
            let message = format!("`{}` must be {}, not {}", key.name, holds.name(), other.name());
            let quotes = match (holds, other) {
                (
                    Holds::Text | Holds::Texts | Holds::TextOr(_) | Holds::OneOf(_) | Holds::Known(_),
                    Yaml::Number(_) | Yaml::Bool(_),
                ) => "put it into quotes if text is meant; ",
                _ => "",
            };
            let place = yaml::whole(page.text, node);
            page.note("value-invalid", place, message, &format!("{quotes}{}", key.help()));
        }
    }
}

const IN_QUOTES: &str = "put a CEL expression that begins with a bracket into quotes, or write it on a line of its own after `|-`";

/// Names that the organisation chooses, or that are known elsewhere: each is text, and stands there once.
fn names(page: &mut Page<'_>, entries: &[(Node, Node)]) {
    let mut seen: Vec<&str> = Vec::new();
    for (name, _) in entries {
        match name.value.text() {
            None => {
                let message = format!("{} is no name", name.value.name());
                page.note("value-invalid", name, message, "put it into quotes if it is meant as a name");
            }
            Some(text) if seen.contains(&text) => {
                let message = format!("`{text}` is said twice");
                page.note("name-duplicate", name, message, "keep one of the two");
            }
            Some(text) => seen.push(text),
        }
    }
}

impl Holds {
    fn name(self) -> &'static str {
        match self {
            Self::Text | Self::Plain => "text",
            Self::Whole(..) => "a whole number",
            Self::Flag => "true or false",
            Self::OneOf(_) | Self::Known(_) => "one of a few words",
            Self::Texts => "one text or a list of them",
            Self::List(_) => "a list",
            Self::Record(_) => "a record",
            Self::TextOr(_) => "text or a record",
            Self::Named(_) | Self::Values | Self::Expressions => "a record of names and values",
        }
    }
}

/// A text that a form asks for: what is missing is noted already, so that something stands in for it.
pub(crate) fn or_unnamed(text: Option<Spanned<String>>, node: &Node) -> Spanned<String> {
    text.unwrap_or_else(|| Spanned::new("?".to_owned(), node.referenced, node.defined))
}
