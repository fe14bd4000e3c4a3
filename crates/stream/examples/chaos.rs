//! temp
use std::time::{Duration, Instant};
use hinge_stream::*;
use hinge_stream::kafka::*;

struct Log2;
fn main() {
    let _ = Log2;
    let tag = format!("c{}", std::process::id());
    let log = KafkaLog::connect(Settings::new("127.0.0.1:29192")).unwrap();
    let input = format!("{tag}-in");
    let out = format!("{tag}-out");
    let spec = |n: &String, p| TopicSpec { name: n.clone(), partitions: p, replication: 1, settings: vec![] };
    log.topics().unwrap().create(&[spec(&input, 2), spec(&out, 3)]).unwrap();
    let total: u64 = std::env::args().nth(1).unwrap().parse().unwrap();
    let mut a = log.appender().unwrap();
    for n in 0..total {
        let v = n.to_string();
        a.append(&Outgoing { topic: &input, key: Some(v.as_bytes()), value: Some(v.as_bytes()), headers: &[], carried: None, timestamp: None }).unwrap();
    }
    a.flush().unwrap();
    let limits = Limits { records: 20, bytes: 8 << 20, wait: Duration::from_millis(500) };
    let started = Instant::now();
    let (mut rolled, mut restarts, mut batches, mut aborts) = (0, 0, 0u64, 0);
    'outer: loop {
        let mut s = match log.session(&SessionOptions { group: tag.clone(), instance: "0".into(), topics: vec![input.clone()], start_at: Some(StartAt::Earliest) }) {
            Ok(s) => s,
            Err(e) => { println!("{:?} session: {} {e} {:?}", started.elapsed(), e.code(), e); continue; }
        };
        let mut idle = 0;
        loop {
            let r = (|| -> Result<bool, Error> {
                match s.poll(&limits)? {
                    Polled::Records(rs) => {
                        idle = 0;
                        batches += 1;
                        s.begin()?;
                        for r in &rs {
                            s.send(&Outgoing { topic: &out, key: r.key.as_deref(), value: r.value.as_deref(), headers: &[], carried: None, timestamp: None })?;
                        }
                        if batches % 50 == 0 { aborts += 1; s.abort()?; return Ok(false); }
                        let mut positions = Positions::new();
                        for r in &rs { positions.insert(r.place.clone(), r.offset.next()); }
                        let t = Instant::now();
                        if s.commit(&positions)? == Committed::RolledBack { rolled += 1; println!("{:?} rolled back", started.elapsed()); }
                        if t.elapsed() > Duration::from_millis(900) { println!("{:?} commit took {:?}", started.elapsed(), t.elapsed()); }
                    }
                    Polled::Idle => { idle += 1; if idle > 6 && s.at_end() { return Ok(true) } }
                    other => println!("{:?} {other:?}", started.elapsed()),
                }
                Ok(false)
            })();
            match r {
                Ok(true) => { s.close().unwrap(); break 'outer }
                Ok(false) => {}
                Err(e) => { println!("{:?} {} {e} {:?}", started.elapsed(), e.code(), e); restarts += 1; drop(s); break; }
            }
        }
    }
    println!("done in {:?}: rolled back {rolled}, restarts {restarts}, batches {batches}, aborts {aborts}", started.elapsed());
    let mut r = log.reader().unwrap();
    let mut counts = vec![0u32; total as usize];
    for (place, from, _) in r.bounds(&out).unwrap() {
        let mut next = from;
        loop {
            let rs = r.read(&place, next, 1000, Duration::from_millis(500)).unwrap();
            if rs.is_empty() && r.at_end(&place) { break }
            for x in rs { next = x.offset.next(); counts[std::str::from_utf8(x.value.as_ref().unwrap()).unwrap().parse::<usize>().unwrap()] += 1; }
        }
    }
    println!("missing {} doubled {}", counts.iter().filter(|c| **c == 0).count(), counts.iter().filter(|c| **c > 1).count());
}
