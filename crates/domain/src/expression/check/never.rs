//! Conditions that no event can meet: what they ask of one fact contradicts itself.
//!
//! Looks only at comparisons with constants, joined by `&&` and `||`. What it does not understand may be
//! true, so it never calls a rule dead that could match.

use std::cmp::Ordering;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

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

/// What is known of facts before an event is there, by their names as expressions write them (`event.type`).
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Facts that are whole numbers.
    pub whole: Vec<String>,
    /// Facts that are one of these texts.
    pub one_of: Vec<(String, Vec<Arc<str>>)>,
}

/// Branches of `||` that are looked at together; what has more may be true.
const MOST_BRANCHES: usize = 64;

impl Expression {
    /// Whether no event at all can meet this condition, and why.
    pub fn never_true(&self, known: &Known) -> Option<Never> {
        let root = self.program.expression();
        let spans = Spans::of(&self.source, &self.program);
        if self.reads.is_empty() {
            let is_false = self.evaluate(&Scope::default()) == Ok(Value::Bool(false));
            let why = "it is false, whatever the event says".to_owned();
            return is_false.then(|| Never { span: spans.whole(root), why });
        }
        let known_ones = known.one_of.iter().map(|(fact, texts)| {
            let texts = texts.iter().map(|text| Constant::Text(text.to_string())).collect();
            Asked { fact: fact.clone(), demand: Demand::OneOf(texts), span: None }
        });
        let mut branches = vec![known_ones.collect()];
        collect(root, &spans, &mut branches);
        if branches.is_empty() {
            return None;
        }
        let contradictions: Option<Vec<Never>> =
            branches.iter().map(|asked| contradiction(asked, &known.whole)).collect();
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

impl fmt::Display for Constant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "`{number}`"),
            Self::Text(text) => write!(f, "`{text}`"),
            Self::Bool(value) => write!(f, "`{value}`"),
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
    /// It is given, or it is not; whatever else is asked of what is not given is not so.
    Given(bool),
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
            Self::Given(given) => *given,
            Self::Nothing => false,
        }
    }
}

#[derive(Clone, Debug)]
struct Asked {
    fact: String,
    demand: Demand,
    /// Where; nowhere, if it is known before.
    span: Option<Range<usize>>,
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
                let asked = Asked { fact, demand, span: Some(spans.whole(part)) };
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
    if let Some(fact) = tested(part, spans) {
        return Some((fact, Demand::Given(true)));
    }
    let Expr::Call(call) = &part.expr else { return None };
    match (call.func_name.as_str(), call.args.as_slice()) {
        (op::LOGICAL_NOT, [of]) if tested(of, spans).is_some() => {
            Some((tested(of, spans)?, Demand::Given(false)))
        }
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

/// The fact of which `has(..)` asks whether it is given.
fn tested(part: &IdedExpr, spans: &Spans<'_>) -> Option<String> {
    match &part.expr {
        Expr::Select(select) if select.test => {
            let operand: String = spans.text(&select.operand).split_whitespace().collect();
            Some(format!("{operand}.{}", select.field))
        }
        _ => None,
    }
}

/// The first demand that those before it on the same fact leave nothing for.
fn contradiction(asked: &[Asked], whole: &[String]) -> Option<Never> {
    for (position, last) in asked.iter().enumerate() {
        let Some(place) = &last.span else { continue };
        let mut same: Vec<&Asked> =
            asked[..position].iter().filter(|asked| asked.fact == last.fact).collect();
        same.push(last);
        if can_be_met(&same) && !(whole.contains(&last.fact) && skips_whole_numbers(&same)) {
            continue;
        }
        let spans = || same.iter().filter_map(|asked| asked.span.as_ref());
        let start = spans().map(|span| span.start).min().unwrap_or(place.start);
        let end = spans().map(|span| span.end).max().unwrap_or(place.end);
        let known = same.iter().find(|asked| asked.span.is_none()).map(|asked| &asked.demand);
        let why = match (known, same.as_slice()) {
            (Some(Demand::OneOf(values)), _) => {
                let values: Vec<String> = values.iter().map(Constant::to_string).collect();
                format!("`{}` is only {} here", last.fact, values.join(" or "))
            }
            (_, [_]) => "this can never be true".to_owned(),
            _ => format!("what it asks of `{}` cannot all be true at once", last.fact),
        };
        return Some(Never { span: start..end, why });
    }
    None
}

/// Whether these leave no whole number, although they may leave one with a fraction: `x > 5 && x < 6`.
fn skips_whole_numbers(asked: &[&Asked]) -> bool {
    let (mut least, mut most) = (f64::NEG_INFINITY, f64::INFINITY);
    for asked in asked {
        let Demand::Beside(Constant::Number(number), orders) = &asked.demand else { continue };
        let equal = orders.contains(&Ordering::Equal);
        if orders.contains(&Ordering::Greater) {
            least = least.max(if equal { number.ceil() } else { number.floor() + 1.0 });
        } else {
            most = most.min(if equal { number.floor() } else { number.ceil() - 1.0 });
        }
    }
    least > most
}

/// Whether some value meets all of these: one that is listed, or, where none is, one in all ranges.
fn can_be_met(asked: &[&Asked]) -> bool {
    let is_not_given = |asked: &&&Asked| matches!(asked.demand, Demand::Given(false));
    match asked.iter().filter(is_not_given).count() {
        0 => {}
        absent => return absent == asked.len(),
    }
    let listed = asked.iter().find_map(|asked| match &asked.demand {
        Demand::OneOf(values) => Some(values.as_slice()),
        Demand::Nothing => Some(&[]),
        Demand::NoneOf(_) | Demand::Beside(..) | Demand::Given(_) => None,
    });
    if let Some(values) = listed {
        return values.iter().any(|value| asked.iter().all(|asked| asked.demand.is_met_by(value)));
    }
    let ranges = || {
        asked.iter().filter_map(|asked| match &asked.demand {
            Demand::Beside(constant, orders) => Some((constant, *orders)),
            Demand::OneOf(_) | Demand::NoneOf(_) | Demand::Given(_) | Demand::Nothing => None,
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
