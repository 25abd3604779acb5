//! The Prometheus text exposition format, version 0.0.4.

use std::fmt::{Display, Write};

/// The content type of the format.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What kind of metric a family is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// Only rises, until the process ends.
    Counter,
    /// Rises and falls.
    Gauge,
    /// Buckets, sum and count.
    Histogram,
}

/// An exposition being written.
#[derive(Debug, Default)]
pub(crate) struct Text(String);

impl Text {
    /// Begins a family; its samples follow.
    pub(crate) fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        self.line(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    /// One sample. NaN and infinities have a spelling of their own in the format.
    pub(crate) fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        if value.is_nan() {
            self.series(name, labels, "NaN");
        } else if value.is_infinite() {
            self.series(name, labels, if value > 0.0 { "+Inf" } else { "-Inf" });
        } else {
            self.series(name, labels, value);
        }
    }

    /// One sample that counts.
    pub(crate) fn count(&mut self, name: &str, labels: &[(&str, &str)], value: u64) {
        self.series(name, labels, value);
    }

    /// What was written.
    #[must_use]
    pub(crate) fn finish(self) -> String {
        self.0
    }

    fn series(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        for (index, (label, text)) in labels.iter().enumerate() {
            let open = if index == 0 { '{' } else { ',' };
            self.line(format_args!("{open}{label}=\""));
            for character in text.chars() {
                match character {
                    '\\' => self.0.push_str("\\\\"),
                    '"' => self.0.push_str("\\\""),
                    '\n' => self.0.push_str("\\n"),
                    other => self.0.push(other),
                }
            }
            self.0.push('"');
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
        self.line(format_args!(" {value}\n"));
    }

    fn line(&mut self, arguments: std::fmt::Arguments<'_>) {
        // Writing to a `String` cannot fail.
        let _ = self.0.write_fmt(arguments);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_would_end_a_label() {
        let mut out = Text::default();
        out.family("x_total", Kind::Counter, "X.");
        out.count("x_total", &[("model", "a\"}\\\n1"), ("b", "")], 7);
        out.sample("x_total", &[], f64::INFINITY);
        assert_eq!(
            out.finish(),
            "# HELP x_total X.\n# TYPE x_total counter\nx_total{model=\"a\\\"}\\\\\\n1\",b=\"\"} 7\nx_total +Inf\n"
        );
    }
}
