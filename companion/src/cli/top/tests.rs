use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::state::{Action, By, Pane, State};
use super::view::draw;
use crate::explain::tests::streamed;
use crate::explain::{Found, find};
use crate::live::Live;
use crate::live::tests::present;
use crate::report::tests::fixture::{HOSTILE, NOW, call, ledger};
use crate::store::Filter;

fn press(state: &mut State, keys: &[KeyCode]) -> Action {
    let mut action = Action::Nothing;
    for key in keys {
        action = state.press(KeyEvent::new(*key, KeyModifiers::NONE));
    }
    action
}

fn character(key: char) -> KeyCode {
    KeyCode::Char(key)
}

/// What is on the screen, one text per line.
fn screen(state: &mut State, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, state)).unwrap();
    let buffer = terminal.backend().buffer().clone();
    (0..height)
        .map(|y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned())
        .collect()
}

fn shown() -> State {
    let mut state = State::new(By::Model, "calls.db".to_owned());
    state.show(Ok(present()));
    state
}

#[test]
fn a_cost_of_which_nothing_is_known_is_a_dash() {
    let mut live = present();
    live.minute.cost_nano_usd = None;
    for model in &mut live.models {
        model.figures.cost_nano_usd = None;
    }
    let mut state = State::new(By::Model, "calls.db".to_owned());
    state.show(Ok(live));
    let lines = screen(&mut state, 80, 24);
    assert!(lines[1].contains("  –/h"), "{lines:#?}");
    let model = lines.iter().find(|line| line.starts_with("claude-sonnet-4-5")).unwrap();
    assert!(model.contains(" – ") && !model.contains('$'), "{model}");
}

#[test]
fn everything_is_on_a_screen_of_80_columns() {
    let lines = screen(&mut shown(), 80, 24);
    let text = lines.join("\n");
    assert!(lines[0].starts_with("spanledger top calls.db 12:00:00 UTC"), "{text}");
    assert_eq!(lines[1], "3 calls/min  1 failed (33.3 %)  60 tokens/s  $0.0486/h");
    assert_eq!(lines[2], "latency p50 1 s  p95 1 s  first chunk p50 –");
    for part in [
        "firing HighFailureRate for 10 min: 62.2 %, threshold 50 %",
        "firing RepeatedRequests",
        "pending RateLimited",
        "Models of the last minute, by calls",
        "claude-sonnet-4-5",
        "Newest calls, following",
        "failed 429",
        "11:59:55",
        "q end",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(lines.iter().all(|line| line.chars().count() <= 80));
    // The smallest and a wide one draw as well.
    assert!(!screen(&mut shown(), 40, 8).is_empty());
    assert!(screen(&mut shown(), 140, 40).join("\n").contains("service"));
    assert!(!screen(&mut State::new(By::User, String::new()), 80, 24).is_empty());
}

#[test]
fn a_filter_by_status_shows_the_calls_with_that_status() {
    let mut state = shown();
    press(&mut state, &[character('/'), character('4'), character('2'), character('9'), KeyCode::Enter]);
    let found: Vec<_> = state.calls().iter().map(|call| call.status_code).collect();
    assert_eq!(found, [Some(429)]);
}

#[test]
fn values_of_a_tag_are_listed_key_by_key_and_limit_the_view() {
    let tagged = |n, tags: &[(&str, &str)]| {
        let mut call = call(n, NOW.plus_seconds(-5));
        tags.iter().for_each(|(key, value)| assert!(call.tags.add(key, value)));
        call
    };
    let calls = [
        tagged(1, &[("team", "search"), ("tier", "gold")]),
        tagged(2, &[("team", "search")]),
        call(3, NOW.plus_seconds(-5)),
    ];
    let live = crate::live::read(&ledger(&calls), &[], &Filter::default(), NOW).unwrap();
    let mut state = State::new(By::Tag, "calls.db".to_owned());
    state.show(Ok(live));
    let names = |state: &State| {
        state.names().iter().map(|named| (named.name.clone(), named.figures.calls)).collect::<Vec<_>>()
    };
    assert_eq!((state.listed(), names(&state)), ("Tag team".to_owned(), vec![("search".to_owned(), 2)]));
    assert!(screen(&mut state, 80, 24).join("\n").contains("Tag team of the last minute, by calls"));
    press(&mut state, &[character('t')]);
    assert_eq!((state.listed(), names(&state)), ("Tag tier".to_owned(), vec![("gold".to_owned(), 1)]));
    press(&mut state, &[character('t'), KeyCode::Enter]);
    assert_eq!(state.filter().tags, [crate::record::parse_tag("team=search").unwrap()]);
    // Without tags the list is empty, and no key breaks it.
    let mut empty = State::new(By::Model, String::new());
    press(&mut empty, &[character('t'), character('t'), KeyCode::Enter]);
    assert_eq!((empty.listed(), empty.names().len()), ("Tags".to_owned(), 0));
}

#[test]
fn keys_sort_list_and_filter() {
    let mut state = shown();
    press(&mut state, &[character('s')]);
    assert_eq!((state.by, state.pane), (By::Service, Pane::Names));
    let names = |state: &State| state.names().iter().map(|named| named.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&state), ["checkout", "support"]);
    press(&mut state, &[character('o')]);
    assert_eq!(names(&state), ["support", "checkout"], "by failures");
    press(&mut state, &[character('/'), character('S'), character('u'), character('p'), KeyCode::Enter]);
    assert_eq!((names(&state), state.calls().len()), (vec!["support".to_owned()], 1));
    assert!(screen(&mut state, 80, 24).join("\n").contains("filter: Sup"));
    // Only its calls: the source is asked again.
    assert_eq!(press(&mut state, &[KeyCode::Enter]), Action::Read);
    assert_eq!(state.filter().service.as_deref(), Some("support"));
    assert_eq!(press(&mut state, &[KeyCode::Esc]), Action::Nothing);
    assert_eq!(state.text, "");
    assert_eq!(press(&mut state, &[KeyCode::Esc]), Action::Read);
    assert_eq!(state.filter(), crate::store::Filter::default());
}

#[test]
fn a_selected_call_stays_selected_and_following_goes_to_the_newest() {
    let mut state = shown();
    press(&mut state, &[character('j'), character('j')]);
    let selected = state.calls()[2].id.clone();
    assert_eq!((state.selected(Pane::Calls), state.follow), (Some(2), false));
    let mut newer = present();
    let row = crate::explain::CallRow::of(&call(9, NOW.plus_seconds(-1)), true);
    newer.calls.insert(0, row.clone());
    state.show(Ok(newer));
    assert_eq!(state.calls()[state.selected(Pane::Calls).unwrap()].id, selected);
    assert_eq!(press(&mut state, &[KeyCode::Enter]), Action::Open(selected));
    press(&mut state, &[character('f')]);
    assert_eq!(press(&mut state, &[KeyCode::Enter]), Action::Open(row.id));
    // Beyond either end is the end.
    press(&mut state, &[KeyCode::End, KeyCode::Down]);
    assert_eq!(state.selected(Pane::Calls), Some(4));
    press(&mut state, &[KeyCode::PageUp, KeyCode::Up]);
    assert_eq!(state.selected(Pane::Calls), Some(0));
}

#[test]
fn a_call_is_shown_with_its_timeline_and_its_bill() {
    let mut state = shown();
    let store = ledger(&[streamed()]);
    let Found::One(call) = find(&store, &spanledger::PriceTable::bundled(), "chatcmpl-one", NOW).unwrap()
    else {
        panic!()
    };
    state.open(Ok(*call));
    let text = screen(&mut state, 80, 50).join("\n");
    for part in ["Timeline", "first chunk", "█", "Bill", "$0.15 per million", "$0.000240000"] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    // It scrolls to its end and no further.
    for _ in 0..200 {
        press(&mut state, &[KeyCode::Down]);
    }
    assert!(screen(&mut state, 80, 24).join("\n").contains("Calls of this trace"));
    press(&mut state, &[KeyCode::Esc]);
    assert!(screen(&mut state, 80, 24).join("\n").contains("Newest calls"));
}

#[test]
fn pausing_errors_and_ending() {
    let mut state = shown();
    press(&mut state, &[character(' ')]);
    assert!(state.paused() && screen(&mut state, 80, 24)[0].ends_with("paused"));
    assert_eq!(press(&mut state, &[character(' ')]), Action::Read);
    state.show(Err("the ledger is busy".to_owned()));
    let text = screen(&mut state, 80, 24).join("\n");
    assert!(text.contains("the ledger is busy") && text.contains("3 calls/min"), "{text}");
    press(&mut state, &[character('?')]);
    assert!(screen(&mut state, 80, 24).join("\n").contains("follow the newest call"));
    assert_eq!(press(&mut state, &[character('q')]), Action::Nothing);
    assert_eq!(press(&mut state, &[character('q')]), Action::End);
    let ctrl_c = KeyEvent::new(character('c'), KeyModifiers::CONTROL);
    press(&mut state, &[character('/')]);
    assert_eq!(state.press(ctrl_c), Action::End);
}

#[test]
fn names_of_senders_cannot_reach_the_terminal() {
    let mut live: Live = present();
    live.calls[0].model = HOSTILE.to_owned();
    live.calls[0].user = Some(HOSTILE.to_owned());
    live.models[0].name = HOSTILE.to_owned();
    live.rules[0].labels = vec![("user".to_owned(), HOSTILE.to_owned())];
    let mut state = State::new(By::Model, HOSTILE.to_owned());
    state.show(Ok(live));
    let text = screen(&mut state, 200, 40).join("\n");
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'));
}

#[test]
fn the_smallest_cost_is_whole() {
    let tiny = crate::record::CallRecord {
        cost: Some(crate::record::NanoUsd(1)),
        start: NOW.plus_seconds(-2),
        ..call(9, NOW.plus_seconds(-2))
    };
    let mut state = State::new(By::Model, "calls.db".to_owned());
    state.show(
        crate::live::read(&ledger(&[tiny]), &[], &Filter::default(), NOW).map_err(|error| error.to_string()),
    );
    for width in [80, 120] {
        let text = screen(&mut state, width, 24).join("\n");
        assert_eq!(text.matches("$0.000000001").count(), 2, "{text}");
    }
}
