//! A policy directory, read once more: departments, ignored types, the chain, and rules that say who is told.
//! What it does not know it refuses, so that nothing is checked by half a policy.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value as Yaml;

use crate::cloud_events::Event;
use crate::condition::{Sight, Term, parse};
use crate::schemas::Schemas;

/// Somebody who can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Department {
    /// Its name.
    pub name: String,
    /// Whether it reads Avro; else JSON.
    pub avro: bool,
}

/// A rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its id.
    pub id: String,
    on: Vec<String>,
    when: Option<Term>,
    /// Places among the departments.
    to: Vec<usize>,
    /// Its place among [`KINDS`].
    kind: usize,
    /// Its place among [`PRIORITIES`].
    priority: usize,
    stop: bool,
}

/// What a rule may ask, the most asking last.
pub const KINDS: [&str; 3] = ["know", "do", "answer"];
/// How much it may hurry, the most hurried last.
pub const PRIORITIES: [&str; 4] = ["low", "normal", "high", "urgent"];

/// Who is told of which events.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// The departments, in the order of their names in the file.
    pub departments: Vec<Department>,
    ignored: Vec<String>,
    /// By event type, the step of the chain and its place in it, from 1.
    steps: HashMap<String, (String, i64)>,
    /// The rules in their order.
    pub rules: Vec<Rule>,
}

/// What one department is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Its place among the departments.
    pub department: usize,
    /// What is asked.
    pub kind: &'static str,
    /// How much it hurries.
    pub priority: &'static str,
    /// Places of the rules that ask for it.
    pub rules: Vec<usize>,
}

/// What becomes of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nobody wants to be told.
    Ignored,
    /// No rule matched.
    Unrouted,
    /// The places of the rules that matched, and who is told.
    Told(Vec<usize>, Vec<Told>),
}

impl Policy {
    /// Reads a policy directory.
    ///
    /// # Errors
    /// The first thing in it that is not known here.
    pub fn read(folder: &Path) -> Result<Self, String> {
        let mut rules = Vec::new();
        for path in files(folder)? {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            match name {
                "policy.yaml" | "departments.yaml" | "chain.yaml" | "people.yaml" | "templates" => {}
                "routes" => rules = files(&path)?,
                _ if name.starts_with('.') => {}
                _ => return Err(format!("{}: not known here, so nothing is checked", path.display())),
            }
        }
        let mut policy = Self::default();
        let of = |name: &str| folder.join(name);
        policy.departments(&of("departments.yaml"))?;
        policy.manifest(&of("policy.yaml"))?;
        policy.chain(&of("chain.yaml"))?;
        for path in rules {
            policy.routes(&path)?;
        }
        Ok(policy)
    }

    fn departments(&mut self, path: &Path) -> Result<(), String> {
        let file = File::read(path, &["departments"])?;
        for (name, department) in file.object(&file.content["departments"])? {
            file.only(department, &["title", "format", "partitions"])?;
            let avro = match department["format"].as_str() {
                None | Some("json") => false,
                Some("avro") => true,
                Some(other) => return Err(file.wrong(&format!("the format `{other}` is not known here"))),
            };
            self.departments.push(Department { name: name.clone(), avro });
        }
        Ok(())
    }

    fn manifest(&mut self, path: &Path) -> Result<(), String> {
        let file = File::read(path, &["name", "catalogue", "ignored"])?;
        for ignored in file.items(&file.content["ignored"])? {
            file.only(ignored, &["type", "reason"])?;
            self.ignored.extend(file.texts(&ignored["type"])?);
        }
        Ok(())
    }

    fn chain(&mut self, path: &Path) -> Result<(), String> {
        let file = File::read(path, &["chain"])?;
        for (rank, step) in (1..).zip(file.items(&file.content["chain"])?) {
            file.only(step, &["step", "events"])?;
            for event in file.texts(&step["events"])? {
                self.steps.insert(event, (file.text(&step["step"])?, rank));
            }
        }
        Ok(())
    }

    fn routes(&mut self, path: &Path) -> Result<(), String> {
        let file = File::read(path, &["routes"])?;
        for rule in file.items(&file.content["routes"])? {
            file.only(
                rule,
                &[
                    "id", "owner", "on", "when", "to", "audience", "kind", "priority", "requires",
                    "template", "because", "stop", "tests",
                ],
            )?;
            let id = file.text(&rule["id"])?;
            let wrong = |why: String| file.wrong(&format!("rule `{id}`: {why}"));
            let when = rule.get("when").map(|when| parse(&file.text(when)?).map_err(wrong)).transpose()?;
            let place = |known: &[&str], name: &str, usual: usize| match rule.get(name) {
                None => Ok(usual),
                Some(value) => known
                    .iter()
                    .position(|known| value == known)
                    .ok_or_else(|| wrong(format!("the {name} {value} is not known here"))),
            };
            let department = |name: String| {
                let found = self.departments.iter().position(|department| department.name == name);
                found.ok_or_else(|| wrong(format!("there is no department `{name}`")))
            };
            let rule = Rule {
                on: file.texts(&rule["on"])?,
                when,
                to: file.texts(&rule["to"])?.into_iter().map(department).collect::<Result<_, _>>()?,
                kind: place(&KINDS, "kind", 0)?,
                priority: place(&PRIORITIES, "priority", 1)?,
                stop: rule["stop"].as_bool().unwrap_or(false),
                id,
            };
            self.rules.push(rule);
        }
        Ok(())
    }

    /// The step of the chain to which events of a type belong, and its place.
    pub fn step(&self, event_type: &str) -> (&str, i64) {
        self.steps.get(event_type).map_or(("", 0), |(step, rank)| (step, *rank))
    }

    /// What becomes of an event.
    pub fn decide(&self, event: &Event, schemas: &Schemas) -> Decision {
        let event_type = &*schemas.at(event.schema).name;
        if self.ignored.iter().any(|ignored| ignored == event_type) {
            return Decision::Ignored;
        }
        let sight = Sight::new(event, schemas);
        let mut matched = Vec::new();
        for (place, rule) in self.rules.iter().enumerate() {
            let looks = rule.on.iter().any(|on| on == event_type);
            if looks && rule.when.as_ref().is_none_or(|when| sight.holds(when) == Ok(true)) {
                matched.push(place);
                if rule.stop {
                    break;
                }
            }
        }
        if matched.is_empty() {
            return Decision::Unrouted;
        }
        let told = (0..self.departments.len()).filter_map(|department| {
            let asking = matched.iter().copied().filter(|rule| self.rules[*rule].to.contains(&department));
            let rules: Vec<usize> = asking.collect();
            let most = |of: fn(&Rule) -> usize| rules.iter().map(|rule| of(&self.rules[*rule])).max();
            let (kind, priority) = (KINDS[most(|rule| rule.kind)?], PRIORITIES[most(|rule| rule.priority)?]);
            Some(Told { department, kind, priority, rules })
        });
        let told = told.collect();
        Decision::Told(matched, told)
    }
}

/// What lies in a folder, by name.
fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let wrong = |error: std::io::Error| format!("{}: {error}", folder.display());
    let entries = fs::read_dir(folder).map_err(wrong)?;
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>().map_err(wrong)?;
    paths.sort();
    Ok(paths)
}

/// A file of the policy.
struct File<'a> {
    path: &'a Path,
    content: Yaml,
}

impl<'a> File<'a> {
    fn read(path: &'a Path, keys: &[&str]) -> Result<Self, String> {
        let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        // `on` is a key, not `true`.
        let options = serde_saphyr::options! { strict_booleans: true };
        let content = serde_saphyr::from_str_with_options(&text, options)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        let file = Self { path, content };
        file.only(&file.content, keys)?;
        Ok(file)
    }

    fn wrong(&self, why: &str) -> String {
        format!("{}: {why}", self.path.display())
    }

    fn only(&self, value: &Yaml, keys: &[&str]) -> Result<(), String> {
        match self.object(value)?.keys().find(|key| !keys.contains(&key.as_str())) {
            Some(key) => Err(self.wrong(&format!("`{key}` is not known here, so nothing is checked"))),
            None => Ok(()),
        }
    }

    fn object<'v>(&self, value: &'v Yaml) -> Result<&'v serde_json::Map<String, Yaml>, String> {
        value.as_object().ok_or_else(|| self.wrong("a record is expected"))
    }

    fn items<'v>(&self, value: &'v Yaml) -> Result<&'v [Yaml], String> {
        match value {
            Yaml::Null => Ok(&[]),
            Yaml::Array(items) => Ok(items),
            Yaml::Bool(_) | Yaml::Number(_) | Yaml::String(_) | Yaml::Object(_) => {
                Err(self.wrong("a list is expected"))
            }
        }
    }

    fn text(&self, value: &Yaml) -> Result<String, String> {
        value.as_str().map(str::to_owned).ok_or_else(|| self.wrong("text is expected"))
    }

    /// One text, or a list of them.
    fn texts(&self, value: &Yaml) -> Result<Vec<String>, String> {
        match value {
            Yaml::Array(items) => items.iter().map(|item| self.text(item)).collect(),
            value => Ok(vec![self.text(value)?]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::from_json;

    fn repository() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
    }

    fn decided(event_type: &str, facts: &str) -> Vec<String> {
        let schemas = Schemas::read(&repository().join("schemas")).unwrap();
        let policy = Policy::read(&repository().join("deploy/starter/policy")).unwrap();
        let (event_type, schema) = schemas.event_type(event_type).unwrap();
        let event = Event {
            source: "/shop".to_owned(),
            id: "1".to_owned(),
            schema: event_type,
            subject: "1".to_owned(),
            correlation: "1".to_owned(),
            occurred: 0,
            recorded: None,
            facts: from_json(facts, schema.newest()).unwrap(),
        };
        match policy.decide(&event, &schemas) {
            Decision::Ignored => vec!["ignored".to_owned()],
            Decision::Unrouted => vec!["unrouted".to_owned()],
            Decision::Told(_, told) => {
                let name = |told: &Told| policy.departments[told.department].name.clone();
                let text = |told: &Told| format!("{} {} {}", name(told), told.kind, told.priority);
                told.iter().map(text).collect()
            }
        }
    }

    #[test]
    fn the_starter_policy_tells_whom_its_rules_name() {
        let placed = r#"{"value": 500, "currency": "CHF", "promise_ids": ["P-7"]}"#;
        let mut told = decided("order.placed", placed);
        told.sort();
        assert_eq!(
            told,
            [
                "customer-support know normal",
                "delivery know normal",
                "finance do high",
                "operations know normal"
            ]
        );
        assert_eq!(
            decided("order.placed", r#"{"value": 499.99, "currency": "CHF"}"#),
            ["operations know normal"]
        );
        assert_eq!(
            decided("contact.answered", r#"{"channel": "email", "outcome": "answered"}"#),
            ["customer-support know low"]
        );
    }

    #[test]
    fn what_is_not_known_here_is_refused_with_its_place() {
        let refused = Policy::read(&repository().join("deploy/examples/olist/policy")).unwrap_err();
        assert!(refused.contains("routes/") && refused.contains("rule `"), "{refused}");
        let refused = Policy::read(&repository().join("deploy/examples/debezium/policy")).unwrap_err();
        assert!(refused.contains("sources") && refused.contains("nothing is checked"), "{refused}");
    }
}
