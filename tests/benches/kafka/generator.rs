//! Writes events: many that wait, or so many each second. It never has more under way than its queue holds.

use std::thread::sleep;
use std::time::{Duration, Instant};

use hinge_tests::job::{self, Job};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use crate::clients;

/// Writes the events of one job; the number of the next one is its whole state.
pub(crate) struct Generator<'a> {
    job: &'a Job,
    producer: BaseProducer,
    next: u64,
}

impl<'a> Generator<'a> {
    /// `linger`: for how many milliseconds records are collected before they are sent.
    pub(crate) fn new(brokers: &str, job: &'a Job, (next, linger): (u64, &str)) -> Self {
        let producer = clients::generator(brokers, linger).create().expect("the settings are valid");
        Self { job, producer, next }
    }

    /// The number of the next event.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// Writes so many as fast as it can and waits until they are in the log.
    pub(crate) fn write(&mut self, events: u64) {
        for _ in 0..events {
            self.one();
        }
        self.flush();
    }

    /// Writes so many each second for a while. `told` hears the number of each just before it is written.
    pub(crate) fn write_at(&mut self, rate: u64, lasting: Duration, told: &mut dyn FnMut(u64)) {
        let started = Instant::now();
        let mut written: u64 = 0;
        while started.elapsed() < lasting {
            #[expect(clippy::cast_precision_loss, reason = "some thousands a second")]
            let due = Duration::from_secs_f64(written as f64 / rate as f64);
            if let Some(early) = due.checked_sub(started.elapsed()) {
                self.producer.poll(Duration::ZERO);
                sleep(early);
            }
            told(self.next);
            self.one();
            written += 1;
        }
        self.flush();
    }

    pub(crate) fn flush(&self) {
        self.producer.flush(clients::PATIENCE).expect("the broker takes what was written");
    }

    fn one(&mut self) {
        let event = self.next;
        self.next += 1;
        let order = self.job.order(event);
        let mut headers = OwnedHeaders::new_with_capacity(order.headers.len());
        for (name, value) in self.job.headers(event) {
            headers = headers.insert(Header { key: name, value: Some(&value) });
        }
        let topic = job::topic();
        let mut record = BaseRecord::to(&topic)
            .partition(job::place(event).0)
            .key(order.key.as_bytes())
            .payload(order.value.as_slice())
            .headers(headers);
        loop {
            match self.producer.send(record) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    record = back;
                    self.producer.poll(Duration::ZERO);
                    sleep(Duration::from_millis(1));
                }
                Err((error, _)) => panic!("event {event} was not taken: {error}"),
            }
        }
        if event.is_multiple_of(1_000) {
            self.producer.poll(Duration::ZERO);
        }
    }
}
