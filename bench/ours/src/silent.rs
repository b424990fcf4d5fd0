//! The probe `ours-silent`: clients that are connected and say nothing; before each call of a run, a silence.
//!
//! Holds: a run that was answered proves that all clients are connected.

use crate::stages::Stamped;
use crate::{Ours, stages};
use windlass_bench::limits::{SILENCE, SILENT_CLIENTS};
use windlass_bench::operation::HEAD_BYTES;
use windlass_bench::{Caller, Failure, Meter};
use windlass_client::Client;

pub(crate) struct Silent {
    /// The one that asks.
    asker: Stamped,
    /// Held, never used.
    others: Vec<Client>,
}

pub(crate) fn connect(address: &str) -> Result<Silent, Failure> {
    let others = (1..SILENT_CLIENTS).map(|_| Client::options().name("silent").connect(address));
    let others = others.collect::<Result<_, _>>()?;
    Ok(Silent { asker: stages::connect(address)?, others })
}

impl Caller for Silent {
    fn run(&mut self, meter: &mut Meter) -> Result<(), Failure> {
        self.asker.stamped(meter, call_after_silences)?;
        match self.others.iter().filter(|client| !client.is_alive()).count() {
            0 => Ok(()),
            gone => Err(format!("{gone} of the silent clients lost their node").into()),
        }
    }
}

fn call_after_silences(ours: &mut Ours, meter: &mut Meter) -> Result<(), Failure> {
    let questions = meter.questions();
    let mut request = questions.request(0);
    while !meter.finished() {
        std::thread::sleep(SILENCE);
        let Some(variant) = meter.issue(0) else { break };
        request[..HEAD_BYTES].copy_from_slice(&questions.head(variant));
        let reply = ours.pool.call(ours.digest).argument_bytes(&request).wait()?;
        meter.answer(0, reply.value()?)?;
    }
    Ok(())
}
