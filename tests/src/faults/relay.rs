//! A network between clients and a broker that can be made as bad as wanted: a TCP relay of our own.
//!
//! Requests are passed on frame by frame, so that one of them, the end of a transaction, can be held back
//! while the rest goes on; a frame that was held is delivered on its connection even after the client has
//! closed its side, as a network would. Answers are passed on as bytes. What is bad is set in [`Weather`],
//! at any moment; the relay owns no plan of when.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;

/// Kafka's number for the request that ends a transaction.
const END_TRANSACTION: i16 = 26;

/// From this version on the request has tagged fields behind its last one.
const TAGGED_SINCE: i16 = 3;

/// No client sends a frame as large as this.
const FRAME_MOST: usize = 64 << 20;

/// How often a waiting thread looks at the weather.
const GLANCE: Duration = Duration::from_millis(2);

/// A slow line holds what it delivers within this time.
const BACKLOG: Duration = Duration::from_secs(1);

/// What the network is like; the default is a good one.
#[derive(Clone, Debug, Default)]
pub struct Weather {
    /// Nothing gets through, in neither direction; what is under way arrives later.
    pub cut: bool,
    /// Requests arrive, answers are lost.
    pub answers_lost: bool,
    /// Each way takes so long,
    pub latency: Duration,
    /// and up to so much longer.
    pub jitter: Duration,
    /// So many in 10,000 pieces are lost and sent again, which takes a retransmission's time.
    pub lost_in_10000: u32,
    /// So many bytes a second in each direction.
    pub bytes_per_second: Option<u32>,
    /// The next request to commit a transaction is held for so long; taken by that request.
    pub hold_commit: Option<Duration>,
}

/// See the module. Ends with the process.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    upstream: Mutex<Option<String>>,
    weather: Mutex<Weather>,
    /// Both ends of each open connection.
    connections: Mutex<Vec<[TcpStream; 2]>>,
    held: AtomicU32,
    delivered: AtomicU32,
    rng: Mutex<Rng>,
}

/// Bytes on their way.
struct Piece {
    due: Instant,
    bytes: Vec<u8>,
    held: bool,
}

impl Relay {
    /// Listens on a port that is free; [`Relay::lead_to`] has to follow.
    pub fn listen(seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("some port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let state = Arc::new(State {
            upstream: Mutex::default(),
            weather: Mutex::default(),
            connections: Mutex::default(),
            held: AtomicU32::new(0),
            delivered: AtomicU32::new(0),
            rng: Mutex::new(Rng::with_seed(seed)),
        });
        let serving = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                serving.connect(&client);
            }
        });
        Self { address, state }
    }

    /// Where clients come to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where they are led to, from now on.
    pub fn lead_to(&self, upstream: &str) {
        *locked(&self.state.upstream) = Some(upstream.to_owned());
    }

    /// Changes the weather.
    pub fn weather(&self, change: impl FnOnce(&mut Weather)) {
        change(&mut locked(&self.state.weather));
    }

    /// Good weather. Connections that have lost answers end with the next one.
    pub fn clear_up(&self) {
        self.weather(|weather| *weather = Weather::default());
    }

    /// Ends all connections in the middle of whatever they are doing; gives how many.
    pub fn reset_all(&self) -> usize {
        let ended = std::mem::take(&mut *locked(&self.state.connections));
        ended.iter().flatten().for_each(close);
        ended.len()
    }

    /// How many requests were held so far, and how many of them were delivered since.
    pub fn held_and_delivered(&self) -> (u32, u32) {
        (self.state.held.load(Ordering::SeqCst), self.state.delivered.load(Ordering::SeqCst))
    }
}

impl State {
    fn connect(self: &Arc<Self>, client: &TcpStream) {
        let Some(upstream) = locked(&self.upstream).clone() else { return };
        // A broker that is down refuses; closing tells the client so.
        let Ok(broker) = TcpStream::connect(upstream) else { return };
        let clones = || Some([client.try_clone().ok()?, broker.try_clone().ok()?]);
        let (Some(kept), Some(reading), Some(writing)) = (clones(), clones(), clones()) else { return };
        for end in [client, &broker] {
            // Without it small frames would wait for one another; where it cannot be had, they wait.
            let _ = end.set_nodelay(true);
        }
        let mut connections = locked(&self.connections);
        connections.retain(|ends| ends.iter().all(|end| end.peer_addr().is_ok()));
        connections.push(kept);
        drop(connections);

        let [from_client, from_broker] = reading;
        let [to_client, to_broker] = writing;
        let (requests, requested) = channel();
        let (answers, answered) = channel();
        let [a, b, c, d] = [(); 4].map(|()| Arc::clone(self));
        thread::spawn(move || a.take_requests(from_client, &requests));
        thread::spawn(move || b.give_requests(to_broker, requested));
        thread::spawn(move || c.take_answers(from_broker, &answers));
        thread::spawn(move || d.give_answers(to_client, &broker, answered));
    }

    fn take_requests(&self, mut client: TcpStream, requests: &Sender<Piece>) {
        let mut free = Instant::now();
        while let Some(bytes) = frame(&mut client) {
            let hold = commits(&bytes).then(|| locked(&self.weather).hold_commit.take()).flatten();
            let mut due = self.due(bytes.len(), &mut free);
            if let Some(hold) = hold {
                due += hold;
                self.held.fetch_add(1, Ordering::SeqCst);
            }
            if requests.send(Piece { due, bytes, held: hold.is_some() }).is_err() {
                return close(&client);
            }
            self.keep_short(free);
        }
    }

    fn give_requests(&self, mut broker: TcpStream, requested: Receiver<Piece>) {
        for piece in requested {
            self.wait_for(piece.due);
            if broker.write_all(&piece.bytes).is_err() {
                return close(&broker);
            }
            if piece.held {
                self.delivered.fetch_add(1, Ordering::SeqCst);
            }
        }
        // The client is gone, and all that it said has been said.
        let _ = broker.shutdown(Shutdown::Write);
    }

    fn take_answers(&self, mut broker: TcpStream, answers: &Sender<Piece>) {
        let mut free = Instant::now();
        let mut bytes = vec![0; 16 << 10];
        while let Ok(count @ 1..) = broker.read(&mut bytes) {
            let due = self.due(count, &mut free);
            // Nobody may be there to take it; the broker is heard out nevertheless.
            let _ = answers.send(Piece { due, bytes: bytes[..count].to_vec(), held: false });
            self.keep_short(free);
        }
    }

    fn give_answers(&self, mut client: TcpStream, broker: &TcpStream, answered: Receiver<Piece>) {
        let mut lost = false;
        for piece in answered {
            self.wait_for(piece.due);
            if locked(&self.weather).answers_lost {
                lost = true;
            } else if lost {
                // In the middle of an answer nobody could go on.
                close(broker);
                break;
            } else if client.write_all(&piece.bytes).is_err() {
                break;
            }
        }
        close(&client);
    }

    /// When so many bytes, taken now, come out at the other side.
    fn due(&self, bytes: usize, free: &mut Instant) -> Instant {
        let weather = locked(&self.weather).clone();
        let mut rng = locked(&self.rng);
        let mut due = Instant::now() + weather.latency + weather.jitter.mul_f64(rng.f64());
        if rng.u32(..10_000) < weather.lost_in_10000 {
            due += Duration::from_millis(rng.u64(200..1_000));
        }
        if let Some(rate) = weather.bytes_per_second {
            let size = u32::try_from(bytes).unwrap_or(u32::MAX);
            due = due.max(*free) + Duration::from_secs_f64(f64::from(size) / f64::from(rate));
        }
        *free = due;
        due
    }

    /// A slow line takes no more than it can soon deliver; what is behind waits in its sender.
    fn keep_short(&self, free: Instant) {
        while free.saturating_duration_since(Instant::now()) > BACKLOG
            && locked(&self.weather).bytes_per_second.is_some()
        {
            thread::sleep(GLANCE);
        }
    }

    fn wait_for(&self, due: Instant) {
        while Instant::now() < due || locked(&self.weather).cut {
            thread::sleep(GLANCE.min(due.saturating_duration_since(Instant::now()).max(GLANCE / 10)));
        }
    }
}

/// One request with its length before it; `None` at the end of the connection.
fn frame(client: &mut TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    client.read_exact(&mut length).ok()?;
    let count = usize::try_from(i32::from_be_bytes(length)).ok().filter(|count| *count <= FRAME_MOST)?;
    let mut bytes = vec![0; 4 + count];
    bytes[..4].copy_from_slice(&length);
    client.read_exact(&mut bytes[4..]).ok()?;
    Some(bytes)
}

/// Whether a request, with its length before it, asks to commit a transaction.
fn commits(frame: &[u8]) -> bool {
    let number = |at: usize| frame.get(at..at + 2).map(|bytes| i16::from_be_bytes([bytes[0], bytes[1]]));
    let (Some(END_TRANSACTION), Some(version)) = (number(4), number(6)) else { return false };
    let from_end = if version >= TAGGED_SINCE { 2 } else { 1 };
    frame.len().checked_sub(from_end).and_then(|at| frame.get(at)) == Some(&1)
}

fn close(end: &TcpStream) {
    // It may be closed already, which is what is wanted.
    let _ = end.shutdown(Shutdown::Both);
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(key: i16, version: i16, commit: u8) -> Vec<u8> {
        let mut bytes = vec![0, 0, 0, 9];
        bytes.extend(key.to_be_bytes());
        bytes.extend(version.to_be_bytes());
        bytes.extend([0, 0, 0, 7, commit]);
        if version >= TAGGED_SINCE {
            bytes.push(0);
        }
        bytes
    }

    #[test]
    fn a_commit_is_told_from_an_abort_and_from_other_requests() {
        for (key, version, commit, wanted) in
            [(26, 1, 1, true), (26, 1, 0, false), (26, 3, 1, true), (26, 4, 0, false), (22, 1, 1, false)]
        {
            assert_eq!(commits(&request(key, version, commit)), wanted, "{key} {version} {commit}");
        }
        assert!(!commits(&[0, 0, 0, 1]));
    }

    #[test]
    fn a_held_commit_arrives_after_its_client_has_gone() {
        let broker = TcpListener::bind("127.0.0.1:0").unwrap();
        let relay = Relay::listen(1);
        relay.lead_to(&broker.local_addr().unwrap().to_string());
        relay.weather(|weather| weather.hold_commit = Some(Duration::from_millis(300)));
        let started = Instant::now();
        let mut client = TcpStream::connect(relay.address()).unwrap();
        client.write_all(&request(26, 1, 1)).unwrap();
        let (mut served, _) = broker.accept().unwrap();
        drop(client);
        let mut arrived = Vec::new();
        served.read_to_end(&mut arrived).unwrap();
        assert_eq!(arrived, request(26, 1, 1));
        assert!(started.elapsed() >= Duration::from_millis(300));
        assert_eq!(relay.held_and_delivered(), (1, 1));
    }

    #[test]
    fn requests_arrive_while_answers_are_lost_and_nothing_arrives_through_a_cut() {
        let broker = TcpListener::bind("127.0.0.1:0").unwrap();
        let relay = Relay::listen(1);
        relay.lead_to(&broker.local_addr().unwrap().to_string());
        let mut client = TcpStream::connect(relay.address()).unwrap();
        client.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let (mut served, _) = broker.accept().unwrap();
        let mut bytes = [0; 13];

        relay.weather(|weather| weather.answers_lost = true);
        client.write_all(&request(3, 1, 0)).unwrap();
        served.read_exact(&mut bytes).unwrap();
        served.write_all(b"lost").unwrap();
        assert!(client.read(&mut [0; 4]).is_err());
        relay.clear_up();
        served.write_all(b"late").unwrap();
        assert_eq!(client.read(&mut [0; 4]).unwrap(), 0, "the connection ends");

        let mut client = TcpStream::connect(relay.address()).unwrap();
        let (mut served, _) = broker.accept().unwrap();
        served.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        relay.weather(|weather| weather.cut = true);
        client.write_all(&request(3, 1, 0)).unwrap();
        assert!(served.read_exact(&mut bytes).is_err());
        relay.clear_up();
        served.set_read_timeout(None).unwrap();
        served.read_exact(&mut bytes).unwrap();
    }
}
