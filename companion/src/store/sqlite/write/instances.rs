//! Forgetting instances when too many are followed.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use crate::store::sqlite::write::gaps::FORGOT;
use crate::store::sqlite::write::transaction::Transaction;

/// Of each instance when it made its last call, and whether it has numbers that are missing.
const KNOWN: &str = "SELECT id, service, last_end,
        EXISTS (SELECT 1 FROM gap WHERE gap.instance = instance.id AND first > 0)
        OR EXISTS (SELECT 1 FROM lost WHERE lost.instance = instance.id) AS gaps FROM instance";
/// One in so many of the bound is chosen ahead: choosing reads all instances.
const AHEAD: usize = 10;
/// Services of which it is noted that instances were forgotten; with more it is noted of all.
const NOTED: usize = 100;

/// An instance that goes next, as it was when it was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Chosen {
    gaps: bool,
    last_end: i64,
    id: i64,
}

impl Transaction<'_> {
    /// Forgets `surplus` instances. What unknown instances of their services numbered before their first call here may
    /// have come, and is not missing from then on.
    pub(super) fn forget_instances(&mut self, surplus: usize) -> rusqlite::Result<()> {
        let mut services = BTreeSet::new();
        let left = self.forget_chosen(surplus, &mut services)?;
        if left > 0 {
            self.sequences.chosen = self.choose(left + self.limits.instances / AHEAD)?;
            self.forget_chosen(left, &mut services)?;
        }
        self.sequences.forget_cached();
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
            note.execute([format!("{FORGOT} {service}")])?;
        }
        Ok(())
    }

    /// Forgets at most `surplus` of those that were chosen and did nothing since; tells how many are left to forget.
    fn forget_chosen(&mut self, surplus: usize, services: &mut BTreeSet<String>) -> rusqlite::Result<usize> {
        let mut known = self.sql.prepare_cached(&format!("{KNOWN} WHERE id = ?1"))?;
        let mut gaps = self.sql.prepare_cached("DELETE FROM gap WHERE instance = ?1")?;
        let mut lost = self.sql.prepare_cached("DELETE FROM lost WHERE instance = ?1")?;
        let mut forgotten = Vec::new();
        while forgotten.len() < surplus
            && let Some(chosen) = self.sequences.chosen.pop()
        {
            let mut rows = known.query([chosen.id])?;
            let Some(row) = rows.next()? else { continue };
            if (row.get(2)?, row.get(3)?) != (chosen.last_end, chosen.gaps) {
                continue;
            }
            services.insert(row.get(1)?);
            drop(rows);
            gaps.execute([chosen.id])?;
            lost.execute([chosen.id])?;
            forgotten.push(chosen.id);
        }
        self.sequences.rows.delete(self.sql, &forgotten)?;
        Ok(surplus - forgotten.len())
    }

    /// The instances to forget, the first of them last, so that who makes up instances erases no evidence of others: those of the
    /// services with the most of them, of one service those without a gap before those with one, and the longest silent first.
    fn choose(&self, wanted: usize) -> rusqlite::Result<Vec<Chosen>> {
        let mut of_services: HashMap<String, Vec<Chosen>> = HashMap::new();
        let mut known = self.sql.prepare_cached(KNOWN)?;
        let mut rows = known.query([])?;
        while let Some(row) = rows.next()? {
            let service = row.get_ref(1)?.as_str()?;
            let one = Chosen { id: row.get(0)?, last_end: row.get(2)?, gaps: row.get(3)? };
            match of_services.get_mut(service) {
                Some(of_service) => of_service.push(one),
                None => drop(of_services.insert(service.to_owned(), vec![one])),
            }
        }
        let mut all = Vec::new();
        for mut of_service in of_services.into_values() {
            of_service.sort_unstable_by_key(|one| Reverse(*one));
            all.extend(of_service.into_iter().enumerate().map(|(place, one)| (place, Reverse(one))));
        }
        all.sort_unstable();
        let first = all.len().saturating_sub(wanted);
        Ok(all.drain(first..).map(|(_, Reverse(one))| one).collect())
    }
}
