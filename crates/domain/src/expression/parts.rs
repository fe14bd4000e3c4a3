//! What a condition is joined of: the texts between its outermost `&&` or `||`, each an expression again.
//!
//! The syntax tree says where an operator stands; the text around it is parsed anew, so that a part is shown
//! as its author wrote it and evaluated as any expression is.

use cel::common::ast::Expr;
use cel::common::ast::operators::{LOGICAL_AND, LOGICAL_OR};

use super::Expression;

/// How the outermost parts of a condition are joined.
#[derive(Debug)]
pub(crate) enum Parts {
    /// All of them must hold; at least two, in the order of the text.
    All(Vec<Expression>),
    /// One of them must hold; at least two, in the order of the text.
    Any(Vec<Expression>),
    /// It cannot be taken apart.
    One,
}

impl Expression {
    /// Takes the condition apart at its outermost operators.
    pub(crate) fn parts(&self) -> Parts {
        let Some((operator, left, right)) = self.split() else { return Parts::One };
        let mut parts = Vec::new();
        for side in [left, right] {
            side.flatten_into(operator, &mut parts);
        }
        if operator == LOGICAL_AND { Parts::All(parts) } else { Parts::Any(parts) }
    }

    fn flatten_into(self, operator: &str, parts: &mut Vec<Self>) {
        match self.split() {
            Some((own, left, right)) if own == operator => {
                left.flatten_into(operator, parts);
                right.flatten_into(operator, parts);
            }
            _ => parts.push(self),
        }
    }

    /// The outermost `&&` or `||` with its two sides; `None` where there is neither.
    fn split(&self) -> Option<(&'static str, Self, Self)> {
        let bare = self.without_parentheses();
        let whole = bare.as_ref().unwrap_or(self);
        let node = whole.program.expression();
        let Expr::Call(call) = &node.expr else { return None };
        let (operator, sign) = match call.func_name.as_str() {
            LOGICAL_AND => (LOGICAL_AND, "&&"),
            LOGICAL_OR => (LOGICAL_OR, "||"),
            _ => return None,
        };
        let (start, _) = whole.program.source_info().offset_for(node.id)?;
        let start = usize::try_from(start).ok()?;
        let end = start + sign.len();
        if whole.source.get(start..end)? != sign {
            return None;
        }
        let side = |text: Option<&str>| Self::parse(text?.trim()).ok();
        Some((operator, side(whole.source.get(..start))?, side(whole.source.get(end..))?))
    }

    /// The same without the parentheses around all of it, if there are any.
    fn without_parentheses(&self) -> Option<Self> {
        let inner = self.source.trim().strip_prefix('(')?.strip_suffix(')')?;
        // `(a) && (b)` begins and ends like that too, but what lies between is then no expression.
        let bare = Self::parse(inner.trim()).ok()?;
        Some(bare.without_parentheses().unwrap_or(bare))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(source: &str) -> (&'static str, Vec<String>) {
        let texts = |parts: Vec<Expression>| parts.iter().map(|part| part.source().to_owned()).collect();
        match Expression::parse(source).unwrap().parts() {
            Parts::All(parts) => ("all", texts(parts)),
            Parts::Any(parts) => ("any", texts(parts)),
            Parts::One => ("one", Vec::new()),
        }
    }

    #[test]
    fn a_condition_comes_apart_at_its_outermost_operators_as_it_was_written() {
        for (source, expected) in [
            ("a.x == 'é && ü' && a.y > 1", ("all", vec!["a.x == 'é && ü'", "a.y > 1"])),
            ("a.x == 1 &&\n  (a.y == 2 || a.z == 3)\n", ("all", vec!["a.x == 1", "(a.y == 2 || a.z == 3)"])),
            ("a.a && a.b && a.c && a.d && a.e", ("all", vec!["a.a", "a.b", "a.c", "a.d", "a.e"])),
            ("((a.a && a.b) && a.c)", ("all", vec!["a.a", "a.b", "a.c"])),
            ("a.a && a.b || a.c && a.d", ("any", vec!["a.a && a.b", "a.c && a.d"])),
            ("(a.a) || (a.b)", ("any", vec!["(a.a)", "(a.b)"])),
            ("a.s == ')' || a.t == '('", ("any", vec!["a.s == ')'", "a.t == '('"])),
            ("a.list.all(i, i > 1 && i < 3)", ("one", vec![])),
            ("!(a.a && a.b)", ("one", vec![])),
            ("a.a && a.b ? a.c : a.d || a.e", ("one", vec![])),
            ("a.a", ("one", vec![])),
        ] {
            let (how, texts) = parts(source);
            assert_eq!((how, texts.iter().map(String::as_str).collect()), expected, "{source}");
        }
    }
}
