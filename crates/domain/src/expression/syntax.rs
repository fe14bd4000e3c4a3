//! What is wrong with a text that is no expression, in words that help: the parser's own speak of tokens.

use std::ops::Range;

use cel::ParseErrors;

use super::SyntaxError;

/// An expression that asks for too much.
pub(super) fn too_much(source: &str, message: String) -> SyntaxError {
    let help = "make it shorter, or say it in several rules";
    SyntaxError {
        message,
        line: 1,
        column: 1,
        span: 0..source.trim_end().len(),
        help: help.to_owned(),
        suggestion: None,
    }
}

/// The first mistake that the parser found, explained; the later ones mostly follow from it.
pub(super) fn explained(source: &str, errors: &ParseErrors) -> SyntaxError {
    let first =
        errors.errors.iter().find(|error| error.msg.starts_with("Syntax error")).or(errors.errors.first());
    let (at, told) = first.map_or((0, ""), |error| (offset(source, error.pos), error.msg.as_str()));
    let at = at.min(source.len());
    let found = by_its_text(source, at).unwrap_or_else(|| by_the_parser(source, at, told));
    let before = &source[..found.span.start];
    SyntaxError {
        message: found.message,
        line: before.matches('\n').count() + 1,
        column: before.rsplit('\n').next().unwrap_or_default().chars().count() + 1,
        span: found.span,
        help: found.help,
        suggestion: found.suggestion,
    }
}

struct Found {
    span: Range<usize>,
    message: String,
    help: String,
    suggestion: Option<String>,
}

impl Found {
    fn new(span: Range<usize>, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { span, message: message.into(), help: help.into(), suggestion: None }
    }

    fn instead(mut self, suggestion: &str) -> Self {
        self.suggestion = Some(suggestion.to_owned());
        self
    }
}

/// The byte at which line and column lie; the parser counts characters.
fn offset(source: &str, (line, column): (isize, isize)) -> usize {
    let line = usize::try_from(line).unwrap_or(1).max(1);
    let column = usize::try_from(column).unwrap_or(1).max(1);
    let start = source.split_inclusive('\n').take(line - 1).map(str::len).sum::<usize>();
    let rest = &source[start..];
    start + rest.char_indices().nth(column - 1).map_or(rest.len(), |(at, _)| at)
}

/// What people write who know other languages, or whose keyboard is too helpful.
fn by_its_text(source: &str, at: usize) -> Option<Found> {
    if source.trim().is_empty() {
        return Some(Found::new(
            0..source.len(),
            "the expression is empty",
            "write a condition, such as `event.value >= 500.0`, or leave `when` out",
        ));
    }
    let rest = &source[at..];
    let before = source[..at].trim_end();
    let word_len = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    let word = &rest[..word_len];
    // `not event.x`: the parser stumbles over what follows.
    if before.ends_with("not") || before.ends_with("NOT") {
        let span = before.len() - 3..before.len();
        return Some(
            Found::new(
                span,
                "`not` is written `!`",
                "write `!` before what must not be: `!(event.state == 'SP')`",
            )
            .instead("!"),
        );
    }
    let operator = |text: &str, instead: &str, meaning: &str| {
        let message = format!("`{text}` is no operator");
        Found::new(at..at + text.len(), message, format!("{meaning} is written `{instead}`")).instead(instead)
    };
    match word.to_ascii_lowercase().as_str() {
        "and" => return Some(operator(word, "&&", "and")),
        "or" => return Some(operator(word, "||", "or")),
        "is" | "equals" => return Some(operator(word, "==", "being equal")),
        "like" => return Some(operator(word, ".contains(..)", "a part of a text")),
        _ => {}
    }
    if rest.starts_with('>') && before.ends_with('<') {
        let span = before.len() - 1..at + 1;
        return Some(
            Found::new(span, "`<>` is no operator", "not being equal is written `!=`").instead("!="),
        );
    }
    match rest.chars().next()? {
        '=' if before.ends_with("==") || before.ends_with("!=") => {
            let span = before.len() - 2..at + 1;
            let instead = if before.ends_with("!=") { "!=" } else { "==" };
            Some(Found::new(span, "one `=` too many", format!("write `{instead}`")).instead(instead))
        }
        '=' => Some(operator("=", "==", "being equal")),
        '&' => Some(operator("&", "&&", "and")),
        '|' => Some(operator("|", "||", "or")),
        '‘' | '’' | '“' | '”' | '„' | '«' | '»' => {
            let length = rest.chars().next().map_or(0, char::len_utf8);
            let message = "this quote is one for print";
            Some(Found::new(at..at + length, message, "write text in straight quotes: `'SP'`").instead("'"))
        }
        quote @ ('\'' | '"')
            if !rest[1..].contains(quote)
                || rest[1..].split(quote).next().is_some_and(|text| text.contains('\n')) =>
        {
            let line = rest.lines().next().unwrap_or_default();
            let message = "this text has no end";
            Some(Found::new(
                at..at + line.len(),
                message,
                format!("close it with the quote that began it: `{quote}`"),
            ))
        }
        quote @ ('\'' | '"') if rest[1..].split(quote).next().is_some_and(|text| text.contains('\\')) => {
            let end = rest[1..].find(quote).map_or(rest.len(), |end| end + 2);
            Some(Found::new(
                at..at + end,
                "this text has a `\\` that means nothing",
                "write a backslash twice: `\\\\`",
            ))
        }
        ')' | ']' | '}' => unopened(source, at),
        _ => None,
    }
}

/// A closing bracket that closes nothing.
fn unopened(source: &str, at: usize) -> Option<Found> {
    let bracket = source[at..].chars().next()?;
    let message = format!("`{bracket}` closes nothing");
    open_brackets(&source[..at])
        .is_empty()
        .then(|| Found::new(at..at + 1, message, "remove it, or open it before"))
}

/// The brackets that are open at the end of a text, with their places.
fn open_brackets(text: &str) -> Vec<(usize, char)> {
    let mut open = Vec::new();
    let mut quote = None;
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            (Some(begun), letter) if begun == letter => quote = None,
            (None, '\'' | '"') => quote = Some(letter),
            (None, '(' | '[' | '{') => open.push((at, letter)),
            (None, ')' | ']' | '}') => drop(open.pop()),
            (Some(_) | None, _) => {}
        }
    }
    open
}

/// What the parser stumbled over, where the text alone does not tell.
fn by_the_parser(source: &str, at: usize, told: &str) -> Found {
    let end = source.trim_end().len();
    if at >= end {
        return match open_brackets(source).pop() {
            Some((open, bracket))
                if told.contains("missing") || told.contains("expecting {']'") || told.contains("','") =>
            {
                let message = format!("this `{bracket}` is never closed");
                let closing = match bracket {
                    '(' => ')',
                    '[' => ']',
                    _ => '}',
                };
                Found::new(open..open + 1, message, format!("write `{closing}` where it ends"))
            }
            _ => {
                let last = last_token(&source[..end]);
                let message = format!("something is missing after `{}`", &source[last.clone()]);
                Found::new(last, message, "write what it should be compared with or joined to")
            }
        };
    }
    let token = token(source, at);
    let text = &source[token.clone()];
    if let Some(word) = told.strip_prefix("reserved identifier: ") {
        return Found::new(
            token,
            format!("`{word}` is a word of the language and cannot be a name"),
            "use another name",
        );
    }
    if told.contains("has() macro") {
        return Found::new(token, "`has` asks whether a fact is given", "name the fact: `has(event.city)`");
    }
    if told.contains("must be a simple name") {
        return Found::new(
            token,
            "the first argument is a name for the values of the list",
            "write `event.items.all(x, x.price > 10.0)`",
        );
    }
    if told.contains("int literal") || told.contains("double literal") {
        return Found::new(
            token,
            format!("`{text}` is too large a number"),
            "the largest whole number is 9223372036854775807",
        );
    }
    if told.contains("token recognition") {
        let message = format!("`{}` means nothing here", text.chars().next().unwrap_or(' '));
        let length = text.chars().next().map_or(1, char::len_utf8);
        let help = "names are made of letters from a to z, digits and underscores; text stands in quotes";
        return Found::new(at..at + length, message, help);
    }
    if text == "," {
        let help = "a number is written without commas: `1000`; values stand between commas only in a list or a call";
        return Found::new(token, "`,` does not belong here", help);
    }
    Found::new(
        token,
        format!("`{text}` does not belong here"),
        "two parts are joined by an operator, such as `&&`, `||` or `==`; text stands in quotes",
    )
}

/// The word, number or sign that begins at `at`.
fn token(source: &str, at: usize) -> Range<usize> {
    let rest = &source[at..];
    let of_word = |c: char| c.is_alphanumeric() || c == '_';
    let length = match rest.chars().next() {
        Some(first) if of_word(first) => rest.find(|c: char| !of_word(c)).unwrap_or(rest.len()),
        Some(quote @ ('\'' | '"')) => rest[1..].find(quote).map_or(rest.len(), |end| end + 2),
        Some('.') => 1 + rest[1..].find(|c: char| !of_word(c)).unwrap_or(rest.len() - 1),
        Some(other) => other.len_utf8(),
        None => 0,
    };
    at..at + length
}

/// The last word or sign of a text.
fn last_token(text: &str) -> Range<usize> {
    let kind = |c: char| (c.is_alphanumeric() || c == '_' || c == '.', c.is_whitespace());
    let Some(last) = text.chars().next_back() else { return 0..0 };
    let start = text
        .rfind(|c: char| kind(c) != kind(last))
        .map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
    start..text.len()
}

#[cfg(test)]
mod tests {
    use crate::Expression;

    #[test]
    fn a_text_that_is_no_expression_is_told_with_its_place_and_what_to_write() {
        let check = |source: &str, underlined: &str, message: &str| {
            let error = Expression::parse(source).unwrap_err();
            assert_eq!(&source[error.span.clone()], underlined, "{source}: {error:?}");
            assert!(error.message.contains(message), "{source}: {error:?}");
            assert!(!error.help.is_empty() && !error.message.contains("input"), "{source}: {error:?}");
        };
        check("event.state = 'SP'", "=", "no operator");
        check("event.state === 'SP'", "===", "too many");
        check("event.state == 'SP' and event.x", "and", "no operator");
        check("event.state == 'SP' & event.x", "&", "no operator");
        check("event.value > 3 | true", "|", "no operator");
        check("event.value <> 3", "<>", "no operator");
        check("not event.x", "not", "written `!`");
        check("event.state == 'SP", "'SP", "no end");
        check("event.state == ‘SP’", "‘", "print");
        check("event.state ==", "==", "missing after `==`");
        check("event.state == 'SP' && ", "&&", "missing after");
        check("(event.value > 3.0 && event.x", "(", "never closed");
        check("event.state in ['SP', 'RJ'", "[", "never closed");
        check("event.value > 3)", ")", "closes nothing");
        check("event.value > 1,000", ",", "does not belong");
        check("event.value 3", "3", "does not belong");
        check("has(event)", "event", "asks whether");
        check("event.état == 1", "é", "means nothing");
        check("event.x == 99999999999999999999", "99999999999999999999", "too large");
        check("", "", "empty");
        check("for == 1", "for", "word of the language");
        check("event.items.all(1, x)", "1", "name for the values");
    }

    #[test]
    fn no_text_makes_the_explanation_fail() {
        for source in [
            "\u{0}",
            "é",
            "'",
            "\"\\",
            "(((",
            "\n\n=",
            "a\r\n= b",
            "𝒳 = 𝒴",
            "event.x == 'é",
            "….",
            "-",
            "!",
            "[",
            "}",
        ] {
            let _ = Expression::parse(source);
        }
    }
}
