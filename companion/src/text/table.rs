//! Rows under headings, as wide as their content needs and no wider than the terminal.

use unicode_width::UnicodeWidthStr as _;

use super::terminal::{Ink, Terminal, fit};
use super::wrap::wrap;

/// How a cell is aligned in its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    /// Names.
    Left,
    /// Numbers.
    Right,
}

/// A table whose first column gives way when the terminal is narrow. Cells must be harmless already.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<String>>,
    give: usize,
}

/// Between two columns.
const GAP: usize = 2;
/// A note begins so many columns behind its row.
const NOTE: usize = 4;
/// A column that gives way keeps at least this much.
const LEAST: usize = 10;

impl Table {
    /// An empty table. The column with the number `give` is cut when the rows are too wide.
    pub(crate) fn new(give: usize, columns: &[(&'static str, Align)]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new(), give }
    }

    /// Adds a row of as many cells as there are columns.
    pub(crate) fn push(&mut self, cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.columns.len());
        self.rows.push(cells);
    }

    /// Leaves columns out while the rows are wider than the terminal: those with these numbers, the first first.
    pub(crate) fn leave_out(&mut self, numbers: &[usize], terminal: Terminal) {
        let mut left: Vec<usize> = (0..self.columns.len()).collect();
        for number in numbers {
            if self.needed() <= terminal.columns {
                return;
            }
            let Some(at) = left.iter().position(|column| column == number) else { continue };
            left.remove(at);
            self.columns.remove(at);
            self.rows.iter_mut().for_each(|row| drop(row.remove(at)));
            if at < self.give {
                self.give -= 1;
            }
        }
    }

    /// Writes headings and rows, each line behind `indent` spaces.
    pub(crate) fn write(&self, out: &mut String, terminal: Terminal, indent: usize) {
        self.write_with_notes(out, terminal, indent, &[]);
    }

    /// The same with the note of each row below it: what is too long for a column. An empty one has no line.
    pub(crate) fn write_with_notes(
        &self,
        out: &mut String,
        terminal: Terminal,
        indent: usize,
        notes: &[String],
    ) {
        let widths = self.widths(terminal.columns.saturating_sub(indent));
        let titles: Vec<&str> = self.columns.iter().map(|(title, _)| *title).collect();
        let head = self.line(&widths, &titles, indent);
        out.push_str(&terminal.paint(Ink::Dim, &head));
        out.push('\n');
        let below = " ".repeat(indent + NOTE);
        for (number, row) in self.rows.iter().enumerate() {
            let cells: Vec<&str> = row.iter().map(String::as_str).collect();
            out.push_str(&self.line(&widths, &cells, indent));
            out.push('\n');
            if let Some(note) = notes.get(number).filter(|note| !note.is_empty()) {
                wrap(out, &below, note, terminal.columns);
            }
        }
    }

    /// The width of each column with nothing cut.
    fn whole(&self) -> Vec<usize> {
        let whole = |i: usize| {
            let cells = self.rows.iter().map(|row| row[i].width()).max().unwrap_or(0);
            cells.max(self.columns[i].0.width())
        };
        (0..self.columns.len()).map(whole).collect()
    }

    /// The width of a row with nothing cut.
    fn needed(&self) -> usize {
        let widths = self.whole();
        widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
    }

    fn widths(&self, available: usize) -> Vec<usize> {
        let (mut widths, wanted) = (self.whole(), self.needed());
        if let Some(give) = widths.get_mut(self.give) {
            *give = give.saturating_sub(wanted.saturating_sub(available)).max(LEAST.min(*give));
        }
        widths
    }

    fn line(&self, widths: &[usize], cells: &[&str], indent: usize) -> String {
        let mut line = " ".repeat(indent);
        for (i, ((cell, width), (_, align))) in cells.iter().zip(widths).zip(&self.columns).enumerate() {
            if i > 0 {
                line.push_str(&" ".repeat(GAP));
            }
            let text = fit(cell, *width);
            let pad = " ".repeat(width.saturating_sub(text.width()));
            match align {
                Align::Left => line.extend([text, pad]),
                Align::Right => line.extend([pad, text]),
            }
        }
        line.trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_giving_column_is_cut_until_the_row_fits() {
        let mut table = Table::new(0, &[("Name", Align::Left), ("Calls", Align::Right)]);
        table.push(vec!["a-very-long-model-name-of-a-gateway".to_owned(), "12,345".to_owned()]);
        table.push(vec!["short".to_owned(), "7".to_owned()]);
        let mut out = String::new();
        table.write(&mut out, Terminal { colour: false, columns: 30 }, 2);
        assert_eq!(
            out,
            "  Name                   Calls\n  a-very-long-model-n…  12,345\n  short                      7\n"
        );
        assert!(out.lines().all(|line| line.width() <= 30));
    }
    #[test]
    fn columns_are_left_out_until_the_row_fits() {
        let columns =
            [("Name", Align::Left), ("Window", Align::Right), ("For", Align::Right), ("Since", Align::Left)];
        let written = |columns_of_terminal: usize| {
            let mut table = Table::new(3, &columns);
            table.push(["rate", "5m", "1m", "2026-11-02"].map(str::to_owned).to_vec());
            let terminal = Terminal { colour: false, columns: columns_of_terminal };
            table.leave_out(&[2, 1], terminal);
            let mut out = String::new();
            table.write(&mut out, terminal, 0);
            out
        };
        assert_eq!(written(29), "Name  Window  For  Since\nrate      5m   1m  2026-11-02\n");
        assert_eq!(written(28), "Name  Window  Since\nrate      5m  2026-11-02\n");
        assert_eq!(written(23), "Name  Since\nrate  2026-11-02\n");
        // No narrower than with the columns that stay.
        assert_eq!(written(10), written(16));
    }
}
