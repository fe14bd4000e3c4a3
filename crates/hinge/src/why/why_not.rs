//! `hinge why-not`: why a department was not told of an event, by deciding the stored event once more under the
//! stored version of the policy. Both are all that a decision looks at, so that is proof.

use std::io::Write;

use anyhow::Result;
use clap::Args;
use hinge_domain::{Policy, Shape, Verdict, decide, explain};
use hinge_policy::Loaded;
use hinge_router::Reading;
use hinge_schema::Catalogue;
use serde_json::{Value as Json, json};

use super::trail::{Again, Decision, Letter, Place, Trail, parse_place};
use super::{Asked, Found, find, proof, undecided, words};
use crate::arguments::{Format, LogArgs};
use crate::exit::Coded;
use crate::opening::Opened;
use crate::settings::Settings;
use crate::versions::Stored;

/// What `hinge why-not` takes.
#[derive(Debug, Args)]
pub(crate) struct WhyNotArgs {
    #[command(flatten)]
    pub(crate) log: LogArgs,

    /// An event's id, or a record's place (order.events/0/17)
    #[arg(value_name = "EVENT-ID")]
    pub(crate) id: String,

    /// The department that was not told
    #[arg(long, value_name = "NAME")]
    pub(crate) department: String,

    /// Somebody of that department for whom it was not
    #[arg(long, value_name = "PERSON-ID")]
    pub(crate) person: Option<String>,

    /// The event's source, where several use the same id
    #[arg(long, value_name = "SOURCE")]
    pub(crate) source: Option<String>,
}

/// Tells why a department was not told of an event.
pub(crate) fn why_not(
    args: &WhyNotArgs,
    settings: &Settings,
    opened: &Opened,
    format: Format,
    out: &mut dyn Write,
) -> Result<()> {
    let mut trail = Trail::of(opened.log.as_ref(), settings)?;
    let asked = Asked { source: args.source.as_deref(), name: &args.id };
    let found = find(&mut trail, asked)?;
    if found.is_empty() {
        return undecided(&mut trail, asked, format, out);
    }
    only_one_event(&found, args)?;
    // What was decided last is in force; a letter beside it is of another record.
    let Some(decision) = found.decisions.last() else { return rejected(&found, args, format, out) };
    let again = trail.repetitions(decision, &[])?;
    let beside = &found.letters;
    let department = &args.department;
    let shape = trail.catalogue.shape(decision.event("type")).cloned();
    let shape = shape.as_deref();
    let answer =
        Answered { decision, department, person: args.person.as_deref(), again: &again, beside, shape };
    answer.repetition(parse_place(&args.id), format, out)?;
    if decision.text("outcome") == "filtered" {
        return answer.ignored(format, out);
    }
    let stored = Stored::read(trail.reader.as_mut())?;
    let Loaded { policy, sources, .. } = stored.load(decision.text("policy_version"), &trail.catalogue)?;
    trail.sources = sources;
    if !policy.departments.iter().any(|known| *known.name == *args.department) {
        return answer.no_department(&policy, &stored, &trail.catalogue, (format, out));
    }
    if let Some(person) = args.person.as_ref().filter(|person| policy.people.get(person).is_none()) {
        let message =
            format!("the policy version `{}`, which decided, knows no person `{person}`", policy.version);
        return Err(Coded::new("person-unknown", 2, message).into());
    }
    match trail.event_of(decision)? {
        Some(reading) => answer.proven(&policy, &reading, format, out),
        None => answer.unproven(format, out),
    }
}

fn only_one_event(found: &Found, args: &WhyNotArgs) -> Result<()> {
    let events = found.events();
    if events.len() < 2 {
        return Ok(());
    }
    let named: Vec<String> = events.iter().map(|(source, id)| format!("`{id}` of `{source}`")).collect();
    let message = format!(
        "`{}` may be one of {} events: {}; name one by its id and --source",
        args.id,
        named.len(),
        named.join(", ")
    );
    Err(Coded::new("event-ambiguous", 2, message).into())
}

fn rejected(found: &Found, args: &WhyNotArgs, format: Format, out: &mut dyn Write) -> Result<()> {
    for letter in &found.letters {
        match format {
            Format::Json => {
                let mut line = words::letter_json(letter);
                line["department"] = json!(args.department);
                line["told"] = json!(false);
                writeln!(out, "{line}")?;
            }
            Format::Text => words::letter(letter, out)?,
        }
    }
    if format == Format::Text {
        writeln!(out, "So nobody was told of it, {} as little as the others.", args.department)?;
    }
    Ok(())
}

/// What is asked about a decision.
struct Answered<'a> {
    decision: &'a Decision,
    department: &'a str,
    person: Option<&'a str>,
    again: &'a Again,
    /// What events of this type tell.
    shape: Option<&'a Shape>,
    /// Records of the same identity that were rejected: they tell something else, and the first is in force.
    beside: &'a [Letter],
}

impl Answered<'_> {
    /// Where a record was asked about that tells the event again: which one is the first.
    fn repetition(&self, asked: Option<Place>, format: Format, out: &mut dyn Write) -> Result<()> {
        let first = self.decision.place();
        if let Some(asked) = asked.filter(|asked| self.again.told.contains(asked) && format == Format::Text) {
            writeln!(
                out,
                "The record {} is a repetition, which tells nobody anything: the event was first told at {}, and \
                 decided there.",
                words::place(&asked),
                words::place(&first)
            )?;
        }
        Ok(())
    }

    fn ignored(&self, format: Format, out: &mut dyn Write) -> Result<()> {
        match format {
            Format::Json => self.json(&json!({"reason": self.decision.text("reason")}), out),
            Format::Text => {
                words::decision(self.decision, "", self.shape, out)?;
                self.others(out)
            }
        }
    }

    /// The version that decided does not know the department.
    fn no_department(
        &self,
        policy: &Policy,
        stored: &Stored,
        catalogue: &Catalogue,
        (format, out): (Format, &mut dyn Write),
    ) -> Result<()> {
        let knows = |policy: &Policy| policy.departments.iter().any(|known| *known.name == *self.department);
        let current = stored.current().filter(|current| **current != *policy.version);
        let current = current.and_then(|current| stored.load(&current, catalogue).ok());
        let current = current.map(|loaded| loaded.policy).filter(knows);
        let Some(current) = current else {
            let names: Vec<&str> = policy.departments.iter().map(|known| known.name.as_ref()).collect();
            let message = format!(
                "the policy version `{}`, which decided, has no department `{}`; it has {}",
                policy.version,
                self.department,
                names.join(", ")
            );
            return Err(Coded::new("department-unknown", 2, message).into());
        };
        match format {
            Format::Json => self.json(&json!({"reason": "the policy had no such department"}), out),
            Format::Text => {
                words::head(self.decision, out)?;
                writeln!(
                    out,
                    "{} was not told, because the policy {} had no such department yet; {}, which runs now, has.",
                    self.department, policy.version, current.version
                )?;
                Ok(())
            }
        }
    }

    fn proven(&self, policy: &Policy, reading: &Reading, format: Format, out: &mut dyn Write) -> Result<()> {
        let event = reading.event();
        let Some(explanation) = explain(event, policy, self.department) else { return Ok(()) };
        let again = decide(event, policy, reading.recorded());
        let notifications = match &again.verdict {
            Verdict::Emitted(told) => told.as_slice(),
            Verdict::Ignored(_) | Verdict::Unrouted => &[],
        };
        let told_again: Vec<&str> = notifications.iter().map(|it| it.department.as_ref()).collect();
        let told = notifications.iter().find(|it| *it.department == *self.department);
        let audience = told.and_then(|told| told.audience.as_deref());
        let audience_then = self.own().and_then(|own| own["audience"]["hash"].as_str());
        let is_proven = told_again == self.decision.told()
            && explanation.is_told() == self.decision.told().contains(&self.department)
            && audience.map(|it| it.hash().as_ref()) == audience_then;
        let person = self.person.and_then(|id| policy.people.get(id));
        let choices = person.map(|person| (person, explanation.choices(event, policy, person)));
        if format == Format::Json {
            let mut more = json!({"rules": proof::rules_json(&explanation), "proven": is_proven});
            if let Some((person, choices)) = &choices {
                more["person"] = proof::person_json((person, choices), self.department, told.is_some());
            }
            return self.json(&more, out);
        }
        words::head(self.decision, out)?;
        if !self.told(out)? {
            proof::rules(&explanation, (self.department, event.event_type()), out)?;
        }
        if let Some((person, choices)) = choices.as_ref().filter(|_| told.is_some()) {
            proof::person((person, choices), self.department, audience, out)?;
        }
        self.others(out)?;
        if is_proven {
            writeln!(
                out,
                "Proof: the stored event, decided again under the stored policy {}, gives the same answer.",
                policy.version
            )?;
        } else {
            writeln!(
                out,
                "No proof: decided again, it would be told to {}. Another release of Hinge decided it; \
                 `hinge replay` shows what else would differ.",
                listed(&told_again)
            )?;
        }
        Ok(())
    }

    /// The event itself is gone from the log.
    fn unproven(&self, format: Format, out: &mut dyn Write) -> Result<()> {
        if format == Format::Json {
            return self.json(&json!({"proven": false}), out);
        }
        words::head(self.decision, out)?;
        self.told(out)?;
        writeln!(
            out,
            "The event at {} cannot be read any more, so only its decision is left: why each rule did not match \
             cannot be told.",
            words::place(&self.decision.place())
        )?;
        Ok(())
    }

    /// The other records of the same identity, which tell nobody anything.
    fn others(&self, out: &mut dyn Write) -> Result<()> {
        words::repetitions(&self.decision.place(), self.again, out)?;
        self.beside.iter().try_for_each(|letter| words::letter(letter, out))
    }

    /// The department's own notification, as the decision lists it.
    fn own(&self) -> Option<&Json> {
        self.decision.notifications().find(|it| it["department"] == self.department)
    }

    /// Says whether the department was told, and who was.
    fn told(&self, out: &mut dyn Write) -> Result<bool> {
        let told = self.decision.told();
        let own = self.own();
        match own {
            Some(own) => {
                writeln!(out, "It was told:")?;
                words::notification(self.decision, own, self.shape, out)?;
            }
            None if told.is_empty() => writeln!(
                out,
                "{} was not told, and nobody was: no rule matched, and the event lies in hinge.unrouted.",
                self.department
            )?,
            None => writeln!(out, "{} was not told. Told: {}.", self.department, listed(&told))?,
        }
        Ok(own.is_some())
    }

    fn json(&self, more: &Json, out: &mut dyn Write) -> Result<()> {
        let told = self.decision.told();
        let mut line = json!({
            "department": self.department,
            "told": told.contains(&self.department),
            "event": self.decision.0["event"],
            "place": words::place_json(&self.decision.place()),
            "outcome": self.decision.text("outcome"),
            "policy_version": self.decision.text("policy_version"),
            "told_departments": told,
            "repetitions": self.again.told.iter().map(words::place_json).collect::<Vec<_>>(),
            "rejected": self.beside.iter().map(words::letter_json).collect::<Vec<_>>(),
        });
        if let (Some(line), Some(more)) = (line.as_object_mut(), more.as_object()) {
            line.extend(more.clone());
        }
        Ok(writeln!(out, "{line}")?)
    }
}

fn listed(departments: &[&str]) -> String {
    if departments.is_empty() { "nobody".to_owned() } else { departments.join(", ") }
}
