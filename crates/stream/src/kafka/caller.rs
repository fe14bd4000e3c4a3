//! Calls of librdkafka that may never come back.
//!
//! Its transactional calls have timeouts and keep them, nearly always: after long pauses of a broker
//! `send_offsets_to_transaction` was seen to wait for ever. So they are made on a thread of their own,
//! and a producer whose call does not come back is left to that thread: a new one under the same
//! transactional id shuts it out.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::producer::BaseProducer;

use super::context::DeliveryContext;
use crate::Error;

/// The producer of a worker.
pub(super) type WorkerProducer = BaseProducer<DeliveryContext>;

/// How much longer than its timeout a call may take.
const GRACE: Duration = Duration::from_secs(5);

type Call = Box<dyn FnOnce(&WorkerProducer) -> KafkaResult<()> + Send>;

/// Why a call did not succeed.
#[derive(Debug)]
pub(super) enum Refusal {
    Error(KafkaError),
    /// It did not come back; the producer must not be called any more.
    Stuck,
}

/// Makes the calls of one producer, one at a time.
pub(super) struct Caller {
    calls: Sender<Call>,
    answers: Receiver<KafkaResult<()>>,
}

impl Caller {
    pub(super) fn new(producer: Arc<WorkerProducer>) -> Result<Self, Error> {
        let (calls, to_make) = channel::<Call>();
        let (answer, answers) = channel();
        std::thread::Builder::new()
            .name("hinge-kafka-calls".to_owned())
            .spawn(move || {
                while let Ok(call) = to_make.recv() {
                    if answer.send(call(&producer)).is_err() {
                        break;
                    }
                }
            })
            .map_err(|error| Error::Unclassified {
                doing: "starting a thread".to_owned(),
                source: error.into(),
            })?;
        Ok(Self { calls, answers })
    }

    /// Makes a call that is told to take at most `wait`.
    pub(super) fn call(
        &self,
        wait: Duration,
        call: impl FnOnce(&WorkerProducer, Duration) -> KafkaResult<()> + Send + 'static,
    ) -> Result<(), Refusal> {
        let started = self.start(wait, call);
        self.finish(&started)
    }

    /// Begins such a call. [`Caller::finish`] has to follow before the next one.
    pub(super) fn start(
        &self,
        wait: Duration,
        call: impl FnOnce(&WorkerProducer, Duration) -> KafkaResult<()> + Send + 'static,
    ) -> Started {
        let is_made = self.calls.send(Box::new(move |producer| call(producer, wait))).is_ok();
        Started { is_made, until: Instant::now() + wait + GRACE }
    }

    /// Waits for the answer to a call.
    pub(super) fn finish(&self, started: &Started) -> Result<(), Refusal> {
        if !started.is_made {
            return Err(Refusal::Stuck);
        }
        match self.answers.recv_timeout(started.until.saturating_duration_since(Instant::now())) {
            Ok(answer) => answer.map_err(Refusal::Error),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                tracing::error!("a call of librdkafka does not come back");
                Err(Refusal::Stuck)
            }
        }
    }
}

/// A call that is being made.
#[derive(Debug)]
#[must_use = "its answer would be taken for that of the next call"]
pub(super) struct Started {
    is_made: bool,
    until: Instant,
}
