//! Where the silences of a ledger are kept: in a file next to it, or with it in a ClickHouse, where every companion and every
//! command has the same ones.

use std::path::{Path, PathBuf};

use super::Silence;
use super::file::{self, FileError, KEPT, MOST};
use crate::record::Timestamp;
use crate::store::StoreError;
use crate::store::clickhouse::{SilenceRow, SilenceTable};

/// The silences of a ledger.
#[derive(Debug, Clone)]
pub(crate) enum SilenceKeeper {
    /// Next to this ledger.
    File(PathBuf),
    /// With the ledger.
    Tables(SilenceTable),
}

impl From<PathBuf> for SilenceKeeper {
    fn from(ledger: PathBuf) -> Self {
        Self::File(ledger)
    }
}

impl From<&Path> for SilenceKeeper {
    fn from(ledger: &Path) -> Self {
        Self::File(ledger.to_path_buf())
    }
}

impl From<&str> for SilenceKeeper {
    fn from(ledger: &str) -> Self {
        Self::File(ledger.into())
    }
}

impl From<StoreError> for FileError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl SilenceKeeper {
    /// The silences, over or not, by their number.
    ///
    /// # Errors
    /// A text for people when they cannot be read.
    pub(crate) fn read(&self) -> Result<Vec<Silence>, String> {
        match self {
            Self::File(ledger) => file::read(ledger),
            Self::Tables(table) => {
                let rows = table.read().map_err(|error| error.to_string())?;
                rows.iter().map(silence_of).collect()
            }
        }
    }

    /// Adds a silence, and gives it its number.
    ///
    /// # Errors
    /// [`FileError`] when there are too many, or they cannot be read or written.
    pub(crate) fn add(&self, silence: Silence, now: Timestamp) -> Result<u64, FileError> {
        let table = match self {
            Self::File(ledger) => return file::add(ledger, silence, now),
            Self::Tables(table) => table,
        };
        let known = self.read().map_err(FileError::Failed)?;
        if known.iter().filter(|known| now < known.end()).count() >= MOST {
            return Err(file::too_many());
        }
        let id = table.add(silence.end().0, |id| text_of(&Silence { id, ..silence.clone() }))?;
        // After that, so that no number is given again.
        let over = now.plus_seconds(-KEPT);
        if known.iter().any(|known| known.end() < over) {
            table.forget(over.0)?;
        }
        Ok(id)
    }

    /// Ends a silence now.
    ///
    /// # Errors
    /// [`FileError`] when there is none of this number that is not over, or they cannot be read or written.
    pub(crate) fn expire(&self, id: u64, by: &str, now: Timestamp) -> Result<(), FileError> {
        let table = match self {
            Self::File(ledger) => return file::expire(ledger, id, by, now),
            Self::Tables(table) => table,
        };
        let rows = table.read()?;
        let row = rows.iter().find(|row| row.id == id).ok_or_else(|| file::not_there(id))?;
        let mut silence = silence_of(row).map_err(FileError::Failed)?;
        if now >= silence.end() {
            return Err(file::not_there(id));
        }
        silence.expired = Some((now, by.to_owned()));
        Ok(table.change(row, silence.end().0, text_of(&silence))?)
    }
}

fn text_of(silence: &Silence) -> String {
    serde_json::to_string(silence).unwrap_or_default()
}

fn silence_of(row: &SilenceRow) -> Result<Silence, String> {
    serde_json::from_str(&row.text).map_err(|error| format!("silence {} cannot be read: {error}", row.id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::silence::Via;
    use crate::silence::draft::Draft;
    use crate::store::clickhouse::ClickHouseAppender;
    use crate::store::clickhouse::tests::{engine, options};

    const NOW: Timestamp = Timestamp(1_795_435_200 * Timestamp::SECOND);

    fn silence(comment: &str) -> Silence {
        let draft = Draft {
            matchers: vec!["service=shop".parse().unwrap()],
            from: None,
            seconds: 3_600,
            by: "ann".to_owned(),
            comment: comment.to_owned(),
            via: Via::Page,
        };
        draft.silence(NOW).unwrap()
    }

    #[test]
    fn silences_of_tables_are_those_of_every_companion() {
        if engine::address().is_none() {
            return;
        }
        let options = options();
        let _keep = engine::Database::of(&options);
        drop(ClickHouseAppender::open(&options).unwrap());
        let open = || SilenceKeeper::Tables(SilenceTable::open(&options).unwrap());
        let (one, other) = (open(), open());
        assert_eq!(one.read().unwrap(), []);
        assert_eq!(one.add(silence("it's \\ \"quoted\""), NOW).unwrap(), 1);
        assert_eq!(other.add(silence("two"), NOW).unwrap(), 2);
        let read = one.read().unwrap();
        assert_eq!(read, other.read().unwrap());
        assert_eq!((read[0].id, read[0].comment.as_str()), (1, "it's \\ \"quoted\""));
        other.expire(1, "bob", NOW.plus_seconds(60)).unwrap();
        assert_eq!(one.read().unwrap()[0].expired, Some((NOW.plus_seconds(60), "bob".to_owned())));
        let refused = one.expire(1, "bob", NOW.plus_seconds(90)).unwrap_err();
        assert_eq!(refused.to_string(), "there is no silence 1 that is not over");
        assert!(matches!(one.expire(9, "bob", NOW), Err(FileError::Refused(_))));
        // Those that were over long ago are deleted when one is added, and numbers are not given twice.
        let later = NOW.plus_seconds(200 * 86_400);
        let three = Silence { from: later, until: later.plus_seconds(60), ..silence("three") };
        assert_eq!(one.add(three, later).unwrap(), 3);
        let left: Vec<u64> = one.read().unwrap().iter().map(|silence| silence.id).collect();
        assert_eq!(left, [3]);
    }

    #[test]
    fn silences_that_are_added_at_the_same_time_are_all_there() {
        if engine::address().is_none() {
            return;
        }
        let options = options();
        let _keep = engine::Database::of(&options);
        drop(ClickHouseAppender::open(&options).unwrap());
        let mut ids: Vec<u64> = std::thread::scope(|scope| {
            let add = |number: usize| {
                let keeper = SilenceKeeper::Tables(SilenceTable::open(&options).unwrap());
                move || keeper.add(silence(&number.to_string()), NOW).unwrap()
            };
            let adding: Vec<_> = (0..6).map(|number| scope.spawn(add(number))).collect();
            adding.into_iter().map(|adding| adding.join().unwrap()).collect()
        });
        let read = SilenceKeeper::Tables(SilenceTable::open(&options).unwrap()).read().unwrap();
        assert_eq!(read.len(), 6, "{read:?}");
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 6);
    }
}
