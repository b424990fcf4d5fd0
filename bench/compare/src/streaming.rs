//! Streams of gRPC: tonic's server streaming and client streaming over a Unix socket, for `bench stream`.
//!
//! Chosen: as `grpc`; messages that carry a number of eight bytes, or bytes, which are shared and not copied before the codec's copy.
//!
//! Lives here: the command line (`stream serve`, `stream read|give BYTES NAME MS`), the service, both clients.
//! Holds: each message is looked at, and as many arrive as are told.

use crate::grpc::{channel, server};
use crate::runtime::{Threads, listening, runtime};
use futures_util::{Stream, StreamExt, future::BoxFuture, stream};
use prost::bytes::Bytes;
use std::convert::Infallible;
use std::io::Write;
use std::pin::Pin;
use std::process::ExitCode;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio_stream::wrappers::UnixListenerStream;
use tonic::codegen::{Service, http, http::uri::PathAndQuery};
use tonic::server::{ClientStreamingService, Grpc as ServerGrpc, NamedService, ServerStreamingService};
use tonic::{Request, Response, Status, Streaming, body::Body};
use tonic_prost::ProstCodec;
use windlass_bench::Failure;

const SEND: &str = "/windlass.bench.Flow/Send";
const TAKE: &str = "/windlass.bench.Flow/Take";

/// A value: a number, or bytes.
#[derive(Clone, PartialEq, prost::Message)]
struct Value {
    #[prost(fixed64, tag = "1")]
    number: u64,
    #[prost(bytes = "bytes", tag = "2")]
    bytes: Bytes,
}

/// How many bytes a value is to have; how many values there were.
#[derive(Clone, PartialEq, prost::Message)]
struct Count {
    #[prost(fixed64, tag = "1")]
    count: u64,
}

/// Values of so many bytes, one after another: eight are a number.
struct Values {
    next: u64,
    bytes: Bytes,
}

impl Values {
    fn of(bytes: u64) -> Self {
        let bytes = if bytes == 8 { Bytes::new() } else { vec![b'x'; bytes as usize].into() };
        Self { next: 0, bytes }
    }
    fn next(&mut self) -> Value {
        self.next += 1;
        Value { number: self.next, bytes: self.bytes.clone() }
    }
    fn is_next(&mut self, value: &Value) -> bool {
        self.next += 1;
        // Its ends say whose it is, as in ours.
        let (ours, theirs) = (&self.bytes, &value.bytes);
        value.number == self.next
            && (ours.len(), ours.first(), ours.last()) == (theirs.len(), theirs.first(), theirs.last())
    }
}

/// The service, as generated code would have it.
#[derive(Clone)]
struct Flow;

impl NamedService for Flow {
    const NAME: &'static str = "windlass.bench.Flow";
}

type Sent = Pin<Box<dyn Stream<Item = Result<Value, Status>> + Send>>;

impl ServerStreamingService<Count> for Flow {
    type Response = Value;
    type ResponseStream = Sent;
    type Future = BoxFuture<'static, Result<Response<Sent>, Status>>;

    fn call(&mut self, request: Request<Count>) -> Self::Future {
        let mut values = Values::of(request.get_ref().count);
        Box::pin(async move { Ok(Response::new(stream::repeat_with(move || Ok(values.next())).boxed())) })
    }
}

impl ClientStreamingService<Value> for Flow {
    type Response = Count;
    type Future = BoxFuture<'static, Result<Response<Count>, Status>>;

    fn call(&mut self, request: Request<Streaming<Value>>) -> Self::Future {
        Box::pin(async move {
            let mut given = request.into_inner();
            let mut values: Option<Values> = None;
            while let Some(value) = given.message().await? {
                let bytes = if value.bytes.is_empty() { 8 } else { value.bytes.len() as u64 };
                if !values.get_or_insert_with(|| Values::of(bytes)).is_next(&value) {
                    return Err(Status::data_loss("a value is not the one that was sent"));
                }
            }
            Ok(Response::new(Count { count: values.map_or(0, |values| values.next) }))
        })
    }
}

impl Service<http::Request<Body>> for Flow {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            Ok(match request.uri().path() {
                SEND => {
                    let codec = ProstCodec::<Value, Count>::default();
                    ServerGrpc::new(codec).server_streaming(Flow, request).await
                }
                TAKE => {
                    let codec = ProstCodec::<Count, Value>::default();
                    ServerGrpc::new(codec).client_streaming(Flow, request).await
                }
                _ => Status::unimplemented(format!("there are {SEND} and {TAKE}")).into_http(),
            })
        })
    }
}

/// Does what the command line says, if that is about streams.
pub fn main() -> Option<ExitCode> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["stream", "serve"] => serve(),
        ["stream", "read", bytes, name, ms] => client(name, bytes, ms, true),
        ["stream", "give", bytes, name, ms] => client(name, bytes, ms, false),
        _ => return None,
    };
    Some(match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("windlass-bench-compare: {failure}");
            ExitCode::FAILURE
        }
    })
}

/// Says where it is, and serves until its input ends.
fn serve() -> Result<(), Failure> {
    std::thread::spawn(|| {
        let _ended = std::io::stdin().read_line(&mut String::new());
        std::process::exit(0);
    });
    runtime(Threads::One)?.block_on(async {
        let name = format!("windlass-bench-flow-{}", std::process::id());
        let incoming = UnixListenerStream::new(listening(&name)?);
        println!("{name}");
        std::io::stdout().flush()?;
        Ok(server().add_service(Flow).serve_with_incoming(incoming).await?)
    })
}

/// Says how many values a second there were.
fn client(name: &str, bytes: &str, ms: &str, reads: bool) -> Result<(), Failure> {
    let (bytes, time) = (bytes.parse()?, Duration::from_millis(ms.parse()?));
    let (runtime, channel) = channel(name)?;
    let mut stub = tonic::client::Grpc::new(channel);
    let rate = runtime.block_on(async {
        stub.ready().await?;
        let mut values = Values::of(bytes);
        if !reads {
            let (begun, codec) = (Instant::now(), ProstCodec::<Value, Count>::default());
            let values = std::iter::from_fn(move || {
                (!values.next.is_multiple_of(16) || begun.elapsed() < time).then(|| values.next())
            });
            let request = Request::new(stream::iter(values));
            let path = PathAndQuery::from_static(TAKE);
            let count = stub.client_streaming(request, path, codec).await?.into_inner().count;
            return Ok::<f64, Failure>(count as f64 / begun.elapsed().as_secs_f64());
        }
        let codec = ProstCodec::<Count, Value>::default();
        let request = Request::new(Count { count: bytes });
        let path = PathAndQuery::from_static(SEND);
        let mut sent = stub.server_streaming(request, path, codec).await?.into_inner();
        let mut begun = Instant::now();
        loop {
            let value = sent.message().await?.ok_or("the stream has ended")?;
            if !values.is_next(&value) {
                return Err("a value is not the one that was sent".into());
            }
            if values.next == 1 {
                begun = Instant::now();
            } else if values.next % 16 == 1 && begun.elapsed() >= time {
                return Ok((values.next - 1) as f64 / begun.elapsed().as_secs_f64());
            }
        }
    })?;
    println!("{rate}");
    Ok(())
}
