//! A source of the policy, a line `===`, and a record of another system. Whatever the record is, the answer is events that
//! survive being written and read, the same ones each time, or a reason that is short and says which kind it is.
#![no_main]

use hinge_schema::{Catalogue, Encoding, ForeignRecord, MAX_BODY_BYTES};
use libfuzzer_sys::fuzz_target;

/// Some names that expressions of the corpus read.
const KEY: &[u8] = br#"{"number": "A-1", "id": "A-1"}"#;

fuzz_target!(|bytes: &[u8]| {
    let Some((text, record)) = hinge_fuzz::divided(bytes) else { return };
    let catalogue = Catalogue::builtin();
    let Ok(loaded) = hinge_fuzz::policy(&[("sources/fuzz.yaml", text)], &catalogue) else { return };
    let (headers, value) = hinge_fuzz::record(record);
    for topic in loaded.sources.topics() {
        let source = loaded.sources.of(topic).expect("the topic is one that a source reads");
        let record = ForeignRecord { topic, key: Some(KEY), headers: &headers, value };
        let given = match source.open(&record) {
            Err(rejection) => {
                assert!(rejection.detail.len() < 2048, "{rejection}");
                continue;
            }
            Ok(None) => continue,
            Ok(Some(given)) => given,
        };
        assert!(source.unread(&given).count() <= given.row.len());
        match (source.events(&given), source.events(&given)) {
            (Ok(events), Ok(again)) => {
                assert_eq!(events, again);
                for event in events {
                    for encoding in Encoding::ALL {
                        let encoded = catalogue.encode_event(&event, None, encoding).expect("an event can be written");
                        if encoded.value.len() > MAX_BODY_BYTES {
                            continue;
                        }
                        let headers =
                            encoded.headers.iter().map(|(name, value)| (name.as_ref(), Some(value.as_slice())));
                        let read = catalogue.decode(headers, Some(&encoded.value)).expect("what was written is read");
                        assert_eq!(read.event.content(), event.content(), "{encoding:?}");
                    }
                }
            }
            (Err(rejection), Err(_)) => assert!(rejection.detail.len() < 8192, "{rejection}"),
            (first, second) => panic!("{first:?} and then {second:?}"),
        }
    }
});
