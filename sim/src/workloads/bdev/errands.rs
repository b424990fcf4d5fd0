//! Errands of a device's owner: one call each, held against the model.
//!
//! Holds: an allocation belongs to one script, which has one call of it out at a time, but for those that it has let go of.

use super::PATH;
use super::model::{Model, SECTOR, bytes_of};
use crate::person::{Me, give_way};
use std::rc::Rc;
use windlass_bdev::bdev::methods;
use windlass_bdev::{Allocation, Stats};
use windlass_client::{Client, Outgoing, Pool, Reply};
use windlass_contract::{Code, Fault, Outcome};

/// Whether a script has more to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    GoesOn,
    Over,
}

/// How a call ended.
enum Answer {
    Value(Reply),
    Fault(Fault),
    /// Nobody waits for it.
    LeftAlone,
}

/// The device's owner.
#[derive(Clone)]
pub(super) struct Caller {
    pub(super) me: Me,
    pub(super) client: Client,
    pub(super) model: Rc<Model>,
    pub(super) block: u64,
}

/// The node is gone, or about to be.
fn is_end(fault: &Fault) -> bool {
    let codes =
        [Code::NodeGone, Code::NotConnected, Code::Draining, Code::SessionEnded, Code::Lost, Code::UnknownPool];
    codes.iter().any(|code| fault.is(*code))
}

/// The disk did not do it, as EIO says. 1008: it did not do an earlier change.
fn is_disk(fault: &Fault) -> bool {
    let made = fault.is(Code::CreateFailed) && fault.message.contains("os error 5");
    made || fault.is(Code::Io) || fault.is(Code::NoSpace) || fault.code == 1008
}

impl Caller {
    /// Opens the device or makes it; `None` when the node is gone or the disk has failed too often; a Fault when the file is at
    /// fault.
    pub(super) async fn open(&self, tries: u64) -> Result<Result<Option<Pool>, Fault>, String> {
        for _ in 0..tries {
            let (capacity, block) = (self.model.capacity.to_string(), self.block.to_string());
            let made = windlass_bdev::bdev::create(
                &self.client,
                "device",
                "file",
                PATH,
                &capacity,
                &block,
                self.me.coin(),
            );
            match made.await {
                Ok(device) => return Ok(Ok(Some(device.pool().clone()))),
                Err(fault) if is_end(&fault) => return Ok(Ok(None)),
                Err(fault) if is_disk(&fault) => self.me.sleep(1_000_000).await,
                Err(fault) if matches!(fault.code, 1003..=1007) => return Ok(Err(fault)),
                Err(fault) => return Err(format!("opening the device: {:?} {fault}", fault.code)),
            }
        }
        Ok(Ok(None))
    }

    /// Holds a device on which nothing is under way against the model; `None` when that cannot be done.
    pub(super) async fn recover(&self, device: &Pool) -> Result<Option<()>, String> {
        let mut all: Vec<Allocation> = Vec::new();
        let ids: Vec<u64> = match self.ask(device.call(methods::list()).argument(&0_u64)).await? {
            Some(reply) => value(&reply)?,
            None => return Ok(None),
        };
        for id in ids {
            match self.ask(device.call(methods::find()).argument(&id)).await? {
                Some(reply) => all.push(value(&reply)?),
                None => return Ok(None),
            }
        }
        self.model.found(&all)?;
        let Some(reply) = self.ask(device.call(methods::stats())).await? else { return Ok(None) };
        let stats: Stats = value(&reply)?;
        let free = self.model.free();
        if (stats.free, stats.lost, stats.capacity) != (free, 0, self.model.capacity) {
            let (is, lost) = (stats.free, stats.lost);
            return Err(format!("{is} bytes are free and {lost} lost; the allocations leave {free}"));
        }
        for one in all {
            let call = device.call(methods::read()).argument(&one.id).argument(&0_u64);
            let Some(mut reply) = self.ask(call.output(one.bytes as usize)).await? else { return Ok(None) };
            let view = reply.take_view(0).map_err(|fault| fault.to_string())?;
            self.model.read(one.id, 0, &view, true)?;
        }
        Ok(Some(()))
    }

    /// A call that has to be answered, unless the node is gone; a disk that fails is asked again.
    async fn ask(&self, call: Outgoing) -> Result<Option<Reply>, String> {
        match call.send().await {
            Ok(reply) => Ok(Some(reply)),
            Err(fault) if is_end(&fault) || is_disk(&fault) => Ok(None),
            Err(fault) => Err(format!("{:?} {fault}", fault.code)),
        }
    }

    /// One errand.
    pub(super) async fn errand(&self, device: &Pool, mine: &mut Vec<u64>) -> Result<Ended, String> {
        let one = |me: &Me| mine[me.below(mine.len() as u64) as usize];
        match self.me.below(12) {
            0..=2 => self.allocate(device, mine).await,
            3 if !mine.is_empty() => {
                let id = one(&self.me);
                mine.retain(|other| *other != id);
                self.free(device, id).await
            }
            4..=7 if !mine.is_empty() => self.write(device, one(&self.me)).await,
            8 | 9 if !mine.is_empty() => self.read(device, one(&self.me)).await,
            10 => self.flush(device).await,
            11 => self.stale(device).await,
            _ => Ok(Ended::GoesOn),
        }
    }

    /// Waits for a call, asks it to end after a while, or lets go of it.
    async fn wait(&self, call: Outgoing) -> Answer {
        let call = call.send();
        let patience = self.me.below(10);
        if patience < 2 {
            match self.me.below(3) {
                0 => {}
                1 => give_way().await,
                _ => self.me.sleep(self.me.below(400_000)).await,
            }
            if patience == 0 {
                return Answer::LeftAlone;
            }
            call.cancel();
        }
        match call.await {
            Ok(reply) => Answer::Value(reply),
            Err(fault) => Answer::Fault(fault),
        }
    }

    async fn allocate(&self, device: &Pool, mine: &mut Vec<u64>) -> Result<Ended, String> {
        let most = self.model.capacity / (1 << self.me.below(5));
        let bytes = (8 + self.me.below(most)).next_multiple_of(8);
        self.me.note("allocates", bytes);
        let asked = self.model.ask(bytes);
        let syncing = self.model.begin_sync();
        match self.wait(device.call(methods::allocate()).argument(&bytes)).await {
            Answer::Value(reply) => {
                self.model.synced(syncing);
                let made: Allocation = value(&reply)?;
                self.model.given(bytes, &made)?;
                mine.push(made.id);
            }
            Answer::LeftAlone => {}
            Answer::Fault(fault) if fault.is(Code::NoSpace) => {
                self.model.without_sync();
                self.model.refused(bytes, asked)?;
            }
            Answer::Fault(fault) => {
                if fault.outcome == Outcome::NotStarted {
                    self.model.without_sync();
                    self.model.not_asked(bytes);
                } else {
                    self.model.not_synced();
                }
                return self.end_of("allocating", &fault);
            }
        }
        Ok(Ended::GoesOn)
    }

    async fn free(&self, device: &Pool, id: u64) -> Result<Ended, String> {
        self.me.note("frees", id);
        if !self.model.begin_end(id) {
            return Ok(Ended::GoesOn);
        }
        let syncing = self.model.begin_sync();
        match self.wait(device.call(methods::free()).argument(&id)).await {
            Answer::Value(_) => {
                self.model.synced(syncing);
                self.model.ended(id);
            }
            Answer::LeftAlone => {}
            Answer::Fault(fault) => {
                self.model.not_synced();
                return self.end_of("freeing", &fault);
            }
        }
        Ok(Ended::GoesOn)
    }

    /// A range of an allocation that whole sectors fill, up to its end perhaps.
    fn range(&self, bytes: u64) -> (u64, u64) {
        let sectors = bytes.div_ceil(SECTOR);
        let at = self.me.below(sectors);
        let count = 1 + self.me.below((sectors - at).min(24));
        (at * SECTOR, (count * SECTOR).min(bytes - at * SECTOR))
    }

    async fn write(&self, device: &Pool, id: u64) -> Result<Ended, String> {
        let Some(bytes) = self.model.bytes_of(id) else { return Ok(Ended::GoesOn) };
        let (at, len) = if self.me.below(3) == 0 { (0, bytes) } else { self.range(bytes) };
        let (value, failed) = (self.model.begin_write(id, at, len), self.model.failed());
        self.me.note("writes", value);
        let data = bytes_of(value, len);
        let call = if self.me.coin() {
            device.call(methods::write()).argument(&id).argument(&at).input(&data)
        } else {
            let mut loan = match self.client.lend(data.len()) {
                Ok(loan) => loan,
                Err(fault) => return self.end_of("a loan", &fault),
            };
            loan.copy_from_slice(&data);
            device.call(methods::write_live()).argument(&id).argument(&at).inout_shared(loan)
        };
        match self.wait(call).await {
            Answer::Value(_) => self.model.written(id, at, len, value, failed),
            Answer::LeftAlone => self.model.left_alone(id, at, len, value),
            // Some of it may be written.
            Answer::Fault(fault) => return self.end_of("writing", &fault),
        }
        Ok(Ended::GoesOn)
    }

    async fn read(&self, device: &Pool, id: u64) -> Result<Ended, String> {
        let Some(bytes) = self.model.bytes_of(id) else { return Ok(Ended::GoesOn) };
        let (at, len) = self.range(bytes);
        let failed = self.model.failed();
        let live = self.me.coin();
        let call = if live {
            let loan = match self.client.lend(len as usize) {
                Ok(loan) => loan,
                Err(fault) => return self.end_of("a loan", &fault),
            };
            device.call(methods::read_live()).argument(&id).argument(&at).output_shared(loan)
        } else {
            device.call(methods::read()).argument(&id).argument(&at).output(len as usize)
        };
        match self.wait(call).await {
            Answer::Value(mut reply) if self.model.failed() == failed => {
                let found = if live {
                    reply.take_loan(0).map(|(loan, used)| loan[..used].to_vec())
                } else {
                    reply.take_view(0).map(|view| view.to_vec())
                };
                let found = found.map_err(|fault| fault.to_string())?;
                if found.len() as u64 != len {
                    return Err(format!("{} bytes of {len} were read", found.len()));
                }
                self.model.read(id, at, &found, false)?;
            }
            // A sync failed meanwhile: which of two contents it met is not known.
            Answer::Value(_) => {}
            Answer::LeftAlone => self.model.lingers(id),
            Answer::Fault(fault) => return self.end_of("reading", &fault),
        }
        Ok(Ended::GoesOn)
    }

    async fn flush(&self, device: &Pool) -> Result<Ended, String> {
        self.me.note("flushes", 0);
        let syncing = self.model.begin_sync();
        match self.wait(device.call(methods::flush())).await {
            Answer::Value(_) => self.model.synced(syncing),
            Answer::LeftAlone => {}
            Answer::Fault(fault) => {
                self.model.not_synced();
                return self.end_of("flushing", &fault);
            }
        }
        Ok(Ended::GoesOn)
    }

    /// What was freed is nobody's, and what was never given is not there.
    async fn stale(&self, device: &Pool) -> Result<Ended, String> {
        let Some(id) = self.model.stale(self.me.below(1 << 20)) else { return Ok(Ended::GoesOn) };
        let method = if self.me.coin() { methods::find() } else { methods::free() };
        match device.call(method).argument(&id).send().await {
            Err(fault) if fault.code == 1001 => Ok(Ended::GoesOn),
            Err(fault) => self.end_of("asking for what is not there", &fault),
            Ok(_) => Err(format!("{id:#x} was freed and is there")),
        }
    }

    /// A piece of space taken and given back, which takes a page of the table each.
    pub(super) async fn turn_table(&self, device: &Pool) -> Result<Ended, String> {
        let asked = self.model.ask(8);
        let syncing = self.model.begin_sync();
        let id = match device.call(methods::allocate()).argument(&8_u64).send().await {
            Ok(reply) => {
                self.model.synced(syncing);
                let made: Allocation = value(&reply)?;
                self.model.given(8, &made)?;
                made.id
            }
            Err(fault) if fault.is(Code::NoSpace) => {
                self.model.without_sync();
                self.model.refused(8, asked)?;
                return Ok(Ended::GoesOn);
            }
            Err(fault) => {
                self.model.not_synced();
                return self.end_of("allocating", &fault);
            }
        };
        self.model.begin_end(id);
        let syncing = self.model.begin_sync();
        match device.call(methods::free()).argument(&id).send().await {
            Ok(_) => {
                self.model.synced(syncing);
                self.model.ended(id);
                Ok(Ended::GoesOn)
            }
            Err(fault) => {
                self.model.not_synced();
                self.end_of("freeing", &fault)
            }
        }
    }

    /// A Fault that may be: the node's end, the disk's, or the caller's own wish.
    fn end_of(&self, what: &str, fault: &Fault) -> Result<Ended, String> {
        match () {
            () if is_end(fault) => Ok(Ended::Over),
            () if is_disk(fault) || fault.is(Code::Cancelled) => Ok(Ended::GoesOn),
            () => Err(format!("{what}: {:?} {fault}", fault.code)),
        }
    }
}

fn value<T: serde::de::DeserializeOwned>(reply: &Reply) -> Result<T, String> {
    reply.value().map_err(|fault| fault.to_string())
}
