//! What a failed export means for its batch.

use opentelemetry_sdk::error::OTelSdkError;

/// What is to be done with a batch that was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// Keep it: the receiver is away, busy or set up wrongly, and the batch is not the reason.
    Away,
    /// Keep it for a while: the receiver may be in trouble, or this batch may be what troubles it.
    Unclear,
    /// Give it up: the receiver has read it and will never take it.
    Refused,
}

/// Reads the kind of a failure from the texts of `opentelemetry-otlp` 0.33, which hands out nothing else.
pub(super) fn of(error: &OTelSdkError) -> Failure {
    let OTelSdkError::InternalFailure(text) = error else { return Failure::Away };
    if let Some(status) = after(text, "HTTP export failed with status code: ") {
        return match status {
            // About the content of this one request: bad, too large, of an unknown kind.
            "400" | "411" | "413" | "414" | "415" | "422" | "431" => Failure::Refused,
            "500" => Failure::Unclear,
            // Credentials, paths and proxies concern every batch alike, and are set right by somebody.
            _ => Failure::Away,
        };
    }
    if let Some(code) = after(text, "export failed with gRPC code: ") {
        return match code {
            // Also a broken connection has a code, and not always `Unavailable`.
            _ if text.contains(": transport error") => Failure::Away,
            "InvalidArgument" => Failure::Refused,
            // Servers say these of a message that is too large as well as of themselves.
            "ResourceExhausted" | "OutOfRange" | "Internal" | "Unknown" | "DataLoss" => Failure::Unclear,
            _ => Failure::Away,
        };
    }
    if text.starts_with("HTTP export failed: network error") { Failure::Away } else { Failure::Unclear }
}

/// The word that follows `prefix` in `text`.
fn after<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(prefix)?;
    rest.split(|letter: char| !letter.is_ascii_alphanumeric()).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_concerns_the_batch_itself_is_refused_for_good() {
        let of = |text: &str| of(&OTelSdkError::InternalFailure(text.to_owned()));
        let http = |status: &str| of(&format!("HTTP export failed with status code: {status}"));
        let grpc = |code: &str| of(&format!("TonicTracesClient export failed with gRPC code: {code}"));
        assert_eq!([http("400"), http("413"), grpc("InvalidArgument")], [Failure::Refused; 3]);
        assert_eq!([http("500"), grpc("ResourceExhausted"), of("a new text")], [Failure::Unclear; 3]);
        assert_eq!([http("401"), http("404"), http("429"), http("503")], [Failure::Away; 4]);
        assert_eq!(grpc("Unavailable"), Failure::Away);
        assert_eq!(grpc("Unknown: transport error: connection error: broken pipe"), Failure::Away);
        assert_eq!(of("HTTP export failed: network error"), Failure::Away);
    }
}
