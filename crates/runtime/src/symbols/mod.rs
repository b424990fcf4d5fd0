//! Symbols: the node's named values, by session, and who may have how much memory for them.
//!
//! Lives here: `SymbolTable` (names, owners, registrations), `back` (names of an earlier life), `account` (bytes, admitted before they
//! are allocated), `files` (where large memory stands), `edge` (one question of a method, from its bytes to its answer).
//! From: `host/library`, for the session that the call serves. To: memory that its holders count.
//! Holds: a name is given once in a node's life, unless it comes back from an earlier one; memory is charged from its reservation until its last holder goes, whoever that
//! is; a session that ends drops what it did not register, and nothing can be kept for it afterwards. The table may be asked
//! from any thread; its lock is held for map operations only.
//! Not here: what a symbol is (`contract::symbols`), loops.

mod account;
mod back;
mod edge;
mod files;

pub(crate) use edge::{Show, ask};

use crate::limits::{FILE_BYTES_MIN, SYMBOLS_MAX, SYMBOLS_SHOWN_MAX};
use account::{Account, Charge};
use files::Files;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use windlass_contract::array::{Memory, Room, Soil};
use windlass_contract::limits::SYMBOL_NAME_MAX;
use windlass_contract::symbols::{Head, SymbolLine, Usage};
use windlass_contract::{Code, Fault};

/// The session of what the node does by itself: it may read every symbol.
pub(crate) const NODE: u64 = 0;
/// The owner of symbols that came back without a session; no session has this number.
const NOBODY: u64 = u64::MAX;

/// A symbol.
struct Entry {
    head: Head,
    parts: Vec<Memory>,
    /// The session whose it is; one that has ended for a registered symbol that outlived it.
    owner: u64,
    registered: Option<String>,
    /// A command has its memory and changes it.
    taken: bool,
}

impl Entry {
    fn may_be_read_by(&self, session: u64) -> bool {
        self.owner == session || self.registered.is_some() || session == NODE
    }
}

#[derive(Default)]
struct Names {
    symbols: BTreeMap<String, Entry>,
    /// Registered names to symbols.
    registered: BTreeMap<String, String>,
    /// Living sessions: their accounts, and their symbols.
    sessions: BTreeMap<u64, Owner>,
    given: u64,
    /// How often anything of the above has changed.
    changes: u64,
}

struct Owner {
    account: Arc<Account>,
    names: BTreeSet<String>,
}

/// The symbols of a node.
pub(crate) struct SymbolTable {
    /// What all names of this node have in common, drawn when it starts.
    random: String,
    names: Mutex<Names>,
    node: Arc<Account>,
    files: Arc<Files>,
    session_bytes_max: u64,
    /// Bytes of the node's other shared memory, as the worker said last.
    others: AtomicU64,
}

impl SymbolTable {
    /// No symbols; `chance` becomes part of every name, so that one of an earlier node means nothing here.
    pub(crate) fn new(chance: u64, session_bytes_max: u64, node_bytes_max: u64) -> Arc<Self> {
        let table = Self {
            random: letters(chance),
            names: Mutex::default(),
            node: Account::new("the node", node_bytes_max),
            files: Files::new(node_bytes_max),
            session_bytes_max,
            others: AtomicU64::new(0),
        };
        // What it does by itself has the node's limit alone.
        let account = Account::new("the node", node_bytes_max);
        table.names().sessions.insert(NODE, Owner { account, names: BTreeSet::new() });
        Arc::new(table)
    }

    // A panic while the lock was held leaves maps as they were between two statements: each is whole.
    fn names(&self) -> MutexGuard<'_, Names> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes of all symbols, and of memory that was reserved for some.
    pub(crate) fn used(&self) -> u64 {
        self.node.used()
    }

    /// Says how many bytes of shared memory the node has given to other things.
    pub(crate) fn others(&self, bytes: u64) {
        self.others.store(bytes, Ordering::Relaxed);
    }

    /// A session begins.
    pub(crate) fn begin(&self, session: u64) {
        let account = Account::new("the session", self.session_bytes_max);
        self.names().sessions.insert(session, Owner { account, names: BTreeSet::new() });
    }

    /// A session has ended: what it did not register goes.
    pub(crate) fn end(&self, session: u64) {
        let mut names = self.names();
        let Some(owner) = names.sessions.remove(&session) else { return };
        let mut gone = Vec::new();
        for name in owner.names {
            if names.symbols.get(&name).is_some_and(|entry| entry.registered.is_none()) {
                gone.extend(names.symbols.remove(&name));
            }
        }
        names.changes += u64::from(!gone.is_empty());
        let nobody = names.sessions.keys().all(|session| *session == NODE);
        // Their memory is freed outside the lock.
        drop(names);
        drop(gone);
        if nobody {
            self.files.cool();
        }
    }

    /// Zeroed memory, charged until its last holder goes.
    ///
    /// # Errors
    /// `NoMemory` says how much is short, and of what.
    fn reserve(&self, session: u64, bytes: u64) -> Result<Room, Fault> {
        self.room(session, bytes, false).map(|(room, _)| room)
    }

    /// The same, not zeroed yet: whoever asks does that before anybody sees it.
    fn reserve_late(&self, session: u64, bytes: u64) -> Result<(Room, Soil), Fault> {
        self.room(session, bytes, true)
    }

    fn room(&self, session: u64, bytes: u64, late: bool) -> Result<(Room, Soil), Fault> {
        let account = self.account(session)?;
        let charge = self.charge(&account, bytes)?;
        let none =
            || Fault::new(Code::NoMemory, format!("the machine has no {bytes} bytes for a symbol; delete some"));
        let len = usize::try_from(bytes).map_err(|_| none())?;
        let charge = match bytes < FILE_BYTES_MIN {
            true => charge,
            false => match self.files.room(len, session, charge, late) {
                Ok(room) => return Ok(room),
                Err(charge) => charge,
            },
        };
        Memory::allocate(len, Box::new(charge)).map(|room| (room, Soil::Clean)).ok_or_else(none)
    }

    /// What is warm is nobody's, and goes before anybody is refused.
    fn charge(&self, account: &Arc<Account>, bytes: u64) -> Result<Charge, Fault> {
        let others = self.others.load(Ordering::Relaxed);
        let charge = |warm: u64| Account::charge(account, &self.node, bytes, others.saturating_add(warm));
        match charge(self.files.warm_bytes()) {
            Err(_) if self.files.cool() => charge(0),
            charged => charged,
        }
    }

    fn account(&self, session: u64) -> Result<Arc<Account>, Fault> {
        self.names().sessions.get(&session).map(|owner| owner.account.clone()).ok_or_else(ended)
    }

    fn get(&self, session: u64, name: &str) -> Result<(Head, Vec<Memory>), Fault> {
        let names = self.names();
        let entry = names.visible(session, name).ok_or_else(|| names.unknown(session, name))?;
        if entry.taken {
            return Err(busy(name));
        }
        Ok((entry.head.clone(), entry.parts.clone()))
    }

    /// A symbol with the table's own hold on its memory, which is busy until the next version is put.
    fn take(&self, session: u64, name: &str) -> Result<(Head, Vec<Memory>), Fault> {
        let mut names = self.names();
        let entry = names.own(session, name)?;
        if std::mem::replace(&mut entry.taken, true) {
            return Err(busy(name));
        }
        Ok((entry.head.clone(), std::mem::take(&mut entry.parts)))
    }

    fn insert(&self, session: u64, head: Head, parts: Vec<Memory>) -> Result<String, Fault> {
        let mut names = self.names();
        names.given += 1;
        let name = format!("id_{}_{}", self.random, names.given);
        let owner = names.sessions.get_mut(&session).ok_or_else(ended)?;
        if owner.names.len() >= SYMBOLS_MAX {
            let text = format!("the session has {SYMBOLS_MAX} symbols already; delete some");
            return Err(Fault::new(Code::QueueFull, text));
        }
        owner.names.insert(name.clone());
        names.changes += 1;
        names.symbols.insert(name.clone(), Entry { head, parts, owner: session, registered: None, taken: false });
        Ok(name)
    }

    fn put(&self, session: u64, name: &str, head: Head, parts: Vec<Memory>) -> Result<(), Fault> {
        let mut names = self.names();
        let entry = names.own(session, name)?;
        let before = std::mem::replace(&mut entry.parts, parts);
        entry.head = head;
        entry.taken = false;
        names.changes += 1;
        drop(names);
        drop(before);
        Ok(())
    }

    fn delete(&self, session: u64, name: &str) -> Result<bool, Fault> {
        let mut names = self.names();
        let entry = names.own(session, name)?;
        if entry.registered.is_some() {
            return Ok(false);
        }
        let gone = names.symbols.remove(name);
        names.changes += 1;
        if let Some(owner) = names.sessions.get_mut(&session) {
            owner.names.remove(name);
        }
        drop(names);
        drop(gone);
        Ok(true)
    }

    fn register(&self, session: u64, name: &str, registered: &str) -> Result<(), Fault> {
        if registered.is_empty() || registered.len() > SYMBOL_NAME_MAX {
            let text = format!("a registered name has 1 to {SYMBOL_NAME_MAX} bytes");
            return Err(Fault::new(Code::BadArguments, text));
        }
        let mut names = self.names();
        if names.registered.contains_key(registered) {
            return Err(Fault::new(
                Code::Exists,
                format!("{registered} is registered already; unregister it first"),
            ));
        }
        if names.registered.len() >= SYMBOLS_MAX {
            let text = format!("{SYMBOLS_MAX} symbols are registered already; unregister some");
            return Err(Fault::new(Code::QueueFull, text));
        }
        let entry = names.own(session, name)?;
        if let Some(before) = &entry.registered {
            let text = format!("{name} is registered already, as {before}");
            return Err(Fault::new(Code::Exists, text));
        }
        entry.registered = Some(registered.to_owned());
        names.registered.insert(registered.to_owned(), name.to_owned());
        names.changes += 1;
        Ok(())
    }

    fn unregister(&self, session: u64, registered: &str) -> Result<(), Fault> {
        let mut names = self.names();
        let name = names.registered.get(registered).cloned().ok_or_else(|| names.unknown(session, registered))?;
        let owner = names.symbols.get(&name).map_or(NODE, |entry| entry.owner);
        if owner != session && names.sessions.contains_key(&owner) {
            return Err(Fault::new(
                Code::Denied,
                format!("{registered} is another session's, which is still there"),
            ));
        }
        let new_owner = names.sessions.get_mut(&session).ok_or_else(ended)?;
        new_owner.names.insert(name.clone());
        names.registered.remove(registered);
        names.changes += 1;
        if let Some(entry) = names.symbols.get_mut(&name) {
            entry.registered = None;
            entry.owner = session;
        }
        Ok(())
    }

    fn list(&self, session: u64) -> Vec<SymbolLine> {
        self.list_after(session, "")
    }

    /// The symbols behind a name that the session may read, as many as a reply has room for.
    fn list_after(&self, session: u64, name: &str) -> Vec<SymbolLine> {
        let names = self.names();
        let behind = (Bound::Excluded(name), Bound::Unbounded);
        let seen = names.symbols.range::<str, _>(behind).filter(|(_, entry)| entry.may_be_read_by(session));
        // A reply has a bound; whoever has more symbols than that asks for them by name.
        seen.take(SYMBOLS_SHOWN_MAX)
            .map(|(name, entry)| SymbolLine {
                name: name.clone(),
                head: entry.head.clone(),
                bytes: entry.parts.iter().map(|part| part.len() as u64).sum(),
                registered: entry.registered.clone(),
                own: entry.owner == session,
            })
            .collect()
    }

    fn changes(&self) -> u64 {
        self.names().changes
    }

    fn usage(&self, session: u64) -> Result<Usage, Fault> {
        let account = self.account(session)?;
        let left = self.node.left().saturating_sub(self.others.load(Ordering::Relaxed));
        Ok(Usage {
            used: self.node.used(),
            left,
            session_used: account.used(),
            session_left: account.left().min(left),
        })
    }
}

impl Names {
    /// The symbol of this name, or registered under it, if the session may read it.
    fn visible(&self, session: u64, name: &str) -> Option<&Entry> {
        let own = self.symbols.get(name).filter(|entry| entry.may_be_read_by(session));
        own.or_else(|| self.symbols.get(self.registered.get(name)?))
    }

    /// The symbol of this name, which is the session's own.
    fn own(&mut self, session: u64, name: &str) -> Result<&mut Entry, Fault> {
        let name = self.registered.get(name).map_or(name, String::as_str).to_owned();
        if self.visible(session, &name).is_none() {
            return Err(self.unknown(session, &name));
        }
        // A registered symbol whose session has ended is changed by nobody before it is unregistered.
        match self.symbols.get_mut(&name) {
            Some(entry) if entry.owner == session => Ok(entry),
            _ => Err(Fault::new(Code::Denied, format!("{name} is another session's: read it, or copy it first"))),
        }
    }

    fn unknown(&self, session: u64, name: &str) -> Fault {
        let count = self.sessions.get(&session).map_or(0, |owner| owner.names.len());
        let shown: String = name.chars().take(SYMBOL_NAME_MAX).collect();
        let text = format!("undefined symbol: {shown} (the session has {count} of its own, {} are registered)", {
            self.registered.len()
        });
        Fault::new(Code::UnknownSymbol, text)
    }
}

fn busy(name: &str) -> Fault {
    Fault::new(Code::Busy, format!("another command changes {name} just now"))
}

fn ended() -> Fault {
    Fault::new(Code::SessionEnded, "the session has ended, so nothing is kept for it")
}

/// Eight letters and digits of a random number.
fn letters(mut chance: u64) -> String {
    const ALL: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut text = String::new();
    for _ in 0..8 {
        text.push(char::from(ALL[(chance % 62) as usize]));
        chance /= 62;
    }
    text
}

#[cfg(test)]
mod tests;
