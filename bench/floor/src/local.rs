//! The operation's work without any hand-over: copy the request, or checksum it where it lies.
//!
//! Lives here: `Copier`, `Summer`, and a server that only waits to be ended (the protocol wants one).
//! Holds: the copy is compared with its source after the run, byte for byte; each call's head is compared at once.

use std::hint::black_box;
use windlass_bench::{Caller, Door, Failure, Meter, checksum, contender::Ending, operation::HEAD_BYTES};

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
