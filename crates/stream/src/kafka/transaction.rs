//! The transactional producer of a worker: one transaction at a time, every call with a deadline.
//!
//! Owns how a transaction is begun, filled, ended and, when nobody can know how it ended, made
//! certain by a new producer under the same id. What the answer means for positions is the session's
//! business.

use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::Producer;
use rdkafka::{ClientConfig, TopicPartitionList};

use super::caller::{Caller, Refusal, WorkerProducer};
use super::classify::{Class, Signs, failure, transaction_class};
use super::context::{Deliveries, DeliveryContext};
use super::deadline::Deadline;
use super::outbox::Outbox;
use super::outgoing;
use super::shipping::{self, NotTaken, Shipping};
use crate::{Cause, Error, Outgoing, faults};

/// The ladder of patience; each is less than the next, and all less than the 15 s after which a
/// broker ends a transaction by itself.
const SLICE: Duration = Duration::from_secs(2);
pub(super) const BATCH: Duration = Duration::from_secs(12);

/// A transaction this old may have been ended by the broker, which then answers as if another
/// producer had taken over our id.
const TOO_OLD: Duration = Duration::from_secs(14);

/// Aborting on this producer waits for its whole timeout while deliveries are outstanding, since they
/// have to be polled in between.
const ABORT_SLICE: Duration = Duration::from_millis(20);

/// A predecessor's transaction may have to be ended first.
const TAKING_OVER: Duration = Duration::from_mins(1);

/// A transaction that begins while the markers of the one before are still being written makes
/// librdkafka wait for a fixed 20 ms.
const PAUSE_AFTER_COMMIT: Duration = Duration::from_millis(4);

/// After this a request is sent again (`socket.timeout.ms`); a shorter transaction has no second one.
const REQUEST: Duration = Duration::from_secs(5);

/// An end that took longer is suspicious; the client itself may call it a success.
const SURE_END: Duration = Duration::from_secs(1);

/// `poll` with a timeout spins in rdkafka 0.39; this costs less and is as quick.
pub(super) const DRAIN_STEP: Duration = Duration::from_micros(300);

/// A commit has been sent, and is most likely not answered yet.
const SOON: Duration = Duration::from_micros(500);

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Committed,
    /// Committed, but requests may have been sent twice, and the second of a pair may still be under
    /// way to decide about the *next* transaction: librdkafka speaks the first transaction protocol.
    /// [`TransactionalProducer::renew`] is needed.
    CommittedLate,
    Aborted,
    /// Nothing of it is committed, but records of it may still be under way. This producer would give
    /// their sequence numbers to the next records, and a broker that has the old ones takes the new
    /// ones for repetitions: acknowledged, and lost. [`TransactionalProducer::renew`] is needed.
    Broken,
    /// It may be committed or not: [`TransactionalProducer::renew`] makes it certain, and the
    /// committed positions tell.
    Unknown,
}

/// Positions to be committed with a transaction.
pub(super) struct Offsets {
    pub(super) list: TopicPartitionList,
    /// The generation in which their partitions were given: the brokers refuse the positions if the group went on
    /// without us. A later one would let us commit what another worker has taken over meanwhile, and without any (as
    /// a consumer has it that was shut out) the brokers do not look.
    pub(super) group: Arc<ConsumerGroupMetadata>,
}

/// See the module.
pub(super) struct TransactionalProducer {
    config: ClientConfig,
    id: String,
    producer: Arc<WorkerProducer>,
    caller: Caller,
    shipping: Shipping,
    /// Nothing more of this transaction is taken.
    is_given_up: bool,
    begun_at: Instant,
    /// How many connections had broken when the transaction began.
    broken_before: u64,
    /// How many requests with records had been refused.
    refused_before: u64,
    committed_at: Option<Instant>,
    /// What went wrong in this transaction, for the operator.
    pub(super) trouble: Option<Trouble>,
}

impl TransactionalProducer {
    /// Makes the producer. [`TransactionalProducer::take_over`] has to follow.
    pub(super) fn new(config: ClientConfig, id: String) -> Result<Self, Error> {
        let (producer, caller) = create(&config)?;
        let begun_at = Instant::now();
        Ok(Self {
            config,
            id,
            producer,
            caller,
            shipping: Shipping::default(),
            is_given_up: false,
            begun_at,
            broken_before: 0,
            refused_before: 0,
            committed_at: None,
            trouble: None,
        })
    }

    pub(super) fn client(&self) -> &WorkerProducer {
        &self.producer
    }

    /// Ends what a predecessor with our id left open, and shuts it out.
    pub(super) fn take_over(&self) -> Result<(), Error> {
        let doing = format!("taking over the transactional id `{}`", self.id);
        let deadline = Deadline::after(TAKING_OVER);
        loop {
            let init = |producer: &WorkerProducer, wait: Duration| producer.init_transactions(wait);
            let error = match self.caller.call(deadline.slice(SLICE), init) {
                Ok(()) => return Ok(()),
                Err(Refusal::Error(error)) => error,
                Err(Refusal::Stuck) => {
                    return Err(Error::TimedOut { doing, waited: deadline.patience(), source: None });
                }
            };
            self.producer.poll(Duration::ZERO);
            if let Some(denial) = self.producer.context().ear.denial() {
                return Err(Error::BrokerDenied { doing, source: denial.into() });
            }
            match self.class(&error) {
                Class::Retriable if deadline.is_over() => {
                    let waited = deadline.patience();
                    return Err(Error::TimedOut { doing, waited, source: Some(error.into()) });
                }
                // Some retriable answers come at once.
                Class::Retriable => sleep(deadline.slice(ABORT_SLICE)),
                class => return Err(failure(class, &self.id, &doing, error)),
            }
        }
    }

    /// A new producer under the same id: whatever the old one left is committed or aborted for good,
    /// and nothing that it sent late can count any more.
    pub(super) fn renew(&mut self) -> Result<(), Error> {
        tracing::warn!(id = %self.id, "a transaction did not end cleanly: starting a new producer");
        (self.producer, self.caller) = create(&self.config)?;
        self.shipping = Shipping::default();
        self.take_over()
    }

    pub(super) fn begin(&mut self) -> Result<(), Error> {
        if let Some(committed_at) = self.committed_at {
            sleep(PAUSE_AFTER_COMMIT.saturating_sub(committed_at.elapsed()));
        }
        // Reports of records that were purged by an abort.
        drop(self.producer.context().take());
        self.is_given_up = false;
        self.trouble = None;
        self.begun_at = Instant::now();
        self.broken_before = self.producer.context().ear.broken();
        self.refused_before = self.producer.context().ear.refused();
        self.producer.begin_transaction().map_err(|error| self.failed("beginning a transaction", error))?;
        faults::pass("after-begin");
        Ok(())
    }

    pub(super) fn send(&mut self, record: &Outgoing<'_>) -> Result<(), Error> {
        if self.is_given_up || faults::planted("plant-drop") {
            return Ok(());
        }
        let size = outgoing::bytes(record);
        if Outbox::has_room_for(record, size) {
            if !self.shipping.put(record, size) {
                return Ok(());
            }
            let started = self.shipping.start(&self.caller);
            return self.taken(started);
        }
        self.ship()?;
        match shipping::hand_over(&self.producer, outgoing::record(record)) {
            Err(NotTaken::Refused(error)) => match outgoing::refused(record, error) {
                Ok(refused) => Err(refused),
                Err(error) => self.give_up(error),
            },
            taken => self.taken(taken),
        }
    }

    /// Hands over all that was sent.
    fn ship(&mut self) -> Result<(), Error> {
        let shipped = self.shipping.finish(&self.caller, &self.producer);
        self.taken(shipped)
    }

    fn taken(&mut self, taken: Result<(), NotTaken>) -> Result<(), Error> {
        match taken {
            Ok(()) => Ok(()),
            Err(NotTaken::Failed(error)) => Err(error),
            Err(NotTaken::Refused(error)) => self.give_up(error),
        }
    }

    /// The client takes nothing more. Where it has only given up this transaction (it was asleep for too long, say),
    /// what follows need not be sent, and its end is an abort.
    fn give_up(&mut self, error: KafkaError) -> Result<(), Error> {
        let is_given_up = error.rdkafka_error_code() == Some(RDKafkaErrorCode::State);
        if is_given_up && self.producer.client().fatal_error().is_none() {
            tracing::warn!(id = %self.id, "the client gave a transaction up while it was being filled");
            self.is_given_up = true;
            self.shipping.clear();
            return Ok(());
        }
        Err(self.failed("sending a record", error))
    }

    /// Commits what was sent together with `offsets`.
    pub(super) fn commit(&mut self, offsets: Option<Arc<Offsets>>) -> Result<Ended, Error> {
        self.ship()?;
        faults::pass("after-burst");
        if self.is_given_up {
            return self.abort();
        }
        let deadline = Deadline::after(BATCH);
        let positions = offsets.map(|offsets| {
            move |producer: &WorkerProducer, wait: Duration| {
                producer.send_offsets_to_transaction(&offsets.list, &offsets.group, wait)
            }
        });
        // The positions are on their way while the records still are: both count only with the commit.
        let started = positions.clone().map(|send| self.caller.start(deadline.slice(SLICE), send));
        if !self.drain(deadline) {
            tracing::warn!(id = %self.id, "records were not acknowledged in time");
            self.trouble = Some(Trouble::of("waiting for records to be acknowledged"));
            return Ok(Ended::Broken);
        }
        faults::pass("after-drain");
        let answered = started.map(|started| self.caller.finish(&started));
        let Deliveries { handed_over, failed, failure: cause, .. } = self.producer.context().take();
        // Nothing is under way any more, and what did not arrive has been reported.
        if failed > 0 || faults::planted("refuse-delivery") {
            tracing::warn!(handed_over, failed, ?cause, "not every record was delivered");
            return self.undelivered(cause);
        }
        // What was behind a refused request may be in the log without what was in it, all of it acknowledged.
        if self.was_refused() {
            tracing::warn!(id = %self.id, "a broker refused records for now, and what came behind them may have gone past");
            self.trouble = Some(Trouble::of("writing records, which a broker refuses for now"));
            return Ok(Ended::Broken);
        }
        if let Some(send) = positions {
            // Nothing has been asked to commit yet, so lateness is no uncertainty here.
            match self.until(deadline, "sending positions", (answered, send))? {
                None => {}
                Some(Unfinished::Stuck) => return Ok(Ended::Broken),
                Some(Unfinished::TooLate | Unfinished::ToAbort) => return self.abort(),
            }
        }
        faults::pass("after-offsets");
        faults::pass_soon("commit-sent", SOON);
        let started = Instant::now();
        let commit = |producer: &WorkerProducer, wait: Duration| producer.commit_transaction(wait);
        let ended = match self.until(deadline, "committing a transaction", (None, commit))? {
            Some(Unfinished::ToAbort) => return self.abort(),
            Some(Unfinished::TooLate | Unfinished::Stuck) => Ended::Unknown,
            None if started.elapsed() > SURE_END || !self.is_clean() => Ended::CommittedLate,
            None => Ended::Committed,
        };
        faults::pass("after-commit");
        self.committed_at = Some(Instant::now());
        Ok(ended)
    }

    /// What becomes of a transaction of which records did not arrive.
    fn undelivered(&mut self, cause: Option<(String, KafkaError)>) -> Result<Ended, Error> {
        let Some((topic, mut error)) = cause else { return Ok(Ended::Broken) };
        let mut doing = format!("writing to `{topic}`");
        // Records that were taken back do not know why. The transaction does, and cannot be committed any more.
        if is_taken_back(&error) {
            let commit = |producer: &WorkerProducer, wait: Duration| producer.commit_transaction(wait);
            if let Err(Refusal::Error(why)) = self.caller.call(SLICE, commit) {
                doing.push_str(" or to another topic of the transaction");
                error = why;
            }
        }
        let class = self.class(&error);
        if class == Class::Denied {
            return Err(failure(class, &self.id, &doing, error));
        }
        // A new producer would shut out the one that has taken over.
        if self.is_shut_out(&error) && !self.is_too_old() {
            return Err(failure(Class::Fenced, &self.id, &doing, error));
        }
        self.trouble = Some(Trouble { doing, source: Some(error.into()) });
        Ok(Ended::Broken)
    }

    /// Discards the transaction.
    pub(super) fn abort(&mut self) -> Result<Ended, Error> {
        self.shipping.clear();
        if let Err(error) = self.shipping.settle(&self.caller) {
            tracing::debug!(?error, "what is under way need not arrive");
        }
        let (started, deadline) = (Instant::now(), Deadline::after(BATCH));
        loop {
            let abort = |producer: &WorkerProducer, wait: Duration| producer.abort_transaction(wait);
            let answer = self.caller.call(ABORT_SLICE, abort);
            self.producer.poll(Duration::ZERO);
            let error = match answer {
                Ok(()) => break,
                Err(Refusal::Error(error)) => error,
                Err(Refusal::Stuck) => return Ok(Ended::Broken),
            };
            match self.class(&error) {
                Class::Retriable if !deadline.is_over() => sleep(DRAIN_STEP),
                Class::Retriable | Class::Abortable => return Ok(Ended::Broken),
                Class::Fenced if self.is_too_old() => return Ok(Ended::Broken),
                // A broker that lost its disk does not know the transaction any more, and says so as if we had made a
                // mistake. A new producer ends whatever there is, or says why it cannot.
                Class::Fatal if self.producer.client().fatal_error().is_none() => {
                    tracing::warn!(id = %self.id, %error, "a transaction could not be aborted");
                    return Ok(Ended::Broken);
                }
                class => return Err(failure(class, &self.id, "aborting a transaction", error)),
            }
        }
        let is_sure = started.elapsed() <= SURE_END
            && self.is_clean()
            && !self.was_refused()
            && self.producer.context().take().unsure == 0;
        Ok(if is_sure { Ended::Aborted } else { Ended::Broken })
    }

    /// Serves the client while nothing is to be done; an error is one that it cannot live with.
    pub(super) fn serve(&self) -> Result<(), Error> {
        self.producer.poll(Duration::ZERO);
        match self.producer.client().fatal_error() {
            None => Ok(()),
            Some((code, _)) => {
                Err(self.failed("staying in touch with the brokers", KafkaError::Global(code)))
            }
        }
    }

    /// Waits until every record sent has a delivery report; librdkafka's own wait takes 100 ms.
    fn drain(&self, deadline: Deadline) -> bool {
        loop {
            self.producer.poll(Duration::ZERO);
            if self.producer.in_flight_count() == 0 {
                return true;
            }
            if deadline.is_over() {
                return false;
            }
            sleep(DRAIN_STEP);
        }
    }

    /// Calls until it works (`Ok(None)`), the deadline is over or the transaction is to be aborted. The answer to
    /// the first call may be there already.
    fn until(
        &mut self,
        deadline: Deadline,
        doing: &str,
        (mut first, call): (
            Option<Result<(), Refusal>>,
            impl Fn(&WorkerProducer, Duration) -> Result<(), KafkaError> + Clone + Send + 'static,
        ),
    ) -> Result<Option<Unfinished>, Error> {
        loop {
            let answer = first.take();
            let answer = answer.unwrap_or_else(|| self.caller.call(deadline.slice(SLICE), call.clone()));
            let error = match answer {
                Ok(()) => return Ok(None),
                Err(Refusal::Error(error)) => error,
                Err(Refusal::Stuck) => return Ok(Some(Unfinished::Stuck)),
            };
            self.producer.poll(Duration::ZERO);
            match self.class(&error) {
                Class::Fenced if self.is_too_old() => return Ok(Some(Unfinished::TooLate)),
                Class::Retriable if deadline.is_over() => {
                    tracing::warn!(%error, doing, "did not end in time");
                    return Ok(Some(Unfinished::TooLate));
                }
                Class::Retriable => {
                    tracing::debug!(%error, doing, "trying again");
                    sleep(DRAIN_STEP);
                }
                Class::Abortable => {
                    tracing::warn!(%error, doing, "the transaction has to be aborted");
                    self.trouble = Some(Trouble { doing: doing.to_owned(), source: Some(error.into()) });
                    return Ok(Some(Unfinished::ToAbort));
                }
                class => return Err(failure(class, &self.id, doing, error)),
            }
        }
    }

    /// Whether no request of this transaction can have been sent twice: it was too short for a second one, and no
    /// connection broke.
    fn is_clean(&self) -> bool {
        // What the client has to say waits to be polled.
        self.producer.poll(Duration::ZERO);
        while self.producer.in_flight_count() > 0 && self.begun_at.elapsed() <= REQUEST {
            sleep(DRAIN_STEP);
            self.producer.poll(Duration::ZERO);
        }
        self.begun_at.elapsed() <= REQUEST && self.producer.context().ear.broken() == self.broken_before
    }

    /// Whether a broker has refused records of this transaction without writing them, whatever became of them later.
    fn was_refused(&self) -> bool {
        self.producer.context().ear.refused() != self.refused_before
    }

    fn is_too_old(&self) -> bool {
        self.begun_at.elapsed() >= TOO_OLD
    }

    /// Whether a broker has seen a newer producer of our name; an error of a delivery may only say that it is fatal.
    fn is_shut_out(&self, error: &KafkaError) -> bool {
        Signs::from(error).is_fencing() || self.class(error) == Class::Fenced
    }

    fn class(&self, error: &KafkaError) -> Class {
        let mut signs = Signs::from(error);
        // Some calls only say that there was a fatal error; the client knows which.
        if let Some((code, _)) = self.producer.client().fatal_error() {
            signs = Signs { code, fatal: true, ..signs };
        }
        transaction_class(signs)
    }

    fn failed(&self, doing: &str, error: KafkaError) -> Error {
        failure(self.class(&error), &self.id, doing, error)
    }
}

/// What went wrong in a transaction.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) doing: String,
    pub(super) source: Option<Cause>,
}

impl Trouble {
    fn of(doing: &str) -> Self {
        Self { doing: doing.to_owned(), source: None }
    }
}

/// Why a call did not come to its end.
#[derive(Clone, Copy, Debug)]
enum Unfinished {
    TooLate,
    ToAbort,
    /// The producer is lost.
    Stuck,
}

fn is_taken_back(error: &KafkaError) -> bool {
    matches!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight))
}

fn create(config: &ClientConfig) -> Result<(Arc<WorkerProducer>, Caller), Error> {
    let producer: WorkerProducer = config
        .create_with_context(DeliveryContext::default())
        .map_err(|error| Error::SettingsRefused { source: error.into() })?;
    let producer = Arc::new(producer);
    let caller = Caller::new(Arc::clone(&producer))?;
    Ok((producer, caller))
}
