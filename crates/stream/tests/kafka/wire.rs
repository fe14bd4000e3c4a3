//! The few requests of Kafka's protocol that librdkafka's safe interface cannot make: writing a
//! header whose name is not text, and reading it as bytes.

use std::io::{Read, Write};
use std::net::TcpStream;

/// Writes one record with one header to partition 0; returns its offset.
pub(crate) fn produce(brokers: &str, topic: &str, header: (&[u8], &[u8])) -> i64 {
    let mut record = vec![0, 0, 0];
    varint(&mut record, -1);
    bytes(&mut record, b"value");
    varint(&mut record, 1);
    bytes(&mut record, header.0);
    bytes(&mut record, header.1);
    let mut checked = Vec::new();
    checked.extend(0_i16.to_be_bytes());
    checked.extend(0_i32.to_be_bytes());
    checked.extend(1_700_000_000_000_i64.to_be_bytes());
    checked.extend(1_700_000_000_000_i64.to_be_bytes());
    checked.extend((-1_i64).to_be_bytes());
    checked.extend((-1_i16).to_be_bytes());
    checked.extend((-1_i32).to_be_bytes());
    checked.extend(1_i32.to_be_bytes());
    bytes(&mut checked, &record);
    let mut batch = 0_i64.to_be_bytes().to_vec();
    batch.extend(length(checked.len() + 9));
    batch.extend((-1_i32).to_be_bytes());
    batch.push(2);
    batch.extend(crc32c(&checked).to_be_bytes());
    batch.extend(checked);

    let mut body = (-1_i16).to_be_bytes().to_vec();
    body.extend((-1_i16).to_be_bytes());
    body.extend(10_000_i32.to_be_bytes());
    body.extend(1_i32.to_be_bytes());
    string(&mut body, topic);
    body.extend(1_i32.to_be_bytes());
    body.extend(0_i32.to_be_bytes());
    body.extend(length(batch.len()));
    body.extend(batch);
    let answer = call(brokers, (0, 3), &body);
    let answer = &answer[4 + 4 + 2 + topic.len() + 4 + 4..];
    assert_eq!(answer[..2], [0, 0], "the broker refuses the record");
    i64::from_be_bytes(answer[2..10].try_into().unwrap())
}

/// The bytes in which a broker answers a request for the records of partition 0.
pub(crate) fn fetch(brokers: &str, topic: &str) -> Vec<u8> {
    let mut body = (-1_i32).to_be_bytes().to_vec();
    body.extend(1_000_i32.to_be_bytes());
    body.extend(1_i32.to_be_bytes());
    body.extend(1_000_000_i32.to_be_bytes());
    body.push(1);
    body.extend(1_i32.to_be_bytes());
    string(&mut body, topic);
    body.extend(1_i32.to_be_bytes());
    body.extend(0_i32.to_be_bytes());
    body.extend(0_i64.to_be_bytes());
    body.extend(1_000_000_i32.to_be_bytes());
    call(brokers, (1, 4), &body)
}

fn call(brokers: &str, (key, version): (i16, i16), body: &[u8]) -> Vec<u8> {
    let mut request = key.to_be_bytes().to_vec();
    request.extend(version.to_be_bytes());
    request.extend(1_i32.to_be_bytes());
    string(&mut request, "hinge-test");
    request.extend(body);
    let mut stream = TcpStream::connect(brokers.split(',').next().unwrap()).unwrap();
    stream.write_all(&length(request.len())).unwrap();
    stream.write_all(&request).unwrap();
    let mut size = [0; 4];
    stream.read_exact(&mut size).unwrap();
    let mut answer = vec![0; u32::from_be_bytes(size) as usize];
    stream.read_exact(&mut answer).unwrap();
    answer
}

fn length(length: usize) -> [u8; 4] {
    i32::try_from(length).unwrap().to_be_bytes()
}

fn string(to: &mut Vec<u8>, text: &str) {
    to.extend(i16::try_from(text.len()).unwrap().to_be_bytes());
    to.extend(text.as_bytes());
}

fn bytes(to: &mut Vec<u8>, bytes: &[u8]) {
    varint(to, i64::try_from(bytes.len()).unwrap());
    to.extend(bytes);
}

fn varint(to: &mut Vec<u8>, number: i64) {
    let mut zigzag = ((number << 1) ^ (number >> 63)).cast_unsigned();
    while zigzag >= 0x80 {
        to.push(zigzag.to_le_bytes()[0] | 0x80);
        zigzag >>= 7;
    }
    to.push(zigzag.to_le_bytes()[0]);
}

fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg()))
    };
    !bytes.iter().fold(!0, step)
}
