//! What a running `hinge` tells Prometheus, asked for and added up.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// Longer than an answer takes that comes.
const PATIENCE: Duration = Duration::from_secs(5);

/// The page at this address.
///
/// # Errors
/// Nobody answers in time, or something else than a page.
pub fn page(address: &str) -> std::io::Result<String> {
    let mut connection = TcpStream::connect(address)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    // With 1.0 an answer is not cut into chunks.
    write!(connection, "GET /metrics HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    let page = answer.split_once("\r\n\r\n").filter(|(head, _)| {
        let status = head.lines().next().unwrap_or_default();
        status.split(' ').nth(1) == Some("200")
    });
    page.map(|(_, body)| body.to_owned()).ok_or_else(|| std::io::Error::other("no page of metrics"))
}

/// The sum of a metric's series, if there are any.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts, and bytes in memory")]
pub fn sum(page: &str, name: &str) -> Option<u64> {
    values(page, name).reduce(|sum, value| sum + value).map(|sum| sum as u64)
}

/// The value of each series of a metric.
pub fn values<'a>(page: &'a str, name: &'a str) -> impl Iterator<Item = f64> + 'a {
    let of = move |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
    page.lines().filter(of).filter_map(|line| line.rsplit(' ').next()?.parse().ok())
}
