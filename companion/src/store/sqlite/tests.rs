use std::path::PathBuf;

use super::*;
use crate::store::conformance::{TestStore, store_conformance};

mod conformance {
    use super::*;

    fn open() -> TestStore {
        let folder = tempfile::tempdir().unwrap();
        let path = path(&folder);
        let appender = Box::new(Ledger::open_writer(&path, &Options::default()).unwrap());
        let querier = Box::new(Ledger::open_reader(&path).unwrap());
        TestStore { appender, querier, _keep: Box::new(folder) }
    }

    store_conformance!(open);
}

fn path(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("ledger.db")
}
