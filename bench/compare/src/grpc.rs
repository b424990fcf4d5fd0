//! gRPC: tonic unary calls over TCP loopback and over a Unix socket.
//!
//! Chosen: one single-thread runtime a side, or a server with a thread for each core; as many streams at once as a bench asks for
//! (hyper would let 200 be); tonic's own prost codec; messages derived by hand, as generated code would
//! have them; message limits raised. Many outstanding are futures on the one thread. A request is built in a buffer that
//! comes back when tonic is done with it, so no copy is made before the codec's own.
//! Frames of 128 KiB and default flow-control windows, after short trials on one core: against default frames 8 MiB over
//! a Unix socket took 2.7 ms instead of 4.3 and 256 KiB over TCP 89 us instead of 143, but 256 KiB over a Unix socket
//! 90 to 216 us from run to run instead of 137; frames of 1 MiB and wider windows were slower in more cells than they
//! were faster. Calls below 16 KiB do not notice.
//!
//! Lives here: the service, both servers, both clients.

use crate::runtime::{Threads, connected, listening, runtime};
use futures_util::{StreamExt, stream::FuturesUnordered};
use hyper_util::rt::TokioIo;
use prost::bytes::{Bytes, BytesMut};
use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
};
use tokio::runtime::Runtime;
use tokio_stream::wrappers::UnixListenerStream;
use tonic::{
    Status,
    body::Body,
    client::Grpc as ClientGrpc,
    codegen::{BoxFuture, Service, http, http::uri::PathAndQuery},
    server::{Grpc as ServerGrpc, NamedService, UnaryService},
    transport::{Channel, Endpoint, Server, server::TcpIncoming},
};
use tonic_prost::ProstCodec;
use windlass_bench::{
    Caller, Door, Failure, Meter, checksum,
    contender::Ending,
    limits::REQUEST_BYTES_MAX,
    operation::{HEAD_BYTES, Questions},
};

/// Requests of one client at a time: with more its HTTP/2 ends the connection, because so many small frames that wait look like an
/// attack (`too_many_data_frames`).
pub const OUTSTANDING_MAX: u32 = 1024;

const PATH: &str = "/windlass.bench.Checksum/Sum";
const FRAME_BYTES: u32 = 128 << 10;
const MESSAGE_BYTES_MAX: usize = REQUEST_BYTES_MAX as usize + 1024;

/// What is asked: bytes.
#[derive(Clone, PartialEq, prost::Message)]
struct Request {
    #[prost(bytes = "bytes", tag = "1")]
    body: Bytes,
}

/// What is answered: their checksum.
#[derive(Clone, PartialEq, prost::Message)]
struct Reply {
    #[prost(fixed64, tag = "1")]
    sum: u64,
}

/// The service, as generated code would have it.
#[derive(Clone)]
struct Summer;

impl NamedService for Summer {
    const NAME: &'static str = "windlass.bench.Checksum";
}

impl UnaryService<Request> for Summer {
    type Response = Reply;
    type Future = Ready<Result<tonic::Response<Reply>, Status>>;

    fn call(&mut self, request: tonic::Request<Request>) -> Self::Future {
        ready(Ok(tonic::Response::new(Reply { sum: checksum(&request.get_ref().body) })))
    }
}

impl Service<http::Request<Body>> for Summer {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        if request.uri().path() != PATH {
            let refusal = Status::unimplemented(format!("there is only {PATH}"));
            return Box::pin(ready(Ok(refusal.into_http())));
        }
        Box::pin(async move {
            let codec = ProstCodec::<Reply, Request>::default();
            let limits = (Some(MESSAGE_BYTES_MAX), Some(MESSAGE_BYTES_MAX));
            let mut grpc = ServerGrpc::new(codec).apply_max_message_size_config(limits.0, limits.1);
            Ok(grpc.unary(Summer, request).await)
        })
    }
}

pub fn server() -> Server {
    Server::builder().max_frame_size(FRAME_BYTES).max_concurrent_streams(OUTSTANDING_MAX)
}

/// Serves over TCP on a loopback port of the kernel's choice.
pub fn serve_tcp(door: &Door) -> Result<(), Failure> {
    runtime(Threads::One)?.block_on(async {
        let incoming = TcpIncoming::bind("127.0.0.1:0".parse()?)?.with_nodelay(Some(true));
        door.ready(&format!("http://{}", incoming.local_addr()?), Ending::AtOnce)?;
        Ok(server().add_service(Summer).serve_with_incoming(incoming).await?)
    })
}

/// Serves over an abstract Unix socket: it has no file, so nothing is left behind.
pub fn serve_unix(door: &Door, threads: Threads) -> Result<(), Failure> {
    runtime(threads)?.block_on(async {
        let name = format!("windlass-bench-tonic-{}", std::process::id());
        let incoming = UnixListenerStream::new(listening(&name)?);
        door.ready(&name, Ending::AtOnce)?;
        Ok(server().add_service(Summer).serve_with_incoming(incoming).await?)
    })
}

fn endpoint(address: String) -> Result<Endpoint, Failure> {
    Ok(Endpoint::from_shared(address)?.tcp_nodelay(true).buffer_size(OUTSTANDING_MAX as usize))
}

/// A client of the TCP server at `address`.
pub fn connect_tcp(address: &str) -> Result<Box<dyn Caller>, Failure> {
    let (runtime, endpoint) = (runtime(Threads::One)?, endpoint(address.to_owned())?);
    let channel = runtime.block_on(endpoint.connect())?;
    Ok(Box::new(Client::new(runtime, channel)))
}

/// A client of the abstract Unix socket `name`.
pub fn connect_unix(name: &str) -> Result<Box<dyn Caller>, Failure> {
    let (runtime, channel) = channel(name)?;
    Ok(Box::new(Client::new(runtime, channel)))
}

/// A connection to the abstract Unix socket `name`, and what it runs on.
pub fn channel(name: &str) -> Result<(Runtime, Channel), Failure> {
    // The address is only what the requests' authority says; the connector decides where they go.
    let (runtime, endpoint) = (runtime(Threads::One)?, endpoint("http://localhost".into())?);
    let name = name.to_owned();
    let connector = tower::service_fn(move |_| {
        let stream = connected(&name);
        async move { stream.map(TokioIo::new) }
    });
    let channel = runtime.block_on(endpoint.connect_with_connector(connector))?;
    Ok((runtime, channel))
}

/// A client stub, as generated code would have it; cloned for each call that is outstanding.
type Stub = ClientGrpc<Channel>;

struct Client {
    runtime: Runtime,
    stub: Stub,
}

impl Client {
    fn new(runtime: Runtime, channel: Channel) -> Self {
        let stub = Stub::new(channel)
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        Self { runtime, stub }
    }
}

impl Caller for Client {
    fn run(&mut self, meter: &mut Meter) -> Result<(), Failure> {
        let Self { runtime, stub } = self;
        if meter.ask().outstanding == 1 {
            runtime.block_on(one_by_one(stub, meter))
        } else {
            runtime.block_on(many(stub, meter))
        }
    }
}

async fn one_by_one(stub: &mut Stub, meter: &mut Meter) -> Result<(), Failure> {
    let questions = meter.questions();
    let mut buffer = Buffer::new(&questions);
    while let Some(variant) = meter.issue(0) {
        let sum = sum(stub, buffer.request(&questions, variant)).await?;
        meter.answer(0, sum)?;
    }
    Ok(())
}

async fn many(stub: &Stub, meter: &mut Meter) -> Result<(), Failure> {
    let questions = meter.questions();
    let mut buffers: Vec<Buffer> = (0..meter.ask().outstanding).map(|_| Buffer::new(&questions)).collect();
    let mut calls = FuturesUnordered::new();
    let call = |slot: usize, request: Bytes| {
        let mut stub = stub.clone();
        async move { (slot, sum(&mut stub, request).await) }
    };
    for (slot, buffer) in buffers.iter_mut().enumerate() {
        if let Some(variant) = meter.issue(slot) {
            calls.push(call(slot, buffer.request(&questions, variant)));
        }
    }
    while let Some((slot, sum)) = calls.next().await {
        meter.answer(slot, sum?)?;
        if let Some(variant) = meter.issue(slot) {
            calls.push(call(slot, buffers[slot].request(&questions, variant)));
        }
    }
    Ok(())
}

async fn sum(stub: &mut Stub, body: Bytes) -> Result<u64, Failure> {
    stub.ready().await?;
    let codec = ProstCodec::<Request, Reply>::default();
    let request = tonic::Request::new(Request { body });
    let reply = stub.unary(request, PathAndQuery::from_static(PATH), codec).await?;
    Ok(reply.into_inner().sum)
}

/// The bytes of one slot's request. tonic lets go of them when it has encoded them, so they are written again in place.
struct Buffer(Bytes);

impl Buffer {
    fn new(questions: &Questions) -> Self {
        Self(questions.request(0).into())
    }

    fn request(&mut self, questions: &Questions, variant: usize) -> Bytes {
        let mut bytes = match std::mem::take(&mut self.0).try_into_mut() {
            Ok(bytes) => bytes,
            Err(shared) => BytesMut::from(shared.as_ref()),
        };
        bytes[..HEAD_BYTES].copy_from_slice(&questions.head(variant));
        self.0 = bytes.freeze();
        self.0.clone()
    }
}
