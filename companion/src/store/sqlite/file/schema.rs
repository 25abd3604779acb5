//! The tables, and how an older file becomes a newer one.

use std::path::Path;

use rusqlite::Connection;

use crate::store::StoreError;
use crate::store::sqlite::file::error::store_error;
use crate::store::sqlite::file::salt::{number_instances, renumber_texts};
use crate::store::sqlite::file::watermarks::NEVER;

/// Marks the file as a ledger: "SPLG".
pub(crate) const APPLICATION_ID: i64 = 0x5350_4c47;

/// One script a version; the file's `user_version` is the number of scripts that ran. Scripts that were
/// released never change.
const MIGRATIONS: &[&str] = &[
    FIRST, SECOND, THIRD, FOURTH, FIFTH, SIXTH, SEVENTH, EIGHTH, NINTH, TENTH, ELEVENTH, TWELFTH, THIRTEENTH,
    FOURTEENTH,
];

/// The newest version this code reads.
pub(crate) const VERSION: i64 = MIGRATIONS.len() as i64;

/// `calls.id`: see `call_id`. Text that repeats is a number of `text`; what a call is counted under is a number
/// of `series`. Rollup ids: the bucket's first minute since 1970, then the series or the user (see `rollup::row`).
/// Days are days since 1970: `last_day` tells when nothing can refer to a row any more.
const FIRST: &str = "
CREATE TABLE state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE text (
    id INTEGER PRIMARY KEY AUTOINCREMENT, hash INTEGER NOT NULL, last_day INTEGER NOT NULL, value TEXT NOT NULL
);
CREATE INDEX text_hash ON text (hash);

CREATE TABLE series (
    id INTEGER PRIMARY KEY AUTOINCREMENT, last_day INTEGER NOT NULL,
    service INTEGER NOT NULL, provider INTEGER NOT NULL, model INTEGER NOT NULL,
    outcome INTEGER NOT NULL, cost_status INTEGER NOT NULL, error_type INTEGER
);
CREATE INDEX series_model ON series (model);

CREATE TABLE calls (
    id INTEGER PRIMARY KEY,
    series INTEGER NOT NULL, start INTEGER NOT NULL, duration INTEGER NOT NULL, first_chunk INTEGER,
    status_code INTEGER, flags INTEGER NOT NULL,
    input_tokens INTEGER, output_tokens INTEGER, cache_read_tokens INTEGER, cache_write_tokens INTEGER,
    reasoning_tokens INTEGER, cost INTEGER, user INTEGER, hash BLOB,
    trace_id BLOB NOT NULL, span_id BLOB NOT NULL, parent_span_id BLOB,
    operation INTEGER NOT NULL, request_model INTEGER, instance INTEGER, sequence INTEGER,
    price_source INTEGER, finish_reasons INTEGER, client_address TEXT, conversation_id TEXT,
    response_id TEXT, response_preview TEXT, error_message TEXT
);

CREATE TABLE series_minute (ROLLUP);
CREATE TABLE series_five (ROLLUP);
CREATE TABLE series_hour (ROLLUP);
CREATE TABLE user_five (ROLLUP);
CREATE TABLE user_hour (ROLLUP);

CREATE TABLE instance (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, service TEXT NOT NULL,
    highest INTEGER NOT NULL, last_end INTEGER NOT NULL
);
CREATE TABLE gap (
    instance INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, noticed INTEGER NOT NULL,
    PRIMARY KEY (instance, first)
) WITHOUT ROWID;
";

/// Totals over all series, and the request hashes that repeat: rows of `rollup::row::ALL`, see `repeats` for
/// `list`. They are made when a bucket closes, so a ledger from before has them from its next hour on.
const SECOND: &str = "
CREATE TABLE all_minute (ROLLUP);
CREATE TABLE all_five (ROLLUP);
CREATE TABLE all_hour (ROLLUP);
CREATE TABLE hash_five (
    id INTEGER PRIMARY KEY, hashed INTEGER NOT NULL, others INTEGER NOT NULL, list BLOB NOT NULL
);
CREATE TABLE hash_hour (
    id INTEGER PRIMARY KEY, hashed INTEGER NOT NULL, others INTEGER NOT NULL, list BLOB NOT NULL
);
INSERT INTO state (name, value)
    SELECT 'summed_from', coalesce(max((value + 59) / 60 * 60), NEVER) FROM state WHERE name = 'closed';
";

/// What else decided the price of a call: two numbers of `text`, and [`ModalityTokens`](crate::record::ModalityTokens)
/// as JSON. Calls from before have none of them.
const THIRD: &str = "
ALTER TABLE calls ADD COLUMN service_tier INTEGER;
ALTER TABLE calls ADD COLUMN server_address INTEGER;
ALTER TABLE calls ADD COLUMN modality_tokens TEXT;
";

/// The first version whose `calls` have the columns of [`THIRD`].
pub(crate) const WITH_PRICED_BY: i64 = 3;

/// The sender's own error type, where it differs from the kind of failure: `series.error_type` is the kind from here
/// on. And the spans about work with a model that were not recorded, by hour since 1970, scope and reason.
const FOURTH: &str = "
ALTER TABLE calls ADD COLUMN error_type INTEGER;
CREATE TABLE skipped (
    hour INTEGER NOT NULL, scope TEXT NOT NULL, reason TEXT NOT NULL, spans INTEGER NOT NULL,
    PRIMARY KEY (hour, scope, reason)
) WITHOUT ROWID;
";

/// The first version with what [`FOURTH`] added.
pub(crate) const WITH_ERROR_KINDS: i64 = 4;

/// One call, one row: see [`identity`](crate::store::identity). The instrumentation scope (a number of `text`), which
/// facts are another account's, and the account's own service where it is counted under another's. A row that is not
/// counted is marked in `flags`. `waiting` holds the rows of witnesses without a client's account, and of responses that
/// are to be fetched, with the time in nanoseconds at which that ends; `passage` the newest spans that are no calls.
const FIFTH: &str = "
ALTER TABLE calls ADD COLUMN scope INTEGER;
ALTER TABLE calls ADD COLUMN shared INTEGER;
ALTER TABLE calls ADD COLUMN own_service INTEGER;
CREATE TABLE waiting (id INTEGER PRIMARY KEY, until INTEGER NOT NULL);
CREATE INDEX waiting_until ON waiting (until);
CREATE TABLE passage (
    id INTEGER PRIMARY KEY, trace_id BLOB NOT NULL, span_id BLOB NOT NULL, parent_span_id BLOB, boundary INTEGER NOT NULL
);
";

/// The first version with what [`FIFTH`] added.
pub(crate) const WITH_ACCOUNTS: i64 = 5;

/// What else decided a price, as a number of `text` (a JSON list), and what the price tables give where the cost was
/// reported; in the rollups the calls with both, and both totals.
const SIXTH: &str = "
ALTER TABLE calls ADD COLUMN price_factors INTEGER;
ALTER TABLE calls ADD COLUMN computed_cost INTEGER;
ALTER TABLE series_minute ADD COLUMN reported INTEGER NOT NULL DEFAULT 0;
ALTER TABLE series_minute ADD COLUMN reported_cost INTEGER NOT NULL DEFAULT 0;
ALTER TABLE series_minute ADD COLUMN computed_cost INTEGER NOT NULL DEFAULT 0;
ALTER TABLE series_five ADD COLUMN reported INTEGER NOT NULL DEFAULT 0;
ALTER TABLE series_five ADD COLUMN reported_cost INTEGER NOT NULL DEFAULT 0;
ALTER TABLE series_five ADD COLUMN computed_cost INTEGER NOT NULL DEFAULT 0;
ALTER TABLE series_hour ADD COLUMN reported INTEGER NOT NULL DEFAULT 0;
ALTER TABLE series_hour ADD COLUMN reported_cost INTEGER NOT NULL DEFAULT 0;
ALTER TABLE series_hour ADD COLUMN computed_cost INTEGER NOT NULL DEFAULT 0;
ALTER TABLE all_minute ADD COLUMN reported INTEGER NOT NULL DEFAULT 0;
ALTER TABLE all_minute ADD COLUMN reported_cost INTEGER NOT NULL DEFAULT 0;
ALTER TABLE all_minute ADD COLUMN computed_cost INTEGER NOT NULL DEFAULT 0;
ALTER TABLE all_five ADD COLUMN reported INTEGER NOT NULL DEFAULT 0;
ALTER TABLE all_five ADD COLUMN reported_cost INTEGER NOT NULL DEFAULT 0;
ALTER TABLE all_five ADD COLUMN computed_cost INTEGER NOT NULL DEFAULT 0;
ALTER TABLE all_hour ADD COLUMN reported INTEGER NOT NULL DEFAULT 0;
ALTER TABLE all_hour ADD COLUMN reported_cost INTEGER NOT NULL DEFAULT 0;
ALTER TABLE all_hour ADD COLUMN computed_cost INTEGER NOT NULL DEFAULT 0;
ALTER TABLE user_five ADD COLUMN reported INTEGER NOT NULL DEFAULT 0;
ALTER TABLE user_five ADD COLUMN reported_cost INTEGER NOT NULL DEFAULT 0;
ALTER TABLE user_five ADD COLUMN computed_cost INTEGER NOT NULL DEFAULT 0;
ALTER TABLE user_hour ADD COLUMN reported INTEGER NOT NULL DEFAULT 0;
ALTER TABLE user_hour ADD COLUMN reported_cost INTEGER NOT NULL DEFAULT 0;
ALTER TABLE user_hour ADD COLUMN computed_cost INTEGER NOT NULL DEFAULT 0;
";

/// The first version with what [`SIXTH`] added.
pub(crate) const WITH_REPORTED_COSTS: i64 = 6;

/// What journals report of processes: how one ended (see `enum_codes`) and when that was reported, and the numbers of calls
/// that its journal dropped, with the time between which those were made.
const SEVENTH: &str = "
ALTER TABLE instance ADD COLUMN ended INTEGER;
ALTER TABLE instance ADD COLUMN reported INTEGER;
ALTER TABLE instance ADD COLUMN lost_from INTEGER;
ALTER TABLE instance ADD COLUMN lost_to INTEGER;
CREATE TABLE lost (
    instance INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, PRIMARY KEY (instance, first)
) WITHOUT ROWID;
";

/// The first version with what [`SEVENTH`] added.
pub(crate) const WITH_PROCESSES: i64 = 7;

/// The whole key of a series, or a new one would be compared with all series of its model.
const EIGHTH: &str = "
CREATE INDEX series_key ON series (model, error_type, service, provider, outcome, cost_status);
";

/// Pages have checksums, which older versions would not write: `file::open` makes room for them.
const NINTH: &str = "";

/// A secret number, and the microsecond up to which calls may have been placed without it: see `salt`. Numbers of a process
/// are those of one service, so that no other service can give numbers under its name.
const TENTH: &str = "
INSERT OR IGNORE INTO state (name, value) VALUES ('salt', random());
INSERT OR REPLACE INTO state (name, value) SELECT 'unsalted_to', max(id) >> 9 FROM calls HAVING count(*) > 0;
CREATE TABLE instance_of_service (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, service TEXT NOT NULL,
    highest INTEGER NOT NULL, last_end INTEGER NOT NULL,
    ended INTEGER, reported INTEGER, lost_from INTEGER, lost_to INTEGER, UNIQUE (name, service)
);
INSERT INTO instance_of_service (id, name, service, highest, last_end, ended, reported, lost_from, lost_to)
    SELECT id, name, service, highest, last_end, ended, reported, lost_from, lost_to FROM instance;
DROP TABLE instance;
ALTER TABLE instance_of_service RENAME TO instance;
";
const WITH_SALT: i64 = 10;

/// The tags that calls are counted under, and those of a call whose series has others: numbers of `text`, a JSON object.
const ELEVENTH: &str = "
ALTER TABLE series ADD COLUMN tags INTEGER;
ALTER TABLE calls ADD COLUMN tags INTEGER;
DROP INDEX series_key;
CREATE INDEX series_key ON series (model, error_type, service, provider, outcome, cost_status, tags);
";

/// The first version with what [`ELEVENTH`] added.
pub(crate) const WITH_TAGS: i64 = 11;

/// Calls of each credential by hour since 1970 and service: the fingerprint that applications opted in to.
const TWELFTH: &str = "
CREATE TABLE IF NOT EXISTS key_hour (
    hour INTEGER NOT NULL, key TEXT NOT NULL, service TEXT NOT NULL, calls INTEGER NOT NULL,
    PRIMARY KEY (hour, key, service)
) WITHOUT ROWID;
";

/// The first version with what [`TWELFTH`] added.
pub(crate) const WITH_KEYS: i64 = 12;

/// More of what journals report of processes: how many dropped calls `lost` does not name, and how many calls could not be
/// written down before the process died.
const THIRTEENTH: &str = "
ALTER TABLE instance ADD COLUMN lost_unnamed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE instance ADD COLUMN skipped INTEGER NOT NULL DEFAULT 0;
";

/// The first version with what [`THIRTEENTH`] added.
pub(crate) const WITH_SKIPPED_CALLS: i64 = 13;

/// The indexes of texts and of instances are tables of their own, so that new rows can move to them together: see `by_hash`. They
/// have those up to the numbers `texts_indexed` and `instances_indexed`.
const FOURTEENTH: &str = "
CREATE TABLE text_by_hash (hash INTEGER NOT NULL, id INTEGER NOT NULL, PRIMARY KEY (hash, id)) WITHOUT ROWID;
INSERT INTO text_by_hash (hash, id) SELECT hash, id FROM text ORDER BY hash, id;
INSERT INTO state (name, value) SELECT 'texts_indexed', coalesce(max(id), 0) FROM text;
DROP INDEX text_hash;
CREATE TABLE hashed_instance (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, service TEXT NOT NULL,
    highest INTEGER NOT NULL, last_end INTEGER NOT NULL,
    ended INTEGER, reported INTEGER, lost_from INTEGER, lost_to INTEGER,
    lost_unnamed INTEGER NOT NULL DEFAULT 0, skipped INTEGER NOT NULL DEFAULT 0, hash INTEGER NOT NULL DEFAULT 0
);
INSERT INTO hashed_instance
    SELECT id, name, service, highest, last_end, ended, reported, lost_from, lost_to, lost_unnamed, skipped, 0 FROM instance;
DROP TABLE instance;
ALTER TABLE hashed_instance RENAME TO instance;
CREATE TABLE instance_by_hash (hash INTEGER NOT NULL, id INTEGER NOT NULL, PRIMARY KEY (hash, id)) WITHOUT ROWID;
INSERT INTO state (name, value) VALUES ('instances_indexed', 0);
";

/// The first version with what [`FOURTEENTH`] added.
pub(crate) const WITH_INDEXES_BY_HASH: i64 = 14;

/// The columns that every rollup table of totals has had since the first version.
const ROLLUP: &str = "
    id INTEGER PRIMARY KEY, calls INTEGER NOT NULL, succeeded INTEGER NOT NULL, failed INTEGER NOT NULL,
    unauthorized INTEGER NOT NULL, rate_limited INTEGER NOT NULL, without_usage INTEGER NOT NULL,
    unpriced INTEGER NOT NULL, input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
    cache_read_tokens INTEGER NOT NULL, cache_write_tokens INTEGER NOT NULL,
    reasoning_tokens INTEGER NOT NULL, cost INTEGER NOT NULL, duration INTEGER NOT NULL, latency BLOB
";

/// Whether the file is empty, a ledger this code reads, or neither.
pub(crate) fn check(connection: &Connection, path: &Path) -> Result<i64, StoreError> {
    let ask = |pragma: &str| {
        connection
            .query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, i64>(0))
            .map_err(|error| store_error(path, &error))
    };
    let (application, version) = (ask("application_id")?, ask("user_version")?);
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(|error| store_error(path, &error))?;
    let new = application == 0 && version == 0 && tables == 0;
    if application != APPLICATION_ID && !new {
        let detail = format!("application id {application:#x}, expected {APPLICATION_ID:#x}");
        return Err(StoreError::Damaged { path: path.to_path_buf(), detail });
    }
    if version > VERSION {
        return Err(StoreError::Newer { path: path.to_path_buf(), found: version, supported: VERSION });
    }
    Ok(version)
}

/// Brings a file that [`check`] found good to [`VERSION`], each step whole or not at all.
pub(crate) fn migrate(connection: &mut Connection, version: i64) -> rusqlite::Result<()> {
    for (step, script) in (1_i64..).zip(MIGRATIONS) {
        if step <= version {
            continue;
        }
        let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let script = script.replace("ROLLUP", ROLLUP).replace("NEVER", &NEVER.to_string());
        transaction.execute_batch(&script)?;
        if step == WITH_SALT {
            renumber_texts(&transaction)?;
        }
        if step == WITH_INDEXES_BY_HASH {
            number_instances(&transaction)?;
        }
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", step)?;
        transaction.commit()?;
    }
    Ok(())
}
