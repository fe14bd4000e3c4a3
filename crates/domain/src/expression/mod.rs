//! CEL, the Common Expression Language, as rules and mappings use it: parsed once, evaluated on named values.
//!
//! Owns the meaning of *unknown*: an expression that reads what is not there has no result. It does
//! not know events or rows; those put their values into a [`Scope`].

mod canonical;
mod check;
mod convert;
mod encodings;
mod functions;
mod logic;
mod parts;
mod syntax;

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use cel::common::ast::{EntryExpr, Expr, IdedEntryExpr, IdedExpr, LiteralValue, operators as op};
use cel::{Context, Env, ExecutionError, Program};

use crate::Value;
pub use check::{Complaint, Fault, Known, Never, RecordType, Type, TypeScope};

pub(crate) use logic::{Atom, Conjunct, Form, Logic};
pub(crate) use parts::Parts;

/// The language of this crate: CEL's standard library and our [`functions`].
static LANGUAGE: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut env = Env::stdlib();
    functions::declare(&mut env).expect("our functions have names and signatures of their own");
    Arc::new(env)
});

/// The longest expression that is accepted, in bytes: the parser recurses before anybody can look at the
/// depth, and this much of anything leaves half of a thread's usual 2 MiB of stack.
const LONGEST: usize = 2 * 1024;

/// The deepest nesting that is accepted: evaluation recurses, and `1 + 1 + ..` nests as deep as it is long.
const DEEPEST: usize = 100;

/// How deep loops (`all`, `exists`, `map`, `filter`) may be nested. Together with the limits on an event's size
/// this bounds what an evaluation can cost.
const LOOPS_MOST: usize = 2;

/// A parsed expression.
#[derive(Debug)]
pub struct Expression {
    source: String,
    program: Program,
    reads: Vec<Read>,
    path: Option<Vec<String>>,
}

/// A field that an expression reads: `event.state` reads `state` of `event`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Read {
    /// The variable, such as `event`.
    pub variable: String,
    /// The field; empty when the variable is used as a whole.
    pub field: String,
}

/// Why an expression cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SyntaxError {
    /// What is wrong.
    pub message: String,
    /// The line within the expression, from 1.
    pub line: usize,
    /// The column within that line, from 1.
    pub column: usize,
    /// The same place, and how far it reaches, in bytes of the expression.
    pub span: Range<usize>,
    /// What to do.
    pub help: String,
    /// What to write there instead, if it is known.
    pub suggestion: Option<String>,
}

/// Why an expression has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// It reads something that is not there.
    #[error("`{0}` is not given")]
    Missing(Arc<str>),
    /// It cannot be computed on these values. Says what does not fit and never repeats a value.
    #[error("{0}")]
    Failed(String),
}

impl Expression {
    /// Parses an expression.
    pub fn parse(source: &str) -> Result<Self, SyntaxError> {
        if source.len() > LONGEST {
            let message =
                format!("the expression has {} bytes; at most {LONGEST} are accepted", source.len());
            return Err(syntax::too_much(source, message));
        }
        let program = LANGUAGE.compile(source).map_err(|errors| syntax::explained(source, &errors))?;
        check_extent(program.expression(), Extent::default())
            .map_err(|message| syntax::too_much(source, message))?;
        let mut reads = BTreeSet::new();
        collect_reads(program.expression(), &mut Vec::new(), &mut reads);
        let path = path_of(program.expression());
        Ok(Self { source: source.to_owned(), program, reads: reads.into_iter().collect(), path })
    }

    /// The text that it was parsed from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The names along its way, where it does nothing but read one place: `row.customer.state`.
    pub fn path(&self) -> Option<&[String]> {
        self.path.as_deref()
    }

    /// What it reads, each once, in order of name.
    pub fn reads(&self) -> &[Read] {
        &self.reads
    }

    /// Whether it says this name itself, as a field or as text, rather than computing it.
    pub(crate) fn says(&self, name: &str) -> bool {
        says(self.program.expression(), name)
    }

    /// Its syntax tree.
    pub(crate) fn syntax(&self) -> &IdedExpr {
        self.program.expression()
    }

    /// The functions it calls that this language does not have.
    pub fn unknown_functions(&self) -> Vec<String> {
        let mut called = BTreeSet::new();
        collect_calls(self.program.expression(), &mut called);
        called.into_iter().filter(|name| !functions::is_known(name)).collect()
    }

    /// Its value on what the scope holds.
    pub fn evaluate(&self, scope: &Scope) -> Result<Value, Unknown> {
        match self.program.execute(&scope.context) {
            Ok(value) => convert::from_cel(value).map_err(Unknown::Failed),
            Err(error) => Err(unknown(&error)),
        }
    }
}

impl Expression {
    /// What it may give that does not depend on what it reads: all that it gives where it reads nothing, else the texts
    /// that it chooses among (`x ? 'a' : 'b'`).
    pub(crate) fn constants(&self) -> Vec<Result<Value, Unknown>> {
        if self.reads.is_empty() {
            return vec![self.evaluate(&Scope::default())];
        }
        let mut chosen = Vec::new();
        collect_chosen(self.program.expression(), &mut chosen);
        chosen.into_iter().map(Ok).collect()
    }
}

fn collect_chosen(expression: &IdedExpr, chosen: &mut Vec<Value>) {
    match &expression.expr {
        Expr::Call(call) if call.func_name == op::CONDITIONAL => {
            call.args.iter().skip(1).for_each(|branch| collect_chosen(branch, chosen));
        }
        Expr::Literal(LiteralValue::String(text)) => chosen.push(Value::text(text.inner())),
        _ => {}
    }
}

/// Why there is no result.
fn unknown(error: &ExecutionError) -> Unknown {
    match error {
        ExecutionError::NoSuchKey(name) | ExecutionError::UndeclaredReference(name) => {
            Unknown::Missing(name.as_str().into())
        }
        error => Unknown::Failed(functions::reason(error)),
    }
}

/// The values that expressions are evaluated on.
pub struct Scope {
    context: Context<'static, 'static>,
}

impl Default for Scope {
    fn default() -> Self {
        Self { context: Context::with_env(Arc::clone(&LANGUAGE)) }
    }
}

impl Scope {
    /// Sets a variable to named values; absent ones are left out, so that reading them is *unknown*.
    pub fn set_record(&mut self, variable: &str, fields: impl IntoIterator<Item = (Arc<str>, Value)>) {
        self.context.add_variable_from_value(variable, convert::record(fields));
    }

    /// Sets a variable to one value. An absent one is left unset.
    pub fn set(&mut self, variable: &str, value: &Value) {
        if !value.is_absent() {
            self.context.add_variable_from_value(variable, convert::to_cel(value));
        }
    }
}

/// How deep a part of an expression lies.
#[derive(Clone, Copy, Default)]
struct Extent {
    depth: usize,
    loops: usize,
}

/// Refuses what could overflow the stack or run for ever.
fn check_extent(expression: &IdedExpr, outside: Extent) -> Result<(), String> {
    let loops = usize::from(matches!(expression.expr, Expr::Comprehension(_)));
    let here = Extent { depth: outside.depth + 1, loops: outside.loops + loops };
    let message = if here.depth > DEEPEST {
        format!(
            "the expression nests more than {DEEPEST} deep; a list (`x in [..]`) or several rules say the same"
        )
    } else if here.loops > LOOPS_MOST {
        format!("loops are nested more than {LOOPS_MOST} deep")
    } else {
        return children(&expression.expr).into_iter().try_for_each(|child| check_extent(child, here));
    };
    Err(message)
}

/// The names of a variable and of the fields read from it, if the expression is nothing else.
fn path_of(expression: &IdedExpr) -> Option<Vec<String>> {
    match &expression.expr {
        Expr::Ident(name) => Some(vec![name.clone()]),
        Expr::Select(select) if !select.test => {
            let mut path = path_of(&select.operand)?;
            path.push(select.field.clone());
            Some(path)
        }
        _ => None,
    }
}

/// Walks an expression and notes `variable.field` and bare variables; names bound by a macro
/// (`items.all(i, ..)`) are not variables.
fn collect_reads(expression: &IdedExpr, bound: &mut Vec<String>, reads: &mut BTreeSet<Read>) {
    match &expression.expr {
        Expr::Ident(name) => {
            if !bound.contains(name) {
                reads.insert(Read { variable: name.clone(), field: String::new() });
            }
        }
        Expr::Select(select) => match &select.operand.expr {
            Expr::Ident(variable) if !bound.contains(variable) => {
                reads.insert(Read { variable: variable.clone(), field: select.field.clone() });
            }
            _ => collect_reads(&select.operand, bound, reads),
        },
        Expr::Comprehension(comprehension) => {
            collect_reads(&comprehension.iter_range, bound, reads);
            let before = bound.len();
            bound.push(comprehension.iter_var.clone());
            bound.extend(comprehension.iter_var2.clone());
            bound.push(comprehension.accu_var.clone());
            for part in [
                &comprehension.accu_init,
                &comprehension.loop_cond,
                &comprehension.loop_step,
                &comprehension.result,
            ] {
                collect_reads(part, bound, reads);
            }
            bound.truncate(before);
        }
        other => children(other).into_iter().for_each(|child| collect_reads(child, bound, reads)),
    }
}

fn collect_calls(expression: &IdedExpr, called: &mut BTreeSet<String>) {
    if let Expr::Call(call) = &expression.expr {
        called.insert(call.func_name.clone());
    }
    for child in children(&expression.expr) {
        collect_calls(child, called);
    }
}

fn says(expression: &IdedExpr, name: &str) -> bool {
    let here = match &expression.expr {
        Expr::Literal(LiteralValue::String(text)) => text.inner() == name,
        Expr::Select(select) => select.field == name,
        Expr::Ident(variable) => variable == name,
        _ => false,
    };
    here || children(&expression.expr).into_iter().any(|child| says(child, name))
}

fn children(expression: &Expr) -> Vec<&IdedExpr> {
    match expression {
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => Vec::new(),
        Expr::Call(call) => call.target.as_deref().into_iter().chain(&call.args).collect(),
        Expr::Comprehension(it) => {
            vec![&it.iter_range, &it.accu_init, &it.loop_cond, &it.loop_step, &it.result]
        }
        Expr::List(list) => list.elements.iter().collect(),
        Expr::Map(map) => map.entries.iter().flat_map(entry_children).collect(),
        Expr::Select(select) => vec![&*select.operand],
        Expr::Struct(it) => it.entries.iter().flat_map(entry_children).collect(),
    }
}

fn entry_children(entry: &IdedEntryExpr) -> Vec<&IdedExpr> {
    match &entry.expr {
        EntryExpr::StructField(field) => vec![&field.value],
        EntryExpr::MapEntry(entry) => vec![&entry.key, &entry.value],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evaluate(source: &str) -> Result<Value, Unknown> {
        let mut scope = Scope::default();
        let fields = [
            ("state", Value::text("SP")),
            ("count", Value::Int(3)),
            ("time", Value::Instant("2026-03-02T02:30:00Z".parse().unwrap())),
            ("promised_date", Value::Date("2026-03-01".parse().unwrap())),
            ("city", Value::Absent),
        ];
        scope.set_record("event", fields.map(|(name, value)| (Arc::from(name), value)));
        Expression::parse(source).unwrap().evaluate(&scope)
    }

    #[test]
    fn what_is_not_given_is_unknown_and_never_equal_to_anything() {
        for source in
            ["event.city == ''", "event.city != 'Rio'", "!(event.city == 'Rio')", "event.city in ['Rio']"]
        {
            assert_eq!(evaluate(source), Err(Unknown::Missing("city".into())), "{source}");
        }
        assert_eq!(evaluate("has(event.city)"), Ok(Value::Bool(false)));
        assert_eq!(evaluate("event.state == 'SP' || event.city == 'Rio'"), Ok(Value::Bool(true)));
    }

    #[test]
    fn an_instant_has_a_date_in_each_zone() {
        assert_eq!(evaluate("local_date(event.time, 'UTC')"), Ok(Value::text("2026-03-02")));
        assert_eq!(evaluate("local_date(event.time, 'America/Sao_Paulo')"), Ok(Value::text("2026-03-01")));
        assert_eq!(evaluate("local_date(event.time, 'UTC') > event.promised_date"), Ok(Value::Bool(true)));
        let unknown_zone = evaluate("local_date(event.time, 'Mars/Base')");
        assert!(matches!(unknown_zone, Err(Unknown::Failed(ref what)) if what.contains("IANA")));
    }

    #[test]
    fn local_stamps_need_a_zone_and_nothing_else() {
        let instant = |text: &str| Ok(Value::Instant(text.parse().unwrap()));
        let zone = "America/Sao_Paulo";
        assert_eq!(
            evaluate(&format!("instant('2018-03-27 18:00:43', '{zone}')")),
            instant("2018-03-27T21:00:43Z")
        );
        assert_eq!(
            evaluate(&format!("instant('2018-03-27T18:00:43Z', '{zone}')")),
            instant("2018-03-27T18:00:43Z")
        );
        assert!(matches!(evaluate("instant('yesterday', 'UTC')"), Err(Unknown::Failed(_))));
    }

    #[test]
    fn why_an_expression_has_no_result_never_repeats_a_value() {
        for source in [
            "event.state + 1 > 2",
            "int(event.state) > 1",
            "event.state > 5",
            "local_date(event.time, event.state)",
        ] {
            let Err(Unknown::Failed(why)) = evaluate(source) else { panic!("{source}") };
            assert!(!why.contains("SP"), "{source}: {why}");
        }
    }

    #[test]
    fn an_expression_tells_what_it_reads() {
        let expression = Expression::parse(
            "event.state == 'SP' && event.items.all(i, i.price > limit) && has(event.city)",
        );
        let reads: Vec<_> = expression
            .unwrap()
            .reads()
            .iter()
            .map(|read| format!("{}.{}", read.variable, read.field))
            .collect();
        assert_eq!(reads, ["event.city", "event.items", "event.state", "limit."]);
    }

    #[test]
    fn a_broken_expression_says_where() {
        let error = Expression::parse("event.state == \n  && true").unwrap_err();
        assert_eq!((error.line, error.column > 0), (2, true), "{error}");
        assert!(Expression::parse(&"(".repeat(5_000)).is_err());
        assert!(Expression::parse(&"a".repeat(LONGEST + 1)).is_err());
        for (left, right) in
            [("1+", ""), ("!", ""), ("-", ""), ("[", "]"), ("{1:", "}"), ("1?", ":1"), ("a.b(", ")")]
        {
            let times = LONGEST / (left.len() + right.len()) - 3;
            let deep = format!("{}1{}", left.repeat(times), right.repeat(times));
            // Refused or not: the stack holds.
            let _ = Expression::parse(&deep);
        }
        assert!(Expression::parse(&format!("{}1", "1+".repeat(1_000))).is_err());
        assert!(Expression::parse(&format!("a{}", ".b".repeat(1_000))).is_err());
        assert!(Expression::parse(&format!("{}1 > 0", "1+".repeat(90))).is_ok());
        let nested = "[1].all(a, [1].all(b, [1].all(c, a + b + c > 0)))";
        assert!(Expression::parse(nested).unwrap_err().message.contains("nested more than 2"));
        assert_eq!(Expression::parse("shout(event.state)").unwrap().unknown_functions(), ["shout"]);
    }
}
