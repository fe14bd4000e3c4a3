//! What CEL's operators take and give.

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, operators as op};

use super::{Checker, Fault, Type};
use crate::nearest::nearest;

impl Checker<'_> {
    pub(super) fn operator(&mut self, part: &IdedExpr, call: &CallExpr) -> Type {
        match (call.func_name.as_str(), call.args.as_slice()) {
            (op::LOGICAL_AND | op::LOGICAL_OR, both) => {
                for side in both {
                    self.truth(side);
                }
                Type::Bool
            }
            (op::LOGICAL_NOT | op::NOT_STRICTLY_FALSE, [of]) => {
                self.truth(of);
                Type::Bool
            }
            (op::CONDITIONAL, [condition, one, other]) => {
                self.truth(condition);
                let one = self.type_of(one);
                one.or(self.type_of(other))
            }
            (op::EQUALS | op::NOT_EQUALS, [one, other]) => {
                self.equality(part, one, other);
                Type::Bool
            }
            (op::LESS | op::LESS_EQUALS | op::GREATER | op::GREATER_EQUALS, [one, other]) => {
                let types = (self.type_of(one), self.type_of(other));
                if !self.date_beside_text((one, &types.0), (other, &types.1))
                    && !types.0.has_order_with(&types.1)
                {
                    self.not_comparable(part, (one, other), &types);
                }
                Type::Bool
            }
            (op::IN, [one, list]) => {
                self.membership(one, list);
                Type::Bool
            }
            (op::ADD | op::SUBSTRACT | op::MULTIPLY | op::DIVIDE | op::MODULO, [one, other]) => {
                self.arithmetic(part, call, (one, other))
            }
            (op::NEGATE, [of]) => {
                let given = self.type_of(of);
                if matches!(given, Type::Any | Type::Int | Type::Double) {
                    return given;
                }
                let message = format!("`{}` is {given} and has no negative", self.spans.text(of));
                let span = self.spans.whole(of);
                self.complain(Fault::Operands, span, message, "a minus stands before a number");
                Type::Any
            }
            (op::INDEX, [of, index]) => self.index(of, index),
            (op::OPT_SELECT, [of, field]) => {
                let operand = self.type_of(of);
                if let (Type::Record(_), Expr::Literal(LiteralValue::String(name))) = (&operand, &field.expr)
                {
                    let start = self.spans.find(self.spans.whole(of).end, name.inner());
                    self.field_of(&operand, (of, name.inner()), start..start + name.inner().len());
                }
                Type::Any
            }
            _ => {
                self.look_at_parts(part);
                Type::Any
            }
        }
    }

    /// A part that must be true or false.
    pub(super) fn truth(&mut self, part: &IdedExpr) {
        // What a macro counts with is its own business.
        if matches!(&part.expr, Expr::Ident(name) if name.starts_with('@')) {
            return;
        }
        let of = self.type_of(part);
        if !matches!(of, Type::Any | Type::Bool) {
            let text = self.spans.text(part);
            let message = format!("`{text}` is {of}, where true or false is needed");
            let help = match of {
                Type::List(_) => format!("ask whether it is empty: `size({text}) > 0`"),
                Type::Int | Type::Uint => format!("compare it with something, such as `{text} > 0`"),
                Type::Double => format!("compare it with something, such as `{text} > 0.0`"),
                _ => format!("compare it with something, or ask whether it is given: `has({text})`"),
            };
            let span = self.spans.whole(part);
            self.complain(Fault::Operands, span, message, help);
        }
    }

    fn equality(&mut self, part: &IdedExpr, one: &IdedExpr, other: &IdedExpr) {
        let types = (self.type_of(one), self.type_of(other));
        if types.0 == Type::Null || types.1 == Type::Null {
            let asked = if types.0 == Type::Null { other } else { one };
            let text = self.spans.text(asked);
            let message = "nothing that is given is ever `null`".to_owned();
            let help = format!("ask whether it is given: `has({text})`, or `!has({text})`");
            let span = self.spans.whole(part);
            self.complain(Fault::Operands, span, message, help);
        } else if self.date_beside_text((one, &types.0), (other, &types.1)) {
            // Noted there, if there is anything to note.
        } else if types.0.may_equal(&types.1) {
            self.symbol((one, &types.0), other);
            self.symbol((other, &types.1), one);
        } else {
            self.not_comparable(part, (one, other), &types);
        }
    }

    /// Notes a text that stands beside an enumeration and is none of its symbols.
    fn symbol(&mut self, (asked, of): (&IdedExpr, &Type), written: &IdedExpr) {
        let (Type::Symbol(symbols), Expr::Literal(LiteralValue::String(text))) = (of, &written.expr) else {
            return;
        };
        let text = text.inner();
        if symbols.iter().any(|symbol| **symbol == *text) {
            return;
        }
        let meant = nearest(text, symbols.iter().map(AsRef::as_ref)).map(|symbol| format!("'{symbol}'"));
        let names: Vec<&str> = symbols.iter().map(AsRef::as_ref).collect();
        let message = format!("`{}` is never `{text}`", self.spans.text(asked));
        let span = self.spans.whole(written);
        let help = format!("it is one of {}", names.join(", "));
        self.complain(Fault::Symbol, span, message, help).suggestion = meant;
    }

    fn not_comparable(
        &mut self,
        part: &IdedExpr,
        (one, other): (&IdedExpr, &IdedExpr),
        types: &(Type, Type),
    ) {
        let (left, right) = (self.spans.text(one).to_owned(), self.spans.text(other).to_owned());
        let message = if types.0.to_string() == types.1.to_string() {
            format!("`{left}` and `{right}` have no order: each is {}", types.0)
        } else {
            format!("`{left}` is {} and `{right}` is {}: they cannot be compared", types.0, types.1)
        };
        let help = comparison_help((&left, &types.0), (&right, &types.1))
            .or_else(|| comparison_help((&right, &types.1), (&left, &types.0)));
        let help = help.unwrap_or_else(|| "both sides must be of one kind".to_owned());
        let span = self.spans.whole(part);
        self.complain(Fault::Operands, span, message, help);
    }

    fn membership(&mut self, one: &IdedExpr, list: &IdedExpr) {
        let (given, container) = (self.type_of(one), self.type_of(list));
        match &container {
            Type::List(item) => {
                if let Expr::List(literal) = &list.expr {
                    for value in &literal.elements {
                        let of = self.quietly(value);
                        if self.date_beside_text((one, &given), (value, &of)) {
                            continue;
                        }
                        if given.may_equal(&of) {
                            self.symbol((one, &given), value);
                        } else {
                            let message = format!(
                                "`{}` is {of}, but `{}` is {given}",
                                self.spans.text(value),
                                self.spans.text(one)
                            );
                            let span = self.spans.whole(value);
                            self.complain(
                                Fault::Operands,
                                span,
                                message,
                                "the list must hold values of that kind",
                            );
                        }
                    }
                } else if self.date_beside_text((one, &given), (list, item)) {
                    // Noted there, if there is anything to note.
                } else if given.may_equal(item) {
                    self.symbol((list, item), one);
                } else {
                    let (text, list_text) = (self.spans.text(one), self.spans.text(list));
                    let message = format!("`{text}` is {given}, but `{list_text}` holds {}", plural(item));
                    let span = self.spans.whole(one);
                    self.complain(Fault::Operands, span, message, "both must be of one kind");
                }
            }
            Type::Any => {}
            Type::Map | Type::Record(_) if given == Type::Any || given.is_text() => {}
            other => {
                let text = self.spans.text(list);
                let message = format!("`{text}` is {other}, and `in` looks into a list");
                let asked = self.spans.text(one);
                let help = if other.is_text() {
                    format!(
                        "write a list: `in [{text}]`; a part of a text is asked for by `{text}.contains({asked})`"
                    )
                } else {
                    "write a list: `in ['a', 'b']`".to_owned()
                };
                let span = self.spans.whole(list);
                self.complain(Fault::Operands, span, message, help);
            }
        }
    }

    /// The type of a part whose mistakes are already noted.
    fn quietly(&mut self, part: &IdedExpr) -> Type {
        let before = self.complaints.len();
        let of = self.type_of(part);
        self.complaints.truncate(before);
        of
    }

    fn arithmetic(&mut self, part: &IdedExpr, call: &CallExpr, (one, other): (&IdedExpr, &IdedExpr)) -> Type {
        let types = (self.type_of(one), self.type_of(other));
        let operator = call.func_name.trim_matches('_');
        let result = match (operator, &types.0, &types.1) {
            (_, Type::Any, _) | (_, _, Type::Any) => Some(Type::Any),
            ("+", Type::List(one), Type::List(other)) => {
                Some(Type::List(Box::new((**one).clone().or((**other).clone()))))
            }
            ("+", one, other) if one.is_text() && other.is_text() => Some(Type::Text),
            ("+", Type::Bytes, Type::Bytes) => Some(Type::Bytes),
            ("+", Type::Instant, Type::Duration) | ("+", Type::Duration, Type::Instant) => {
                Some(Type::Instant)
            }
            ("-", Type::Instant, Type::Duration) => Some(Type::Instant),
            ("-", Type::Instant, Type::Instant) | ("+" | "-", Type::Duration, Type::Duration) => {
                Some(Type::Duration)
            }
            ("%", Type::Double, Type::Double) => None,
            (_, one, other) if one.is_number() && one == other => Some(one.clone()),
            _ => None,
        };
        if let Some(result) = result {
            return result;
        }
        let (left, right) = (self.spans.text(one).to_owned(), self.spans.text(other).to_owned());
        let message =
            format!("`{operator}` does not take {} (`{left}`) and {} (`{right}`)", types.0, types.1);
        let (help, suggestion) = arithmetic_help(operator, (&left, &types.0), (&right, &types.1));
        let span = self.spans.whole(part);
        self.complain(Fault::Operands, span, message, help).suggestion = suggestion;
        if types.0.is_number() && types.1.is_number() { Type::Double } else { Type::Any }
    }

    fn index(&mut self, of: &IdedExpr, index: &IdedExpr) -> Type {
        let (container, by) = (self.type_of(of), self.type_of(index));
        match (&container, &index.expr) {
            (Type::List(item), _) if matches!(by, Type::Any | Type::Int | Type::Uint) => (**item).clone(),
            (Type::Record(_), Expr::Literal(LiteralValue::String(name))) => {
                let span = self.spans.whole(index);
                let complaints = self.complaints.len();
                let found = self.field_of(&container, (of, name.inner()), span);
                for complaint in &mut self.complaints[complaints..] {
                    complaint.suggestion = complaint.suggestion.take().map(|meant| format!("'{meant}'"));
                }
                found
            }
            (Type::Any, _) => Type::Any,
            (Type::Map | Type::Record(_), _) if by == Type::Any || by.is_text() => Type::Any,
            (Type::Map, _) if !matches!(by, Type::List(_) | Type::Null) => Type::Any,
            _ => {
                let (text, by_text) = (self.spans.text(of), self.spans.text(index));
                let message =
                    format!("`{text}` is {container} and takes no `{by_text}`, which is {by}, in brackets");
                let help = "a list takes the place of a value, from 0: `event.items[0]`";
                let span = self.spans.whole(index);
                self.complain(Fault::Operands, span, message, help);
                Type::Any
            }
        }
    }
}

fn plural(item: &Type) -> &'static str {
    match item {
        Type::Int | Type::Uint => "whole numbers",
        Type::Double => "numbers",
        Type::Text | Type::Symbol(_) => "texts",
        Type::Date => "dates",
        Type::Instant => "instants",
        Type::Record(_) | Type::Map => "records",
        Type::List(_) => "lists",
        Type::Any | Type::Null | Type::Bool | Type::Bytes | Type::Duration => "other values",
    }
}

fn comparison_help((one, of): (&str, &Type), (text, with): (&str, &Type)) -> Option<String> {
    let unquoted = text.trim_matches(['\'', '"']);
    Some(match (of, with) {
        (Type::Double | Type::Int, Type::Text) if unquoted.parse::<f64>().is_ok() => {
            format!("a number stands without quotes: `{unquoted}`")
        }
        (Type::Date, with) if with.is_number() => {
            "a date is compared with a date, which stands in quotes: `'2026-03-02'`".to_owned()
        }
        (Type::Date, with) if with.is_text() => {
            format!("compare two dates; a text that says one becomes it by `date_of({text})`")
        }
        (number, with) if number.is_number() && with.is_text() && one.parse::<f64>().is_ok() => {
            format!(
                "compare text with text, such as `'{one}'`; a text that says a number becomes it by `decimal({text})`"
            )
        }
        (number, Type::Text | Type::Symbol(_)) if number.is_number() => {
            format!(
                "compare with a number, such as `100`; a text that says one becomes it by `decimal({text})`"
            )
        }
        (Type::Instant, Type::Date) => {
            format!("compare the day on which it happened: `local_date({one}, event.zone)`")
        }
        (Type::Instant, with) if with.is_text() => {
            format!(
                "`{one}` is compared with an instant, such as `timestamp('2026-03-02T10:00:00Z')`, or its day: `local_date({one}, event.zone)`"
            )
        }
        (Type::List(_), with) if !matches!(with, Type::List(_)) => {
            format!("ask for its values: `{text} in {one}`, or for how many there are: `size({one})`")
        }
        (Type::Bool, with) if with.is_text() => format!("write `{one}` alone, or `!{one}`"),
        _ => return None,
    })
}

fn arithmetic_help(
    operator: &str,
    (one, left): (&str, &Type),
    (other, right): (&str, &Type),
) -> (String, Option<String>) {
    let is_whole = |text: &str| text.chars().all(|c| c.is_ascii_digit()) && !text.is_empty();
    match (left, right) {
        (Type::Double, Type::Int) if operator != "%" => {
            let written = if is_whole(other) { format!("{other}.0") } else { format!("double({other})") };
            (
                format!("make both numbers with a fraction: `{one} {operator} {written}`"),
                Some(format!("{one} {operator} {written}")),
            )
        }
        (Type::Int, Type::Double) if operator != "%" => {
            let written = if is_whole(one) { format!("{one}.0") } else { format!("double({one})") };
            (
                format!("make both numbers with a fraction: `{written} {operator} {other}`"),
                Some(format!("{written} {operator} {other}")),
            )
        }
        (left, right) if operator == "+" && (left.is_text() || right.is_text()) => {
            ("make both texts, such as by `string(event.item_count)`".to_owned(), None)
        }
        (Type::Date, _) | (_, Type::Date) => {
            ("a date is text and cannot be counted with; compare dates with `<` and `>`".to_owned(), None)
        }
        (Type::Instant, _) => ("add or take away a duration, such as `duration('48h')`".to_owned(), None),
        _ => ("both sides must be numbers of one kind, such as `2.0 * 3.5`".to_owned(), None),
    }
}
