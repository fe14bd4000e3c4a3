//! Headers and a value, decoded. What is taken must tell the same after every encoding of ours.
#![no_main]

use hinge_schema::{Catalogue, Encoding, MAX_BODY_BYTES};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let catalogue = Catalogue::builtin();
    let (headers, value) = hinge_fuzz::record(bytes);
    match catalogue.decode(headers.iter().copied(), value) {
        Err(rejection) => assert!(rejection.detail.len() < 2048, "{rejection}"),
        Ok(decoded) => {
            for encoding in Encoding::ALL {
                let encoded = catalogue.encode_event(&decoded.event, decoded.recorded, encoding);
                let encoded = encoded.expect("what was decoded can be encoded");
                if encoded.value.len() > MAX_BODY_BYTES {
                    continue;
                }
                let headers = encoded.headers.iter().map(|(name, value)| (name.as_ref(), Some(value.as_slice())));
                let again = catalogue.decode(headers, Some(&encoded.value)).expect("what was encoded can be decoded");
                assert_eq!(again.event, decoded.event, "{encoding:?}");
                assert_eq!(again.event.content(), decoded.event.content(), "{encoding:?}");
            }
        }
    }
});
