//! A client that sends requests which are encoded already.

use bytes::{Buf, BufMut, Bytes};
use tonic::Status;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;

const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

pub(crate) struct Client(Grpc<Channel>);

impl Client {
    pub(crate) async fn connect(address: String) -> Result<Self, tonic::transport::Error> {
        Ok(Self(Grpc::new(Channel::from_shared(address).unwrap_or_else(|_| unreachable!()).connect().await?)))
    }

    pub(crate) async fn export(
        &mut self,
        request: Bytes,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.0.ready().await?;
        let path = PathAndQuery::from_static(EXPORT);
        let answer = self.0.unary(tonic::Request::new(request), path, Plain).await?.into_inner();
        // The empty answer says that nothing of it was refused.
        if answer.is_empty() { Ok(()) } else { Err("a part of the request was refused".into()) }
    }
}

/// Messages as they are.
#[derive(Clone, Copy)]
struct Plain;

impl Codec for Plain {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put(message);
        Ok(())
    }
}

impl Decoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}
