//! The README is true: its examples work, its tables agree with the program.

use std::fs;
use std::path::Path;

use hinge_schema::Catalogue;
use hinge_tests::program::{Running, hinge};

fn readme() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).unwrap()
}

/// The code blocks of a kind, in order, without their indentation.
fn blocks(kind: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, Vec<String>)> = None;
    for line in readme().lines() {
        match &mut open {
            None if line.trim_start() == format!("```{kind}") => {
                open = Some((line.len() - line.trim_start().len(), Vec::new()));
            }
            Some((_, lines)) if line.trim_start() == "```" => {
                blocks.push(lines.join("\n"));
                open = None;
            }
            Some((indent, lines)) => lines.push(line.get(*indent..).unwrap_or_default().to_owned()),
            None => {}
        }
    }
    blocks
}

/// What the program writes when it is started in `folder` with this line.
fn said(folder: &Path, line: &str) -> String {
    Running::start(hinge(line.split(' ')).current_dir(folder)).ended().well().output
}

#[test]
fn the_mapping_of_the_readme_brings_in_its_orders_and_the_new_department_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let yaml = blocks("yaml");
    let [mapping, department, route, people, audience] = yaml.as_slice() else {
        panic!("five blocks of YAML: {yaml:?}")
    };
    assert!(mapping.lines().count() <= 10, "ten lines are enough");
    hinge_policy::write_starter(&at("policy")).unwrap();
    let departments = at("policy/departments.yaml");
    let added = department.strip_prefix("departments:\n").unwrap();
    let with_it = fs::read_to_string(&departments).unwrap() + added + "\n";
    fs::write(&departments, with_it).unwrap();
    fs::write(at("policy/routes/50-returns.yaml"), route).unwrap();
    let added = people.strip_prefix("people:\n").unwrap();
    let with_them = fs::read_to_string(at("policy/people.yaml")).unwrap() + added + "\n";
    fs::write(at("policy/people.yaml"), with_them).unwrap();
    fs::write(at("policy/routes/60-returns.yaml"), audience).unwrap();
    hinge_policy::load(&at("policy"), &Catalogue::builtin()).unwrap();
    fs::write(at("mapping.yaml"), mapping).unwrap();
    let rows = "number,ordered_at,total,promised\nA-1,2026-03-02 09:00:00,49.90,2026-03-05\n";
    fs::write(at("orders.csv"), rows).unwrap();

    // The commands of the README, as they stand there.
    let readme = readme();
    let commands = readme
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("hinge ") && line.contains("--data data"));
    let mut told = String::new();
    for command in commands {
        let words: Vec<&str> = command.split_whitespace().skip(1).collect();
        told = said(folder.path(), &words.join(" "));
    }
    assert!(told.contains("Order A-1: promised for 2026-03-05"), "{told}");
}

#[test]
fn every_command_of_the_program_is_in_the_feature_table() {
    let help = said(Path::new("."), "--help");
    let commands =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let named = commands
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next().filter(|word| !word.is_empty()));
    let readme = readme();
    let named: Vec<&str> = named.filter(|command| *command != "help").collect();
    assert!(named.len() >= 9, "{named:?}");
    for command in named {
        assert!(readme.contains(&format!("`hinge {command}")), "{command}");
    }
}

#[test]
fn the_exit_codes_of_the_readme_are_those_of_the_program() {
    let readme = readme();
    for line in said(Path::new("."), "explain exit-codes").lines() {
        let (number, meaning) = line.trim().split_once("  ").unwrap();
        assert!(readme.contains(&format!("| {number} | {meaning} |")), "{number} {meaning}");
    }
}

#[test]
fn every_path_that_the_readme_links_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let readme = readme();
    let links = readme.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    for link in links.filter(|link| !link.starts_with("http")) {
        assert!(root.join(link).exists(), "{link}");
    }
}
