//! Regular expressions that others wrote. What a few signs ask for may take megabytes once it is compiled, so its size is
//! bounded.

use regex::{Error, Regex, RegexBuilder};

/// Bytes that a compiled pattern may take: enough for hundreds of names.
const MOST: usize = 512 * 1024;

/// Why there is no pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PatternError {
    /// It is no regular expression.
    Invalid,
    /// It takes too much.
    TooLarge,
}

/// The regular expression with this text.
///
/// # Errors
/// [`PatternError`].
pub(crate) fn pattern(text: &str) -> Result<Regex, PatternError> {
    RegexBuilder::new(text).size_limit(MOST).dfa_size_limit(MOST).build().map_err(|error| match error {
        Error::CompiledTooBig(_) => PatternError::TooLarge,
        _ => PatternError::Invalid,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_hundreds_of_names_and_no_pattern_that_grows() {
        let names: Vec<String> =
            (0..300).map(|number| format!("some-model-of-a-provider-{number}")).collect();
        let many = pattern(&format!("^(?:{})$", names.join("|"))).unwrap();
        assert!(many.is_match("some-model-of-a-provider-299") && !many.is_match("another"));
        assert_eq!(pattern(r"^(?:\w{140})$").unwrap_err(), PatternError::TooLarge);
        assert_eq!(pattern(r"((a{100}){100}){100}").unwrap_err(), PatternError::TooLarge);
        assert_eq!(pattern("a(").unwrap_err(), PatternError::Invalid);
    }
}
