//! UUIDs of version 5, and the ids of notifications that are made of them (RFC 9562, section 5.5).

use sha1::{Digest, Sha1};

/// The namespace of object identifiers, from the RFC's appendix.
const OID: u128 = 0x6ba7_b812_9dad_11d1_80b4_00c0_4fd4_30c8;

/// The UUID of version 5 of a name in a namespace.
pub fn version_5(namespace: u128, name: &[u8]) -> u128 {
    let hash = Sha1::new().chain_update(namespace.to_be_bytes()).chain_update(name).finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    let raw = u128::from_be_bytes(bytes);
    // The version in the high bits of the seventh byte, the variant in those of the ninth.
    raw & !(0xF << 76) & !(0x3 << 62) | (0x5 << 76) | (0x2 << 62)
}

/// What makes the ids of notifications.
#[derive(Clone, Copy, Debug)]
pub struct Notifications(u128);

impl Default for Notifications {
    fn default() -> Self {
        Self(version_5(OID, b"hinge.notification"))
    }
}

impl Notifications {
    /// The id of what a department is told about an event.
    pub fn id(self, source: &str, event: &str, department: &str) -> u128 {
        version_5(self.0, format!("{source}\n{event}\n{department}").as_bytes())
    }
}

/// Reads a UUID in the form that is written: lower case, with hyphens.
pub fn parse(text: &str) -> Option<u128> {
    let bytes = text.as_bytes();
    if bytes.len() != 36 {
        return None;
    }
    bytes.iter().enumerate().try_fold(0, |number, (place, byte)| match (place, byte) {
        (8 | 13 | 18 | 23, b'-') => Some(number),
        (8 | 13 | 18 | 23, _) => None,
        (_, b'0'..=b'9') => Some(number << 4 | u128::from(byte - b'0')),
        (_, b'a'..=b'f') => Some(number << 4 | u128::from(byte - b'a' + 10)),
        (_, _) => None,
    })
}

/// A UUID as it is written.
pub fn text(id: u128) -> String {
    let hex = format!("{id:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_5_is_that_of_the_rfc() {
        // RFC 9562, appendix A.4: www.example.com in the namespace of domain names.
        let domains = parse("6ba7b810-9dad-11d1-80b4-00c04fd430c8").unwrap();
        assert_eq!(text(version_5(domains, b"www.example.com")), "2ed6657d-e927-568b-95e1-2665a8aea6a2");
    }

    #[test]
    fn the_sample_of_the_schemas_has_its_id() {
        let id = Notifications::default().id("/carriers", "d-5521-late", "customer-support");
        assert_eq!(text(id), "28c070d6-831d-58c2-9db0-0ba2d0861e10");
    }

    #[test]
    fn only_the_written_form_is_read() {
        assert_eq!(parse("28C070D6-831d-58c2-9db0-0ba2d0861e10"), None);
        assert_eq!(parse("28c070d6831d-58c2-9db0-0ba2d0861e100-"), None);
        assert_eq!(parse(""), None);
    }
}
