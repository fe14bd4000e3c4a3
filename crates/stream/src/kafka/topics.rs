//! The topics of the cluster: listing and creating.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{Thread, sleep};
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::error::RDKafkaErrorCode;

use super::classify::is_denial;
use super::context::PlainContext;
use super::deadline::Deadline;
use super::{Settings, config};
use crate::{Error, TopicSpec, TopicState, Topics};

const PATIENCE: Duration = Duration::from_secs(20);

/// Looks at topics and creates them.
pub(super) struct KafkaTopics {
    settings: Settings,
    client: AdminClient<PlainContext>,
}

impl KafkaTopics {
    pub(super) fn new(settings: &Settings) -> Result<Self, Error> {
        let client = config::admin(settings)
            .create_with_context(PlainContext::default())
            .map_err(|error| Error::SettingsRefused { source: error.into() })?;
        Ok(Self { settings: settings.clone(), client })
    }
}

impl Topics for KafkaTopics {
    fn list(&mut self) -> Result<Vec<TopicState>, Error> {
        let client = self.client.inner();
        let topics = self.settings.ask_topics(client, || client.context().ear.denial())?;
        Ok(topics.into_iter().map(|(name, partitions)| TopicState { name, partitions }).collect())
    }

    fn create(&mut self, specs: &[TopicSpec]) -> Result<(), Error> {
        if specs.is_empty() {
            return Ok(());
        }
        let topics: Vec<NewTopic<'_>> = specs.iter().map(new_topic).collect();
        let options = AdminOptions::new().request_timeout(Some(PATIENCE)).operation_timeout(Some(PATIENCE));
        let answers = wait_for(self.client.create_topics(&topics, &options)).map_err(|error| {
            Error::Unclassified { doing: "creating topics".to_owned(), source: error.into() }
        })?;
        for answer in answers {
            match answer {
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((topic, code)) if is_denial(code) => {
                    return Err(Error::BrokerDenied {
                        doing: format!("creating `{topic}`"),
                        source: code.into(),
                    });
                }
                Err((topic, code)) => return Err(Error::TopicRefused { topic, reason: code.to_string() }),
            }
        }
        self.wait_until_there(specs)
    }
}

impl KafkaTopics {
    /// A topic can be used only once the brokers have heard of it.
    fn wait_until_there(&mut self, specs: &[TopicSpec]) -> Result<(), Error> {
        let deadline = Deadline::after(PATIENCE);
        loop {
            let there = self.list()?;
            if specs.iter().all(|spec| there.iter().any(|topic| topic.name == spec.name)) {
                return Ok(());
            }
            if deadline.is_over() {
                let doing = "waiting for new topics to appear".to_owned();
                return Err(Error::TimedOut { doing, waited: deadline.patience(), source: None });
            }
            sleep(Duration::from_millis(50));
        }
    }
}

fn new_topic(spec: &TopicSpec) -> NewTopic<'_> {
    let replication = TopicReplication::Fixed(spec.replication);
    let topic = NewTopic::new(&spec.name, spec.partitions, replication);
    spec.settings.iter().fold(topic, |topic, (name, value)| topic.set(name, value))
}

/// Wakes the thread that waits for an answer.
struct Waiting(Thread);

impl Wake for Waiting {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for the admin client, whose thread answers within the request's timeout; no runtime needed.
fn wait_for<T>(answer: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Waiting(std::thread::current())));
    let mut answer = pin!(answer);
    loop {
        match answer.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => std::thread::park(),
        }
    }
}
