//! From flags and settings to an opened log and a loaded policy.

use std::path::Path;

use anyhow::{Context, Result};
use hinge_domain::Policy;
use hinge_policy::Loaded;
use hinge_router::output_topics;
use hinge_schema::Catalogue;
use hinge_stream::embedded::{EmbeddedLog, Options};
use hinge_stream::kafka::KafkaLog;
use hinge_stream::{Log, TopicSpec};
use jiff::Timestamp;

use crate::arguments::LogArgs;
use crate::settings::Settings;
use crate::versions;

/// Which log was opened.
pub(crate) struct Opened {
    /// The log.
    pub(crate) log: Box<dyn Log>,
    /// Whether it is the embedded one, whose topics this process creates itself.
    pub(crate) embedded: bool,
}

/// Lets the flags win over the settings.
pub(crate) fn apply_log_args(settings: &mut Settings, args: &LogArgs) {
    if let Some(data) = &args.data {
        settings.stream.data.clone_from(data);
        settings.stream.brokers.clear();
    }
    if let Some(brokers) = &args.brokers {
        settings.stream.brokers.clone_from(brokers);
    }
}

/// What to do where there is no embedded log yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IfMissing {
    /// Begin one.
    Begin,
    /// Say so.
    Refuse,
}

/// Opens the log that the settings name: Kafka where brokers are given, else the embedded one.
pub(crate) fn open_log(settings: &Settings, if_missing: IfMissing) -> Result<Opened> {
    if settings.stream.brokers.is_empty() {
        let options = Options { create: if_missing == IfMissing::Begin, ..Options::default() };
        let log = EmbeddedLog::open(&settings.stream.data, options)?;
        Ok(Opened { log: Box::new(log), embedded: true })
    } else {
        let log = KafkaLog::connect(hinge_stream::kafka::Settings {
            static_membership: settings.stream.static_membership,
            ..hinge_stream::kafka::Settings::new(&settings.stream.brokers)
        })?;
        Ok(Opened { log: Box::new(log), embedded: false })
    }
}

/// Loads a policy; what is wrong with it is the error.
pub(crate) fn load_policy(dir: &Path, catalogue: &Catalogue) -> Result<Loaded> {
    Ok(hinge_policy::load(dir, catalogue)?)
}

/// Topics that are read, as they should be.
pub(crate) fn topics_as_read(settings: &Settings, topics: Vec<String>) -> Vec<TopicSpec> {
    let spec = |name| TopicSpec {
        name,
        partitions: settings.stream.input_partitions,
        replication: settings.stream.replication,
        settings: vec![("message.timestamp.type".to_owned(), "LogAppendTime".to_owned())],
    };
    topics.into_iter().map(spec).collect()
}

/// Hinge's own topics under a policy.
pub(crate) fn own_topics(settings: &Settings, policy: &Policy) -> Vec<TopicSpec> {
    let mut specs = output_topics(policy, settings.stream.replication);
    specs.push(versions::topic(settings.stream.replication));
    specs
}

/// Creates the topics of the embedded log, which belongs to this folder alone. On Kafka `hinge topics
/// apply` does that, once, by somebody who may.
pub(crate) fn prepare_embedded(opened: &Opened, settings: &Settings, loaded: &Loaded) -> Result<()> {
    prepare_embedded_topics(opened, settings, settings.topics_read(&loaded.sources)?)?;
    if opened.embedded {
        let specs = own_topics(settings, &loaded.policy);
        opened.log.topics()?.create(&specs).context("the topics of the embedded log cannot be created")?;
    }
    Ok(())
}

/// The same for the input topics alone.
pub(crate) fn prepare_embedded_inputs(opened: &Opened, settings: &Settings) -> Result<()> {
    prepare_embedded_topics(opened, settings, settings.input_topics())
}

fn prepare_embedded_topics(opened: &Opened, settings: &Settings, topics: Vec<String>) -> Result<()> {
    if opened.embedded {
        let specs = topics_as_read(settings, topics);
        opened.log.topics()?.create(&specs).context("the topics of the embedded log cannot be created")?;
    }
    Ok(())
}

/// What time it is, asked at the edge of the process.
#[expect(
    clippy::disallowed_methods,
    reason = "ingest is where time enters: the instant is recorded with each event"
)]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}
