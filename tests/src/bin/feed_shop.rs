//! `feed-shop`: writes the policy of the troubled shop, or its records to the input topics of a cluster.

use std::collections::HashMap;
use std::path::Path;
use std::process::ExitCode;

use hinge_stream::Log;
use hinge_stream::kafka::{KafkaLog, Settings};
use hinge_tests::shop::{Plan, Shop, write_policy};
use serde_json::json;

const USAGE: &str =
    "feed-shop [--policy-dir DIR] [--brokers HOST:PORT [--orders 1000] [--seed 1] [--calm true]]";

fn main() -> ExitCode {
    match fed(std::env::args().skip(1)) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("feed-shop: {why}\nusage: {USAGE}");
            ExitCode::from(2)
        }
    }
}

/// Does what was asked for, and tells what was made.
fn fed(mut arguments: impl Iterator<Item = String>) -> Result<String, String> {
    let mut flags = HashMap::new();
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("`{name}` needs a value"))?;
        flags.insert(name, value);
    }
    let mut number = |name: &str, usual: u64| match flags.remove(name) {
        None => Ok(usual),
        Some(value) => value.parse::<u64>().map_err(|_| format!("`{name} {value}` is no number")),
    };
    let (orders, seed) = (number("--orders", 1_000)?, number("--seed", 1)?);
    let orders = u32::try_from(orders).map_err(|_| "so many orders have no numbers".to_owned())?;
    let troubled = flags.remove("--calm").is_none_or(|calm| calm != "true");
    let folder = flags.remove("--policy-dir");
    let brokers = flags.remove("--brokers");
    if let Some(unknown) = flags.keys().next() {
        return Err(format!("`{unknown}` is unknown"));
    }
    if let Some(folder) = &folder {
        write_policy(Path::new(folder));
    }
    let Some(brokers) = brokers else {
        return folder.map_or_else(|| Err("nothing to do".to_owned()), |_| Ok("{}".to_owned()));
    };
    let log = KafkaLog::connect(Settings::new(brokers)).map_err(|error| error.to_string())?;
    let counts = Shop::new(Plan { orders, seed, troubled }).feed(&log as &dyn Log);
    let counts = counts.map_err(|error| error.to_string())?;
    let line = json!({
        "records": counts.records(),
        "events": counts.events,
        "repetitions": counts.repetitions,
        "conflicts": counts.conflicts,
        "broken": counts.broken,
    });
    Ok(line.to_string())
}
