//! `templates/*.md`: the words of notifications.

use std::ops::Range;

use hinge_domain::{Event, Templates, nearest};
use hinge_schema::Catalogue;

use crate::coverage::hides_things;
use crate::diagnostic::Diagnostic;
use crate::directory::Directory;
use crate::place::Place;
use crate::routes::Written;

/// Reads all templates; what cannot be parsed is noted.
pub(crate) fn templates(directory: &Directory, problems: &mut Vec<Diagnostic>) -> Templates {
    let mut templates = Templates::default();
    for file in directory.below("templates") {
        let name = name_of(&file.name);
        if let Err(error) = templates.add(name, &file.text) {
            let place = error.line.map_or(Place::FILE, |line| {
                // The name that is not known, where it stands on that line.
                let named = error.message.split('`').nth(1).map(|name| place_of(&file.text, name));
                named.filter(|place| place.start().0 == line).unwrap_or_else(|| whole_line(&file.text, line))
            });
            let help = if error.message.contains("end of input") {
                "close what is open: `{{` with `}}`, `{% if .. %}` with `{% endif %}`, `{% for .. %}` with `{% endfor %}`"
            } else {
                "correct the template here; `{{ event.state }}` writes a fact, `{% if .. %}` chooses"
            };
            file.page(problems).note("template-invalid", place, error.message, help);
            // Known by name, so that only the mistake itself is told and not every rule that uses it.
            if !templates.contains(name) {
                let _ = templates.add(name, "");
            }
        } else if file.text.lines().next().is_none_or(|title| title.trim_start_matches('#').trim().is_empty())
        {
            let message = "the first line is empty, but it is the title".to_owned();
            let help = "begin with the title, such as `# Order {{ event.subject }}: pack by {{ event.promised_date }}`";
            file.page(problems).note("template-invalid", Place::at(1, 1), message, help);
        }
    }
    templates
}

/// Warns of templates that no rule uses. Notes, in the template and once, what it reads and can never be there: a fact must belong to an event type
/// of each rule that uses the template.
pub(crate) fn check_facts(
    directory: &Directory,
    catalogue: &Catalogue,
    (templates, rules): (&Templates, &[Written]),
    problems: &mut Vec<Diagnostic>,
) {
    let all_read = !problems.iter().any(hides_things);
    for file in directory.below("templates") {
        let name = name_of(&file.name);
        let is_used = || rules.iter().any(|written| written.template.as_deref() == Some(name));
        let is_meant = || problems.iter().any(|it| it.suggestion.as_deref() == Some(name));
        if all_read && !is_used() && !is_meant() {
            let message = format!("no rule uses the template `{name}`");
            let help = format!("name it in a rule, `template: {name}`, or remove the file");
            file.page(problems).warn("template-unused", Place::FILE, message, &help);
        }
        for read in templates.reads(name) {
            let (variable, fact) = read.split_once('.').unwrap_or((&read, ""));
            let fact = fact.split('.').next().unwrap_or_default();
            if variable == "department" {
                continue;
            }
            if variable != "event" {
                let message = format!("there is nothing called `{variable}`");
                let help = "a template reads the event's facts, such as `event.state`, and `department`";
                let using = rules.iter().filter(|written| written.rule.template.as_deref() == Some(name));
                let mut event_types = using.flat_map(|written| &written.rule.event_types);
                let meant = if event_types.any(|event_type| has_fact(catalogue, event_type, variable)) {
                    Some(format!("event.{variable}"))
                } else {
                    nearest(variable, ["event", "department"]).map(str::to_owned)
                };
                let place = place_of(&file.text, variable);
                file.page(problems).note("fact-unknown", place, message, help).suggestion = meant;
                continue;
            }
            let using = rules.iter().filter(|written| written.rule.template.as_deref() == Some(name));
            let lacking = using.filter(|written| !written.rule.event_types.is_empty()).find(|written| {
                !written.rule.event_types.iter().any(|event_type| has_fact(catalogue, event_type, fact))
            });
            let Some(lacking) = lacking.filter(|_| !fact.is_empty()) else { continue };
            let message = match lacking.rule.event_types.as_slice() {
                [one] => format!("`{one}` has no fact `{fact}`"),
                several => format!("none of `{}` has a fact `{fact}`", several.join("`, `")),
            };
            let facts = facts_of(catalogue, &lacking.rule.event_types[0]);
            let help =
                format!("the rule `{}` is told by it; the facts are {}", lacking.rule.id, facts.join(", "));
            let place = place_of(&file.text, &format!("event.{fact}"));
            let meant = nearest(fact, facts.iter().copied()).map(|meant| format!("event.{meant}"));
            file.page(problems).note("fact-unknown", place, message, &help).suggestion = meant;
        }
    }
}

fn name_of(file: &str) -> &str {
    file.trim_start_matches("templates/").trim_end_matches(".md")
}

fn whole_line(text: &str, line: usize) -> Place {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let length = text[start..].lines().next().map_or(0, |line| line.trim_end().len());
    Place::of_bytes(text, start..start + length)
}

/// Where a template reads a name: its first place within `{{ .. }}` or `{% .. %}`.
fn place_of(text: &str, name: &str) -> Place {
    let of_name = |c: char| c.is_alphanumeric() || c == '_';
    let found = tags(text).into_iter().find_map(|tag| {
        let inside = &text[tag.clone()];
        let begins = |at: &usize| !inside[..*at].ends_with(|c: char| of_name(c) || c == '.');
        let ends = |at: &usize| !inside[at + name.len()..].starts_with(of_name);
        let mut places = inside.match_indices(name).map(|(at, _)| at);
        places.find(|at| begins(at) && ends(at)).map(|at| tag.start + at)
    });
    // Written with spaces or brackets: then the file is all that can be said.
    found.map_or(Place::FILE, |at| Place::of_bytes(text, at..at + name.len()))
}

/// The bytes between `{{` and `}}`, `{%` and `%}`.
fn tags(text: &str) -> Vec<Range<usize>> {
    let mut tags = Vec::new();
    let mut from = 0;
    while let Some(begin) = text[from..].find(['{']).map(|at| from + at) {
        let close = match text.as_bytes().get(begin + 1) {
            Some(b'{') => "}}",
            Some(b'%') => "%}",
            _ => {
                from = begin + 1;
                continue;
            }
        };
        let end = text[begin..].find(close).map_or(text.len(), |at| begin + at);
        tags.push(begin + 2..end);
        from = end;
    }
    tags
}

/// Whether events of a type have a fact or attribute of this name.
pub(crate) fn has_fact(catalogue: &Catalogue, event_type: &str, name: &str) -> bool {
    facts_of(catalogue, event_type).contains(&name)
}

/// The names that rules and templates can read of an event type.
pub(crate) fn facts_of<'a>(catalogue: &'a Catalogue, event_type: &str) -> Vec<&'a str> {
    let facts = catalogue.shape(event_type).into_iter().flat_map(|shape| &shape.fields);
    facts.map(|field| field.name.as_ref()).chain(Event::ATTRIBUTES).collect()
}
