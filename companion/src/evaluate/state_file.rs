//! The state of alerts over a restart: one small JSON file next to the ledger.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::alert::{Alert, NotificationLog};
use crate::store::private_file;

/// What survives a restart.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Saved {
    /// Of the file's format.
    pub version: u32,
    /// All alerts that are not inactive.
    pub alerts: Vec<Alert>,
    /// What each notifier has sent, by its name.
    #[serde(default, alias = "told")]
    pub notified: BTreeMap<String, NotificationLog>,
}

const VERSION: u32 = 1;

/// The file `<ledger>.alerts.json`. A write is whole or not at all.
#[derive(Debug)]
pub(crate) struct StateFile {
    path: PathBuf,
    saved: Mutex<Saved>,
    mirror: Option<Mirror>,
    /// Whether the last change could not be written.
    unsaved: AtomicBool,
}

/// Keeps what is saved in another place as well, where another companion may take over.
pub(crate) struct Mirror(Box<Keep>);

type Keep = dyn Fn(&str) -> Result<(), String> + Send + Sync;

impl Mirror {
    pub(crate) fn new(keep: impl Fn(&str) -> Result<(), String> + Send + Sync + 'static) -> Self {
        Self(Box::new(keep))
    }
}

impl std::fmt::Debug for Mirror {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mirror").finish_non_exhaustive()
    }
}

impl StateFile {
    /// Where the state of the alerts over `ledger` is kept.
    #[must_use]
    pub(crate) fn path_beside(ledger: &Path) -> PathBuf {
        let mut name = ledger.as_os_str().to_owned();
        name.push(".alerts.json");
        PathBuf::from(name)
    }

    /// Reads the state next to `ledger`; without a file there is none. A file that cannot be understood is put
    /// aside as `.bad` with a warning, and the alerts start again: a broken memory must not keep the rules from
    /// running.
    ///
    /// # Errors
    /// When the file exists and cannot be read, or a broken one cannot be put aside.
    pub(crate) fn open(ledger: &Path) -> io::Result<Self> {
        let path = Self::path_beside(ledger);
        let saved = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Saved::default(),
            Err(error) => return Err(error),
            Ok(bytes) => match parse(&bytes) {
                Ok(saved) => saved,
                Err(reason) => {
                    let aside = path.with_extension("json.bad");
                    fs::rename(&path, &aside)?;
                    tracing::warn!(
                        path = %path.display(), kept = %aside.display(), %reason,
                        "the state of the alerts cannot be read, starting without it"
                    );
                    Saved::default()
                }
            },
        };
        Ok(Self { path, saved: Mutex::new(saved), mirror: None, unsaved: AtomicBool::new(false) })
    }

    /// As [`Self::open`], with what the mirror has kept instead of what the file says, and keeps it there from now on.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(crate) fn mirrored(ledger: &Path, kept: Option<&str>, mirror: Mirror) -> io::Result<Self> {
        let mut opened = Self::open(ledger)?;
        let kept = kept.map(|text| parse(text.as_bytes()).map_err(io::Error::other)).transpose()?;
        opened.saved = Mutex::new(kept.unwrap_or_default());
        opened.mirror = Some(mirror);
        Ok(opened)
    }

    /// What is saved next to `ledger`, without touching the file: nothing when there is none or it is broken.
    #[must_use]
    pub(crate) fn peek(ledger: &Path) -> Saved {
        let bytes = fs::read(Self::path_beside(ledger)).unwrap_or_default();
        parse(&bytes).unwrap_or_default()
    }

    /// What a mirror has kept; nothing when that is broken.
    #[must_use]
    pub(crate) fn parsed(text: &str) -> Saved {
        parse(text.as_bytes()).unwrap_or_default()
    }

    /// What is saved now.
    #[must_use]
    pub(crate) fn get(&self) -> Saved {
        self.saved.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes the state and writes it, if it became another. Blocks on the disk.
    ///
    /// # Errors
    /// When the file cannot be written; the state in memory has changed all the same.
    pub(crate) fn update(&self, change: impl FnOnce(&mut Saved)) -> io::Result<()> {
        let mut saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner);
        let before = saved.clone();
        change(&mut saved);
        saved.version = VERSION;
        if *saved == before && !self.unsaved.load(Ordering::Relaxed) {
            return Ok(());
        }
        // What could not be written is written with the next change, or when it is asked for again.
        self.unsaved.store(true, Ordering::Relaxed);
        // The mirror is what the next companion reads.
        if let Some(mirror) = &self.mirror {
            mirror.0(&serde_json::to_string(&*saved)?).map_err(io::Error::other)?;
        }
        self.write(&saved)?;
        self.unsaved.store(false, Ordering::Relaxed);
        Ok(())
    }

    fn write(&self, saved: &Saved) -> io::Result<()> {
        let unfinished = self.path.with_extension("json.new");
        // One that a crash left behind may have another mode.
        match fs::remove_file(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = private_file::options().create_new(true).write(true).open(&unfinished)?;
        file.write_all(&serde_json::to_vec_pretty(saved)?)?;
        file.sync_all()?;
        fs::rename(&unfinished, &self.path)
    }
}

fn parse(bytes: &[u8]) -> Result<Saved, String> {
    let saved: Saved = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if saved.version != VERSION {
        return Err(format!("version {} is not {VERSION}", saved.version));
    }
    Ok(saved)
}
