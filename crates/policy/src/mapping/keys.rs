//! The keys of a mapping for files and of a source for topics; what they mean together is read elsewhere.

use crate::form::{Form, Holds, Key};

/// The form of a mapping, which brings in files.
pub(crate) const MAPPING: Form = Form {
    what: "a mapping",
    doc: "How rows of files become events. What stands under most keys is CEL, which reads the row as `row`.",
    keys: &[
        Key::must("source", Holds::Plain, SOURCE_DOC),
        ZONE,
        Key::may("rows", Holds::Plain, "the file of the rows, without its ending: `orders` for orders.csv"),
        Key::may(
            "delimiter",
            Holds::Plain,
            "what stands between cells: one character, or `tab`; `,` unless said",
        ),
        Key::may(
            "join",
            Holds::Named(&JOIN),
            "rows of other files that belong to a row, by the names that expressions read them by",
        ),
        WHEN,
        SUBJECT,
        CORRELATION_ID,
        FACTS,
        EVENTS,
    ],
};

/// The form of a source, which reads topics of other systems.
pub(crate) const SOURCE: Form = Form {
    what: "a source",
    doc: "How records of other systems' topics become events. What stands under most keys is CEL, which reads the \
          record as `row`.",
    keys: &[
        Key::must(
            "topics",
            Holds::List(&Holds::Plain),
            "the topics that are read, such as `[shop.public.orders]`",
        ),
        Key::must(
            "format",
            Holds::Known(FORMATS),
            "what the records are: json, debezium, cloudevents or avro",
        ),
        Key::may(
            "avro",
            Holds::Record(&AVRO),
            "how records in Avro are framed, and by which schemas they are read",
        ),
        Key::may(
            "ignored",
            Holds::List(&Holds::Plain),
            "fields that are left out on purpose, such as `[internal_note]`, so that they do not count as unread",
        ),
        Key::may("source", Holds::Plain, SOURCE_DOC),
        ZONE,
        WHEN,
        SUBJECT,
        CORRELATION_ID,
        FACTS,
        EVENTS,
    ],
};

/// The keys that only the other of the two has. That they are there is told by what reads the file.
pub(crate) const ONLY_FOR_FILES: &[&str] = &["rows", "delimiter", "join"];
pub(crate) const ONLY_FOR_TOPICS: &[&str] = &["topics", "format", "avro", "ignored"];

const SOURCE_DOC: &str = "who says so, as a URI such as `urn:example:shop`: part of every event's identity, so it must \
                          never change";

const ZONE: Key = Key::must(
    "zone",
    Holds::Plain,
    "stamps that name no zone are on the clocks of this one, such as `Europe/Zurich` or `UTC`",
);
const WHEN: Key = Key::may("when", Holds::Plain, "a condition; rows for which it does not hold say nothing");
const SUBJECT: Key = Key::may(
    "subject",
    Holds::Plain,
    "what events are about, such as `row.order_id`; here or for each event",
);
const CORRELATION_ID: Key =
    Key::may("correlationid", Holds::Plain, "by which events are followed; the subject unless said");
const FACTS: Key = Key::may(
    "facts",
    Holds::Expressions,
    "what is known, such as `value: row.total`; text itself is written \"'CHF'\"",
);
const EVENTS: Key = Key::must("events", Holds::List(&Holds::Record(&EVENT)), "the events that a row becomes");

pub(super) const EVENT: Form = Form {
    what: "an event",
    doc: "An event that a row becomes.",
    keys: &[
        Key::must("type", Holds::Plain, "its event type, such as `order.placed`"),
        Key::may("when", Holds::Plain, "a condition; a row for which it does not hold has no such event"),
        Key::must("id", Holds::Plain, "what makes it unique, such as `row.order_id + '/placed'`"),
        SUBJECT,
        CORRELATION_ID,
        Key::must("time", Holds::Plain, "when it happened, such as `row.placed_at`"),
        FACTS,
    ],
};

const JOIN: Form = Form {
    what: "what is joined",
    doc: "Rows of another file that belong to a row.",
    keys: &[
        Key::may("file", Holds::Plain, "the file without its ending; called as the name here unless said"),
        Key::must("key", Holds::Plain, "the column of that file by which its rows are looked up"),
        Key::may(
            "is",
            Holds::Plain,
            "what that column must be; the row's column of the same name unless said",
        ),
        Key::may("many", Holds::Flag, "whether there may be several, which are read as a list"),
    ],
};

const AVRO: Form = Form {
    what: "`avro`",
    doc: "How records in Avro are framed, and by which schemas they are read.",
    keys: &[
        Key::must(
            "framing",
            Holds::Known(FRAMINGS),
            "what stands before a record: single-object, confluent or bare",
        ),
        Key::must(
            "schemas",
            Holds::List(&Holds::Record(&SCHEMA)),
            "the schemas, such as `{file: order.avsc, id: 7}`",
        ),
    ],
};

pub(crate) const SCHEMA: Form = Form {
    what: "a schema",
    doc: "A schema, by `file` or `schema`, and what the registry calls it.",
    keys: &[
        Key::may("file", Holds::Plain, "a file beside this one, such as `order.avsc`"),
        Key::may("schema", Holds::Plain, "the schema itself, as JSON"),
        Key::may("id", Holds::Whole(0, u32::MAX as i64), "its id in the registry"),
        Key::may("guid", Holds::Plain, "its GUID in the registry"),
    ],
};

const FORMATS: &[&str] = &["json", "debezium", "cloudevents", "avro"];
const FRAMINGS: &[&str] = &["single-object", "confluent", "bare"];

#[cfg(test)]
mod tests {
    use hinge_schema::{Format, Framing};

    use super::*;

    #[test]
    fn editors_know_every_format_and_framing() {
        assert_eq!(FORMATS, Format::ALL.map(Format::name));
        assert_eq!(FRAMINGS, Framing::ALL.map(Framing::name));
    }
}
