//! Numbers, money, shares and durations as people read them. Absent is not zero.

use crate::record::NanoUsd;
use crate::text::seconds::in_words;
use crate::text::terminal::plural;

/// `part` as a share of `whole`, from 0 to 1; `None` of nothing.
#[expect(clippy::cast_precision_loss, reason = "a ratio for display")]
pub(crate) fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// `1,234,567`.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A count with its noun, whose plural takes an s: `1 call`, `1,234 calls`.
pub(crate) fn counted(n: u64, noun: &str) -> String {
    format!("{} {}", count(n), plural(n, noun))
}

/// Three digits and a letter: `999`, `1.23k`, `45.6M`, `7.89G`.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(crate) fn compact(n: u64) -> String {
    short(n as f64)
}

/// As [`compact`], for any number that is not negative.
pub(crate) fn short(n: f64) -> String {
    for (limit, unit, letter) in
        [(999.5, 1.0, ""), (999.5e3, 1e3, "k"), (999.5e6, 1e6, "M"), (999.5e9, 1e9, "G")]
    {
        if n < limit {
            return format!("{}{letter}", three_digits(n / unit));
        }
    }
    format!("{}T", three_digits(n / 1e12))
}

/// Three significant digits below 1000, without trailing zeros.
fn three_digits(n: f64) -> String {
    let decimals = if n >= 99.95 {
        0
    } else if n >= 9.995 {
        1
    } else if n >= 0.9995 || n == 0.0 {
        2
    } else {
        // The exponent of a number below 1 is at least -324, so this stays small.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 3 and 326")]
        let places = (2.0 - n.log10().floor()) as usize;
        places.min(9)
    };
    let text = format!("{n:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// Dollars: cents from one dollar on, else three significant digits, so that no cost above 0 reads as 0.
pub(crate) fn usd(amount: NanoUsd) -> String {
    let sign = if amount.0 < 0 { "-" } else { "" };
    let nanos = amount.0.unsigned_abs();
    if nanos == 0 {
        return "$0.00".to_owned();
    }
    if nanos >= 995_000_000 {
        return usd_with(amount, 2);
    }
    let text = three_digits(NanoUsd(amount.0.saturating_abs()).as_usd());
    let decimals = text.len().saturating_sub(2);
    format!("{sign}${text}{}", "0".repeat(2_usize.saturating_sub(decimals)))
}

/// Dollars with the same decimals in every row: as many as the smallest amount above 0 needs, but no more than four
/// next to whole dollars. What would read as 0 there is `<$0.0001`.
pub(crate) fn usd_column(amounts: impl IntoIterator<Item = Option<NanoUsd>>) -> Vec<String> {
    let amounts: Vec<Option<NanoUsd>> = amounts.into_iter().collect();
    let sizes = || amounts.iter().flatten().map(|amount| amount.0.unsigned_abs()).filter(|nanos| *nanos > 0);
    let whole = sizes().max().is_some_and(|most| most >= 1_000_000_000);
    let decimals = match sizes().min().unwrap_or(u64::MAX) {
        1_000_000_000.. => 2,
        10_000_000.. => 4,
        _ if whole => 4,
        100_000.. => 6,
        _ => 9,
    };
    let show = |amount: NanoUsd| match amount.0 {
        1..50_000 if whole => "<$0.0001".to_owned(),
        _ => usd_with(amount, decimals),
    };
    amounts.iter().map(|amount| or_dash(*amount, show)).collect()
}

/// Dollars rounded to `decimals`, of which there are at most nine.
fn usd_with(amount: NanoUsd, decimals: u32) -> String {
    let sign = if amount.0 < 0 { "-" } else { "" };
    let unit = 10_u64.pow(9_u32.saturating_sub(decimals));
    let nanos = amount.0.unsigned_abs();
    let rounded = nanos / unit + u64::from(nanos % unit * 2 >= unit && unit > 1);
    let whole = 10_u64.pow(decimals);
    format!("{sign}${}.{:0places$}", count(rounded / whole), rounded % whole, places = decimals as usize)
}

/// A duration: `850 ms`, `1.24 s`, `2 min 5 s`.
pub(crate) fn seconds(value: f64) -> String {
    if value >= 119.5 {
        #[expect(clippy::cast_possible_truncation, reason = "float to integer casts saturate")]
        return in_words(value.round() as i64);
    }
    if value >= 0.9995 || value == 0.0 {
        return format!("{} s", three_digits(value));
    }
    format!("{} ms", three_digits(value * 1e3))
}

/// A share in per cent with at most one decimal; only all is 100 % and only nothing is 0 %.
pub(crate) fn percent(ratio: f64) -> String {
    if ratio > 0.0 && ratio < 0.0005 {
        "<0.1 %".to_owned()
    } else if (0.9995..1.0).contains(&ratio) {
        ">99.9 %".to_owned()
    } else {
        let shown = format!("{:.1}", ratio * 100.0);
        format!("{} %", shown.strip_suffix(".0").unwrap_or(&shown))
    }
}

/// Any measured number with up to four significant digits.
pub(crate) fn number(value: f64) -> String {
    if !value.is_finite() {
        return value.to_string();
    }
    let sign = if value < 0.0 { "-" } else { "" };
    let size = value.abs();
    if size >= 1000.0 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "casts saturate")]
        return format!("{sign}{}", count(size.round() as u64));
    }
    format!("{sign}{}", three_digits(size))
}

/// `value` shown by `show`, or a dash where nothing is known.
pub(crate) fn or_dash<T>(value: Option<T>, show: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| "–".to_owned(), show)
}

/// Nanoseconds as seconds.
#[expect(clippy::cast_precision_loss, reason = "durations are far below 2^53 ns, 104 days")]
pub(crate) fn in_seconds(nanos: i64) -> f64 {
    nanos as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_and_shortens_counts() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [0, 999, 1234, 45_600_000, 999_999, u64::MAX].map(compact),
            ["0", "999", "1.23k", "45.6M", "1M", "18446744T"]
        );
    }

    #[test]
    fn one_thing_has_no_plural() {
        assert_eq!(
            [0, 1, 2, 1_000].map(|n| counted(n, "call")),
            ["0 calls", "1 call", "2 calls", "1,000 calls"]
        );
    }

    #[test]
    fn no_cost_above_zero_reads_as_zero() {
        let shown = |nanos| usd(NanoUsd(nanos));
        assert_eq!(shown(0), "$0.00");
        assert_eq!(shown(1), "$0.000000001");
        assert_eq!(shown(123_456), "$0.000123");
        assert_eq!(shown(500_000_000), "$0.50");
        assert_eq!(shown(996_000_000), "$1.00");
        assert_eq!(shown(1_234_567_890_000), "$1,234.57");
        assert_eq!(shown(-2_500_000_000), "-$2.50");
        assert_eq!(shown(i64::MIN), "-$9,223,372,036.85");
    }

    #[test]
    fn a_column_of_costs_has_the_same_decimals_in_every_row() {
        let column = |nanos: &[i64]| usd_column(nanos.iter().map(|n| Some(NanoUsd(*n))));
        assert_eq!(column(&[6_271_234_567, 457_000_000, 0]), ["$6.2712", "$0.4570", "$0.0000"]);
        assert_eq!(column(&[1_999_999_999_999, 2_000_000_000]), ["$2,000.00", "$2.00"]);
        assert_eq!(column(&[7, 100_000_000]), ["$0.000000007", "$0.100000000"]);
        assert_eq!(column(&[49_999, 727_000, 172_800_000_000]), ["<$0.0001", "$0.0007", "$172.8000"]);
        assert_eq!(usd_column([None, Some(NanoUsd(i64::MIN))]), ["–", "-$9,223,372,036.85"]);
    }

    #[test]
    fn durations_take_the_unit_that_fits() {
        assert_eq!(
            [0.0, 0.000_45, 0.85, 0.9996, 1.2345, 61.04, 125.0, 3720.0].map(seconds),
            ["0 s", "0.45 ms", "850 ms", "1 s", "1.23 s", "61 s", "2 min 5 s", "1 h 2 min"]
        );
    }

    #[test]
    fn only_all_is_a_hundred_per_cent_and_only_nothing_is_zero() {
        assert_eq!(
            [0.0, 0.0001, 0.5, 0.9999, 1.0].map(percent),
            ["0 %", "<0.1 %", "50 %", ">99.9 %", "100 %"]
        );
    }
}
