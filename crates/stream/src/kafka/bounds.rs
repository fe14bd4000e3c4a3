//! What a worker keeps of what is under way, at most. All of it is bounded, and the bounds add up: a test holds the
//! table in ARCHITECTURE.md to these numbers, and their sum to what a worker may take.
//!
//! Not among them: what is remembered of events (51 bytes each), the policy, and what a process needs anyway.

/// A place where something waits.
#[derive(Clone, Copy, Debug)]
pub struct Queue {
    /// What waits there.
    pub name: &'static str,
    /// So many bytes at most.
    pub bytes: usize,
}

const MIB: usize = 1024 * 1024;

/// What librdkafka's consumer has fetched and we have not polled, by its own count of keys and values.
pub(super) const FETCHED: usize = 8 * MIB;

/// One answer to a fetch. A batch of records that is larger comes all the same, alone, up to [`LARGEST_BATCH`].
pub(super) const FETCH: usize = 4 * MIB;

/// Of one partition in such an answer.
pub(super) const FETCH_PARTITION: usize = MIB;

/// A batch that is larger cannot be read: its partition stops. Topics take batches of one MiB where nobody said
/// otherwise.
pub(super) const LARGEST_BATCH: usize = 64 * MIB;

/// Keys, values and headers that are handed to librdkafka at once; one burst is gathered while another is handed over.
pub(super) const BURST: usize = 4 * MIB;

/// Keys and values that librdkafka's producer has and no broker has acknowledged.
pub(super) const UNACKNOWLEDGED: usize = 16 * MIB;

/// Records that it has at most.
pub(super) const UNACKNOWLEDGED_RECORDS: usize = 10_000;

/// What a record takes there beside key and value: its own account, and a piece of memory for each header.
const RECORD_OVERHEAD: usize = 1_500;

/// What a record that was fetched takes beside key and value, of which some have ten thousand in the queue.
const FETCHED_OVERHEAD: usize = 4 * MIB;

/// Every queue of a worker on Kafka.
pub const QUEUES: [Queue; 6] = [
    Queue { name: "fetched and not polled", bytes: FETCHED + FETCHED_OVERHEAD },
    Queue { name: "one answer to a fetch, packed and unpacked", bytes: 2 * FETCH },
    Queue { name: "a piece of a batch that is being decided", bytes: 8 * MIB },
    Queue { name: "a burst that is gathered, and one that is handed over", bytes: 3 * BURST },
    Queue {
        name: "handed over and not acknowledged",
        bytes: UNACKNOWLEDGED + UNACKNOWLEDGED_RECORDS * RECORD_OVERHEAD,
    },
    Queue { name: "what a batch may have to forget of ten thousand events", bytes: MIB },
];
