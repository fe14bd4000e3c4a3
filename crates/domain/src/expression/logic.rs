//! The boolean structure of an expression: what is joined by `&&`, `||` and `!`, down to the atoms that are not.
//!
//! With *unknown* as a third truth value these three are Kleene's, in CEL as here: `false && unknown` is
//! false, `true || unknown` is true, everything else about unknown is unknown. So a whole expression
//! follows from its atoms, whoever evaluated those and in whatever order.

use std::collections::BTreeSet;

use cel::Value as Cel;
use cel::common::ast::{EntryExpr, Expr, IdedExpr, operators};

use super::{Expression, Read, Scope, Unknown, collect_reads};

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
        let value = Cel::resolve(&self.expression, &scope.context).map_err(|error| super::unknown(&error))?;
        truth(&value)
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

fn truth(value: &Cel) -> Result<bool, Unknown> {
    match value {
        Cel::Bool(so) => Ok(*so),
        _ => Err(Unknown::Failed("it is neither true nor false".to_owned())),
    }
}

/// A part of an expression that must be so for the whole to be.
#[derive(Clone, Debug)]
pub(crate) struct Conjunct {
    /// Its text.
    pub(crate) source: String,
    /// What it says.
    pub(crate) logic: Logic<Atom>,
    whole: IdedExpr,
    /// What it reads, each once, in order of name.
    pub(crate) reads: Vec<Read>,
}

impl Conjunct {
    /// Whether it is so on what the scope holds.
    pub(crate) fn evaluate(&self, scope: &Scope) -> Result<bool, Unknown> {
        let value = Cel::resolve(&self.whole, &scope.context).map_err(|error| super::unknown(&error))?;
        truth(&value)
    }
}

impl Expression {
    /// What the expression joins by `&&`, in order; itself where it joins nothing.
    pub(crate) fn conjuncts(&self) -> Vec<Conjunct> {
        let mut parts = Vec::new();
        let mut joints = Vec::new();
        split(self.program.expression(), &mut parts, &mut joints);
        let sources = self.between(&joints, parts.len());
        let conjunct = |(whole, source): (&IdedExpr, String)| {
            let Atom { expression, reads } = Atom::new(whole);
            Conjunct { source, logic: logic(whole), whole: expression, reads }
        };
        parts.into_iter().zip(sources).map(conjunct).collect()
    }

    /// The texts between the operators with these ids, as people read them. Only words hang on it.
    fn between(&self, joints: &[u64], parts: usize) -> Vec<String> {
        let info = self.program.source_info();
        let mut texts = Vec::new();
        let mut rest = 0;
        for joint in joints {
            let place = info.offset_for(*joint).and_then(|(start, _)| usize::try_from(start).ok());
            let place = place.filter(|place| *place >= rest);
            let Some(place) =
                place.filter(|it| self.source.get(*it..).is_some_and(|at| at.starts_with("&&")))
            else {
                break;
            };
            texts.push(tidy(&self.source[rest..place]));
            rest = place + 2;
        }
        texts.push(tidy(&self.source[rest..]));
        if texts.len() == parts { texts } else { vec![tidy(&self.source); parts] }
    }
}

fn split<'a>(expression: &'a IdedExpr, parts: &mut Vec<&'a IdedExpr>, joints: &mut Vec<u64>) {
    match joined(expression) {
        Some((operators::LOGICAL_AND, [left, right])) => {
            split(left, parts, joints);
            joints.push(expression.id);
            split(right, parts, joints);
        }
        _ => parts.push(expression),
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

/// One line, without parentheses that belong to the outside.
fn tidy(text: &str) -> String {
    let mut text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    loop {
        let depth = |text: &str| text.matches('(').count().cmp(&text.matches(')').count());
        let outer = text.starts_with('(') && text.ends_with(')') && closes_at_the_end(&text);
        match depth(&text) {
            std::cmp::Ordering::Greater if text.starts_with('(') => text.replace_range(..1, ""),
            std::cmp::Ordering::Less if text.ends_with(')') => text.truncate(text.len() - 1),
            std::cmp::Ordering::Equal if outer => text = text[1..text.len() - 1].to_owned(),
            _ => return text,
        }
        text = text.trim().to_owned();
    }
}

/// Whether the parenthesis that opens the text is closed by its last character.
fn closes_at_the_end(text: &str) -> bool {
    let mut depth = 0;
    for (place, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return place + 1 == text.len();
        }
    }
    false
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

    fn sources(source: &str) -> Vec<String> {
        let conjuncts = Expression::parse(source).unwrap().conjuncts();
        conjuncts.into_iter().map(|conjunct| conjunct.source).collect()
    }

    #[test]
    fn conjuncts_have_the_words_that_their_author_wrote() {
        for (source, expected) in [
            ("a.b == 'x'", vec!["a.b == 'x'"]),
            ("a.b == 'São && Paulo' &&\n  c.d  > 3", vec!["a.b == 'São && Paulo'", "c.d > 3"]),
            ("(a.b && (c.d || e.f)) && !(g.h && i.j)", vec!["a.b", "c.d || e.f", "!(g.h && i.j)"]),
            ("(a.b || c.d) && (e.f)", vec!["a.b || c.d", "e.f"]),
            ("(a.b) == (c.d) && e.f", vec!["(a.b) == (c.d)", "e.f"]),
            ("a.b ? c.d : e.f", vec!["a.b ? c.d : e.f"]),
            ("'é' in a.b && 'ü' in a.b && a.c", vec!["'é' in a.b", "'ü' in a.b", "a.c"]),
        ] {
            assert_eq!(sources(source), expected, "{source}");
        }
    }

    #[test]
    fn atoms_that_say_the_same_are_the_same_and_say_what_they_compare() {
        let atom = |source: &str| match Expression::parse(source).unwrap().conjuncts().remove(0).logic {
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
