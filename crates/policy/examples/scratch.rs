use serde::de::*;
use serde_saphyr::Spanned;
#[derive(Debug)]
enum Node {
    Null,
    Bool(bool),
    Num(String),
    Text(String),
    List(Vec<Spanned<Node>>),
    Map(Vec<(Spanned<Node>, Spanned<Node>)>),
}
impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct V;
        impl<'de> Visitor<'de> for V {
            type Value = Node;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("anything")
            }
            fn visit_unit<E>(self) -> Result<Node, E> {
                Ok(Node::Null)
            }
            fn visit_none<E>(self) -> Result<Node, E> {
                Ok(Node::Null)
            }
            fn visit_some<D: Deserializer<'de>>(self, d: D) -> Result<Node, D::Error> {
                Node::deserialize(d)
            }
            fn visit_bool<E>(self, b: bool) -> Result<Node, E> {
                Ok(Node::Bool(b))
            }
            fn visit_i64<E>(self, b: i64) -> Result<Node, E> {
                Ok(Node::Num(b.to_string()))
            }
            fn visit_u64<E>(self, b: u64) -> Result<Node, E> {
                Ok(Node::Num(b.to_string()))
            }
            fn visit_f64<E>(self, b: f64) -> Result<Node, E> {
                Ok(Node::Num(b.to_string()))
            }
            fn visit_str<E>(self, b: &str) -> Result<Node, E> {
                Ok(Node::Text(b.to_string()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut a: A) -> Result<Node, A::Error> {
                let mut v = vec![];
                while let Some(n) = a.next_element()? {
                    v.push(n)
                }
                Ok(Node::List(v))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut a: A) -> Result<Node, A::Error> {
                let mut v = vec![];
                while let Some(n) = a.next_entry()? {
                    v.push(n)
                }
                Ok(Node::Map(v))
            }
        }
        d.deserialize_any(V)
    }
}
fn show(n: &Spanned<Node>, depth: usize) {
    let l = n.referenced;
    let d = n.defined;
    let head = format!(
        "{}{}:{} span {:?} off {} len {} (def {}:{})",
        "  ".repeat(depth),
        l.line(),
        l.column(),
        (l.span().byte_offset(), l.span().byte_len()),
        l.span().offset(),
        l.span().len(),
        d.line(),
        d.column()
    );
    match &n.value {
        Node::List(v) => {
            println!("{head} list");
            v.iter().for_each(|n| show(n, depth + 1))
        }
        Node::Map(v) => {
            println!("{head} map");
            v.iter().for_each(|(k, n)| {
                show(k, depth + 1);
                show(n, depth + 2)
            })
        }
        other => println!("{head} {other:?}"),
    }
}
fn main() {
    for y in [
        "a: ünï  # c\nb: 'quo''ted'\nc: [1, 2.50, x]\nd: {k: true, k: 'y', l: }\ne: |\n  block text\n  more\n\nf: >-\n  folded\n  text\ng: &x some\nh: *x\ni: 2026-03-02\nj: event.a ==\n  3\nk: [a,\n  b]\n",
        "a: [1\nb: 2\n",
        "a: b: c",
        "a: *no",
        "- x: 1\n  y\n",
        "a: \"x",
        "\ta: 1",
        "a: 1\n b: 2\n",
        "{{x}}: 1",
        "? [a]\n: 1",
        "a: !!int x",
        "a: .nan",
        "a: 0x1F\nb: 1_000\nc: 007\nd: 1e3\n2: 3\n~: 4\n",
        "",
        "# only\n",
        "a: 1\n---\nb: 2\n",
    ] {
        println!("--- {y:?}");
        let o =
            serde_saphyr::options! { duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::PassThrough };
        match serde_saphyr::from_str_with_options::<Spanned<Node>>(y, o) {
            Ok(n) => show(&n, 0),
            Err(e) => println!("ERR {:?} | {}", e.location(), e.without_snippet()),
        }
    }
}
