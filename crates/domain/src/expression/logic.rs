//! The boolean structure of an expression: what is joined by `&&`, `||` and `!`, down to the atoms that are not.
//!
//! With *unknown* as a third truth value these three are Kleene's, in CEL as here: `false && unknown` is
//! false, `true || unknown` is true, everything else about unknown is unknown. So a whole expression
//! follows from its atoms, whoever evaluated those and in whatever order.

use std::collections::BTreeSet;

use cel::Value as Cel;
use cel::common::ast::{EntryExpr, Expr, IdedExpr, operators};

use super::{Expression, Parts, Read, Scope, Unknown, collect_reads};
use crate::Value;

/// Atoms joined by `&&`, `||` and `!`.
#[derive(Clone, Debug)]
pub(crate) enum Logic<A> {
    /// Not joined from others.
    Atom(A),
    /// `!`
    Not(Box<Logic<A>>),
    /// `&&`
    All(Vec<Logic<A>>),
    /// `||`
    Any(Vec<Logic<A>>),
}

impl<A> Logic<A> {
    /// The same with other atoms.
    pub(crate) fn map<B>(&self, atom: &mut impl FnMut(&A) -> B) -> Logic<B> {
        match self {
            Self::Atom(it) => Logic::Atom(atom(it)),
            Self::Not(it) => Logic::Not(Box::new(it.map(atom))),
            Self::All(all) => Logic::All(all.iter().map(|it| it.map(atom)).collect()),
            Self::Any(any) => Logic::Any(any.iter().map(|it| it.map(atom)).collect()),
        }
    }
}

/// A part of an expression that is not joined by `&&`, `||` or `!`.
#[derive(Clone, Debug)]
pub(crate) struct Atom {
    expression: IdedExpr,
    /// What it reads, each once, in order of name.
    pub(crate) reads: Vec<Read>,
}

/// What an atom compares, where that can be looked up instead of evaluated.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Form<'a> {
    /// `a.x == b.y`
    Equal((&'a str, &'a str), (&'a str, &'a str)),
    /// `a.x in b.y`
    In((&'a str, &'a str), (&'a str, &'a str)),
    /// Anything else.
    Other,
}

impl Atom {
    fn new(expression: &IdedExpr) -> Self {
        let mut expression = expression.clone();
        forget_places(&mut expression);
        let mut reads = BTreeSet::new();
        collect_reads(&expression, &mut Vec::new(), &mut reads);
        Self { expression, reads: reads.into_iter().collect() }
    }

    /// Equal for atoms that say the same, wherever they are written.
    pub(crate) fn key(&self) -> String {
        format!("{:?}", self.expression)
    }

    /// What it compares.
    pub(crate) fn form(&self) -> Form<'_> {
        let Expr::Call(call) = &self.expression.expr else { return Form::Other };
        let [left, right] = call.args.as_slice() else { return Form::Other };
        match (call.func_name.as_str(), field(left), field(right)) {
            (operators::EQUALS, Some(left), Some(right)) => Form::Equal(left, right),
            (operators::IN, Some(left), Some(right)) => Form::In(left, right),
            _ => Form::Other,
        }
    }

    /// Whether it is so on what the scope holds.
    pub(crate) fn evaluate(&self, scope: &Scope) -> Result<bool, Unknown> {
        match Cel::resolve(&self.expression, &scope.context) {
            Ok(Cel::Bool(so)) => Ok(so),
            Ok(_) => Err(Unknown::Failed(NEITHER.to_owned())),
            Err(error) => Err(super::unknown(&error)),
        }
    }
}

/// The field that `variable.field` reads. (`has(variable.field)` is a test and reads nothing.)
fn field(expression: &IdedExpr) -> Option<(&str, &str)> {
    let Expr::Select(select) = &expression.expr else { return None };
    match &select.operand.expr {
        Expr::Ident(variable) if !select.test => Some((variable, &select.field)),
        _ => None,
    }
}

/// Why a part that is no yes and no no cannot be told.
const NEITHER: &str = "it is neither true nor false";

/// A part of an expression that must be so for the whole to be.
#[derive(Debug)]
pub(crate) struct Conjunct {
    /// The part as an expression of its own.
    pub(crate) whole: Expression,
    /// What it says.
    pub(crate) logic: Logic<Atom>,
}

impl Conjunct {
    fn new(whole: Expression) -> Self {
        Self { logic: logic(whole.syntax()), whole }
    }

    /// Whether it is so on what the scope holds.
    pub(crate) fn evaluate(&self, scope: &Scope) -> Result<bool, Unknown> {
        match self.whole.evaluate(scope)? {
            Value::Bool(so) => Ok(so),
            _ => Err(Unknown::Failed(NEITHER.to_owned())),
        }
    }
}

impl Expression {
    /// What the expression joins by `&&`, in order; itself where it joins nothing.
    pub(crate) fn into_conjuncts(self) -> Vec<Conjunct> {
        match self.parts() {
            Parts::All(parts) => parts.into_iter().map(Conjunct::new).collect(),
            Parts::Any(_) | Parts::One => vec![Conjunct::new(self)],
        }
    }
}

/// The operator and the operands of `&&`, `||` and `!`.
fn joined(expression: &IdedExpr) -> Option<(&str, &[IdedExpr])> {
    let Expr::Call(call) = &expression.expr else { return None };
    let joins = matches!(
        (call.func_name.as_str(), call.args.len()),
        (operators::LOGICAL_AND | operators::LOGICAL_OR, 2) | (operators::LOGICAL_NOT, 1)
    );
    (joins && call.target.is_none()).then_some((call.func_name.as_str(), call.args.as_slice()))
}

fn logic(expression: &IdedExpr) -> Logic<Atom> {
    match joined(expression) {
        Some((operators::LOGICAL_AND, parts)) => Logic::All(parts.iter().map(logic).collect()),
        Some((operators::LOGICAL_OR, parts)) => Logic::Any(parts.iter().map(logic).collect()),
        Some((_, [part])) => Logic::Not(Box::new(logic(part))),
        _ => Logic::Atom(Atom::new(expression)),
    }
}

/// Takes away where each part was written, so that equal parts are equal.
fn forget_places(expression: &mut IdedExpr) {
    expression.id = 0;
    match &mut expression.expr {
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => {}
        Expr::Call(call) => {
            call.target.iter_mut().for_each(|target| forget_places(target));
            call.args.iter_mut().for_each(forget_places);
        }
        Expr::Comprehension(it) => {
            for part in
                [&mut it.iter_range, &mut it.accu_init, &mut it.loop_cond, &mut it.loop_step, &mut it.result]
            {
                forget_places(part);
            }
        }
        Expr::List(list) => list.elements.iter_mut().for_each(forget_places),
        Expr::Select(select) => forget_places(&mut select.operand),
        Expr::Map(map) => map.entries.iter_mut().for_each(forget_entry),
        Expr::Struct(it) => it.entries.iter_mut().for_each(forget_entry),
    }
}

fn forget_entry(entry: &mut cel::common::ast::IdedEntryExpr) {
    entry.id = 0;
    match &mut entry.expr {
        EntryExpr::StructField(field) => forget_places(&mut field.value),
        EntryExpr::MapEntry(entry) => {
            forget_places(&mut entry.key);
            forget_places(&mut entry.value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn atoms_that_say_the_same_are_the_same_and_say_what_they_compare() {
        let atom = |source: &str| match Expression::parse(source).unwrap().into_conjuncts().remove(0).logic {
            Logic::Atom(atom) => atom,
            other => panic!("{other:?}"),
        };
        assert_eq!(atom("a.b == 'x'").key(), atom("  (a.b  ==  'x')").key());
        assert_ne!(atom("a.b == 'id: 1'").key(), atom("a.b == 'id: 2'").key());
        assert_eq!(atom("a.b == c.d").form(), Form::Equal(("a", "b"), ("c", "d")));
        assert_eq!(atom("a.b in c.d").form(), Form::In(("a", "b"), ("c", "d")));
        assert_eq!(atom("has(a.b) == c.d").form(), Form::Other);
        assert_eq!(atom("a.b.c == c.d").form(), Form::Other);
    }
}
