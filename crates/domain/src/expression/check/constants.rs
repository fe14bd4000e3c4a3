//! What is written out in an expression and can never be right: a text beside a date that is no date, an argument
//! that its function can never read.

use cel::Context;
use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue};
use jiff::civil::Date;

use super::super::{Expression, LANGUAGE, children};
use super::{Checker, Fault, Type};

/// Functions that read one argument by itself: its position, counted from what stands before the point, and a call
/// in which nothing else can fail.
const READERS: &[(&str, usize, &str)] = &[
    ("matches", 1, "''.matches(#)"),
    ("local_date", 1, "local_date(timestamp(0), #)"),
    ("instant", 1, "instant('2026-03-02 10:00:00', #)"),
    ("getFullYear", 1, "timestamp(0).getFullYear(#)"),
    ("getMonth", 1, "timestamp(0).getMonth(#)"),
    ("getDate", 1, "timestamp(0).getDate(#)"),
    ("getDayOfMonth", 1, "timestamp(0).getDayOfMonth(#)"),
    ("getDayOfWeek", 1, "timestamp(0).getDayOfWeek(#)"),
    ("getDayOfYear", 1, "timestamp(0).getDayOfYear(#)"),
    ("getHours", 1, "timestamp(0).getHours(#)"),
    ("getMinutes", 1, "timestamp(0).getMinutes(#)"),
    ("getSeconds", 1, "timestamp(0).getSeconds(#)"),
    ("getMilliseconds", 1, "timestamp(0).getMilliseconds(#)"),
];

impl Checker<'_> {
    /// Looks at texts that stand beside a date; whether they do. Dates are compared as text, so that one which is
    /// written in another way would be before or after all of them.
    pub(super) fn date_beside_text(&mut self, one: (&IdedExpr, &Type), other: (&IdedExpr, &Type)) -> bool {
        for ((asked, of), (written, _)) in [(one, other), (other, one)] {
            match (of, &written.expr) {
                (Type::Date, Expr::Literal(LiteralValue::String(text))) => {
                    self.date(asked, written, text.inner());
                    return true;
                }
                (Type::List(item), Expr::List(list))
                    if **item == Type::Date
                        && list.elements.iter().all(|element| literal_text(element).is_some()) =>
                {
                    for element in &list.elements {
                        self.date(asked, element, literal_text(element).unwrap_or_default());
                    }
                    return true;
                }
                _ => {}
            }
        }
        false
    }

    fn date(&mut self, asked: &IdedExpr, written: &IdedExpr, text: &str) {
        // The parser of dates takes other forms too.
        let read = text.parse::<Date>().ok();
        if read.is_some_and(|date| date.to_string() == text) {
            return;
        }
        let message =
            format!("`{}` is no date to compare `{}` with", self.spans.text(written), self.spans.text(asked));
        let help = "write a day that there is as year, month and day, such as `'2026-03-02'`";
        let span = self.spans.whole(written);
        self.complain(Fault::Operands, span, message, help).suggestion =
            day_of(text).map(|day| format!("'{day}'"));
    }

    /// Notes arguments that are written out and that the function can never read.
    pub(super) fn constant_arguments(&mut self, part: &IdedExpr, call: &CallExpr) {
        let given: Vec<&IdedExpr> = call.target.as_deref().into_iter().chain(&call.args).collect();
        let name = call.func_name.as_str();
        let reader = READERS.iter().find(|(known, at, _)| {
            *known == name && given.get(*at).is_some_and(|argument| is_constant(argument))
        });
        let (span, fails) = if given.iter().all(|argument| is_constant(argument)) {
            let spoilt = name == "duration" && given.iter().any(|it| !is_whole_duration(it));
            (self.spans.whole(part), spoilt || fails(self.spans.text(part)))
        } else if let Some((_, at, probe)) = reader {
            (self.spans.whole(given[*at]), fails(&probe.replace('#', self.spans.text(given[*at]))))
        } else {
            return;
        };
        if fails {
            let text = self.spans.source(&span);
            let message = match reader {
                Some((_, at, _)) => format!("`{name}` can never read `{}`", self.spans.text(given[*at])),
                None => format!("`{text}` never has a value"),
            };
            self.complain(Fault::Operands, span, message, reading(name));
        }
    }
}

/// What a function reads.
fn reading(name: &str) -> &'static str {
    match name {
        "matches" => {
            "write a regular expression, such as `'^A-[0-9]+$'`; a part of a text is asked for by `.contains('[')`"
        }
        "timestamp" => "write an instant that there is, such as `timestamp('2026-03-02T10:00:00Z')`",
        "duration" => "write a number with its unit, such as `duration('48h')` or `duration('90m')`",
        "local_date" | "instant" => "write a time zone of the IANA list, such as `'Europe/Zurich'`",
        name if name.starts_with("get") => "write a time zone of the IANA list, such as `'Europe/Zurich'`",
        _ => "what is written here is the same for every event: correct it",
    }
}

fn literal_text(part: &IdedExpr) -> Option<&str> {
    match &part.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}

/// Whether it is written out: literals, and lists of them.
fn is_constant(part: &IdedExpr) -> bool {
    match &part.expr {
        Expr::Literal(_) => true,
        Expr::List(_) => children(&part.expr).into_iter().all(is_constant),
        _ => false,
    }
}

/// Whether an expression that reads nothing has no value.
fn fails(source: &str) -> bool {
    let context = Context::with_env(std::sync::Arc::clone(&LANGUAGE));
    Expression::parse(source).is_ok_and(|expression| expression.program.execute(&context).is_err())
}

/// Whether a duration is read to its end: CEL's reader stops where it understands no more, and `48h30` is 48 hours.
fn is_whole_duration(part: &IdedExpr) -> bool {
    let Some(text) = literal_text(part) else { return true };
    let mut rest = text.strip_prefix('-').unwrap_or(text);
    while !matches!(rest, "" | "0") {
        let unit = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let after = ["ms", "us", "ns", "h", "m", "s"].iter().find_map(|known| unit.strip_prefix(known));
        let Some(after) = after.filter(|_| unit.len() < rest.len()) else { return false };
        rest = after;
    }
    true
}

/// The day that was meant, where there is no doubt: `2026-3-5`, or the day of a stamp.
fn day_of(text: &str) -> Option<Date> {
    let day = text.split(['T', ' ']).next()?;
    let mut parts = day.splitn(3, '-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if year.len() != 4 {
        return None;
    }
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}
