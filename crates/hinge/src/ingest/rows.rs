//! The rows of a file, as CSV or as JSON lines, each with the number of its line.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use hinge_domain::Row;
use indicatif::ProgressBar;

use super::csv_rows::CsvRows;
use super::json_rows::JsonRows;
use super::lines::{Broken, Lines};

/// A row with the number of the line where it begins, or what stands there instead.
pub(super) struct Numbered {
    /// The line, from 1.
    pub(super) line: u64,
    /// The row.
    pub(super) row: Result<Row, BadRow>,
}

/// Text that cannot be read as a row.
#[derive(Debug)]
pub(super) struct BadRow {
    /// Why.
    pub(super) reason: String,
    /// Its beginning, as far as it is text.
    pub(super) text: String,
    /// Whether the file cannot be read from here on.
    pub(super) cut_off: bool,
}

impl BadRow {
    /// The most of a bad row that is kept, in bytes.
    const KEPT_BYTES: usize = 64 * 1024;

    pub(super) fn new(reason: impl Into<String>, bytes: &[u8]) -> Self {
        let kept = &bytes[..bytes.len().min(Self::KEPT_BYTES)];
        Self { reason: reason.into(), text: String::from_utf8_lossy(kept).into_owned(), cut_off: false }
    }

    pub(super) fn broken(broken: &Broken, bytes: &[u8]) -> Self {
        Self { cut_off: matches!(broken, Broken::CutOff(_)), ..Self::new(broken.to_string(), bytes) }
    }
}

/// The rows of one file, in order.
pub(super) struct Rows {
    path: PathBuf,
    format: Format,
}

enum Format {
    Csv(Box<CsvRows>),
    Json(JsonRows),
    /// Nothing at all, not even names of columns.
    Empty,
}

impl Rows {
    /// Opens a file. Its name tells the format; where it does not, an object at its beginning means JSON.
    pub(super) fn open(path: &Path, delimiter: u8, progress: &ProgressBar) -> Result<Self> {
        let mut lines = Lines::open(path, progress)?;
        let named = match bare_extension(path).as_deref() {
            Some("json" | "jsonl" | "ndjson") => Some(true),
            Some("csv" | "tsv") => Some(false),
            Some(_) | None => None,
        };
        let is_json = named.unwrap_or_else(|| lines.first_byte() == Some(b'{'));
        let format = if is_json {
            JsonRows::new(lines).map(Format::Json)
        } else {
            CsvRows::new(lines, delimiter)
                .map(|rows| rows.map_or(Format::Empty, |rows| Format::Csv(Box::new(rows))))
        };
        let format = format.with_context(|| format!("`{}` cannot be read", path.display()))?;
        Ok(Self { path: path.to_owned(), format })
    }

    /// Whether there is nothing in the file at all, not even names of columns.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self.format, Format::Empty)
    }

    /// Refuses a file that lacks columns which the mapping reads. JSON lines have no columns to look at:
    /// what an object lacks is absent.
    pub(super) fn check_columns(&self, read: &BTreeSet<&str>) -> Result<()> {
        let Format::Csv(rows) = &self.format else { return Ok(()) };
        let has = |name: &str| rows.columns().iter().any(|column| **column == *name);
        let missing: Vec<&str> = read.iter().copied().filter(|name| !has(name)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let present: Vec<&str> = rows.columns().iter().map(AsRef::as_ref).collect();
        let advice = if present.len() == 1 {
            "; if cells are not divided by commas, say so in the mapping, such as `delimiter: \";\"`"
        } else {
            ""
        };
        bail!(
            "`{}` has no column `{}`, which the mapping reads; it has `{}`{advice}",
            self.path.display(),
            missing.join("`, `"),
            present.join("`, `")
        )
    }

    /// The next row.
    pub(super) fn next(&mut self) -> Option<Numbered> {
        match &mut self.format {
            Format::Csv(rows) => rows.next(),
            Format::Json(rows) => rows.next(),
            Format::Empty => None,
        }
    }
}

/// The ending of a file's name, without `.gz`, in small letters.
fn bare_extension(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    name.rsplit_once('.').map(|(_, extension)| extension.to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// The rows of a file with this name and content: `line: cells` or `line! reason`.
    fn rows(name: &str, content: &[u8]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        let mut rows = Rows::open(&path, b',', &ProgressBar::hidden()).unwrap();
        let shown = |numbered: Numbered| match numbered.row {
            Ok(row) => {
                let cells: Vec<_> = row.iter().map(|(name, value)| format!("{name}={value}")).collect();
                format!("{}: {}", numbered.line, cells.join(" "))
            }
            Err(bad) => format!("{}! {}", numbered.line, bad.reason),
        };
        std::iter::from_fn(|| rows.next()).map(shown).collect()
    }

    #[test]
    fn csv_is_read_as_people_and_programs_write_it() {
        for (content, expected) in [
            ("a,b\n1,2\n", vec!["2: a=1 b=2"]),
            ("\u{feff}a,b\r\n1,2\r\n\r\n3,4", vec!["2: a=1 b=2", "4: a=3 b=4"]),
            ("a, b \n 1 ,\n", vec!["2: a=1 b=(not given)"]),
            ("a,b\n\"x, \"\"y\"\"\",2\n", vec!["2: a=x, \"y\" b=2"]),
            ("a,b\n\"two\nlines\",2\n3,4\n", vec!["2: a=two\nlines b=2", "4: a=3 b=4"]),
            ("a,b\n5\" pipe,2\n", vec!["2: a=5\" pipe b=2"]),
            (",a\n0,1\n", vec!["2: a=1"]),
            ("a,b\n", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(rows("orders.csv", content.as_bytes()), expected, "{content:?}");
        }
    }

    #[test]
    fn a_broken_row_is_told_and_the_next_one_goes_on() {
        let open = "a quote is opened and not closed";
        for (content, expected) in [
            ("a,b\n\"1,2\n3,4\n", vec![format!("2! {open}"), "3: a=3 b=4".into()]),
            (
                "a,b\n\"1,2\n3,4\n\"5\",6\n7,8\n",
                vec![
                    "2! something follows a closing quote in its cell".into(),
                    "3: a=3 b=4".into(),
                    "4: a=5 b=6".into(),
                    "5: a=7 b=8".into(),
                ],
            ),
            (
                "a,b\n\"1\"x,2\n3,4\n",
                vec!["2! something follows a closing quote in its cell".into(), "3: a=3 b=4".into()],
            ),
            (
                "a,b\n1\n3,4,5\n6,7\n",
                vec![
                    "2! it has 1 cells, the header has 2".into(),
                    "3! it has 3 cells, the header has 2".into(),
                    "4: a=6 b=7".into(),
                ],
            ),
        ] {
            assert_eq!(rows("orders.csv", content.as_bytes()), expected, "{content:?}");
        }
        let return_inside = rows("orders.csv", b"a,b\n1,2\r3,4\n5,6\n");
        assert!(
            return_inside[0].contains("a carriage return") && return_inside.len() == 2,
            "{return_inside:?}"
        );
        let latin = rows("orders.csv", b"a,b\nZ\xfcrich,2\n3,4\n");
        assert!(latin[0].starts_with("2! it is not UTF-8") && latin[1] == "3: a=3 b=4", "{latin:?}");
    }

    #[test]
    fn whatever_the_bytes_reading_goes_on_to_the_end() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..300 {
            let alphabet = b"\"\"\",,\n\n\r{}:ab1 \xff\xe9";
            let noise: Vec<u8> = (0..200).map(|_| alphabet[random.usize(..alphabet.len())]).collect();
            for (name, head) in [("orders.csv", &b"a,b\n"[..]), ("orders.jsonl", b"{}\n")] {
                let content = [head, &noise, b"\n1,2\n{\"a\": 1}"].concat();
                let read = rows(name, &content);
                let last = content.split(|byte| *byte == b'\n').count();
                assert!(read.last().unwrap().starts_with(&last.to_string()), "{content:?} {read:?}");
            }
        }
    }

    #[test]
    fn json_lines_are_objects_and_null_is_absent() {
        let content = "{\"a\": 1, \"b\": null}\n\n[1]\n{\"a\": \n{\"a\": {\"x\": [1.5, \"y\"]}}\n";
        let expected = [
            "1: a=1 b=(not given)",
            "3! not a JSON object",
            "4! not JSON from line 1 column 6 on",
            "5: a={\"x\":[\"1.5\",\"y\"]}",
        ];
        assert_eq!(rows("orders.jsonl", content.as_bytes()), expected);
        assert_eq!(rows("orders.txt", content.as_bytes()), expected);
        let deep = format!("{{\"a\": {}{}}}\n", "[".repeat(100_000), "]".repeat(100_000));
        assert!(rows("orders.jsonl", deep.as_bytes())[0].contains("nested deeper"));
    }

    #[test]
    fn a_missing_column_is_named_beside_those_that_there_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orders.csv");
        fs::write(&path, "number;total\n1;2\n").unwrap();
        let rows = Rows::open(&path, b',', &ProgressBar::hidden()).unwrap();
        let why = rows.check_columns(&BTreeSet::from(["number", "total"])).unwrap_err().to_string();
        assert!(why.contains("no column `number`, `total`") && why.contains("delimiter"), "{why}");
        let rows = Rows::open(&path, b';', &ProgressBar::hidden()).unwrap();
        rows.check_columns(&BTreeSet::from(["total"])).unwrap();
        fs::write(&path, "a,a\n").unwrap();
        assert!(Rows::open(&path, b',', &ProgressBar::hidden()).is_err());
    }
}
