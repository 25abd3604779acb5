//! What was counted by series in each of many stretches.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use crate::record::{ENVIRONMENT, Timestamp, Window};
use crate::store::Filter;
use crate::store::history::{SeriesNames, SeriesSum};
use crate::store::sqlite::file::names::Series;
use crate::store::sqlite::read::scan::{SeriesMemo, Snapshot};
use crate::store::sqlite::rollup::plan::{Part, series_parts};
use crate::store::sqlite::rollup::row::{NUMBERS, read_buckets, read_totals, row_key, row_range};

impl Snapshot<'_> {
    pub(crate) fn history(&self, edges: &[Timestamp]) -> rusqlite::Result<Vec<Vec<SeriesSum>>> {
        let filter = Filter::default();
        let mut memo = SeriesMemo::new(self, &filter);
        // Each name is made once for all stretches.
        let mut names: HashMap<i64, Arc<SeriesNames>> = HashMap::new();
        let stretches = edges.windows(2).map(|pair| {
            let window = Window { from: pair[0], to: pair[1] };
            self.stretch(window, &mut memo, &mut names)
        });
        stretches.collect()
    }

    fn stretch(
        &self,
        window: Window,
        memo: &mut SeriesMemo<'_>,
        names: &mut HashMap<i64, Arc<SeriesNames>>,
    ) -> rusqlite::Result<Vec<SeriesSum>> {
        let mut sums: HashMap<i64, SeriesSum> = HashMap::new();
        for part in series_parts(window, &self.watermarks) {
            match part {
                Part::Calls(window) => self.scan(window, &Filter::default(), |facts, _| {
                    let name = names.entry(facts.series_id).or_insert_with(|| named(&facts.series));
                    let sum = sums.entry(facts.series_id);
                    sum.or_insert_with(|| SeriesSum::empty(Arc::clone(name))).count(&facts.measures);
                    Ok(())
                })?,
                Part::Rollup(table, minutes) => {
                    let sql = format!(
                        "SELECT id, {}, latency FROM {} WHERE id >= ?1 AND id < ?2",
                        self.columns.totals,
                        table.name()
                    );
                    let mut statement = self.connection.prepare_cached(&sql)?;
                    let mut rows = statement.query(row_range(&minutes))?;
                    while let Some(row) = rows.next()? {
                        let number = row_key(row.get(0)?).1;
                        let Some(series) = memo.get(number)? else { continue };
                        let name = names.entry(number).or_insert_with(|| named(series));
                        let sum = sums.entry(number).or_insert_with(|| SeriesSum::empty(Arc::clone(name)));
                        sum.totals.absorb(&read_totals(row, 1)?);
                        if let Some(bytes) = row.get_ref(1 + NUMBERS)?.as_blob_or_null()? {
                            read_buckets(bytes, &mut sum.latencies)?;
                        }
                    }
                }
            }
        }
        // Series that only other tags tell apart are one here.
        let mut by_name: HashMap<Arc<SeriesNames>, SeriesSum> = HashMap::with_capacity(sums.len());
        for sum in sums.into_values() {
            match by_name.entry(Arc::clone(&sum.names)) {
                Entry::Occupied(mut known) => known.get_mut().absorb(&sum),
                Entry::Vacant(new) => drop(new.insert(sum)),
            }
        }
        Ok(by_name.into_values().collect())
    }
}

fn named(series: &Series) -> Arc<SeriesNames> {
    Arc::new(SeriesNames {
        service: Arc::clone(&series.service),
        environment: series.tags.get(ENVIRONMENT).map(Into::into),
        provider: Arc::clone(&series.provider),
        model: Arc::clone(&series.model),
        outcome: series.outcome.as_str(),
        cost_status: series.cost_status.as_str(),
        error: series.error_type.clone(),
    })
}
