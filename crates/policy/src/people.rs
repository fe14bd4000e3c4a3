//! `people.yaml` and exports in CSV: who works where, as far as rules choose by it.
//!
//! ```yaml
//! people:
//!   - {id: p-1, department: warehouse, role: driver, seniority: 2, location: SP, languages: [pt, en],
//!      interests: [fragile-goods], medium: inbox}
//! ```
//!
//! or an export beside it (`people.csv` is read without this file, if its columns are called as above; lists are
//! separated by `;`, `,` or `|` within their cell, and an empty cell is not given):
//!
//! ```yaml
//! csv: staff.csv
//! delimiter: ";"
//! columns: {id: personnel_number, department: team, location: site}
//! departments: {Lager: warehouse}      # what the export calls them: what the policy calls them
//! ```
//!
//! What is said of people is personal: no diagnostic repeats it, nor the line on which it stands.

mod entry;
mod export;
mod rows;

use std::collections::{BTreeMap, HashMap};

use hinge_domain::{Department, Person};

use crate::diagnostic::Diagnostic;
use crate::directory::{Directory, File};
use crate::form::{self, Form, Holds, Key};
use crate::place::Place;
use crate::yaml::{Node, Yaml};
use entry::Entry;
use export::Export;

/// The form of `people.yaml`.
pub(crate) const FORM: Form = Form {
    what: "people.yaml",
    doc: "Who works where, as far as rules choose by it. What is not known is left out: nothing is equal to it.",
    keys: &[
        Key::may("people", Holds::List(&Holds::Record(&PERSON)), "the people"),
        Key::may("csv", Holds::Text, "an export beside this file that names them, such as `staff.csv`"),
        Key::may("delimiter", Holds::Text, "what stands between the cells of the export; `,` unless said"),
        Key::may("columns", Holds::Record(&COLUMNS), "what the export calls its columns"),
        Key::may("departments", Holds::Values, "by their names in the export: the departments of the policy"),
    ],
};

pub(crate) const PERSON: Form = Form {
    what: "a person",
    doc: "Somebody who works here; never a name or an address.",
    keys: &[
        Key::must("id", Holds::Text, "the organisation's own number for the person"),
        Key::must("department", Holds::Text, "the department, by its name in departments.yaml"),
        Key::may("role", Holds::Text, "what the person does there, in a word"),
        Key::may("seniority", Holds::Whole(0, HIGHEST_SENIORITY), "the higher the more senior"),
        Key::may("location", Holds::Text, "where the person works, in a word"),
        Key::may("interests", Holds::Texts, "what the person asked to hear about"),
        Key::may("languages", Holds::Texts, "what the person reads, the best one first"),
        Key::may("medium", Holds::Text, "where the person reads: inbox, email, chat or webhook"),
    ],
};

const COLUMNS: Form = Form {
    what: "the columns of an export",
    doc: "What the export calls its columns; those that are called as here need not be named.",
    keys: &[
        Key::may("id", Holds::Text, "the organisation's own number for the person"),
        Key::may("department", Holds::Text, "the department"),
        Key::may("role", Holds::Text, "what the person does there"),
        Key::may("seniority", Holds::Text, "a whole number, the higher the more senior"),
        Key::may("location", Holds::Text, "where the person works"),
        Key::may("interests", Holds::Text, "what the person asked to hear about, separated by `;`"),
        Key::may("languages", Holds::Text, "what the person reads, the best one first, separated by `;`"),
        Key::may("medium", Holds::Text, "where the person reads"),
    ],
};

/// The file of people, and that of an export which needs no explanation.
pub(crate) const PEOPLE_YAML: &str = "people.yaml";
const PEOPLE_CSV: &str = "people.csv";

/// Far higher than anybody's, and still readable.
const HIGHEST_SENIORITY: i64 = 1000;

/// So many people are read; each is some hundred bytes.
const MOST: usize = 100_000;

/// An audience is kept as one record with everybody's id, chosen or not: so many bytes of ids fit.
const MOST_ID_BYTES: usize = 800_000;

/// After so many mistakes the rest is not listed.
const MOST_MISTAKES: usize = 50;

/// Reads all people; what is wrong is noted.
pub(crate) fn people(
    directory: &Directory,
    departments: &[Department],
    problems: &mut Vec<Diagnostic>,
) -> Vec<Person> {
    let mut reader = Reader { departments, found: Vec::new(), ids: HashMap::new(), mistakes: 0 };
    let mut exports = Vec::new();
    if let Some(file) = directory.file(PEOPLE_YAML)
        && let Some(read) = yaml(file, problems)
    {
        exports.extend(reader.named_export(file, &read, directory, problems));
        for person in read.get("people").map(|list| list.value.items()).unwrap_or_default() {
            reader.person(file, Entry::of(person), problems);
        }
    }
    if let Some(file) =
        directory.file(PEOPLE_CSV).filter(|file| exports.iter().all(|it| it.name != file.name))
    {
        reader.export(file, &Export::default(), problems);
        exports.push(file);
    }
    for file in directory.exports().filter(|file| exports.iter().all(|it| it.name != file.name)) {
        let help = "name it under `csv:` in people.yaml, or move it away";
        note(file, ("file-unread", Place::FILE, "is not read".to_owned(), help), problems);
    }
    reader.check_whole(directory, problems);
    reader.found
}

/// The people that stand as a list somewhere else, such as in a test.
pub(crate) fn given(
    file: &File,
    list: &Node,
    departments: &[Department],
    problems: &mut Vec<Diagnostic>,
) -> Vec<Person> {
    let mut reader = Reader { departments, found: Vec::new(), ids: HashMap::new(), mistakes: 0 };
    for person in list.value.items() {
        reader.person(file, Entry::of(person), problems);
    }
    reader.found
}

/// What is noted: code, place, message, help.
type Mistake<'a> = (&'static str, Place, String, &'a str);

fn note(file: &File, (code, place, message, help): Mistake<'_>, problems: &mut Vec<Diagnostic>) {
    // The line says what is known of somebody.
    file.page(problems).note(code, place, message, help).text = None;
}

/// Reads `people.yaml`; what is said of its form does not repeat what is said of people.
fn yaml(file: &File, problems: &mut Vec<Diagnostic>) -> Option<Yaml> {
    let before = problems.len();
    let read = form::read(&mut file.page(problems), &FORM);
    if problems.len() > before + MOST_MISTAKES {
        problems.truncate(before + MOST_MISTAKES);
        note(file, too_many(), problems);
    }
    for problem in &mut problems[before..] {
        problem.text = None;
        if let Some(end) = problem.message.find(" cannot be ") {
            problem.message.truncate(end);
            problem.message.push_str(" has a value that it cannot have");
        }
    }
    read
}

fn too_many() -> Mistake<'static> {
    let message = format!("there are more than {MOST_MISTAKES} mistakes; the rest is not listed");
    let help = "correct these and check again; a mistake in every row is often one in the columns";
    ("people-invalid", Place::FILE, message, help)
}

struct Reader<'a> {
    departments: &'a [Department],
    found: Vec<Person>,
    /// Where each id was seen first.
    ids: HashMap<String, String>,
    mistakes: usize,
}

impl Reader<'_> {
    fn mistake(&mut self, file: &File, mistake: Mistake<'_>, problems: &mut Vec<Diagnostic>) {
        self.mistakes += 1;
        if self.mistakes <= MOST_MISTAKES {
            note(file, mistake, problems);
        } else if self.mistakes == MOST_MISTAKES + 1 {
            note(file, too_many(), problems);
        }
    }

    fn person(&mut self, file: &File, entry: Entry, problems: &mut Vec<Diagnostic>) {
        let id = self.id(file, &entry.id, problems);
        let department = self.department(file, &entry.department.text, entry.department.place, problems);
        let role = self.text(file, "role", entry.role, problems);
        let seniority = self.seniority(file, entry.seniority, problems);
        let location = self.text(file, "location", entry.location, problems);
        let interests = self.texts(file, "interests", entry.interests, problems);
        let languages = self.texts(file, "languages", entry.languages, problems);
        let medium = self.medium(file, entry.medium, problems);
        if self.found.len() == MOST {
            let help = "name those whom rules choose by, or several policies for several organisations";
            let message = format!("more than {MOST} people");
            self.found.clear();
            return self.mistake(file, ("people-invalid", entry.id.place, message, help), problems);
        }
        if let (Some(id), Some(department)) = (id, department) {
            self.found.push(Person {
                id,
                department,
                role,
                seniority,
                location,
                interests,
                languages,
                medium,
            });
        }
    }

    /// What only all people together can get wrong.
    fn check_whole(&mut self, directory: &Directory, problems: &mut Vec<Diagnostic>) {
        let mut bytes: BTreeMap<&str, usize> = BTreeMap::new();
        for person in &self.found {
            *bytes.entry(&person.department).or_default() += person.id.len() + 3;
        }
        let large = bytes.into_iter().find(|(_, bytes)| *bytes > MOST_ID_BYTES);
        let large = large.map(|(department, bytes)| (department.to_owned(), bytes));
        let file = directory.file(PEOPLE_YAML).or(directory.exports().next());
        if let (Some((department, bytes)), Some(file)) = (large, file) {
            let message = format!("the ids of the people of `{department}` have {bytes} bytes together");
            let help =
                format!("at most {MOST_ID_BYTES} fit into the record of an audience: divide the department");
            self.mistake(file, ("people-invalid", Place::FILE, message, &help), problems);
        }
    }
}

#[cfg(test)]
mod tests;
