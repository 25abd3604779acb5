//! How long calls usually take by the number of their tokens.

use super::cell::Cell;
use super::history::History;
use super::{DAY, LAG};

/// Seconds for each call, for each output token and for each input token.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Durations {
    call: f64,
    output: f64,
    input: f64,
}

impl Durations {
    /// How long these calls take together as a rule.
    pub(crate) fn of(&self, cell: &Cell) -> f64 {
        self.call * f64::from(cell.calls)
            + self.output * f64::from(cell.output_tokens)
            + self.input * f64::from(cell.input_tokens)
    }
}

impl History {
    /// The least squares over the cells of the day before, none of them below zero. `None` of fewer than six hours.
    pub(crate) fn durations(&self, now: i64) -> Option<Durations> {
        // Added products of (calls, output, input, duration). The calls scale each cell: a busy one counts more.
        let mut products = [[0.0_f64; 4]; 4];
        let mut cells = 0;
        for (_, cell) in self.cells(now - DAY..now - LAG).filter(|(_, cell)| cell.calls > 0.0) {
            let row = [cell.calls, cell.output_tokens, cell.input_tokens, cell.duration].map(f64::from);
            for (i, a) in row.iter().enumerate() {
                for (j, b) in row.iter().enumerate() {
                    products[i][j] += a * b / row[0];
                }
            }
            cells += 1;
        }
        if cells < 72 {
            return None;
        }
        // The best of all choices of terms that leaves none below zero.
        let mut best: Option<(f64, [f64; 3])> = None;
        for chosen in 1..8_usize {
            let terms: Vec<usize> = (0..3).filter(|term| chosen >> term & 1 == 1).collect();
            let Some(factors) = solve(&products, &terms) else { continue };
            if factors.iter().any(|factor| *factor < 0.0) {
                continue;
            }
            let mut all = [0.0; 3];
            for (term, factor) in terms.iter().zip(&factors) {
                all[*term] = *factor;
            }
            // What is left of the squares: smaller is better.
            let explained: f64 = terms.iter().map(|term| all[*term] * products[*term][3]).sum();
            if best.is_none_or(|(most, _)| explained > most) {
                best = Some((explained, all));
            }
        }
        best.map(|(_, [call, output, input])| Durations { call, output, input })
    }
}

/// Solves the normal equations of `terms` by elimination.
fn solve(products: &[[f64; 4]; 4], terms: &[usize]) -> Option<Vec<f64>> {
    let size = terms.len();
    let mut rows: Vec<Vec<f64>> = terms
        .iter()
        .map(|i| terms.iter().map(|j| products[*i][*j]).chain([products[*i][3]]).collect())
        .collect();
    for column in 0..size {
        let pivot =
            (column..size).max_by(|a, b| rows[*a][column].abs().total_cmp(&rows[*b][column].abs()))?;
        rows.swap(column, pivot);
        let head = rows[column].clone();
        // Terms that say the same cannot be distinguished.
        if head[column].abs() <= 1e-9 * products[terms[column]][terms[column]].max(f64::MIN_POSITIVE) {
            return None;
        }
        for row in rows.iter_mut().skip(column + 1) {
            let factor = row[column] / head[column];
            for (value, above) in row.iter_mut().zip(&head) {
                *value -= factor * above;
            }
        }
    }
    let mut found = vec![0.0; size];
    for row in (0..size).rev() {
        let known: f64 = (row + 1..size).map(|column| rows[row][column] * found[column]).sum();
        found[row] = (rows[row][size] - known) / rows[row][row];
    }
    Some(found)
}
