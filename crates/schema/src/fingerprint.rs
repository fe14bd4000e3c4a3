//! The fingerprint of a schema: CRC-64-AVRO of its parsing canonical form, as the Avro specification says.
//!
//! Written here because apache-avro 0.22 computes another one for schemas with logical types: it keeps
//! `{"type":"int"}` where the specification says `"int"`, so that Java and Python would not find the schema.

use serde_json::Value as Json;

/// The fingerprint, in the order of the wire.
pub(crate) fn fingerprint(schema: &Json) -> [u8; 8] {
    let mut canonical = String::new();
    write_canonical(schema, "", &mut canonical);
    crc_64_avro(canonical.as_bytes()).to_le_bytes()
}

/// The canonical form of a schema: names in full, in a fixed order, and nothing that does not matter to reading.
/// Names, symbols and types never need escapes.
fn write_canonical(schema: &Json, namespace: &str, target: &mut String) {
    let full =
        full_name(schema["name"].as_str().unwrap_or_default(), schema["namespace"].as_str(), namespace);
    let own = full.rsplit_once('.').map_or("", |(namespace, _)| namespace);
    let namespace = if full.is_empty() { namespace } else { own };
    match schema {
        Json::String(name) if PRIMITIVES.contains(&name.as_str()) => write_text(name, target),
        Json::String(name) => write_text(&full_name(name, None, namespace), target),
        Json::Array(branches) => {
            write_list(branches, target, |branch, target| write_canonical(branch, namespace, target));
        }
        Json::Object(_) => match schema["type"].as_str() {
            Some("array") => {
                target.push_str(r#"{"type":"array","items":"#);
                write_canonical(&schema["items"], namespace, target);
                target.push('}');
            }
            Some("map") => {
                target.push_str(r#"{"type":"map","values":"#);
                write_canonical(&schema["values"], namespace, target);
                target.push('}');
            }
            Some(kind @ ("record" | "enum" | "fixed")) => {
                target.push_str(r#"{"name":"#);
                write_text(&full, target);
                target.push_str(r#","type":"#);
                write_text(kind, target);
                write_parts(schema, namespace, target);
                target.push('}');
            }
            // A primitive with a logical type, which does not count; the name of a type; a type in a type.
            Some(_) | None => write_canonical(&schema["type"], namespace, target),
        },
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

const PRIMITIVES: [&str; 8] = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"];

/// The name of a type in full: as it is where it says its namespace itself, else within the one around it.
fn full_name(name: &str, own: Option<&str>, around: &str) -> String {
    match own.unwrap_or(around) {
        namespace if !namespace.is_empty() && !name.is_empty() && !name.contains('.') => {
            format!("{namespace}.{name}")
        }
        _ => name.to_owned(),
    }
}

/// The fields of a record, the symbols of an enum or the size of a fixed.
fn write_parts(schema: &Json, namespace: &str, target: &mut String) {
    if let Some(fields) = schema["fields"].as_array() {
        target.push_str(r#","fields":"#);
        write_list(fields, target, |field, target| {
            target.push_str(r#"{"name":"#);
            write_text(field["name"].as_str().unwrap_or_default(), target);
            target.push_str(r#","type":"#);
            write_canonical(&field["type"], namespace, target);
            target.push('}');
        });
    }
    if let Some(symbols) = schema["symbols"].as_array() {
        target.push_str(r#","symbols":"#);
        write_list(symbols, target, |symbol, target| {
            write_text(symbol.as_str().unwrap_or_default(), target);
        });
    }
    if let Some(size) = schema["size"].as_u64() {
        target.push_str(r#","size":"#);
        target.push_str(&size.to_string());
    }
}

fn write_list(items: &[Json], target: &mut String, write: impl Fn(&Json, &mut String)) {
    target.push('[');
    for (position, item) in items.iter().enumerate() {
        if position > 0 {
            target.push(',');
        }
        write(item, target);
    }
    target.push(']');
}

fn write_text(text: &str, target: &mut String) {
    target.push('"');
    target.push_str(text);
    target.push('"');
}

/// Source: Avro 1.12 specification, "Schema Fingerprints". A schema is hashed once, so no table.
fn crc_64_avro(bytes: &[u8]) -> u64 {
    const EMPTY: u64 = 0xC15D_213A_A4D7_A795;
    bytes.iter().fold(EMPTY, |hash, byte| {
        let mixed = hash ^ u64::from(*byte);
        (0..8).fold(mixed, |value, _| (value >> 1) ^ (EMPTY & (value & 1).wrapping_neg()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_those_of_other_implementations() {
        // From fastavro 1.12, which follows the specification.
        let foreign = r#"{"type": "record", "name": "Order", "namespace": "shop.v1", "doc": "x", "fields": [
            {"name": "id", "type": {"type": "string", "logicalType": "uuid"}},
            {"name": "hash", "type": {"type": "fixed", "name": "Hash", "size": 16}},
            {"name": "labels", "type": {"type": "map", "values": ["null", "string"]}},
            {"name": "ship", "type": {"type": "record", "name": "Address",
                "fields": [{"name": "city", "type": "string"}]}},
            {"name": "bill", "type": ["null", "Address"], "default": null},
            {"name": "other", "type": ["null", {"type": "enum", "name": "shop.Kind", "symbols": ["A", "B"]}]},
            {"name": "again", "type": "shop.Kind"},
            {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}}]}"#;
        let table = [
            (foreign, 0x951e_e53b_7092_35d9),
            (r#""int""#, 0x7275_d51a_3f39_5c8f_u64),
            (r#"{"type":"int","logicalType":"date"}"#, 0x7275_d51a_3f39_5c8f),
            (include_str!("../../../schemas/delivery/delivery.delayed.v2.avsc"), 0x68d3_ba6c_007a_81b4),
            (include_str!("../../../schemas/order/order.placed.v1.avsc"), 0xf60b_6783_ff41_55ee),
            (include_str!("../../../schemas/hinge/notification.v1.avsc"), 0x4379_9878_9bd2_9a95),
        ];
        for (schema, expected) in table {
            let schema: Json = serde_json::from_str(schema).unwrap();
            assert_eq!(u64::from_le_bytes(fingerprint(&schema)), expected, "{schema}");
        }
    }
}
