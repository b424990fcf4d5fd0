//! Back: a symbol under the name that it had in an earlier life of the node.
//!
//! Holds: everything is looked at before anything is changed; what a living session has is never replaced by another.

use super::{Entry, NOBODY, NODE, Owner, SymbolTable, busy, ended};
use crate::limits::SYMBOLS_MAX;
use windlass_contract::array::Memory;
use windlass_contract::limits::SYMBOL_NAME_MAX;
use windlass_contract::symbols::Head;
use windlass_contract::{Code, Fault};

impl SymbolTable {
    /// Puts a symbol under this name, registered or not; see `contract::symbols::Symbols::restore`.
    ///
    /// # Errors
    /// `BadArguments`, `Denied`, `Exists`, `Busy`, `QueueFull`, `SessionEnded`.
    pub(super) fn restore(
        &self,
        session: u64,
        name: &str,
        registered: Option<&str>,
        head: Head,
        parts: Vec<Memory>,
    ) -> Result<(), Fault> {
        for one in [Some(name), registered].into_iter().flatten() {
            if one.is_empty() || one.len() > SYMBOL_NAME_MAX {
                let text = format!("the name of a symbol has 1 to {SYMBOL_NAME_MAX} bytes");
                return Err(Fault::new(Code::BadArguments, text));
            }
        }
        if session == NODE && registered.is_none() {
            let text = format!("{name} is not registered, and without a session it would be nobody's");
            return Err(Fault::new(Code::BadArguments, text));
        }
        let owner = if session == NODE { NOBODY } else { session };
        let mut names = self.names();
        let has = names.sessions.get(&session).ok_or_else(ended)?.names.len();
        let there = names.symbols.get(name);
        if let Some(entry) = there {
            if entry.owner != session && names.sessions.contains_key(&entry.owner) {
                return Err(Fault::new(
                    Code::Denied,
                    format!("{name} is another session's, which is still there"),
                ));
            }
            if entry.taken {
                return Err(busy(name));
            }
        }
        // A symbol that is registered stays so, under the name that it has now.
        let before = there.and_then(|entry| entry.registered.clone());
        let registered = before.or_else(|| registered.map(str::to_owned));
        if let Some(registered) = &registered
            && names.registered.get(registered).is_some_and(|other| other != name)
        {
            let text = format!("another symbol than {name} is registered as {registered}; unregister it first");
            return Err(Fault::new(Code::Exists, text));
        }
        let more = registered.as_ref().is_some_and(|registered| !names.registered.contains_key(registered));
        if there.is_none() && has >= SYMBOLS_MAX || more && names.registered.len() >= SYMBOLS_MAX {
            let text = format!("there are {SYMBOLS_MAX} symbols already; delete or unregister some");
            return Err(Fault::new(Code::QueueFull, text));
        }
        if let Some(registered) = &registered {
            names.registered.insert(registered.clone(), name.to_owned());
        }
        if let Some(Owner { names, .. }) = names.sessions.get_mut(&owner) {
            names.insert(name.to_owned());
        }
        let entry = Entry { head, parts, owner, registered, taken: false };
        let replaced = names.symbols.insert(name.to_owned(), entry);
        names.changes += 1;
        // Its memory is freed outside the lock.
        drop(names);
        drop(replaced);
        Ok(())
    }
}
