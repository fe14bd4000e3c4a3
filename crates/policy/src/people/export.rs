//! People from an export in CSV: which column says what.

use std::collections::HashMap;

use super::entry::{Entry, Placed};
use super::rows::{Cell, Rows};
use super::{MOST_MISTAKES, Reader};
use crate::diagnostic::Diagnostic;
use crate::directory::{Directory, File};
use crate::place::Place;
use crate::yaml::{Yaml, text_of};

/// What is known of a person, in the order of an [`Entry`].
const ATTRIBUTES: [&str; 8] =
    ["id", "department", "role", "seniority", "location", "interests", "languages", "medium"];

/// How an export is to be read.
pub(super) struct Export {
    delimiter: u8,
    /// The column of each of the [`ATTRIBUTES`].
    columns: [String; 8],
    /// Whether the column was named by somebody, and so has to be there.
    named: [bool; 8],
    departments: HashMap<String, String>,
}

impl Default for Export {
    fn default() -> Self {
        Self {
            delimiter: b',',
            columns: ATTRIBUTES.map(str::to_owned),
            named: [false; 8],
            departments: HashMap::new(),
        }
    }
}

impl Reader<'_> {
    /// Reads the export that `people.yaml` names.
    pub(super) fn named_export<'d>(
        &mut self,
        file: &File,
        read: &Yaml,
        directory: &'d Directory,
        problems: &mut Vec<Diagnostic>,
    ) -> Option<&'d File> {
        let Some(name) = read.text_at("csv") else {
            let lost = ["delimiter", "columns", "departments"].into_iter().find_map(|key| read.get(key));
            if let Some(lost) = lost.filter(|_| read.get("csv").is_none()) {
                let message = "how an export is read is said, and no export is named".to_owned();
                let help = "add `csv: people.csv`, a file beside people.yaml";
                self.mistake(file, ("people-invalid", lost.into(), message, help), problems);
            }
            return None;
        };
        let Some(csv) = directory.exports().find(|csv| csv.name == name.value) else {
            let message = format!("there is no export `{}`", name.value);
            let help = "put the file beside people.yaml; its name ends in `.csv`";
            self.mistake(file, ("people-invalid", Place::from(&name), message, help), problems);
            return None;
        };
        let given = read.text_at("delimiter");
        let delimiter = match given.as_ref().map(|it| (it, it.value.as_bytes())) {
            None => b',',
            Some((_, b"tab")) => b'\t',
            Some((_, [byte])) if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => *byte,
            Some((place, _)) => {
                let message = format!("`{}` cannot stand between cells", place.value);
                let help = "give one character, such as `\";\"`, or `tab`";
                self.mistake(file, ("people-invalid", place.into(), message, help), problems);
                return Some(csv);
            }
        };
        let mut export = Export { delimiter, ..Export::default() };
        let columns = read.get("columns");
        for (position, attribute) in ATTRIBUTES.iter().enumerate() {
            if let Some(column) = columns.and_then(|columns| columns.value.text_at(attribute)) {
                export.columns[position] = column.value;
                export.named[position] = true;
            }
        }
        for (theirs, ours) in read.get("departments").map(|it| it.value.entries()).unwrap_or_default() {
            let (Some(theirs), Some(ours)) = (text_of(theirs), text_of(ours)) else { continue };
            if self.department(file, &ours.value, (&ours).into(), problems).is_some() {
                export.departments.insert(theirs.value, ours.value);
            }
        }
        self.export(csv, &export, problems);
        Some(csv)
    }

    pub(super) fn export(&mut self, file: &File, export: &Export, problems: &mut Vec<Diagnostic>) {
        let mut rows = Rows::new(&file.text, export.delimiter);
        let Some(header) = rows.next() else {
            let help = "write the names of the columns into the first line, such as `id,department,role`";
            let mistake = ("people-invalid", Place::FILE, "the export is empty".to_owned(), help);
            return self.mistake(file, mistake, problems);
        };
        let names: Vec<String> =
            header.iter().map(|cell| cell.text.clone().unwrap_or_default().trim().to_owned()).collect();
        let mut places = [None; 8];
        for (position, column) in export.columns.iter().enumerate() {
            places[position] = names.iter().position(|name| name == column);
            if names.iter().filter(|name| *name == column).count() > 1 {
                let message = format!("there are two columns `{column}`");
                let help = "give each column a name of its own";
                self.mistake(file, ("people-invalid", Place::at(1, 1), message, help), problems);
            }
            let needed = position < 2 || export.named[position];
            if places[position].is_none() && needed {
                let message = format!("there is no column `{column}` for `{}`", ATTRIBUTES[position]);
                let help = format!(
                    "the columns are {}; people.yaml can say which is which: `columns: {{{}: ..}}`",
                    names.join(", "),
                    ATTRIBUTES[position]
                );
                self.mistake(file, ("people-invalid", Place::at(1, 1), message, &help), problems);
            }
        }
        let [Some(_), Some(_), ..] = places else { return };
        for row in rows {
            if self.mistakes > MOST_MISTAKES {
                return;
            }
            let place = row.first().map_or(Place::FILE, |cell| cell.place);
            if let Some((why, place)) =
                row.iter().find_map(|cell| Some((*cell.text.as_ref().err()?, cell.place)))
            {
                let help = "correct the quotes; what follows in this file was not read";
                self.mistake(file, ("people-invalid", place, why.to_owned(), help), problems);
            } else if row.len() != names.len() {
                let message = format!("the row has {} cells, the header has {}", row.len(), names.len());
                let help = "put text that holds the delimiter into quotes, and leave no cell out";
                self.mistake(file, ("people-invalid", place, message, help), problems);
            } else {
                let entry = entry(&row, places, export);
                self.person(file, entry, problems);
            }
        }
    }
}

/// A row as an entry. What stands in an empty cell is not given.
fn entry(row: &[Cell], places: [Option<usize>; 8], export: &Export) -> Entry {
    let cell = |attribute: usize| {
        let cell = row.get(places[attribute]?)?;
        Some(Placed { text: cell.text.clone().unwrap_or_default(), place: cell.place })
    };
    let given = |attribute: usize| cell(attribute).filter(|cell| !cell.text.trim().is_empty());
    let list = |attribute: usize| {
        let Placed { text, place } = given(attribute)?;
        let items = text.split([';', ',', '|']).map(str::trim).filter(|item| !item.is_empty());
        Some(items.map(|item| Placed { text: item.to_owned(), place }).collect())
    };
    let nowhere = || Placed { text: String::new(), place: Place::FILE };
    let mut department = cell(1).unwrap_or_else(nowhere);
    if let Some(ours) = export.departments.get(&department.text) {
        department.text.clone_from(ours);
    }
    Entry {
        id: cell(0).unwrap_or_else(nowhere),
        department,
        role: given(2),
        seniority: given(3),
        location: given(4),
        interests: list(5),
        languages: list(6),
        medium: given(7),
    }
}
