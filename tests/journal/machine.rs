//! What these tests ask of the machine: a small disk, and a limit of memory. Where it cannot give them, a test does not
//! run and prints so; where `CI` is set, that is accepted only of a machine that allows neither to anyone.

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

impl Drop for Small {
    fn drop(&mut self) {
        as_root(&format!("umount {}", self.0.path().display()));
    }
}
