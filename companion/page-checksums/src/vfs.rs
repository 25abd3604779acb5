//! Opening databases through [`CheckedFile`].

use std::ffi::{CStr, c_int};
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::OnceLock;

use rusqlite::ffi::{
    SQLITE_ERROR, SQLITE_FCNTL_FILE_POINTER, SQLITE_FCNTL_RESERVE_BYTES, SQLITE_IOERR_SHORT_READ, SQLITE_OK,
    SQLITE_OPEN_MAIN_DB, sqlite3_file, sqlite3_file_control, sqlite3_filename, sqlite3_int64, sqlite3_vfs,
    sqlite3_vfs_find, sqlite3_vfs_register,
};
use rusqlite::{Connection, OpenFlags};

use crate::file::{CheckedFile, inner};
use crate::page::{self, RESERVED};

/// The name under which SQLite knows the functions; its own extension has another.
const NAME: &CStr = c"spanledger-page-checksums";

/// The system's functions with another one for opening.
#[repr(C)]
struct Vfs {
    base: sqlite3_vfs,
    /// The system's own.
    system: *mut sqlite3_vfs,
}

/// Opens a database whose checksums, where it has any, are written and compared.
///
/// # Errors
/// What SQLite reports.
pub fn open(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    static REGISTERED: OnceLock<c_int> = OnceLock::new();
    result(*REGISTERED.get_or_init(register))?;
    Connection::open_with_flags_and_vfs(path, flags, NAME)
}

/// Reads the beginning of a database's file, at most `bytes` of it, through SQLite. A handle of the process's own must not be
/// used where a connection of the process may have the file open: when it is closed, the system drops all POSIX locks of the
/// process on the file, and another program takes itself for the only one that has it open.
///
/// # Errors
/// What SQLite reports, for example of a file that does not exist.
pub fn beginning(path: &Path, bytes: usize) -> rusqlite::Result<Vec<u8>> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    let mut buffer = vec![0; bytes];
    let mut size: sqlite3_int64 = 0;
    // SAFETY: the connection is open until the end, and with it the file that the operation gives; the buffer has room for
    // as many bytes as are asked for.
    unsafe {
        let mut file: *mut sqlite3_file = std::ptr::null_mut();
        let place = std::ptr::from_mut(&mut file).cast();
        result(sqlite3_file_control(
            connection.handle(),
            c"main".as_ptr(),
            SQLITE_FCNTL_FILE_POINTER,
            place,
        ))?;
        let methods = file.as_ref().and_then(|file| file.pMethods.as_ref());
        let Some((read, length)) = methods.and_then(|methods| methods.xRead.zip(methods.xFileSize)) else {
            return result(SQLITE_ERROR).map(|()| Vec::new());
        };
        result(length(file, &mut size))?;
        buffer.truncate(usize::try_from(size).unwrap_or(0));
        let amount = c_int::try_from(buffer.len()).unwrap_or(0);
        match read(file, buffer.as_mut_ptr().cast(), amount, 0) {
            // It became shorter in between.
            SQLITE_IOERR_SHORT_READ => buffer.clear(),
            code => result(code)?,
        }
    }
    Ok(buffer)
}

/// Writes the checksum of each page of a file with room for them, which no one else has open.
///
/// # Errors
/// When the file cannot be read or written.
pub fn seal(path: &Path, page_size: usize) -> std::io::Result<()> {
    let mut file = File::options().read(true).write(true).open(path)?;
    let mut page = vec![0; page_size];
    for number in 0..file.metadata()?.len() / page_size as u64 {
        let place = SeekFrom::Start(number * page_size as u64);
        file.seek(place)?;
        file.read_exact(&mut page)?;
        page::seal(&mut page);
        file.seek(place)?;
        file.write_all(&page)?;
    }
    file.sync_all()
}

fn result(code: c_int) -> rusqlite::Result<()> {
    match code {
        SQLITE_OK => Ok(()),
        code => Err(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None)),
    }
}

/// Makes room for a checksum on each page: of a new database with its first write, of another with the next `VACUUM`.
///
/// # Errors
/// What SQLite reports.
pub fn make_room(connection: &Connection) -> rusqlite::Result<()> {
    let mut bytes = c_int::from(RESERVED);
    // SAFETY: the connection is open for as long as it is borrowed; the operation reads and writes one integer.
    let code = unsafe {
        let bytes = std::ptr::from_mut(&mut bytes).cast();
        sqlite3_file_control(connection.handle(), c"main".as_ptr(), SQLITE_FCNTL_RESERVE_BYTES, bytes)
    };
    result(code)
}

fn register() -> c_int {
    // SAFETY: the system's functions are there as long as the process. All of them but the one for opening take the place
    // of the system's structure for granted nowhere but in its common part, which is copied. Ours is never freed.
    unsafe {
        let system = sqlite3_vfs_find(std::ptr::null());
        if system.is_null() {
            return SQLITE_ERROR;
        }
        let own = size_of::<CheckedFile>() as c_int;
        let base = sqlite3_vfs {
            szOsFile: (*system).szOsFile + own,
            pNext: std::ptr::null_mut(),
            zName: NAME.as_ptr(),
            xOpen: Some(open_file),
            ..*system
        };
        let vfs = Box::into_raw(Box::new(Vfs { base, system }));
        sqlite3_vfs_register(vfs.cast(), 0)
    }
}

unsafe extern "C" fn open_file(
    vfs: *mut sqlite3_vfs,
    name: sqlite3_filename,
    file: *mut sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    // SAFETY: SQLite calls with the structure that was registered, and with memory for a file of its size.
    unsafe {
        let system = (*vfs.cast::<Vfs>()).system;
        let Some(open) = (*system).xOpen else { return SQLITE_ERROR };
        // Only pages have checksums of ours. The log has its own, and is what the system makes it.
        if flags & SQLITE_OPEN_MAIN_DB == 0 {
            return open(system, name, file, flags, out);
        }
        (*file).pMethods = std::ptr::null();
        let code = open(system, name, inner(file), flags, out);
        if code == SQLITE_OK {
            CheckedFile::begin(file);
        }
        code
    }
}
