//! A YAML file as a tree in which everything has its place, so that one mistake does not hide the others.

use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;
use serde_saphyr::options::DuplicateKeyPolicy;

use crate::diagnostic::Page;
use crate::place::Place;

/// A value with its place.
pub(crate) type Node = Spanned<Yaml>;

/// A value, whatever it should have been.
#[derive(Clone, Debug)]
pub(crate) enum Yaml {
    Null,
    Bool(bool),
    /// A number, in the shortest form that says it.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

/// Reads a file; notes what is wrong if it is not YAML.
pub(crate) fn read(page: &mut Page<'_>) -> Option<Node> {
    // A key that is given twice is told with its place, and the rest is read. `on` is a key, not `true`.
    let options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        strict_booleans: true,
        // People are many; what a file may hold is bounded by its size.
        budget: serde_saphyr::budget! { max_nodes: 8_000_000, max_events: 16_000_000 },
        alias_limits: aliases(),
    };
    serde_saphyr::from_str_with_options(page.text, options).map_err(|error| page.not_yaml(&error)).ok()
}

/// How much aliases may add to a file. A few lines of aliases of aliases stand for more than any machine can hold.
fn aliases() -> serde_saphyr::options::AliasLimits {
    serde_saphyr::alias_limits! { max_total_replayed_events: 10_000 }
}

impl Yaml {
    /// What it is, for people.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a record",
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn items(&self) -> &[Node] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    pub(crate) fn entries(&self) -> &[(Node, Node)] {
        match self {
            Self::Map(entries) => entries,
            _ => &[],
        }
    }

    /// What stands under a key, unless it is nothing.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        let found = self.entries().iter().find(|(name, _)| name.value.text() == Some(key));
        found.map(|(_, value)| value).filter(|value| !matches!(value.value, Self::Null))
    }

    /// The text under a key, with its place.
    pub(crate) fn text_at(&self, key: &str) -> Option<Spanned<String>> {
        self.get(key).and_then(text_of)
    }

    /// The texts under a key, which holds one or a list of them.
    pub(crate) fn texts_at(&self, key: &str) -> Vec<Spanned<String>> {
        self.get(key).map(texts_of).unwrap_or_default()
    }

    /// Whether a key says `true`.
    pub(crate) fn flag_at(&self, key: &str) -> Option<Spanned<bool>> {
        let node = self.get(key)?;
        match node.value {
            Self::Bool(value) => Some(Spanned::new(value, node.referenced, node.defined)),
            _ => None,
        }
    }

    /// The whole number under a key, with its place.
    pub(crate) fn number_at(&self, key: &str) -> Option<Spanned<i64>> {
        let node = self.get(key)?;
        match &node.value {
            Self::Number(number) => {
                number.parse().ok().map(|number| Spanned::new(number, node.referenced, node.defined))
            }
            _ => None,
        }
    }
}

/// A text with its place.
pub(crate) fn text_of(node: &Node) -> Option<Spanned<String>> {
    node.value.text().map(|text| Spanned::new(text.to_owned(), node.referenced, node.defined))
}

/// A text, or a number or flag as it is written, with its place.
pub(crate) fn plain_of(file: &str, node: &Node) -> Option<Spanned<String>> {
    let otherwise = match &node.value {
        Yaml::Text(text) => text.clone(),
        Yaml::Number(number) => number.clone(),
        Yaml::Bool(flag) => flag.to_string(),
        _ => return None,
    };
    let text = match &node.value {
        Yaml::Number(_) | Yaml::Bool(_) => written_of(file, node).map_or(otherwise, str::to_owned),
        _ => otherwise,
    };
    Some(Spanned::new(text, node.referenced, node.defined))
}

/// How a plain scalar is written, where it is defined.
fn written_of<'a>(file: &'a str, node: &Node) -> Option<&'a str> {
    let span = node.defined.span();
    let (at, length) = span.byte_offset().zip(span.byte_len())?;
    let (at, length) = (usize::try_from(at).ok()?, usize::try_from(length).ok()?);
    let written = file.get(at..at.checked_add(length)?)?.trim();
    let plain = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '.' | '+' | '-' | '_');
    (!written.is_empty() && written.chars().all(plain)).then_some(written)
}

/// One text or a list of them, each with its place.
pub(crate) fn texts_of(node: &Node) -> Vec<Spanned<String>> {
    match &node.value {
        Yaml::List(items) => items.iter().filter_map(text_of).collect(),
        _ => text_of(node).into_iter().collect(),
    }
}

/// The place of a value from its first sign to its last: of a list or record in brackets as far as they reach,
/// of any other its first line.
pub(crate) fn whole(file: &str, node: &Node) -> Place {
    let span = node.referenced.span();
    let start =
        span.byte_offset().and_then(|at| usize::try_from(at).ok()).filter(|at| file.is_char_boundary(*at));
    let (Some(start), Yaml::List(_) | Yaml::Map(_)) = (start, &node.value) else { return node.into() };
    let rest = file.get(start..).unwrap_or_default();
    let mut depth = 0_usize;
    let mut quote = None;
    for (at, sign) in rest.char_indices().take_while(|_| rest.starts_with(['[', '{'])) {
        match (quote, sign) {
            (Some(begun), sign) if begun == sign => quote = None,
            (None, '\'' | '"') => quote = Some(sign),
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => depth -= 1,
            (Some(_) | None, _) => {}
        }
        if depth == 0 {
            return Place::of_bytes(file, start..start + at + sign.len_utf8());
        }
    }
    let line = rest.lines().next().unwrap_or_default();
    Place::of_bytes(file, start..start + line.trim_end().len())
}

/// The place of a part of a text, given as bytes of the text as it was read: YAML folds lines and has escapes.
pub(crate) fn part_of(file: &str, text: &Spanned<String>, part: std::ops::Range<usize>) -> Place {
    let span = text.referenced.span();
    let bytes = span.byte_offset().zip(span.byte_len());
    let bytes =
        bytes.and_then(|(at, length)| Some((usize::try_from(at).ok()?, usize::try_from(length).ok()?)));
    let place = bytes.and_then(|(at, length)| {
        let written = file.get(at..at + length)?;
        let starts = written_at(written, &text.value, part.start)?;
        // What is empty stands behind the last thing that is there.
        let ends = if part.is_empty() {
            starts
        } else {
            let last = text.value.get(..part.end)?.char_indices().next_back()?;
            written_at(written, &text.value, last.0)? + last.1.len_utf8()
        };
        Some(Place::of_bytes(file, at + starts..at + ends.max(starts)))
    });
    place.unwrap_or_else(|| text.into())
}

/// Where in a text as it is written a byte of the text as it was read stands; `None` where they do not agree.
fn written_at(written: &str, read: &str, byte: usize) -> Option<usize> {
    let quote = written.chars().next().filter(|first| matches!(first, '\'' | '"'));
    let mut signs = written.char_indices().skip(usize::from(quote.is_some())).peekable();
    // White space is folded, so only what is none is counted.
    let mut wanted = read.char_indices().filter(|(_, sign)| !sign.is_whitespace());
    let mut next = wanted.next();
    while let Some((at, sign)) = signs.next() {
        if sign.is_whitespace() {
            continue;
        }
        let Some((position, expected)) = next else { return Some(at) };
        if position >= byte {
            return Some(at);
        }
        let follows =
            |signs: &mut std::iter::Peekable<_>| signs.peek().map(|(_, sign): &(usize, char)| *sign);
        if quote == Some('"') && sign == '\\' {
            match follows(&mut signs) {
                Some('"' | '\\' | '/') => drop(signs.next()),
                // A line that is folded, or an escape for a sign that cannot be typed.
                _ => return None,
            }
        } else if sign != expected {
            return None;
        } else if quote == Some('\'') && sign == '\'' && follows(&mut signs) == Some('\'') {
            signs.next();
        }
        next = wanted.next();
    }
    Some(written.trim_end().len())
}

impl<'de> Deserialize<'de> for Yaml {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AsItComes)
    }
}

struct AsItComes;

impl<'de> Visitor<'de> for AsItComes {
    type Value = Yaml;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Yaml, E> {
        Ok(Yaml::Null)
    }

    fn visit_none<E>(self) -> Result<Yaml, E> {
        Ok(Yaml::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Yaml, D::Error> {
        Yaml::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Yaml, E> {
        Ok(Yaml::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Yaml, E> {
        Ok(Yaml::Number(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Yaml, E> {
        Ok(Yaml::Number(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Yaml, E> {
        Ok(Yaml::Number(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Yaml, E> {
        Ok(Yaml::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Yaml, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Yaml::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Yaml, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Yaml::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    /// What is said of a text that is not YAML for us, however it is read.
    fn refused(text: &str) -> Vec<String> {
        let mut problems = Vec::new();
        let mut page = Page { path: std::path::Path::new("x"), text, problems: &mut problems };
        assert!(read(&mut page).is_none());
        problems.iter().map(|it| format!("{}:{} {}: {}", it.line, it.column, it.message, it.help)).collect()
    }

    #[test]
    fn aliases_of_aliases_that_stand_for_millions_of_values_are_refused_at_once() {
        let mut bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for (name, of) in "bcdefgh".chars().zip("abcdefg".chars()) {
            let _ = writeln!(bomb, "{name}: &{name} [{}]", vec![format!("*{of}"); 10].join(","));
        }
        let begun = std::time::Instant::now();
        let told = refused(&format!("{bomb}routes: *h\n"));
        assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{:?}", begun.elapsed());
        let words = "the aliases (`*name`) up to here stand for more than 10000 values";
        assert!(told.iter().all(|told| told.starts_with("4:") && told.contains(words)), "{told:?}");
        assert!(told.iter().all(|told| told.contains("write out what")), "{told:?}");
        assert_eq!(told.len(), 1);
    }

    #[test]
    fn two_documents_in_one_file_are_refused_in_plain_words() {
        let told = refused("routes: []\n---\nroutes: []\n");
        let words =
            "the file holds more than one YAML document: remove the line `---`, or make two files of it";
        assert!(told.iter().all(|told| told.contains(words)), "{told:?}");
    }

    #[test]
    fn a_part_of_a_text_is_found_however_the_text_is_written() {
        let place_of = |file: &str, part: &str| {
            let mut problems = Vec::new();
            let mut page = Page { path: std::path::Path::new("x"), text: file, problems: &mut problems };
            let tree = read(&mut page).unwrap().value;
            let text = tree.text_at("when").unwrap();
            let at = text.value.find(part).unwrap();
            part_of(file, &text, at..at + part.len())
        };
        let check = |file: &str, part: &str, line: usize, column: usize| {
            let place = place_of(file, part);
            assert_eq!(place.start(), (line, column), "{file}");
            assert_eq!(place.end(file), (line, column + part.chars().count()), "{file}");
        };
        check("when: event.value >= 500.0", "500.0", 1, 22);
        check("when: \"event.state == 'SP' && event.valeu\"", "valeu", 1, 37);
        check("when: 'event.state == ''SP'' && event.valeu'", "valeu", 1, 39);
        check("when: 'über == ''SP'' && event.valeu'", "event", 1, 26);
        check("when: \"event.state == \\\"SP\\\" && valeu\"", "valeu", 1, 33);
        check("when: >-\n    event.state == 'SP'\n    && event.valeu > 3\n", "valeu", 3, 14);
        check("when: |\n  event.state == 'SP'\n  && event.valeu > 3\n", "valeu", 3, 12);
        check("x: 1\nwhen: event.state ==\n  event.valeu\n", "valeu", 3, 9);
        // What an alias stands for is underlined where it is used.
        let alias = "a: &a event.valeu\nwhen: *a";
        let place = place_of(alias, "event");
        assert_eq!((place.start(), place.end(alias)), ((2, 7), (2, 9)));
    }
}
