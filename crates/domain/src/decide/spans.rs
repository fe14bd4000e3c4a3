//! Which of many spans hold a value: a segment tree, so that a question costs as much as its answer is long.

/// Spans between two ends of one kind, each with the number of a rule. Both ends count as within: what an
/// answer holds too much, the conditions themselves put right.
#[derive(Debug)]
pub(crate) struct Spans<T> {
    /// Every end once, in order. Place `2i + 1` is the end `i`, the even places are the gaps around them.
    ends: Vec<T>,
    /// The tree from its root at 1; the leaves are the second half, by place.
    nodes: Vec<Vec<u32>>,
}

/// A span; without an end it is open.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Span<T> {
    pub(crate) low: Option<T>,
    pub(crate) high: Option<T>,
}

impl<T: Ord + Clone> Spans<T> {
    pub(crate) fn new(spans: &[(Span<T>, u32)]) -> Self {
        let mut ends: Vec<T> =
            spans.iter().flat_map(|(span, _)| span.low.iter().chain(&span.high).cloned()).collect();
        ends.sort_unstable();
        ends.dedup();
        let leaves = 2 * ends.len() + 1;
        let mut built = Self { ends, nodes: vec![Vec::new(); 2 * leaves] };
        for (span, rule) in spans {
            built.add(span, *rule);
        }
        built
    }

    fn add(&mut self, span: &Span<T>, rule: u32) {
        let leaves = self.nodes.len() / 2;
        let mut left = span.low.as_ref().map_or(0, |end| self.leaf(end)) + leaves;
        let mut right = span.high.as_ref().map_or(leaves - 1, |end| self.leaf(end)) + leaves + 1;
        while left < right {
            if left % 2 == 1 {
                self.nodes[left].push(rule);
                left += 1;
            }
            if right % 2 == 1 {
                right -= 1;
                self.nodes[right].push(rule);
            }
            left /= 2;
            right /= 2;
        }
    }

    fn leaf<Q: Ord + ?Sized>(&self, value: &Q) -> usize
    where
        T: std::borrow::Borrow<Q>,
    {
        match self.ends.binary_search_by(|end| end.borrow().cmp(value)) {
            Ok(end) => 2 * end + 1,
            Err(end) => 2 * end,
        }
    }

    /// The rules whose spans hold `value`, in no order.
    pub(crate) fn holding<Q: Ord + ?Sized>(&self, value: &Q) -> impl Iterator<Item = u32> + '_
    where
        T: std::borrow::Borrow<Q>,
    {
        let leaf = self.leaf(value) + self.nodes.len() / 2;
        let path = std::iter::successors(Some(leaf), |node| Some(node / 2).filter(|parent| *parent > 0));
        path.flat_map(|node| self.nodes[node].iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_tree_finds_what_looking_at_every_span_finds(
            spans in proptest::collection::vec((proptest::option::of(0i64..12), proptest::option::of(0i64..12)), 0..20),
            value in -1i64..13,
        ) {
            let spans: Vec<_> = (0u32..).zip(spans).map(|(rule, (low, high))| (Span { low, high }, rule)).collect();
            let within = |span: &Span<i64>| {
                span.low.is_none_or(|low| low <= value) && span.high.is_none_or(|high| value <= high)
            };
            let expected: Vec<u32> =
                spans.iter().filter(|(span, _)| within(span)).map(|(_, rule)| *rule).collect();
            let mut found: Vec<u32> = Spans::new(&spans).holding(&value).collect();
            found.sort_unstable();
            prop_assert_eq!(found, expected);
        }
    }
}
