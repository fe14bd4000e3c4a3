//! `people.yaml` as it is written: places, nothing checked yet.

use std::collections::HashMap;

use serde::Deserialize;
use serde_saphyr::Spanned;

/// The whole file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PeopleFile {
    #[serde(default)]
    pub(super) people: Vec<PersonEntry>,
    pub(super) csv: Option<Spanned<String>>,
    pub(super) delimiter: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) columns: Columns,
    #[serde(default)]
    pub(super) departments: HashMap<String, Spanned<String>>,
}

/// What stands under `people:`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PersonEntry {
    pub(super) id: Spanned<String>,
    pub(super) department: Spanned<String>,
    pub(super) role: Option<Spanned<String>>,
    pub(super) seniority: Option<Spanned<String>>,
    pub(super) location: Option<Spanned<String>>,
    pub(super) interests: Option<Vec<Spanned<String>>>,
    pub(super) languages: Option<Vec<Spanned<String>>>,
    pub(super) medium: Option<Spanned<String>>,
}

/// Which column says what.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Columns {
    pub(super) id: Option<Spanned<String>>,
    pub(super) department: Option<Spanned<String>>,
    pub(super) role: Option<Spanned<String>>,
    pub(super) seniority: Option<Spanned<String>>,
    pub(super) location: Option<Spanned<String>>,
    pub(super) interests: Option<Spanned<String>>,
    pub(super) languages: Option<Spanned<String>>,
    pub(super) medium: Option<Spanned<String>>,
}

impl Columns {
    /// The attributes in the order of `ATTRIBUTES`, each with its column, if one is named.
    pub(super) fn named(&self) -> [Option<&Spanned<String>>; 8] {
        [
            &self.id,
            &self.department,
            &self.role,
            &self.seniority,
            &self.location,
            &self.interests,
            &self.languages,
            &self.medium,
        ]
        .map(Option::as_ref)
    }
}
