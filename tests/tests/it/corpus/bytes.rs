//! The bytes of a case as its file describes them: a list of parts, each a word that says what it is and the rest.
//!
//! | part | bytes |
//! |---|---|
//! | `text abc` | the rest as UTF-8 |
//! | `hex C3 01` | those bytes |
//! | `long -3` | a whole number as Avro writes it |
//! | `sized abc` | its length as Avro writes it, and the text |
//! | `sample order.placed.v1 0..10` | bytes of a sample in `schemas/`, all of them without a range |
//! | `repeat 1000 text ab` | another part so many times |
//! | `$name` | the parts under that name in `[pieces]` of the file |
//!
//! Large inputs are described this way, never stored. What the parts mean is written here once more on purpose:
//! nothing of the program under test makes the bytes that it is tested with.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// Parts under a name, which other parts of the same file may use.
pub(super) type Pieces = BTreeMap<String, Vec<String>>;

/// The Avro samples of `schemas/`, by name such as `order.placed.v1`.
static SAMPLES: LazyLock<BTreeMap<String, Vec<u8>>> = LazyLock::new(|| {
    let mut samples = BTreeMap::new();
    for stream in fs::read_dir(schemas()).unwrap().flatten() {
        let Ok(files) = fs::read_dir(stream.path().join("samples")) else { continue };
        for path in files.flatten().map(|file| file.path()) {
            if path.extension().is_some_and(|ending| ending == "avro") {
                let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
                samples.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    samples
});

/// The folder of the schemas.
pub(super) fn schemas() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas")
}

/// A sample's bytes.
pub(super) fn sample(name: &str) -> &'static [u8] {
    SAMPLES.get(name).unwrap_or_else(|| panic!("there is no sample `{name}`"))
}

/// The bytes that parts describe.
pub(super) fn bytes(parts: &[String], pieces: &Pieces) -> Vec<u8> {
    parts.iter().flat_map(|part| one(part, pieces)).collect()
}

fn one(part: &str, pieces: &Pieces) -> Vec<u8> {
    if let Some(name) = part.strip_prefix('$') {
        let piece = pieces.get(name).unwrap_or_else(|| panic!("there is no piece `{name}`"));
        return bytes(piece, pieces);
    }
    let (word, rest) = part.split_once(' ').unwrap_or((part, ""));
    match word {
        "text" => rest.as_bytes().to_vec(),
        "hex" => hex(rest),
        "long" => long(rest.parse().unwrap_or_else(|_| panic!("`{part}`: no whole number"))),
        "sized" => [long(rest.len().try_into().unwrap()), rest.as_bytes().to_vec()].concat(),
        "sample" => {
            let (name, range) = rest.split_once(' ').unwrap_or((rest, ".."));
            let (from, to) = range.split_once("..").unwrap_or_else(|| panic!("`{part}`: no range"));
            let whole = sample(name);
            let end = |text: &str, otherwise| if text.is_empty() { otherwise } else { text.parse().unwrap() };
            whole[end(from, 0)..end(to, whole.len())].to_vec()
        }
        "repeat" => {
            let (times, rest) = rest.split_once(' ').unwrap_or_else(|| panic!("`{part}`: repeat what?"));
            one(rest, pieces).repeat(times.parse().unwrap_or_else(|_| panic!("`{part}`: how often?")))
        }
        _ => panic!("`{part}`: `{word}` is no kind of part"),
    }
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    assert!(digits.len().is_multiple_of(2), "`hex {text}`: half a byte");
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(pair).collect()
}

/// Avro 1.12, "Binary encoding": zig-zag, then seven bits a byte, the lowest first.
fn long(number: i64) -> Vec<u8> {
    let seven = |rest: u64| (rest & 0x7F).to_le_bytes()[0];
    let mut rest = (number.cast_unsigned() << 1) ^ (number >> 63).cast_unsigned();
    let mut bytes = Vec::new();
    while rest > 0x7F {
        bytes.push(seven(rest) | 0x80);
        rest >>= 7;
    }
    bytes.push(seven(rest));
    bytes
}

#[test]
fn parts_become_the_bytes_that_they_describe() {
    let pieces = Pieces::from([("two".to_owned(), vec!["hex 01 02".to_owned()])]);
    for (part, expected) in [
        ("text a b", &b"a b"[..]),
        ("hex C3 01", &[0xC3, 0x01]),
        ("long 0", &[0]),
        ("long -1", &[1]),
        ("long 64", &[0x80, 1]),
        ("long -9223372036854775808", &[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1]),
        ("sized BRL", b"\x06BRL"),
        ("sample order.placed.v1 0..2", &[0xC3, 0x01]),
        ("repeat 3 $two", &[1, 2, 1, 2, 1, 2]),
    ] {
        assert_eq!(bytes(&[part.to_owned()], &pieces), expected, "{part}");
    }
}
