//! The table as a method sees it: `cx.symbols()`.

use super::{Head, Symbol, SymbolAsk, SymbolLine, SymbolReply, Usage};
use crate::abi::SymbolsAsked;
use crate::array::{Array, Fresh, Item, LateRoom, Memory, Room, Soil, Strings};
use crate::buffers::{Bytes, Out};
use crate::context::{Context, Incoming};
use crate::{Code, Fault};

/// The node's symbols, as the session of this call may use them: its own to change, registered ones to read.
///
/// Cost: each function is one crossing of the module's edge, with no wait.
#[derive(Clone, Copy, Debug)]
pub struct Symbols<'a> {
    call: Incoming<'a>,
}

impl<'a> Context<'a> {
    /// The node's symbols.
    pub fn symbols(&self) -> Symbols<'a> {
        Symbols { call: self.call }
    }
}

impl Symbols<'_> {
    /// The symbol of this name, or the one registered under it.
    ///
    /// # Errors
    /// `UnknownSymbol`, with a near name when there is one.
    pub fn get(&self, name: &str) -> Result<Symbol, Fault> {
        match self.ask(&SymbolAsk::Get(name.into()), Vec::new())? {
            (SymbolReply::Symbol(head), parts) => {
                Symbol::join(head, parts).ok_or_else(|| disagree("a symbol that fits its memory"))
            }
            _ => Err(disagree("a symbol")),
        }
    }
    /// The array of this name.
    ///
    /// # Errors
    /// As `get`; `BadArguments` when it is something else.
    pub fn array(&self, name: &str) -> Result<Array, Fault> {
        self.get(name)?.array(name)
    }
    /// The strings of this name.
    ///
    /// # Errors
    /// As `get`; `BadArguments` when it is something else.
    pub fn strings(&self, name: &str) -> Result<Strings, Fault> {
        self.get(name)?.strings(name)
    }
    /// Keeps a value for the session, under a name that this node has never given: `id_<8 random>_<counter>`.
    ///
    /// # Errors
    /// `QueueFull` when the session has as many symbols as it may have.
    pub fn insert(&self, symbol: impl Into<Symbol>) -> Result<String, Fault> {
        let (head, parts) = symbol.into().split();
        match self.ask(&SymbolAsk::Insert(head), parts)?.0 {
            SymbolReply::Name(name) => Ok(name),
            _ => Err(disagree("a name")),
        }
    }
    /// A new version under a name of the session's; who reads the old one keeps it.
    ///
    /// # Errors
    /// `UnknownSymbol`; `Denied` when the name is another session's.
    pub fn put(&self, name: &str, symbol: impl Into<Symbol>) -> Result<(), Fault> {
        let (head, parts) = symbol.into().split();
        self.ask(&SymbolAsk::Put(name.into(), head), parts).map(drop)
    }
    /// Ends a name; its memory goes when its last reader has. `false`: it is registered, and stays.
    ///
    /// # Errors
    /// `UnknownSymbol`; `Denied` when the name is another session's.
    pub fn delete(&self, name: &str) -> Result<bool, Fault> {
        self.was(&SymbolAsk::Delete(name.into()))
    }
    /// The session's symbols and the registered ones, by name.
    ///
    /// # Errors
    /// What the node says.
    pub fn list(&self) -> Result<Vec<SymbolLine>, Fault> {
        match self.ask(&SymbolAsk::List, Vec::new())?.0 {
            SymbolReply::List(list) => Ok(list),
            _ => Err(disagree("a list")),
        }
    }
    /// The same, of names behind `name`: a list has a bound, and this is how it goes on. What the node does for itself (a task that
    /// a container spawned while it was created) is shown, and may read, every session's symbols.
    ///
    /// # Errors
    /// What the node says.
    pub fn list_after(&self, name: &str) -> Result<Vec<SymbolLine>, Fault> {
        match self.ask(&SymbolAsk::After(name.into()), Vec::new())?.0 {
            SymbolReply::List(list) => Ok(list),
            _ => Err(disagree("a list")),
        }
    }
    /// Puts a symbol back under the name that it had in an earlier life of the node, and registers it if it was. It becomes the
    /// session's own; a symbol of that name that is the session's, or whose session has ended, is replaced. What the node does
    /// for itself puts back registered symbols only, as ones that outlived their session.
    ///
    /// # Errors
    /// `Denied` when the name is another living session's; `Exists` when another symbol is registered under `registered`;
    /// `BadArguments` for a name that is none; `QueueFull`; `Busy` when a command changes it just now.
    pub fn restore(&self, name: &str, registered: Option<&str>, symbol: impl Into<Symbol>) -> Result<(), Fault> {
        let (head, parts) = symbol.into().split();
        self.ask(&SymbolAsk::Restore(name.into(), registered.map(Into::into), head), parts).map(drop)
    }
    /// How often symbols of the node have come, changed, gone or been registered: equal numbers mean that nothing has.
    ///
    /// # Errors
    /// What the node says.
    pub fn changes(&self) -> Result<u64, Fault> {
        match self.ask(&SymbolAsk::Changes, Vec::new())?.0 {
            SymbolReply::Count(count) => Ok(count),
            _ => Err(disagree("a number")),
        }
    }
    /// Lets a symbol survive its session and be read by all, under the name `registered` besides its own.
    ///
    /// # Errors
    /// `UnknownSymbol`; `Exists` when that name is taken; `Denied` when the symbol is another session's.
    pub fn register(&self, name: &str, registered: &str) -> Result<(), Fault> {
        self.ask(&SymbolAsk::Register(name.into(), registered.into()), Vec::new()).map(drop)
    }
    /// Ends a registration; the symbol is then the session's that asks.
    ///
    /// # Errors
    /// `UnknownSymbol` when nothing is registered under that name.
    pub fn unregister(&self, registered: &str) -> Result<(), Fault> {
        self.ask(&SymbolAsk::Unregister(registered.into()), Vec::new()).map(drop)
    }
    /// What symbols use of the node's memory, and what is left.
    ///
    /// # Errors
    /// What the node says.
    pub fn usage(&self) -> Result<Usage, Fault> {
        match self.ask(&SymbolAsk::Usage, Vec::new())?.0 {
            SymbolReply::Usage(usage) => Ok(usage),
            _ => Err(disagree("its usage")),
        }
    }
    /// Zeroed memory, admitted before it is allocated; it is charged to the session until its last holder goes.
    ///
    /// # Errors
    /// `NoMemory` says how many bytes are short, and of whose limit.
    pub fn reserve(&self, bytes: u64) -> Result<Room, Fault> {
        match self.ask(&SymbolAsk::Reserve(bytes), Vec::new())? {
            (SymbolReply::Memory, mut parts) => parts
                .pop()
                .filter(|memory| memory.len() as u64 == bytes)
                .and_then(|memory| memory.into_room().ok())
                .ok_or_else(|| disagree("memory of that size")),
            _ => Err(disagree("memory")),
        }
    }
    /// The same, whose bytes are zeroed when somebody has use for them.
    fn reserve_late(&self, bytes: u64) -> Result<LateRoom, Fault> {
        let (soil, mut parts) = match self.ask(&SymbolAsk::ReserveLate(bytes), Vec::new())? {
            (SymbolReply::Memory, parts) => (Soil::Clean, parts),
            (SymbolReply::Late { soiled: false }, parts) => (Soil::New, parts),
            (SymbolReply::Late { soiled: true }, parts) => (Soil::Soiled, parts),
            _ => return Err(disagree("memory")),
        };
        let room = parts.pop().filter(|memory| memory.len() as u64 == bytes).and_then(|one| one.into_room().ok());
        Ok(LateRoom::new(room.ok_or_else(|| disagree("memory of that size"))?, soil))
    }
    /// Room for an array, as `reserve`; large room is zeroed as late as can be.
    ///
    /// # Errors
    /// As `reserve`; `TooLarge` for a shape whose bytes cannot be counted.
    pub fn fresh<T: Item>(&self, shape: &[usize]) -> Result<Fresh<T>, Fault> {
        let bytes = shape.iter().try_fold(size_of::<T>(), |all, &length| all.checked_mul(length));
        let too_large = || Fault::new(Code::TooLarge, format!("an array of shape {shape:?} has no size in bytes"));
        if shape.len() > crate::limits::RANK_MAX {
            let max = crate::limits::RANK_MAX;
            return Err(Fault::new(
                Code::TooLarge,
                format!("{} dimensions; an array has {max} at most", shape.len()),
            ));
        }
        let room = self.reserve_late(bytes.ok_or_else(too_large)? as u64)?;
        Fresh::late(room, shape).ok_or_else(|| disagree("memory of that size"))
    }
    /// A copy of these values as an array of rank 1.
    ///
    /// # Errors
    /// As `fresh`.
    pub fn array_of<T: Item>(&self, values: &[T]) -> Result<Array, Fault> {
        let mut fresh = self.fresh::<T>(&[values.len()])?;
        fresh.copy_from_slice(values);
        Ok(fresh.done())
    }

    /// Answers an `out` buffer with an array's whole memory, read in place by the caller until its lease returns: nobody writes it
    /// meanwhile, for that is a hold like any other. `false`: it cannot be, so copy the elements into the buffer.
    ///
    /// That is so for memory which stands in no file (it is short, or the node has as many files as it may), for a caller that shares
    /// no memory with the node, and for a part of another session's memory, whose rest is not the caller's to read.
    ///
    /// # Errors
    /// `BadBuffer` for a buffer of another call; what the node says.
    pub fn show(&self, out: &Out<'_, Bytes>, array: &Array) -> Result<bool, Fault> {
        let place = self.call.place_of(out.raw());
        let place = place.ok_or_else(|| Fault::new(Code::BadBuffer, "the buffer is another call's"))?;
        let asked = SymbolAsk::Show { place, whole: array.is_whole() };
        match self.ask(&asked, vec![array.memory().clone()])?.0 {
            SymbolReply::Was(was) => Ok(was),
            _ => Err(disagree("yes or no")),
        }
    }

    /// The array of this name, out of the table: until `put`, the name is busy.
    pub(super) fn take(&self, name: &str) -> Result<Array, Fault> {
        match self.ask(&SymbolAsk::Take(name.into()), Vec::new())? {
            (SymbolReply::Symbol(head), parts) => match Symbol::join(head, parts) {
                Some(Symbol::Array(array)) => Ok(array),
                Some(other) => {
                    let fault = other.is_no("an array", name);
                    self.put(name, other).and(Err(fault))
                }
                None => Err(disagree("a symbol that fits its memory")),
            },
            _ => Err(disagree("a symbol")),
        }
    }

    fn was(&self, asked: &SymbolAsk) -> Result<bool, Fault> {
        match self.ask(asked, Vec::new())?.0 {
            SymbolReply::Was(was) => Ok(was),
            _ => Err(disagree("yes or no")),
        }
    }

    fn ask(&self, asked: &SymbolAsk, parts: Vec<Memory>) -> Result<(SymbolReply, Vec<Memory>), Fault> {
        if parts.len() > crate::limits::SYMBOL_PARTS_MAX {
            let max = crate::limits::SYMBOL_PARTS_MAX;
            return Err(Fault::new(Code::TooLarge, format!("a symbol has {max} pieces of memory at most")));
        }
        let question = postcard::to_allocvec(asked)
            .map_err(|error| Fault::new(Code::Internal, format!("a symbol does not encode: {error}")))?;
        let SymbolsAsked { answer, parts } = self.call.symbols(&question, parts)?;
        let reply = postcard::from_bytes(&answer).map_err(|_| disagree("something known"))?;
        Ok((reply, parts))
    }
}

fn disagree(wanted: &str) -> Fault {
    Fault::new(Code::Internal, format!("module and node disagree about symbols: {wanted} was expected"))
}

impl Head {
    /// Whether its sizes keep their limits.
    pub fn fits(&self) -> bool {
        match self {
            Self::Array { shape, strides, .. } => {
                shape.len() <= crate::limits::RANK_MAX && strides.len() == shape.len()
            }
            Self::Strings => true,
            Self::Own { class, parameters, state } => {
                let bytes = class.len() + state.len() + parameters.iter().map(String::len).sum::<usize>();
                bytes <= crate::limits::SYMBOL_HEAD_MAX
            }
        }
    }
}
