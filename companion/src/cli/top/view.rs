//! How `top` looks: made for 80 columns and 24 lines, and better with more.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Margin, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize as _};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Block, Cell, Clear, Paragraph, Row, Table, TableState};

use super::state::{Over, Pane, State};
use crate::explain::{CallRow, to_text};
use crate::live::{Figures, Firing, MINUTE, Named};
use crate::record::{NanoUsd, Timestamp};
use crate::text::number::{compact, count, number, or_dash, percent, seconds, share, usd};
use crate::text::seconds::in_words;
use crate::text::terminal::{Terminal, fit, harmless, sparkline};
use crate::text::time::format;

/// Rules that are listed; more are counted.
const RULES: usize = 4;
/// From this width on calls have their service.
const WIDE: u16 = 110;
/// Columns of a cost: `$0.000000001` is whole.
const COST: u16 = 12;

const KEYS: &str = "\
Tab             move between names and calls
up, down, j, k  select; PgUp, PgDn, Home, End
Enter           show the call, or only calls of the name
m u s p         list models, users, services, providers
t               list the values of a tag, then of the next
o               sort names by the next column
/               filter by text; Enter keeps it, Esc ends it
Esc             back: text, then the name
Space           pause and go on
f               follow the newest call
r               ask at once
q, Ctrl-C       end

any key goes back";

/// Draws the whole view.
pub(super) fn draw(frame: &mut Frame<'_>, state: &mut State) {
    let rules = state.live.rules.len().min(RULES + 1);
    let rules = u16::try_from(rules).unwrap_or(0);
    let height = frame.area().height.saturating_sub(5 + rules);
    let names = u16::try_from(state.names().len())
        .unwrap_or(u16::MAX)
        .saturating_add(2)
        .clamp(3, (height / 2).max(3));
    let rows = [
        Constraint::Length(1),
        Constraint::Length(2),
        Constraint::Length(1),
        Constraint::Length(rules),
        Constraint::Length(names),
        Constraint::Min(3),
        Constraint::Length(1),
    ];
    let [title, figures, trend, alerts, by, calls, keys] = Layout::vertical(rows).areas(frame.area());
    frame.render_widget(title_line(state), title);
    frame.render_widget(figure_lines(&state.live.minute, state.live.missing), figures);
    frame.render_widget(trend_line(state, trend.width), trend);
    frame.render_widget(rule_lines(&state.live.rules, state.live.at_ns, alerts.width), alerts);
    names_table(frame, by, state);
    calls_table(frame, calls, state);
    frame.render_widget(key_line(state), keys);
    match &mut state.over {
        Over::Nothing => {}
        Over::Keys => cover(frame, " Keys ", &Text::raw(KEYS), 0),
        Over::Call(call, scroll) => {
            let area = frame.area().inner(Margin { horizontal: 2, vertical: 1 });
            let text = to_text(call, Terminal { colour: false, columns: usize::from(area.width) });
            let lines = u16::try_from(text.lines().count()).unwrap_or(u16::MAX);
            // The end stays in view.
            *scroll = (*scroll).min(lines.saturating_sub(area.height.saturating_sub(1)));
            cover(frame, " Call: arrows scroll, Esc goes back ", &Text::raw(text), *scroll);
        }
    }
}

/// Text over everything else.
fn cover(frame: &mut Frame<'_>, title: &str, text: &Text<'_>, scroll: u16) {
    let area = frame.area();
    frame.render_widget(Clear, area);
    let block = Block::bordered().title(title.to_owned());
    frame.render_widget(Paragraph::new(text.clone()).scroll((scroll, 0)).block(block), area);
}

fn title_line(state: &State) -> Line<'static> {
    let at = match state.live.at_ns {
        0 => "waiting".to_owned(),
        at => format(Timestamp(at), "%H:%M:%S UTC"),
    };
    let mut spans = vec![
        "spanledger top ".bold(),
        Span::raw(format!("{} ", fit(&harmless(&state.source), 40))),
        at.dim(),
    ];
    if let Some((by, name)) = &state.only {
        spans.push(format!("  only {} {}", by.title().to_lowercase(), fit(&harmless(name), 24)).bold());
    }
    if state.paused() {
        spans.push("  paused".yellow());
    }
    Line::from(spans)
}

#[expect(clippy::cast_precision_loss, reason = "rates for display")]
fn figure_lines(minute: &Figures, missing: u64) -> Text<'static> {
    let failed = match share(minute.failed, minute.calls) {
        Some(ratio) if minute.failed > 0 => {
            format!("{} failed ({})", count(minute.failed), percent(ratio)).red()
        }
        _ => Span::raw("0 failed"),
    };
    let per_hour = minute.cost_nano_usd.map(|cost| NanoUsd(cost.saturating_mul(3600 / MINUTE)));
    let first = Line::from(vec![
        Span::raw(format!("{} calls/min  ", count(minute.calls))).bold(),
        failed,
        Span::raw(format!("  {} tokens/s", number(minute.tokens as f64 / MINUTE as f64))),
        Span::raw(format!("  {}/h", or_dash(per_hour, usd))).bold(),
        match minute.unpriced {
            0 => Span::raw(""),
            unpriced => format!("  {} unpriced", count(unpriced)).yellow(),
        },
    ]);
    let mut second = vec![Span::raw(format!(
        "latency p50 {}  p95 {}  first chunk p50 {}",
        or_dash(minute.p50_seconds, seconds),
        or_dash(minute.p95_seconds, seconds),
        or_dash(minute.first_chunk_p50_seconds, seconds)
    ))];
    if missing > 0 {
        second.push(format!("  {} missing in 24 h", count(missing)).red());
    }
    Text::from(vec![first, Line::from(second)])
}

#[expect(clippy::cast_precision_loss, reason = "heights for display")]
fn trend_line(state: &State, width: u16) -> Line<'static> {
    if let Some(error) = &state.error {
        return Line::from(fit(&harmless(error), usize::from(width)).red());
    }
    let room = usize::from(width.saturating_sub(11));
    let skip = state.history.len().saturating_sub(room);
    let values: Vec<f64> = state.history.iter().skip(skip).map(|calls| *calls as f64).collect();
    Line::from(vec!["calls/min ".dim(), Span::raw(sparkline(&values))])
}

fn rule_lines(rules: &[Firing], now_ns: i64, width: u16) -> Text<'static> {
    let style = |rule: &Firing| match (rule.state.as_str(), rule.severity.as_str()) {
        ("firing", "critical") => Style::new().fg(Color::Red).add_modifier(Modifier::BOLD),
        ("firing", "warning") => Style::new().fg(Color::Yellow),
        _ => Style::new(),
    };
    let line = |rule: &Firing| {
        let since = rule.since_ns.map_or_else(String::new, |since| {
            format!(" for {}", in_words(now_ns.saturating_sub(since).max(0) / Timestamp::SECOND))
        });
        let labels: String = rule.labels.iter().map(|(name, value)| format!(" {name}={value}")).collect();
        let text = format!(
            "{} {}{since}: {}, threshold {}{labels}",
            rule.state, rule.name, rule.value, rule.threshold
        );
        Line::styled(fit(&harmless(&text), usize::from(width)), style(rule))
    };
    let mut lines: Vec<Line<'static>> = rules.iter().take(RULES).map(line).collect();
    if rules.len() > RULES {
        lines.push(Line::from(format!("and {} more", rules.len() - RULES)).dim());
    }
    Text::from(lines)
}

fn right(text: String) -> Cell<'static> {
    Cell::from(Text::from(text).right_aligned())
}

fn list_block(title: String, focused: bool) -> Block<'static> {
    let style = if focused {
        Style::new().add_modifier(Modifier::BOLD)
    } else {
        Style::new().add_modifier(Modifier::DIM)
    };
    Block::new().title(Span::styled(title, style))
}

fn render_list(frame: &mut Frame<'_>, area: Rect, table: Table<'_>, selected: Option<usize>, focused: bool) {
    let chosen = if focused { Style::new().add_modifier(Modifier::REVERSED) } else { Style::new() };
    let mut at = TableState::new().with_selected(selected);
    frame.render_stateful_widget(table.row_highlight_style(chosen), area, &mut at);
}

fn names_table(frame: &mut Frame<'_>, area: Rect, state: &State) {
    let row = |named: &&Named| {
        let figures = &named.figures;
        let name = if named.name.is_empty() { "(none)".to_owned() } else { harmless(&named.name) };
        Row::new(vec![
            Cell::from(name),
            right(count(figures.calls)),
            right(count(figures.failed)),
            right(compact(figures.tokens)),
            right(or_dash(figures.cost_nano_usd.map(NanoUsd), usd)),
            right(or_dash(figures.mean_seconds, seconds)),
        ])
    };
    let titles = [state.by.title(), "calls", "failed", "tokens", "cost", "mean"];
    let header = titles.iter().enumerate().map(|(at, title)| match at {
        0 => Cell::from(""),
        _ => right((*title).to_owned()),
    });
    let widths = [
        Constraint::Min(16),
        Constraint::Length(7),
        Constraint::Length(7),
        Constraint::Length(8),
        Constraint::Length(COST),
        Constraint::Length(9),
    ];
    let names = state.names();
    let focused = state.pane == Pane::Names;
    let title = format!("{} of the last minute, by {}", harmless(&state.listed()), state.sort.title());
    let table = Table::new(names.iter().map(row), widths)
        .header(Row::new(header).dim())
        .block(list_block(title, focused));
    render_list(frame, area, table, state.selected(Pane::Names), focused);
}

fn calls_table(frame: &mut Frame<'_>, area: Rect, state: &State) {
    let wide = area.width >= WIDE;
    let row = |call: &&CallRow| {
        let style = if call.failed { Style::new().fg(Color::Red) } else { Style::new() };
        let tokens = match (call.input_tokens, call.output_tokens) {
            (None, None) => None,
            (input, output) => Some(input.unwrap_or(0).saturating_add(output.unwrap_or(0))),
        };
        let mut cells = vec![
            Cell::from(format(Timestamp(call.start_ns), "%H:%M:%S")),
            Cell::from(harmless(&call.model)),
            Cell::from(call.ending()),
            right(or_dash(tokens, compact)),
            right(or_dash(call.cost(), usd)),
            right(seconds(call.duration_seconds)),
            Cell::from(harmless(call.user.as_deref().unwrap_or("–"))),
        ];
        if wide {
            cells.push(Cell::from(harmless(&call.service)));
        }
        Row::new(cells).style(style)
    };
    let mut widths = vec![
        Constraint::Length(8),
        Constraint::Min(14),
        Constraint::Length(13),
        Constraint::Length(6),
        Constraint::Length(COST),
        Constraint::Length(8),
        Constraint::Length(12),
    ];
    let mut titles = vec!["start", "model", "outcome", "tokens", "cost", "took", "user"];
    if wide {
        widths.push(Constraint::Length(20));
        titles.push("service");
    }
    let calls = state.calls();
    let focused = state.pane == Pane::Calls;
    let header = titles.iter().map(|title| match *title {
        "tokens" | "cost" | "took" => right((*title).to_owned()),
        title => Cell::from(title),
    });
    let title = if state.follow { "Newest calls, following" } else { "Newest calls" };
    let table = Table::new(calls.iter().map(row), widths)
        .header(Row::new(header.collect::<Vec<_>>()).dim())
        .block(list_block(title.to_owned(), focused));
    render_list(frame, area, table, state.selected(Pane::Calls), focused);
}

fn key_line(state: &State) -> Line<'static> {
    if state.typing {
        return Line::from(vec![Span::raw("/").bold(), Span::raw(harmless(&state.text)), "█".dim()]);
    }
    let filter =
        if state.text.is_empty() { String::new() } else { format!("filter: {}  ", harmless(&state.text)) };
    let keys = "q end  ? keys  Tab lists  Enter open  m u s p t names  o sort  / filter";
    Line::from(vec![filter.bold(), keys.dim()])
}
