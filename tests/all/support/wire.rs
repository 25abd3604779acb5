//! One hand-written exchange of every wire format, whole and streamed. Every answer counts [`INPUT_TOKENS`] and,
//! where it generates, [`OUTPUT_TOKENS`]; all free text is [`SECRET`].

mod anthropic;
mod bedrock;
mod google;
mod openai;
mod others;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// Is put in every place of an exchange whose text must not be recorded.
pub(crate) const SECRET: &str = "canary-7f3a";
pub(crate) const INPUT_TOKENS: &str = "23";
pub(crate) const OUTPUT_TOKENS: &str = "9";

/// How the pieces of a streamed answer are framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framed {
    /// Server-sent events, named by the member `type` of their data.
    Sse,
    /// Server-sent events, closed by `[DONE]`.
    SseDone,
    Lines,
    Array,
    /// AWS event stream: each piece is an object of one member, which names the event.
    Events,
    /// AWS event stream of `chunk` events, each of which wraps a piece.
    Chunks,
    /// The format has no streams.
    Never,
}

/// One exchange.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    pub(crate) name: &'static str,
    /// The URLs of the whole and of the streamed call.
    pub(crate) urls: [String; 2],
    pub(crate) request: Value,
    pub(crate) answer: Value,
    pub(crate) framed: Framed,
    pub(crate) pieces: Vec<Value>,
    /// The body of an HTTP error.
    pub(crate) error: Value,
    /// The piece of a stream that reports an error.
    pub(crate) stream_error: Value,
}

impl Exchange {
    /// The request's body as the whole or the streamed call sends it.
    pub(crate) fn request(&self, stream: bool) -> Vec<u8> {
        let mut body = self.request.clone();
        if body.get("stream").is_some() {
            body["stream"] = json!(stream);
        }
        body.to_string().into_bytes()
    }

    pub(crate) const fn streams(&self) -> bool {
        !matches!(self.framed, Framed::Never)
    }

    pub(crate) const fn content_type(&self, stream: bool) -> &'static str {
        match self.framed {
            Framed::Sse | Framed::SseDone if stream => "text/event-stream",
            Framed::Lines if stream => "application/x-ndjson",
            Framed::Events | Framed::Chunks if stream => "application/vnd.amazon.eventstream",
            _ => "application/json",
        }
    }

    /// The whole answer, or the body of the stream.
    pub(crate) fn answer(&self, stream: bool) -> Vec<u8> {
        self.spelled(stream, &compact)
    }

    /// As [`Exchange::answer`], with every document spelled so.
    pub(crate) fn spelled(&self, stream: bool, spell: Spell<'_>) -> Vec<u8> {
        if stream { self.framed(&self.pieces, spell) } else { spell(&self.answer) }
    }

    /// The body of a stream of which an error is the second piece and the last.
    pub(crate) fn failing_stream(&self) -> Vec<u8> {
        self.framed(&[self.pieces[0].clone(), self.stream_error.clone()], &compact)
    }

    fn framed(&self, pieces: &[Value], spell: Spell<'_>) -> Vec<u8> {
        let event = |piece: &Value| match piece["type"].as_str() {
            Some(name) => [format!("event: {name}\ndata: ").as_bytes(), &spell(piece), b"\n\n"].concat(),
            None => [b"data: ".as_slice(), &spell(piece), b"\r\n\r\n"].concat(),
        };
        match self.framed {
            Framed::Sse => pieces.iter().flat_map(event).collect(),
            Framed::SseDone => pieces.iter().flat_map(event).chain(*b"data: [DONE]\n\n").collect(),
            Framed::Lines => {
                pieces.iter().flat_map(|piece| [spell(piece), b"\n".to_vec()].concat()).collect()
            }
            Framed::Array => {
                let pieces: Vec<_> = pieces.iter().map(spell).collect();
                [b"[".as_slice(), &pieces.join(b"\n,\r\n".as_slice()), b"]"].concat()
            }
            Framed::Events => pieces.iter().flat_map(|piece| named_message(piece, spell)).collect(),
            Framed::Chunks => pieces
                .iter()
                .flat_map(|piece| match piece.get("exception") {
                    Some(_) => {
                        named_message(&json!({"modelStreamErrorException": piece["exception"]}), spell)
                    }
                    None => {
                        let chunk = json!({"bytes": STANDARD.encode(spell(piece)), "p": "abc"});
                        message("chunk", &compact(&chunk))
                    }
                })
                .collect(),
            Framed::Never => unreachable!("no stream"),
        }
    }
}

/// How a document is written.
pub(crate) type Spell<'s> = &'s dyn Fn(&Value) -> Vec<u8>;

fn compact(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

/// One message of an AWS event stream, for an object of one member, which names it.
fn named_message(piece: &Value, spell: Spell<'_>) -> Vec<u8> {
    let (name, payload) = piece.as_object().unwrap().iter().next().unwrap();
    message(name, &spell(payload))
}

/// One message of an AWS event stream.
pub(crate) fn message(name: &str, payload: &[u8]) -> Vec<u8> {
    let headers = if name.ends_with("Exception") {
        [(":exception-type", name), (":message-type", "exception")]
    } else {
        [(":event-type", name), (":message-type", "event")]
    };
    let mut encoded = Vec::new();
    for (name, value) in headers {
        encoded.push(u8::try_from(name.len()).unwrap());
        encoded.extend_from_slice(name.as_bytes());
        // 7: a string.
        encoded.push(7);
        encoded.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
        encoded.extend_from_slice(value.as_bytes());
    }
    let length = u32::try_from(16 + encoded.len() + payload.len()).unwrap();
    let mut message = length.to_be_bytes().to_vec();
    message.extend_from_slice(&u32::try_from(encoded.len()).unwrap().to_be_bytes());
    message.extend_from_slice(&crc32fast::hash(&message).to_be_bytes());
    message.extend_from_slice(&encoded);
    message.extend_from_slice(payload);
    message.extend_from_slice(&crc32fast::hash(&message).to_be_bytes());
    message
}

/// `value` with an unknown member in every object, whose name and value are secret.
pub(crate) fn planted(mut value: Value) -> Value {
    match &mut value {
        Value::Object(members) => {
            for member in members.values_mut() {
                *member = planted(member.take());
            }
            // A piece of an event stream has one member, the event's name.
            let enveloped = members.len() == 1 && members.values().all(Value::is_object);
            if !enveloped {
                members.insert(format!("{SECRET}-member"), json!(format!("{SECRET}-value")));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = planted(item.take())),
        _ => {}
    }
    value
}

/// One exchange of every wire format.
pub(crate) fn all() -> Vec<Exchange> {
    [openai::all(), anthropic::all(), google::all(), bedrock::all(), others::all()].concat()
}
