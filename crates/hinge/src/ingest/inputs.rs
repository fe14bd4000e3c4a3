//! Which files hold the rows that a mapping speaks of.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use hinge_domain::Mapping;

/// What may follow a file's name in the mapping.
const ENDINGS: &[&str] = &[
    "",
    ".csv",
    ".csv.gz",
    ".tsv",
    ".tsv.gz",
    ".jsonl",
    ".jsonl.gz",
    ".ndjson",
    ".ndjson.gz",
    ".json",
    ".json.gz",
];

/// The files of one run.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Inputs {
    /// The files whose rows are mapped, in order.
    pub(super) rows: Vec<PathBuf>,
    /// The file of each join, in the mapping's order.
    pub(super) joins: Vec<PathBuf>,
}

impl Inputs {
    /// Finds the files that the mapping names in a folder.
    pub(super) fn in_folder(mapping: &Mapping, folder: &Path) -> Result<Self> {
        let rows = mapping.rows.as_deref().context(
            "the mapping does not say whose rows it maps: write `rows: NAME` into it, or give the files \
             instead of `--from`",
        )?;
        let joins = mapping.joins.iter().map(|join| find(folder, &join.file));
        Ok(Self { rows: vec![find(folder, rows)?], joins: joins.collect::<Result<_>>()? })
    }

    /// Sorts given files: those that a join names by their names, the others have the rows.
    pub(super) fn among(mapping: &Mapping, files: &[PathBuf]) -> Result<Self> {
        let is_called = |file: &Path, name: &str| {
            let file = file.file_name().and_then(|file| file.to_str()).unwrap_or_default();
            file.strip_prefix(name).is_some_and(|ending| ENDINGS.contains(&ending))
        };
        let joins = mapping.joins.iter().map(|join| {
            let file = files.iter().find(|file| is_called(file, &join.file)).cloned();
            file.with_context(|| {
                format!(
                    "the mapping looks up rows of `{0}`; give that file too, such as `{0}.csv`",
                    join.file
                )
            })
        });
        let joins: Vec<PathBuf> = joins.collect::<Result<_>>()?;
        let rows: Vec<PathBuf> = files.iter().filter(|file| !joins.contains(file)).cloned().collect();
        if rows.is_empty() {
            bail!("every file given is looked up by the mapping; give the file whose rows it maps too");
        }
        Ok(Self { rows, joins })
    }
}

/// The one file in the folder that is called so.
fn find(folder: &Path, name: &str) -> Result<PathBuf> {
    let candidates = ENDINGS.iter().map(|ending| folder.join(format!("{name}{ending}")));
    let found: Vec<PathBuf> = candidates.filter(|path| path.is_file()).collect();
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => bail!(
            "there is no file `{}` with one of the endings {}",
            folder.join(name).display(),
            ENDINGS[1..].join(" ")
        ),
        [one, other, ..] => bail!(
            "both `{}` and `{}` are there; remove one, or give the files instead of `--from`",
            one.display(),
            other.display()
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use hinge_schema::Catalogue;

    use super::*;

    fn mapping(rows: &str) -> Mapping {
        let text = format!(
            "source: urn:example:shop\nzone: UTC\n{rows}\njoin: {{customer: {{file: customers, key: id}}}}\n\
             subject: row.id\nevents:\n  - {{type: order.confirmed, id: row.id, time: row.at}}\n"
        );
        hinge_policy::parse_mapping(Path::new("mapping.yaml"), &text, &Catalogue::builtin()).unwrap()
    }

    #[test]
    fn files_are_found_by_name_whatever_they_are_packed_in() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let found =
            |rows: &str| Inputs::in_folder(&mapping(rows), folder.path()).map_err(|why| why.to_string());
        assert!(found("rows: orders").unwrap_err().contains("no file"));
        fs::write(path("orders.csv.gz"), "").unwrap();
        fs::write(path("customers.jsonl"), "").unwrap();
        let expected = Inputs { rows: vec![path("orders.csv.gz")], joins: vec![path("customers.jsonl")] };
        assert_eq!(found("rows: orders"), Ok(expected));
        assert!(found("").unwrap_err().contains("rows: NAME"));
        fs::write(path("orders.csv"), "").unwrap();
        assert!(found("rows: orders").unwrap_err().contains("both"));
    }

    #[test]
    fn given_files_that_no_join_names_have_the_rows() {
        let among = |files: &[&str]| {
            let files: Vec<PathBuf> = files.iter().map(PathBuf::from).collect();
            Inputs::among(&mapping(""), &files).map_err(|why| why.to_string())
        };
        let inputs = among(&["a/march.csv", "a/customers.csv.gz", "a/april.csv"]).unwrap();
        assert_eq!(inputs.rows, [PathBuf::from("a/march.csv"), "a/april.csv".into()]);
        assert_eq!(inputs.joins, [PathBuf::from("a/customers.csv.gz")]);
        assert!(among(&["march.csv"]).unwrap_err().contains("`customers.csv`"));
        assert!(among(&["customers.csv"]).unwrap_err().contains("whose rows"));
    }
}
