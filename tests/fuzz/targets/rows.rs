//! A mapping, a line `===`, and a file of rows. What is mapped is an event that
//! survives being written and read.
#![no_main]

use std::fs;
use std::path::Path;

use hinge_domain::Event;
use hinge_schema::{Catalogue, Encoding, MAX_BODY_BYTES};
use libfuzzer_sys::fuzz_target;

mod ingest;

fuzz_target!(|bytes: &[u8]| {
    let Some((text, content)) = hinge_fuzz::divided(bytes) else { return };
    let catalogue = Catalogue::builtin();
    let Ok(mapping) = hinge_policy::parse_mapping(Path::new("mapping.yaml"), text, &catalogue) else { return };
    let name = if content.starts_with(b"{") { "jsonl" } else { "csv" };
    let path = std::env::temp_dir().join(format!("hinge-fuzz-{}.{name}", std::process::id()));
    fs::write(&path, content).expect("the temporary folder can be written");
    for row in ingest::read(&path, mapping.delimiter) {
        let Ok(events) = mapping.events(&row.into(), &|_, _| &[]) else { continue };
        for event in events {
            // As `hinge ingest` decides whether it takes an event: what it writes must be read by everybody else.
            if !is_taken(&event, &catalogue) {
                continue;
            }
            for encoding in Encoding::ALL {
                let encoded = catalogue.encode_event(&event, None, encoding).expect("what ingest takes can be written");
                if encoded.value.len() > MAX_BODY_BYTES {
                    continue;
                }
                let headers = encoded.headers.iter().map(|(name, value)| (name.as_ref(), Some(value.as_slice())));
                let decoded = catalogue.decode(headers, Some(&encoded.value)).expect("what ingest writes can be read");
                assert_eq!(decoded.event.content(), event.content(), "{encoding:?}");
            }
        }
    }
});

/// Whether it can be written in the usual encoding and read back.
fn is_taken(event: &Event, catalogue: &Catalogue) -> bool {
    let Ok(encoded) = catalogue.encode_event(event, None, Encoding::JsonBinary) else { return false };
    let headers = encoded.headers.iter().map(|(name, value)| (name.as_ref(), Some(value.as_slice())));
    catalogue.decode(headers, Some(&encoded.value)).is_ok()
}
