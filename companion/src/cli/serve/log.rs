//! The log of `serve`. Its events have texts of others in them: what a mail server answers, a name that a sender gives. None
//! of them may say anything to a terminal or look like another line, so they are made harmless here, for every event.

use std::fmt::{self, Debug};
use std::io::{self, IsTerminal};

use tracing::Dispatch;
use tracing::field::Field;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::cli::Failure;
use crate::cli::format::escaped;
use crate::config::{LogConfig, LogFormat};
use crate::text::terminal::harmless;

pub(super) fn to_stderr(config: &LogConfig) -> Result<(), Failure> {
    // No colours in a log file.
    dispatch(config, io::stderr().is_terminal(), io::stderr)?
        .try_init()
        .map_err(|error| Failure(format!("cannot write logs: {error}")))
}

fn dispatch<W: io::Write + 'static>(
    config: &LogConfig,
    ansi: bool,
    writer: impl Fn() -> W + Send + Sync + 'static,
) -> Result<Dispatch, Failure> {
    let filter: EnvFilter = config.level.parse()?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(ansi)
        // They are reported by a panic when stderr cannot be written, and a full disk must not end the ledger.
        .log_internal_errors(false);
    Ok(match config.format {
        LogFormat::Text => builder.fmt_fields(debug_fn(field).delimited(" ")).with_writer(writer).into(),
        LogFormat::Json => builder.json().flatten_event(true).with_writer(move || Json(writer())).into(),
    })
}

/// A field of a line of text. The colours of the line are not part of any field.
fn field(line: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> fmt::Result {
    let value = harmless(&format!("{value:?}"));
    match field.name() {
        "message" => line.write_str(&value),
        name => write!(line, "{name}={value}"),
    }
}

/// Lines of JSON. Each is written at once, and what hides or is obeyed can only be in the middle of a text.
struct Json<W>(W);

impl<W: io::Write> io::Write for Json<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write_all(escaped(&String::from_utf8_lossy(line)).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    const HOSTILE: &str = "554 \u{1b}]0;x\u{7}\u{9b}31m\u{7f}\u{202e}no\u{200b}\r\n2026-11-29 forged\u{2028}";

    /// What is logged of an event whose message and fields are all [`HOSTILE`].
    fn logged(format: LogFormat, ansi: bool) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let config = LogConfig { format, ..LogConfig::default() };
        let dispatch = dispatch(&config, ansi, move || writer.clone()).unwrap();
        tracing::dispatcher::with_default(&dispatch, || {
            tracing::warn!(error = %HOSTILE, name = HOSTILE, "failed: {HOSTILE}");
        });
        String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
    }

    fn is_hidden(character: char) -> bool {
        character.is_control() || crate::text::terminal::is_invisible(character)
    }

    #[test]
    fn texts_of_others_are_harmless_in_a_line_of_text() {
        let text = logged(LogFormat::Text, false);
        let line = text.strip_suffix('\n').unwrap();
        assert!(!line.contains(is_hidden), "{line:?}");
        assert!(line.contains(r"failed: 554 \u{1b}]0;x\u{7}\u{9b}31m"), "{line}");
        assert!(line.contains(r" error=554 \u{1b}]0;x") && line.contains(" name=\"554 "), "{line}");
        // The colours of a terminal are of the log itself.
        let coloured = logged(LogFormat::Text, true);
        assert!(coloured.contains("\u{1b}[33m"), "{coloured:?}");
        assert!(!coloured.contains(['\u{7}', '\u{9b}', '\u{202e}']), "{coloured:?}");
    }

    #[test]
    fn texts_of_others_are_harmless_in_a_line_of_json_and_read_as_they_were() {
        let text = logged(LogFormat::Json, false);
        let line = text.strip_suffix('\n').unwrap();
        assert!(!line.contains(is_hidden), "{line:?}");
        let read: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(read["error"], HOSTILE);
        assert_eq!(read["message"], format!("failed: {HOSTILE}"));
    }
}
