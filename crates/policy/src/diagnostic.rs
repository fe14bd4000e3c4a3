//! What is wrong with a file: where, what, and what to do about it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_saphyr::{Location, Spanned};

/// One thing that is wrong in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Which kind of mistake, from [`Diagnostic::CODES`]; `hinge explain` knows it.
    pub code: &'static str,
    /// The file.
    pub file: PathBuf,
    /// The line, from 1; 0 when the file as a whole is meant.
    pub line: usize,
    /// The column, from 1; 0 when the file as a whole is meant.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
    /// The line of the file that is meant, if any.
    pub text: Option<Arc<str>>,
}

impl Diagnostic {
    /// Every code that a diagnostic can have.
    pub const CODES: &'static [&'static str] = &[
        "file-unread",
        "file-unreadable",
        "yaml-invalid",
        "name-invalid",
        "name-duplicate",
        "name-unknown",
        "expression-invalid",
        "fact-unknown",
        "template-invalid",
        "event-type-unmentioned",
        "catalogue-version",
        "policy-empty",
        "mapping-invalid",
        "source-invalid",
    ];
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {} [{}]", self.message, self.code)?;
        if let Some(text) = &self.text {
            write!(
                f,
                "\n  {:>4} | {text}\n       | {}^",
                self.line,
                " ".repeat(self.column.saturating_sub(1))
            )?;
        }
        write!(f, "\n  help: {}", self.help)
    }
}

/// All that is wrong; never empty when it is an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<Diagnostic>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, diagnostic) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str("\n")?;
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

/// A place in a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    line: usize,
    column: usize,
}

impl Place {
    /// The file as a whole.
    pub(crate) const FILE: Self = Self { line: 0, column: 0 };

    /// Line and column, from 1.
    pub(crate) fn at(line: usize, column: usize) -> Self {
        Self { line, column }
    }

    /// This place moved by a place (from 1, 1) within a text that starts here.
    pub(crate) fn within(self, line: usize, column: usize) -> Self {
        if line <= 1 {
            Self { line: self.line, column: self.column + column.saturating_sub(1) }
        } else {
            Self { line: self.line + line - 1, column }
        }
    }
}

impl From<Location> for Place {
    fn from(location: Location) -> Self {
        Self {
            line: usize::try_from(location.line()).unwrap_or_default(),
            column: usize::try_from(location.column()).unwrap_or_default(),
        }
    }
}

impl<T> From<&Spanned<T>> for Place {
    fn from(spanned: &Spanned<T>) -> Self {
        spanned.referenced.into()
    }
}

impl Page<'_> {
    /// Notes a problem.
    pub(crate) fn note(&mut self, code: &'static str, place: impl Into<Place>, message: String, help: &str) {
        debug_assert!(Diagnostic::CODES.contains(&code), "`{code}` is not listed");
        let Place { line, column } = place.into();
        let text = line.checked_sub(1).and_then(|line| self.text.lines().nth(line)).map(Arc::from);
        let file = self.path.to_owned();
        self.problems.push(Diagnostic { code, file, line, column, message, help: help.to_owned(), text });
    }

    /// Reads the file as YAML; notes what is wrong with it and gives `None` if it cannot be read.
    pub(crate) fn yaml<T: serde::de::DeserializeOwned>(&mut self) -> Option<T> {
        match serde_saphyr::from_str(self.text) {
            Ok(value) => Some(value),
            Err(error) => {
                let place = error.location().map_or(Place::FILE, Place::from);
                let message = error.without_snippet().to_string();
                let message = message.lines().next().unwrap_or_default().to_owned();
                self.note(
                    "yaml-invalid",
                    place,
                    message,
                    "correct the YAML here; `hinge init DIR` writes files to compare with",
                );
                None
            }
        }
    }
}
