//! The ledger's files are taken away, changed or made read-only while the server runs.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use prost::Message;

#[cfg(target_os = "linux")]
use super::full::is_mounted;
use super::process::{Server, call, request};

/// The housekeeping runs every 10 s. A busy machine gets as much again.
const NOTICED_WITHIN: Duration = Duration::from_secs(20);

/// The status of the response to one call, and its headers in lower case.
fn post(address: SocketAddr, number: u64) -> (u16, String) {
    let body = request(vec![call(number)]).encode_to_vec();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "POST /v1/traces HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/x-protobuf\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    )
    .unwrap();
    stream.write_all(&body).unwrap();
    let mut response = Vec::new();
    stream.read_to_end(&mut response).unwrap();
    let response = String::from_utf8_lossy(&response).to_lowercase();
    (response.split(' ').nth(1).unwrap().parse().unwrap(), response)
}

fn next_to(path: &Path, end: &str) -> PathBuf {
    PathBuf::from(format!("{}{end}", path.display()))
}

/// A copy of a file, under another name.
fn copied(path: &Path) -> PathBuf {
    let other = next_to(path, ".other");
    fs::copy(path, &other).unwrap();
    other
}

fn linked(path: &Path, to: &Path) {
    fs::remove_file(path).unwrap();
    std::os::unix::fs::symlink(to, path).unwrap();
}

fn truncate(path: &Path, length: u64) {
    fs::File::options().write(true).open(path).unwrap().set_len(length).unwrap();
}

/// Waits, without a call on the way, until the server reports that it is not ready; gives the reason.
fn noticed(server: &Server, name: &str) -> String {
    let until = Instant::now() + NOTICED_WITHIN;
    loop {
        let (status, reason) = server.get("/readyz");
        if status == 503 {
            return reason;
        }
        assert!(Instant::now() < until, "{name}: not noticed\n{}", server.log());
        std::thread::yield_now();
    }
}

/// What is done to the ledger, and a part of the reason that is given.
type Attack = (&'static str, fn(&Path), &'static str);

const MOVED: &str = "the ledger's file was deleted, moved or replaced";
const BESIDE: &str = "a file that belongs to the ledger";

const ATTACKS: [Attack; 14] = [
    ("deleted", |ledger| fs::remove_file(ledger).unwrap(), MOVED),
    ("replaced", |ledger| fs::rename(copied(ledger), ledger).unwrap(), MOVED),
    ("truncated", |ledger| truncate(ledger, 4_096), "the ledger's file was truncated"),
    ("emptied", |ledger| truncate(ledger, 0), "the ledger's file was truncated"),
    ("linked elsewhere", |ledger| linked(ledger, &copied(ledger)), MOVED),
    (
        "moved, with a link to it left",
        |ledger| {
            let other = next_to(ledger, ".moved");
            fs::rename(ledger, &other).unwrap();
            std::os::unix::fs::symlink(other, ledger).unwrap();
        },
        MOVED,
    ),
    ("lock gone", |ledger| fs::remove_file(next_to(ledger, ".lock")).unwrap(), BESIDE),
    (
        "lock replaced",
        |ledger| {
            let lock = next_to(ledger, ".lock");
            fs::rename(copied(&lock), lock).unwrap();
        },
        BESIDE,
    ),
    (
        "lock linked",
        |ledger| {
            let lock = next_to(ledger, ".lock");
            linked(&lock, &copied(&lock));
        },
        BESIDE,
    ),
    ("log gone", |ledger| fs::remove_file(next_to(ledger, "-wal")).unwrap(), BESIDE),
    ("log emptied", |ledger| truncate(&next_to(ledger, "-wal"), 0), "the ledger's log (-wal) was truncated"),
    ("index gone", |ledger| fs::remove_file(next_to(ledger, "-shm")).unwrap(), BESIDE),
    (
        "folder moved",
        |ledger| {
            let folder = ledger.parent().unwrap();
            fs::rename(folder, next_to(folder, ".moved")).unwrap();
        },
        MOVED,
    ),
    (
        "folder replaced",
        |ledger| {
            let folder = ledger.parent().unwrap();
            let moved = next_to(folder, ".moved");
            fs::rename(folder, &moved).unwrap();
            fs::create_dir(folder).unwrap();
            for file in fs::read_dir(moved).unwrap() {
                let file = file.unwrap();
                fs::copy(file.path(), folder.join(file.file_name())).unwrap();
            }
        },
        MOVED,
    ),
];

/// A server with a call in its file and another in the log. The folder of its own may be moved, and is in another one.
fn started(outer: &tempfile::TempDir) -> Server {
    let server = Server::start_in(tempfile::tempdir_in(outer).unwrap(), &[]);
    assert_eq!(post(server.http, 1).0, 200);
    server.signal("TERM");
    let server = Server::start_in(server.wait().1, &[]);
    assert_eq!(post(server.http, 2).0, 200);
    server
}

fn attack((name, attack, reason): Attack) {
    let outer = tempfile::tempdir().unwrap();
    let server = started(&outer);
    attack(&server.ledger());
    let found = noticed(&server, name);
    assert!(found.starts_with(reason), "{name}: {found}");
    let (status, response) = post(server.http, 3);
    assert_eq!(status, 503, "{name}: {response}");
    assert!(response.contains("\r\nretry-after: 1\r\n"), "{name}: {response}");
    assert_eq!(server.metric("spanledger_receiver_spans_total{result=\"accepted\"}"), Some(1.0), "{name}");
    assert_eq!(server.get("/healthz").0, 200, "{name}");
}

#[test]
fn whatever_is_done_to_its_files_is_noticed_without_a_call_and_nothing_more_is_acknowledged() {
    std::thread::scope(|scope| {
        ATTACKS.into_iter().for_each(|each| drop(scope.spawn(move || attack(each))));
    });
}

#[test]
fn the_next_response_acknowledges_nothing_into_a_file_that_is_gone() {
    std::thread::scope(|scope| {
        for (name, attack, _) in ATTACKS {
            scope.spawn(move || {
                let outer = tempfile::tempdir().unwrap();
                let server = started(&outer);
                attack(&server.ledger());
                assert_eq!(post(server.http, 3).0, 503, "{name}");
                assert_eq!(server.get("/readyz").0, 503, "{name}");
            });
        }
    });
}

#[test]
fn goes_on_when_its_file_is_put_back() {
    let server = Server::start(&[]);
    assert_eq!(post(server.http, 1).0, 200);
    let moved = server.folder.path().join("moved.db");
    fs::rename(server.ledger(), &moved).unwrap();
    assert_eq!(post(server.http, 2).0, 503);
    assert_eq!(server.get("/readyz"), (503, format!("{MOVED}\n")));
    assert_eq!(server.get("/").0, 503);
    fs::rename(moved, server.ledger()).unwrap();
    assert_eq!(post(server.http, 2).0, 200);
    assert_eq!(server.get("/readyz").0, 200);
    assert_eq!(server.calls().len(), 2);
}

#[test]
fn another_process_that_locks_it_is_noticed_and_given_way_to() {
    let server = Server::start(&[]);
    assert_eq!(post(server.http, 1).0, 200);
    let other = rusqlite::Connection::open(server.ledger()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(noticed(&server, "locked"), "the ledger is locked by another process\n");
    assert_eq!(post(server.http, 2).0, 503);
    drop(other);
    assert_eq!(post(server.http, 2).0, 200);
    assert_eq!(server.get("/readyz").0, 200);
}

/// A file system on a file that a fault makes read-only; unmounted when dropped.
#[cfg(target_os = "linux")]
struct FaultyDisk {
    mounted: tempfile::TempDir,
    _image: tempfile::NamedTempFile,
}

#[cfg(target_os = "linux")]
impl FaultyDisk {
    /// `None` where this user may not mount.
    fn mount() -> Option<Self> {
        let (image, mounted) = (tempfile::NamedTempFile::new().unwrap(), tempfile::tempdir().unwrap());
        image.as_file().set_len(16 << 20).unwrap();
        let done = |command: &mut Command| command.output().is_ok_and(|output| output.status.success());
        let made = done(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(image.path()));
        assert!(made || std::env::var_os("CI").is_none(), "mkfs.ext4 is needed");
        let mut mount = Command::new("mount");
        mount.args(["-o", "loop,errors=remount-ro"]).arg(image.path()).arg(mounted.path());
        (made && is_mounted(&mut mount)).then_some(Self { mounted, _image: image })
    }

    /// Lets it find a fault, after which it takes no writes.
    fn fail(&self) -> bool {
        let device =
            Command::new("findmnt").args(["-no", "SOURCE"]).arg(self.mounted.path()).output().unwrap();
        let device = String::from_utf8(device.stdout).unwrap();
        let device = Path::new(device.trim()).file_name().unwrap().to_owned();
        fs::write(Path::new("/sys/fs/ext4").join(device).join("trigger_fs_error"), "1").is_ok()
    }
}

#[cfg(target_os = "linux")]
impl Drop for FaultyDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.mounted.path()).output();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_becomes_read_only_is_noticed_without_a_call() {
    let Some(disk) = FaultyDisk::mount() else { return };
    let server = Server::start_in(tempfile::tempdir_in(disk.mounted.path()).unwrap(), &[]);
    assert_eq!(post(server.http, 1).0, 200);
    if !disk.fail() {
        let _ = writeln!(std::io::stderr(), "not run: this kernel makes no faults");
        return;
    }
    let reason = "the ledger cannot be written: its permissions, or a read-only file system\n";
    assert_eq!(noticed(&server, "read-only"), reason);
    assert_eq!(post(server.http, 2).0, 503);
    assert_eq!(server.get("/readyz"), (503, reason.to_owned()));
    assert_eq!(server.metric("spanledger_receiver_spans_total{result=\"accepted\"}"), Some(1.0));
    // What was acknowledged can still be read.
    let (status, page) = server.get("/calls");
    assert!(status == 200 && page.contains("checkout"), "{status} {page}");
}
