//! Keys: calls of one key run one after another, other keys pass them.
//!
//! Holds: a key has one holder root at a time; the next call begins when the holder's last hold is gone. A nested call that
//! needs a key its own root holds runs at once if its method is reentrant, else it would wait for itself.

use crate::host::call::Call;
use crate::limits::KEY_WAITING_MAX;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use windlass_memory::hooks::{Plant, planted};

#[derive(Default)]
struct Key {
    root: u64,
    holds: u32,
    waiting: VecDeque<Rc<Call>>,
}

/// The keys of one container.
#[derive(Default)]
pub(crate) struct Keys {
    held: HashMap<u64, Key>,
    waiting: usize,
}

/// What became of a call that wants a key.
pub(crate) enum Entered {
    /// It holds the key; run it.
    Runs(Rc<Call>),
    /// It waits; `leave` of the holder gives it back.
    Waits,
    /// Its own root holds the key and the method is not reentrant.
    WouldDeadlock(Rc<Call>),
    /// Too many wait.
    Full(Rc<Call>),
}

impl Keys {
    /// A call wants `key`.
    pub(crate) fn enter(&mut self, key: u64, call: Rc<Call>, reentrant: bool) -> Entered {
        let held = self.held.entry(key).or_default();
        if held.holds == 0 {
            held.root = call.root;
            held.holds = 1;
            return Entered::Runs(call);
        }
        if held.root == call.root && call.depth > 0 {
            if !reentrant {
                return Entered::WouldDeadlock(call);
            }
            held.holds += 1;
            return Entered::Runs(call);
        }
        if self.waiting >= KEY_WAITING_MAX {
            return Entered::Full(call);
        }
        self.waiting += 1;
        held.waiting.push_back(call);
        Entered::Waits
    }

    /// A call that held `key` has ended; answers the call that runs next.
    pub(crate) fn leave(&mut self, key: u64) -> Option<Rc<Call>> {
        let held = self.held.get_mut(&key)?;
        held.holds -= 1;
        if held.holds > 0 {
            return None;
        }
        let next = match planted(Plant::WrongKeyOrder) {
            true => held.waiting.pop_back(),
            false => held.waiting.pop_front(),
        };
        match &next {
            Some(call) => {
                self.waiting -= 1;
                held.root = call.root;
                held.holds = 1;
            }
            None => {
                self.held.remove(&key);
            }
        }
        next
    }

    /// Takes a waiting call out, because it was cancelled.
    pub(crate) fn give_up(&mut self, key: u64, call: &Rc<Call>) -> bool {
        let Some(held) = self.held.get_mut(&key) else { return false };
        let before = held.waiting.len();
        held.waiting.retain(|other| !Rc::ptr_eq(other, call));
        let gone = before - held.waiting.len();
        self.waiting -= gone;
        gone > 0
    }
}
