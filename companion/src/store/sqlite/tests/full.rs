#[cfg(target_os = "linux")]
use std::io::Write as _;

use super::*;

/// Fills the ledger until it refuses, makes room, and sends the refused batch again.
fn fills_and_recovers(ledger: &mut SqliteAppender, path: &Path, make_room: impl FnOnce(&mut SqliteAppender)) {
    let mut taken = 0;
    let batch_at = |number: u64| -> Vec<_> { (number * 500..(number + 1) * 500).map(call).collect() };
    let refused = (0..1_000).find_map(|number| match ledger.append(&batch_at(number)) {
        Ok(appended) => {
            taken += appended.inserted;
            None
        }
        Err(error) => Some((number, error)),
    });
    let (number, error) = refused.unwrap();
    assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
    assert!(taken > 0);
    assert_eq!(totals(path, ALL).calls, taken, "nothing of the refused batch");

    make_room(ledger);
    // More accounts than these limits remember.
    let mut append = |batch: &[CallRecord]| Appended { forgotten: 0, ..ledger.append(batch).unwrap() };
    assert_eq!(append(&batch_at(number)), Appended { inserted: 500, ..Appended::default() });
    assert_eq!(append(&batch_at(0)), Appended { duplicates: 500, ..Appended::default() });
    assert_eq!(totals(path, ALL).calls, taken + 500);
    assert_sound(path);
}

#[test]
fn a_ledger_out_of_pages_loses_nothing_and_goes_on_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let mut ledger = writer(&path);
    ledger.connection.pragma_update_and_check(None, "max_page_count", 400, |_| Ok(())).unwrap();
    fills_and_recovers(&mut ledger, &path, |ledger| {
        ledger.connection.pragma_update_and_check(None, "max_page_count", 1_000_000, |_| Ok(())).unwrap();
    });
}

/// A file system of three megabytes in memory; unmounted when dropped.
#[cfg(target_os = "linux")]
struct SmallDisk(tempfile::TempDir);

#[cfg(target_os = "linux")]
impl SmallDisk {
    /// `None` where this user may not mount, which the output names. Where `CI` is set, nothing else stops the test.
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=3m", "tmpfs"])
            .arg(folder.path())
            .output();
        let reason = match mounted {
            Ok(output) if output.status.success() => return Some(Self(folder)),
            Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
            Err(error) => error.to_string(),
        };
        let refused = ["permission denied", "not permitted", "superuser", "only root"]
            .iter()
            .any(|words| reason.to_lowercase().contains(words));
        assert!(refused || std::env::var_os("CI").is_none(), "no file system can be mounted: {reason}");
        // Past the test harness, which shows nothing of a test that passes.
        let _ = writeln!(std::io::stderr(), "not run: no file system can be mounted: {}", reason.trim());
        None
    }
}

#[cfg(target_os = "linux")]
impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(self.0.path()).output();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_loses_nothing_and_goes_on_when_there_is_room() {
    let Some(disk) = SmallDisk::mount() else { return };
    let path = path(&disk.0);
    let ballast = disk.0.path().join("ballast");
    std::fs::write(&ballast, vec![0; 1_500_000]).unwrap();
    let mut ledger = writer(&path);
    fills_and_recovers(&mut ledger, &path, |_| std::fs::remove_file(&ballast).unwrap());
}
