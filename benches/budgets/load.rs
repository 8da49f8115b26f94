//! A closed-loop HTTP load over kept connections: requests a second, and how long each took.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use credledger::clock::BootTime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The bytes of the nth request.
pub type Requests = Arc<dyn Fn(u64) -> Vec<u8> + Send + Sync>;

#[derive(Clone, Debug, Default)]
pub struct Measured {
    pub per_second: f64,
    /// in microseconds, sorted
    pub latencies: Vec<u32>,
    pub refused: u64,
}

impl Measured {
    pub fn percentile(&self, share: f64) -> f64 {
        let index = (self.latencies.len() as f64 * share) as usize;
        self.latencies.get(index.min(self.latencies.len().saturating_sub(1))).copied().unwrap_or(0).into()
    }
}

/// `expected` is the status line's code that every answer must have.
pub fn run(
    address: SocketAddr,
    connections: usize,
    span: Duration,
    requests: &Requests,
    expected: &str,
) -> Measured {
    paced(address, connections, span, requests, expected, None)
}

/// With a rate, so many a second over all connections: each has its turns, and one that is late because the answer before was late
/// counts from its turn.
pub fn paced(
    address: SocketAddr,
    connections: usize,
    span: Duration,
    requests: &Requests,
    expected: &str,
    rate: Option<f64>,
) -> Measured {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let (over, next) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let began = BootTime::now();
        let pace = rate.map(|rate| Duration::from_secs_f64(connections as f64 / rate));
        let tasks: Vec<_> = (0..connections)
            .map(|place| {
                let (requests, over, next) = (requests.clone(), over.clone(), next.clone());
                let expected = format!("HTTP/1.1 {expected}").into_bytes();
                let turns = pace.map(|pace| (pace.mul_f64(place as f64 / connections as f64), pace));
                tokio::spawn(
                    async move { connection(address, &requests, (&over, &next), &expected, turns).await },
                )
            })
            .collect();
        tokio::time::sleep(span).await;
        over.store(true, Ordering::Relaxed);
        let mut measured = Measured::default();
        for task in tasks {
            let (latencies, refused) = task.await.expect("a connection");
            measured.latencies.extend(latencies);
            measured.refused += refused;
        }
        measured.per_second = measured.latencies.len() as f64 / BootTime::now().since(began).as_secs_f64();
        measured.latencies.sort_unstable();
        measured
    })
}

async fn connection(
    address: SocketAddr,
    requests: &Requests,
    (over, next): (&AtomicBool, &AtomicU64),
    expected: &[u8],
    turns: Option<(Duration, Duration)>,
) -> (Vec<u32>, u64) {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.set_nodelay(true).expect("a socket option");
    let (mut latencies, mut refused, mut buffer) = (Vec::new(), 0, vec![0; 128 * 1024]);
    let (start, mut turn) = (BootTime::now(), turns.map(|(first, _)| first));
    while !over.load(Ordering::Relaxed) {
        let request = requests(next.fetch_add(1, Ordering::Relaxed));
        let began = match (turn, turns) {
            (Some(due), Some((_, pace))) => {
                turn = Some(due + pace);
                its_turn(start, due).await
            }
            _ => BootTime::now(),
        };
        stream.write_all(&request).await.expect("a request goes out");
        read_answer(&mut stream, &mut buffer).await;
        latencies.push(u32::try_from(BootTime::now().since(began).as_micros()).unwrap_or(u32::MAX));
        refused += u64::from(!buffer.starts_with(expected));
    }
    (latencies, refused)
}

/// Waits for it; since when the request counts.
async fn its_turn(start: BootTime, due: Duration) -> BootTime {
    let now = BootTime::now();
    match due.checked_sub(now.since(start)) {
        Some(early) => {
            tokio::time::sleep(early).await;
            BootTime::now()
        }
        None => BootTime::from_nanos(start.nanos() + u64::try_from(due.as_nanos()).unwrap_or(u64::MAX)),
    }
}

/// Reads one answer with a Content-Length.
async fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) {
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).await.expect("an answer");
        assert!(read > 0, "the server closed a kept connection");
        filled += read;
        let Some(head) = find(&buffer[..filled], b"\r\n\r\n") else { continue };
        if filled >= head + 4 + content_length(&buffer[..head]) {
            return;
        }
    }
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}

fn content_length(head: &[u8]) -> usize {
    const NAME: &[u8] = b"content-length: ";
    let Some(start) = find(head, NAME) else { return 0 };
    let digits = head[start + NAME.len()..].iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |length, digit| length * 10 + usize::from(digit - b'0'))
}

pub fn request(method: &str, path: &str, token: &str, body: &str) -> Vec<u8> {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: ledger\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
