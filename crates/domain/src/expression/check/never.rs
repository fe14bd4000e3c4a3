//! Conditions that no event can meet: what they ask of one fact contradicts itself.
//!
//! Looks only at comparisons with constants, joined by `&&` and `||`. What it does not understand may be
//! true, so it never calls a rule dead that could match.

use std::cmp::Ordering;
use std::ops::Range;

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, operators as op};

use super::super::{Expression, Scope};
use super::spans::Spans;
use crate::Value;

/// Why a condition is never true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Never {
    /// What makes it so, in bytes of the expression's text.
    pub span: Range<usize>,
    /// Why, as the end of a sentence.
    pub why: String,
}

/// Branches of `||` that are looked at together; what has more may be true.
const MOST_BRANCHES: usize = 64;

impl Expression {
    /// Whether no event at all can meet this condition, and why.
    pub fn never_true(&self) -> Option<Never> {
        let root = self.program.expression();
        let spans = Spans::of(&self.source, &self.program);
        if self.reads.is_empty() {
            let is_false = self.evaluate(&Scope::default()) == Ok(Value::Bool(false));
            let why = "it is false, whatever the event says".to_owned();
            return is_false.then(|| Never { span: spans.whole(root), why });
        }
        let mut branches = vec![Vec::new()];
        collect(root, &spans, &mut branches);
        if branches.is_empty() {
            return None;
        }
        let contradictions: Option<Vec<Never>> = branches.iter().map(|asked| contradiction(asked)).collect();
        contradictions?.into_iter().next()
    }
}

/// A constant.
#[derive(Clone, Debug, PartialEq)]
enum Constant {
    Number(f64),
    Text(String),
    Bool(bool),
}

impl Constant {
    fn of(part: &IdedExpr) -> Option<Self> {
        match &part.expr {
            Expr::Literal(LiteralValue::Boolean(it)) => Some(Self::Bool(*it.inner())),
            Expr::Literal(LiteralValue::Double(it)) => Some(Self::Number(*it.inner())),
            #[expect(
                clippy::cast_precision_loss,
                reason = "numbers in rules are small; a loss only hides a warning"
            )]
            Expr::Literal(LiteralValue::Int(it)) => Some(Self::Number(*it.inner() as f64)),
            Expr::Literal(LiteralValue::String(it)) => Some(Self::Text(it.inner().to_owned())),
            Expr::Call(CallExpr { func_name, args, .. }) if func_name == op::NEGATE => {
                match Self::of(args.first()?)? {
                    Self::Number(number) => Some(Self::Number(-number)),
                    Self::Text(_) | Self::Bool(_) => None,
                }
            }
            _ => None,
        }
    }

    fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Number(one), Self::Number(other)) => one.partial_cmp(other),
            (Self::Text(one), Self::Text(other)) => Some(one.cmp(other)),
            (Self::Bool(one), Self::Bool(other)) => Some(one.cmp(other)),
            _ => None,
        }
    }
}

/// What is asked of one fact.
#[derive(Clone, Debug)]
enum Demand {
    /// It is one of these.
    OneOf(Vec<Constant>),
    /// It is none of these.
    NoneOf(Vec<Constant>),
    /// Its order beside the constant is one of these.
    Beside(Constant, &'static [Ordering]),
    /// Nothing can meet it.
    Nothing,
}

impl Demand {
    fn is_met_by(&self, value: &Constant) -> bool {
        match self {
            Self::OneOf(values) => values.iter().any(|one| one.order(value).is_none_or(Ordering::is_eq)),
            Self::NoneOf(values) => !values.iter().any(|one| one.order(value).is_some_and(Ordering::is_eq)),
            Self::Beside(constant, orders) => {
                value.order(constant).is_none_or(|order| orders.contains(&order))
            }
            Self::Nothing => false,
        }
    }
}

#[derive(Clone, Debug)]
struct Asked {
    fact: String,
    demand: Demand,
    span: Range<usize>,
}

/// Adds what a condition asks to each branch; more branches where it has a choice.
fn collect(part: &IdedExpr, spans: &Spans<'_>, branches: &mut Vec<Vec<Asked>>) {
    match &part.expr {
        Expr::Call(call) if call.func_name == op::LOGICAL_AND => {
            for side in &call.args {
                collect(side, spans, branches);
            }
        }
        Expr::Call(call) if call.func_name == op::LOGICAL_OR => {
            let before = std::mem::take(branches);
            for side in &call.args {
                let mut chosen = before.clone();
                collect(side, spans, &mut chosen);
                branches.extend(chosen);
            }
            if branches.len() > MOST_BRANCHES {
                *branches = vec![Vec::new()];
            }
        }
        _ => {
            if let Some((fact, demand)) = demand(part, spans) {
                let asked = Asked { fact, demand, span: spans.whole(part) };
                for branch in branches {
                    branch.push(asked.clone());
                }
            }
        }
    }
}

fn demand(part: &IdedExpr, spans: &Spans<'_>) -> Option<(String, Demand)> {
    const LESS: &[Ordering] = &[Ordering::Less];
    const AT_MOST: &[Ordering] = &[Ordering::Less, Ordering::Equal];
    const MORE: &[Ordering] = &[Ordering::Greater];
    const AT_LEAST: &[Ordering] = &[Ordering::Greater, Ordering::Equal];

    if let Some(constant) = Constant::of(part) {
        return (constant == Constant::Bool(false)).then(|| (spans.text(part).to_owned(), Demand::Nothing));
    }
    let fact =
        |part: &IdedExpr| is_fact(part).then(|| spans.text(part).split_whitespace().collect::<String>());
    if let Some(fact) = fact(part) {
        return Some((fact, Demand::OneOf(vec![Constant::Bool(true)])));
    }
    let Expr::Call(call) = &part.expr else { return None };
    match (call.func_name.as_str(), call.args.as_slice()) {
        (op::LOGICAL_NOT, [of]) => Some((fact(of)?, Demand::OneOf(vec![Constant::Bool(false)]))),
        (op::IN, [of, list]) => {
            let Expr::List(list) = &list.expr else { return None };
            let values: Option<Vec<Constant>> = list.elements.iter().map(Constant::of).collect();
            Some((fact(of)?, Demand::OneOf(values?)))
        }
        (name, [one, other]) => {
            let (fact, constant, turned) = match (fact(one), fact(other)) {
                (Some(fact), None) => (fact, Constant::of(other)?, false),
                (None, Some(fact)) => (fact, Constant::of(one)?, true),
                _ => return None,
            };
            let demand = match (name, turned) {
                (op::EQUALS, _) => Demand::OneOf(vec![constant]),
                (op::NOT_EQUALS, _) => Demand::NoneOf(vec![constant]),
                (op::LESS, false) | (op::GREATER, true) => Demand::Beside(constant, LESS),
                (op::LESS_EQUALS, false) | (op::GREATER_EQUALS, true) => Demand::Beside(constant, AT_MOST),
                (op::GREATER, false) | (op::LESS, true) => Demand::Beside(constant, MORE),
                (op::GREATER_EQUALS, false) | (op::LESS_EQUALS, true) => Demand::Beside(constant, AT_LEAST),
                _ => return None,
            };
            Some((fact, demand))
        }
        _ => None,
    }
}

/// `event.state`: a name and fields, nothing computed.
fn is_fact(part: &IdedExpr) -> bool {
    match &part.expr {
        Expr::Select(select) => {
            !select.test && (matches!(select.operand.expr, Expr::Ident(_)) || is_fact(&select.operand))
        }
        _ => false,
    }
}

/// The first demand that those before it on the same fact leave nothing for.
fn contradiction(asked: &[Asked]) -> Option<Never> {
    for (position, last) in asked.iter().enumerate() {
        let mut same: Vec<&Asked> =
            asked[..position].iter().filter(|asked| asked.fact == last.fact).collect();
        same.push(last);
        if can_be_met(&same) {
            continue;
        }
        let start = same.iter().map(|asked| asked.span.start).min().unwrap_or_default();
        let end = same.iter().map(|asked| asked.span.end).max().unwrap_or_default();
        let why = match same.as_slice() {
            [_] => "this can never be true".to_owned(),
            _ => format!("what it asks of `{}` cannot all be true at once", last.fact),
        };
        return Some(Never { span: start..end, why });
    }
    None
}

/// Whether some value meets all of these: one that is listed, or, where none is, one in all ranges.
fn can_be_met(asked: &[&Asked]) -> bool {
    let listed = asked.iter().find_map(|asked| match &asked.demand {
        Demand::OneOf(values) => Some(values.as_slice()),
        Demand::Nothing => Some(&[]),
        Demand::NoneOf(_) | Demand::Beside(..) => None,
    });
    if let Some(values) = listed {
        return values.iter().any(|value| asked.iter().all(|asked| asked.demand.is_met_by(value)));
    }
    let ranges = || {
        asked.iter().filter_map(|asked| match &asked.demand {
            Demand::Beside(constant, orders) => Some((constant, *orders)),
            Demand::OneOf(_) | Demand::NoneOf(_) | Demand::Nothing => None,
        })
    };
    ranges().all(|one| ranges().all(|other| ranges_meet(one, other)))
}

/// Whether two half-open or closed ranges, each given by one end, have a value in common.
fn ranges_meet((one, orders): (&Constant, &[Ordering]), (other, others): (&Constant, &[Ordering])) -> bool {
    let Some(order) = one.order(other) else { return true };
    let (up, other_up) = (orders.contains(&Ordering::Greater), others.contains(&Ordering::Greater));
    if up == other_up {
        return true;
    }
    match order {
        Ordering::Equal => orders.contains(&Ordering::Equal) && others.contains(&Ordering::Equal),
        Ordering::Less => up,
        Ordering::Greater => !up,
    }
}
