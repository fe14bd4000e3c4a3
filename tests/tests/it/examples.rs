//! The examples in `deploy/examples` do what their READMEs say; and the marketplace's orders are the same whether
//! they come from files or from a topic.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use hinge_tests::changes::{Telling, of_orders};
use hinge_tests::program::run;
use hinge_tests::site::{Backend, Site, words};
use hinge_tests::told::Told;
use serde_json::Value as Json;
use tempfile::TempDir;

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/examples").join(name)
}

/// Runs a command of the program with a log's flags.
fn on(site: &Site, command: &[&str]) -> String {
    let mut arguments = words(command);
    arguments.extend(site.flags());
    run(arguments).well().output
}

/// What `hinge map test --format json` says, a row each.
fn tried(file: &Path, from: &Path) -> Vec<Json> {
    let paths = [file, from].map(|path| path.to_str().unwrap());
    let said = run(["map", "test", paths[0], paths[1], "--format", "json", "--sample", "100"]).well().output;
    said.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn ids(row: &Json) -> Vec<&str> {
    row["events"].as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap()).collect()
}

#[test]
fn the_help_desk_s_tickets_are_tried_and_brought_in() {
    let (mapping, tickets) = (example("helpdesk/mapping.yaml"), example("helpdesk/tickets.csv"));
    let rows = tried(&mapping, &tickets);
    assert_eq!(rows.len(), 7);
    assert_eq!(ids(&rows[0]), ["T-1001/received"]);
    assert_eq!(rows[1]["events"][0]["data"]["topic"], "complaint");
    assert!(ids(&rows[2]).is_empty() && rows[2]["problem"].is_null(), "spam says nothing");
    assert_eq!(
        rows[3]["unread"],
        serde_json::json!(["email", "subject"]),
        "customers' words stay in the file"
    );
    let policy = tempfile::tempdir().unwrap();
    hinge_policy::write_starter(policy.path()).unwrap();
    let site = Site::fresh(Backend::Embedded, policy.path()).unwrap();
    let said = on(
        &site,
        &["ingest", "--mapping", mapping.to_str().unwrap(), tickets.to_str().unwrap(), "--format", "json"],
    );
    assert_eq!(serde_json::from_str::<Json>(&said).unwrap()["rejected"], 0, "{said}");
    run(site.drain(policy.path())).well();
    let told = Told::read(site.open().as_ref()).unwrap();
    assert_eq!(told.faults, Vec::<String>::new());
    let support = told.notifications.keys().filter(|(department, _, _)| department == "customer-support");
    let orders: Vec<&str> = support.map(|(_, _, order)| order.as_str()).collect();
    assert_eq!(orders, ["A-20344", "A-20377", "A-20391", "A-20402", "A-20417", "T-1006"]);
}

#[test]
fn the_order_table_s_changes_are_told_once_each() {
    let (policy, changes) = (example("debezium/policy"), example("debezium/orders.jsonl"));
    let source = policy.join("sources/orders.yaml");
    let rows = tried(&source, &changes);
    let expected: [&[&str]; 9] = [
        &["A-1/placed", "A-1/confirmed"],
        &["A-2/placed"],
        &["A-3/placed"],
        &["A-2/confirmed"],
        &[],
        &["A-2/dispatched"],
        &["A-3/cancelled"],
        &[],
        &[],
    ];
    assert_eq!(rows.iter().map(ids).collect::<Vec<_>>(), expected);
    assert!(rows[8]["problem"].as_str().unwrap().ends_with("[mapping-failed]"), "{}", rows[8]);
    let unread = |row: &Json| row["unread"].as_array().unwrap().len();
    assert_eq!(rows.iter().map(unread).sum::<usize>(), 0, "every column is read or left out on purpose");

    let site = Site::fresh(Backend::Embedded, &policy).unwrap();
    let log = site.open();
    let mut appender = log.appender().unwrap();
    for line in fs::read_to_string(&changes).unwrap().lines() {
        let record: Json = serde_json::from_str(line).unwrap();
        let value = Some(record["value"].to_string()).filter(|value| value != "null");
        let record = hinge_stream::Outgoing {
            topic: "shop.public.orders",
            key: Some(&record["key"].to_string().into_bytes()),
            value: value.as_deref().map(str::as_bytes),
            headers: &[],
            carried: None,
            timestamp: None,
        };
        appender.append(&record).unwrap();
    }
    appender.flush().unwrap();
    drop((appender, log));
    run(site.drain(&policy)).well();
    let told = Told::read(site.open().as_ref()).unwrap();
    assert_eq!(told.faults, Vec::<String>::new());
    assert_eq!((told.decisions.len(), told.letters.len()), (7, 1));
    let warehouse = told.notifications.iter().filter(|((department, _, _), _)| department == "warehouse");
    let titles: Vec<&str> = warehouse.flat_map(|(_, told)| told).map(|it| it.title.as_str()).collect();
    assert_eq!(
        titles,
        [
            "Pack order A-1, promised for 2026-03-05",
            "Pack order A-2, promised for 2026-03-05",
            "order.cancelled A-3"
        ]
    );
    let why = on(&site, &["why", "A-1/confirmed"]);
    assert!(why.contains("order.confirmed about A-1") && why.contains("shop.public.orders/"), "{why}");
    // The same as the file, straight from the topic.
    let newest = on(&site, &["map", "test", source.to_str().unwrap(), "--sample", "100", "--format", "json"]);
    assert_eq!(newest.lines().count(), 9);
}

/// A few invented orders, in the columns of the marketplace's files.
fn marketplace() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut orders = String::from(
        "order_id,customer_id,order_status,order_purchase_timestamp,order_approved_at,order_delivered_carrier_date,\
         order_delivered_customer_date,order_estimated_delivery_date\n",
    );
    let mut items =
        String::from("order_id,order_item_id,product_id,seller_id,shipping_limit_date,price,freight_value\n");
    let mut customers = String::from(
        "customer_id,customer_unique_id,customer_zip_code_prefix,customer_city,customer_state\n",
    );
    for number in 0..40_u32 {
        // Some were approved at once, some never left, some never arrived, and some arrived late.
        let day = 1 + number % 20;
        let approved = match number % 5 {
            0 => format!("2018-03-{day:02} 18:00:43"),
            1 => String::new(),
            _ => format!("2018-03-{:02} 03:28:47", day + 1),
        };
        let sent = if number % 4 == 3 { String::new() } else { format!("2018-03-{:02} 21:48:48", day + 2) };
        let arrived =
            if number % 3 == 2 { String::new() } else { format!("2018-03-{:02} 02:32:49", day + 7) };
        let _ = writeln!(
            orders,
            "o{number},c{number},delivered,2018-03-{day:02} 18:00:43,{approved},{sent},{arrived},2018-03-{:02} 00:00:00",
            day + 5
        );
        for piece in 1..=number % 3 + 1 {
            let cents = 1299 + 17 * u64::from(number) + 100_000 * u64::from(number % 7 / 6);
            let _ = writeln!(
                items,
                "o{number},{piece},p{piece},s{},2018-03-30 10:00:00,{}.{:02},{}.1",
                number % 3 * piece,
                cents / 100,
                cents % 100,
                12 + piece
            );
        }
        let state = ["SP", "RJ", "BA", "PA"][number as usize % 4];
        let _ = writeln!(customers, "c{number},u{},1000,\"sao, paulo\",{state}", number / 2);
    }
    for (name, text) in [("orders", orders), ("order_items", items), ("customers", customers)] {
        fs::write(folder.path().join(format!("{name}.csv")), text).unwrap();
    }
    folder
}

/// The marketplace's policy, with the source that reads its outbox.
fn with_source() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for part in ["policy", "policy/routes", "policy/templates", "from-debezium/sources"] {
        let target = folder.path().join(part.split_once('/').map_or("", |(_, below)| below));
        fs::create_dir_all(&target).unwrap();
        for entry in fs::read_dir(example("olist").join(part)).unwrap().map(Result::unwrap) {
            if entry.path().is_file() {
                fs::copy(entry.path(), target.join(entry.file_name())).unwrap();
            }
        }
    }
    folder
}

fn same_from_files_and_from_a_topic(backend: Backend) {
    let (tables, policy) = (marketplace(), with_source());
    let Some(files) = Site::fresh(backend, policy.path()) else { return };
    let mapping = example("olist/mapping.yaml");
    on(
        &files,
        &["ingest", "--mapping", mapping.to_str().unwrap(), "--from", tables.path().to_str().unwrap()],
    );
    run(files.drain(policy.path())).well();
    let expected = Told::read(files.open().as_ref()).unwrap();
    assert_eq!(expected.faults, Vec::<String>::new());
    assert!(expected.notification_count() > 100, "{}", expected.notification_count());
    drop(files);

    for telling in [Telling::Changes, Telling::Snapshot] {
        let site = Site::fresh(backend, policy.path()).unwrap();
        let log = site.open();
        let mut appender = log.appender().unwrap();
        for change in of_orders(tables.path(), telling) {
            change.append(appender.as_mut(), "olist.public.orders").unwrap();
        }
        appender.flush().unwrap();
        drop((appender, log));
        run(site.drain(policy.path())).well();
        let found = Told::read(site.open().as_ref()).unwrap();
        assert_eq!((&found.faults, &found.letters), (&Vec::new(), &expected.letters), "{telling:?}");
        // Not only the ids: every notification says the same, and in the same order.
        assert_eq!(found.notifications, expected.notifications, "{telling:?}");
        assert_eq!(found.decisions.len(), expected.decisions.len(), "{telling:?}");
    }
}

#[test]
fn the_marketplace_s_orders_are_told_alike_from_files_and_from_a_topic() {
    same_from_files_and_from_a_topic(Backend::Embedded);
}

#[test]
fn the_marketplace_s_orders_are_told_alike_on_kafka() {
    same_from_files_and_from_a_topic(Backend::Kafka);
}
