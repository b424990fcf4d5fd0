//! The probe `ours-silent`: clients that are connected and say nothing; before each call of a run, a silence.
//!
//! Holds: a run that was answered proves that all clients are connected.

use crate::Ours;
use windlass_bench::limits::{SILENCE, SILENT_CLIENTS};
use windlass_bench::operation::HEAD_BYTES;
use windlass_bench::{Caller, Failure, Meter};
use windlass_client::Client;

pub(crate) struct Silent {
    /// The one that asks.
    ours: Ours,
    /// Held, never used.
    others: Vec<Client>,
}

pub(crate) fn connect(address: &str) -> Result<Silent, Failure> {
    let others = (1..SILENT_CLIENTS).map(|_| Client::options().name("silent").connect(address));
    let others = others.collect::<Result<_, _>>()?;
    Ok(Silent { ours: crate::connect(address, false)?, others })
}

impl Caller for Silent {
    fn run(&mut self, meter: &mut Meter) -> Result<(), Failure> {
        let questions = meter.questions();
        let mut request = questions.request(0);
        while !meter.finished() {
            std::thread::sleep(SILENCE);
            let Some(variant) = meter.issue(0) else { break };
            request[..HEAD_BYTES].copy_from_slice(&questions.head(variant));
            let reply = self.ours.pool.call(self.ours.digest).argument_bytes(&request).wait()?;
            meter.answer(0, reply.value()?)?;
        }
        match self.others.iter().filter(|client| !client.is_alive()).count() {
            0 => Ok(()),
            gone => Err(format!("{gone} of the silent clients lost their node").into()),
        }
    }
}
