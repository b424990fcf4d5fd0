//! The operation's work without any hand-over: copy the request, or checksum it where it lies.
//!
//! Lives here: `Copier`, `Summer`, `InTurn`, and a server that only waits to be ended (the protocol wants one).
//! Holds: the copy is compared with its source after the run, byte for byte; each call's head is compared at once.

use std::hint::black_box;
use windlass_bench::contender::Ending;
use windlass_bench::operation::{HEAD_BYTES, KEPT_WHOLE};
use windlass_bench::{Caller, Door, Failure, Meter, checksum};

/// Waits to be ended.
pub fn serve(door: &Door) -> Result<(), Failure> {
    door.ready("-", Ending::AtOnce)?;
    loop {
        std::thread::park();
    }
}

/// Copies each request from warm memory to warm memory.
pub struct Copier;

impl Caller for Copier {
    fn run(&mut self, meter: &mut Meter) -> Result<(), Failure> {
        let questions = meter.questions();
        let mut request = questions.request(0);
        let mut copy = request.clone();
        meter.copied_bytes(request.len() as u64);
        while let Some(variant) = meter.issue(0) {
            request[..HEAD_BYTES].copy_from_slice(&questions.head(variant));
            copy.copy_from_slice(black_box(&request));
            let arrived = black_box(&copy)[..HEAD_BYTES] == questions.head(variant);
            meter.answer(0, if arrived { questions.expected(variant) } else { !questions.expected(variant) })?;
        }
        if copy == request { Ok(()) } else { Err("the copy differs from its source".into()) }
    }
}

/// Checksums each request where it lies.
pub struct Summer;

impl Caller for Summer {
    fn run(&mut self, meter: &mut Meter) -> Result<(), Failure> {
        meter.copied_bytes(0);
        meter.serial(|request| Ok::<u64, Failure>(checksum(black_box(request))))
    }
}

/// Checksums requests that are kept whole, in turn: what a client that froze as many has its node do, in a cache that has to
/// hold as much.
pub struct InTurn;

impl Caller for InTurn {
    fn run(&mut self, meter: &mut Meter) -> Result<(), Failure> {
        meter.copied_bytes(0);
        meter.keep_to(KEPT_WHOLE);
        let questions = meter.questions();
        let requests: Vec<Vec<u8>> = (0..KEPT_WHOLE).map(|variant| questions.request(variant)).collect();
        while let Some(variant) = meter.issue(0) {
            meter.answer(0, checksum(black_box(&requests[variant])))?;
        }
        Ok(())
    }
}
