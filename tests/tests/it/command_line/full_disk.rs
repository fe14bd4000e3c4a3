//! A disk that is full: `hinge run` ends with its own code, and goes on when there is room.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use hinge_tests::parts;
use hinge_tests::program::run;
use hinge_tests::told::Told;
use tempfile::TempDir;

use super::{fed, refused_with, shown};

/// Megabytes of the disk: more than the inputs, and enough for the outputs when nothing else is there.
const SIZE: &str = "48m";

/// A small disk of its own in memory, unmounted when dropped.
struct Disk(TempDir);

impl Disk {
    /// `None` where this user may not mount; the skipped test has then been told.
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={SIZE}");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "none", shown(folder.path())]).output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(folder)),
            Ok(output) => {
                parts::missing("a small disk", String::from_utf8_lossy(&output.stderr).trim());
                None
            }
            Err(error) => {
                parts::missing("a small disk", &format!("`mount` cannot be run: {error}"));
                None
            }
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A destructor has nobody to tell; what stays behind is some megabytes of memory.
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

/// Writes a file until no more than `left` bytes of the disk are free.
fn fill(path: &Path, left: u64) {
    let mut file = File::create(path).unwrap();
    let block = [0; 4096];
    while file.write_all(&block).is_ok() {}
    let written = file.metadata().unwrap().len();
    file.set_len(written.saturating_sub(left)).unwrap();
}

#[test]
fn on_a_full_disk_it_ends_and_after_making_room_it_goes_on_with_nothing_lost() {
    let Some(disk) = Disk::mount() else { return };
    let fed = fed(400);
    let data = disk.0.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::copy(fed.site.file().unwrap(), data.join("log.sqlite")).unwrap();
    let expected = fed.drained();
    let expected = Told::read(expected.site.open().as_ref()).unwrap();
    let policy = super::policy();
    let drain = || run(["run", "--drain", "--policy", shown(policy.path()), "--data", shown(&data)]);

    // First there is not even room to begin, then some for a part of the work.
    let filler = disk.0.path().join("filler");
    for left in [0, 1_500_000] {
        fill(&filler, left);
        refused_with(drain(), 74, "disk-full", &["make room"]);
        fs::remove_file(&filler).unwrap();
    }
    drain().well();

    let log = hinge_stream::embedded::EmbeddedLog::open(&data, hinge_stream::embedded::Options::default());
    let told = Told::read(&log.unwrap()).unwrap();
    assert_eq!(expected.differences(&told), Vec::<String>::new());
}
