//! temp
use hinge_stream::embedded::*;
use hinge_stream::kafka::*;
use hinge_stream::*;
use std::time::{Duration, Instant};

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let folder = std::path::PathBuf::from(args.get(2).cloned().unwrap_or("/tmp/hinge-measure".into()));
    let _ = std::fs::remove_dir_all(&folder);
    let tag = format!("m{}", std::process::id());
    let log: Box<dyn Log> = if args[1] == "kafka" {
        Box::new(KafkaLog::connect(Settings::new("127.0.0.1:29192")).unwrap())
    } else {
        let durability = if args[1] == "crash" { Durability::ProcessCrash } else { Durability::PowerLoss };
        Box::new(
            EmbeddedLog::open(&folder, hinge_stream::embedded::Options { durability, create: true }).unwrap(),
        )
    };
    let input = format!("{tag}-in");
    let outs: Vec<String> = (0..6).map(|n| format!("{tag}-out{n}")).collect();
    let spec = |n: &String, p| TopicSpec { name: n.clone(), partitions: p, replication: 1, settings: vec![] };
    let mut specs = vec![spec(&input, 4)];
    specs.extend(outs.iter().map(|o| spec(o, 1)));
    log.topics().unwrap().create(&specs).unwrap();
    let value = vec![b'x'; 400];
    let total = 300_000u64;
    let t = Instant::now();
    let mut a = log.appender().unwrap();
    for n in 0..total {
        a.append(&Outgoing {
            topic: &input,
            key: Some(&n.to_le_bytes()),
            value: Some(&value),
            headers: &[("ce_id", b"123456789012")],
            carried: None,
            timestamp: None,
        })
        .unwrap();
    }
    a.flush().unwrap();
    println!("append {:.0}/s", total as f64 / t.elapsed().as_secs_f64());
    let mut s = log
        .session(&SessionOptions {
            group: tag.clone(),
            instance: "0".into(),
            topics: vec![input.clone()],
            start_at: Some(StartAt::Earliest),
        })
        .unwrap();
    let limits = Limits { records: 10_000, bytes: 8 << 20, wait: Duration::from_secs(1) };
    let t0 = Instant::now();
    while !matches!(s.poll(&limits).unwrap(), Polled::Given(_)) {}
    println!("given after {:?}", t0.elapsed());
    let t = Instant::now();
    let (mut n, mut batches, mut poll, mut send, mut commit) =
        (0u64, 0, Duration::ZERO, Duration::ZERO, Duration::ZERO);
    while n < total {
        let p = Instant::now();
        let Polled::Records(rs) = s.poll(&limits).unwrap() else { continue };
        poll += p.elapsed();
        let p = Instant::now();
        s.begin().unwrap();
        for (i, r) in rs.iter().enumerate() {
            for k in 0..2 {
                s.send(&Outgoing {
                    topic: &outs[(i + k) % 6],
                    key: r.key.as_deref(),
                    value: r.value.as_deref(),
                    headers: &[("ce_id", b"123456789012"), ("hinge-x", b"1")],
                    carried: None,
                    timestamp: None,
                })
                .unwrap();
            }
        }
        send += p.elapsed();
        let p = Instant::now();
        let positions: Positions = rs.iter().map(|r| (r.place.clone(), r.offset.next())).collect();
        assert_eq!(s.commit(&positions).unwrap(), Committed::Done);
        commit += p.elapsed();
        n += rs.len() as u64;
        batches += 1;
    }
    let e = t.elapsed().as_secs_f64();
    println!(
        "copy {:.0} in/s {:.0} out/s, {} batches, poll {poll:?} send {send:?} commit {commit:?}",
        n as f64 / e,
        2.0 * n as f64 / e,
        batches
    );
    let t0 = Instant::now();
    while !s.at_end() {
        s.poll(&Limits { wait: Duration::from_millis(10), ..limits }).unwrap();
    }
    println!("at end after {:?}", t0.elapsed());
    let t0 = Instant::now();
    let mut back = 0u64;
    s.read_back(&TopicPartition::new(input.as_str(), 0), Offset(0), Offset(i64::MAX), &mut |_| back += 1)
        .unwrap();
    println!("read back {back} {:.0}/s", back as f64 / t0.elapsed().as_secs_f64());
    // small batches latency
    let mut l = Vec::new();
    for _ in 0..100 {
        a.append(&Outgoing {
            topic: &input,
            key: None,
            value: Some(&value),
            headers: &[],
            carried: None,
            timestamp: None,
        })
        .unwrap();
        a.flush().unwrap();
        let p = Instant::now();
        let rs = loop {
            if let Polled::Records(rs) = s.poll(&limits).unwrap() {
                break rs;
            }
        };
        s.begin().unwrap();
        s.send(&Outgoing {
            topic: &outs[0],
            key: None,
            value: Some(&value),
            headers: &[],
            carried: None,
            timestamp: None,
        })
        .unwrap();
        let positions: Positions = rs.iter().map(|r| (r.place.clone(), r.offset.next())).collect();
        assert_eq!(s.commit(&positions).unwrap(), Committed::Done);
        l.push(p.elapsed());
    }
    l.sort();
    println!("one record: p50 {:?} p99 {:?}", l[50], l[98]);
    let t0 = Instant::now();
    s.close().unwrap();
    println!("closed in {:?}", t0.elapsed());
}
