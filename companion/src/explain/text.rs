//! One call for a terminal.

use super::bill::{BillView, LineView, money};
use super::timeline::Mark;
use super::{CallRow, Explained};
use crate::text::number::{count, in_seconds, or_dash, seconds, usd_column};
use crate::text::table::{Align, Table};
use crate::text::terminal::{Ink, Terminal, fit, harmless};
use crate::text::wrap::wrap;

/// Columns of a bar.
const BAR: usize = 40;

/// Everything about a call as text.
pub(crate) fn to_text(call: &Explained, terminal: Terminal) -> String {
    let mut out = format!("call {}\n\n", call.id);
    for sentence in &call.summary {
        wrap(&mut out, "", &harmless(sentence), terminal.columns);
    }
    heading("Timeline", terminal, &mut out);
    timeline(&call.timeline, &mut out);
    heading("Bill", terminal, &mut out);
    bill(&call.bill, terminal, &mut out);
    heading("Recorded", terminal, &mut out);
    for fact in &call.recorded {
        let value = fact.value.as_deref().map_or_else(|| "–".to_owned(), harmless);
        out.push_str(&format!("  {:<25}  {value}", fact.name));
        if let Some(sent) = &fact.sent {
            out.push_str(&terminal.paint(Ink::Dim, &format!("  sent: {}", harmless(sent))));
        }
        out.push('\n');
    }
    heading("Calls of this trace", terminal, &mut out);
    trace(call, terminal, &mut out);
    out
}

fn heading(title: &str, terminal: Terminal, out: &mut String) {
    out.push('\n');
    out.push_str(&terminal.paint(Ink::Bold, title));
    out.push('\n');
}

/// A bar from `from` to `to` within `whole`; at least one column.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "columns of a bar"
)]
pub(crate) fn bar(from: i64, to: i64, whole: i64, columns: usize, fill: char) -> String {
    let at = |nanos: i64| ((nanos.max(0) as f64 / whole.max(1) as f64) * columns as f64).round() as usize;
    let begin = at(from).min(columns.saturating_sub(1));
    let end = at(to).clamp(begin + 1, columns.max(begin + 1));
    let mut bar = " ".repeat(begin);
    bar.extend(std::iter::repeat_n(fill, end - begin));
    bar.extend(std::iter::repeat_n(' ', columns.saturating_sub(end)));
    bar
}

fn timeline(marks: &[Mark], out: &mut String) {
    let whole = marks.last().map_or(0, |mark| mark.at_ns);
    for (index, mark) in marks.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|index| marks.get(index)).map_or(0, |mark| mark.at_ns);
        // Waiting is drawn light, receiving dark.
        let fill = if index + 1 == marks.len() && marks.len() > 2 { '█' } else { '░' };
        let bar = if index == 0 { " ".repeat(BAR) } else { bar(before, mark.at_ns, whole, BAR, fill) };
        let at = seconds(in_seconds(mark.at_ns));
        out.push_str(format!("  {at:>10}  {bar}  {}", mark.what).trim_end());
        out.push('\n');
    }
}

/// `$2.50 per million`.
pub(crate) fn price(line: &LineView) -> String {
    let usd = format!("{:.9}", line.price_usd);
    let short = usd.trim_end_matches('0');
    let decimals = short.len() - short.find('.').map_or(0, |dot| dot + 1);
    let usd = format!("${}{}", short, "0".repeat(2_usize.saturating_sub(decimals)));
    match line.per {
        1_000_000 => format!("{usd} per million"),
        1 => format!("{usd} each"),
        per => format!("{usd} per {}", count(per)),
    }
}

fn bill(bill: &BillView, terminal: Terminal, out: &mut String) {
    if !bill.lines.is_empty() {
        let columns = [
            ("item", Align::Left),
            ("quantity", Align::Right),
            ("price", Align::Right),
            ("amount", Align::Right),
        ];
        let mut table = Table::new(0, &columns);
        for line in &bill.lines {
            table.push(vec![harmless(&line.item), count(line.quantity), price(line), money(line.nano_usd)]);
        }
        if let Some(total) = bill.computed_nano_usd {
            let name = format!("total by {}", bill.table.as_deref().unwrap_or("an unknown table"));
            table.push(vec![harmless(&name), String::new(), String::new(), money(total)]);
        }
        table.write(out, terminal, 2);
    }
    let cost = or_dash(bill.cost_nano_usd, money);
    let source =
        bill.price_source.as_deref().map_or_else(String::new, |source| format!(", by {}", harmless(source)));
    let same = if bill.adds_up { ", the total to the nano-dollar" } else { "" };
    out.push_str(&format!("  in the ledger: {cost} ({}{source}){same}\n", bill.cost_status));
    for note in &bill.notes {
        wrap(out, "  ", &harmless(note), terminal.columns);
    }
}

fn trace(explained: &Explained, terminal: Terminal, out: &mut String) {
    let calls = &explained.trace;
    let from = calls.iter().map(|call| call.start_ns).min().unwrap_or(0);
    let nanos = |call: &CallRow| nanoseconds(call.duration_seconds);
    let to = calls.iter().map(|call| call.start_ns.saturating_add(nanos(call))).max().unwrap_or(0);
    let columns = [
        ("", Align::Left),
        ("span id", Align::Left),
        ("after", Align::Right),
        ("took", Align::Right),
        ("model", Align::Left),
        ("outcome", Align::Left),
        ("cost", Align::Right),
        ("", Align::Left),
    ];
    let mut table = Table::new(4, &columns);
    for (call, cost) in calls.iter().zip(usd_column(calls.iter().map(CallRow::cost))) {
        let begin = call.start_ns.saturating_sub(from);
        let end = begin.saturating_add(nanos(call));
        let this = if call.id == explained.id { ">" } else { "" };
        let outcome = if call.counted { call.ending() } else { "not counted".to_owned() };
        table.push(vec![
            this.to_owned(),
            call.span_id.clone(),
            seconds(in_seconds(begin)),
            seconds(call.duration_seconds),
            fit(&harmless(&call.model), 24),
            outcome,
            cost,
            bar(begin, end, to.saturating_sub(from), 10, '█').trim_end().to_owned(),
        ]);
    }
    table.write(out, terminal, 2);
}

/// Seconds as whole nanoseconds.
#[expect(clippy::cast_possible_truncation, reason = "casts saturate")]
pub(crate) fn nanoseconds(seconds: f64) -> i64 {
    (seconds * 1e9).round() as i64
}
