//! The common part of CEL in a form of its own, evaluated on an event where it lies.
//!
//! Comparisons of attributes with literals and with one another, `in`, `has`, `size`, `startsWith`, `endsWith`,
//! `contains` and `&&`, `||`, `!` over them. It answers as CEL does or not at all: what does not fit
//! (a text compared with a number) is left to CEL, which says in its own words what is wrong.

use std::cmp::Ordering;
use std::sync::Arc;

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, operators};

use crate::sight::{Seen, Sight};

/// A condition in this form.
#[derive(Debug)]
pub(crate) enum Native {
    Always(bool),
    Is(usize),
    Has(usize),
    Not(Box<Native>),
    And(Box<Native>, Box<Native>),
    Or(Box<Native>, Box<Native>),
    Compare(Operand, Comparison, Operand),
    In(Operand, Vec<Literal>),
    /// The first is an item of the list that the second is.
    ItemOf(Operand, usize),
    Text(usize, TextTest, Box<str>),
}

/// How two operands are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

/// What is asked of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextTest {
    StartsWith,
    EndsWith,
    Contains,
}

/// One side of a comparison; attributes by their place among those that are read.
#[derive(Debug)]
pub(crate) enum Operand {
    Attribute(usize),
    Size(usize),
    Literal(Literal),
}

/// A value written in a condition.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Literal {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Box<str>),
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The attribute at this place is not given.
    Missing(usize),
    /// The values do not fit; CEL knows what that means.
    Unfit,
}

impl Literal {
    pub(crate) fn sight(&self) -> Sight<'_> {
        match self {
            Self::Bool(value) => Sight::Bool(*value),
            Self::Int(value) => Sight::Int(*value),
            Self::Float(value) => Sight::Float(*value),
            Self::Text(value) => Sight::Text(value),
        }
    }
}

impl Operand {
    fn sight<'a>(&'a self, seen: &Seen<'a>) -> Result<Sight<'a>, Trouble> {
        match self {
            Self::Literal(literal) => Ok(literal.sight()),
            Self::Attribute(slot) => given(*slot, seen),
            Self::Size(slot) => {
                let size = match given(*slot, seen)? {
                    Sight::List(values) => values.len(),
                    Sight::Text(text) => text.chars().count(),
                    Sight::Date(_) => 10,
                    _ => return Err(Trouble::Unfit),
                };
                i64::try_from(size).map(Sight::Int).map_err(|_| Trouble::Unfit)
            }
        }
    }
}

fn given<'a>(slot: usize, seen: &Seen<'a>) -> Result<Sight<'a>, Trouble> {
    match seen.at(slot) {
        Sight::Missing => Err(Trouble::Missing(slot)),
        Sight::Other => Err(Trouble::Unfit),
        sight => Ok(sight),
    }
}

impl Native {
    /// The answer of CEL on this event.
    ///
    /// With `&&` and `||` one side may decide although the other has no answer; if neither decides, the
    /// right side's trouble is told before the left side's. That is CEL's order.
    pub(crate) fn answer(&self, seen: &Seen<'_>) -> Result<bool, Trouble> {
        match self {
            Self::Always(answer) => Ok(*answer),
            Self::Is(slot) => match given(*slot, seen)? {
                Sight::Bool(value) => Ok(value),
                _ => Err(Trouble::Unfit),
            },
            Self::Has(slot) => Ok(!matches!(seen.at(*slot), Sight::Missing)),
            Self::Not(condition) => condition.answer(seen).map(|answer| !answer),
            Self::And(left, right) => decided_by(false, left, right, seen),
            Self::Or(left, right) => decided_by(true, left, right, seen),
            Self::Compare(left, comparison, right) => {
                comparison.holds(&left.sight(seen)?, &right.sight(seen)?)
            }
            Self::In(item, list) => {
                let item = item.sight(seen)?;
                any_equal(&item, list.iter().map(Literal::sight))
            }
            Self::ItemOf(item, slot) => {
                let item = item.sight(seen)?;
                match given(*slot, seen)? {
                    Sight::List(values) => any_equal(&item, values.iter().map(Sight::of)),
                    _ => Err(Trouble::Unfit),
                }
            }
            Self::Text(slot, test, part) => {
                let sight = given(*slot, seen)?;
                Ok(test.holds(sight.text().ok_or(Trouble::Unfit)?, part.as_bytes()))
            }
        }
    }
}

/// `&&` where `deciding` is false, `||` where it is true.
fn decided_by(deciding: bool, left: &Native, right: &Native, seen: &Seen<'_>) -> Result<bool, Trouble> {
    match left.answer(seen) {
        Ok(answer) if answer == deciding => Ok(deciding),
        Ok(_) => right.answer(seen),
        Err(Trouble::Unfit) => Err(Trouble::Unfit),
        Err(missing @ Trouble::Missing(_)) => {
            if right.answer(seen)? == deciding {
                Ok(deciding)
            } else {
                Err(missing)
            }
        }
    }
}

fn any_equal<'a>(item: &Sight<'_>, mut others: impl Iterator<Item = Sight<'a>>) -> Result<bool, Trouble> {
    if matches!(item, Sight::List(_)) {
        return Err(Trouble::Unfit);
    }
    // A record or a null among the items of a list equals none of the plain values.
    Ok(others.any(|other| order(item, &other) == Some(Ordering::Equal)))
}

impl Comparison {
    fn holds(self, left: &Sight<'_>, right: &Sight<'_>) -> Result<bool, Trouble> {
        if matches!(left, Sight::List(_)) || matches!(right, Sight::List(_)) {
            return Err(Trouble::Unfit);
        }
        let order = order(left, right);
        match self {
            // Values of different kinds are not equal; there is no order between them.
            Self::Equal => Ok(order == Some(Ordering::Equal)),
            Self::NotEqual => Ok(order != Some(Ordering::Equal)),
            Self::Less => order.map(Ordering::is_lt).ok_or(Trouble::Unfit),
            Self::AtMost => order.map(Ordering::is_le).ok_or(Trouble::Unfit),
            Self::Greater => order.map(Ordering::is_gt).ok_or(Trouble::Unfit),
            Self::AtLeast => order.map(Ordering::is_ge).ok_or(Trouble::Unfit),
        }
    }

    /// The same comparison with its sides exchanged.
    pub(crate) fn mirrored(self) -> Self {
        match self {
            Self::Equal | Self::NotEqual => self,
            Self::Less => Self::Greater,
            Self::AtMost => Self::AtLeast,
            Self::Greater => Self::Less,
            Self::AtLeast => Self::AtMost,
        }
    }

    fn of(operator: &str) -> Option<Self> {
        Some(match operator {
            operators::EQUALS => Self::Equal,
            operators::NOT_EQUALS => Self::NotEqual,
            operators::LESS => Self::Less,
            operators::LESS_EQUALS => Self::AtMost,
            operators::GREATER => Self::Greater,
            operators::GREATER_EQUALS => Self::AtLeast,
            _ => return None,
        })
    }
}

fn order(left: &Sight<'_>, right: &Sight<'_>) -> Option<Ordering> {
    match (left, right) {
        (Sight::Int(left), Sight::Int(right)) => Some(left.cmp(right)),
        (Sight::Bool(left), Sight::Bool(right)) => Some(left.cmp(right)),
        (Sight::Instant(left), Sight::Instant(right)) => Some(left.cmp(right)),
        (left, right) => match (left.text(), right.text()) {
            (Some(left), Some(right)) => Some(left.cmp(right)),
            _ => left.number()?.partial_cmp(&right.number()?),
        },
    }
}

impl TextTest {
    fn holds(self, text: &[u8], part: &[u8]) -> bool {
        match self {
            Self::StartsWith => text.starts_with(part),
            Self::EndsWith => text.ends_with(part),
            Self::Contains => part.is_empty() || text.windows(part.len()).any(|window| window == part),
        }
    }

    fn of(function: &str) -> Option<Self> {
        Some(match function {
            "startsWith" => Self::StartsWith,
            "endsWith" => Self::EndsWith,
            "contains" => Self::Contains,
            _ => return None,
        })
    }
}

/// Brings expressions into this form; `names` are the attributes of `event` that may be read, by place.
#[derive(Clone, Copy)]
pub(crate) struct Compiler<'a> {
    pub(crate) names: &'a [Arc<str>],
}

impl Compiler<'_> {
    /// The condition, if all of it has this form.
    pub(crate) fn condition(&self, expression: &IdedExpr) -> Option<Native> {
        match &expression.expr {
            Expr::Literal(LiteralValue::Boolean(value)) => Some(Native::Always(*value.inner())),
            Expr::Select(select) if select.test => {
                Some(Native::Has(self.slot_of(&select.operand, &select.field)?))
            }
            Expr::Select(_) => Some(Native::Is(self.slot(expression)?)),
            Expr::Call(call) => self.call(call),
            Expr::Unspecified
            | Expr::Literal(_)
            | Expr::Ident(_)
            | Expr::Comprehension(_)
            | Expr::List(_)
            | Expr::Map(_)
            | Expr::Struct(_) => None,
        }
    }

    fn call(&self, call: &CallExpr) -> Option<Native> {
        match (call.func_name.as_str(), call.target.as_deref(), call.args.as_slice()) {
            (operators::LOGICAL_NOT, None, [condition]) => {
                Some(Native::Not(Box::new(self.condition(condition)?)))
            }
            (operators::LOGICAL_AND, None, [left, right]) => {
                Some(Native::And(Box::new(self.condition(left)?), Box::new(self.condition(right)?)))
            }
            (operators::LOGICAL_OR, None, [left, right]) => {
                Some(Native::Or(Box::new(self.condition(left)?), Box::new(self.condition(right)?)))
            }
            (operators::IN, None, [item, list]) => {
                let item = self.operand(item)?;
                match &list.expr {
                    Expr::List(list) if list.optional_indices.is_empty() => {
                        Some(Native::In(item, list.elements.iter().map(literal).collect::<Option<_>>()?))
                    }
                    _ => Some(Native::ItemOf(item, self.slot(list)?)),
                }
            }
            (operator, None, [left, right]) => {
                let comparison = Comparison::of(operator)?;
                Some(Native::Compare(self.operand(left)?, comparison, self.operand(right)?))
            }
            (function, Some(target), [part]) => match (TextTest::of(function)?, literal(part)?) {
                (test, Literal::Text(part)) => Some(Native::Text(self.slot(target)?, test, part)),
                (_, _) => None,
            },
            (_, _, _) => None,
        }
    }

    fn operand(&self, expression: &IdedExpr) -> Option<Operand> {
        if let Some(literal) = literal(expression) {
            return Some(Operand::Literal(literal));
        }
        if let Expr::Call(call) = &expression.expr {
            return match (call.func_name.as_str(), call.target.as_deref(), call.args.as_slice()) {
                ("size", None, [sized]) | ("size", Some(sized), []) => self.slot(sized).map(Operand::Size),
                (_, _, _) => None,
            };
        }
        Some(Operand::Attribute(self.slot(expression)?))
    }

    /// The place of `event.name`.
    fn slot(&self, expression: &IdedExpr) -> Option<usize> {
        match &expression.expr {
            Expr::Select(select) if !select.test => self.slot_of(&select.operand, &select.field),
            _ => None,
        }
    }

    fn slot_of(&self, operand: &IdedExpr, field: &str) -> Option<usize> {
        match &operand.expr {
            Expr::Ident(variable) if variable == "event" => {
                self.names.iter().position(|name| **name == *field)
            }
            _ => None,
        }
    }
}

fn literal(expression: &IdedExpr) -> Option<Literal> {
    match &expression.expr {
        Expr::Literal(LiteralValue::Boolean(value)) => Some(Literal::Bool(*value.inner())),
        Expr::Literal(LiteralValue::Int(value)) => Some(Literal::Int(*value.inner())),
        Expr::Literal(LiteralValue::Double(value)) => Some(Literal::Float(*value.inner())),
        Expr::Literal(LiteralValue::String(value)) => Some(Literal::Text(value.inner().into())),
        Expr::Call(call) if call.func_name == operators::NEGATE && call.target.is_none() => {
            match call.args.as_slice() {
                [number] => match literal(number)? {
                    Literal::Int(value) => value.checked_neg().map(Literal::Int),
                    Literal::Float(value) => Some(Literal::Float(-value)),
                    Literal::Bool(_) | Literal::Text(_) => None,
                },
                _ => None,
            }
        }
        _ => None,
    }
}

/// The parts of a condition that are joined by `&&` at its top: if one of them is false, so is all of it,
/// whatever the others are, known or not.
pub(crate) fn conjuncts(expression: &IdedExpr) -> Vec<&IdedExpr> {
    let mut parts = Vec::new();
    let mut open = vec![expression];
    while let Some(part) = open.pop() {
        match &part.expr {
            Expr::Call(call) if call.func_name == operators::LOGICAL_AND && call.args.len() == 2 => {
                open.extend(call.args.iter().rev());
            }
            _ => parts.push(part),
        }
    }
    parts
}
