//! The schemas say of each file what the loader says.

use std::fs;
use std::path::{Path, PathBuf};

use hinge_schema::Catalogue;

use super::*;
use crate::diagnostic::Page;
use crate::form;
use crate::yaml::{self, Yaml};

/// A file as the JSON that an editor's validator sees.
fn as_json(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::Null => Value::Null,
        Yaml::Bool(value) => json!(value),
        Yaml::Number(number) => serde_json::from_str(number).unwrap(),
        Yaml::Text(text) => json!(text),
        Yaml::List(items) => items.iter().map(|item| as_json(&item.value)).collect(),
        Yaml::Map(entries) => {
            let named = |(name, value): &(yaml::Node, yaml::Node)| {
                (name.value.text().unwrap_or_default().to_owned(), as_json(&value.value))
            };
            Value::Object(entries.iter().map(named).collect())
        }
    }
}

/// What a schema finds wrong with a value, by path. Knows every keyword that our schemas use, and no other.
fn against(schema: &Value, value: &Value, path: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (keyword, rule) in schema.as_object().unwrap() {
        let holds = match keyword.as_str() {
            "$schema" | "title" | "description" => true,
            "type" => match rule {
                Value::Array(kinds) => kinds.iter().any(|kind| is_of(kind, value)),
                kind => is_of(kind, value),
            },
            "enum" => rule.as_array().unwrap().contains(value),
            "minimum" => value.as_i64().is_none_or(|number| number >= rule.as_i64().unwrap()),
            "maximum" => value.as_i64().is_none_or(|number| number <= rule.as_i64().unwrap()),
            "required" => {
                let names = rule.as_array().unwrap().iter().map(|name| name.as_str().unwrap());
                value.as_object().is_none_or(|object| names.clone().all(|name| object.contains_key(name)))
            }
            "items" => {
                for (position, item) in value.as_array().into_iter().flatten().enumerate() {
                    found.extend(against(rule, item, &format!("{path}/{position}")));
                }
                true
            }
            "properties" => {
                for (name, member) in value.as_object().into_iter().flatten() {
                    let of = rule.get(name);
                    found
                        .extend(of.into_iter().flat_map(|of| against(of, member, &format!("{path}/{name}"))));
                }
                true
            }
            "additionalProperties" => {
                let known = |name: &String| schema["properties"].get(name).is_some();
                let others = value.as_object().into_iter().flatten().filter(|(name, _)| !known(name));
                for (name, member) in others {
                    match rule {
                        Value::Bool(false) => found.push(format!("{path}/{name}: no such key")),
                        of => found.extend(against(of, member, &format!("{path}/{name}"))),
                    }
                }
                true
            }
            "anyOf" => rule.as_array().unwrap().iter().any(|of| against(of, value, path).is_empty()),
            other => panic!("`{other}` is not known to this test"),
        };
        if !holds {
            found.push(format!("{path}: {keyword}"));
        }
    }
    found
}

fn is_of(kind: &Value, value: &Value) -> bool {
    match kind.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("`{other}` is no type"),
    }
}

fn schema_of(file: &str) -> (Value, &'static Form) {
    let folder = ["routes", "sources"].into_iter().find(|folder| file.starts_with(&format!("{folder}/")));
    let name = folder.unwrap_or_else(|| file.trim_end_matches(".yaml"));
    let (_, form) = FORMS.iter().find(|(known, _)| *known == format!("{name}.schema.json")).unwrap();
    (serde_json::from_str(&schema(form)).unwrap(), form)
}

/// The policies of the starter and the examples, with the YAML files that have a schema.
fn policies() -> Vec<(PathBuf, Vec<String>)> {
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy");
    let policies = ["starter/policy", "examples/olist/policy"].map(|name| deploy.join(name));
    let files = |policy: &PathBuf| {
        let routes = fs::read_dir(policy.join("routes")).unwrap();
        let routes = routes.map(|entry| format!("routes/{}", entry.unwrap().file_name().display()));
        routes.chain(["policy.yaml", "departments.yaml", "chain.yaml"].map(str::to_owned)).collect()
    };
    policies.into_iter().map(|policy| (policy.clone(), files(&policy))).collect()
}

/// The examples' mappings and sources, with their paths from a policy or from beside it.
const FOREIGN: [(&str, &str); 4] = [
    ("examples/olist", "mapping.yaml"),
    ("examples/helpdesk", "mapping.yaml"),
    ("examples/olist/from-debezium", "sources/orders.yaml"),
    ("examples/debezium/policy", "sources/orders.yaml"),
];

fn read(text: &str) -> Option<Yaml> {
    let mut problems = Vec::new();
    yaml::read(&mut Page { path: Path::new("file"), text, problems: &mut problems }).map(|node| node.value)
}

#[test]
fn every_file_of_the_starter_and_the_examples_fits_its_schema() {
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy");
    let foreign = FOREIGN.map(|(folder, file)| (deploy.join(folder), vec![file.to_owned()]));
    for (policy, files) in policies().into_iter().chain(foreign) {
        for file in files {
            let text = fs::read_to_string(policy.join(&file)).unwrap();
            let (schema, _) = schema_of(&file);
            assert_eq!(against(&schema, &as_json(&read(&text).unwrap()), ""), [""; 0], "{file}");
        }
    }
}

#[test]
fn every_starter_file_names_its_schema_for_editors() {
    let folder = tempfile::tempdir().unwrap();
    crate::write_starter(folder.path()).unwrap();
    for (path, _) in policies()[0].1.iter().map(|file| (folder.path().join(file), file)) {
        let text = fs::read_to_string(&path).unwrap();
        let named = text.lines().next().unwrap().strip_prefix("# yaml-language-server: $schema=").unwrap();
        let schema = path.parent().unwrap().join(named);
        assert!(schema.is_file(), "{} names {named}", path.display());
    }
    // The loader does not look at them, so they do not change the version.
    let version = || crate::load(folder.path(), &Catalogue::builtin()).unwrap().policy.version;
    let before = version();
    fs::remove_dir_all(folder.path().join(FOLDER)).unwrap();
    assert_eq!(before, version());
    assert_eq!(crate::write_schemas(folder.path()).unwrap().len(), FORMS.len());
}

/// A schema refuses what the loader refuses of a file's form, and takes what it takes.
#[test]
fn the_schemas_and_the_loader_agree_on_what_a_file_may_say() {
    let check = |file: &str, text: &str, fits: bool| {
        let (schema, form) = schema_of(file);
        let by_schema = against(&schema, &as_json(&read(text).unwrap()), "");
        let mut problems = Vec::new();
        form::read(&mut Page { path: Path::new(file), text, problems: &mut problems }, form);
        assert_eq!(
            (by_schema.is_empty(), problems.is_empty()),
            (fits, fits),
            "{text}: {by_schema:?} {problems:?}"
        );
    };
    let rule = |more: &str| format!("routes: [{{id: a, owner: b, on: c, to: d{more}}}]");
    check("routes/a.yaml", &rule(""), true);
    check("routes/a.yaml", &rule(", kind: do, priority: , stop: true, requires: [a, b], because: x"), true);
    check("routes/a.yaml", &rule(", kind: done"), false);
    check("routes/a.yaml", &rule(", whn: true"), false);
    check("routes/a.yaml", &rule(", stop: yes"), false);
    check("routes/a.yaml", &rule(", requires: {a: b}"), false);
    check("routes/a.yaml", "routes: [{id: a, owner: b, on: c}]", false);
    check(
        "routes/a.yaml",
        &rule(", tests: [{name: a, event: {b: 1}, expect: {told: [a], title: {contains: x}}}]"),
        true,
    );
    let people = |person: &str| {
        format!(", tests: [{{name: a, people: [{person}], event: {{b: 1}}, expect: {{people: x}}}}]")
    };
    check("routes/a.yaml", &rule(&people("{id: x, department: d, seniority: 3, languages: de}")), true);
    check("routes/a.yaml", &rule(&people("{id: x}")), false);
    check("routes/a.yaml", &rule(&people("{id: x, department: d, name: y}")), false);
    check(
        "routes/a.yaml",
        &rule(", tests: [{name: a, event: {b: 1}, expect: {title: {contain: x}}}]"),
        false,
    );
    check("routes/a.yaml", &rule(", tests: [{name: a, event: [], expect: {}}]"), false);
    check("departments.yaml", "departments: {a: , b: {title: x, partitions: 256}}", true);
    check("departments.yaml", "departments: {a: {partitions: 257}}", false);
    check("departments.yaml", "departments: {a: {format: xml}}", false);
    check("chain.yaml", "chain: [{step: a, events: b}]", true);
    check("chain.yaml", "chain: {step: a}", false);
    let event = "{type: a, id: row.b, time: c, facts: {d: 1.5, e: true, f: row.f}}";
    let mapping = |more: &str| format!("{{source: urn:a, zone: UTC, events: [{event}]{more}}}");
    check("mapping.yaml", &mapping(", rows: 2024, join: {a: {key: b, many: true}}, when: "), true);
    check("mapping.yaml", &mapping(", join: {a: {many: true}}"), false);
    check("mapping.yaml", &mapping(", join: {a: {key: b, many: yes}}"), false);
    check("mapping.yaml", &mapping(", facts: {a: [b]}"), false);
    check("mapping.yaml", &mapping(", topics: [a]"), false);
    check("mapping.yaml", "{source: urn:a, zone: UTC, events: [{type: a, id: b}]}", false);
    let source =
        |more: &str| format!("{{topics: [a], format: avro, zone: UTC, events: [{event}], avro: {more}}}");
    check("sources/a.yaml", &source("{framing: bare, schemas: [{file: a.avsc, id: 7}]}"), true);
    check("sources/a.yaml", &source("{framing: bare, schemas: [{file: a.avsc, id: -7}]}"), false);
    check("sources/a.yaml", &source("{framing: bare}"), false);
    check("sources/a.yaml", &source("{framing: bare, schemas: [], rows: a}"), false);
    check("sources/a.yaml", &format!("{{topics: [a], zone: UTC, events: [{event}]}}"), false);
    check("policy.yaml", "{name: a, catalogue: 1, ignored: }", true);
    check("policy.yaml", "{name: a, catalogue: 1.5}", false);
    check("policy.yaml", "{name: 7, catalogue: 1}", false);
}
