//! The partition that a key belongs to, chosen as Kafka's Java client chooses it.
//!
//! Owns the hash and the choice, nothing about topics. Every program that writes a topic must put a
//! key into the same partition, or records of one key lose their order; the Java client's choice is
//! the one that other producers follow.

const SEED: u32 = 0x9747_b28c;
const MULTIPLIER: u32 = 0x5bd1_e995;
const SHIFT: u32 = 24;

/// The partition of `key` in a topic with `partitions` partitions, as Kafka's Java client has it;
/// 0 when `partitions` is not positive.
///
/// Source: `BuiltInPartitioner.partitionForKey` and `Utils.murmur2` of Apache Kafka.
#[must_use]
pub fn partition_for_key(key: &[u8], partitions: i32) -> i32 {
    let positive = (murmur2(key) & 0x7fff_ffff).cast_signed();
    positive.checked_rem(partitions).map_or(0, |partition| partition.max(0))
}

fn murmur2(data: &[u8]) -> u32 {
    // The Java original takes the length as an `int`; a key of 4 GiB cannot be sent.
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let mut hash = SEED ^ length;
    let (words, rest) = data.as_chunks::<4>();
    for word in words {
        let mut mixed = u32::from_le_bytes(*word).wrapping_mul(MULTIPLIER);
        mixed ^= mixed >> SHIFT;
        mixed = mixed.wrapping_mul(MULTIPLIER);
        hash = hash.wrapping_mul(MULTIPLIER) ^ mixed;
    }
    if !rest.is_empty() {
        for (place, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * place);
        }
        hash = hash.wrapping_mul(MULTIPLIER);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(MULTIPLIER);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::{murmur2, partition_for_key};

    #[test]
    fn hashes_are_those_of_the_java_client() {
        // From `UtilsTest.testMurmur2` of Apache Kafka.
        let vectors = [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ];
        for (key, expected) in vectors {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), expected, "{key}");
        }
    }

    #[test]
    fn every_key_has_a_partition_that_exists() {
        for partitions in [1, 2, 3, 7, 64] {
            for number in 0..500_u32 {
                let partition = partition_for_key(&number.to_le_bytes(), partitions);
                assert!((0..partitions).contains(&partition), "{partition} of {partitions}");
            }
        }
        assert_eq!(partition_for_key(b"key", 0), 0);
        assert_eq!(partition_for_key(b"key", -1), 0);
    }
}
