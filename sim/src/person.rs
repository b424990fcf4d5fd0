//! A person: a client's process, with the real client moved by hand.
//!
//! Lives here: `Person` (it turns: takes answers, or polls one of its scripts), `Me` (what a script has of it).
//! Holds: a script is polled only when it was woken; which one is drawn. A person that dies lets go of everything without a
//! word to the node.

use crate::conduit::Conduit;
use crate::stage::{Stage, Turned, step_played};
use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use windlass_client::{Client, Pool, Token};
use windlass_contract::Fault;
use windlass_driver::Nanos;
use windlass_driver::sim::Dice;

pub(crate) type Script = Pin<Box<dyn Future<Output = Result<(), String>>>>;

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Going {
    script: Script,
    woken: Arc<Flag>,
}

struct Shared {
    client: RefCell<Option<Client>>,
    added: RefCell<Vec<Script>>,
    dice: RefCell<Dice>,
}

/// A client's process.
pub(crate) struct Person {
    name: String,
    going: Vec<Going>,
    shared: Rc<Shared>,
}

/// A script's own process.
#[derive(Clone)]
pub(crate) struct Me {
    pub(crate) stage: Stage,
    pub(crate) number: usize,
    name: String,
    shared: Rc<Shared>,
}

impl Person {
    pub(crate) fn new(stage: &Stage, name: &str, number: usize) -> (Me, Person) {
        let shared = Rc::new(Shared {
            client: RefCell::new(None),
            added: RefCell::default(),
            dice: RefCell::new(Dice::new(stage.seed() ^ (number as u64) << 40, "person")),
        });
        let me = Me { stage: stage.clone(), number, name: name.to_owned(), shared: shared.clone() };
        (me, Person { name: name.to_owned(), going: Vec::new(), shared })
    }

    pub(crate) fn add(&mut self, script: Script) {
        self.going.push(Going { script, woken: Arc::new(Flag(AtomicBool::new(true))) });
    }

    fn client(&self) -> Option<Client> {
        self.shared.client.borrow().clone()
    }

    pub(crate) fn is_awake(&self) -> bool {
        let news = self.shared.client.borrow().as_ref().is_some_and(Client::has_news);
        news || self.going.iter().any(|going| going.woken.0.load(Ordering::Relaxed))
    }

    /// A client that sleeps publishes now and then what found no room, and looks whether the node is still there.
    pub(crate) fn nudge(&self) {
        if let Some(client) = self.client() {
            client.pump();
            client.is_alive();
        }
    }

    pub(crate) fn turn(&mut self) -> Result<Turned, String> {
        let woken: Vec<usize> =
            (0..self.going.len()).filter(|at| self.going[*at].woken.0.load(Ordering::Relaxed)).collect();
        let client = self.client().filter(Client::has_news);
        let choices = woken.len() + usize::from(client.is_some());
        let chosen = self.shared.dice.borrow_mut().place(choices);
        match (woken.get(chosen), client) {
            (Some(at), _) => self.poll(*at)?,
            (None, Some(client)) => {
                client.pump();
            }
            (None, None) => {}
        }
        for script in self.shared.added.take() {
            self.add(script);
        }
        Ok(if self.going.is_empty() { Turned::Over } else { Turned::Goes })
    }

    fn poll(&mut self, at: usize) -> Result<(), String> {
        let going = &mut self.going[at];
        going.woken.0.store(false, Ordering::Relaxed);
        let waker = Waker::from(going.woken.clone());
        if let Poll::Ready(ended) = going.script.as_mut().poll(&mut Context::from_waker(&waker)) {
            drop(self.going.swap_remove(at));
            ended.map_err(|text| format!("{}: {text}", self.name))?;
        }
        Ok(())
    }

    /// Dies: nothing of it speaks to the node any more.
    pub(crate) fn die(self) {
        if let Some(client) = self.shared.client.take() {
            client.vanish();
        }
    }
}

impl Me {
    /// Connects with room for so many calls at once.
    pub(crate) fn connect(&self, directory: &str, calls: u32) -> Result<Client, Fault> {
        let client = Client::options().name(&self.name).calls(calls).by_hand(step_played).connect(directory)?;
        *self.shared.client.borrow_mut() = Some(client.clone());
        Ok(client)
    }

    /// Connects over a conduit, with this token.
    pub(crate) fn connect_over(&self, conduit: Conduit, token: Token, calls: u32) -> Result<Client, Fault> {
        let terms = Client::options().name(&self.name).calls(calls).token(token).by_hand(step_played);
        let client = terms.over(conduit)?;
        *self.shared.client.borrow_mut() = Some(client.clone());
        Ok(client)
    }

    /// The pool that is called, without asking for it.
    pub(crate) async fn probe(&self, client: &Client) -> Result<Pool, Fault> {
        client.pool_async("probe").await
    }

    /// Lets the session end.
    pub(crate) fn disconnect(&self) {
        self.shared.client.take();
    }

    /// Does this as well, beside what it does.
    pub(crate) fn also(&self, script: impl Future<Output = Result<(), String>> + 'static) {
        self.shared.added.borrow_mut().push(Box::pin(script));
    }

    /// A number below `n`.
    pub(crate) fn below(&self, n: u64) -> u64 {
        self.shared.dice.borrow_mut().below(n)
    }

    pub(crate) fn coin(&self) -> bool {
        self.shared.dice.borrow_mut().coin()
    }

    pub(crate) fn now(&self) -> Nanos {
        self.stage.world().now()
    }

    /// Says in the trace what it does.
    pub(crate) fn note(&self, what: &'static str, which: u64) {
        self.stage.world().note(what, self.number as u64, which);
    }

    /// Lets so much time pass.
    pub(crate) async fn sleep(&self, ns: Nanos) {
        let at = self.now() + ns;
        let mut set = false;
        std::future::poll_fn(|cx| {
            if self.now() >= at {
                return Poll::Ready(());
            }
            if !std::mem::replace(&mut set, true) {
                self.stage.wake_at(at, cx.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }
}

/// How many are still at it, and who waits for them.
#[derive(Default)]
pub(crate) struct Tally {
    left: Cell<u64>,
    waits: RefCell<Option<Waker>>,
}

impl Tally {
    pub(crate) fn new(left: u64) -> Rc<Self> {
        Rc::new(Self { left: Cell::new(left), waits: RefCell::new(None) })
    }

    pub(crate) fn one_less(&self) {
        self.left.set(self.left.get() - 1);
        if self.left.get() == 0 {
            self.waits.take().into_iter().for_each(Waker::wake);
        }
    }

    pub(crate) async fn none_left(&self) {
        std::future::poll_fn(|cx| {
            if self.left.get() == 0 {
                return Poll::Ready(());
            }
            *self.waits.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// Gives way to everybody else once.
pub(crate) async fn give_way() {
    let mut came_back = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut came_back, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
