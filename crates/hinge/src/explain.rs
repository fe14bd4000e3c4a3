//! `hinge explain`: what a code means, what happened and what to do; a page of documentation in the program.

use std::io::Write;

use anyhow::Result;

use crate::exit::{Coded, EXIT_CODES};
use crate::settings;

/// One section per code, `## code` and a few lines.
const PAGES: &str = include_str!("explain.md");

/// Writes what is known of a code.
pub(crate) fn explain(code: &str, out: &mut dyn Write) -> Result<()> {
    match code {
        "settings" => write!(out, "{}", settings::DEFAULTS)?,
        "exit-codes" => {
            for (number, meaning) in EXIT_CODES {
                writeln!(out, "{number:>4}  {meaning}")?;
            }
        }
        "codes" => {
            for (code, page) in pages() {
                writeln!(out, "{code:<24} {}", page.lines().next().unwrap_or_default())?;
            }
        }
        code => {
            let Some((_, page)) = pages().find(|(known, _)| *known == code) else {
                let message =
                    format!("`{code}` is no code of this Hinge; `hinge explain codes` lists all of them");
                return Err(Coded::new("code-unknown", 2, message).into());
            };
            writeln!(out, "{code}\n\n{page}")?;
        }
    }
    Ok(())
}

/// Code and text of each page, in the order of the file.
fn pages() -> impl Iterator<Item = (&'static str, &'static str)> {
    PAGES
        .split("\n## ")
        .skip(1)
        .filter_map(|page| page.split_once('\n'))
        .map(|(code, text)| (code.trim(), text.trim()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_has_a_page_and_every_page_a_code() {
        let codes: BTreeSet<&str> = hinge_stream::Error::CODES
            .iter()
            .chain(hinge_router::Error::CODES)
            .chain(hinge_policy::Diagnostic::CODES)
            .chain(Coded::CODES)
            .copied()
            .chain(hinge_schema::Code::ALL.map(hinge_schema::Code::as_str))
            .collect();
        let explained: BTreeSet<&str> = pages().map(|(code, _)| code).collect();
        assert_eq!(codes, explained);
        assert!(pages().all(|(_, page)| page.contains("What to do:")), "a page says what to do");
    }

    #[test]
    fn an_unknown_code_is_told_where_to_look() {
        let error = explain("nonsense", &mut Vec::new()).unwrap_err();
        assert!(error.to_string().contains("hinge explain codes"));
    }
}
