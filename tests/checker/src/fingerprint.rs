//! CRC-64-AVRO of a schema's parsing canonical form (Avro 1.12, "Transforming into Parsing Canonical Form" and
//! "Schema Fingerprints").

use serde_json::Value as Json;

/// The fingerprint as it stands in the single-object encoding.
pub fn of(schema: &Json) -> [u8; 8] {
    crc(canonical(schema, "").as_bytes()).to_le_bytes()
}

/// The CRC begins with this number, and its table is made with it.
const EMPTY: u64 = 0xc15d_213a_a4d7_a795;

fn crc(bytes: &[u8]) -> u64 {
    bytes.iter().fold(EMPTY, |state, byte| {
        let mut entry = (state ^ u64::from(*byte)) & 0xff;
        for _ in 0..8 {
            entry = (entry >> 1) ^ if entry & 1 == 1 { EMPTY } else { 0 };
        }
        (state >> 8) ^ entry
    })
}

/// The canonical form of a schema inside a namespace.
fn canonical(schema: &Json, around: &str) -> String {
    let list = |items: &[Json], each: &dyn Fn(&Json) -> String| {
        format!("[{}]", items.iter().map(each).collect::<Vec<_>>().join(","))
    };
    match schema {
        Json::String(name) => format!("\"{}\"", qualified(name, around)),
        Json::Array(branches) => list(branches, &|branch| canonical(branch, around)),
        Json::Object(_) => match schema["type"].as_str() {
            Some("array") => format!(r#"{{"type":"array","items":{}}}"#, canonical(&schema["items"], around)),
            Some("map") => format!(r#"{{"type":"map","values":{}}}"#, canonical(&schema["values"], around)),
            Some(kind @ ("record" | "enum" | "fixed")) => {
                let space = schema["namespace"].as_str().unwrap_or(around);
                let name = qualified(schema["name"].as_str().unwrap_or_default(), space);
                let inside = name.rsplit_once('.').map_or("", |(space, _)| space);
                let field = |field: &Json| {
                    format!(r#"{{"name":{},"type":{}}}"#, field["name"], canonical(&field["type"], inside))
                };
                let head = format!(r#"{{"name":"{name}","type":"{kind}""#);
                let part = |key: &str, text: Option<String>| {
                    text.map_or_else(String::new, |text| format!(r#","{key}":{text}"#))
                };
                let fields = schema["fields"].as_array().map(|fields| list(fields, &field));
                let symbols = schema["symbols"].as_array().map(|symbols| list(symbols, &Json::to_string));
                let size = schema["size"].as_u64().map(|size| size.to_string());
                [head, part("fields", fields), part("symbols", symbols), part("size", size), "}".to_owned()]
                    .concat()
            }
            Some(_) | None => canonical(&schema["type"], around),
        },
        Json::Null | Json::Bool(_) | Json::Number(_) => String::new(),
    }
}

fn qualified(name: &str, space: &str) -> String {
    let primitive =
        matches!(name, "null" | "boolean" | "int" | "long" | "float" | "double" | "bytes" | "string");
    if primitive || space.is_empty() || name.contains('.') {
        name.to_owned()
    } else {
        format!("{space}.{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primitives_have_the_fingerprints_of_the_specification() {
        // From the Avro project's own test data, schema-tests.txt.
        for (schema, expected) in
            [("null", 7_195_948_357_588_979_594_i64), ("boolean", -6_970_731_678_124_411_036)]
        {
            assert_eq!(of(&Json::from(schema)), expected.to_le_bytes(), "{schema}");
        }
    }

    #[test]
    fn what_does_not_matter_to_reading_is_left_out() {
        let schema = r#"{"doc": "x", "name": "A", "namespace": "s", "type": "record", "fields": [
            {"default": null, "type": ["null", {"type": "int", "logicalType": "date"}], "name": "day"},
            {"name": "kind", "type": {"type": "enum", "name": "K", "symbols": ["a"], "default": "a"}}]}"#;
        let expected = r#"{"name":"s.A","type":"record","fields":[{"name":"day","type":["null","int"]},{"name":"kind","type":{"name":"s.K","type":"enum","symbols":["a"]}}]}"#;
        assert_eq!(canonical(&serde_json::from_str(schema).unwrap(), ""), expected);
    }
}
