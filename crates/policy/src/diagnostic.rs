//! What is wrong with a file: where, what, and what to do about it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet, normalize_untrusted_str};

use crate::place::Place;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// It can, but hardly means what was meant.
    Warning,
}

impl Severity {
    /// As it is written: `error`, `warning`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One thing that is wrong in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Which kind of mistake, from [`Diagnostic::CODES`]; `hinge explain` knows it.
    pub code: &'static str,
    /// The file.
    pub file: PathBuf,
    /// The line, from 1; 0 when the file as a whole is meant.
    pub line: usize,
    /// The column in characters, from 1; 0 when the file as a whole is meant.
    pub column: usize,
    /// The line on which it ends.
    pub end_line: usize,
    /// The column behind its last character.
    pub end_column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
    /// What to write there instead, if it is known.
    pub suggestion: Option<String>,
    /// The lines of the file that are meant, if any.
    pub text: Option<Arc<str>>,
}

impl Diagnostic {
    /// Every code that a diagnostic can have.
    pub const CODES: &'static [&'static str] = &[
        "file-unread",
        "file-unreadable",
        "yaml-invalid",
        "key-unknown",
        "key-missing",
        "value-invalid",
        "name-invalid",
        "name-duplicate",
        "name-unknown",
        "expression-invalid",
        "fact-unknown",
        "symbol-unknown",
        "operands-invalid",
        "template-invalid",
        "template-unused",
        "event-type-unmentioned",
        "event-type-newer",
        "catalogue-version",
        "policy-empty",
        "rule-never-matches",
        "rule-duplicate",
        "test-invalid",
        "test-failed",
        "mapping-invalid",
        "people-invalid",
        "source-invalid",
    ];

    /// The byte range within [`Diagnostic::text`] that is meant.
    fn underlined(&self, text: &str) -> std::ops::Range<usize> {
        let offset = |line: usize, column: usize| {
            let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
            let rest = text[start..].split('\n').next().unwrap_or_default();
            start + rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(at, _)| at)
        };
        let start = offset(0, self.column);
        start..offset(self.end_line.saturating_sub(self.line), self.end_column).max(start)
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let path = self.file.display().to_string();
        let title = level.primary_title(normalize_untrusted_str(&self.message)).id(self.code);
        let help =
            self.suggestion.as_ref().map_or_else(String::new, |meant| format!("did you mean `{meant}`? "));
        let help = Level::HELP.message(normalize_untrusted_str(&format!("{help}{}", self.help)));
        let report = match &self.text {
            Some(text) => {
                let annotation = AnnotationKind::Primary.span(self.underlined(text));
                let snippet =
                    Snippet::source(text.as_ref()).path(path).line_start(self.line).annotation(annotation);
                title.element(snippet).element(help)
            }
            None if self.line > 0 => {
                let origin = Origin::path(path).line(self.line).char_column(self.column);
                title.element(origin).element(help)
            }
            None => title.element(Origin::path(path)).element(help),
        };
        // Wide enough that nothing of a usual line is cut off.
        f.write_str(&Renderer::plain().term_width(200).render(&[report]))
    }
}

/// All that is wrong; never empty when it is an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<Diagnostic>);

impl Problems {
    /// What was found, in the order of files and lines; an error if any of it is one.
    pub(crate) fn sorted(mut found: Vec<Diagnostic>) -> Self {
        fn place(it: &Diagnostic) -> (&Path, usize, usize) {
            (&it.file, it.line, it.column)
        }
        found.sort_by(|one, other| place(one).cmp(&place(other)).then(one.severity.cmp(&other.severity)));
        Self(found)
    }

    /// How many of them are errors, and how many warnings.
    pub fn counts(&self) -> (usize, usize) {
        let errors = self.0.iter().filter(|it| it.severity == Severity::Error).count();
        (errors, self.0.len() - errors)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, diagnostic) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str("\n\n")?;
            }
            diagnostic.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// A file being read: where its problems are noted.
pub(crate) struct Page<'a> {
    /// The path as the operator gave it.
    pub(crate) path: &'a Path,
    /// Its text.
    pub(crate) text: &'a str,
    /// Where to note problems.
    pub(crate) problems: &'a mut Vec<Diagnostic>,
}

/// What mostly lies behind what the YAML parser says.
const YAML_HELP: &[(&str, &str)] = &[
    ("placement of ':'", "close the `[` or `{` before this, or put a text that contains a colon into quotes"),
    ("mapping values", "put a text that contains `: ` into quotes, or indent the line as the one above it"),
    ("unknown anchor", "put a text that begins with `*` into quotes"),
    ("expected ':'", "write a name, a colon, a space and a value"),
    ("unclosed", "close it with the sign that began it: a quote, `]` or `}`"),
    ("tabs", "indent with spaces"),
    ("block mapping", "indent the line as the ones around it"),
    ("block collection", "indent the line as the ones around it; the entries of a list begin with `- `"),
];

/// What is YAML, but not what a policy is written in.
fn beyond_us(mut error: &serde_saphyr::Error) -> Option<(String, &'static str)> {
    use serde_saphyr::Error;
    while let Error::AliasError { error: inner, .. } = error {
        error = inner;
    }
    Some(match error {
        Error::MultipleDocuments { .. } => (
            "the file holds more than one YAML document".to_owned(),
            "remove the line `---`, or make two files of it",
        ),
        Error::AliasReplayLimitExceeded { max_total_replayed_events: most, .. } => (
            format!("the aliases (`*name`) up to here stand for more than {most} values"),
            "write out what they stand for, or divide the file",
        ),
        _ => return None,
    })
}

/// The most lines of a file that a diagnostic shows.
const MOST_LINES: usize = 12;

/// The most problems that are told with the lines that they are about: finding these costs a walk over the file,
/// and a file may have as many mistakes as lines.
const MOST_SHOWN: usize = 500;

impl Page<'_> {
    /// Notes an error.
    pub(crate) fn note(
        &mut self,
        code: &'static str,
        place: impl Into<Place>,
        message: String,
        help: &str,
    ) -> &mut Diagnostic {
        debug_assert!(Diagnostic::CODES.contains(&code), "`{code}` is not listed");
        let place = place.into();
        let at = self.problems.len();
        let shown = at < MOST_SHOWN;
        let (line, column) = place.start();
        let (end_line, end_column) = if shown { place.end(self.text) } else { (line, column) };
        let lines = self.text.lines().skip(line.saturating_sub(1));
        let lines: Vec<&str> = if line > 0 && shown {
            lines.take((end_line + 1 - line).min(MOST_LINES)).collect()
        } else {
            Vec::new()
        };
        let text = (!lines.is_empty()).then(|| lines.join("\n").into());
        self.problems.push(Diagnostic {
            severity: Severity::Error,
            code,
            file: self.path.to_owned(),
            line,
            column,
            end_line,
            end_column,
            message,
            help: help.to_owned(),
            suggestion: None,
            text,
        });
        &mut self.problems[at]
    }

    /// Notes a warning.
    pub(crate) fn warn(
        &mut self,
        code: &'static str,
        place: impl Into<Place>,
        message: String,
        help: &str,
    ) -> &mut Diagnostic {
        let noted = self.note(code, place, message, help);
        noted.severity = Severity::Warning;
        noted
    }

    /// Notes why a text is not YAML.
    pub(crate) fn not_yaml(&mut self, error: &serde_saphyr::Error) {
        let place = error.location().map_or(Place::FILE, Place::from);
        let error = error.without_snippet();
        if let Some((message, help)) = beyond_us(error) {
            self.note("yaml-invalid", place, message, help);
            return;
        }
        let message = error.to_string();
        let message = message.lines().next().unwrap_or_default();
        // The place is shown anyway.
        let message = message.rfind(" at line ").map_or(message, |end| &message[..end]);
        let told = YAML_HELP.iter().find(|(words, _)| message.contains(words)).map(|(_, help)| *help);
        let help =
            told.unwrap_or("correct the YAML here; mostly a quote, a bracket or the indentation is missing");
        self.note("yaml-invalid", place, message.to_owned(), help);
    }
}
