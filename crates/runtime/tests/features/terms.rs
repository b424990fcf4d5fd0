//! Terms: what the words of `#[method(..)]` make a node do.

use crate::stage::Stage;
use std::cell::{Cell, RefCell};
use std::time::Duration;
use windlass::prelude::*;

/// A log of what ran.
#[derive(Default)]
pub struct Deck {
    log: RefCell<Vec<String>>,
    open: Cell<bool>,
}

#[module(export = false)]
impl Deck {
    #[create]
    fn create() -> Self {
        Self::default()
    }
    /// Lets go of all that wait for it.
    #[method]
    fn open(&self) {
        self.open.set(true);
    }
    /// Waits until it is let go, then writes.
    #[method(detached)]
    async fn later(&self, cx: &Context<'_>, mark: &str) -> Result<(), Fault> {
        self.opened(cx).await?;
        self.log.borrow_mut().push(mark.to_owned());
        Ok(())
    }
    /// A detached one that fails.
    #[method(detached)]
    fn fail(&self, mark: &str) -> Result<(), Fault> {
        self.log.borrow_mut().push(mark.to_owned());
        Err(Fault::module(1, "nobody hears this"))
    }
    /// What was written.
    #[method(idempotent, local)]
    fn log(&self) -> Vec<String> {
        self.log.borrow().clone()
    }
    /// One at a time for each name; waits until it is let go, if it is to.
    #[method(key = (name.len(), name))]
    async fn haul(&self, cx: &Context<'_>, name: &str, waits: bool) -> Result<(), Fault> {
        self.log.borrow_mut().push(format!("{name} begins"));
        let opened = if waits { self.opened(cx).await } else { Ok(()) };
        self.log.borrow_mut().push(format!("{name} ends"));
        opened
    }
    /// Sleeps on a thread of its own, so the worker goes on.
    #[method(blocking, idempotent)]
    #[allow(clippy::disallowed_methods, reason = "a blocking method may")]
    fn nap(us: u64, data: In<Bytes>, mut out: Out<Bytes>) -> Result<String, Fault> {
        std::thread::sleep(Duration::from_micros(us));
        out.fill(&data).ok_or_else(|| Fault::new(Code::TooLarge, "no room"))?;
        Ok(std::thread::current().name().unwrap_or_default().to_owned())
    }
    /// Panics on its thread.
    #[method(blocking)]
    #[allow(clippy::panic, reason = "this is what it is for")]
    fn fall() {
        panic!("overboard");
    }

    async fn opened(&self, cx: &Context<'_>) -> Result<(), Fault> {
        while !self.open.get() {
            cx.sleep(Duration::from_millis(1)).await?;
        }
        Ok(())
    }
}

fn deck() -> (Stage, deck::Blocking) {
    let stage = Stage::of(&[Deck::TABLE]);
    let deck = deck::Blocking::create(&stage.client(), "deck").unwrap();
    (stage, deck)
}

#[test]
fn tasks_K12_a_detached_call_is_answered_when_it_is_accepted_and_runs_to_its_end() {
    let (stage, deck) = deck();
    deck.later("late").unwrap();
    assert!(deck.log().unwrap().is_empty(), "nobody waited for it");
    deck.open().unwrap();
    stage.admin().flush().unwrap();
    assert_eq!(deck.log().unwrap(), ["late"]);
    deck.fail("failed").expect("its failure is not its caller's any more");
    assert_eq!(deck.log().unwrap(), ["late", "failed"]);
}

#[test]
fn tasks_K12_a_detached_call_that_is_not_accepted_says_why() {
    let (stage, deck) = deck();
    stage.admin().destroy_pool("deck").unwrap();
    assert!(deck.later("gone").unwrap_err().is(Code::UnknownPool));
    let deck = deck::Blocking::create(&stage.client(), "deck").unwrap();
    let mut method = deck::methods::later();
    method.schema ^= 1;
    let other = deck.pool().call(method).argument("x").detached().wait().unwrap_err();
    assert!(other.is(Code::SchemaMismatch), "{other:?}");
    let extra = deck.pool().call(deck::methods::later()).argument("x").input(&[1_u8; 3]).detached();
    assert!(extra.wait().unwrap_err().is(Code::BadBuffer));
    stage.admin().flush().unwrap();
    assert!(deck.log().unwrap().is_empty());
}

#[test]
fn tasks_K12_blocking_methods_leave_the_worker_free_and_carry_buffers() {
    let (_stage, deck) = deck();
    let nap = deck::methods::nap();
    let sent = |us: u64| deck.pool().call(nap).argument(&us).input(&[5_u8; 3000]).output(3000).send();
    let naps = [sent(30_000), sent(1_000)];
    assert!(deck.log().unwrap().is_empty(), "answered while they sleep");
    for one in naps {
        let mut reply = one.wait().unwrap();
        assert_eq!(reply.value::<String>().unwrap(), "windlass-blocking");
        assert_eq!(&*reply.take_view(0).unwrap(), &[5; 3000]);
    }
    assert!(deck.nap(0, &[1; 10], 9).unwrap_err().is(Code::TooLarge));
    assert!(deck.fall().unwrap_err().is(Code::Panicked));
    assert_eq!(&*deck.nap(0, &[1; 10], 10).unwrap().1, &[1; 10], "the thread lives on");
}

#[test]
fn tasks_K12_what_is_idempotent_or_local_is_told_to_clients() {
    let (_stage, deck) = deck();
    assert!(deck::methods::log().idempotent && deck::methods::nap().idempotent);
    assert!(!deck::methods::later().idempotent);
    let described = deck.pool().describe().unwrap();
    let flags = |name: &str| described.method(name).expect("it is described").flags.clone();
    assert!(flags("log").local && flags("log").idempotent && !flags("haul").local);
    assert!(flags("later").detached && flags("later").is_async && flags("nap").blocking);
    assert_eq!(flags("haul").key.as_deref(), Some("(name.len(), name)"));
}

#[test]
fn calls_of_one_key_never_overlap_and_other_keys_pass() {
    let (_stage, deck) = deck();
    let haul =
        |name: &str, waits: bool| deck.pool().call(deck::methods::haul()).argument(name).argument(&waits).send();
    let all = [haul("a", true), haul("a", false), haul("a", false)];
    haul("b", false).wait().expect("it passes those that wait");
    assert_eq!(deck.log().unwrap(), ["a begins", "b begins", "b ends"]);
    deck.open().unwrap();
    all.into_iter().for_each(|one| drop(one.wait().unwrap()));
    let log = deck.log().unwrap();
    assert_eq!(log[3..], ["a ends", "a begins", "a ends", "a begins", "a ends"]);
}

#[test]
fn a_key_is_handed_on_when_its_holder_is_cancelled_and_one_that_waits_gives_up() {
    let (_stage, deck) = deck();
    let haul = |waits: bool| deck.pool().call(deck::methods::haul()).argument("a").argument(&waits);
    let holder = haul(true).send();
    let waits = haul(false).send();
    let gives_up = haul(false).deadline(Duration::from_millis(5)).send();
    let late = gives_up.wait().unwrap_err();
    assert!(late.is(Code::DeadlineExceeded) && late.outcome == Outcome::NotStarted, "{late:?}");
    holder.cancel();
    assert!(holder.wait().unwrap_err().is(Code::Cancelled));
    waits.wait().unwrap();
    assert_eq!(deck.log().unwrap(), ["a begins", "a ends", "a begins", "a ends"]);
}
