//! A database's file as SQLite sees it: the system's own, with a checksum written into each page and compared at each read.

use std::cell::Cell;
use std::ffi::{c_int, c_void};

use rusqlite::ffi::{
    SQLITE_IOCAP_SUBPAGE_READ, SQLITE_IOERR, SQLITE_IOERR_DATA, SQLITE_NOTFOUND, SQLITE_OK, sqlite3_file,
    sqlite3_int64, sqlite3_io_methods,
};

use crate::page::{RESERVED, is_intact, is_size, reserved, seal};

thread_local! {
    /// The page at which this thread's last read failed.
    static FAULT: Cell<Option<u64>> = const { Cell::new(None) };
}

/// The number, from 1, of the page that did not match its checksum when this thread last read one that did not. The next
/// call gives `None` unless another was read.
#[must_use]
pub fn take_fault() -> Option<u64> {
    FAULT.take()
}

/// What SQLite allocates for an open file, zeroed: this, and after it what the system's own functions ask for.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct CheckedFile {
    base: sqlite3_file,
    /// Whether the first page, as it was last read or written, has room for checksums.
    checked: bool,
}

impl CheckedFile {
    /// Takes over an open file.
    ///
    /// # Safety
    /// `file` is what SQLite has allocated for a file of our size, and the system has opened the file behind it.
    pub(crate) unsafe fn begin(file: *mut sqlite3_file) {
        // SAFETY: the caller's promise; an open file of the system's has methods.
        unsafe {
            let inner = &*(*inner(file)).pMethods;
            let shares_memory = inner.iVersion >= 2 && inner.xShmMap.is_some();
            let base = sqlite3_file { pMethods: if shares_memory { &SHARED } else { &ALONE } };
            file.cast::<Self>().write(Self { base, checked: false });
        }
    }
}

/// The system's own file.
///
/// # Safety
/// `file` is one of ours.
pub(crate) unsafe fn inner(file: *mut sqlite3_file) -> *mut sqlite3_file {
    // SAFETY: it is allocated together with ours, right after it.
    unsafe { file.cast::<CheckedFile>().add(1).cast() }
}

unsafe extern "C" fn read(
    file: *mut sqlite3_file,
    buffer: *mut c_void,
    amount: c_int,
    offset: sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite calls with an open file of ours and a buffer of `amount` bytes.
    let (code, bytes, own) = unsafe {
        let code = read_inner(file, buffer, amount, offset);
        let bytes = std::slice::from_raw_parts(buffer.cast::<u8>(), usize::try_from(amount).unwrap_or(0));
        (code, bytes, &mut *file.cast::<CheckedFile>())
    };
    if code != SQLITE_OK {
        return code;
    }
    note_header(own, bytes, offset);
    if own.checked && is_size(bytes.len()) && !is_intact(bytes) {
        FAULT.set(Some((offset / sqlite3_int64::from(amount)).cast_unsigned() + 1));
        return SQLITE_IOERR_DATA;
    }
    SQLITE_OK
}

unsafe extern "C" fn write(
    file: *mut sqlite3_file,
    buffer: *const c_void,
    amount: c_int,
    offset: sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite calls with an open file of ours and a buffer of `amount` bytes. The buffer is a page of its cache or
    // one that it copies pages through, both of them its own and writable; the reserved bytes mean nothing to it.
    unsafe {
        let own = &mut *file.cast::<CheckedFile>();
        let length = usize::try_from(amount).unwrap_or(0);
        note_header(own, std::slice::from_raw_parts(buffer.cast::<u8>(), length), offset);
        if own.checked && is_size(length) {
            seal(std::slice::from_raw_parts_mut(buffer.cast_mut().cast::<u8>(), length));
        }
        write_inner(file, buffer, amount, offset)
    }
}

/// The room for checksums grows from none to eight bytes when a database is rewritten, the first page first.
fn note_header(own: &mut CheckedFile, bytes: &[u8], offset: sqlite3_int64) {
    if offset == 0
        && let Some(reserved) = reserved(bytes)
    {
        own.checked = reserved == RESERVED;
    }
}

unsafe extern "C" fn device_characteristics(file: *mut sqlite3_file) -> c_int {
    // SAFETY: SQLite calls with an open file of ours. Parts of pages have no checksum, so pages are read whole.
    unsafe { device_characteristics_inner(file) & !SQLITE_IOCAP_SUBPAGE_READ }
}

/// A mapped page would be read without a comparison.
unsafe extern "C" fn fetch(
    _: *mut sqlite3_file,
    _: sqlite3_int64,
    _: c_int,
    page: *mut *mut c_void,
) -> c_int {
    // SAFETY: SQLite calls with a place for the pointer.
    unsafe { *page = std::ptr::null_mut() };
    SQLITE_OK
}

unsafe extern "C" fn unfetch(_: *mut sqlite3_file, _: sqlite3_int64, _: *mut c_void) -> c_int {
    SQLITE_OK
}

/// Functions that hand on to the system's own file.
macro_rules! forward {
    ($($name:ident to $method:ident($($argument:ident: $kind:ty),*) or $absent:expr;)*) => { $(
        unsafe extern "C" fn $name(file: *mut sqlite3_file $(, $argument: $kind)*) -> c_int {
            // SAFETY: SQLite calls with an open file of ours, whose inner file is open with methods of its own.
            unsafe {
                let inner = inner(file);
                match (*(*inner).pMethods).$method {
                    Some(method) => method(inner $(, $argument)*),
                    None => $absent,
                }
            }
        }
    )* };
}

forward! {
    close to xClose() or SQLITE_OK;
    read_inner to xRead(buffer: *mut c_void, amount: c_int, offset: sqlite3_int64) or SQLITE_IOERR;
    write_inner to xWrite(buffer: *const c_void, amount: c_int, offset: sqlite3_int64) or SQLITE_IOERR;
    truncate to xTruncate(size: sqlite3_int64) or SQLITE_IOERR;
    sync to xSync(flags: c_int) or SQLITE_IOERR;
    file_size to xFileSize(size: *mut sqlite3_int64) or SQLITE_IOERR;
    lock to xLock(level: c_int) or SQLITE_IOERR;
    unlock to xUnlock(level: c_int) or SQLITE_IOERR;
    check_reserved_lock to xCheckReservedLock(held: *mut c_int) or SQLITE_IOERR;
    file_control to xFileControl(operation: c_int, argument: *mut c_void) or SQLITE_NOTFOUND;
    sector_size to xSectorSize() or 0;
    device_characteristics_inner to xDeviceCharacteristics() or 0;
    shm_map to xShmMap(region: c_int, size: c_int, extend: c_int, place: *mut *mut c_void) or SQLITE_IOERR;
    shm_lock to xShmLock(offset: c_int, number: c_int, flags: c_int) or SQLITE_IOERR;
    shm_unmap to xShmUnmap(delete: c_int) or SQLITE_OK;
}

unsafe extern "C" fn shm_barrier(file: *mut sqlite3_file) {
    // SAFETY: as in the functions above.
    unsafe {
        let inner = inner(file);
        if let Some(method) = (*(*inner).pMethods).xShmBarrier {
            method(inner);
        }
    }
}

/// For a file that only one connection can have open: without shared memory.
static ALONE: sqlite3_io_methods = sqlite3_io_methods {
    iVersion: 1,
    xShmMap: None,
    xShmLock: None,
    xShmBarrier: None,
    xShmUnmap: None,
    xFetch: None,
    xUnfetch: None,
    ..SHARED_METHODS
};

const SHARED_METHODS: sqlite3_io_methods = sqlite3_io_methods {
    iVersion: 3,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: Some(fetch),
    xUnfetch: Some(unfetch),
};
static SHARED: sqlite3_io_methods = SHARED_METHODS;
