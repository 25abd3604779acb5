//! Which file system a directory is on: on some of them a journal is no journal.

use std::path::Path;

/// What keeps a journal from doing its work there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    /// Gone with the machine, and often with the container.
    Memory,
    /// Locks and writes over a network: a dead owner may hold its lock, and a write may wait for another machine.
    Network,
}

/// Types as the kernel names them.
const MEMORY: [&str; 2] = ["tmpfs", "ramfs"];
const NETWORK: [&str; 12] = [
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "afs",
    "9p",
    "ceph",
    "lustre",
    "glusterfs",
    "fuse.sshfs",
    "fuse.glusterfs",
];

/// Why a directory's file system is unfit, with the type's name. `None` where that is not known.
pub(super) fn unfit(directory: &Path) -> Option<(Unfit, String)> {
    let kind = kind(directory)?;
    if MEMORY.contains(&kind.as_str()) {
        Some((Unfit::Memory, kind))
    } else if NETWORK.contains(&kind.as_str()) {
        Some((Unfit::Network, kind))
    } else {
        None
    }
}

#[cfg(target_os = "linux")]
fn kind(directory: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let device = std::fs::metadata(directory).ok()?.dev();
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    // Linux's encoding of a device number.
    let major = (device >> 8) & 0xfff | (device >> 32) & !0xfff;
    let minor = device & 0xff | (device >> 12) & !0xff;
    find(&mounts, &format!("{major}:{minor}")).map(str::to_owned)
}

#[cfg(not(target_os = "linux"))]
fn kind(_directory: &Path) -> Option<String> {
    None
}

/// The type of a device's file system, from the text of `/proc/self/mountinfo` (proc(5)): the third field is the
/// device, and the type is the first after a lone hyphen.
#[cfg(any(target_os = "linux", test))]
fn find<'a>(mounts: &'a str, device: &str) -> Option<&'a str> {
    mounts.lines().find_map(|line| {
        let mut fields = line.split(' ');
        (fields.nth(2)? == device).then_some(())?;
        fields.skip_while(|field| *field != "-").nth(1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_type_by_the_device() {
        let mounts = "22 28 0:21 / /proc rw,nosuid - proc proc rw\n\
                      28 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n\
                      40 28 0:37 / /mnt/nfs\\040share rw shared:9 master:3 - nfs4 host:/share rw,vers=4.2\n";
        assert_eq!(find(mounts, "254:0"), Some("ext4"));
        assert_eq!(find(mounts, "0:37"), Some("nfs4"));
        assert_eq!(find(mounts, "9:9"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn knows_memory_from_disk_on_this_machine() {
        if let Some((unfit, kind)) = unfit(Path::new("/dev/shm")) {
            assert_eq!((unfit, kind.as_str()), (Unfit::Memory, "tmpfs"));
        }
        assert_eq!(kind(Path::new("/proc")).as_deref(), Some("proc"));
    }
}
