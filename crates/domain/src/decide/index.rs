//! Which rules of an event type can match an event at all, found without looking at the others.
//!
//! Of each rule one part of its condition is the key: a part joined by `&&` that compares an attribute with
//! literals, and which the fewest other rules share. Where the key is false the rule is false, whatever the
//! rest of it is. Where the event does not say what the key asks for, the rule is false if another part is, so
//! there the next best part is its key. What comes out is more than what matches and never less; the conditions
//! decide.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

use super::native::{Comparison, Literal, Native, Operand};
use super::spans::{Span, Spans};
use crate::sight::{Seen, Sight};

/// Below this many rules with a key, looking at each of them is cheaper.
const WORTH_IT: usize = 12;

/// The rules of one event type by their keys.
#[derive(Debug)]
pub(crate) struct Index {
    /// Rules without a key, in order.
    unkeyed: Vec<u32>,
    attributes: Vec<ByAttribute>,
}

/// The rules whose key is about one attribute.
#[derive(Debug)]
struct ByAttribute {
    slot: usize,
    /// By what else they say: where the attribute is missing, or of a kind that nothing can be compared with.
    otherwise: Box<Index>,
    texts: HashMap<Box<[u8]>, Vec<u32>>,
    numbers: HashMap<u64, Vec<u32>>,
    bools: [Vec<u32>; 2],
    number_spans: SpanIndex<Number>,
    text_spans: SpanIndex<Box<[u8]>>,
}

/// Rules by spans, and all of them: where a value is of another kind, CEL has to say so for each.
#[derive(Debug)]
struct SpanIndex<T> {
    all: Vec<u32>,
    spans: Spans<T>,
}

/// A double in the order of doubles; never NaN, and only one zero.
#[derive(Clone, Copy, Debug)]
struct Number(f64);

impl Number {
    fn of(number: f64) -> Option<Self> {
        // Adding zero makes the negative zero positive.
        (!number.is_nan()).then_some(Self(number + 0.0))
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Number {}
impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// What a part of a condition says of one attribute.
#[derive(Clone, Debug)]
enum Key {
    /// It is one of these.
    OneOf(Vec<Literal>),
    Numbers(Span<Number>),
    Texts(Span<Box<[u8]>>),
}

/// A literal as a key of a map.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Exactly {
    Bool(bool),
    /// The bits of a [`Number`].
    Number(u64),
    Text(Box<[u8]>),
}

impl Exactly {
    fn of(literal: &Literal) -> Option<Self> {
        match literal {
            Literal::Bool(value) => Some(Self::Bool(*value)),
            Literal::Text(text) => Some(Self::Text(text.as_bytes().into())),
            Literal::Int(_) | Literal::Float(_) => {
                Number::of(literal.sight().number()?).map(|number| Self::Number(number.0.to_bits()))
            }
        }
    }
}

/// Rules by number, each with what the parts of its condition say of one attribute each.
type Keyed = Vec<(u32, Vec<(usize, Key)>)>;

fn is_worth_it(rules: &Keyed) -> bool {
    rules.iter().filter(|(_, keys)| !keys.is_empty()).count() >= WORTH_IT
}

impl Index {
    /// Rules by the parts of their conditions that have the native form; `None` where it does not pay.
    pub(crate) fn new(rules: &[Vec<&Native>]) -> Option<Self> {
        let keyed: Keyed = (0u32..).zip(rules.iter().map(|parts| keys(parts))).collect();
        is_worth_it(&keyed).then(|| Self::of(keyed))
    }

    fn of(rules: Keyed) -> Self {
        if !is_worth_it(&rules) {
            let unkeyed = rules.into_iter().map(|(rule, _)| rule).collect();
            return Self { unkeyed, attributes: Vec::new() };
        }
        let shared = Shared::of(&rules);
        let mut unkeyed = Vec::new();
        let mut chosen: BTreeMap<usize, (Vec<(Key, u32)>, Keyed)> = BTreeMap::new();
        for (rule, mut keys) in rules {
            let cost = |position: &usize| shared.cost(keys[*position].0, &keys[*position].1);
            let Some(best) = (0..keys.len()).min_by_key(cost) else {
                unkeyed.push(rule);
                continue;
            };
            let (slot, key) = keys.remove(best);
            keys.retain(|(other, _)| *other != slot);
            let (by_key, otherwise) = chosen.entry(slot).or_default();
            by_key.push((key, rule));
            otherwise.push((rule, keys));
        }
        let attributes = chosen
            .into_iter()
            .map(|(slot, (keys, otherwise))| ByAttribute::new(slot, &keys, Self::of(otherwise)));
        Self { unkeyed, attributes: attributes.collect() }
    }

    /// The rules that may match, or that may not be able to tell, in order.
    pub(crate) fn candidates(&self, seen: &Seen<'_>) -> Vec<u32> {
        let mut found = Vec::with_capacity(self.unkeyed.len() + 16);
        self.find(seen, &mut found);
        found.sort_unstable();
        found
    }

    fn find(&self, seen: &Seen<'_>, found: &mut Vec<u32>) {
        found.extend_from_slice(&self.unkeyed);
        for attribute in &self.attributes {
            attribute.find(seen, found);
        }
    }
}

impl ByAttribute {
    fn new(slot: usize, keys: &[(Key, u32)], otherwise: Index) -> Self {
        let mut built = Self {
            slot,
            otherwise: Box::new(otherwise),
            texts: HashMap::new(),
            numbers: HashMap::new(),
            bools: [Vec::new(), Vec::new()],
            number_spans: SpanIndex::new(&[]),
            text_spans: SpanIndex::new(&[]),
        };
        let (mut numbers, mut texts) = (Vec::new(), Vec::new());
        for (key, rule) in keys {
            match key {
                Key::OneOf(literals) => {
                    let mut values: Vec<Exactly> = Vec::new();
                    for value in literals.iter().filter_map(Exactly::of) {
                        if !values.contains(&value) {
                            values.push(value);
                        }
                    }
                    for value in values {
                        built.rules_of(value).push(*rule);
                    }
                }
                Key::Numbers(span) => numbers.push((span.clone(), *rule)),
                Key::Texts(span) => texts.push((span.clone(), *rule)),
            }
        }
        built.number_spans = SpanIndex::new(&numbers);
        built.text_spans = SpanIndex::new(&texts);
        built
    }

    fn rules_of(&mut self, value: Exactly) -> &mut Vec<u32> {
        match value {
            Exactly::Bool(value) => &mut self.bools[usize::from(value)],
            Exactly::Number(bits) => self.numbers.entry(bits).or_default(),
            Exactly::Text(text) => self.texts.entry(text).or_default(),
        }
    }

    fn find(&self, seen: &Seen<'_>, found: &mut Vec<u32>) {
        let sight = seen.at(self.slot);
        match &sight {
            Sight::Text(_) | Sight::Date(_) => {
                let text = sight.text().unwrap_or_default();
                found.extend(self.texts.get(text).into_iter().flatten());
                found.extend(self.text_spans.spans.holding(text));
                found.extend(&self.number_spans.all);
            }
            Sight::Int(_) | Sight::Float(_) => match sight.number().and_then(Number::of) {
                Some(number) => {
                    found.extend(self.numbers.get(&number.0.to_bits()).into_iter().flatten());
                    found.extend(self.number_spans.spans.holding(&number));
                    found.extend(&self.text_spans.all);
                }
                None => self.otherwise.find(seen, found),
            },
            Sight::Bool(value) => {
                found.extend(&self.bools[usize::from(*value)]);
                found.extend(&self.number_spans.all);
                found.extend(&self.text_spans.all);
            }
            Sight::Missing | Sight::Instant(_) | Sight::List(_) | Sight::Other => {
                self.otherwise.find(seen, found);
            }
        }
    }
}

impl<T: Ord + Clone> SpanIndex<T> {
    fn new(spans: &[(Span<T>, u32)]) -> Self {
        Self { all: spans.iter().map(|(_, rule)| *rule).collect(), spans: Spans::new(spans) }
    }
}

/// The keys that a rule may have: what the parts of its condition say of one attribute each.
fn keys(parts: &[&Native]) -> Vec<(usize, Key)> {
    let mut keys: Vec<(usize, Key)> = Vec::new();
    for (slot, key) in parts.iter().filter_map(|part| key(part)) {
        // Two ends of one attribute, as in `10 <= x && x < 20`, are one span.
        let joined = keys.iter_mut().any(|(known, before)| {
            *known == slot
                && match (before, &key) {
                    (Key::Numbers(before), Key::Numbers(span)) => before.close(span),
                    (Key::Texts(before), Key::Texts(span)) => before.close(span),
                    (_, _) => false,
                }
        });
        if !joined {
            keys.push((slot, key));
        }
    }
    keys
}

impl<T: Clone> Span<T> {
    /// Takes an end that is open from another span.
    fn close(&mut self, other: &Self) -> bool {
        match (&self.low, &self.high, &other.low, &other.high) {
            (None, Some(_), Some(_), None) => self.low.clone_from(&other.low),
            (Some(_), None, None, Some(_)) => self.high.clone_from(&other.high),
            (_, _, _, _) => return false,
        }
        true
    }
}

fn key(part: &Native) -> Option<(usize, Key)> {
    match part {
        Native::Compare(Operand::Attribute(slot), comparison, Operand::Literal(literal)) => {
            Some((*slot, compared(*comparison, literal)?))
        }
        Native::Compare(Operand::Literal(literal), comparison, Operand::Attribute(slot)) => {
            Some((*slot, compared(comparison.mirrored(), literal)?))
        }
        Native::In(Operand::Attribute(slot), literals) => Some((*slot, Key::OneOf(literals.clone()))),
        // `x == 1 || x == 2` is `x in [1, 2]`.
        Native::Or(left, right) => match (key(left)?, key(right)?) {
            ((slot, Key::OneOf(mut values)), (other, Key::OneOf(more))) if slot == other => {
                values.extend(more);
                Some((slot, Key::OneOf(values)))
            }
            (_, _) => None,
        },
        Native::Compare(..)
        | Native::In(..)
        | Native::Always(_)
        | Native::Is(_)
        | Native::Has(_)
        | Native::Not(_)
        | Native::And(..)
        | Native::ItemOf(..)
        | Native::Text(..) => None,
    }
}

fn compared(comparison: Comparison, literal: &Literal) -> Option<Key> {
    let (below, above) = match comparison {
        Comparison::Equal => return Some(Key::OneOf(vec![literal.clone()])),
        Comparison::NotEqual => return None,
        Comparison::Less | Comparison::AtMost => (true, false),
        Comparison::Greater | Comparison::AtLeast => (false, true),
    };
    match literal {
        Literal::Int(_) | Literal::Float(_) => {
            let end = Number::of(literal.sight().number()?)?;
            Some(Key::Numbers(Span { low: above.then_some(end), high: below.then_some(end) }))
        }
        Literal::Text(text) => {
            let end: Box<[u8]> = text.as_bytes().into();
            Some(Key::Texts(Span { low: above.then(|| end.clone()), high: below.then(|| end.clone()) }))
        }
        Literal::Bool(_) => None,
    }
}

/// How many rules share a key: what looking a key up brings along.
#[derive(Default)]
struct Shared {
    exactly: HashMap<(usize, Exactly), usize>,
    numbers: HashMap<usize, Depths<Number>>,
    texts: HashMap<usize, Depths<Box<[u8]>>>,
}

impl Shared {
    fn of(rules: &Keyed) -> Self {
        let mut shared = Self::default();
        for (slot, key) in rules.iter().flat_map(|(_, keys)| keys) {
            match key {
                Key::OneOf(literals) => {
                    for value in literals.iter().filter_map(Exactly::of) {
                        *shared.exactly.entry((*slot, value)).or_default() += 1;
                    }
                }
                Key::Numbers(span) => shared.numbers.entry(*slot).or_default().add(span),
                Key::Texts(span) => shared.texts.entry(*slot).or_default().add(span),
            }
        }
        shared.numbers.values_mut().for_each(Depths::sort);
        shared.texts.values_mut().for_each(Depths::sort);
        shared
    }

    /// The most rules that one value of the attribute brings along with this one.
    fn cost(&self, slot: usize, key: &Key) -> usize {
        match key {
            Key::OneOf(literals) => {
                let values = literals.iter().filter_map(Exactly::of);
                values.filter_map(|value| self.exactly.get(&(slot, value)).copied()).max().unwrap_or(0)
            }
            Key::Numbers(span) => self.numbers.get(&slot).map_or(0, |depths| depths.cost(span)),
            Key::Texts(span) => self.texts.get(&slot).map_or(0, |depths| depths.cost(span)),
        }
    }
}

/// The ends of all spans of an attribute.
struct Depths<T> {
    lows: Vec<T>,
    highs: Vec<T>,
    /// Spans without a low end.
    from_start: usize,
    spans: usize,
}

impl<T> Default for Depths<T> {
    fn default() -> Self {
        Self { lows: Vec::new(), highs: Vec::new(), from_start: 0, spans: 0 }
    }
}

impl<T: Ord + Clone> Depths<T> {
    fn add(&mut self, span: &Span<T>) {
        self.spans += 1;
        self.from_start += usize::from(span.low.is_none());
        self.lows.extend(span.low.clone());
        self.highs.extend(span.high.clone());
    }

    fn sort(&mut self) {
        self.lows.sort_unstable();
        self.highs.sort_unstable();
    }

    /// How many spans hold a value.
    fn at(&self, value: &T) -> usize {
        let begun = self.from_start + self.lows.partition_point(|low| low <= value);
        begun.saturating_sub(self.highs.partition_point(|high| high < value))
    }

    fn cost(&self, span: &Span<T>) -> usize {
        let ends = span.low.iter().chain(&span.high).map(|end| self.at(end)).max().unwrap_or(self.spans);
        // Open to one side it holds whatever lies there.
        match (&span.low, &span.high) {
            (Some(_), Some(_)) => ends,
            (Some(_), None) => ends.max(self.spans - self.highs.len()),
            (None, Some(_)) => ends.max(self.from_start),
            (None, None) => self.spans,
        }
    }
}
