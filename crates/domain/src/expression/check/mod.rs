//! Whether an expression fits what it will be evaluated on: names exist, operands fit, a condition is a yes or no.
//!
//! Owns CEL's typing as far as rules need it. What cannot be known before an event is there is
//! [`Type::Any`] and passes. Values (a division by zero, a text that is no number) are looked at only where they are
//! written out ([`constants`]), and whether a fact is given is not. How a complaint is shown is for whoever knows the file.

mod constants;
mod never;
mod operators;
mod signatures;
mod spans;
mod typing;

use std::ops::Range;

use cel::common::ast::{
    CallExpr, ComprehensionExpr, Expr, IdedExpr, LiteralValue, SelectExpr, operators as op,
};

use super::Expression;
use crate::nearest::nearest;
pub use never::{Known, Never};
use signatures::{LOOPS, OPTIONALS, SIGNATURES, Signature};
use spans::Spans;
pub use typing::{RecordType, Type, TypeScope};

/// Something in an expression that cannot be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// What kind of mistake.
    pub fault: Fault,
    /// Where, in bytes of the expression's text.
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
    /// What to write there instead, if it is known.
    pub suggestion: Option<String>,
}

/// The kinds of mistakes that are found before anything is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// A variable or field that there is not.
    Name,
    /// A function that there is not, or that is written in another way.
    Function,
    /// Operands or arguments that do not fit.
    Operands,
    /// A text that an enumeration does not have.
    Symbol,
    /// A condition that is neither true nor false.
    Condition,
}

impl Expression {
    /// What it gives when it is evaluated on variables of these types, and what cannot be right about it.
    pub fn check(&self, scope: &TypeScope) -> (Type, Vec<Complaint>) {
        let (of, checker) = self.checked(scope);
        (of, checker.complaints)
    }

    fn checked(&self, scope: &TypeScope) -> (Type, Checker<'_>) {
        let spans = Spans::of(&self.source, &self.program);
        let mut checker = Checker { spans, scope: scope.clone(), complaints: Vec::new(), left_open: false };
        let of = checker.type_of(self.program.expression());
        (of, checker)
    }

    /// The same for a condition, which must be true or false.
    pub fn check_condition(&self, scope: &TypeScope) -> Vec<Complaint> {
        let (of, mut complaints) = self.check(scope);
        if !matches!(of, Type::Any | Type::Bool) {
            complaints.push(Complaint {
                fault: Fault::Condition,
                span: Spans::of(&self.source, &self.program).whole(self.program.expression()),
                message: format!("this is {of}, but a condition is true or false"),
                help: "compare it with something, such as `event.value > 100.0` or `size(event.items) > 0`"
                    .into(),
                suggestion: None,
            });
        }
        complaints
    }
}

struct Checker<'a> {
    spans: Spans<'a>,
    scope: TypeScope,
    complaints: Vec<Complaint>,
    /// Whether some part may be anything, so that what is done with it was not looked at.
    left_open: bool,
}

impl Checker<'_> {
    fn type_of(&mut self, part: &IdedExpr) -> Type {
        let of = self.type_by_form(part);
        self.left_open |= of.is_open();
        of
    }

    fn type_by_form(&mut self, part: &IdedExpr) -> Type {
        match &part.expr {
            Expr::Literal(literal) => literal_type(literal),
            Expr::Ident(name) => self.variable(part, name),
            Expr::Select(select) => self.field(part, select),
            Expr::Call(call) => self.call(part, call),
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::List(list) => {
                let items: Vec<Type> = list.elements.iter().map(|item| self.type_of(item)).collect();
                let optional = !list.optional_indices.is_empty();
                let item = if optional { None } else { items.into_iter().reduce(Type::or) };
                Type::List(Box::new(item.unwrap_or(Type::Any)))
            }
            Expr::Map(_) => {
                self.look_at_parts(part);
                Type::Map
            }
            Expr::Struct(_) | Expr::Unspecified => {
                self.look_at_parts(part);
                Type::Any
            }
        }
    }

    /// Looks at what a part consists of, when its own type does not follow from theirs.
    fn look_at_parts(&mut self, part: &IdedExpr) {
        for child in super::children(&part.expr) {
            self.type_of(child);
        }
    }

    fn complain(
        &mut self,
        fault: Fault,
        span: Range<usize>,
        message: String,
        help: impl Into<String>,
    ) -> &mut Complaint {
        let at = self.complaints.len();
        self.complaints.push(Complaint { fault, span, message, help: help.into(), suggestion: None });
        &mut self.complaints[at]
    }

    fn variable(&mut self, part: &IdedExpr, name: &str) -> Type {
        if let Some(of) = self.scope.get(name) {
            return of.clone();
        }
        // Names of types, such as in `type(event.value) == double`, are variables too.
        if ["bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint"]
            .contains(&name)
        {
            return Type::Any;
        }
        let variables: Vec<&str> = self.scope.names().collect();
        let fact_of = variables.iter().find(|variable| match self.scope.get(variable) {
            Some(Type::Record(record)) => record.field(name).is_some(),
            _ => false,
        });
        let fact_of = fact_of.map(ToString::to_string);
        let meant = nearest(name, variables.iter().copied()).map(str::to_owned);
        let known = variables.iter().map(|variable| format!("`{variable}`")).collect::<Vec<_>>().join(", ");
        let (help, suggestion) = match (fact_of, meant) {
            (Some(variable), _) => {
                let written = format!("{variable}.{name}");
                (format!("a fact is read with the name before it: `{written}`"), Some(written))
            }
            (None, meant) => {
                (format!("an expression here reads {known}; text stands in quotes: `'{name}'`"), meant)
            }
        };
        let span = self.spans.whole(part);
        self.complain(Fault::Name, span, format!("there is nothing called `{name}`"), help).suggestion =
            suggestion;
        Type::Any
    }

    fn field(&mut self, part: &IdedExpr, select: &SelectExpr) -> Type {
        let operand = match self.misnamed_record(select) {
            Some(of) => of,
            None => self.type_of(&select.operand),
        };
        let span = if select.test { self.spans.whole(&select.operand) } else { self.spans.field(part) };
        let span = if select.test { self.tested_field(&span, &select.field) } else { span };
        let of = self.field_of(&operand, (&select.operand, &select.field), span);
        if select.test { Type::Bool } else { of }
    }

    /// `order.value`, where `event.value` was meant.
    fn misnamed_record(&mut self, select: &SelectExpr) -> Option<Type> {
        let Expr::Ident(name) = &select.operand.expr else { return None };
        if self.scope.get(name).is_some() {
            return None;
        }
        let has_it = |variable: &&str| match self.scope.get(variable) {
            Some(Type::Record(record)) => record.field(&select.field).is_some(),
            _ => false,
        };
        let variable = self.scope.names().find(has_it)?.to_owned();
        let span = self.spans.whole(&select.operand);
        let help = format!("the fact is read as `{variable}.{}`", select.field);
        let complaint = self.complain(Fault::Name, span, format!("there is nothing called `{name}`"), help);
        complaint.suggestion = Some(variable);
        Some(Type::Any)
    }

    /// Where the field stands in `has(event.field)`, behind its operand.
    fn tested_field(&self, operand: &Range<usize>, field: &str) -> Range<usize> {
        let start = self.spans.find(operand.end, field);
        start..start + field.len()
    }

    /// The type of a field, by its name, of a value of the type `operand`.
    fn field_of(&mut self, operand: &Type, (from, field): (&IdedExpr, &str), span: Range<usize>) -> Type {
        let text = self.spans.text(from);
        match operand {
            Type::Record(record) => {
                if let Some(of) = record.field(field) {
                    return of.clone();
                }
                let names = || record.fields.iter().map(|(name, _)| name.as_ref());
                let meant = nearest(field, names()).map(str::to_owned);
                let what = if record.title.contains(", ") {
                    format!("none of {} has a fact `{field}`", record.title)
                } else {
                    format!("{} has no fact `{field}`", record.title)
                };
                let help = format!("it has {}", names().collect::<Vec<_>>().join(", "));
                self.complain(Fault::Name, span, what, help).suggestion = meant;
            }
            Type::Any | Type::Map => {}
            Type::List(_) => {
                let message = format!("`{text}` is a list, so `{field}` cannot be read from it at once");
                let help = format!(
                    "ask each of its values, such as `{text}.exists(x, x.{field} ..)`, or take one: `{text}[0].{field}`"
                );
                self.complain(Fault::Operands, span, message, help);
            }
            other => {
                let message = format!("`{text}` is {other} and has no fields");
                let help = format!("read `{text}` itself");
                self.complain(Fault::Operands, span, message, help);
            }
        }
        Type::Any
    }

    fn call(&mut self, part: &IdedExpr, call: &CallExpr) -> Type {
        if !call.func_name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return self.operator(part, call);
        }
        let name = call.func_name.as_str();
        // `optional.of(x)`, `strings.quote(x)`: the name before the point is no variable.
        if let Some(Expr::Ident(space)) = call.target.as_deref().map(|target| &target.expr)
            && ["optional", "strings"].contains(&space.as_str())
        {
            call.args.iter().for_each(|argument| drop(self.type_of(argument)));
            return if space == "strings" { Type::Text } else { Type::Any };
        }
        let given: Vec<&IdedExpr> = call.target.as_deref().into_iter().chain(&call.args).collect();
        if LOOPS.contains(&name) {
            return self.broken_loop(part, call);
        }
        let types: Vec<Type> = given.iter().map(|argument| self.type_of(argument)).collect();
        if call.target.is_some() && OPTIONALS.contains(&name) && matches!(types[0], Type::Any) {
            return Type::Any;
        }
        self.function(part, call, &types)
    }

    fn function(&mut self, part: &IdedExpr, call: &CallExpr, given: &[Type]) -> Type {
        let name = call.func_name.as_str();
        let known: Vec<&Signature> = SIGNATURES.iter().filter(|known| known.name == name).collect();
        let here: Vec<&Signature> =
            known.iter().copied().filter(|known| known.member == call.target.is_some()).collect();
        let fits = |known: &&&Signature| {
            known.takes.len() == given.len() && known.takes.iter().zip(given).all(|(slot, of)| slot.takes(of))
        };
        let fitting: Vec<&&Signature> = here.iter().filter(fits).collect();
        if !fitting.is_empty() {
            self.constant_arguments(part, call);
            let results = fitting.iter().map(|known| known.gives.result(given.first()));
            return results.reduce(Type::or).unwrap_or(Type::Any);
        }
        if known.is_empty() {
            let names = SIGNATURES.iter().map(|known| known.name).chain(LOOPS.iter().copied()).chain(["has"]);
            let meant = nearest(name, names).map(str::to_owned);
            let help = "beside CEL's own there are local_date, instant, date_of, stamp, decimal, sum, min, max and round";
            let span = self.spans.function(part);
            self.complain(Fault::Function, span, format!("there is no function `{name}`"), help).suggestion =
                meant;
            return Type::Any;
        }
        let written = |known: &[&Signature]| {
            known.iter().map(|known| format!("`{}`", known.written())).collect::<Vec<_>>().join(" or ")
        };
        if here.is_empty() {
            let message = format!("`{name}` is not written like this");
            let span = self.spans.function(part);
            self.complain(Fault::Function, span, message, format!("write {}", written(&known)));
            return known[0].gives.result(None);
        }
        let of_arity: Vec<&Signature> =
            here.iter().copied().filter(|known| known.takes.len() == given.len()).collect();
        if of_arity.is_empty() {
            let message = format!("`{name}` takes other arguments");
            let span = self.spans.whole(part);
            self.complain(Fault::Operands, span, message, format!("write {}", written(&here)));
        } else {
            let arguments: Vec<&IdedExpr> = call.target.as_deref().into_iter().chain(&call.args).collect();
            // The first argument that no form takes where it stands; else all of them together.
            let wrong =
                (0..given.len()).find(|at| !of_arity.iter().any(|known| known.takes[*at].takes(&given[*at])));
            let (span, message) = match wrong {
                Some(at) => {
                    let message = format!(
                        "`{}` is {}, which `{name}` does not take here",
                        self.spans.text(arguments[at]),
                        given[at]
                    );
                    (self.spans.whole(arguments[at]), message)
                }
                None => (self.spans.whole(part), format!("`{name}` does not take these together")),
            };
            self.complain(Fault::Operands, span, message, format!("write {}", written(&of_arity)));
        }
        here[0].gives.result(None)
    }

    /// `list.all(..)` in a form that is none of the macro's.
    fn broken_loop(&mut self, part: &IdedExpr, call: &CallExpr) -> Type {
        let name = &call.func_name;
        let list = call.target.as_deref().map_or("event.items", |target| self.spans.text(target)).to_owned();
        let message = format!("`{name}` needs a name for the values of the list, and what to ask of each");
        let help = format!("write `{list}.{name}(x, ..)`, with `x` for the value: `x.price > 10.0`");
        let span = self.spans.whole(part);
        self.complain(Fault::Function, span, message, help);
        Type::Any
    }

    fn comprehension(&mut self, it: &ComprehensionExpr) -> Type {
        let range = self.type_of(&it.iter_range);
        let item = match range {
            Type::List(item) => *item,
            Type::Any => Type::Any,
            Type::Map | Type::Record(_) => Type::Text,
            other => {
                let message = format!("`{}` is {other}, not a list", self.spans.text(&it.iter_range));
                let span = self.spans.whole(&it.iter_range);
                self.complain(
                    Fault::Operands,
                    span,
                    message,
                    "only the values of a list can be asked one by one",
                );
                Type::Any
            }
        };
        self.scope.push(&it.iter_var, item);
        let result = self.loop_result(it);
        self.scope.pop();
        result
    }

    /// What a macro gives, by the steps that the parser makes of it.
    fn loop_result(&mut self, it: &ComprehensionExpr) -> Type {
        let Expr::Call(step) = &it.loop_step.expr else { return Type::Any };
        match (step.func_name.as_str(), step.args.as_slice()) {
            (op::LOGICAL_AND | op::LOGICAL_OR, [_, condition]) => {
                self.truth(condition);
                Type::Bool
            }
            // `map`: the list so far, and one value more.
            (op::ADD, [_, more]) => self.type_of(more),
            (op::CONDITIONAL, [condition, more, _]) => {
                self.truth(condition);
                match &more.expr {
                    Expr::Call(more) => match more.args.as_slice() {
                        // `filter`, and `map` with a condition.
                        [_, more] if matches!(more.expr, Expr::List(_)) => self.type_of(more),
                        // `exists_one` counts.
                        _ => Type::Bool,
                    },
                    _ => Type::Any,
                }
            }
            _ => Type::Any,
        }
    }
}

fn literal_type(literal: &LiteralValue) -> Type {
    match literal {
        LiteralValue::Boolean(_) => Type::Bool,
        LiteralValue::Bytes(_) => Type::Bytes,
        LiteralValue::Double(_) => Type::Double,
        LiteralValue::Int(_) => Type::Int,
        LiteralValue::Null => Type::Null,
        LiteralValue::String(_) => Type::Text,
        LiteralValue::UInt(_) => Type::Uint,
    }
}

#[cfg(test)]
mod tests;
