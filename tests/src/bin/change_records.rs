//! `change-records`: the marketplace example's tables as change records of Debezium, as JSON lines or straight into a topic.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use hinge_stream::Log;
use hinge_stream::embedded::{EmbeddedLog, Options};
use hinge_stream::kafka::KafkaLog;
use hinge_tests::changes::{Telling, of_orders};
use serde_json::json;

const USAGE: &str = "change-records --from DIR [--telling snapshot|changes] [--topic NAME (--data DIR | --brokers HOST:PORT)]";

fn main() -> ExitCode {
    match write() {
        Ok(count) => {
            eprintln!("{count} change records");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{why}\nusage: {USAGE}");
            ExitCode::from(2)
        }
    }
}

fn write() -> Result<usize, String> {
    let mut flags = HashMap::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        flags.insert(name.clone(), arguments.next().ok_or_else(|| format!("`{name}` needs a value"))?);
    }
    let mut take = |name: &str| flags.remove(name);
    let from = take("--from").ok_or("`--from` is missing")?;
    let telling = match take("--telling").as_deref() {
        None | Some("changes") => Telling::Changes,
        Some("snapshot") => Telling::Snapshot,
        Some(other) => return Err(format!("`{other}` is neither `snapshot` nor `changes`")),
    };
    let topic = take("--topic");
    let told = |error: hinge_stream::Error| error.to_string();
    let log: Option<Box<dyn Log>> = match (take("--data"), take("--brokers")) {
        (None, None) => None,
        (Some(data), None) => {
            Some(Box::new(EmbeddedLog::open(Path::new(&data), Options::default()).map_err(told)?))
        }
        (None, Some(brokers)) => {
            Some(Box::new(KafkaLog::connect(hinge_stream::kafka::Settings::new(&brokers)).map_err(told)?))
        }
        (Some(_), Some(_)) => return Err("`--data` and `--brokers` are two places".to_owned()),
    };
    if let Some(name) = flags.keys().next() {
        return Err(format!("`{name}` is not known"));
    }
    let changes = of_orders(Path::new(&from), telling);
    match (log, topic) {
        (Some(log), Some(topic)) => {
            let mut appender = log.appender().map_err(told)?;
            for change in &changes {
                change.append(appender.as_mut(), &topic).map_err(told)?;
            }
            appender.flush().map_err(told)?;
        }
        (None, None) => {
            let mut out = std::io::BufWriter::new(std::io::stdout().lock());
            for change in &changes {
                let line = json!({"key": change.key, "value": change.value});
                writeln!(out, "{line}").map_err(|error| error.to_string())?;
            }
        }
        (_, _) => return Err("a topic and its log go together".to_owned()),
    }
    Ok(changes.len())
}
