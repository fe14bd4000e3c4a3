//! The tables of the marketplace example as change records of Debezium: each order one row, with its customer and its
//! pieces embedded as an outbox table would have them.
//!
//! A stand-in for the connector in tests: what it writes has the form of Debezium 2 and 3 with PostgreSQL and JSON,
//! and nothing of it comes from a database.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use csv_core::{ReadFieldResult, Reader};
use flate2::read::GzDecoder;
use hinge_stream::{Appender, Error, Outgoing};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::{Map, Value as Json, json};

/// The columns of an order that are filled as it goes on, in the order of its life.
const STEPS: [&str; 4] = [
    "order_purchase_timestamp",
    "order_approved_at",
    "order_delivered_carrier_date",
    "order_delivered_customer_date",
];

/// What a connector tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telling {
    /// The table as it is, a record a row (`op` is `r`).
    Snapshot,
    /// Everything that happened to it, in order: `c`, then a `u` for each step.
    Changes,
}

/// One change record.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// When the database wrote it, in microseconds, taken from the row as if its clock showed UTC.
    pub at: i64,
    /// Its key.
    pub key: Json,
    /// Its value.
    pub value: Json,
}

impl Change {
    /// Writes it into a topic.
    pub fn append(&self, appender: &mut dyn Appender, topic: &str) -> Result<(), Error> {
        let (key, value) = (self.key.to_string(), self.value.to_string());
        appender.append(&Outgoing {
            topic,
            key: Some(key.as_bytes()),
            value: Some(value.as_bytes()),
            headers: &[],
            carried: None,
            timestamp: None,
        })
    }
}

/// The change records of the orders in a folder with `orders`, `order_items` and `customers`, each as .csv or
/// .csv.gz.
pub fn of_orders(folder: &Path, telling: Telling) -> Vec<Change> {
    let customers: HashMap<String, Row> =
        rows(folder, "customers").into_iter().map(|row| (row["customer_id"].clone(), row)).collect();
    let mut items: HashMap<String, Vec<Json>> = HashMap::new();
    for row in rows(folder, "order_items") {
        let number = |name: &str| -> Json { row[name].parse().expect("an amount is a number") };
        let item = json!({
            "order_item_id": number("order_item_id"),
            "product_id": row["product_id"],
            "seller_id": row["seller_id"],
            "price": number("price"),
            "freight_value": number("freight_value"),
        });
        items.entry(row["order_id"].clone()).or_default().push(item);
    }
    let mut changes = Vec::new();
    for row in rows(folder, "orders") {
        let customer = customers.get(&row["customer_id"]);
        let customer = customer.map(|it| json!({"customer_unique_id": it["customer_unique_id"], "customer_state": it["customer_state"]}));
        let pieces = items.remove(&row["order_id"]).unwrap_or_default();
        let whole = order(&row, customer.as_ref(), &pieces);
        match telling {
            Telling::Snapshot => changes.push(change("r", None, &whole, moment(&row, STEPS[0]))),
            Telling::Changes => changes.extend(life(&row, &whole)),
        }
    }
    changes.sort_by_key(|change| change.at);
    changes
}

type Row = HashMap<String, String>;

/// The row of an order as its table has it at last.
fn order(row: &Row, customer: Option<&Json>, items: &[Json]) -> Map<String, Json> {
    let due = moment(row, "order_estimated_delivery_date").map(|at| at / 86_400_000_000);
    let mut order = Map::new();
    order.insert("order_id".into(), json!(row["order_id"]));
    order.insert("order_status".into(), json!(row["order_status"]));
    for step in STEPS {
        order.insert(step.into(), json!(moment(row, step)));
    }
    order.insert("order_estimated_delivery_date".into(), json!(due));
    order.insert("customer".into(), json!(customer));
    order.insert("items".into(), json!(items));
    order
}

/// Everything that happened to an order. Its row is there from the purchase on; a few stamps of the real data lie before
/// it, and were in the row from its beginning.
fn life(row: &Row, whole: &Map<String, Json>) -> Vec<Change> {
    let created = moment(row, STEPS[0]).unwrap_or_default();
    let filled = STEPS.iter().filter_map(|step| moment(row, step));
    let mut moments: Vec<i64> = filled.map(|at| at.max(created)).collect();
    moments.sort_unstable();
    moments.dedup();
    let mut before = None;
    let mut changes = Vec::new();
    for now in moments {
        let mut after = whole.clone();
        for step in STEPS {
            if whole[step].as_i64().is_some_and(|at| at > now) {
                after.insert(step.into(), Json::Null);
            }
        }
        let op = if before.is_none() { "c" } else { "u" };
        changes.push(change(op, before.as_ref(), &after, Some(now)));
        before = Some(after);
    }
    changes
}

fn change(
    op: &str,
    before: Option<&Map<String, Json>>,
    after: &Map<String, Json>,
    at: Option<i64>,
) -> Change {
    let at = at.unwrap_or_default();
    let snapshot = if op == "r" { "true" } else { "false" };
    let source = json!({"connector": "postgresql", "db": "olist", "schema": "public", "table": "orders", "snapshot": snapshot, "ts_ms": at / 1000});
    Change {
        at,
        key: json!({"order_id": after["order_id"]}),
        value: json!({"before": before, "after": after, "source": source, "op": op, "ts_ms": at / 1000}),
    }
}

/// A stamp without a zone, in microseconds as if it were UTC: Debezium's `MicroTimestamp`.
fn moment(row: &Row, column: &str) -> Option<i64> {
    let text = row.get(column).filter(|text| !text.is_empty())?;
    let stamp: DateTime = text.parse().expect("a date and time");
    let utc = stamp.to_zoned(TimeZone::UTC).expect("UTC has every moment");
    Some(utc.timestamp().as_microsecond())
}

/// The rows of one file, by the names of its columns.
fn rows(folder: &Path, name: &str) -> Vec<Row> {
    let plain = folder.join(format!("{name}.csv"));
    let packed = folder.join(format!("{name}.csv.gz"));
    let mut text = Vec::new();
    let read = match File::open(&plain) {
        Ok(mut file) => file.read_to_end(&mut text),
        Err(_) => File::open(&packed).and_then(|file| GzDecoder::new(file).read_to_end(&mut text)),
    };
    read.unwrap_or_else(|why| panic!("{} or {}: {why}", plain.display(), packed.display()));
    let mut records = records(&text).into_iter();
    let columns = records.next().unwrap_or_default();
    records.map(|cells| columns.iter().cloned().zip(cells).collect()).collect()
}

fn records(mut text: &[u8]) -> Vec<Vec<String>> {
    let mut reader = Reader::new();
    let (mut records, mut record, mut cell) = (Vec::new(), Vec::new(), vec![0; text.len() + 1]);
    loop {
        let (result, read, written) = reader.read_field(text, &mut cell);
        text = &text[read..];
        match result {
            ReadFieldResult::InputEmpty => {}
            ReadFieldResult::OutputFull => unreachable!("a cell is no longer than the file"),
            ReadFieldResult::Field { record_end } => {
                record.push(String::from_utf8_lossy(&cell[..written]).into_owned());
                if record_end {
                    records.push(std::mem::take(&mut record));
                }
            }
            ReadFieldResult::End => return records,
        }
    }
}
