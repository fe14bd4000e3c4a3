//! A small disk of its own for a broker: a file with a file system in it, which can be filled up.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// See the module. Gone when dropped.
#[derive(Debug)]
pub struct Disk {
    folder: PathBuf,
    _around: TempDir,
}

impl Disk {
    /// Whether such disks can be made here: it takes the rights to mount them.
    pub fn possible() -> bool {
        let is_root = fs::read_to_string("/proc/self/status")
            .is_ok_and(|status| status.lines().any(|line| line.starts_with("Uid:\t0\t")));
        is_root && Path::new("/dev/loop-control").exists()
    }

    /// A disk of so many MiB.
    pub fn mount(mebibytes: u32) -> Self {
        let around = tempfile::tempdir().expect("a temporary folder can be made");
        let (file, folder) = (around.path().join("disk"), around.path().join("mounted"));
        fs::create_dir(&folder).expect("the temporary folder is writable");
        run("fallocate", &["-l", &format!("{mebibytes}M"), &file.display().to_string()]);
        run("mkfs.ext4", &["-q", "-m", "0", &file.display().to_string()]);
        run("mount", &["-o", "loop", &file.display().to_string(), &folder.display().to_string()]);
        Self { folder, _around: around }
    }

    /// Where it is mounted.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Leaves no byte free.
    pub fn fill(&self) {
        let path = self.filler().display().to_string();
        // Each ends with an error when there is no room for it, and smaller ones still find some.
        for size in ["64M", "8M", "1M", "64K", "4K"] {
            for number in 0.. {
                let piece = format!("{path}.{size}.{number}");
                let made =
                    Command::new("fallocate").args(["-l", size, &piece]).stderr(Stdio::null()).status();
                if !made.is_ok_and(|status| status.success()) {
                    break;
                }
            }
        }
    }

    /// Gives the room back.
    pub fn free(&self) {
        for entry in fs::read_dir(&self.folder).expect("a mounted folder can be read").flatten() {
            if entry.file_name().to_string_lossy().starts_with("filler") {
                fs::remove_file(entry.path()).expect("what we made we can remove");
            }
        }
    }

    fn filler(&self) -> PathBuf {
        self.folder.join("filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a broker that is just being killed may still hold it.
        let _ = Command::new("umount").arg("-l").arg(&self.folder).status();
    }
}

fn run(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).status();
    assert!(status.is_ok_and(|status| status.success()), "`{program} {arguments:?}` failed");
}
