//! What these tests ask of the machine: a small disk, one that stalls, and a limit of memory. Where it cannot give them, a
//! test does not run and prints so; where `CI` is set, that is accepted only of a machine that allows them to no one.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs a script with the rights of root: ours, or those that `sudo` gives without a password.
fn as_root(script: &str) -> bool {
    let shell = ["sh", "-c", script];
    let sudo = ["sudo", "-n", "sh", "-c", script];
    [&shell[..], &sudo].iter().any(|command| {
        let output = Command::new(command[0]).args(&command[1..]).output();
        output.is_ok_and(|output| output.status.success())
    })
}

fn not_run(why: &str, is_possible: bool) {
    assert!(std::env::var_os("CI").is_none() || !is_possible, "{why}, although this machine allows it");
    println!("not run: {why}");
}

/// A control group of the kernel, whose processes are killed when they take too much memory.
pub(crate) struct Group(PathBuf);

impl Group {
    fn root() -> (&'static Path, &'static str) {
        let v1 = Path::new("/sys/fs/cgroup/memory");
        match v1.is_dir() {
            true => (v1, "memory.limit_in_bytes"),
            false => (Path::new("/sys/fs/cgroup"), "memory.max"),
        }
    }

    /// `None` where control groups cannot be made.
    pub(crate) fn of(bytes: u64) -> Option<Self> {
        let (root, file) = Self::root();
        let group = Self(root.join(format!("spanledger-test-{}", std::process::id())));
        let path = group.0.display();
        // Where there is swap, memory alone would only be slow to run out.
        let made = as_root(&format!(
            "mkdir -p {path} && echo {bytes} > {path}/{file} && {{ ! test -e {path}/memory.swap.max || echo 0 > {path}/memory.swap.max; }}"
        ));
        if !made {
            not_run(
                "the memory of a process cannot be limited here",
                as_root(&format!("test -w {}", root.display())),
            );
        }
        made.then_some(group)
    }

    pub(crate) fn take(&self, process: u32) {
        let path = self.0.display();
        assert!(as_root(&format!("echo {process} > {path}/cgroup.procs")), "{path} takes no process");
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        as_root(&format!("rmdir {}", self.0.display()));
    }
}

/// A small file system in memory.
pub(crate) struct Small(pub(crate) tempfile::TempDir);

impl Small {
    /// `None` where mounting is not allowed.
    pub(crate) fn mount(kibibytes: u32) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().display();
        let mounted = as_root(&format!("mount -t tmpfs -o size={kibibytes}k,mode=0777 tmpfs {path}"));
        if !mounted {
            not_run("file systems cannot be mounted here", as_root("unshare --mount true"));
        }
        mounted.then_some(Self(directory))
    }
}

impl AsRef<Path> for Small {
    fn as_ref(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        as_root(&format!("umount {}", self.0.path().display()));
    }
}

/// A file system on a disk of its own that can be frozen: then each write to it waits in the kernel, without an end, as on a
/// disk that does not respond.
pub(crate) struct Disk(tempfile::TempDir);

impl Disk {
    /// `None` where there are no loop devices, or nothing may be mounted or frozen.
    pub(crate) fn mount(mebibytes: u32) -> Option<Self> {
        let disk = Self(tempfile::tempdir().unwrap());
        let (folder, files) = (disk.0.path().display(), disk.files());
        let files = files.display();
        let mounted = as_root(&format!(
            "cd {folder} && truncate -s {mebibytes}M image && mkfs.ext4 -q image && mkdir files && mount -o loop image files \
             && chmod 0777 files && fsfreeze --freeze {files} && fsfreeze --unfreeze {files}"
        ));
        if !mounted {
            let possible = "losetup --find && command -v mkfs.ext4 && command -v fsfreeze";
            not_run("file systems cannot be mounted and frozen here", as_root(possible));
        }
        mounted.then_some(disk)
    }

    fn files(&self) -> PathBuf {
        self.0.path().join("files")
    }

    /// A folder on it, to be made.
    pub(crate) fn folder(&self) -> PathBuf {
        self.files().join("journal")
    }

    pub(crate) fn freeze(&self) {
        assert!(as_root(&format!("fsfreeze --freeze {}", self.files().display())));
    }

    pub(crate) fn thaw(&self) {
        assert!(as_root(&format!("fsfreeze --unfreeze {}", self.files().display())));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let files = self.files();
        let files = files.display();
        // Where a test has failed in between, it is still frozen.
        as_root(&format!("fsfreeze --unfreeze {files} 2>/dev/null; umount {files}"));
    }
}
