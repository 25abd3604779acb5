//! Sentences in lines that fit the terminal.

use unicode_width::UnicodeWidthStr as _;

/// Writes the words of `text` in lines of at most `columns`, all of them behind `indent`. A longer word has a line of its own.
pub(crate) fn wrap(out: &mut String, indent: &str, text: &str, columns: usize) {
    let mut used = 0;
    for word in text.split(' ') {
        if used > 0 && used + 1 + word.width() > columns {
            out.push('\n');
            used = 0;
        }
        let gap = if used == 0 { indent } else { " " };
        out.push_str(gap);
        out.push_str(word);
        used += gap.width() + word.width();
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_wider_than_the_terminal_unless_one_word_is() {
        let mut out = String::new();
        wrap(&mut out, "  ", "one two three a-very-long-word four", 9);
        assert_eq!(out, "  one two\n  three\n  a-very-long-word\n  four\n");
    }
}
