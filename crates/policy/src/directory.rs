//! The files of a policy directory: which there are, their texts, and the version that they make together.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hinge_domain::nearest;
use sha2::{Digest, Sha256};

use crate::diagnostic::{Diagnostic, Page};
use crate::people::PEOPLE_YAML;
use crate::place::Place;

/// The largest file that is read, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// The same of files of people.
const LARGEST_OF_PEOPLE: u64 = 16 * 1024 * 1024;

/// The ending of exports of people.
const EXPORT: &str = "csv";

/// The folders whose files count, by their endings.
const FOLDERS: [(&str, &str); 4] =
    [("routes", "yaml"), ("templates", "md"), ("sources", "yaml"), ("sources", "avsc")];

/// A file of a policy, wherever it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyFile {
    /// The path within the directory, with `/` between its parts.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// One file.
pub(crate) struct File {
    /// The path as the operator gave it.
    pub(crate) path: PathBuf,
    /// The path within the directory, with `/` between its parts.
    pub(crate) name: String,
    /// Its text.
    pub(crate) text: String,
}

/// All files of a policy directory that belong to the policy, in order of name.
pub(crate) struct Directory {
    files: Vec<File>,
}

impl Directory {
    /// Reads the directory; files that cannot be read are noted.
    pub(crate) fn read(root: &Path, problems: &mut Vec<Diagnostic>) -> Self {
        if !root.is_dir() {
            note_unreadable(root, "there is no such directory", problems);
            return Self { files: Vec::new() };
        }
        note_unread(root, problems);
        warn_unread(root, problems);
        let mut names: Vec<String> =
            ["policy.yaml", "departments.yaml", "chain.yaml"].map(str::to_owned).to_vec();
        for (folder, ending) in FOLDERS {
            match entries(&root.join(folder), ending) {
                Ok(found) => names.extend(found.into_iter().map(|name| format!("{folder}/{name}"))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => note_unreadable(&root.join(folder), &error.to_string(), problems),
            }
        }
        names.extend(root.join(PEOPLE_YAML).exists().then(|| PEOPLE_YAML.to_owned()));
        match entries(root, EXPORT) {
            Ok(found) => names.extend(found),
            Err(error) => note_unreadable(root, &error.to_string(), problems),
        }
        names.sort();
        let mut files = Vec::new();
        for name in names {
            let path = root.join(&name);
            if fs::metadata(&path).is_ok_and(|found| found.len() > largest(&name)) {
                note_too_large(&path, &name, problems);
                continue;
            }
            match read(&path, largest(&name)) {
                Ok(text) => files.push(File { path, name, text }),
                Err(why) => note_unreadable(&path, &why, problems),
            }
        }
        Self { files }
    }

    /// The same of files that come from elsewhere, such as a stored version; `root` stands before their names
    /// in what is said of them.
    pub(crate) fn of(root: &Path, mut files: Vec<PolicyFile>) -> Self {
        files.sort_by(|one, other| one.name.cmp(&other.name));
        let file = |PolicyFile { name, text }| File { path: root.join(&name), name, text };
        Self { files: files.into_iter().map(file).collect() }
    }

    /// The files, to be kept elsewhere.
    pub(crate) fn into_files(self) -> Vec<PolicyFile> {
        self.files.into_iter().map(|File { name, text, .. }| PolicyFile { name, text }).collect()
    }

    /// The file of this name, if it could be read.
    pub(crate) fn file(&self, name: &str) -> Option<&File> {
        self.files.iter().find(|file| file.name == name)
    }

    /// Exports of people, in order of name.
    pub(crate) fn exports(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| is_export(&file.name) && !file.name.contains('/'))
    }

    /// The files below a folder, in order of name.
    pub(crate) fn below(&self, folder: &str) -> impl Iterator<Item = &File> {
        self.files
            .iter()
            .filter(move |file| file.name.split('/').next() == Some(folder) && file.name != folder)
    }

    /// A short hash over all names and texts: the policy's version.
    pub(crate) fn version(&self) -> Arc<str> {
        let mut hash = Sha256::new();
        for file in &self.files {
            for part in [file.name.as_bytes(), file.text.as_bytes()] {
                hash.update((part.len() as u64).to_le_bytes());
                hash.update(part);
            }
        }
        let digest = hash.finalize();
        let short = digest[..6].iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        format!("{short:012x}").into()
    }
}

impl File {
    /// The file as a page to note problems on.
    pub(crate) fn page<'a>(&'a self, problems: &'a mut Vec<Diagnostic>) -> Page<'a> {
        Page { path: &self.path, text: &self.text, problems }
    }
}

fn entries(folder: &Path, ending: &str) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if Path::new(&name).extension().is_some_and(|found| found == ending) && !name.starts_with('.') {
            names.push(name);
        }
    }
    Ok(names)
}

fn is_export(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|ending| ending == EXPORT)
}

fn largest(name: &str) -> u64 {
    if name == PEOPLE_YAML || is_export(name) { LARGEST_OF_PEOPLE } else { LARGEST }
}

fn read(path: &Path, largest: u64) -> Result<String, String> {
    if !fs::metadata(path).map_err(|error| error.to_string())?.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(|error| error.to_string())?;
    file.take(largest + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > largest {
        return Err(format!("it is larger than {largest} bytes"));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        format!(
            "it is not UTF-8 text (byte {} is the first that is not)",
            error.utf8_error().valid_up_to() + 1
        )
    })?;
    Ok(text.strip_prefix('\u{feff}').map_or(text.clone(), str::to_owned))
}

/// What a policy directory has beside folders.
const FILES: [&str; 4] = ["policy.yaml", "departments.yaml", "chain.yaml", PEOPLE_YAML];

/// Warns of files and folders beside those that are read, if they look as if they were meant to be.
fn warn_unread(root: &Path, problems: &mut Vec<Diagnostic>) {
    let mut entries: Vec<_> = fs::read_dir(root).into_iter().flatten().flatten().collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let folder = path.is_dir();
        let read = if folder {
            FOLDERS.iter().any(|(known, _)| *known == name)
        } else {
            FILES.contains(&name.as_str()) || is_export(&name)
        };
        if read || name.starts_with('.') {
            continue;
        }
        let meant =
            if folder { nearest(&name, FOLDERS.map(|(known, _)| known)) } else { nearest(&name, FILES) };
        if meant.is_none() && !(if folder { holds_policy(&path) } else { is_of_policy(&path) }) {
            continue;
        }
        let help = match meant {
            Some(_) => "it is read under that name only; move it away if it is something else".to_owned(),
            None if folder => {
                "rules stand in `routes/`, texts in `templates/`, other systems in `sources/`: put its files there, or \
                 move it away"
                    .to_owned()
            }
            None => format!("rules stand in `routes/`: name it `routes/{name}` if it holds rules, or move it away"),
        };
        let what = if folder { "the folder is not read" } else { "the file is not read" };
        let mut page = Page { path: &path, text: "", problems };
        page.warn("file-unread", Place::FILE, what.to_owned(), &help).suggestion = meant.map(str::to_owned);
    }
}

/// Whether a file ends as those of a policy do; a text beside them may be anything, such as a README.
fn is_of_policy(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ["yaml", "yml", "avsc"].iter().any(|known| ending == *known))
}

fn holds_policy(folder: &Path) -> bool {
    fs::read_dir(folder).into_iter().flatten().flatten().any(|entry| is_of_policy(&entry.path()))
}

/// Files where rules and texts are looked for, but with a name that is not: most likely a slip.
fn note_unread(root: &Path, problems: &mut Vec<Diagnostic>) {
    for (folder, ending) in [("routes", "yaml"), ("templates", "md"), ("sources", "yaml")] {
        let counts = |found: &OsStr| FOLDERS.iter().any(|it| it.0 == folder && found == it.1);
        for entry in fs::read_dir(root.join(folder)).into_iter().flatten().flatten() {
            let path = entry.path();
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            if !hidden && (path.is_dir() || path.extension().is_none_or(|found| !counts(found))) {
                let mut page = Page { path: &path, text: "", problems };
                let help =
                    format!("name it `*.{ending}` and put it into `{folder}/` itself, or move it away");
                page.note("file-unread", Place::FILE, "the file is not read".to_owned(), &help);
            }
        }
    }
}

fn note_too_large(path: &Path, name: &str, problems: &mut Vec<Diagnostic>) {
    let mut page = Page { path, text: "", problems };
    let help = match name.split('/').next() {
        Some("routes") => {
            "divide its rules over several files in `routes/`, each with `routes:`; all of them are read"
        }
        Some("templates") => "shorten the text; a notification says what happened and what to do",
        Some("sources") => "divide it over several files in `sources/`",
        _ if largest(name) == LARGEST_OF_PEOPLE => "leave out columns and people by whom no rule chooses",
        _ => "shorten it; comments count too",
    };
    let message = format!("the file is larger than {} bytes", largest(name));
    page.note("file-unreadable", Place::FILE, message, help);
}

fn note_unreadable(path: &Path, why: &str, problems: &mut Vec<Diagnostic>) {
    let mut page = Page { path, text: "", problems };
    let help = "a policy directory has policy.yaml, departments.yaml, chain.yaml, routes/*.yaml, \
                templates/*.md, and maybe people.yaml, an export in CSV and sources/*.yaml; `hinge init DIR` writes \
                one to start from";
    page.note("file-unreadable", Place::FILE, format!("the file or folder cannot be read: {why}"), help);
}
