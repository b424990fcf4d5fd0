//! Allocations: one fixed session, once for each door that may answer "no memory", with just that one refusing.
//!
//! Lives here: `sweep`, `Part` (a node's beginning; a session's run: connect, loans, calls, results, nested calls, block devices in
//! memory and in a file, the end), `Swept`.
//! Holds: whoever asked is told by a typed Fault, or it was done without; nothing ends the process; the node serves a whole good
//! session afterwards, and all that was taken has returned.
//! Not here: doors drawn by seed, among several clients (`workloads/trouble.rs`); what std and other people's crates abort at
//! (docs/simulator.md).

use crate::board;
use crate::node::Made;
use crate::person::Me;
use crate::probe::probe::methods;
use crate::stage::Stage;
use crate::workloads::lives::{ready_node_that, stop};
use std::cell::{Cell, RefCell};
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use windlass_bdev::{Allocation, Bdev, bdev};
use windlass_client::{Client, Outgoing, Pool, Reply};
use windlass_contract::{Code, Fault};
use windlass_driver::sim::Weather;
use windlass_memory::hooks;

/// The seed of the one history that is run again and again.
const SEED: u64 = 7;

/// Which doors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Those of a node that begins.
    Beginning,
    /// Those of a session.
    Session,
}

impl Part {
    /// Both.
    pub const ALL: [Part; 2] = [Part::Beginning, Part::Session];

    /// Its name, for people.
    pub fn name(self) -> &'static str {
        match self {
            Part::Beginning => "a node's beginning",
            Part::Session => "a session's run",
        }
    }
}

/// What a sweep came to.
#[derive(Debug, Default)]
pub struct Swept {
    /// Doors that are passed when none refuses.
    pub doors: u64,
    /// Doors whose refusal somebody was told of; the others were done without.
    pub told: u64,
    /// What was wrong, by door.
    pub failures: Vec<(u64, String)>,
}

/// Lets every `every`-th door refuse, from `from` on, each in a run of its own.
///
/// # Errors
/// What the machine refuses: a directory, descriptors.
pub fn sweep(part: Part, from: u64, every: u64) -> std::io::Result<Swept> {
    let mut swept = Swept::default();
    let whole = one(part, None)?;
    match whole {
        Ok(run) if run.told.is_empty() => swept.doors = run.doors,
        Ok(run) => swept.failures.push((u64::MAX, format!("no door refused, and it was told {:?}", run.told))),
        Err(text) => swept.failures.push((u64::MAX, format!("no door refused: {text}"))),
    }
    for door in (from..swept.doors).step_by(every.max(1) as usize) {
        match one(part, Some(door))? {
            Ok(run) => swept.told += u64::from(!run.told.is_empty()),
            Err(text) => swept.failures.push((door, text)),
        }
    }
    Ok(swept)
}

/// What one run came to.
#[derive(Default)]
struct Run {
    doors: u64,
    told: Vec<String>,
}

fn one(part: Part, door: Option<u64>) -> std::io::Result<Result<Run, String>> {
    let stage = Stage::new(SEED)?;
    stage.world().set_weather(Weather::calm());
    board::clean();
    hooks::plant(None);
    hooks::fail_at(None);
    let played = std::panic::catch_unwind(AssertUnwindSafe(|| match part {
        Part::Beginning => beginning(&stage, door),
        Part::Session => session(&stage, door),
    }));
    hooks::fail_at(None);
    let _left_behind = std::panic::catch_unwind(AssertUnwindSafe(|| stage.clear()));
    Ok(played.unwrap_or_else(|payload| Err(format!("a panic: {}", crate::words(&*payload)))))
}

fn beginning(stage: &Stage, door: Option<u64>) -> Result<Run, String> {
    hooks::fail_at(door);
    let began = ready_node_that(stage, Made { modules: &[Bdev::TABLE], ..Made::default() });
    let doors = hooks::doors();
    hooks::fail_at(None);
    match began {
        Ok((node, _)) => stop(stage, &node).map(|()| Run { doors, told: Vec::new() }),
        Err(text) if text.starts_with("stuck") => Err(text),
        Err(said) => stage.verdict().map(|()| Run { doors, told: vec![said] }),
    }
}

fn session(stage: &Stage, door: Option<u64>) -> Result<Run, String> {
    let (node, begun) = ready_node_that(stage, Made { modules: &[Bdev::TABLE], ..Made::default() })?;
    let told: Rc<RefCell<Vec<String>>> = Rc::default();
    let strange: Rc<Cell<bool>> = Rc::default();
    let doors: Rc<Cell<u64>> = Rc::default();
    for good in [false, true] {
        if !good {
            hooks::fail_at(door);
        }
        let (directory, heard, wrong) = (node.directory(), told.clone(), strange.clone());
        let person = stage.person(if good { "afterwards" } else { "refused" }, |me| async move {
            if let Err(fault) = live(&me, &directory).await {
                let typed = [Code::NoMemory, Code::QueueFull, Code::SessionEnded, Code::CreateFailed, Code::Lost];
                // A device that had no memory for a page of its table takes no further change, and says why.
                let broken = fault.code == 1008 && fault.message.contains("no memory");
                wrong.set(good || !(broken || typed.iter().any(|code| fault.is(*code))));
                heard.borrow_mut().push(format!("{:?} {fault}", fault.code));
            }
            me.disconnect();
            Ok(())
        });
        stage.until("the session ends", || stage.is_over(person))?;
        if !good {
            doors.set(hooks::doors());
            hooks::fail_at(None);
        }
        if strange.get() {
            let who = if good { "the good session afterwards" } else { "the one who asked" };
            return Err(format!("{who} was told {:?}", told.borrow()));
        }
        let wait = stage.until("all that the session had returns", || node.held() == Some(begun));
        wait.map_err(|text| format!("{text}; the node began with {begun:?} and has {:?}", node.held()))?;
    }
    stop(stage, &node)?;
    match stage.world().held() {
        (0, 0, 0, 0) => Ok(Run { doors: doors.get(), told: told.take() }),
        held => Err(format!("operations, files, sockets, listeners are left: {held:?}")),
    }
}

/// The one session. It ends at its first Fault, and leaves no pool behind.
async fn live(me: &Me, directory: &str) -> Result<(), Fault> {
    let client = me.connect(directory, 8)?;
    let called = calls(me, &client).await;
    let admin = windlass_admin::admin::Client::on(client.admin());
    let mut stored = Ok(());
    for (name, kind, path) in [("in-memory", "ram", ""), ("in-a-file", "file", "/device")] {
        if stored.is_ok() && called.is_ok() {
            stored = device(&client, name, kind, path).await;
        }
        match admin.destroy_pool(name).await {
            Err(fault) if fault.is(Code::UnknownPool) => {}
            // Refused as well: the session ended, and somebody else has to end the pool.
            Err(fault) if stored.is_ok() && called.is_ok() => stored = Err(fault),
            Err(_) | Ok(()) => {}
        }
    }
    called.and(stored)
}

async fn calls(me: &Me, client: &Client) -> Result<(), Fault> {
    let pool = me.probe(client).await?;
    let data: Vec<u8> = (0..60_000_u32).map(|at| (at * 7) as u8).collect();
    let ask = |call: Outgoing| call.send();
    ask(pool.call(methods::ping()).argument(&1_u64)).await?;
    ask(pool.call(methods::add()).argument(&1_u64).argument(&2_u64)).await?;
    let mut reply = ask(pool.call(methods::copy()).input(&data).output(data.len())).await?;
    right(*reply.take_view(0)? == data[..], "a copy")?;
    let frozen = client.freeze(&data)?;
    let mut reply = ask(pool.call(methods::copy()).input(&frozen).output(data.len())).await?;
    right(*reply.take_view(0)? == data[..], "a copy of frozen bytes")?;
    ask(pool.call(methods::reverse()).argument(&10_u64).inout(&data)).await?;
    // More than the first heap has room for, so that it grows.
    let large = client.lend(3 << 20)?;
    let mut reply =
        ask(pool.call(methods::fill()).argument(&9_u8).argument(&1_u64).output_shared(client.lend(2_000)?))
            .await?;
    let (loan, used) = reply.take_loan(0)?;
    right(used == 2_000 && loan.iter().all(|byte| *byte == 9), "a loan that was filled")?;
    ask(pool.call(methods::watch()).argument(&5_u64).input_shared(large)).await?;
    ask(pool.call(methods::relay()).argument(&3_u64).argument(&5_u64)).await?;
    ask(pool.call(methods::slow()).argument(&1_u64).argument(&50_u64)).await?;
    ask(pool.call(methods::echo()).argument_bytes(&data[..20_000])).await?;
    let endless = ask(pool.call(methods::endless()));
    endless.cancel();
    match endless.await {
        Err(fault) if fault.is(Code::Cancelled) => Ok(()),
        Err(fault) => Err(fault),
        Ok(_) => Err(Fault::new(Code::BadReply, "an endless call answered")),
    }
}

async fn device(client: &Client, name: &str, kind: &str, path: &str) -> Result<(), Fault> {
    let made = bdev::create(client, name, kind, path, "256KiB", "4KiB", true).await?;
    let pool: &Pool = made.pool();
    let data = vec![5; 10_000];
    let told: Allocation = value(pool.call(bdev::methods::allocate()).argument(&10_000_u64)).await?;
    let on = |method| pool.call(method).argument(&told.id).argument(&0_u64);
    on(bdev::methods::write()).input(&data).send().await?;
    on(bdev::methods::write_live()).inout_shared(client.lend(4_096)?).send().await?;
    pool.call(bdev::methods::flush()).send().await?;
    let mut reply: Reply = on(bdev::methods::read()).output(data.len()).send().await?;
    right(reply.take_view(0)?[4_096..] == data[4_096..], "what was written to a device")?;
    on(bdev::methods::read_live()).output_shared(client.lend(4_096)?).send().await?;
    pool.call(bdev::methods::free()).argument(&told.id).send().await?;
    Ok(())
}

async fn value<T: serde::de::DeserializeOwned>(call: Outgoing) -> Result<T, Fault> {
    call.send().await?.value()
}

fn right(is: bool, what: &str) -> Result<(), Fault> {
    if is { Ok(()) } else { Err(Fault::new(Code::BadReply, format!("{what} is not what it was"))) }
}
