//! One person as written, in whichever file, and the checks of each thing that is said.

use std::sync::Arc;

use hinge_domain::Medium;
use serde_saphyr::Spanned;

use super::Reader;
use super::file::PersonEntry;
use crate::diagnostic::{Diagnostic, Place};
use crate::directory::File;

/// The longest id and the longest text, in bytes.
const LONGEST_ID: usize = 64;
const LONGEST_TEXT: usize = 200;

/// The most interests or languages.
const MOST_ITEMS: usize = 50;

/// Far higher than anybody's, and still readable.
const HIGHEST_SENIORITY: i64 = 1000;

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

impl From<PersonEntry> for Entry {
    fn from(entry: PersonEntry) -> Self {
        let all = |texts: Vec<Spanned<String>>| texts.into_iter().map(Placed::from).collect();
        Self {
            id: entry.id.into(),
            department: entry.department.into(),
            role: entry.role.map(Placed::from),
            seniority: entry.seniority.map(Placed::from),
            location: entry.location.map(Placed::from),
            interests: entry.interests.map(all),
            languages: entry.languages.map(all),
            medium: entry.medium.map(Placed::from),
        }
    }
}

impl Reader<'_> {
    pub(super) fn id(
        &mut self,
        file: &File,
        id: &Placed,
        problems: &mut Vec<Diagnostic>,
    ) -> Option<Arc<str>> {
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
            self.ids.insert(id.text.clone(), format!("{}:{}", file.name, id.place.line()));
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
        if let Some(department) = self.departments.iter().find(|it| *it.name == *name) {
            return Some(Arc::clone(&department.name));
        }
        let names: Vec<&str> = self.departments.iter().map(|it| it.name.as_ref()).collect();
        let near = names.iter().map(|known| (strsim::osa_distance(known, name), known)).min();
        let near = near.filter(|(distance, known)| *distance <= known.len() / 3);
        let near = near.map_or_else(String::new, |(_, known)| format!("did you mean `{known}`? "));
        let help = format!("{near}departments.yaml has {}", names.join(", "));
        self.mistake(file, ("name-unknown", place, format!("`{name}` is not a department"), &help), problems);
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
