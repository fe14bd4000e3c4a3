//! The CloudEvents attributes of one event, gathered from headers or from a JSON envelope, then checked:
//! what must be there, how long it may be, what it may contain.

use std::borrow::Cow;

use hinge_domain::{Event, Facts};
use jiff::Timestamp;

use crate::fact_rules::instant_text;
use crate::{Code, Rejection};

/// The longest `id`, `source`, `type`, `subject` or `correlationid`, in bytes: they are keys of topics,
/// stores and caches, and longer ones are text gone astray.
pub const MAX_ATTRIBUTE_BYTES: usize = 512;
/// The longest value of any other attribute, in bytes: `tracestate` may have 512, `dataref` is a URI.
pub const MAX_EXTENSION_BYTES: usize = 4096;
/// The most attributes that an event may carry beside those that Hinge knows.
pub const MAX_EXTENSIONS: usize = 64;

/// The attributes as they came, each at most once.
#[derive(Default)]
pub(crate) struct Attributes<'a> {
    specversion: Option<Cow<'a, str>>,
    id: Option<Cow<'a, str>>,
    source: Option<Cow<'a, str>>,
    event_type: Option<Cow<'a, str>>,
    time: Option<Cow<'a, str>>,
    subject: Option<Cow<'a, str>>,
    correlation_id: Option<Cow<'a, str>>,
    history: Option<Cow<'a, str>>,
    recorded: Option<Cow<'a, str>>,
    extensions: Vec<(String, String)>,
}

/// The attributes of an event before its facts are read.
pub(crate) struct Checked {
    id: String,
    source: String,
    subject: String,
    correlation_id: String,
    occurred: Timestamp,
    history: Option<bool>,
    extensions: Vec<(String, String)>,
    /// When it was recorded, where its record says so.
    pub(crate) recorded: Option<Timestamp>,
}

impl Checked {
    /// The event, once its facts are known.
    pub(crate) fn with(self, facts: Facts) -> (Event, Option<Timestamp>) {
        let Self { id, source, subject, correlation_id, occurred, history, extensions, recorded } = self;
        (Event { id, source, subject, correlation_id, occurred, history, facts, extensions }, recorded)
    }
}

impl<'a> Attributes<'a> {
    /// Takes one attribute, under its CloudEvents name.
    pub(crate) fn set(&mut self, name: &str, value: Cow<'a, str>) -> Result<(), Rejection> {
        let limit = match name {
            "id" | "source" | "type" | "subject" | "correlationid" => MAX_ATTRIBUTE_BYTES,
            _ => MAX_EXTENSION_BYTES,
        };
        check_text(name, &value, limit)?;
        let place = match name {
            "specversion" => &mut self.specversion,
            "id" => &mut self.id,
            "source" => &mut self.source,
            "type" => &mut self.event_type,
            "time" => &mut self.time,
            "subject" => &mut self.subject,
            "correlationid" => &mut self.correlation_id,
            "history" => &mut self.history,
            "recordedtime" => &mut self.recorded,
            _ => return self.extend(name, value),
        };
        if place.replace(value).is_some() { Err(invalid(name, "given twice")) } else { Ok(()) }
    }

    fn extend(&mut self, name: &str, value: Cow<'a, str>) -> Result<(), Rejection> {
        check_text("name of an attribute", name, MAX_ATTRIBUTE_BYTES)?;
        if !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
            let problem = "not the name of an attribute, which has lower-case letters and digits only";
            return Err(invalid(name, problem));
        }
        match name {
            // In binary mode the header `content-type` says it, and nothing else does.
            "datacontenttype" => return Ok(()),
            "data" => return Err(invalid(name, "not the name of an attribute")),
            _ => {}
        }
        if self.extensions.len() == MAX_EXTENSIONS {
            let detail = format!("more than {MAX_EXTENSIONS} attributes beside those that Hinge knows");
            return Err(Rejection::new(Code::AttributeInvalid, detail));
        }
        if self.extensions.iter().any(|(known, _)| known == name) {
            return Err(invalid(name, "given twice"));
        }
        self.extensions.push((name.to_owned(), value.into_owned()));
        Ok(())
    }

    /// The event's type, which must be there.
    pub(crate) fn event_type(&self) -> Result<&str, Rejection> {
        self.event_type.as_deref().ok_or_else(|| missing("type"))
    }

    /// Checks all that every event must have.
    pub(crate) fn check(self) -> Result<Checked, Rejection> {
        match self.specversion.as_deref() {
            Some("1.0") => {}
            Some(_) => return Err(invalid("specversion", "only `1.0` is known")),
            None => return Err(missing("specversion")),
        }
        let required = |name, value: Option<Cow<'a, str>>| value.ok_or_else(|| missing(name));
        let instant = |name, text: &str| instant_text(text).map_err(|problem| invalid(name, problem));
        let id = required("id", self.id)?.into_owned();
        let source = required("source", self.source)?.into_owned();
        if !is_uri_reference(&source) {
            return Err(invalid("source", "not a URI reference, such as `/shop`"));
        }
        let occurred = instant("time", &required("time", self.time)?)?;
        let (subject, correlation_id) = match (self.subject, self.correlation_id) {
            (Some(subject), Some(correlation_id)) => (subject.into_owned(), correlation_id.into_owned()),
            (Some(both), None) | (None, Some(both)) => (both.clone().into_owned(), both.into_owned()),
            (None, None) => return Err(missing("subject` or `correlationid")),
        };
        let history = match self.history.as_deref() {
            Some("true") => Some(true),
            Some("false") => Some(false),
            Some(_) => return Err(invalid("history", "neither `true` nor `false`")),
            None => None,
        };
        let recorded = self.recorded.map(|text| instant("recordedtime", &text)).transpose()?;
        let extensions = self.extensions;
        Ok(Checked { id, source, subject, correlation_id, occurred, history, extensions, recorded })
    }
}

/// Not empty, not too long, and nothing in it that would break a line of a log or a header.
///
/// Source: CloudEvents 1.0.2, "Type System", String: neither control characters nor noncharacters.
pub(crate) fn check_text(name: &str, value: &str, limit: usize) -> Result<(), Rejection> {
    if value.is_empty() {
        Err(invalid(name, "empty"))
    } else if value.len() > limit {
        Err(invalid(name, &format!("longer than {limit} bytes")))
    } else if has_control(value) {
        Err(invalid(name, "contains a control character"))
    } else if value.chars().any(is_noncharacter) {
        Err(invalid(name, "contains a noncharacter of Unicode"))
    } else {
        Ok(())
    }
}

/// The code points that Unicode will never give a meaning to.
fn is_noncharacter(c: char) -> bool {
    let point = u32::from(c);
    (0xFDD0..=0xFDEF).contains(&point) || point & 0xFFFE == 0xFFFE
}

/// Whether a text has only what a URI reference may have (RFC 3986): what an event's `source` must be.
pub fn is_uri_reference(text: &str) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let allowed = match byte {
            b'%' => [bytes.next(), bytes.next()].iter().all(|it| it.is_some_and(|it| it.is_ascii_hexdigit())),
            byte => byte.is_ascii_alphanumeric() || b":/?#[]@!$&'()*+,;=-._~".contains(&byte),
        };
        if !allowed {
            return false;
        }
    }
    true
}

fn has_control(value: &str) -> bool {
    if value.is_ascii() {
        value.bytes().any(|byte| byte.is_ascii_control())
    } else {
        value.chars().any(char::is_control)
    }
}

fn missing(name: &str) -> Rejection {
    Rejection::new(Code::AttributeMissing, format!("`{name}` is missing"))
}

/// An attribute that may not be so. Long names are shown in part, and such as no name is made of not at all: they may
/// be anything, an address too.
pub(crate) fn invalid(name: &str, problem: &str) -> Rejection {
    let is_name = |one: char| one.is_ascii_alphanumeric() || matches!(one, '_' | '-' | ' ');
    let detail = if name.chars().all(is_name) {
        let name: String = name.chars().take(64).collect();
        format!("`{name}`: {problem}")
    } else {
        format!("an attribute of another name: {problem}")
    };
    Rejection::new(Code::AttributeInvalid, detail)
}
