//! tarpc: RPC between Rust programs, its own macro, bincode over a Unix socket.
//!
//! Chosen: frames by length and bincode, as its own transports have them; queues and requests in flight as wide as a bench asks for;
//! each request a task of the server's runtime, as its examples do. The client runs on one thread; many outstanding are futures there.
//!
//! Lives here: the service, its server, its client.

use crate::runtime::{Threads, connected, listening, runtime};
use futures_util::{StreamExt, stream::FuturesUnordered};
use std::time::{Duration, Instant};
use tarpc::server::{BaseChannel, Channel};
use tarpc::{client, context, serde_transport, server};
use tokio::net::UnixStream;
use tokio::runtime::Runtime;
use tokio_serde::formats::Bincode;
use tokio_util::codec::LengthDelimitedCodec;
use windlass_bench::operation::HEAD_BYTES;
use windlass_bench::{Caller, Door, Failure, Meter, checksum, contender::Ending, limits::OUTSTANDING_MAX};

/// The largest request, within its frames of 8 MiB.
pub const BYTES_MAX: u64 = 4 << 20;

const ROOM: usize = 2 * OUTSTANDING_MAX as usize;
/// Longer than any run: no request is given up.
const PATIENCE: Duration = Duration::from_secs(300);

#[tarpc::service]
trait Sum {
    /// The checksum of some bytes.
    async fn sum(body: Vec<u8>) -> u64;
}

#[derive(Clone)]
struct Summer;

impl Sum for Summer {
    async fn sum(self, _: context::Context, body: Vec<u8>) -> u64 {
        checksum(&body)
    }
}

type Transport<Item, Sink> = serde_transport::Transport<UnixStream, Item, Sink, Bincode<Item, Sink>>;

fn transport<Item, Sink>(stream: UnixStream) -> Transport<Item, Sink>
where
    Item: for<'de> serde::Deserialize<'de>,
    Sink: serde::Serialize,
{
    serde_transport::new(LengthDelimitedCodec::builder().new_framed(stream), Bincode::default())
}

/// Serves over an abstract Unix socket.
pub fn serve(door: &Door, threads: Threads) -> Result<(), Failure> {
    runtime(threads)?.block_on(async {
        let name = format!("windlass-bench-tarpc-{}", std::process::id());
        let listener = listening(&name)?;
        door.ready(&name, Ending::AtOnce)?;
        loop {
            let (stream, _) = listener.accept().await?;
            let config = server::Config { pending_response_buffer: ROOM };
            let requests = BaseChannel::new(config, transport(stream)).execute(Summer.serve());
            tokio::spawn(requests.for_each(|response| async {
                tokio::spawn(response);
            }));
        }
    })
}

/// A client of the abstract Unix socket `name`.
pub fn connect(name: &str) -> Result<Box<dyn Caller>, Failure> {
    let runtime = runtime(Threads::One)?;
    let stub = runtime.block_on(async {
        let mut config = client::Config::default();
        (config.max_in_flight_requests, config.pending_request_buffer) = (ROOM, ROOM);
        Ok::<_, Failure>(SumClient::new(config, transport(connected(name)?)).spawn())
    })?;
    Ok(Box::new(Client { runtime, stub }))
}

struct Client {
    runtime: Runtime,
    stub: SumClient,
}

impl Caller for Client {
    fn run(&mut self, meter: &mut Meter) -> Result<(), Failure> {
        self.runtime.block_on(many(&self.stub, meter))
    }
}

async fn many(stub: &SumClient, meter: &mut Meter) -> Result<(), Failure> {
    let questions = meter.questions();
    let mut context = context::current();
    context.deadline = Instant::now() + PATIENCE;
    let body = questions.request(0);
    let mut calls = FuturesUnordered::new();
    let call = |slot: usize, variant: usize| {
        let mut body = body.clone();
        body[..HEAD_BYTES].copy_from_slice(&questions.head(variant));
        async move { (slot, stub.sum(context, body).await) }
    };
    for slot in 0..meter.ask().outstanding as usize {
        if let Some(variant) = meter.issue(slot) {
            calls.push(call(slot, variant));
        }
    }
    while let Some((slot, sum)) = calls.next().await {
        meter.answer(slot, sum?)?;
        if let Some(variant) = meter.issue(slot) {
            calls.push(call(slot, variant));
        }
    }
    Ok(())
}
