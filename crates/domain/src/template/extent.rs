//! How much a template may nest, and what it calls. minijinja's parser and compiler recurse along `- - - 1`,
//! `1 + 1 + 1` and `{% elif %}` without a bound, and a stack that overflows cannot be caught; so tags are measured
//! before it sees them. It looks filters and tests up when a text is written, which is too late for its author.

use std::collections::BTreeSet;

/// The longest tag, in bytes: what stands between `{{` or `{%` and its end nests at most as deep as it is long.
const LONGEST_TAG: usize = 1024;

/// The most branches that an author may add with `{% elif %}`, in all of a template.
const MOST_BRANCHES: usize = 100;

/// A filter or a test that a template calls, and the line of its tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Called<'a> {
    /// As in `event.state | upper`.
    Filter(&'a str, usize),
    /// As in `event.state is defined`.
    Test(&'a str, usize),
}

/// What a template calls, or what is wrong with its extent, and the line.
pub(crate) fn check(source: &str) -> Result<BTreeSet<Called<'_>>, (String, usize)> {
    let mut branches = 0;
    let mut called = BTreeSet::new();
    let (mut rest, mut line, mut counted) = (source, 1, 0);
    while let Some(start) = rest.find('{') {
        let begins = source.len() - rest.len() + start;
        line += source[counted..begins].matches('\n').count();
        counted = begins;
        let tag = &rest[start..];
        let body = match tag.as_bytes().get(1) {
            Some(b'#') => {
                // A comment without an end is minijinja's to refuse.
                let Some(end) = tag.find("#}") else { return Ok(called) };
                rest = &tag[end + 2..];
                continue;
            }
            Some(b'{' | b'%') => &tag[2..],
            Some(_) | None => {
                rest = &tag[1..];
                continue;
            }
        };
        let word = body.trim_start_matches(['-', '+']).trim_start();
        if tag.starts_with("{%") && word.starts_with("raw") {
            let message = "`{% raw %}` is not known here; write `{{ '{{' }}` for braces";
            return Err((message.to_owned(), line));
        }
        if tag.starts_with("{%") && word.starts_with("elif") {
            branches += 1;
            if branches > MOST_BRANCHES {
                return Err((format!("more than {MOST_BRANCHES} `elif` in one template"), line));
            }
        }
        let length = length_of(body.as_bytes(), tag.as_bytes()[1]);
        if length > LONGEST_TAG {
            return Err((format!("a tag of more than {LONGEST_TAG} bytes; write it as several"), line));
        }
        let whole = &body[..length];
        if let Some(filter) = word.strip_prefix("filter ").filter(|_| tag.starts_with("{%")) {
            called.insert(Called::Filter(first_word(filter), line));
        }
        calls_of(whole, line, &mut called);
        rest = &body[length..];
    }
    Ok(called)
}

/// Notes the filters and tests of one tag.
fn calls_of<'a>(tag: &'a str, line: usize, called: &mut BTreeSet<Called<'a>>) {
    let mut rest = tag;
    let mut after_word = false;
    while let Some(byte) = rest.bytes().next() {
        let length = match byte {
            b'"' | b'\'' => string_length(rest.as_bytes()),
            b'|' => {
                called.insert(Called::Filter(first_word(&rest[1..]), line));
                1
            }
            b'i' if !after_word && first_word(rest) == "is" => {
                let test = rest[2..].trim_start();
                let negated = if first_word(test) == "not" { &test[3..] } else { test };
                called.insert(Called::Test(first_word(negated), line));
                2
            }
            _ => rest.chars().next().map_or(1, char::len_utf8),
        };
        after_word = byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.';
        rest = &rest[length.min(rest.len())..];
    }
}

/// The name with which a text begins, behind blanks.
fn first_word(text: &str) -> &str {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '.');
    &text[..end.unwrap_or(text.len())]
}

/// How long the quoted text is with which these bytes begin, with its quotes.
fn string_length(bytes: &[u8]) -> usize {
    let mut at = 1;
    while let Some(inside) = bytes.get(at).filter(|inside| **inside != bytes[0]) {
        at += if *inside == b'\\' { 2 } else { 1 };
    }
    at + 1
}

/// How far a tag reaches, as minijinja reads it: to its end outside of quotes and brackets, or to the end of all.
fn length_of(body: &[u8], kind: u8) -> usize {
    let end = if kind == b'%' { b"%}" } else { b"}}" };
    let (mut at, mut open) = (0, 0_isize);
    while let Some(byte) = body.get(at) {
        match byte {
            _ if open == 0 && body[at..].starts_with(end) => return at,
            b'"' | b'\'' => at += string_length(&body[at..]) - 1,
            b'(' | b'[' | b'{' => open += 1,
            b')' | b']' | b'}' => open -= 1,
            _ => {}
        }
        at += 1;
    }
    body.len()
}

#[cfg(test)]
mod tests {
    use super::{Called, check};

    #[test]
    fn a_tag_is_measured_as_minijinja_reads_it() {
        let bomb = "-".repeat(2000);
        for source in [
            format!("{{{{ {bomb}1 }}}}"),
            format!("{{% if {bomb}1 %}}x{{% endif %}}"),
            format!("{{{{ '}}}}' ~ {bomb}1 }}}}"),
            format!("{{{{ \"\\\"}}}}\" ~ {bomb}1 }}}}"),
            format!("{{{{ {{'a': {{'b': 1}}}} ~ {bomb}1 }}}}"),
            format!("{{# {{{{ ' #}}{{{{ '}}}}' ~ {bomb}1 }}}}"),
            format!("{{% raw %}}{{{{ ' {{% endraw %}}{{{{ '}}}}' ~ {bomb}1 }}}}"),
            "{% if a %}".to_owned() + &"{% elif a %}".repeat(200) + "{% endif %}",
        ] {
            assert!(check(&source).is_err(), "{}", &source[..40]);
        }
        for source in [
            "",
            "{",
            "{{",
            "{% if a %}{{ a }}{% endif %}",
            "a { b } {# c",
            &format!("{bomb}{{{{ a }}}}{bomb}"),
        ] {
            assert_eq!(check(source).map(|called| called.len()), Ok(0), "{source}");
        }
        assert_eq!(check(&format!("a\nb\n{{{{ {bomb} }}}}")).unwrap_err().1, 3);
    }

    #[test]
    fn filters_and_tests_are_found_in_tags_alone() {
        let source =
            "a|b is c\n{{ x.is|upper | join('|no is no') }}{% if x is not string %}{% filter lower %}";
        let called = [Called::Filter("join", 2), Called::Filter("lower", 2), Called::Filter("upper", 2)];
        let all: Vec<_> = check(source).unwrap().into_iter().collect();
        assert_eq!(all, [&called[..], &[Called::Test("string", 2)]].concat());
    }
}
