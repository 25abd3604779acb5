//! The fields of a form: a request as `application/x-www-form-urlencoded` or `multipart/form-data`, the latter read as it
//! passes. Files are never held; their bytes are only searched for the end of the part.

mod observed;
#[cfg(test)]
mod tests;

pub(crate) use observed::{Passing, observe};

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use percent_encoding::percent_decode;
use serde_json::Value;

/// Fields that are kept.
const MAX_FIELDS: usize = 64;
/// Bytes of the headers of a part, and of the value of a field. Longer values are not kept.
const MAX_BYTES: usize = 4096;
/// Bytes of a boundary, by RFC 2046 70.
const MAX_BOUNDARY: usize = 200;

/// Fields whose value is a text, whatever it looks like.
const TEXTS: [&str; 6] = ["model", "model_id", "prompt", "text", "input", "user"];

/// What a request is by its content type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    UrlEncoded,
    /// Parts between this boundary.
    Multipart(String),
}

impl Kind {
    /// The kind of form that the headers announce.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
        let (essence, parameters) = value.split_once(';').unwrap_or((value, ""));
        match essence.trim().to_ascii_lowercase().as_str() {
            "application/x-www-form-urlencoded" => Some(Self::UrlEncoded),
            "multipart/form-data" => {
                let boundary = parameter(parameters, "boundary")?;
                (!boundary.is_empty() && boundary.len() <= MAX_BOUNDARY).then_some(Self::Multipart(boundary))
            }
            _ => None,
        }
    }

    /// The fields of a whole form.
    pub(crate) fn fields(self, body: &[u8]) -> Fields {
        match self {
            Self::UrlEncoded => url_encoded(body),
            Self::Multipart(boundary) => {
                let mut reader = Reader::new(&boundary);
                reader.push(body);
                reader.fields
            }
        }
    }
}

/// Names and values, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    fn push(&mut self, name: String, value: String) {
        if self.0.len() < MAX_FIELDS {
            self.0.push((name, value));
        }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The form as the JSON object that other requests are, which wire formats read: numbers and flags as such.
    pub(crate) fn json(&self) -> String {
        let value = |name: &str, text: &str| match text {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => match text.parse::<serde_json::Number>() {
                Ok(number) if !TEXTS.contains(&name) => Value::Number(number),
                _ => Value::from(text),
            },
        };
        let members = self.0.iter().map(|(name, text)| (name.clone(), value(name, text)));
        Value::Object(members.collect()).to_string()
    }
}

fn url_encoded(body: &[u8]) -> Fields {
    let decoded = |text: &[u8]| {
        let spaced: Vec<u8> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
        percent_decode(&spaced).decode_utf8_lossy().into_owned()
    };
    let mut fields = Fields::default();
    for pair in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).take(MAX_FIELDS) {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let (name, value) = (halves.next().unwrap_or_default(), halves.next().unwrap_or_default());
        if name.len() <= MAX_BYTES && value.len() <= MAX_BYTES {
            fields.push(decoded(name), decoded(value));
        }
    }
    fields
}

/// The value of a parameter of a header: `name="a"; filename="b"`.
fn parameter(parameters: &str, name: &str) -> Option<String> {
    // A quoted value may hold any of the separators.
    let mut rest = parameters;
    loop {
        let (key, after) = rest.split_once('=')?;
        let key = key.trim().trim_start_matches(';').trim();
        let (value, after) = match after.trim_start().strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_once(';').unwrap_or((after, "")),
        };
        if key.eq_ignore_ascii_case(name) {
            return Some(value.trim().to_owned());
        }
        rest = after.trim_start().trim_start_matches(';');
    }
}

/// Reads the parts of a form as they pass.
#[derive(Debug)]
pub(crate) struct Reader {
    delimiter: Vec<u8>,
    place: Place,
    /// The headers or the value at hand; of what is skipped the last bytes, which may begin a delimiter.
    held: Vec<u8>,
    name: String,
    pub(crate) fields: Fields,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the first part, or in one whose value is not kept.
    Skipped,
    /// In the headers of a part.
    Headers,
    /// In the value of a field.
    Value,
    /// After the last part.
    End,
}

impl Reader {
    pub(crate) fn new(boundary: &str) -> Self {
        let delimiter = format!("\r\n--{boundary}").into_bytes();
        // The first delimiter begins the body, where no line ends before it.
        let held = b"\r\n".to_vec();
        Self { delimiter, place: Place::Skipped, held, name: String::new(), fields: Fields::default() }
    }

    /// Reads the next bytes of the body.
    pub(crate) fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            bytes = match self.place {
                Place::End => return,
                Place::Skipped => self.skip(bytes),
                Place::Headers => self.read_headers(bytes),
                Place::Value => self.read_value(bytes),
            };
        }
    }

    /// Past the next delimiter, of which earlier bytes may hold the beginning.
    fn skip<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let known = self.held.len();
        let overlap = self.delimiter.len() - 1;
        self.held.extend_from_slice(&bytes[..bytes.len().min(overlap)]);
        let within = memchr::memmem::find(&self.held, &self.delimiter);
        let end = match within {
            Some(at) => Some(at + self.delimiter.len() - known),
            None => memchr::memmem::find(bytes, &self.delimiter).map(|at| at + self.delimiter.len()),
        };
        match end.and_then(|end| bytes.get(end..)) {
            Some(rest) => {
                self.held.clear();
                self.place = Place::Headers;
                rest
            }
            None => {
                if bytes.len() >= overlap {
                    self.held = bytes[bytes.len() - overlap..].to_vec();
                } else {
                    let surplus = self.held.len().saturating_sub(overlap);
                    self.held.drain(..surplus);
                }
                &[]
            }
        }
    }

    fn read_headers<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        for (at, byte) in bytes.iter().enumerate() {
            self.held.push(*byte);
            if self.held == b"--" {
                self.place = Place::End;
                return &[];
            }
            if self.held.ends_with(b"\r\n\r\n") {
                self.begin_part();
                return &bytes[at + 1..];
            }
            if self.held.len() > MAX_BYTES {
                self.held.clear();
                self.place = Place::Skipped;
                return &bytes[at + 1..];
            }
        }
        &[]
    }

    fn begin_part(&mut self) {
        let headers = String::from_utf8_lossy(&self.held).into_owned();
        self.held.clear();
        let disposition = headers.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
        });
        let parameters = disposition.and_then(|value| value.split_once(';')).map_or("", |(_, rest)| rest);
        let file = ["filename", "filename*"].iter().any(|name| parameter(parameters, name).is_some());
        self.name = parameter(parameters, "name").filter(|_| !file).unwrap_or_default();
        self.place = if self.name.is_empty() { Place::Skipped } else { Place::Value };
    }

    fn read_value<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        for (at, byte) in bytes.iter().enumerate() {
            self.held.push(*byte);
            if self.held.ends_with(&self.delimiter) {
                self.held.truncate(self.held.len() - self.delimiter.len());
                let value = String::from_utf8_lossy(&self.held).into_owned();
                self.fields.push(std::mem::take(&mut self.name), value);
                self.held.clear();
                self.place = Place::Headers;
                return &bytes[at + 1..];
            }
            if self.held.len() > MAX_BYTES + self.delimiter.len() {
                let surplus = self.held.len() - (self.delimiter.len() - 1);
                self.held.drain(..surplus);
                self.place = Place::Skipped;
                return &bytes[at + 1..];
            }
        }
        &[]
    }
}
