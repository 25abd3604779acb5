use super::*;

const NOW: Timestamp = Timestamp(1_795_436_842 * Timestamp::SECOND + 5);

#[test]
fn reads_durations_of_every_unit() {
    for (text, seconds) in [("90s", 90), ("15m", 900), ("24h", 86_400), ("7d", 604_800), ("1h30m", 5400)] {
        assert_eq!(duration_seconds(text), Ok(seconds), "{text}");
    }
}

#[test]
fn refuses_durations_that_name_no_bounded_length_of_time() {
    for text in
        ["", "24", "h", "-1h", "0s", "1mo", "1y", "200000d", "1h; drop", "nan", "9999999999999999999d"]
    {
        let error = duration_seconds(text).unwrap_err().to_string();
        assert!(error.contains(&format!("{text:?}")), "{error}");
    }
}

#[test]
fn reads_times_with_and_without_an_offset_as_utc() {
    let noon = Timestamp(1_795_435_200 * Timestamp::SECOND);
    for text in [
        "2026-11-23T12:00:00Z",
        "2026-11-23T13:00:00+01:00",
        "2026-11-23 12:00:00Z",
        "2026-11-23T12:00",
        "2026-11-23T12:00:00",
    ] {
        assert_eq!(parse_time(text), Ok(noon), "{text}");
    }
    assert_eq!(parse_time("2026-11-23"), Ok(noon.plus_seconds(-12 * 3600)));
}

#[test]
fn refuses_times_that_no_ledger_can_hold() {
    for text in ["", "yesterday", "2026-13-01", "2026-02-30", "1969-12-31", "2300-01-01", "2026-11-23T25:00Z"]
    {
        assert!(parse_time(text).is_err(), "{text}");
    }
}

#[test]
fn a_trailing_day_is_of_whole_minutes_and_holds_now() {
    let window = window(Some("24h"), None, None, NOW).unwrap();
    assert_eq!(window.to.0 % (60 * Timestamp::SECOND), 0);
    assert_eq!(window.to.0 - window.from.0, 86_400 * Timestamp::SECOND);
    assert!(window.from <= NOW && NOW < window.to);
}

#[test]
fn short_trailing_windows_end_now() {
    assert_eq!(window(Some("90s"), None, None, NOW), Ok(Window::last(90, NOW)));
}

#[test]
fn the_window_defaults_to_the_last_day() {
    assert_eq!(window(None, None, None, NOW), window(Some("24h"), None, None, NOW));
    let open = window(None, Some("2026-11-01"), None, NOW).unwrap();
    assert_eq!(open.to, NOW);
    let ended = window(None, None, Some("2026-11-02"), NOW).unwrap();
    assert_eq!(rfc3339(ended.from), "2026-11-01T00:00:00Z");
}

#[test]
fn refuses_empty_and_contradictory_windows() {
    let error = window(None, Some("2026-11-02"), Some("2026-11-01"), NOW).unwrap_err().to_string();
    assert_eq!(error, "the window is empty: from 2026-11-02T00:00:00Z is not before to 2026-11-01T00:00:00Z");
    assert!(window(Some("1h"), Some("2026-11-02"), None, NOW).is_err());
    assert!(window(None, Some("1970-01-01"), Some("2261-01-01"), NOW).is_err());
}

#[test]
fn leaves_out_the_fraction_of_a_second_where_people_read_it() {
    assert_eq!(to_the_second(Timestamp(1_763_900_938_506_639_860)), "2025-11-23T12:28:58Z");
}
