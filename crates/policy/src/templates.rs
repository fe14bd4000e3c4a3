//! `templates/*.md`: the words of notifications.

use hinge_domain::Templates;

use crate::diagnostic::{Diagnostic, Place};
use crate::directory::Directory;

/// Reads all templates; what cannot be parsed is noted.
pub(crate) fn templates(directory: &Directory, problems: &mut Vec<Diagnostic>) -> Templates {
    let mut templates = Templates::default();
    for file in directory.below("templates") {
        let name = file.name.trim_start_matches("templates/").trim_end_matches(".md");
        if let Err(error) = templates.add(name, &file.text) {
            let place = error.line.map_or(Place::FILE, |line| Place::at(line, 1));
            let help = "correct the template here; `{{ event.state }}` writes a fact, `{% if .. %}` chooses";
            file.page(problems).note("template-invalid", place, error.message, help);
            // Known by name, so that only the mistake itself is told and not every rule that uses it.
            let _ = templates.add(name, "");
        } else if file.text.lines().next().is_none_or(|title| title.trim_start_matches('#').trim().is_empty())
        {
            let message = "the first line is empty, but it is the title".to_owned();
            let help = "begin with the title, such as `# Order {{ event.subject }}: pack by {{ event.promised_date }}`";
            file.page(problems).note("template-invalid", Place::at(1, 1), message, help);
        }
    }
    templates
}
