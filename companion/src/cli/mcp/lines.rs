//! Messages of the client, each on a line. A line that is no message within the bound gets a reply, so that the client does not
//! wait without end, and the next one is read. The transport of the SDK drops such lines without a reply.

use std::io;
use std::pin::Pin;

use rmcp::RoleServer;
use rmcp::model::ErrorData;
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use rmcp::transport::async_rw::AsyncRwTransport;
use serde::de::IgnoredAny;
use tokio::io::{
    AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, DuplexStream,
};
use tokio::sync::mpsc;

/// Bytes of a line: many times the longest question, and read into values some 40 times as much memory.
pub(super) const MOST_BYTES: usize = 256 << 10;
/// Bytes of lines that the SDK has not taken yet.
const WAITING: usize = 8 << 10;
/// The mark of UTF-8, which may precede a message.
const MARK: &[u8] = b"\xEF\xBB\xBF";

/// The transport of the SDK, which is given messages only.
pub(super) struct Lines<W: AsyncWrite> {
    messages: AsyncRwTransport<RoleServer, DuplexStream, W>,
    refused: mpsc::Receiver<ErrorData>,
    /// On its way. Kept here, since `receive` may be dropped before it ends.
    reply: Option<Reply>,
}

type Reply = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

/// Reads lines of `input` until its end, in a task of its own.
pub(super) fn of<R, W>(input: R, output: W) -> Lines<W>
where
    R: AsyncRead + Unpin + Send + 'static,
    W: AsyncWrite + Unpin + Send + 'static,
{
    let (messages, taken) = tokio::io::duplex(WAITING);
    let (refusals, refused) = mpsc::channel(1);
    #[expect(
        clippy::disallowed_methods,
        reason = "it ends with the input, or when its lines are not taken any more"
    )]
    tokio::spawn(async move {
        // An input that cannot be read any more has ended.
        let _ = sort(input, messages, refusals).await;
    });
    let messages = AsyncRwTransport::new(taken, output).with_max_line_length(MOST_BYTES);
    Lines { messages, refused, reply: None }
}

async fn sort(
    input: impl AsyncRead + Unpin,
    mut messages: DuplexStream,
    refusals: mpsc::Sender<ErrorData>,
) -> io::Result<()> {
    let mut input = BufReader::new(input);
    let mut line = Vec::new();
    loop {
        let whole = read(&mut input, &mut line).await?;
        if line.is_empty() {
            return Ok(());
        }
        let mut refusal = refusal(&line);
        if !whole && line.len() == MOST_BYTES {
            while !read(&mut input, &mut line).await? && !line.is_empty() {}
            refusal =
                Some(ErrorData::invalid_request(format!("a message has at most {MOST_BYTES} bytes"), None));
        }
        match refusal {
            None => messages.write_all(&line).await?,
            Some(refusal) => refusals.send(refusal).await.map_err(io::Error::other)?,
        }
    }
}

/// Reads a line, or as much as a message may have of it. Whether its end was read.
async fn read(input: &mut (impl AsyncBufReadExt + Unpin), line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    input.take(MOST_BYTES as u64).read_until(b'\n', line).await?;
    Ok(line.ends_with(b"\n"))
}

fn refusal(line: &[u8]) -> Option<ErrorData> {
    let refused = |reason: String| Some(ErrorData::parse_error(reason, None));
    let Ok(text) = std::str::from_utf8(line.strip_prefix(MARK).unwrap_or(line)) else {
        return refused("a message is UTF-8".to_owned());
    };
    if text.trim().is_empty() {
        return None;
    }
    serde_json::from_str::<IgnoredAny>(text).err().and_then(|error| refused(format!("no JSON: {error}")))
}

impl<W: AsyncWrite + Unpin + Send + 'static> Transport<RoleServer> for Lines<W> {
    type Error = io::Error;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        self.messages.send(message)
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        loop {
            if let Some(reply) = &mut self.reply {
                reply.await.ok()?;
                self.reply = None;
            }
            let refusal = tokio::select! {
                biased;
                Some(refusal) = self.refused.recv() => refusal,
                message = self.messages.receive() => match message {
                    Some(message) => return Some(message),
                    // The last line may have been refused.
                    None => self.refused.try_recv().ok()?,
                },
            };
            // The id of what cannot be read is not known.
            self.reply =
                Some(Box::pin(self.messages.send(TxJsonRpcMessage::<RoleServer>::error(refusal, None))));
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        self.messages.close().await
    }
}

#[cfg(test)]
mod tests {
    use rmcp::ServiceExt as _;
    use serde_json::Value;
    use tokio::io::AsyncWriteExt as _;

    use super::super::tests::server;
    use super::*;

    const BEGIN: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}
{"jsonrpc":"2.0","method":"notifications/initialized"}
"#;
    const PING: &[u8] = b"{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ping\"}\n";

    /// The replies to these bytes and a ping after them, up to the one to the ping and the one to the bytes.
    async fn replies(bytes: &[u8]) -> Vec<Value> {
        let (client, served) = tokio::io::duplex(4 << 20);
        let (input, output) = tokio::io::split(served);
        let running = tokio::spawn(async move {
            server(&[])
                .serve(of(input, output))
                .await
                .map(|running| running.waiting())?
                .await
                .map_err(io::Error::other)?;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
        });
        let (read, mut write) = tokio::io::split(client);
        let mut read = BufReader::new(read).lines();
        write.write_all(BEGIN.as_bytes()).await.unwrap();
        let first: Value = serde_json::from_str(&read.next_line().await.unwrap().unwrap()).unwrap();
        assert_eq!(first["id"], 1, "{first}");
        write.write_all(bytes).await.unwrap();
        write.write_all(PING).await.unwrap();
        let mut replies: Vec<Value> = Vec::new();
        while replies.len() < 2 {
            replies.push(serde_json::from_str(&read.next_line().await.unwrap().unwrap()).unwrap());
        }
        write.shutdown().await.unwrap();
        running.await.unwrap().unwrap();
        // A refusal may overtake the reply to a message.
        replies.sort_by_key(|reply| reply["id"].is_null());
        replies
    }

    #[tokio::test]
    async fn a_line_that_is_no_message_is_answered_and_the_next_one_is_read() {
        let mut long = vec![b' '; 3 * MOST_BYTES];
        long.push(b'\n');
        for (bytes, code, reason) in [
            (long.as_slice(), -32600, "at most 262144 bytes"),
            (b"{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"\xff\"}\n", -32700, "UTF-8"),
            (b"{\"jsonrpc\":\n", -32700, "EOF"),
            (b"[[[]\n", -32700, "EOF"),
            (b"[1, 2]\n", -32600, ""),
        ] {
            let replies = replies(bytes).await;
            assert_eq!(replies[0]["id"], 2, "{replies:?}");
            assert!(replies[1]["id"].is_null() && replies[1]["error"]["code"] == code, "{replies:?}");
            assert!(replies[1]["error"]["message"].as_str().unwrap().contains(reason), "{replies:?}");
        }
    }

    #[tokio::test]
    async fn a_message_of_the_longest_length_is_read() {
        let mut longest = b"\xEF\xBB\xBF{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"ping\"}".to_vec();
        longest.resize(MOST_BYTES - 1, b' ');
        longest.push(b'\n');
        let replies = replies(&longest).await;
        assert!(replies.iter().all(|reply| reply["result"].is_object()), "{replies:?}");
    }
}
