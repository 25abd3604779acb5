//! Forgetting instances when too many are followed.

use std::collections::BTreeSet;

use crate::store::sqlite::write::gaps::FORGOT;
use crate::store::sqlite::write::transaction::Transaction;

/// The instances to forget, so that who makes up instances erases no evidence of others: those of the services with the
/// most of them, of one service those without a gap before those with one, and the longest silent first.
const CHOSEN: &str = "SELECT id, service FROM (
        SELECT id, service, gaps, last_end, row_number() OVER (PARTITION BY service ORDER BY gaps DESC, last_end DESC) AS place
        FROM (SELECT *, EXISTS (SELECT 1 FROM gap WHERE gap.instance = instance.id AND first > 0)
            OR EXISTS (SELECT 1 FROM lost WHERE lost.instance = instance.id) AS gaps FROM instance)
    ) ORDER BY place DESC, gaps, last_end LIMIT ?1";
/// Services of which it is noted that instances were forgotten; with more it is noted of all.
const NOTED: usize = 100;

impl Transaction<'_> {
    /// Forgets `surplus` instances. What unknown instances of their services numbered before their first call here may
    /// have come, and is not missing from then on.
    pub(super) fn forget_instances(&self, surplus: i64) -> rusqlite::Result<()> {
        let mut chosen = self.sql.prepare_cached(CHOSEN)?;
        let chosen: Vec<(i64, String)> =
            chosen.query_map([surplus], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
        let mut gaps = self.sql.prepare_cached("DELETE FROM gap WHERE instance = ?1")?;
        let mut lost = self.sql.prepare_cached("DELETE FROM lost WHERE instance = ?1")?;
        let mut instance = self.sql.prepare_cached("DELETE FROM instance WHERE id = ?1")?;
        for (id, _) in &chosen {
            gaps.execute([id])?;
            lost.execute([id])?;
            instance.execute([id])?;
        }
        let services: BTreeSet<String> =
            chosen.into_iter().map(|(_, service)| format!("{FORGOT} {service}")).collect();
        let mut note =
            self.sql.prepare_cached("INSERT OR REPLACE INTO state (name, value) VALUES (?1, 1)")?;
        let noted: i64 = self
            .sql
            .prepare_cached("SELECT count(*) FROM state WHERE name LIKE ?1 || ' %'")?
            .query_row([FORGOT], |row| row.get(0))?;
        if usize::try_from(noted).unwrap_or(NOTED) + services.len() > NOTED {
            return note.execute([FORGOT]).map(drop);
        }
        for service in services {
            note.execute([service])?;
        }
        Ok(())
    }
}
