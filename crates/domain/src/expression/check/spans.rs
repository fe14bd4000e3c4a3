//! Where the parts of an expression stand in its text. The parser notes one token for each part; this finds
//! the whole of it.

use std::ops::Range;

use cel::Program;
use cel::common::ast::{Expr, IdedExpr};

use super::super::children;

/// The places of an expression's parts, as bytes of its text.
pub(super) struct Spans<'a> {
    source: &'a str,
    program: &'a Program,
}

impl<'a> Spans<'a> {
    pub(super) fn of(source: &'a str, program: &'a Program) -> Self {
        Self { source, program }
    }

    /// The text of a part.
    pub(super) fn text(&self, part: &IdedExpr) -> &'a str {
        self.source.get(self.whole(part)).unwrap_or_default()
    }

    /// The text of a place.
    pub(super) fn source(&self, span: &Range<usize>) -> &'a str {
        self.source.get(span.clone()).unwrap_or_default()
    }

    /// All that belongs to a part.
    pub(super) fn whole(&self, part: &IdedExpr) -> Range<usize> {
        let token = self.token(part);
        let mut span = token.clone();
        let mut include = |more: Range<usize>| span = span.start.min(more.start)..span.end.max(more.end);
        match &part.expr {
            // What a macro is made of has the place of its parenthesis; what was written is the list and that.
            Expr::Comprehension(it) => include(self.whole(&it.iter_range)),
            other => children(other).into_iter().for_each(|child| include(self.whole(child))),
        }
        match &part.expr {
            Expr::Select(select) if select.test => include(self.call(&token)),
            Expr::Select(_) => include(self.field(part)),
            Expr::Call(call) if call.target.is_some() => include(token.start..self.closing(token.start)),
            Expr::Call(call) if call.func_name.starts_with(|c: char| c.is_ascii_alphabetic()) => {
                include(self.call(&token));
            }
            Expr::Call(call) if call.func_name.starts_with("_[") => {
                include(token.start..self.closing(token.start));
            }
            Expr::List(_) | Expr::Map(_) | Expr::Struct(_) | Expr::Comprehension(_) => {
                include(token.start..self.closing(token.start));
            }
            Expr::Call(_) | Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => {}
        }
        span.start.min(self.source.len())..span.end.min(self.source.len())
    }

    /// The token that the parser noted for a part: its name, its operator, its parenthesis.
    pub(super) fn token(&self, part: &IdedExpr) -> Range<usize> {
        let noted = self.program.source_info().offset_for(part.id);
        let (start, last) = noted.map_or((0, 0), |(start, last)| (start as usize, last as usize));
        start..(last + 1).min(self.source.len()).max(start)
    }

    /// The name behind the point of `event.state`.
    pub(super) fn field(&self, select: &IdedExpr) -> Range<usize> {
        let point = self.token(select);
        let behind = self.source.get(point.end..).unwrap_or_default();
        let start = point.end + (behind.len() - behind.trim_start().len());
        let name = self.source.get(start..).unwrap_or_default();
        let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(name.len());
        start..start + end
    }

    /// Where a word stands, from `start` on.
    pub(super) fn find(&self, start: usize, word: &str) -> usize {
        let rest = self.source.get(start..).unwrap_or_default();
        start + rest.find(word).unwrap_or_default()
    }

    /// The name of a function that is called.
    pub(super) fn function(&self, call: &IdedExpr) -> Range<usize> {
        let open = self.token(call).start;
        let before = self.source.get(..open).unwrap_or_default().trim_end();
        let start = before.rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_').map_or(0, |at| at + 1);
        start..before.len()
    }

    /// `name(..)`, by its parenthesis.
    fn call(&self, parenthesis: &Range<usize>) -> Range<usize> {
        let before = self.source.get(..parenthesis.start).unwrap_or_default().trim_end();
        let start = before.rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_').map_or(0, |at| at + 1);
        start..self.closing(parenthesis.start)
    }

    /// Behind the bracket that closes the one at `open`.
    fn closing(&self, open: usize) -> usize {
        let mut depth = 0_usize;
        let mut quote = None;
        let mut escaped = false;
        for (at, byte) in self.source.bytes().enumerate().skip(open) {
            match (quote, byte) {
                (Some(_), _) if escaped => escaped = false,
                (Some(_), b'\\') => escaped = true,
                (Some(open), byte) if byte == open => quote = None,
                (None, b'"' | b'\'') => quote = Some(byte),
                (None, b'(' | b'[' | b'{') => depth += 1,
                (None, b')' | b']' | b'}') => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return at + 1;
                    }
                }
                (Some(_) | None, _) => {}
            }
        }
        self.source.len()
    }
}
