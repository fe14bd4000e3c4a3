//! Who inside the departments would be told more, less or otherwise.
//!
//! While the input is decided again only hashes are noted, alike ones together; who stands behind those of then is
//! read from `hinge.audiences` once, at the end.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::sync::Arc;

use anyhow::Result;
use hinge_domain::Audience;
use hinge_router::AUDIENCES;
use hinge_stream::Reader;
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use super::report::Example;
use crate::tail::read_all;
use crate::versions::is_topic_missing;

/// How many people of a department are named.
const NAMED: usize = 10;

/// Notifications that differ in the same way for the same people.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    department: Arc<str>,
    /// Whom it was for, by hash; `None`: nobody was told.
    then: Option<Arc<str>>,
    /// Whom it would be for.
    now: Option<Arc<str>>,
    /// Whether those who are told both times are told something else.
    otherwise: bool,
}

/// What differs for people, as it is found.
#[derive(Debug, Default)]
pub(super) struct Shifts {
    groups: BTreeMap<Group, (u64, Vec<Example>)>,
    now: HashMap<Arc<str>, Arc<Audience>>,
    wanted: usize,
}

/// One notification that differs.
pub(super) struct Shift<'a> {
    pub(super) department: &'a Arc<str>,
    pub(super) then: Option<&'a Arc<str>>,
    pub(super) now: Option<&'a Arc<Audience>>,
    pub(super) otherwise: bool,
}

impl Shifts {
    /// With at most `wanted` examples for each person and difference.
    pub(super) fn new(wanted: usize) -> Self {
        Self { wanted, ..Self::default() }
    }

    /// Notes a notification that differs; where nobody is known, nobody is counted.
    pub(super) fn note(&mut self, shift: &Shift<'_>, example: impl FnOnce() -> Option<Example>) {
        if shift.then.is_none() && shift.now.is_none() {
            return;
        }
        if let Some(now) = shift.now {
            self.now.entry(Arc::clone(now.hash())).or_insert_with(|| Arc::clone(now));
        }
        let group = Group {
            department: Arc::clone(shift.department),
            then: shift.then.cloned(),
            now: shift.now.map(|now| Arc::clone(now.hash())),
            otherwise: shift.otherwise,
        };
        let (count, examples) = self.groups.entry(group).or_default();
        *count += 1;
        if examples.len() < self.wanted {
            examples.extend(example());
        }
    }

    /// Finds out who they are.
    pub(super) fn resolve(self, reader: &mut dyn Reader) -> Result<PeopleReport> {
        let then: Vec<Arc<str>> = self.groups.keys().filter_map(|group| group.then.clone()).collect();
        let mut people: HashMap<Arc<str>, Vec<Arc<str>>> =
            self.now.iter().map(|(hash, now)| (Arc::clone(hash), now.people().cloned().collect())).collect();
        if then.iter().any(|hash| !people.contains_key(hash)) {
            kept(reader, &then, &mut people)?;
        }
        let mut report = PeopleReport::default();
        for (group, (count, examples)) in &self.groups {
            let of = |hash: &Option<Arc<str>>| {
                hash.as_ref().map_or(Some(&[][..]), |hash| people.get(hash).map(Vec::as_slice))
            };
            let (Some(then), Some(now)) = (of(&group.then), of(&group.now)) else {
                report.unknown += count;
                continue;
            };
            let department = report.departments.entry(group.department.to_string()).or_default();
            let mut add = |id: &Arc<str>, difference: Difference| {
                let person = department.entry(id.to_string()).or_default();
                person.add(difference, *count, examples, self.wanted);
            };
            // Both are in the order of ids.
            let was_told = |id: &Arc<str>| then.binary_search(id).is_ok();
            for id in now {
                match (was_told(id), group.otherwise) {
                    (false, _) => add(id, Difference::More),
                    (true, true) => add(id, Difference::Otherwise),
                    (true, false) => {}
                }
            }
            then.iter().filter(|id| now.binary_search(id).is_err()).for_each(|id| add(id, Difference::Less));
        }
        report.departments.retain(|_, people| !people.is_empty());
        Ok(report)
    }
}

/// Reads who stands behind the hashes that are asked for.
fn kept(
    reader: &mut dyn Reader,
    asked: &[Arc<str>],
    people: &mut HashMap<Arc<str>, Vec<Arc<str>>>,
) -> Result<()> {
    #[derive(Deserialize)]
    struct Kept {
        people: Vec<Arc<str>>,
    }
    let read = read_all(reader, AUDIENCES, &mut |record| {
        let key = record.key.as_deref().and_then(|key| std::str::from_utf8(key).ok());
        if let Some(hash) = asked.iter().find(|hash| key == Some(hash))
            && let Some(value) = &record.value
            && let Ok(kept) = serde_json::from_slice::<Kept>(value)
        {
            people.insert(Arc::clone(hash), kept.people);
        }
        Ok(true)
    });
    match read {
        Err(error) if is_topic_missing(&error) => Ok(()),
        read => read,
    }
}

#[derive(Clone, Copy, Debug)]
enum Difference {
    More,
    Less,
    Otherwise,
}

/// What differs for one person.
#[derive(Debug, Default)]
struct PersonReport {
    more: u64,
    less: u64,
    otherwise: u64,
    examples: Vec<Example>,
}

impl PersonReport {
    fn add(&mut self, difference: Difference, count: u64, examples: &[Example], wanted: usize) {
        match difference {
            Difference::More => self.more += count,
            Difference::Less => self.less += count,
            Difference::Otherwise => self.otherwise += count,
        }
        let room = wanted.saturating_sub(self.examples.len());
        self.examples.extend(examples.iter().take(room).cloned());
    }

    fn sum(&self) -> u64 {
        self.more + self.less + self.otherwise
    }
}

/// What differs for people, by department and id.
#[derive(Debug, Default)]
pub(super) struct PeopleReport {
    departments: BTreeMap<String, BTreeMap<String, PersonReport>>,
    /// Notifications whose audience of then is not in `hinge.audiences` any more.
    unknown: u64,
}

impl PeopleReport {
    /// Those who are concerned most, department by department.
    pub(super) fn write(&self, out: &mut dyn Write) -> Result<()> {
        for (department, people) in &self.departments {
            let sum = |of: fn(&PersonReport) -> u64| people.values().filter(|person| of(person) > 0).count();
            let (more, less, otherwise) = (sum(|it| it.more), sum(|it| it.less), sum(|it| it.otherwise));
            writeln!(
                out,
                "\nPeople of {department}: {more} told more, {less} less, {otherwise} otherwise, such as"
            )?;
            let mut named: Vec<_> = people.iter().collect();
            named.sort_by_key(|(_, person)| std::cmp::Reverse(person.sum()));
            for (id, person) in named.into_iter().take(NAMED) {
                let PersonReport { more, less, otherwise, examples } = person;
                let events: Vec<String> = examples.iter().map(Example::event).collect();
                writeln!(
                    out,
                    "  {id}: {more} more, {less} less, {otherwise} otherwise ({})",
                    events.join(", ")
                )?;
            }
        }
        if self.unknown > 0 {
            writeln!(
                out,
                "\nFor {} notifications it is not known any more whom they were for: {AUDIENCES} does not have them.",
                self.unknown
            )?;
        }
        Ok(())
    }

    /// The same for programs, everybody.
    pub(super) fn json(&self) -> Json {
        let departments = self.departments.iter().map(|(department, people)| {
            let people = people.iter().map(|(id, person)| {
                let PersonReport { more, less, otherwise, examples } = person;
                let examples: Vec<Json> = examples.iter().map(Example::json).collect();
                let counts =
                    json!({"more": more, "less": less, "otherwise": otherwise, "examples": examples});
                (id.clone(), counts)
            });
            (department.clone(), Json::Object(people.collect()))
        });
        Json::Object(departments.collect::<Map<_, _>>())
    }
}
