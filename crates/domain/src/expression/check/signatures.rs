//! What each function takes and gives: CEL's standard library, its extension for texts, and ours.

use super::typing::Type;

/// A parameter or a result, as the table says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Any,
    Bool,
    Int,
    Uint,
    Double,
    Text,
    Date,
    Bytes,
    Instant,
    Duration,
    List,
    Map,
    /// A list of values that have an order among each other; as a result: one of them.
    Ordered,
    /// A list of numbers, or of texts that say numbers.
    Numbers,
    /// A list of texts; as a result too.
    Texts,
}

use Slot::{
    Any, Bool, Bytes, Date, Double, Duration, Instant, Int, List, Map, Numbers, Ordered, Text, Texts, Uint,
};

/// One form of a function.
pub(super) struct Signature {
    pub(super) name: &'static str,
    /// Whether it is written behind its first parameter: `text.trim()`.
    pub(super) member: bool,
    pub(super) takes: &'static [Slot],
    pub(super) gives: Slot,
}

const fn call(name: &'static str, takes: &'static [Slot], gives: Slot) -> Signature {
    Signature { name, member: false, takes, gives }
}

const fn member(name: &'static str, takes: &'static [Slot], gives: Slot) -> Signature {
    Signature { name, member: true, takes, gives }
}

/// Every function, form by form.
pub(super) const SIGNATURES: &[Signature] = &[
    call("local_date", &[Instant, Text], Date),
    call("instant", &[Text, Text], Instant),
    call("date_of", &[Text], Date),
    call("decimal", &[Text], Double),
    call("stamp", &[Text, Text], Text),
    call("sum", &[Numbers], Double),
    call("min", &[Ordered], Ordered),
    call("max", &[Ordered], Ordered),
    call("round", &[Double, Int], Double),
    call("round", &[Int, Int], Double),
    call("size", &[Text], Int),
    call("size", &[List], Int),
    call("size", &[Map], Int),
    call("size", &[Bytes], Int),
    member("size", &[Text], Int),
    member("size", &[List], Int),
    member("size", &[Map], Int),
    member("size", &[Bytes], Int),
    call("matches", &[Text, Text], Bool),
    member("matches", &[Text, Text], Bool),
    member("contains", &[Text, Text], Bool),
    member("startsWith", &[Text, Text], Bool),
    member("endsWith", &[Text, Text], Bool),
    member("charAt", &[Text, Int], Text),
    member("indexOf", &[Text, Text], Int),
    member("indexOf", &[Text, Text, Int], Int),
    member("lastIndexOf", &[Text, Text], Int),
    member("lastIndexOf", &[Text, Text, Int], Int),
    member("join", &[Texts], Text),
    member("join", &[Texts, Text], Text),
    member("lowerAscii", &[Text], Text),
    member("upperAscii", &[Text], Text),
    member("trim", &[Text], Text),
    member("replace", &[Text, Text, Text], Text),
    member("replace", &[Text, Text, Text, Int], Text),
    member("split", &[Text, Text], Texts),
    member("split", &[Text, Text, Int], Texts),
    member("substring", &[Text, Int], Text),
    member("substring", &[Text, Int, Int], Text),
    member("format", &[Text, List], Text),
    member("reverse", &[Text], Text),
    call("string", &[Text], Text),
    call("string", &[Bool], Text),
    call("string", &[Int], Text),
    call("string", &[Uint], Text),
    call("string", &[Double], Text),
    call("string", &[Bytes], Text),
    call("string", &[Instant], Text),
    call("string", &[Duration], Text),
    call("int", &[Int], Int),
    call("int", &[Uint], Int),
    call("int", &[Double], Int),
    call("int", &[Text], Int),
    call("int", &[Instant], Int),
    call("uint", &[Uint], Uint),
    call("uint", &[Int], Uint),
    call("uint", &[Double], Uint),
    call("uint", &[Text], Uint),
    call("double", &[Double], Double),
    call("double", &[Int], Double),
    call("double", &[Uint], Double),
    call("double", &[Text], Double),
    call("bool", &[Bool], Bool),
    call("bool", &[Text], Bool),
    call("bytes", &[Text], Bytes),
    call("bytes", &[Bytes], Bytes),
    call("type", &[Any], Any),
    call("dyn", &[Any], Any),
    call("duration", &[Text], Duration),
    call("duration", &[Duration], Duration),
    call("timestamp", &[Text], Instant),
    call("timestamp", &[Instant], Instant),
    call("timestamp", &[Int], Instant),
    member("getFullYear", &[Instant], Int),
    member("getFullYear", &[Instant, Text], Int),
    member("getMonth", &[Instant], Int),
    member("getMonth", &[Instant, Text], Int),
    member("getDate", &[Instant], Int),
    member("getDate", &[Instant, Text], Int),
    member("getDayOfMonth", &[Instant], Int),
    member("getDayOfMonth", &[Instant, Text], Int),
    member("getDayOfWeek", &[Instant], Int),
    member("getDayOfWeek", &[Instant, Text], Int),
    member("getDayOfYear", &[Instant], Int),
    member("getDayOfYear", &[Instant, Text], Int),
    member("getHours", &[Instant], Int),
    member("getHours", &[Instant, Text], Int),
    member("getHours", &[Duration], Int),
    member("getMinutes", &[Instant], Int),
    member("getMinutes", &[Instant, Text], Int),
    member("getMinutes", &[Duration], Int),
    member("getSeconds", &[Instant], Int),
    member("getSeconds", &[Instant, Text], Int),
    member("getSeconds", &[Duration], Int),
    member("getMilliseconds", &[Instant], Int),
    member("getMilliseconds", &[Instant, Text], Int),
    member("getMilliseconds", &[Duration], Int),
];

/// CEL's optional values, of which the checker knows no more than that they are there.
pub(super) const OPTIONALS: &[&str] =
    &["of", "none", "ofNonZeroValue", "value", "hasValue", "or", "orValue", "optMap", "optFlatMap"];

/// The macros that walk a list, which the parser leaves as they are where they are written wrongly.
pub(super) const LOOPS: &[&str] = &["all", "exists", "exists_one", "existsOne", "map", "filter"];

impl Slot {
    /// Whether a value of this type may stand here.
    pub(super) fn takes(self, given: &Type) -> bool {
        if *given == Type::Any {
            return true;
        }
        match self {
            Any => true,
            Bool => *given == Type::Bool,
            Int => *given == Type::Int,
            Uint => *given == Type::Uint,
            Double => *given == Type::Double,
            Text | Date => given.is_text(),
            Bytes => *given == Type::Bytes,
            Instant => *given == Type::Instant,
            Duration => *given == Type::Duration,
            List => matches!(given, Type::List(_)),
            Map => matches!(given, Type::Map | Type::Record(_)),
            Ordered => matches!(given, Type::List(item) if item.has_order_with(item)),
            Numbers => matches!(given, Type::List(item)
                if **item == Type::Any || item.is_number() && **item != Type::Uint || item.is_text()),
            Texts => matches!(given, Type::List(item) if **item == Type::Any || item.is_text()),
        }
    }

    /// The type of a result; `first` is that of the first argument.
    pub(super) fn result(self, first: Option<&Type>) -> Type {
        match self {
            Any | Numbers => Type::Any,
            Bool => Type::Bool,
            Int => Type::Int,
            Uint => Type::Uint,
            Double => Type::Double,
            Text => Type::Text,
            Date => Type::Date,
            Bytes => Type::Bytes,
            Instant => Type::Instant,
            Duration => Type::Duration,
            List => Type::List(Box::new(Type::Any)),
            Map => Type::Map,
            Ordered => match first {
                Some(Type::List(item)) => (**item).clone(),
                _ => Type::Any,
            },
            Texts => Type::List(Box::new(Type::Text)),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Any => "anything",
            Bool => "true or false",
            Int => "whole number",
            Uint => "whole number without sign",
            Double => "number",
            Text => "text",
            Date => "date",
            Bytes => "bytes",
            Instant => "instant",
            Duration => "duration",
            List => "list",
            Map => "record",
            Ordered => "list of values that have an order",
            Numbers => "list of numbers",
            Texts => "list of texts",
        }
    }
}

impl Signature {
    /// How it is written, with kinds for its arguments: `text.startsWith(text)`.
    pub(super) fn written(&self) -> String {
        let names = |slots: &[Slot]| slots.iter().map(|slot| slot.name()).collect::<Vec<_>>().join(", ");
        match (self.member, self.takes) {
            (true, [this, rest @ ..]) => format!("({}).{}({})", this.name(), self.name, names(rest)),
            _ => format!("{}({})", self.name, names(self.takes)),
        }
    }
}
