//! A mapping, a line `===`, and a file of rows. What is mapped is an event that
//! survives being written and read.
#![no_main]

use std::fs;
use std::path::Path;

use hinge_schema::{Catalogue, Encoding};
use libfuzzer_sys::fuzz_target;

mod ingest;

fuzz_target!(|bytes: &[u8]| {
    let Some((text, content)) = divided(bytes) else { return };
    let catalogue = Catalogue::builtin();
    let Ok(mapping) = hinge_policy::parse_mapping(Path::new("mapping.yaml"), text, &catalogue) else { return };
    let name = if content.starts_with(b"{") { "jsonl" } else { "csv" };
    let path = std::env::temp_dir().join(format!("hinge-fuzz-{}.{name}", std::process::id()));
    fs::write(&path, content).expect("the temporary folder can be written");
    for row in ingest::read(&path, mapping.delimiter) {
        let Ok(events) = mapping.events(&row.into(), &|_, _| &[]) else { continue };
        for event in events {
            for encoding in Encoding::ALL {
                let Ok(encoded) = catalogue.encode_event(&event, None, encoding) else { continue };
                let headers = encoded.headers.iter().map(|(name, value)| (name.as_ref(), Some(value.as_slice())));
                if let Ok(decoded) = catalogue.decode(headers, Some(&encoded.value)) {
                    assert_eq!(decoded.event.content(), event.content(), "{encoding:?}");
                }
            }
        }
    }
});

/// The mapping, and the rows behind a line of three equals signs.
fn divided(bytes: &[u8]) -> Option<(&str, &[u8])> {
    const LINE: &[u8] = b"\n===\n";
    let end = bytes.windows(LINE.len()).position(|window| window == LINE)?;
    Some((std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + LINE.len()..]))
}
