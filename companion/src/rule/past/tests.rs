use super::*;
use crate::rule::Answers;
use crate::rule::past::history::History;
use crate::rule::tests::{at, call, stores};

fn cell(calls: f32) -> Cell {
    Cell { calls, ..Cell::default() }
}

fn calls(cell: &Cell) -> f64 {
    f64::from(cell.calls)
}

#[test]
fn a_past_is_read_once_and_then_extended_and_the_newest_cells_are_not_in_it() {
    let calls: Vec<_> = (0..3_600).step_by(10).map(call).collect();
    for store in stores(&calls) {
        let querier = store.querier.as_ref();
        let pasts = Pasts::default();
        let known = |second: i64| {
            let inputs = Inputs {
                querier,
                ledger: querier,
                pasts: &pasts,
                answers: &Answers::default(),
                now: at(second),
            };
            let past = pasts.of(&Filter::default(), Some(By::Service), &inputs).expect("read");
            let past = past.read();
            past.history(Some("app")).map_or(0.0, History::calls)
        };
        assert_eq!(known(300), 0.0, "{}", store.name);
        assert_eq!(known(1_800), 90.0, "{}", store.name);
        assert_eq!(known(1_805), 90.0, "{}", store.name);
        assert_eq!(known(3_600), 270.0, "{}", store.name);
        // A clock that was set back learns nothing, and forgets nothing.
        assert_eq!(known(300), 270.0, "{}", store.name);
    }
}

#[test]
fn the_like_hours_and_the_day_before_make_what_is_usual() {
    let mut history = History::default();
    let now = 100 * DAY;
    for day in 1..=7 {
        history.push(now - (8 - day) * DAY, cell(80.0 + 5.0 * day as f32));
        history.push(now - (8 - day) * DAY + 100, cell(7.0));
    }
    history.push(now - 1, cell(1_000.0));
    let usual = history.usual(now, 1, calls);
    // The newest cells are not usual, and five minutes without calls are.
    assert_eq!(usual, Usual { like: Some((0.0, 115.0)), day: Some(115.0), ..Usual::of(115.0, 7 * DAY) });
    history.push(now - 3 * DAY + LAG, cell(400.0));
    assert_eq!(history.usual(now, 1, calls).peak, 400.0);
    // Three hours of trouble in a week.
    assert_eq!(history.hourly_peak(now, 4, 1, |cell| Some(calls(cell))), Some(100.0));
}

#[test]
fn the_same_day_of_weeks_before_counts() {
    let mut history = History::default();
    let now = 100 * DAY;
    history.push(now - 14 * DAY, cell(500.0));
    history.push(now - DAY, cell(10.0));
    history.forget(now);
    assert_eq!(history.usual(now, 1, calls).peak, 500.0);
    history.forget(now + DAY);
    assert_eq!(history.usual(now + 7 * DAY, 1, calls).peak, 0.0);
}

#[test]
fn durations_are_explained_by_calls_and_tokens() {
    let mut history = History::default();
    let now = 100 * DAY;
    for slot in 0..200_i64 {
        let (calls, output, input) = (1.0 + (slot % 7) as f32, 50.0 + (slot % 11) as f32, (slot % 13) as f32);
        let duration = 0.3 * calls + 0.02 * output + 0.001 * input;
        let cell = Cell { calls, output_tokens: output, input_tokens: input, duration, ..Cell::default() };
        history.push(now - 288 + slot, cell);
    }
    let durations = history.durations(now).expect("enough cells");
    let slow = Cell { calls: 10.0, output_tokens: 1_000.0, ..Cell::default() };
    assert!((durations.of(&slow) - 23.0).abs() < 0.05, "{durations:?}");
}
