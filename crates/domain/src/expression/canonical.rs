//! What an expression says, however it is written: two that say the same have the same canonical text.
//!
//! White space, parentheses and quotes are gone, and the sides of `&&` and `||` stand in order. It does not know
//! that `a > 1` and `1 < a` are the same.

use std::fmt::Write;

use cel::common::ast::operators::{LOGICAL_AND, LOGICAL_OR};
use cel::common::ast::{EntryExpr, Expr, IdedEntryExpr, IdedExpr, LiteralValue};

use super::Expression;

impl Expression {
    /// A text that is the same for every expression that says the same, and for no other.
    pub fn canonical(&self) -> String {
        text_of(self.program.expression())
    }
}

fn text_of(part: &IdedExpr) -> String {
    let list = |parts: &[IdedExpr]| parts.iter().map(text_of).collect::<Vec<_>>().join(",");
    match &part.expr {
        Expr::Unspecified => "?".to_owned(),
        Expr::Ident(name) => name.clone(),
        Expr::Literal(literal) => literal_text(literal),
        Expr::Select(select) => {
            let asked = if select.test { "has " } else { "" };
            format!("({asked}{}.{})", text_of(&select.operand), select.field)
        }
        Expr::Call(call) if [LOGICAL_AND, LOGICAL_OR].contains(&call.func_name.as_str()) => {
            let mut sides = Vec::new();
            sides_of(part, &call.func_name, &mut sides);
            sides.sort();
            sides.dedup();
            format!("{}({})", call.func_name, sides.join(","))
        }
        Expr::Call(call) => {
            let target = call.target.as_deref().map(text_of);
            format!("{}[{}]({})", call.func_name, target.unwrap_or_default(), list(&call.args))
        }
        Expr::Comprehension(it) => {
            let parts = [&it.iter_range, &it.accu_init, &it.loop_cond, &it.loop_step, &it.result];
            let parts = parts.map(text_of).join(",");
            format!("loop({},{:?},{},{parts})", it.iter_var, it.iter_var2, it.accu_var)
        }
        Expr::List(it) => format!("[{};{:?}]", list(&it.elements), it.optional_indices),
        Expr::Map(it) => format!("{{{}}}", entries(&it.entries)),
        Expr::Struct(it) => format!("{}{{{}}}", it.type_name, entries(&it.entries)),
    }
}

/// The sides of a chain of one operator, which the parser nests as it likes.
fn sides_of(part: &IdedExpr, operator: &str, sides: &mut Vec<String>) {
    match &part.expr {
        Expr::Call(call) if call.func_name == operator => {
            call.args.iter().for_each(|side| sides_of(side, operator, sides));
        }
        _ => sides.push(text_of(part)),
    }
}

fn entries(entries: &[IdedEntryExpr]) -> String {
    let mut text = String::new();
    for entry in entries {
        let _ = match &entry.expr {
            EntryExpr::StructField(it) => write!(text, "{}:{}{},", it.field, it.optional, text_of(&it.value)),
            EntryExpr::MapEntry(it) => {
                write!(text, "{}:{}{},", text_of(&it.key), it.optional, text_of(&it.value))
            }
        };
    }
    text
}

fn literal_text(literal: &LiteralValue) -> String {
    match literal {
        LiteralValue::Boolean(it) => it.inner().to_string(),
        LiteralValue::Bytes(it) => format!("b{:?}", it.inner()),
        // With its point, so that it is no whole number.
        LiteralValue::Double(it) => format!("{:?}", it.inner()),
        LiteralValue::Int(it) => it.inner().to_string(),
        LiteralValue::Null => "null".to_owned(),
        LiteralValue::String(it) => format!("{:?}", it.inner()),
        LiteralValue::UInt(it) => format!("{}u", it.inner()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_the_same_is_known_by_its_meaning_and_not_by_its_spaces() {
        let same = |one: &str, other: &str| {
            let canonical = |source| Expression::parse(source).unwrap().canonical();
            canonical(one) == canonical(other)
        };
        for (one, other) in [
            ("event.value > 5.0", "event.value>5.00"),
            ("event.state == 'SP'", "(event.state == \"SP\")"),
            ("a.a && a.b && (a.c && a.d)", "((a.d && a.c) && a.b) && a.a"),
            ("a.a || a.b", "a.b ||\n a.a"),
            ("a.list.exists(x, x.price > 1.0)", "a.list . exists( x, x.price>1.0 )"),
            ("a.x in ['b', 'c']", "a.x in [\"b\",'c']"),
        ] {
            assert!(same(one, other), "{one} and {other}");
        }
        for (one, other) in [
            ("event.state == 'a  b'", "event.state == 'a b'"),
            ("event.value > 5.0", "event.value > 5"),
            ("event.value > 5.0", "event.value >= 5.0"),
            ("a.a && a.b || a.c", "a.a && (a.b || a.c)"),
            ("has(a.x)", "a.x"),
            ("a.x in ['b', 'c']", "a.x in ['b,c']"),
            ("a.x == 'b'", "a.x == b'b'"),
            ("a.list.exists(x, x > 1)", "a.list.all(x, x > 1)"),
            ("a.x - a.y > 1", "a.y - a.x > 1"),
            ("a.x == '\"'", "a.x == '\\\\\"'"),
        ] {
            assert!(!same(one, other), "{one} and {other}");
        }
    }
}
