//! Batches that cannot be read: one with a bit that fell over on the disk, and one that a small record blows up to.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rdkafka::Message as _;
use rdkafka::client::ClientContext;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};

use super::Wanted;
use super::deaths::limited;
use super::feed::Place;
use super::stage::Stage;
use super::trial::GRACE;

/// From the moment at which a worker meets what cannot be read until it says so.
const NAMED: Duration = Duration::from_mins(1);

/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_mins(3);

/// Uncompressed.
const BOMB: usize = 300 << 20;

/// The most that a worker may have had resident, in MiB, when it met the bomb: librdkafka unpacks it whole, the record is
/// a copy of that, and then it is let go.
const RESIDENT_MOST: u64 = 768;

/// A bit falls over in a partition. It is named, the others go on; the bit is put right, and it goes on, too.
pub(super) fn flipped(stage: &mut Stage, _: &Wanted) {
    stage.feed.set_haunted(false);
    for worker in 0..2 {
        stage.left_alone.insert(worker);
        stage.workers[worker].end(GRACE);
    }
    stage.until(PATIENCE, "inputs lie unread", |stage| most_behind(stage).is_some_and(|it| it.1 >= 30));
    let Some((place, _)) = most_behind(stage) else { return };
    let next = stage.positions().and_then(|positions| positions.get(&place).copied()).unwrap_or_default();

    stage.broker().stop();
    let folder = stage.broker().data().join(format!("{}-{}", place.0, place.1));
    let Some(bit) = Bit::behind(&folder, next) else {
        stage.broker().restart();
        return stage.complain(format!("no batch behind {next} lies in {}", folder.display()));
    };
    bit.flip();
    stage.broker().restart();
    for worker in 0..2 {
        stage.workers[worker].start();
        stage.left_alone.remove(&worker);
    }
    let (topic, partition) = (place.0.clone(), place.1.to_string());
    let says = move |text: &str| {
        text.contains("partition stopped") && text.contains(&topic) && text.contains(&partition)
    };
    let named = stage.until(PATIENCE, "the partition that stands still is named", |stage| {
        stage.workers.iter().any(|worker| worker.log_now().lines().any(&says))
    });
    limited(stage, "named_after_seconds", named, NAMED);
    let (topic, partition) = (format!("topic=\"{}\"", place.0), format!("partition=\"{}\"", place.1));
    let shown = move |line: &str| {
        line.starts_with("hinge_partition_stopped")
            && [&topic, &partition].iter().all(|label| line.contains(*label))
            && line.ends_with(" 1")
    };
    stage.until(Duration::from_secs(10), "the metric shows the partition that stands still", |stage| {
        stage.workers.iter().filter_map(super::worker::Worker::metrics).any(|text| text.lines().any(&shown))
    });
    let ends = stage.feed.ends();
    let before = stage.positions().unwrap_or_default();
    stage.until(PATIENCE, "the other partitions go on", |stage| {
        let now = stage.positions().unwrap_or_default();
        ends.iter().all(|(other, end)| *other == place || now.get(other).is_some_and(|now| now >= end))
    });
    let stood = stage.positions().unwrap_or_default().get(&place) <= Some(&bit.batch_end);
    if !stood {
        stage
            .complain(format!("{place:?} went on behind what cannot be read, from {:?}", before.get(&place)));
    }

    for worker in 0..2 {
        stage.left_alone.insert(worker);
        stage.workers[worker].end(GRACE);
    }
    stage.broker().stop();
    bit.flip();
    stage.broker().restart();
    for worker in 0..2 {
        stage.workers[worker].start();
        stage.left_alone.remove(&worker);
    }
    stage.until_progress(PATIENCE);
}

/// The partition that is furthest behind, and how far.
fn most_behind(stage: &Stage) -> Option<(Place, i64)> {
    let positions = stage.positions()?;
    let behind = stage.feed.ends().into_iter().map(|(place, end)| {
        let position = positions.get(&place).copied().unwrap_or_default();
        (place, end - position)
    });
    behind.max_by_key(|(_, records)| *records)
}

/// The last bit of a batch in a segment.
struct Bit {
    file: PathBuf,
    at: u64,
    batch_end: i64,
}

impl Bit {
    /// In the second batch behind an offset, or the first where there is no second.
    fn behind(folder: &Path, offset: i64) -> Option<Self> {
        let segments = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
        let file = segments.filter(|path| path.extension().is_some_and(|it| it == "log")).max()?;
        let mut bytes = Vec::new();
        File::open(&file).ok()?.read_to_end(&mut bytes).ok()?;
        let (mut at, mut found) = (0_usize, Vec::new());
        // A batch begins with its first offset and the length of what follows; 45 bytes later its records begin.
        while let Some(head) = bytes.get(at..at + 12) {
            let base = i64::from_be_bytes(head[..8].try_into().ok()?);
            let length = usize::try_from(i32::from_be_bytes(head[8..].try_into().ok()?)).ok()?;
            let end = at + 12 + length;
            if base > offset && length > 60 {
                found.push(Self { file: file.clone(), at: u64::try_from(end - 1).ok()?, batch_end: base });
            }
            at = end;
        }
        let count = found.len();
        found.into_iter().nth(usize::from(count > 1))
    }

    fn flip(&self) {
        let mut file =
            OpenOptions::new().read(true).write(true).open(&self.file).expect("the broker is down");
        let mut byte = [0];
        file.seek(SeekFrom::Start(self.at))
            .and_then(|_| file.read_exact(&mut byte))
            .expect("it was just read");
        byte[0] ^= 1;
        file.seek(SeekFrom::Start(self.at)).and_then(|_| file.write_all(&byte)).expect("the file is ours");
    }
}

/// A record of some hundred kilobytes that is 300 MiB when it is read.
pub(super) fn bomb(stage: &mut Stage, wanted: &Wanted) {
    let before: Vec<Option<u64>> = stage.workers.iter().map(super::worker::Worker::resident_kib).collect();
    match throw(&stage.address()) {
        Ok((place, offset)) => {
            stage.note("bomb", format!("{}/{}/{offset}", place.0, place.1));
            stage.feed.written_beside(place, offset);
        }
        Err(why) => {
            // As good: what does not get in cannot do harm.
            stage.note("bomb", format!("the broker refused it: {why}"));
        }
    }
    super::inputs::let_be(stage, wanted);
    stage.until_caught_up(PATIENCE);
    let most: Vec<Option<u64>> = stage.workers.iter().map(super::worker::Worker::most_resident_kib).collect();
    stage.note("resident_kib", serde_json::json!({"before": before, "most": most}));
    if let Some(most) = most.into_iter().flatten().max().filter(|most| *most > RESIDENT_MOST << 10) {
        stage.complain(format!("a record of {} MiB made a worker take {} MiB", BOMB >> 20, most >> 10));
    }
}

/// Where the bomb came to lie.
#[derive(Default)]
struct Landing(std::sync::Mutex<Option<Result<(Place, i64), String>>>);

impl ClientContext for Landing {}

impl ProducerContext for Landing {
    type DeliveryOpaque = ();

    fn delivery(&self, delivered: &DeliveryResult<'_>, (): ()) {
        let landed = match delivered {
            Ok(record) => Ok(((record.topic().to_owned(), record.partition()), record.offset())),
            Err((error, _)) => Err(error.to_string()),
        };
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(landed);
    }
}

fn throw(brokers: &str) -> Result<(Place, i64), String> {
    let mut config = rdkafka::ClientConfig::new();
    config
        .set("bootstrap.servers", brokers)
        .set("compression.codec", "gzip")
        .set("message.max.bytes", "400000000")
        .set("queue.buffering.max.kbytes", "1000000");
    let producer: BaseProducer<Landing> =
        config.create_with_context(Landing::default()).map_err(|error| error.to_string())?;
    let topic = &Stage::inputs()[0];
    let value = vec![b' '; BOMB];
    producer
        .send(BaseRecord::<str, [u8]>::to(topic).key("bomb").payload(&value))
        .map_err(|(error, _)| error.to_string())?;
    producer.flush(Duration::from_mins(1)).map_err(|error| error.to_string())?;
    let landed = producer.context().0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
    landed.unwrap_or_else(|| Err("it was never heard of again".to_owned()))
}
