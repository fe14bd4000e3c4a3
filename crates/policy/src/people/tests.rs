//! Files of people: what they say, and each mistake with its place and without what it says of anybody.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use hinge_domain::{Medium, Policy};
use hinge_schema::Catalogue;

use crate::{Problems, load, load_files, write_starter};

/// The starter policy with these files of people instead of its own.
fn with(files: &[(&str, &str)]) -> Result<Policy, Problems> {
    let folder = tempfile::tempdir().unwrap();
    write_starter(folder.path()).unwrap();
    fs::remove_file(folder.path().join("people.yaml")).unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    load(folder.path(), &Catalogue::builtin()).map(|loaded| loaded.policy)
}

const SOMEBODY: &str = "people:\n  - {id: f-1, department: finance, seniority: 5}\n";

/// One mistake gives one diagnostic at its place, which says these words and not those.
fn check(files: &[(&str, &str)], (file, line, column): (&str, usize, usize), code: &str, words: &[&str]) {
    let problems = with(files).map(|_| ()).unwrap_err();
    let told = problems.0.iter().find(|problem| problem.code == code);
    let told = told.unwrap_or_else(|| panic!("no `{code}` in {problems}"));
    assert!(told.file.ends_with(file), "{told}");
    assert_eq!((told.line, told.column), (line, column), "{told}");
    assert_eq!(told.text, None, "what is said of people is not repeated");
    let place = if line > 0 { format!("{file}:{line}:{column}\n") } else { format!("{file}\n") };
    assert!(told.to_string().contains(&place), "the place is: {told}");
    for word in words {
        assert!(problems.to_string().contains(word), "`{word}` is not said: {problems}");
    }
    assert!(!problems.to_string().contains("secret"), "{problems}");
}

#[test]
fn a_list_in_yaml_and_an_export_say_the_same() {
    let yaml = "
people:
  - {id: f-1, department: finance, role: clerk, seniority: 3, location: ZH, languages: [de, en],
     interests: [large-orders], medium: email}
  - {id: f-2, department: finance}
";
    let csv = "id,department,role,seniority,location,languages,interests,medium
f-1,finance,clerk,3,ZH,de;en,large-orders,email
f-2,finance,,,,,,
";
    let named = "csv: staff.csv
delimiter: \";\"
columns: {id: number, department: team, role: job, languages: speaks}
departments: {Buchhaltung: finance}
";
    let staff = "number;job;team;seniority;location;speaks;interests;medium;shoe size
f-1;clerk;Buchhaltung;3;ZH;\"de, en\";large-orders;email;41
f-2;;finance;;;;;;
";
    let people = |files: &[(&str, &str)]| {
        let policy = with(files).unwrap();
        let position = policy.departments.iter().position(|it| &*it.name == "finance").unwrap();
        policy.people.of(position).cloned().collect::<Vec<_>>()
    };
    let from_yaml = people(&[("people.yaml", yaml)]);
    assert_eq!(from_yaml, people(&[("people.csv", csv)]));
    assert_eq!(from_yaml, people(&[("people.yaml", named), ("staff.csv", staff)]));
    assert_eq!(from_yaml[0].medium, Some(Medium::Email));
    assert_eq!(from_yaml[0].languages.as_ref().unwrap()[0], "de".into());
    assert_eq!((from_yaml[1].role.as_ref(), from_yaml[1].languages.as_ref()), (None, None));
}

#[test]
fn each_mistake_in_yaml_has_its_place() {
    let yaml = |person: &str| format!("{SOMEBODY}  - {person}\n");
    for (person, column, code, words) in [
        ("{id: secret@example.org, department: finance}", 10, "people-invalid", &["e-mail address"][..]),
        ("{id: Ann Secret-secret, department: finance}", 10, "people-invalid", &["space", "own number"]),
        ("{id: sécret, department: finance}", 10, "people-invalid", &["letters, digits"]),
        ("{id: '', department: finance}", 10, "people-invalid", &["letters, digits"]),
        ("{id: f-1, department: finance}", 10, "name-duplicate", &["people.yaml:2"]),
        ("{id: f-2, department: finanze}", 27, "name-unknown", &["did you mean `finance`?", "warehouse"]),
        ("{id: f-2, department: xyz}", 27, "name-unknown", &["departments.yaml has"]),
        ("{id: f-2, department: finance, role: ' secret'}", 42, "people-invalid", &["`role` begins or ends"]),
        ("{id: f-2, department: finance, role: 'secret '}", 42, "people-invalid", &["`role` begins or ends"]),
        (
            "{id: f-2, department: finance, location: ''}",
            46,
            "people-invalid",
            &["`location` is empty", "leave out"],
        ),
        ("{id: f-2, department: finance, seniority: 2000}", 47, "value-invalid", &["0 to 1000"]),
        ("{id: f-2, department: finance, medium: secret}", 44, "people-invalid", &["inbox, email, chat"]),
        (
            "{id: f-2, department: finance, languages: [de, ' secret']}",
            52,
            "people-invalid",
            &["`languages`"],
        ),
        (
            "{id: f-2, department: finance, seniority: secret}",
            47,
            "value-invalid",
            &["`seniority` must be a whole number"],
        ),
        (
            "{id: f-2, department: finance, location: [secret]}",
            46,
            "value-invalid",
            &["`location` must be text"],
        ),
        ("{id: f-2}", 6, "key-missing", &["needs `department`"]),
        ("{id: f-2, department: finance, name: secret}", 36, "key-unknown", &["`name`"]),
    ] {
        check(&[("people.yaml", &yaml(person))], ("people.yaml", 3, column), code, words);
    }
}

#[test]
fn each_mistake_in_an_export_has_its_place() {
    let csv = |rows: &str| format!("id,department,role,seniority,languages\nf-1,finance,lead,5,de\n{rows}\n");
    for (rows, line, column, code, words) in [
        ("secret@example.org,finance,,,", 3, 1, "people-invalid", &["e-mail address"][..]),
        ("f-1,finance,,,", 3, 1, "name-duplicate", &["people.csv:2"]),
        ("f-2,finances,,,", 3, 5, "name-unknown", &["did you mean `finance`?"]),
        ("f-2,,,,", 3, 5, "name-unknown", &["`` is not a department"]),
        (",finance,,,", 3, 1, "people-invalid", &["letters, digits"]),
        ("f-2,finance,secret ,,", 3, 13, "people-invalid", &["`role` begins or ends"]),
        ("\n\nf-2,finance,,secret,", 5, 14, "people-invalid", &["`seniority`"]),
        ("f-2,finance,\"a\nsecret\",,", 3, 13, "people-invalid", &["more than one line"]),
        ("f-2,finance,secret", 3, 1, "people-invalid", &["3 cells, the header has 5"]),
        ("f-2,finance,secret,,,", 3, 1, "people-invalid", &["6 cells"]),
        ("f-2,finance,\"secret,,\nf-3,finance,,,", 3, 13, "people-invalid", &["quote"]),
    ] {
        check(&[("people.csv", &csv(rows))], ("people.csv", line, column), code, words);
    }
}

#[test]
fn an_export_that_is_not_found_or_lacks_its_columns_is_told() {
    let csv = "number,team\nf-1,finance\n";
    check(&[("people.csv", csv)], ("people.csv", 1, 1), "people-invalid", &["`id`", "number, team"]);
    let named = |text: &str| format!("csv: staff.csv\n{text}\n");
    let columns = named("columns: {id: number, department: team, role: job}");
    let files = [("people.yaml", columns.as_str()), ("staff.csv", csv)];
    check(&files, ("staff.csv", 1, 1), "people-invalid", &["`job`", "`role`"]);
    let twice = "number,team,job,job\nf-1,finance,a,b\n";
    let files = [("people.yaml", columns.as_str()), ("staff.csv", twice)];
    check(&files, ("staff.csv", 1, 1), "people-invalid", &["two columns `job`"]);
    check(&[("people.yaml", &named(""))], ("people.yaml", 1, 6), "people-invalid", &["`staff.csv`"]);
    let long = named("delimiter: ';;'");
    let files = [("people.yaml", long.as_str()), ("staff.csv", csv)];
    check(&files, ("people.yaml", 2, 12), "people-invalid", &["one character"]);
    let wrong = named("departments: {Team: finanze}");
    let files = [("people.yaml", wrong.as_str()), ("staff.csv", csv)];
    check(&files, ("people.yaml", 2, 21), "name-unknown", &["`finance`"]);
    let lost = format!("{SOMEBODY}delimiter: ';'\n");
    check(&[("people.yaml", &lost)], ("people.yaml", 3, 12), "people-invalid", &["no export is named"]);
    let files = [("people.yaml", SOMEBODY), ("staff.csv", csv)];
    check(&files, ("staff.csv", 0, 0), "file-unread", &["csv:"]);
    check(&[("people.csv", "")], ("people.csv", 0, 0), "people-invalid", &["empty"]);
}

#[test]
fn an_audience_reads_what_people_and_events_have() {
    let told = |audience: &str, people: &str| {
        let folder = tempfile::tempdir().unwrap();
        write_starter(folder.path()).unwrap();
        fs::write(folder.path().join("people.yaml"), people).unwrap();
        let path = folder.path().join("routes/20-orders.yaml");
        let text = fs::read_to_string(&path).unwrap();
        let line = text.lines().position(|line| line.contains("audience: person")).unwrap() + 1;
        let changed = text.replace("person.seniority >= 3", audience);
        fs::write(path, changed).unwrap();
        let problems = load(folder.path(), &Catalogue::builtin()).map(|_| ()).unwrap_err().0;
        assert!(problems.iter().all(|problem| problem.line == line), "{problems:?}");
        let told = problems.iter().map(|it| format!("{}: {} {}\n", it.code, it.message, it.help));
        told.collect::<Vec<_>>().concat()
    };
    for (audience, words) in [
        ("person.rôle == 'x'", "expression-invalid: "),
        ("person.senority >= 3", "fact-unknown: a person has no fact `senority`"),
        ("person.location == event.sate", "fact-unknown: `order.placed` has no fact `sate`"),
        ("size(person) > 3 && 'x' in person", "expression-invalid: `person` is taken as a whole"),
        ("person.seniority > '3'", "operands-invalid: "),
        ("person.medium == 'mail'", "symbol-unknown: "),
        ("person.role", "operands-invalid: "),
        ("people.role == 'x'", "fact-unknown: there is nothing called `people`"),
        ("person.role ==", "expression-invalid: "),
        ("loud(person.role)", "expression-invalid: there is no function `loud`"),
    ] {
        let told = told(audience, SOMEBODY);
        assert!(told.lines().any(|line| line.starts_with(words)), "{audience}: {told}");
    }
    let nobody = "people:\n  - {id: w-1, department: warehouse}\n";
    let told = told("person.seniority >= 2", nobody);
    assert!(told.starts_with("people-invalid: nobody is known"), "{told}");
}

#[test]
fn people_count_for_the_version_and_are_kept_with_it() {
    let version = |people: &str| with(&[("people.yaml", people)]).unwrap().version;
    assert_ne!(version(SOMEBODY), version(&SOMEBODY.replace("f-1", "f-2")));
    let folder = tempfile::tempdir().unwrap();
    write_starter(folder.path()).unwrap();
    fs::write(folder.path().join("people.csv"), "id,department\nw-9,warehouse\n").unwrap();
    let loaded = load(folder.path(), &Catalogue::builtin()).unwrap();
    let again = load_files(Path::new("stored"), loaded.files.clone(), &Catalogue::builtin()).unwrap();
    assert_eq!((&again.policy.version, again.policy.people.len()), (&loaded.policy.version, 7));
}

#[test]
fn many_people_are_read_from_either_file_and_too_many_are_refused() {
    let mut yaml = SOMEBODY.to_owned();
    let mut csv = "id,department,role,seniority,location,languages\nf-1,finance,lead,5,ZH,de\n".to_owned();
    for number in 0..20_000 {
        let department = ["warehouse", "finance", "quality"][number % 3];
        let _ = writeln!(
            yaml,
            "  - {{id: p-{number}, department: {department}, role: lead, seniority: 2, location: ZH, languages: [de, en]}}"
        );
        let _ = writeln!(csv, "p-{number},{department},lead,2,ZH,de;en");
    }
    assert_eq!(with(&[("people.yaml", &yaml)]).unwrap().people.len(), 20_001);
    assert_eq!(with(&[("people.csv", &csv)]).unwrap().people.len(), 20_001);
    let mut one_department = "id,department\n".to_owned();
    (0..90_000).for_each(|number| {
        let _ = writeln!(one_department, "personnel-{number},finance");
    });
    let problems = with(&[("people.csv", &one_department)]).map(|_| ()).unwrap_err().to_string();
    assert!(problems.contains("divide the department"), "{problems}");
    (0..20_000).for_each(|number| {
        let _ = writeln!(one_department, "w-{number},warehouse");
    });
    let problems = with(&[("people.csv", &one_department)]).map(|_| ()).unwrap_err().to_string();
    assert!(problems.contains("more than 100000 people"), "{problems}");
    let wrong = csv.replace("warehouse", "warehause");
    let problems = with(&[("people.csv", &wrong)]).map(|_| ()).unwrap_err();
    assert!(problems.0.len() < 60 && problems.to_string().contains("the rest is not listed"));
}
