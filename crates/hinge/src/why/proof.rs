//! An explanation of the domain, in sentences and as JSON.

use std::io::Write;

use anyhow::Result;
use hinge_domain::{Answer, Audience, Choice, Considered, Explanation, Part, Person, Seen, Shortfall};
use serde_json::{Map, Value as Json, json};

/// The longest value that is shown, in characters.
const LONGEST_VALUE: usize = 120;

/// How many rules for other event types are named.
const OTHERS_SHOWN: usize = 5;

/// Tells rule by rule why `department` was not told of an event of this type.
pub(super) fn rules(
    explanation: &Explanation<'_>,
    (department, event_type): (&str, &str),
    out: &mut dyn Write,
) -> Result<()> {
    let is_other = |considered: &&Considered<'_>| considered.answer == Answer::OtherTypes;
    let (others, looked): (Vec<_>, Vec<_>) = explanation.rules.iter().partition(is_other);
    if looked.is_empty() {
        writeln!(out, "No rule for {department} looks at {event_type}.")?;
    } else {
        writeln!(out, "Of the rules for {department}:")?;
    }
    for considered in looked {
        writeln!(out, "  {}.", rule(considered, event_type))?;
    }
    if !others.is_empty() {
        let in_short = |considered: &&Considered<'_>| {
            let rule = considered.rule;
            format!("`{}` ({})", rule.id, rule.event_types.join(", "))
        };
        let mut named: Vec<String> = others.iter().take(OTHERS_SHOWN).map(in_short).collect();
        if others.len() > OTHERS_SHOWN {
            named.push(format!("and {} more", others.len() - OTHERS_SHOWN));
        }
        writeln!(out, "  Rules that look at other events: {}.", named.join(", "))?;
    }
    Ok(())
}

fn rule(considered: &Considered<'_>, event_type: &str) -> String {
    let id = &considered.rule.id;
    match &considered.answer {
        Answer::OtherTypes => format!("`{id}` does not look at {event_type}"),
        Answer::NotReached { stopped_by } => {
            format!("`{id}` was not reached, because the rule `{stopped_by}` matched before it and stops")
        }
        Answer::Matches(values) if values.is_empty() => format!("`{id}` matches every {event_type}"),
        Answer::Matches(values) => format!("`{id}` matches: {}", shown(values)),
        Answer::Fails(shortfall) | Answer::Unknown { shortfall, .. } => {
            format!("`{id}` did not match, because {}", because(shortfall))
        }
    }
}

fn because(shortfall: &Shortfall) -> String {
    match shortfall {
        Shortfall::Part(part) => {
            let text = one_line(&part.text);
            match &part.unknown {
                None if part.read.is_empty() => format!("`{text}` is false"),
                None => format!("`{text}` is false: {}", shown(&part.read)),
                Some(why) => {
                    let given: Vec<_> =
                        part.read.iter().filter(|(_, seen)| *seen != Seen::NotGiven).cloned().collect();
                    let with = if given.is_empty() { String::new() } else { format!(" ({})", shown(&given)) };
                    format!("`{text}` has no answer: {why}{with}")
                }
            }
        }
        Shortfall::NoneOf(parts) => {
            let parts: Vec<String> = parts.iter().map(because).collect();
            format!("none of these holds: {}", parts.join("; "))
        }
    }
}

fn shown(values: &[(String, Seen)]) -> String {
    let shown = values.iter().map(|(name, seen)| format!("{name} = {}", shortened(seen)));
    shown.collect::<Vec<_>>().join(", ")
}

fn shortened(seen: &Seen) -> String {
    let text = seen.to_string();
    match text.char_indices().nth(LONGEST_VALUE) {
        Some((end, _)) => format!("{}..", &text[..end]),
        None => text,
    }
}

/// A condition that goes over several lines, on one.
fn one_line(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

/// Tells why a notification was for a person, or was not.
pub(super) fn person(
    (person, choices): (&Person, &[Choice<'_>]),
    department: &str,
    audience: Option<&Audience>,
    out: &mut dyn Write,
) -> Result<()> {
    let id = &person.id;
    if *person.department != *department {
        writeln!(
            out,
            "{id} belongs to {}, so what {department} is told is not for {id}.",
            person.department
        )?;
        return Ok(());
    }
    // Where people of a department are known, whatever it is told is for some of them.
    let Some(audience) = audience else { return Ok(()) };
    let people = match audience.size() {
        1 => "1 person".to_owned(),
        size => format!("{size} people"),
    };
    if audience.contains(id) {
        let rules = choices.iter().filter(|choice| choice.exclusion.is_none());
        let rules: Vec<String> = rules.map(|choice| format!("`{}`", choice.rule.id)).collect();
        writeln!(out, "It was for {id}, chosen by {} ({people} of {department} in all).", rules.join(", "))?;
        return Ok(());
    }
    writeln!(out, "It was for {people} of {department}, and not for {id}:")?;
    for Choice { rule, exclusion } in choices {
        if let Some(exclusion) = exclusion {
            writeln!(out, "  `{}` does not choose {id}, because {exclusion}.", rule.id)?;
        }
    }
    Ok(())
}

/// The same for programs. Nothing was for anybody of a department that was not told.
pub(super) fn person_json(
    (person, choices): (&Person, &[Choice<'_>]),
    department: &str,
    was_told: bool,
) -> Json {
    let rules = choices.iter().map(|Choice { rule, exclusion }| {
        json!({"rule": rule.id.as_ref(), "excluded": exclusion.as_ref().map(ToString::to_string)})
    });
    let is_theirs = *person.department == *department;
    json!({
        "id": person.id.as_ref(),
        "department": person.department.as_ref(),
        "chosen": was_told && is_theirs && choices.iter().any(|choice| choice.exclusion.is_none()),
        "rules": rules.collect::<Vec<_>>(),
    })
}

/// Rule by rule, for programs.
pub(super) fn rules_json(explanation: &Explanation<'_>) -> Json {
    explanation.rules.iter().map(rule_json).collect()
}

fn rule_json(considered: &Considered<'_>) -> Json {
    let rule = considered.rule;
    let mut told = json!({"rule": rule.id.as_ref(), "on": rule.event_types.iter().map(AsRef::as_ref).collect::<Vec<&str>>()});
    let more = match &considered.answer {
        Answer::OtherTypes => json!({"answer": "other-types"}),
        Answer::NotReached { stopped_by } => {
            json!({"answer": "not-reached", "stopped_by": stopped_by.as_ref()})
        }
        Answer::Matches(values) => json!({"answer": "matches", "values": values_json(values)}),
        Answer::Fails(shortfall) => json!({"answer": "false", "because": parts_json(shortfall)}),
        Answer::Unknown { why, shortfall } => {
            json!({"answer": "unknown", "why": why.to_string(), "because": parts_json(shortfall)})
        }
    };
    if let (Some(told), Json::Object(more)) = (told.as_object_mut(), more) {
        told.extend(more);
    }
    told
}

/// One part, or `{"none_of": [..]}`.
fn parts_json(shortfall: &Shortfall) -> Json {
    match shortfall {
        Shortfall::Part(Part { text, unknown, read }) => json!({
            "part": text,
            "unknown": unknown.as_ref().map(ToString::to_string),
            "values": values_json(read),
        }),
        Shortfall::NoneOf(parts) => json!({"none_of": parts.iter().map(parts_json).collect::<Vec<_>>()}),
    }
}

fn values_json(values: &[(String, Seen)]) -> Map<String, Json> {
    let value = |seen: &Seen| match seen {
        Seen::NotGiven => Json::Null,
        Seen::Personal => json!(seen.to_string()),
        Seen::Given(value) => json!(value),
    };
    values.iter().map(|(name, seen)| (name.clone(), value(seen))).collect()
}
