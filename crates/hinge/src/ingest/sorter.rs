//! Records by the time of their events, however many there are: what memory does not hold waits, sorted, in
//! temporary files, which are merged in the end. Records of one instant keep the order of arrival.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Seek, Write};

use jiff::Timestamp;

use super::packed::Packed;

/// What waits in memory at most, in bytes, before it is put into a temporary file.
pub(super) const MEMORY_BYTES: usize = 256 * 1024 * 1024;

/// Takes records in any order.
#[derive(Debug)]
pub(super) struct Sorter {
    memory: usize,
    waiting: Vec<Packed>,
    waiting_bytes: usize,
    runs: Vec<File>,
    count: u64,
}

impl Sorter {
    /// A sorter that holds about `memory` bytes.
    pub(super) fn new(memory: usize) -> Self {
        Self { memory, waiting: Vec::new(), waiting_bytes: 0, runs: Vec::new(), count: 0 }
    }

    /// How many records it has taken.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Takes a record.
    pub(super) fn add(&mut self, record: Packed) -> io::Result<()> {
        self.count += 1;
        self.waiting_bytes += record.bytes();
        self.waiting.push(record);
        if self.waiting_bytes >= self.memory { self.put_aside() } else { Ok(()) }
    }

    /// The records by time.
    pub(super) fn sorted(mut self) -> io::Result<Sorted> {
        self.waiting.sort_by_key(|record| record.time);
        let mut runs: Vec<Run> = Vec::with_capacity(self.runs.len() + 1);
        for mut file in self.runs {
            file.rewind()?;
            runs.push(Run::File(BufReader::with_capacity(256 * 1024, file)));
        }
        runs.push(Run::Memory(self.waiting.into_iter()));
        let mut sorted = Sorted { heads: BinaryHeap::with_capacity(runs.len()), runs };
        for position in 0..sorted.runs.len() {
            sorted.refill(position)?;
        }
        Ok(sorted)
    }

    fn put_aside(&mut self) -> io::Result<()> {
        self.waiting.sort_by_key(|record| record.time);
        // Nobody else can open it, and it is gone with the process, whatever ends that.
        let mut file = BufWriter::new(tempfile::tempfile()?);
        for record in self.waiting.drain(..) {
            record.write(&mut file)?;
        }
        file.flush()?;
        self.runs.push(file.into_inner().map_err(io::IntoInnerError::into_error)?);
        self.waiting_bytes = 0;
        Ok(())
    }
}

/// Records by time.
#[derive(Debug)]
pub(super) struct Sorted {
    /// In the order of arrival: what is in an earlier run came earlier.
    runs: Vec<Run>,
    heads: BinaryHeap<Reverse<Head>>,
}

#[derive(Debug)]
enum Run {
    File(BufReader<File>),
    Memory(std::vec::IntoIter<Packed>),
}

/// The first record of a run that is not given out yet.
#[derive(Debug)]
struct Head {
    place: (Timestamp, usize),
    record: Packed,
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.place == other.place
    }
}

impl Eq for Head {}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.place.cmp(&other.place)
    }
}

impl Sorted {
    /// The next record; `None` after the last.
    pub(super) fn next(&mut self) -> io::Result<Option<Packed>> {
        let Some(Reverse(head)) = self.heads.pop() else { return Ok(None) };
        self.refill(head.place.1)?;
        Ok(Some(head.record))
    }

    fn refill(&mut self, position: usize) -> io::Result<()> {
        let record = match &mut self.runs[position] {
            Run::File(file) => Packed::read(file)?,
            Run::Memory(records) => records.next(),
        };
        if let Some(record) = record {
            self.heads.push(Reverse(Head { place: (record.time, position), record }));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use hinge_schema::Encoded;

    use super::*;

    fn record(second: i64, name: &str) -> Packed {
        let headers = vec![("ce_id".into(), name.as_bytes().to_vec())];
        let encoded = Encoded { headers, value: b"{}".to_vec() };
        Packed::new(Timestamp::from_second(second).unwrap(), "order.events", name, &encoded)
    }

    #[test]
    fn records_come_by_time_and_then_in_order_of_arrival_in_memory_and_on_disk() {
        let records: Vec<Packed> =
            (0..500_i64).map(|number| record(number * 7919 % 50, &number.to_string())).collect();
        let mut expected = records.clone();
        expected.sort_by_key(|record| record.time);
        for memory in [1, 3_000, MEMORY_BYTES] {
            let mut sorter = Sorter::new(memory);
            for record in &records {
                sorter.add(record.clone()).unwrap();
            }
            assert_eq!(sorter.count(), 500);
            let on_disk = sorter.runs.len();
            assert_eq!(on_disk > 0, memory < MEMORY_BYTES, "in {memory} bytes");
            let mut merged = sorter.sorted().unwrap();
            let given: Vec<Packed> = std::iter::from_fn(|| merged.next().unwrap()).collect();
            assert!(given == expected, "in {memory} bytes");
        }
    }

    #[test]
    fn a_record_is_unpacked_as_it_was_packed() {
        let packed = record(1, "A-1");
        let unpacked = packed.unpack().unwrap();
        assert_eq!((unpacked.topic, unpacked.key, unpacked.value), ("order.events", &b"A-1"[..], &b"{}"[..]));
        assert_eq!(unpacked.headers, [("ce_id", &b"A-1"[..])]);
    }
}
