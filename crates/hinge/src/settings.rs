//! What can be set: defaults < file < environment < flags. The defaults file is the documentation.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use anyhow::Result;
use config::{Config, Environment, File, FileFormat};
use hinge_domain::{Stream, Window};
use hinge_router::{HoldSettings, StopLimits};
use hinge_schema::Sources;
use hinge_stream::{Limits, StartAt};
use jiff::SignedDuration;
use serde::{Deserialize, Deserializer, Serialize};

use crate::exit::Coded;

/// The defaults, commented.
pub(crate) const DEFAULTS: &str = include_str!("settings.toml");

/// More workers of one process would only wait for one another.
const MOST_WORKERS: usize = 64;

/// All settings; unknown ones are refused.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) stream: StreamSettings,
    pub(crate) inputs: Inputs,
    pub(crate) schemas: SchemasSettings,
    pub(crate) router: RouterSettings,
    pub(crate) admin: AdminSettings,
    pub(crate) log: LogSettings,
}

/// `[stream]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StreamSettings {
    pub(crate) data: PathBuf,
    pub(crate) brokers: String,
    pub(crate) start_at: String,
    pub(crate) instance: String,
    pub(crate) workers: usize,
    pub(crate) static_membership: bool,
    pub(crate) input_partitions: i32,
    pub(crate) replication: i32,
}

/// `[inputs]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Inputs {
    pub(crate) marketing: String,
    pub(crate) order: String,
    pub(crate) delivery: String,
    pub(crate) service: String,
}

/// `[schemas]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SchemasSettings {
    pub(crate) confluent: PathBuf,
}

/// `[router]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RouterSettings {
    pub(crate) batch_records: usize,
    pub(crate) batch_bytes: usize,
    pub(crate) repetition_offsets: u32,
    pub(crate) repetition_hours: u32,
    #[serde(deserialize_with = "list_or_text")]
    pub(crate) hold: Vec<String>,
    pub(crate) hold_keys: usize,
    pub(crate) hold_records: usize,
    pub(crate) stop_percent: f64,
    pub(crate) stop_window: u32,
    pub(crate) stop_in_a_row: u32,
}

/// `[admin]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AdminSettings {
    pub(crate) listen: String,
}

/// `[log]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogSettings {
    pub(crate) level: String,
    pub(crate) format: LogFormat,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    Text,
    Json,
}

impl Settings {
    /// Reads the settings: defaults, then the file if there is one, then the environment.
    pub(crate) fn read(file: Option<&Path>) -> Result<Self> {
        Self::from_sources(file, std::env::vars())
    }

    fn from_sources(file: Option<&Path>, variables: impl Iterator<Item = (String, String)>) -> Result<Self> {
        let mut builder = Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml));
        if let Some(file) = file {
            builder = builder.add_source(File::from(file).format(FileFormat::Toml).required(true));
        }
        // Only names with a section: other programs' HINGE_ variables are none of ours.
        let ours: HashMap<String, String> =
            variables.filter(|(name, _)| name.starts_with("HINGE_") && name.contains("__")).collect();
        let environment =
            Environment::with_prefix("HINGE").prefix_separator("_").separator("__").source(Some(ours));
        let merged = builder.add_source(environment).build().map_err(|error| invalid(&error))?;
        let settings: Self = merged.try_deserialize().map_err(|error| invalid(&error))?;
        settings.checked()
    }

    /// What no type can say: input topics that are not Hinge's own, a place to start that there is.
    pub(crate) fn checked(self) -> Result<Self> {
        self.start_at()?;
        if !(1..=MOST_WORKERS).contains(&self.stream.workers) {
            let message = format!("stream.workers is from 1 to {MOST_WORKERS}");
            return Err(Coded::new("settings-invalid", 78, message).into());
        }
        let (percent, row) = (self.router.stop_percent, self.router.stop_in_a_row);
        if !(0.0..=100.0).contains(&percent) || row > 0 && row > self.router.stop_window {
            let message =
                "router.stop_percent is from 0 to 100, and router.stop_in_a_row at most router.stop_window";
            return Err(Coded::new("settings-invalid", 78, message).into());
        }
        match self.input_topics().into_iter().find(|topic| topic.starts_with("hinge.")) {
            None => Ok(self),
            Some(own) => {
                let message = format!(
                    "`{own}` under [inputs] is a topic that Hinge writes itself; name the topic of a business system"
                );
                Err(Coded::new("settings-invalid", 78, message).into())
            }
        }
    }

    /// The input topics, each once; several streams may share one.
    pub(crate) fn input_topics(&self) -> Vec<String> {
        let topics: BTreeSet<&str> = Stream::ALL.map(|stream| self.input_topic(stream)).into();
        topics.into_iter().map(str::to_owned).collect()
    }

    /// The input topic of each stream.
    pub(crate) fn topics_by_stream(&self) -> BTreeMap<Stream, String> {
        Stream::ALL.map(|stream| (stream, self.input_topic(stream).to_owned())).into()
    }

    /// The input topic of a stream.
    pub(crate) fn input_topic(&self, stream: Stream) -> &str {
        match stream {
            Stream::Marketing => &self.inputs.marketing,
            Stream::Order => &self.inputs.order,
            Stream::Delivery => &self.inputs.delivery,
            Stream::Service => &self.inputs.service,
        }
    }

    /// The topics that the router reads: the inputs and those of the sources, none of which may be an input too.
    pub(crate) fn topics_read(&self, sources: &Sources) -> Result<Vec<String>> {
        let mut topics = self.input_topics();
        for topic in sources.topics() {
            if topics.iter().any(|input| **input == **topic) {
                let message = format!(
                    "`{topic}` is one of [inputs], where Hinge's own events lie, and a source of the policy reads it \
                     too; let one of them have a topic of its own"
                );
                return Err(Coded::new("settings-invalid", 78, message).into());
            }
        }
        topics.extend(sources.topics().into_iter().map(ToString::to_string));
        if let Some(other) = self.router.hold.iter().find(|topic| !topics.contains(topic)) {
            let read = topics.join("`, `");
            let message = format!("`{other}` under router.hold is not read; what is read is `{read}`");
            return Err(Coded::new("settings-invalid", 78, message).into());
        }
        Ok(topics)
    }

    /// The distance within which a repeated event is recognised.
    pub(crate) fn window(&self) -> Window {
        Window {
            offsets: self.router.repetition_offsets.into(),
            time: SignedDuration::from_hours(self.router.repetition_hours.into()),
        }
    }

    /// The same for each topic that is read.
    pub(crate) fn windows(&self, topics: &[String]) -> HashMap<String, Window> {
        topics.iter().map(|topic| (topic.clone(), self.window())).collect()
    }

    /// Where the records behind a rejected one of their key are held.
    pub(crate) fn hold(&self) -> HoldSettings {
        HoldSettings {
            topics: self.router.hold.iter().cloned().collect(),
            keys: self.router.hold_keys,
            records: self.router.hold_records,
        }
    }

    /// How many rejected records stop a partition.
    pub(crate) fn stops(&self) -> StopLimits {
        StopLimits {
            percent: self.router.stop_percent,
            window: self.router.stop_window,
            in_a_row: self.router.stop_in_a_row,
        }
    }

    /// When a batch closes.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            records: self.router.batch_records,
            bytes: self.router.batch_bytes,
            wait: std::time::Duration::from_millis(100),
        }
    }

    /// Where the group begins where it has never committed.
    pub(crate) fn start_at(&self) -> Result<Option<StartAt>> {
        match self.stream.start_at.as_str() {
            "" => Ok(None),
            "earliest" => Ok(Some(StartAt::Earliest)),
            "latest" => Ok(Some(StartAt::Latest)),
            time => {
                let instant: jiff::Timestamp = time.parse().map_err(|_| {
                    let message = format!(
                        "`{time}` is no place to start; give earliest, latest or a time such as 2026-03-02T00:00:00Z"
                    );
                    Coded::new("settings-invalid", 78, message)
                })?;
                Ok(Some(StartAt::Time(instant.as_millisecond())))
            }
        }
    }

    /// How many workers there are: the embedded log has room for one.
    pub(crate) fn workers(&self) -> Result<usize> {
        if self.stream.brokers.is_empty() && self.stream.workers > 1 {
            let message = "the embedded log has one worker; give --brokers for more, or leave --workers out";
            return Err(Coded::new("settings-invalid", 78, message).into());
        }
        Ok(self.stream.workers)
    }

    /// The settings in force on one line, to be logged once. There are no secrets among them yet.
    pub(crate) fn in_force(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// A list, or (from the environment) its members separated by commas.
fn list_or_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum ListOrText {
        List(Vec<String>),
        Text(String),
    }
    Ok(match ListOrText::deserialize(deserializer)? {
        ListOrText::List(list) => list,
        ListOrText::Text(text) => {
            text.split(',').map(str::trim).filter(|member| !member.is_empty()).map(str::to_owned).collect()
        }
    })
}

fn invalid(error: &config::ConfigError) -> Coded {
    let message = format!("{error}; `hinge explain settings` prints every setting with its default");
    Coded::new("settings-invalid", 78, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn read(file: Option<&str>, variables: &[(&str, &str)]) -> Result<Settings> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hinge.toml");
        if let Some(text) = file {
            fs::write(&path, text).unwrap();
        }
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Settings::from_sources(file.map(|_| path.as_path()), variables)
    }

    #[test]
    fn environment_wins_over_file_and_file_over_defaults() {
        let settings = read(
            Some("[stream]\nbrokers = \"file:1\"\ninstance = \"7\""),
            &[("HINGE_STREAM__BROKERS", "env:1"), ("HINGE_TEST_BROKERS", "ignored"), ("PATH", "/")],
        );
        let settings = settings.unwrap();
        assert_eq!((settings.stream.brokers.as_str(), settings.stream.instance.as_str()), ("env:1", "7"));
        assert_eq!(settings.router.batch_records, 10_000);
    }

    #[test]
    fn text_from_the_environment_stays_as_it_came() {
        let settings =
            read(None, &[("HINGE_STREAM__INSTANCE", "07"), ("HINGE_ROUTER__BATCH_RECORDS", "200")]);
        let settings = settings.unwrap();
        assert_eq!((settings.stream.instance.as_str(), settings.router.batch_records), ("07", 200));
    }

    #[test]
    fn streams_may_share_a_topic_but_none_reads_what_hinge_writes() {
        let shared =
            read(None, &[("HINGE_INPUTS__ORDER", "all"), ("HINGE_INPUTS__MARKETING", "all")]).unwrap();
        assert_eq!(shared.input_topics(), ["all", "delivery.events", "service.events"]);
        let own = read(None, &[("HINGE_INPUTS__ORDER", "hinge.dead-letters")]).unwrap_err();
        assert!(own.to_string().contains("`hinge.dead-letters`"), "{own}");
    }

    #[test]
    fn what_is_held_is_a_topic_that_is_read_and_what_stops_a_partition_can_be() {
        let holding = |value| read(None, &[("HINGE_ROUTER__HOLD", value)]);
        assert_eq!(holding("order.events, service.events").unwrap().hold().topics.len(), 2);
        assert!(holding("").unwrap().hold().topics.is_empty());
        let file = read(Some("[router]\nhold = [\"order.events\"]\nstop_percent = 2"), &[]).unwrap();
        assert!(file.hold().topics.contains("order.events") && file.stops().percent > 1.9);
        let wrong = holding("orders").unwrap().topics_read(&Sources::default()).unwrap_err().to_string();
        assert!(wrong.contains("`orders`") && wrong.contains("`order.events`"), "{wrong}");
        assert!(read(None, &[("HINGE_ROUTER__STOP_PERCENT", "101")]).is_err());
        assert!(read(None, &[("HINGE_ROUTER__STOP_WINDOW", "49")]).is_err());
    }

    #[test]
    fn unknown_settings_and_wrong_kinds_are_refused_by_name() {
        let said = |file| format!("{:#}", read(Some(file), &[]).unwrap_err());
        assert!(said("[stream]\nbroker = \"x\"").contains("broker"), "{}", said("[stream]\nbroker = \"x\""));
        assert!(said("[router]\nbatch_records = \"many\"").contains("batch_records"));
        assert!(
            format!("{:#}", read(None, &[("HINGE_STREAM__NONSENSE", "1")]).unwrap_err()).contains("nonsense")
        );
    }
}
