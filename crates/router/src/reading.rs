//! Reading what lies in a topic now, from given places up to the end.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use hinge_stream::{Error, Offset, Reader, Record};

/// How many records are read at once.
const CHUNK: usize = 500;

/// How long to wait for records that are known to be there.
const WAIT: Duration = Duration::from_millis(500);

/// How long they may stay away.
const PATIENCE: Duration = Duration::from_secs(30);

/// For each partition of a topic, by number, an offset in it.
pub(crate) type Marks = Vec<i64>;

/// Hands the records of `topic` from `from` on (where it says nothing: from the oldest on) to `each`, until that
/// has enough or the end of now is reached. Gives the ends.
pub(crate) fn read(
    reader: &mut dyn Reader,
    topic: &str,
    from: &[i64],
    each: &mut dyn FnMut(Record) -> ControlFlow<()>,
) -> Result<Marks, Error> {
    read_while(reader, topic, from, &mut || ControlFlow::Continue(()), each)
}

/// The same as long as `beat_on`, which is asked now and then, says so.
pub(crate) fn read_while(
    reader: &mut dyn Reader,
    topic: &str,
    from: &[i64],
    beat_on: &mut dyn FnMut() -> ControlFlow<()>,
    each: &mut dyn FnMut(Record) -> ControlFlow<()>,
) -> Result<Marks, Error> {
    let ends = read_to_end(reader, topic, from, beat_on, each);
    reader.rest();
    ends
}

fn read_to_end(
    reader: &mut dyn Reader,
    topic: &str,
    from: &[i64],
    beat_on: &mut dyn FnMut() -> ControlFlow<()>,
    each: &mut dyn FnMut(Record) -> ControlFlow<()>,
) -> Result<Marks, Error> {
    let bounds = reader.bounds(topic)?;
    let ends = bounds.iter().map(|(_, _, end)| end.0).collect();
    for (index, (place, first, end)) in bounds.into_iter().enumerate() {
        let mut next = from.get(index).map_or(first, |from| first.max(Offset(*from)));
        let mut came = Instant::now();
        while next < end {
            if beat_on().is_break() {
                return Ok(ends);
            }
            let records = reader.read(&place, next, CHUNK, WAIT)?;
            match records.last() {
                Some(last) => (next, came) = (last.offset.next(), Instant::now()),
                // What is left before the end are markers of transactions.
                None if reader.at_end(&place) => break,
                None if came.elapsed() > PATIENCE => {
                    let doing = format!("reading `{place}`");
                    return Err(Error::TimedOut { doing, waited: PATIENCE, source: None });
                }
                None => {}
            }
            for record in records {
                // Later ones than the end of now are read the next time.
                if record.offset < end && each(record).is_break() {
                    return Ok(ends);
                }
            }
        }
    }
    Ok(ends)
}

/// The ends of a topic's partitions as they are now.
pub(crate) fn ends(reader: &mut dyn Reader, topic: &str) -> Result<Marks, Error> {
    Ok(reader.bounds(topic)?.into_iter().map(|(_, _, end)| end.0).collect())
}
