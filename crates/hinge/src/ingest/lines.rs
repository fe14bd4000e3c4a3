//! The lines of a file, whatever it is packed in: gzip, a byte-order mark, `\r\n`. Never more than one line
//! in memory. What a line says is the business of `csv_rows` and `json_rows`.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result, bail};
use flate2::bufread::MultiGzDecoder;
use indicatif::ProgressBar;

/// The longest row, in bytes. A record of the log may not be longer either.
pub(super) const MAX_ROW_BYTES: usize = 1024 * 1024;

/// One line, without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Its number, from 1.
    pub(crate) number: u64,
    /// Its bytes; at most [`MAX_ROW_BYTES`] of them.
    pub(crate) bytes: Vec<u8>,
    /// Why it cannot be read as it is.
    pub(crate) broken: Option<Broken>,
}

/// Why a line cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// It is longer than [`MAX_ROW_BYTES`].
    TooLong,
    /// The file cannot be read from here on.
    CutOff(String),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "it is longer than {MAX_ROW_BYTES} bytes"),
            Self::CutOff(why) => write!(f, "the file cannot be read from here on: {why}"),
        }
    }
}

/// The lines of one file, in order.
pub(crate) struct Lines {
    reader: Box<dyn BufRead>,
    number: u64,
    /// Whether the file cannot be read any further.
    ended: bool,
}

impl Lines {
    /// Opens a file; `progress` moves with the bytes read from the disk.
    pub(crate) fn open(path: &Path, progress: &ProgressBar) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("`{}` cannot be opened", path.display()))?;
        let packed = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gz"));
        let lines = Self::read(progress.wrap_read(file), packed);
        lines.with_context(|| format!("`{}` cannot be read", path.display()))
    }

    fn read(file: impl Read + 'static, called_packed: bool) -> Result<Self> {
        const GZIP: &[u8] = &[0x1f, 0x8b];
        let mut raw = BufReader::new(file);
        let mut reader: Box<dyn BufRead> = if raw.fill_buf()?.starts_with(GZIP) {
            Box::new(BufReader::new(MultiGzDecoder::new(raw)))
        } else if called_packed && !raw.fill_buf()?.is_empty() {
            bail!("it is called `.gz` and is not packed with gzip; rename it, or pack it")
        } else {
            Box::new(raw)
        };
        // A file that breaks off at once is told so with its first line.
        match reader.fill_buf().unwrap_or_default() {
            [0xef, 0xbb, 0xbf, ..] => reader.consume(3),
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
                bail!("it is UTF-16; save it as UTF-8, or convert it: iconv -f UTF-16 -t UTF-8")
            }
            _ => {}
        }
        Ok(Self { reader, number: 0, ended: false })
    }

    /// The first byte that is no blank, without reading on; `None` if the file begins with nothing else.
    pub(crate) fn first_byte(&mut self) -> Option<u8> {
        let beginning = self.reader.fill_buf().unwrap_or_default();
        beginning.iter().copied().find(|byte| !byte.is_ascii_whitespace())
    }

    /// The next line; `None` at the end.
    pub(crate) fn next(&mut self) -> Option<Line> {
        if self.ended {
            return None;
        }
        let mut line = Line { number: self.number + 1, bytes: Vec::new(), broken: None };
        loop {
            let buffer = match self.reader.fill_buf() {
                Ok(buffer) => buffer,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    self.ended = true;
                    line.broken = Some(Broken::CutOff(error.to_string()));
                    break;
                }
            };
            if buffer.is_empty() {
                self.ended = true;
                if line.bytes.is_empty() {
                    return None;
                }
                break;
            }
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let part = &buffer[..end.unwrap_or(buffer.len())];
            let room = MAX_ROW_BYTES - line.bytes.len();
            if part.len() > room {
                line.broken = Some(Broken::TooLong);
            }
            line.bytes.extend_from_slice(&part[..part.len().min(room)]);
            let used = part.len() + usize::from(end.is_some());
            self.reader.consume(used);
            if end.is_some() {
                break;
            }
        }
        self.number += 1;
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn lines(bytes: &[u8]) -> Vec<Line> {
        let mut lines = Lines::read(io::Cursor::new(bytes.to_vec()), false).unwrap();
        std::iter::from_fn(|| lines.next()).collect()
    }

    fn texts(lines: &[Line]) -> Vec<String> {
        lines.iter().map(|line| String::from_utf8_lossy(&line.bytes).into_owned()).collect()
    }

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn lines_are_the_same_however_the_file_is_packed() {
        for bytes in [b"a\nb\n".to_vec(), b"a\nb".to_vec(), b"\xef\xbb\xbfa\nb".to_vec(), gzip("a\nb\n")] {
            assert_eq!(texts(&lines(&bytes)), ["a", "b"], "{bytes:?}");
        }
        let two_members = [gzip("a\n"), gzip("b\n")].concat();
        assert_eq!(texts(&lines(&two_members)), ["a", "b"]);
        assert!(lines(b"").is_empty());
        assert!(Lines::read(io::Cursor::new(b"\xff\xfea\0".to_vec()), false).is_err());
    }

    #[test]
    fn a_line_that_is_too_long_does_not_take_the_next_one_with_it() {
        let long = [vec![b'x'; MAX_ROW_BYTES + 7], b"\nb\n".to_vec()].concat();
        let lines = lines(&long);
        assert_eq!(lines.len(), 2);
        assert_eq!((&lines[0].broken, lines[0].bytes.len()), (&Some(Broken::TooLong), MAX_ROW_BYTES));
        assert_eq!((lines[1].number, lines[1].bytes.as_slice(), &lines[1].broken), (2, &b"b"[..], &None));
    }

    #[test]
    fn where_a_packed_file_breaks_off_its_last_line_is_not_taken_for_whole() {
        let rows: Vec<String> =
            (0..2_000).map(|number| format!("{number},{}", number * 7919 % 1000)).collect();
        let whole = gzip(&rows.join("\n"));
        let lines = lines(&whole[..whole.len() / 2]);
        let (last, before) = lines.split_last().unwrap();
        assert!(matches!(last.broken, Some(Broken::CutOff(_))), "{last:?}");
        assert!(before.len() > 100 && before.iter().all(|line| line.broken.is_none()));
    }
}
