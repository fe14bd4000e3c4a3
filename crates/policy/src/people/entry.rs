//! One person as written, in whichever file, and the checks of each thing that is said.

use std::sync::Arc;

use hinge_domain::{Medium, nearest};
use serde_saphyr::Spanned;

use super::{HIGHEST_SENIORITY, Reader};
use crate::diagnostic::Diagnostic;
use crate::directory::File;
use crate::place::Place;
use crate::yaml::Node;

/// The longest id and the longest text, in bytes.
const LONGEST_ID: usize = 64;
const LONGEST_TEXT: usize = 200;

/// The most interests or languages.
const MOST_ITEMS: usize = 50;

/// A text and its place.
pub(super) struct Placed {
    pub(super) text: String,
    pub(super) place: Place,
}

impl From<Spanned<String>> for Placed {
    fn from(spanned: Spanned<String>) -> Self {
        Self { place: Place::from(&spanned), text: spanned.value }
    }
}

/// A person as written, wherever.
pub(super) struct Entry {
    pub(super) id: Placed,
    pub(super) department: Placed,
    pub(super) role: Option<Placed>,
    pub(super) seniority: Option<Placed>,
    pub(super) location: Option<Placed>,
    pub(super) interests: Option<Vec<Placed>>,
    pub(super) languages: Option<Vec<Placed>>,
    pub(super) medium: Option<Placed>,
}

impl Entry {
    /// What stands in `people.yaml`. What is there in a wrong form is noted, and is here as if it were not there.
    pub(super) fn of(node: &Node) -> Self {
        let fields = &node.value;
        let text = |key| fields.text_at(key).map(Placed::from);
        let unsaid = || Placed { text: UNSAID.to_owned(), place: node.into() };
        let texts = |key| {
            fields.get(key)?;
            Some(fields.texts_at(key).into_iter().map(Placed::from).collect())
        };
        let seniority = fields.number_at("seniority");
        Self {
            id: text("id").unwrap_or_else(unsaid),
            department: text("department").unwrap_or_else(unsaid),
            role: text("role"),
            seniority: seniority
                .filter(|it| (0..=HIGHEST_SENIORITY).contains(&it.value))
                .map(|it| Placed { place: Place::from(&it), text: it.value.to_string() }),
            location: text("location"),
            interests: texts("interests"),
            languages: texts("languages"),
            medium: text("medium"),
        }
    }
}

/// Stands for what must be said and is not, which is noted already.
const UNSAID: &str = "?";

impl Reader<'_> {
    pub(super) fn id(
        &mut self,
        file: &File,
        id: &Placed,
        problems: &mut Vec<Diagnostic>,
    ) -> Option<Arc<str>> {
        if id.text == UNSAID {
            return None;
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
        let message = if id.text.contains('@') {
            "the id is an e-mail address".to_owned()
        } else if id.text.contains(char::is_whitespace) {
            "the id holds a space, as names do".to_owned()
        } else if id.text.is_empty() || id.text.len() > LONGEST_ID || !id.text.chars().all(allowed) {
            format!("the id is not made of 1 to {LONGEST_ID} letters, digits, `-`, `_`, `.` and `:`")
        } else if let Some(first) = self.ids.get(&id.text) {
            let message = format!("the id is already used in {first}");
            let help = "each person stands in one department and has one id";
            self.mistake(file, ("name-duplicate", id.place, message, help), problems);
            return None;
        } else {
            self.ids.insert(id.text.clone(), format!("{}:{}", file.name, id.place.start().0));
            return Some(id.text.as_str().into());
        };
        let help = "give the organisation's own number for the person: it goes into logs that are kept";
        self.mistake(file, ("people-invalid", id.place, message, help), problems);
        None
    }

    pub(super) fn department(
        &mut self,
        file: &File,
        name: &str,
        place: Place,
        problems: &mut Vec<Diagnostic>,
    ) -> Option<Arc<str>> {
        if name == UNSAID {
            return None;
        }
        if let Some(department) = self.departments.iter().find(|it| *it.name == *name) {
            return Some(Arc::clone(&department.name));
        }
        let names: Vec<&str> = self.departments.iter().map(|it| it.name.as_ref()).collect();
        let help = format!("departments.yaml has {}", names.join(", "));
        let noted = problems.len();
        self.mistake(file, ("name-unknown", place, format!("`{name}` is not a department"), &help), problems);
        if let Some(problem) = problems.get_mut(noted) {
            problem.suggestion = nearest(name, names).map(str::to_owned);
        }
        None
    }

    pub(super) fn text(
        &mut self,
        file: &File,
        what: &str,
        text: Option<Placed>,
        problems: &mut Vec<Diagnostic>,
    ) -> Option<Arc<str>> {
        let Placed { text, place } = text?;
        let (message, help) = if text.trim().is_empty() {
            (format!("`{what}` is empty"), "leave out what is not known: nothing is ever equal to it")
        } else if text.trim() != text {
            let help = "remove the space: no rule that is written without it would ever be so";
            (format!("`{what}` begins or ends with a space"), help)
        } else if text.len() > LONGEST_TEXT || text.contains(char::is_control) {
            let help = "use the short word by which rules choose";
            (format!("`{what}` is longer than {LONGEST_TEXT} bytes or more than one line"), help)
        } else {
            return Some(text.into());
        };
        self.mistake(file, ("people-invalid", place, message, help), problems);
        None
    }

    pub(super) fn texts(
        &mut self,
        file: &File,
        what: &str,
        texts: Option<Vec<Placed>>,
        problems: &mut Vec<Diagnostic>,
    ) -> Option<Vec<Arc<str>>> {
        let texts = texts?;
        if let Some(beyond) = texts.get(MOST_ITEMS) {
            let mistake =
                ("people-invalid", beyond.place, format!("more than {MOST_ITEMS} {what}"), "name fewer");
            self.mistake(file, mistake, problems);
            return None;
        }
        Some(texts.into_iter().filter_map(|text| self.text(file, what, Some(text), problems)).collect())
    }

    pub(super) fn seniority(
        &mut self,
        file: &File,
        text: Option<Placed>,
        problems: &mut Vec<Diagnostic>,
    ) -> Option<i64> {
        let Placed { text, place } = text?;
        let number = text.parse().ok().filter(|number| (0..=HIGHEST_SENIORITY).contains(number));
        if number.is_none() {
            let message = format!("`seniority` is not a whole number from 0 to {HIGHEST_SENIORITY}");
            let help =
                "number the levels, the higher the more senior; rules compare them: `person.seniority >= 3`";
            self.mistake(file, ("people-invalid", place, message, help), problems);
        }
        number
    }

    pub(super) fn medium(
        &mut self,
        file: &File,
        text: Option<Placed>,
        problems: &mut Vec<Diagnostic>,
    ) -> Option<Medium> {
        let Placed { text, place } = text?;
        let medium = Medium::ALL.into_iter().find(|medium| medium.name() == text);
        if medium.is_none() {
            let names = Medium::ALL.map(Medium::name).join(", ");
            let help = format!("where a person reads is one of {names}");
            let mistake =
                ("people-invalid", place, "`medium` is none that Hinge knows".to_owned(), help.as_str());
            self.mistake(file, mistake, problems);
        }
        medium
    }
}
