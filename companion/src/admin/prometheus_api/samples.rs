//! Reads our own exposition back into samples: one place writes the series, and all others read what it wrote.

use crate::promql::{LABEL_OF_NAME, Labels};

/// One sample. The name is the label `__name__`, as in Prometheus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::admin) struct Sample {
    pub(in crate::admin) labels: Labels,
    /// As written, so that no digit is lost.
    pub(in crate::admin) value: String,
}

impl Sample {
    /// The value as a number.
    pub(in crate::admin) fn number(&self) -> Option<f64> {
        self.value.replace("Inf", "inf").parse().ok()
    }
}

/// Every sample of an exposition.
pub(in crate::admin) fn of(exposition: &str) -> Vec<Sample> {
    exposition.lines().filter(|line| !line.starts_with('#')).filter_map(sample).collect()
}

/// Name, kind and help of every family.
pub(in crate::admin) fn families(exposition: &str) -> Vec<(String, String, String)> {
    let mut families = Vec::new();
    let mut help = "";
    for line in exposition.lines() {
        if let Some((_, text)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            help = text;
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' '))
        {
            families.push((name.to_owned(), kind.to_owned(), help.to_owned()));
        }
    }
    families
}

fn sample(line: &str) -> Option<Sample> {
    let end = line.find(['{', ' '])?;
    let mut labels = Labels::from([(LABEL_OF_NAME.to_owned(), line[..end].to_owned())]);
    let mut rest = &line[end..];
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        while !rest.starts_with('}') {
            let (name, quoted) = rest.trim_start_matches(',').split_once("=\"")?;
            let (value, after) = unquoted(quoted)?;
            labels.insert(name.to_owned(), value);
            rest = after;
        }
        rest = &rest[1..];
    }
    Some(Sample { labels, value: rest.trim().to_owned() })
}

/// A label's value up to its closing quote, and what follows.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[index + 1..])),
            '\\' => value.push(match characters.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::text::{Kind, Text};

    #[test]
    fn reads_what_the_exposition_writes() {
        let mut text = Text::default();
        text.family("a_total", Kind::Counter, "Some help.");
        text.count("a_total", &[("model", "a\"}\\\n,1"), ("b", "")], 7);
        text.sample("b", &[], f64::NAN);
        let text = text.finish();
        let samples = of(&text);
        assert_eq!(samples.len(), 2);
        assert_eq!(samples[0].labels["model"], "a\"}\\\n,1");
        assert_eq!((samples[0].labels["__name__"].as_str(), samples[0].value.as_str()), ("a_total", "7"));
        assert_eq!((samples[1].labels.len(), samples[1].value.as_str()), (1, "NaN"));
        assert_eq!(families(&text), [("a_total".to_owned(), "counter".to_owned(), "Some help.".to_owned())]);
    }
}
