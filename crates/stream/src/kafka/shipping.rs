//! Records on their way from us to librdkafka: one burst of them is handed over, on the thread that makes the
//! producer's calls, while deciding goes on and the next one is gathered.

use std::sync::mpsc::{Receiver, channel};
use std::thread::sleep;
use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, Producer as _};

use super::caller::{Caller, Started, WorkerProducer};
use super::deadline::Deadline;
use super::outbox::Outbox;
use super::transaction::{BATCH, DRAIN_STEP};
use crate::{Error, Outgoing, faults};

/// Why a record was not taken.
#[derive(Debug)]
pub(super) enum NotTaken {
    /// The client says why.
    Refused(KafkaError),
    Failed(Error),
}

/// See the module. Nobody else may use the producer while a burst is under way.
#[derive(Default)]
pub(super) struct Shipping {
    gathered: Outbox,
    /// The memory of the burst before.
    spare: Outbox,
    under_way: Option<UnderWay>,
}

struct UnderWay {
    started: Started,
    handed: Receiver<Handed>,
}

/// What became of a burst.
struct Handed {
    outbox: Outbox,
    end: Result<(), NotTaken>,
}

impl Shipping {
    /// Gathers a record; whether there are enough for a burst.
    pub(super) fn put(&mut self, record: &Outgoing<'_>, size: usize) -> bool {
        self.gathered.put(record, size)
    }

    /// Begins to hand over what was gathered, after what is under way.
    pub(super) fn start(&mut self, caller: &Caller) -> Result<(), NotTaken> {
        self.settle(caller)?;
        let mut outbox = std::mem::replace(&mut self.gathered, std::mem::take(&mut self.spare));
        let (done, handed) = channel();
        let started = caller.start(BATCH, move |producer, _| {
            let end = outbox.empty(|record| hand_over(producer, record));
            // Nobody listens where the producer was given up meanwhile.
            let _ = done.send(Handed { outbox, end });
            Ok(())
        });
        self.under_way = Some(UnderWay { started, handed });
        Ok(())
    }

    /// Waits until nothing is under way.
    pub(super) fn settle(&mut self, caller: &Caller) -> Result<(), NotTaken> {
        let Some(UnderWay { started, handed }) = self.under_way.take() else { return Ok(()) };
        let is_back = caller.finish(&started).is_ok();
        let Some(Handed { outbox, end }) = handed.try_recv().ok().filter(|_| is_back) else {
            let doing = "handing records over".to_owned();
            return Err(NotTaken::Failed(Error::TimedOut { doing, waited: BATCH, source: None }));
        };
        self.spare = outbox;
        end
    }

    /// Hands everything over, here and now.
    pub(super) fn finish(&mut self, caller: &Caller, producer: &WorkerProducer) -> Result<(), NotTaken> {
        self.settle(caller)?;
        self.gathered.empty(|record| hand_over(producer, record))
    }

    /// Forgets what was gathered.
    pub(super) fn clear(&mut self) {
        self.gathered.clear();
    }
}

/// Hands a record over, as soon as there is room for it.
pub(super) fn hand_over(
    producer: &WorkerProducer,
    mut record: BaseRecord<'_, [u8], [u8]>,
) -> Result<(), NotTaken> {
    let mut deadline = None;
    loop {
        let Err((error, back)) = producer.send(record) else {
            let handed_over = producer.context().hand_over();
            faults::pass("after-send");
            // Reports pile up otherwise.
            if handed_over.is_multiple_of(1_000) {
                producer.poll(Duration::ZERO);
            }
            return Ok(());
        };
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::QueueFull) if faults::planted("plant-queue-full") => return Ok(()),
            Some(RDKafkaErrorCode::QueueFull) => {
                let deadline = *deadline.get_or_insert_with(|| Deadline::after(BATCH));
                if deadline.is_over() {
                    let doing = "making room for a record to be sent".to_owned();
                    let waited = deadline.patience();
                    let source = Some(error.into());
                    return Err(NotTaken::Failed(Error::TimedOut { doing, waited, source }));
                }
                // The same record again: one that is left out would be lost in a transaction that commits.
                record = back;
                producer.poll(Duration::ZERO);
                sleep(DRAIN_STEP);
            }
            _ => return Err(NotTaken::Refused(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rdkafka::ClientConfig;
    use rdkafka::error::RDKafkaErrorCode;
    use rdkafka::producer::Producer as _;

    use super::super::context::DeliveryContext;
    use super::{Caller, NotTaken, Shipping, WorkerProducer};
    use crate::Outgoing;

    const MOST: usize = 1_000;

    /// No broker is there, so what is taken stays in its queue.
    fn producer() -> (Arc<WorkerProducer>, Caller) {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", "127.0.0.1:1").set("message.max.bytes", MOST.to_string());
        let producer = config.create_with_context(DeliveryContext::default()).map(Arc::new).unwrap();
        (Arc::clone(&producer), Caller::new(producer).unwrap())
    }

    fn put(shipping: &mut Shipping, value: &[u8]) {
        let record = Outgoing {
            topic: "t",
            key: None,
            value: Some(value),
            headers: &[],
            carried: None,
            timestamp: None,
        };
        shipping.put(&record, value.len());
    }

    #[test]
    fn a_burst_is_handed_over_while_the_next_is_gathered() {
        let (producer, caller) = producer();
        let mut shipping = Shipping::default();
        for handed_over in [2, 3, 3] {
            put(&mut shipping, b"one");
            put(&mut shipping, b"two");
            shipping.start(&caller).unwrap();
            put(&mut shipping, b"gathered meanwhile");
            shipping.settle(&caller).unwrap();
            assert_eq!(producer.context().take().handed_over, handed_over);
        }
        shipping.finish(&caller, &producer).unwrap();
        assert_eq!(producer.context().take().handed_over, 1);
    }

    #[test]
    fn what_a_burst_was_refused_for_is_told_before_the_next() {
        let (producer, caller) = producer();
        let mut shipping = Shipping::default();
        put(&mut shipping, &[0; MOST * 2]);
        put(&mut shipping, b"behind it");
        shipping.start(&caller).unwrap();
        put(&mut shipping, b"never");
        let Err(NotTaken::Refused(error)) = shipping.start(&caller) else { panic!("it is too large") };
        assert_eq!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::MessageSizeTooLarge));
        assert_eq!(producer.context().take().handed_over, 0, "nothing goes past what was refused");
    }
}
