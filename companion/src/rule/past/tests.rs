use super::*;
use crate::record::CallRecord;
use crate::rule::past::history::History;
use crate::rule::tests::{at, call, stores};
use crate::rule::{Answers, Sentences};
use crate::store::Appender;
use crate::store::memory::MemoryStore;

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
                sentences: Sentences::All,
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
        // A clock that is set back by a little learns nothing, and forgets nothing.
        assert_eq!(known(3_300), 270.0, "{}", store.name);
        // One that was far ahead found nothing there, which is not kept when it is right again.
        for ahead in [7_200, 86_400, 30 * 86_400] {
            known(3_600 + ahead);
            assert_eq!(known(3_600), 270.0, "{} after {ahead} s", store.name);
        }
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

/// Twice as many calls per day as are read at once, all in one hour of each of three days.
fn busy() -> MemoryStore {
    let mut store = MemoryStore::new();
    for day in 0..3 {
        let calls: Vec<_> = (0..80_000)
            .map(|n| CallRecord {
                user: Some(format!("user-{}", n % 7)),
                input_tokens: Some(10 + n % 100),
                service: format!("app-{}", n % 3),
                ..call(day * 86_400 + 36_000 + n.cast_signed() * 3_600 / 80_000)
            })
            .collect();
        store.append(&calls).expect("append");
    }
    store
}

#[test]
fn a_long_past_is_read_in_pieces_and_is_then_the_same() {
    let store = busy();
    let now = at(3 * 86_400);
    let asked = |pasts: &Pasts| {
        let inputs = Inputs {
            querier: &store,
            ledger: &store,
            pasts,
            answers: &Answers::default(),
            sentences: Sentences::All,
            now,
        };
        let cells =
            pasts.of(&Filter::default(), Some(By::Service), &inputs).map(|past| past.read().all().calls());
        let calls =
            pasts.calls(&Filter::default(), Some(By::User), &inputs).map(|past| past.read().all().calls());
        let largest =
            pasts.largest(&Filter::default(), &inputs, |largest| largest.of("app-0", "user-0", now));
        (cells.ok(), calls.ok(), largest.ok())
    };
    let whole = Pasts::default();
    assert_eq!(asked(&whole), (Some(240_000.0), Some(240_000.0), Some(None)));

    // No rule compares with a part of it, and no piece has more than one quarter of an hour beyond what may be read at once.
    let pasts = Pasts::in_pieces();
    assert_eq!(asked(&pasts), (None, None, None));
    let read = |pasts: &Pasts| {
        let cells = pasts.cells.lock().unwrap().first().map_or(0.0, |past| past.read().all().calls());
        let calls = pasts.calls.lock().unwrap().first().map_or(0.0, |past| past.read().all().calls());
        cells + calls
    };
    let (mut pieces, mut before) = (0, read(&pasts));
    while pasts.learn(&store, now).expect("read") {
        let after = read(&pasts);
        assert!(after - before <= 40_000.0 + 20_000.0, "{before} {after}");
        (pieces, before) = (pieces + 1, after);
    }
    assert!((6..40).contains(&pieces), "{pieces}");
    assert_eq!(asked(&pasts), asked(&whole));
    let lists = [&pasts, &whole].map(|pasts| pasts.cells.lock().unwrap().clone());
    let [read, whole] = lists.map(|list| {
        let past = list[0].read();
        past.histories().map(|(name, history)| (name.clone(), history.clone())).collect::<HashMap<_, _>>()
    });
    assert_eq!(read, whole);
}

#[test]
fn a_user_is_known_after_calls_in_ten_hours_whatever_the_pieces() {
    for hours in [9, 10] {
        let mut store = MemoryStore::new();
        for hour in 0..hours {
            // One hour is read by five minutes.
            let calls = if hour == 3 { 41_000 } else { 12 };
            let of = |n: i64| CallRecord {
                user: Some("ada".to_owned()),
                input_tokens: Some(if n == 0 { 900 } else { 100 }),
                ..call(hour * 3_600 + n * 3_599 / calls)
            };
            store.append(&(0..calls).map(of).collect::<Vec<_>>()).expect("append");
        }
        let now = at(hours * 3_600 + 900);
        // Read afterwards, or while the calls came.
        for from in [hours * 3_600 + 900, 900] {
            let pasts = Pasts::default();
            let mut found = None;
            for second in (from..=hours * 3_600 + 900).step_by(300) {
                let inputs = Inputs {
                    querier: &store,
                    ledger: &store,
                    pasts: &pasts,
                    answers: &Answers::default(),
                    sentences: Sentences::All,
                    now: at(second),
                };
                found = pasts
                    .largest(&Filter::default(), &inputs, |largest| largest.of("app", "ada", now))
                    .expect("read");
            }
            assert_eq!(found, (hours == 10).then_some(920), "{hours} {from}");
        }
    }
}

#[test]
fn of_too_many_users_those_who_called_last_are_remembered() {
    let mut store = MemoryStore::new();
    for slot in 0..30 {
        let of = |n: i64| CallRecord { user: Some(format!("{slot}-{n}")), ..call(slot * 300 + n % 300) };
        store.append(&(0..1_000).map(of).collect::<Vec<_>>()).expect("append");
    }
    let mut largest = LargestCalls::default();
    for slot in 0..=30 {
        largest.extend(&store, &Filter::default(), at(slot * 300 + 900), Piece::Whole).expect("read");
    }
    let oldest = Some(slot_of(at(20 * 300)) + 1);
    assert_eq!(largest.remembered(), (10_000, oldest));
}

#[test]
fn a_limit_is_wider_while_there_is_less_than_a_week() {
    for (days, times) in [(0, 2.646), (1, 2.646), (2, 1.871), (4, 1.323), (7, 1.0), (30, 1.0)] {
        assert!((widening(days * DAY) - times).abs() < 0.001, "{days}");
    }
}
