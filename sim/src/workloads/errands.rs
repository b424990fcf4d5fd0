//! Errands: one call each, and what its caller may count on.
//!
//! Lives here: `Errand` (which kind), `Caller` (who makes it).
//! Holds: an errand that ends without an error got what its method promises, or a Fault that says why not.

use super::book::Book;
use crate::limits::CANCEL_MAX_NS;
use crate::person::{Me, give_way};
use crate::probe::probe::methods;
use std::rc::Rc;
use std::time::Duration;
use windlass_client::{Client, Outgoing, Pending, Pool, Reply};
use windlass_contract::{Code, Fault};
use xxhash_rust::xxh3::xxh3_64;

/// Which call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Errand {
    Ping,
    Add,
    Slow,
    Copy,
    Frozen,
    Reverse,
    Fill,
    Watch,
    Relay,
    Endless,
    Panic,
    Detached,
    Behind,
}

impl Errand {
    /// Its name in a trace.
    fn name(self) -> &'static str {
        match self {
            Errand::Ping => "ping",
            Errand::Add => "add",
            Errand::Slow => "slow",
            Errand::Copy => "copy",
            Errand::Frozen => "copy-frozen",
            Errand::Reverse => "reverse",
            Errand::Fill => "fill",
            Errand::Watch => "watch",
            Errand::Relay => "relay",
            Errand::Endless => "endless",
            Errand::Panic => "panic",
            Errand::Detached => "detached",
            Errand::Behind => "behind",
        }
    }
}

/// Names of totals.
pub(crate) const NAMES: u64 = 3;

/// Who makes calls.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) me: Me,
    pub(crate) client: Client,
    pub(crate) pool: Pool,
    pub(crate) book: Rc<Book>,
    /// Keys that it uses.
    pub(crate) keys: u64,
}

/// How a call is waited for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Patience {
    Waits,
    Cancels,
    Drops,
}

type Ended = Option<Result<Reply, Fault>>;

impl Caller {
    pub(crate) async fn go(&self, errand: Errand) -> Result<(), String> {
        let number = self.book.send();
        self.me.note(errand.name(), number);
        let ended = self.run(errand).await.map_err(|text| format!("{errand:?}: {text}"));
        self.me.note("has ended", number);
        ended
    }

    async fn run(&self, errand: Errand) -> Result<(), String> {
        match errand {
            Errand::Ping => self.ping().await,
            Errand::Add => self.add().await,
            Errand::Slow => self.slow().await,
            Errand::Copy => self.copy(false).await,
            Errand::Frozen => self.copy(true).await,
            Errand::Reverse => self.reverse().await,
            Errand::Fill => self.fill().await,
            Errand::Watch => self.watch().await,
            Errand::Relay => self.relay().await,
            Errand::Endless => self.endless().await,
            Errand::Panic => self.panic().await,
            Errand::Detached => self.detached().await,
            Errand::Behind => self.behind().await,
        }
    }

    /// Waits for a call, asks it to end after a while, or drops it; `None` when it was dropped.
    async fn wait(&self, call: Pending, patience: Patience) -> Result<Ended, String> {
        self.book.count(0);
        if patience != Patience::Waits {
            match self.me.below(3) {
                0 => {}
                1 => give_way().await,
                _ => self.me.sleep(self.me.below(3_000_000)).await,
            }
        }
        if patience != Patience::Waits {
            self.me.note(if patience == Patience::Drops { "drops its call" } else { "cancels its call" }, 0);
        }
        if patience == Patience::Drops {
            self.book.count(3);
            drop(call);
            return Ok(None);
        }
        let asked = self.me.now();
        if patience == Patience::Cancels {
            call.cancel();
        }
        let ended = call.await;
        self.book.count(if ended.is_ok() { 1 } else { 2 });
        let took = self.me.now() - asked;
        if patience == Patience::Cancels && took > CANCEL_MAX_NS {
            return Err(format!("it ended {} ms after it was asked to", took / 1_000_000));
        }
        Ok(Some(ended))
    }

    fn patience(&self) -> Patience {
        match self.me.below(6) {
            0 => Patience::Cancels,
            1 => Patience::Drops,
            _ => Patience::Waits,
        }
    }

    /// What a call came to that may have been cancelled: its reply, or nothing to be looked at.
    fn settle(&self, ended: Ended, patience: Patience, deadline: bool) -> Result<Option<Reply>, String> {
        match ended {
            None => Ok(None),
            Some(Ok(reply)) => Ok(Some(reply)),
            Some(Err(fault)) if patience == Patience::Cancels && fault.is(Code::Cancelled) => Ok(None),
            Some(Err(fault)) if deadline && fault.is(Code::DeadlineExceeded) => Ok(None),
            Some(Err(fault)) => self.book.forgive("a Fault", &fault).map(|()| None),
        }
    }

    /// A deadline on some calls.
    fn terms(&self, call: Outgoing) -> (Outgoing, bool) {
        if self.me.below(6) > 0 {
            return (call, false);
        }
        (call.deadline(Duration::from_micros(1 + self.me.below(2_000))), true)
    }

    fn bytes(&self, most: u64) -> Vec<u8> {
        let (seed, len) = (self.me.below(251), 1 + self.me.below(most));
        (0..len).map(|at| (at * 7 + seed) as u8).collect()
    }

    async fn ping(&self) -> Result<(), String> {
        let value = self.me.below(u64::MAX);
        let ended = self.wait(self.pool.call(methods::ping()).argument(&value).send(), Patience::Waits).await?;
        let Some(reply) = self.settle(ended, Patience::Waits, false)? else { return Ok(()) };
        same(&reply, &value)
    }

    async fn add(&self) -> Result<(), String> {
        let (name, by, patience) = (self.me.below(NAMES), 1 + self.me.below(100), self.patience());
        let (call, deadline) = self.terms(self.pool.call(methods::add()).argument(&name).argument(&by));
        let ended = self.wait(call.send(), patience).await?;
        match &ended {
            None => self.book.perhaps_added(name, by),
            Some(Ok(_)) => self.book.added(name, by, Ok(0)),
            Some(Err(fault)) => self.book.added(name, by, Err(fault)),
        }
        self.settle(ended, patience, deadline).map(drop)
    }

    /// Holds each total against the book. Nobody may be adding.
    pub(crate) async fn totals(&self) -> Result<(), String> {
        for name in 0..NAMES {
            let ended =
                self.wait(self.pool.call(methods::total()).argument(&name).send(), Patience::Waits).await?;
            if let Some(reply) = self.settle(ended, Patience::Waits, false)? {
                self.book.total(name, value(&reply)?)?;
            }
        }
        Ok(())
    }

    async fn slow(&self) -> Result<(), String> {
        let (key, us, patience) = (self.me.below(self.keys), self.me.below(500), self.patience());
        let (call, deadline) = self.terms(self.pool.call(methods::slow()).argument(&key).argument(&us));
        let session = self.client.welcome().session;
        let call = call.send();
        // After it: while it waits for a slot, others of this session may be sent.
        let sent = self.book.send();
        let ended = self.wait(call, patience).await?;
        let Some(reply) = self.settle(ended, patience, deadline)? else { return Ok(()) };
        self.book.began(session, key, sent, value(&reply)?)
    }

    async fn copy(&self, frozen: bool) -> Result<(), String> {
        let (data, patience) = (self.bytes(9_000), self.patience());
        let call = self.pool.call(methods::copy());
        let call = if frozen {
            match self.client.freeze(&data) {
                Ok(frozen) => call.input(&frozen),
                Err(fault) => return self.book.forgive("freezing", &fault),
            }
        } else {
            call.input(&data)
        };
        let ended = self.wait(call.output(data.len()).send(), patience).await?;
        let Some(mut reply) = self.settle(ended, patience, false)? else { return Ok(()) };
        same(&reply, &(data.len() as u64))?;
        let view = reply.take_view(0).map_err(|fault| fault.to_string())?;
        drop(reply);
        // A result stays as it is as long as it is held, whatever else is called meanwhile.
        self.me.sleep(self.me.below(200_000)).await;
        if *view == data[..] { Ok(()) } else { Err("the result is not what was sent".into()) }
    }

    async fn reverse(&self) -> Result<(), String> {
        let (mut data, patience, us) = (self.bytes(3_000), self.patience(), self.me.below(300));
        let (call, deadline) = self.terms(self.pool.call(methods::reverse()).argument(&us).inout(&data));
        let ended = self.wait(call.send(), patience).await?;
        let Some(mut reply) = self.settle(ended, patience, deadline)? else { return Ok(()) };
        data.reverse();
        let view = reply.take_view(0).map_err(|fault| fault.to_string())?;
        if *view == data[..] { Ok(()) } else { Err("the result is not turned around".into()) }
    }

    async fn fill(&self) -> Result<(), String> {
        let (byte, us, len) = (self.me.below(256) as u8, self.me.below(200), 1 + self.me.below(2_000) as usize);
        let loan = match self.client.lend(len) {
            Ok(loan) => loan,
            Err(fault) => return self.book.forgive("a loan", &fault),
        };
        let patience = self.patience();
        let call = self.pool.call(methods::fill()).argument(&byte).argument(&us).output_shared(loan);
        let ended = self.wait(call.send(), patience).await?;
        let Some(mut reply) = self.settle(ended, patience, false)? else { return Ok(()) };
        let (loan, used) = reply.take_loan(0).map_err(|fault| fault.to_string())?;
        let right = used == len && loan.iter().all(|found| *found == byte);
        if right { Ok(()) } else { Err(format!("{used} of {len} bytes were filled")) }
    }

    async fn watch(&self) -> Result<(), String> {
        let (data, us, patience) = (self.bytes(2_000), self.me.below(2_000), self.patience());
        let mut loan = match self.client.lend(data.len()) {
            Ok(loan) => loan,
            Err(fault) => return self.book.forgive("a loan", &fault),
        };
        loan.copy_from_slice(&data);
        let call = self.pool.call(methods::watch()).argument(&us).input_shared(loan);
        let ended = self.wait(call.send(), patience).await?;
        if ended.is_none() {
            // Its memory is not this client's yet; what is lent now must be other memory.
            match self.client.lend(data.len()) {
                Ok(mut other) => other.fill(0xEE),
                Err(fault) => self.book.forgive("a loan", &fault)?,
            }
        }
        let Some(reply) = self.settle(ended, patience, false)? else { return Ok(()) };
        same(&reply, &xxh3_64(&data))
    }

    async fn relay(&self) -> Result<(), String> {
        let (depth, us, patience) = (self.me.below(6), self.me.below(500), self.patience());
        let (call, deadline) = self.terms(self.pool.call(methods::relay()).argument(&depth).argument(&us));
        let ended = self.wait(call.send(), patience).await?;
        let Some(reply) = self.settle(ended, patience, deadline)? else { return Ok(()) };
        same(&reply, &depth)
    }

    async fn endless(&self) -> Result<(), String> {
        let patience = if self.me.coin() { Patience::Cancels } else { Patience::Drops };
        let ended = self.wait(self.pool.call(methods::endless()).send(), patience).await?;
        match self.settle(ended, patience, false)? {
            None => Ok(()),
            Some(_) => Err("it ended by itself".into()),
        }
    }

    async fn panic(&self) -> Result<(), String> {
        match self.wait(self.pool.call(methods::panic()).send(), Patience::Waits).await? {
            Some(Err(fault)) if fault.is(Code::Panicked) => Ok(()),
            Some(Err(fault)) => self.book.forgive("a Fault", &fault),
            _ => Err("it answered a value".into()),
        }
    }

    async fn detached(&self) -> Result<(), String> {
        let (name, by) = (self.me.below(NAMES), 1 + self.me.below(100));
        let call = self.pool.call(methods::add()).argument(&name).argument(&by).detached();
        let ended = self.wait(call.send(), Patience::Waits).await?;
        // Accepted is not done.
        self.book.perhaps_added(name, by);
        self.settle(ended, Patience::Waits, false).map(drop)
    }

    async fn behind(&self) -> Result<(), String> {
        let ended = self.wait(self.pool.call(methods::behind()).send(), Patience::Waits).await?;
        self.settle(ended, Patience::Waits, false).map(drop)
    }
}

fn value(reply: &Reply) -> Result<u64, String> {
    reply.value().map_err(|fault| fault.to_string())
}

fn same(reply: &Reply, wanted: &u64) -> Result<(), String> {
    let found = value(reply)?;
    if found == *wanted { Ok(()) } else { Err(format!("it answered {found}, not {wanted}")) }
}
