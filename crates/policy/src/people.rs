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
mod file;
mod rows;

use std::collections::{BTreeMap, HashMap};

use hinge_domain::{Department, Person};

use crate::diagnostic::{Diagnostic, Place};
use crate::directory::{Directory, File};
use entry::Entry;
use export::Export;
use file::PeopleFile;

/// The file of people, and that of an export which needs no explanation.
pub(crate) const PEOPLE_YAML: &str = "people.yaml";
const PEOPLE_CSV: &str = "people.csv";

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
    if let Some(file) = directory.file(PEOPLE_YAML) {
        if let Some(read) = yaml(file, problems) {
            exports.extend(reader.named_export(file, &read, directory, problems));
            for entry in read.people {
                reader.person(file, Entry::from(entry), problems);
            }
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

/// What is noted: code, place, message, help.
type Mistake<'a> = (&'static str, Place, String, &'a str);

fn note(file: &File, (code, place, message, help): Mistake<'_>, problems: &mut Vec<Diagnostic>) {
    file.page(problems).note(code, place, message, help);
    // The line says what is known of somebody.
    if let Some(problem) = problems.last_mut() {
        problem.text = None;
    }
}

fn yaml(file: &File, problems: &mut Vec<Diagnostic>) -> Option<PeopleFile> {
    let budget = serde_saphyr::budget! { max_nodes: 4_000_000, max_events: 10_000_000 };
    let read = serde_saphyr::from_str_with_options(&file.text, serde_saphyr::options! { budget: budget });
    read.map_err(|error| {
        let place = error.location().map_or(Place::FILE, Place::from);
        let message = error.without_snippet().to_string();
        let message = without_value(message.lines().next().unwrap_or_default());
        let help = "correct the YAML here; each person has `id` and `department`, and what rules choose by";
        note(file, ("yaml-invalid", place, message, help), problems);
    })
    .ok()
}

/// What a reader of YAML says, without the value that it found.
fn without_value(message: &str) -> String {
    match (message.find("invalid "), message.find(", expected")) {
        (Some(found), Some(expected)) if found < expected => {
            let what = message[found..expected].split(':').next().unwrap_or_default();
            format!("{}{what}{}", &message[..found], &message[expected..])
        }
        _ => message.to_owned(),
    }
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
            let message = format!("there are more than {MOST_MISTAKES} mistakes; the rest is not listed");
            let help = "correct these and check again; a mistake in every row is often one in the columns";
            note(file, ("people-invalid", Place::FILE, message, help), problems);
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
