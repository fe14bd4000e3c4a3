//! Files become events in a log: whole runs, on invented data.

use std::fs;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use hinge_stream::embedded::{EmbeddedLog, Options as LogOptions};
use hinge_stream::{Record, TopicSpec};
use tempfile::TempDir;

use super::*;

const MAPPING: &str = "
source: urn:example:shop
zone: America/Sao_Paulo
rows: orders
join:
  customer: {file: customers, key: customer}
  items: {file: items, key: number, many: true}
subject: row.number
facts: {state: customer.state, promised_date: row.promised, zone: zone}
events:
  - type: order.placed
    id: row.number + '/placed'
    time: row.placed_at
    facts: {value: 'sum(items.map(i, i.price))', currency: \"'BRL'\", item_count: size(items)}
  - type: delivery.completed
    when: has(row.arrived_at)
    id: row.number + '/completed'
    time: row.arrived_at
    facts: {delivered_date: row.arrived_at}
";
const ORDERS: &str = "\
number,customer,placed_at,arrived_at,promised
A-2,c-2,2026-03-03 09:00:00,2026-03-06 23:30:00,2026-03-06 00:00:00
A-1,c-1,2026-03-02 10:00:00,,2026-03-09 00:00:00
A-3,c-9,2026-03-02 10:00:00,2026-03-02 10:00:00,
";
const CUSTOMERS: &str = "customer,state\nc-1,SP\nc-2,RJ\n";
const ITEMS: &str = "number,price\nA-1,12.99\nA-1,12.79\nA-2,5\n";

/// A folder with a mapping, data and a log.
struct Shop {
    folder: TempDir,
    log: EmbeddedLog,
}

impl Shop {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = EmbeddedLog::open(&folder.path().join("log"), LogOptions::default()).unwrap();
        let spec =
            |name: &str| TopicSpec { name: name.into(), partitions: 1, replication: 1, settings: Vec::new() };
        log.topics().unwrap().create(&[spec("order.events"), spec("parcels")]).unwrap();
        let shop = Self { folder, log };
        for (name, text) in [
            ("mapping.yaml", MAPPING),
            ("orders.csv", ORDERS),
            ("customers.csv", CUSTOMERS),
            ("items.csv", ITEMS),
        ] {
            shop.write(name, text);
        }
        shop
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn args(&self) -> IngestArgs {
        IngestArgs {
            mapping: self.path("mapping.yaml"),
            from: Some(self.folder.path().to_owned()),
            files: Vec::new(),
            unsorted: false,
            live: false,
            encoding: EncodingName::Json,
            rejects: Some(self.path("rejects.jsonl")),
            dry_run: false,
        }
    }

    fn run(&self, args: &IngestArgs) -> Result<Summary> {
        let options = Options {
            args,
            topics: BTreeMap::from([(Stream::Delivery, "parcels".to_owned())]),
            now: "2026-04-01T00:00:00Z".parse().unwrap(),
            format: Format::Text,
        };
        let catalogue = Catalogue::builtin();
        let mapping = hinge_policy::load_mapping(&args.mapping, &catalogue)?;
        run(&options, &mapping, &self.log, &catalogue, &mut Vec::new())
    }

    fn records(&self, topic: &str) -> Vec<Record> {
        let mut reader = self.log.reader().unwrap();
        let (place, first, _) = reader.bounds(topic).unwrap().remove(0);
        reader.read(&place, first, 1_000, Duration::ZERO).unwrap()
    }

    fn events(&self, topic: &str) -> Vec<Event> {
        let decode = |record: &Record| {
            let headers = record.headers.iter().map(|header| (header.name, header.value));
            Catalogue::builtin().decode(headers, record.value.as_deref()).unwrap().event
        };
        self.records(topic).iter().map(decode).collect()
    }

    fn ids(&self, topic: &str) -> Vec<String> {
        self.events(topic).into_iter().map(|event| event.id).collect()
    }

    fn rejects(&self) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(self.path("rejects.jsonl")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

#[test]
fn rows_become_events_by_time_keyed_by_correlation_id() {
    let shop = Shop::new();
    let summary = shop.run(&shop.args()).unwrap();
    assert_eq!((summary.rows, summary.rejected, summary.event_count()), (3, 0, 5));
    assert_eq!((summary.joins[0].rows, summary.joins[0].found), (2, 2));
    assert_eq!(shop.ids("order.events"), ["A-1/placed", "A-3/placed", "A-2/placed"]);
    assert_eq!(shop.ids("parcels"), ["A-3/completed", "A-2/completed"]);

    let placed = &shop.events("order.events")[0];
    let facts: Vec<_> = placed.facts.given().map(|(name, value)| format!("{name}={value}")).collect();
    let expected = "value=25.78 currency=BRL item_count=2";
    assert!(facts.join(" ").starts_with(expected), "{facts:?}");
    assert!(facts.contains(&"state=SP".to_owned()) && facts.contains(&"promised_date=2026-03-09".to_owned()));
    let late = &shop.events("parcels")[1];
    assert_eq!(late.occurred.to_string(), "2026-03-07T02:30:00Z");
    assert_eq!(late.facts.get("delivered_date").unwrap().to_string(), "2026-03-06");

    let record = &shop.records("order.events")[0];
    assert_eq!(record.key.as_deref(), Some(&b"A-1"[..]));
    assert_eq!(record.headers.get("ce_recordedtime"), Some(&b"2026-04-01T00:00:00Z"[..]));
    assert_eq!(record.headers.get("ce_history"), None);
}

#[test]
fn the_same_files_read_again_tell_the_same() {
    let shop = Shop::new();
    shop.run(&shop.args()).unwrap();
    shop.run(&IngestArgs { encoding: EncodingName::Avro, ..shop.args() }).unwrap();
    let told: Vec<_> =
        shop.events("order.events").iter().map(|event| (event.identity(), event.content())).collect();
    assert_eq!(told[..3], told[3..]);
}

#[test]
fn on_request_the_order_is_the_files_and_events_are_no_history() {
    let shop = Shop::new();
    shop.run(&IngestArgs { unsorted: true, live: true, ..shop.args() }).unwrap();
    assert_eq!(shop.ids("order.events"), ["A-2/placed", "A-1/placed", "A-3/placed"]);
    assert!(shop.events("order.events").iter().all(|event| event.history == Some(false)));
}

#[test]
fn what_cannot_be_mapped_is_kept_with_its_line_and_the_reason() {
    let shop = Shop::new();
    let orders = [
        "number,customer,placed_at,arrived_at,promised",
        "A-1,c-1,2026-03-02 10:00:00,,",
        "A-2,c-2,soon,,",
        "\"A-3,c-2,2026-03-02 10:00:00,,",
        "A-4,c-2,2026-03-02 10:00:00,,,,",
        ",c-2,2026-03-02 10:00:00,,",
        "A-6,c-2,1888-03-02 10:00:00,,",
        "A-7,c-2,2026-03-02 10:00:00,2026-13-45,",
        "A-8,c-2,2026-03-02 10:00:00,,",
    ];
    shop.write("orders.csv", &orders.join("\r\n"));
    shop.write("items.csv", "number,price\nA-1,1\n,2\nA-8,3\n");
    shop.write("customers.csv", "customer,state\nc-1,SP\nc-1,RJ\n");
    let summary = shop.run(&shop.args()).unwrap();
    assert_eq!((summary.rows, summary.rejected, summary.event_count()), (8, 8, 2));
    assert_eq!(shop.ids("order.events"), ["A-1/placed", "A-8/placed"]);
    let reasons: Vec<_> = shop
        .rejects()
        .iter()
        .map(|reject| format!("{} {}", reject["line"], reject["reason"].as_str().unwrap()))
        .collect();
    let expected = [
        "3 an earlier row has the same `customer`",
        "3 its key `number` is not given",
        "3 `time` of `order.placed`: expected a date and time",
        "4 a quote is opened and not closed",
        "5 it has 7 cells, the header has 5",
        "6 `subject` of `order.placed`: `number` is not given",
        "7 `order.placed`: ",
        "8 `time` of `delivery.completed`: expected a date and time",
    ];
    assert_eq!(reasons.len(), expected.len(), "{reasons:#?}");
    for (reason, expected) in reasons.iter().zip(expected) {
        assert!(reason.starts_with(expected), "{reason}\n{expected}");
    }
    assert_eq!(shop.rejects()[2]["row"]["number"], "A-2");
    assert!(shop.rejects()[3]["text"].as_str().unwrap().starts_with("\"A-3,"));
}

#[test]
fn a_packed_file_that_breaks_off_keeps_what_can_be_read_and_says_so() {
    let shop = Shop::new();
    let row = |number| format!("A-{number},c-{},2026-03-02 10:00:00,,\n", number * 7919 % 1000);
    let rows: Vec<String> = (0..3_000).map(row).collect();
    let orders = format!("number,customer,placed_at,arrived_at,promised\n{}", rows.concat());
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(orders.as_bytes()).unwrap();
    let whole = encoder.finish().unwrap();
    fs::remove_file(shop.path("orders.csv")).unwrap();
    fs::write(shop.path("orders.csv.gz"), &whole[..whole.len() / 2]).unwrap();
    shop.write("items.csv", "number,price\n");
    let summary = shop.run(&shop.args()).unwrap();
    assert_eq!(summary.rejected, 1);
    assert_eq!(summary.rows, summary.event_count() + 1);
    let reason = shop.rejects()[0]["reason"].as_str().unwrap().to_owned();
    assert!(reason.starts_with("the file cannot be read from here on"), "{reason}");

    // Of a file that is looked up nothing may be missing.
    fs::rename(shop.path("orders.csv.gz"), shop.path("items.csv.gz")).unwrap();
    fs::remove_file(shop.path("items.csv")).unwrap();
    shop.write("orders.csv", ORDERS);
    shop.write("mapping.yaml", &MAPPING.replace("sum(items.map(i, i.price))", "1"));
    let why = format!("{:#}", shop.run(&shop.args()).unwrap_err());
    assert!(why.contains("items.csv.gz") && why.contains("cannot be read from here on"), "{why}");
}

#[test]
fn a_looked_up_line_that_cannot_be_read_refuses_the_files_instead_of_telling_wrong_values() {
    let shop = Shop::new();
    for (bad, reason) in [
        ("A-1,\"12.79", "a quote is opened and not closed"),
        ("A-1,12,79", "it has 3 cells, the header has 2"),
    ] {
        shop.write("items.csv", &format!("number,price\nA-1,12.99\n{bad}\nA-2,5\n"));
        for unsorted in [false, true] {
            let error = shop.run(&IngestArgs { unsorted, ..shop.args() }).unwrap_err();
            assert_eq!(error.downcast_ref::<Coded>().map(|error| error.code), Some("input-unusable"));
            let why = error.to_string();
            assert!(why.contains("items.csv`, line 3: ") && why.contains(reason), "{why}");
        }
        assert_eq!(shop.ids("order.events"), Vec::<String>::new());
    }
}

#[test]
fn rejects_never_overwrite_what_is_read_and_have_somewhere_to_go() {
    let shop = Shop::new();
    shop.write("orders.csv", &ORDERS.replace("2026-03-02 10:00:00,,", "soon,,"));
    let code = |name: &str| {
        let rejects = Some(shop.path(name));
        let error = shop.run(&IngestArgs { rejects, unsorted: true, ..shop.args() }).unwrap_err();
        error.downcast_ref::<Coded>().map(|error| error.code)
    };
    let before = fs::read_to_string(shop.path("orders.csv")).unwrap();
    for name in
        ["orders.csv", "log/../orders.csv", "items.csv", "mapping.yaml", "nowhere/rejects.jsonl", "log"]
    {
        assert_eq!(code(name), Some("rejects-unusable"), "{name}");
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(shop.path("orders.csv"), shop.path("link")).unwrap();
        assert_eq!(code("link"), Some("rejects-unusable"));
    }
    assert_eq!(fs::read_to_string(shop.path("orders.csv")).unwrap(), before);
    assert_eq!(shop.ids("order.events"), Vec::<String>::new());
}

#[test]
fn an_empty_file_is_told_and_the_next_one_goes_on() {
    let shop = Shop::new();
    shop.write("march.csv", "");
    let files =
        ["march.csv", "orders.csv", "customers.csv", "items.csv"].map(|name| shop.path(name)).to_vec();
    let summary = shop.run(&IngestArgs { from: None, files, ..shop.args() }).unwrap();
    assert_eq!((summary.rejected, summary.event_count()), (1, 5));
    assert_eq!(shop.rejects()[0]["reason"], "the file is empty");
}

#[test]
fn nothing_is_written_before_columns_and_topics_are_there() {
    let shop = Shop::new();
    shop.write("orders.csv", "order,customer\nA-1,c-1\n");
    let why = shop.run(&shop.args()).unwrap_err().to_string();
    assert!(
        why.contains("no column `arrived_at`, `number`") && why.contains("it has `order`, `customer`"),
        "{why}"
    );

    shop.write("orders.csv", ORDERS);
    shop.write(
        "mapping.yaml",
        &MAPPING
            .replace("delivery.completed", "contact.received")
            .replace("delivered_date: row.arrived_at", "channel: \"'web'\""),
    );
    let why = format!("{:#}", shop.run(&shop.args()).unwrap_err());
    assert!(why.contains("no topic `service.events`") && why.contains("topics apply --inputs"), "{why}");
    assert_eq!(shop.ids("order.events"), Vec::<String>::new());
    shop.run(&IngestArgs { dry_run: true, ..shop.args() }).unwrap();
    assert_eq!(shop.ids("order.events"), Vec::<String>::new());
}

#[test]
fn json_lines_need_no_columns() {
    let shop = Shop::new();
    fs::remove_file(shop.path("orders.csv")).unwrap();
    shop.write(
        "orders.jsonl",
        "{\"number\": \"A-1\", \"customer\": \"c-1\", \"placed_at\": \"2026-03-02T10:00:00Z\", \"arrived_at\": null}\n{\"number\": \n",
    );
    let summary = shop.run(&shop.args()).unwrap();
    assert_eq!((summary.rows, summary.rejected, summary.event_count()), (2, 1, 1));
}

#[test]
fn the_summary_is_a_table_for_people_and_one_object_for_programs() {
    let shop = Shop::new();
    let summary = shop.run(&shop.args()).unwrap();
    let written = |format| {
        let mut out = Vec::new();
        summary.write(format, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    let text = written(Format::Text);
    assert!(text.contains("order.placed") && text.contains("3 rows read, 0 rejected"), "{text}");
    let json: serde_json::Value = serde_json::from_str(&written(Format::Json)).unwrap();
    assert_eq!(json["events"][1]["type"], "delivery.completed");
    assert_eq!(json["events"][1]["count"], 2);
}

#[test]
fn the_marketplace_example_holds() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/examples/olist");
    let catalogue = Catalogue::builtin();
    let mapping =
        hinge_policy::load_mapping(&example.join("mapping.yaml"), &catalogue).map_err(|it| it.to_string());
    assert_eq!(mapping.map(|mapping| mapping.events.len()), Ok(4));
    hinge_policy::load(&example.join("policy"), &catalogue).map_err(|problems| problems.to_string()).unwrap();
}
