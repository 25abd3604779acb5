//! Plain text for terminals: untrusted text made harmless, columns aligned, colour only where it is wanted.

use std::fmt::Write as _;
use std::io::IsTerminal as _;

use unicode_width::UnicodeWidthStr as _;

/// `noun` after the count `n`; its plural takes an s.
pub(crate) fn plural(n: u64, noun: &str) -> String {
    if n == 1 { noun.to_owned() } else { format!("{noun}s") }
}

/// What the terminal at the other end can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminal {
    /// Whether escape sequences for colour are wanted.
    pub colour: bool,
    /// Columns to fill.
    pub columns: usize,
}

/// Terminals that are narrower or wider are filled as if they had so many columns.
const NARROWEST: usize = 40;
const WIDEST: usize = 400;

impl Terminal {
    /// No colour, 80 columns: what a file or a pipe gets unless `COLUMNS` gives another width.
    pub const PLAIN: Self = Self { colour: false, columns: 80 };

    /// The process's standard output. Colour only on a terminal, and not when `NO_COLOR` is set to anything
    /// (<https://no-color.org>).
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "these variables describe the terminal")]
    pub fn stdout() -> Self {
        if !std::io::stdout().is_terminal() {
            return Self::plain(std::env::var("COLUMNS").ok().as_deref());
        }
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let columns = terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0));
        Self { colour: !refused, columns: columns.clamp(NARROWEST, WIDEST) }
    }

    /// No colour, and as wide as `COLUMNS` gives where it is a number.
    fn plain(columns: Option<&str>) -> Self {
        let columns = columns.and_then(|columns| columns.trim().parse().ok());
        Self {
            columns: columns.map_or(Self::PLAIN.columns, |columns: usize| columns.clamp(NARROWEST, WIDEST)),
            ..Self::PLAIN
        }
    }

    /// `text` in `ink`, or as it is where colour is not wanted.
    pub(crate) fn paint(self, ink: Ink, text: &str) -> String {
        let code = match ink {
            Ink::Bold => "1",
            Ink::Dim => "2",
            Ink::Red => "31",
            Ink::Yellow => "33",
            Ink::Green => "32",
        };
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// The few ways in which text is highlighted; the terminal's own palette decides how they look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ink {
    Bold,
    Dim,
    Red,
    Yellow,
    Green,
}

/// `text` without anything a terminal obeys or a reader cannot see: control characters, line separators,
/// zero-width characters and changes of direction stand there as `\u{1b}`.
pub(crate) fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || is_invisible(c) {
            let _ = write!(out, "{}", c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// Whether a reader cannot see it, or it changes where others are seen.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// `text` in at most `columns` columns; what was cut is marked by an ellipsis.
pub(crate) fn fit(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut out = String::new();
    for c in text.chars() {
        out.push(c);
        if out.width() + 1 > columns {
            out.pop();
            break;
        }
    }
    if columns > 0 {
        out.push('…');
    }
    out
}

/// One bar character per value, scaled to the largest; blank where the value is 0 or absent.
pub(crate) fn sparkline(values: &[f64]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let peak = values.iter().copied().fold(0.0_f64, f64::max);
    let bar = |value: f64| {
        if value.is_nan() || value <= 0.0 {
            return ' ';
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 8")]
        let height = (value / peak * 8.0).ceil() as usize;
        BARS[height.clamp(1, 8) - 1]
    };
    values.iter().map(|value| bar(*value)).collect::<String>().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makes_escape_sequences_and_hidden_direction_changes_visible() {
        assert_eq!(harmless("a\u{1b}[2Jb\r\n"), r"a\u{1b}[2Jb\u{d}\u{a}");
        assert_eq!(harmless("x\u{202e}y\u{200b}z\u{2028}\u{9b}"), r"x\u{202e}y\u{200b}z\u{2028}\u{9b}");
        assert_eq!(harmless("Grüße 模型 🙂"), "Grüße 模型 🙂");
    }

    #[test]
    fn fits_by_columns_rather_than_characters() {
        assert_eq!(fit("abcdef", 6), "abcdef");
        assert_eq!(fit("abcdefg", 6), "abcde…");
        assert_eq!(fit("模型模型", 5), "模型…");
        assert_eq!(fit("模型模型", 4), "模…");
        assert_eq!(fit("abc", 0), "");
    }

    #[test]
    fn a_sparkline_reaches_its_top_at_the_peak_and_shows_every_value_above_zero() {
        assert_eq!(sparkline(&[0.0, 1.0, 1000.0, 500.0, f64::NAN]), " ▁█▄");
        assert_eq!(sparkline(&[]), "");
    }

    #[test]
    fn a_pipe_has_80_columns_unless_the_environment_gives_another_number() {
        for (given, columns) in [
            (None, 80),
            (Some(""), 80),
            (Some("wide"), 80),
            (Some("-1"), 80),
            (Some("117"), 117),
            (Some(" 60 "), 60),
            (Some("0"), 40),
            (Some("9999"), 400),
        ] {
            assert_eq!(Terminal::plain(given), Terminal { colour: false, columns }, "{given:?}");
        }
    }

    #[test]
    fn paints_only_where_colour_is_wanted() {
        assert_eq!(Terminal::PLAIN.paint(Ink::Red, "x"), "x");
        assert_eq!(Terminal { colour: true, columns: 80 }.paint(Ink::Red, "x"), "\u{1b}[31mx\u{1b}[0m");
    }
}
