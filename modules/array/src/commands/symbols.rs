//! The table of symbols, as callers see it: names, registration, what is used.

use windlass::array::{ArrayFacts, StringsFacts, SymbolFacts};
use windlass::prelude::*;
use windlass::symbols::{Head, Symbol};

/// Names of the node's symbols.
pub struct SymbolTable;

/// A symbol in a list.
#[data]
pub struct SymbolLine {
    /// Its name.
    pub name: String,
    /// `array`, `strings`, or its class.
    pub class: String,
    /// Its dtype, where it is an array.
    pub dtype: String,
    /// Its lengths, where it is an array.
    pub shape: Vec<u64>,
    /// Bytes of its memory.
    pub bytes: u64,
    /// What it is registered as.
    pub registered: Option<String>,
    /// Whether it is the caller's own.
    pub own: bool,
}

/// What symbols use.
#[data]
pub struct Usage {
    /// Bytes of all symbols of the node.
    pub used: u64,
    /// Bytes that it may have more.
    pub left: u64,
    /// Bytes of the caller's session.
    pub session_used: u64,
    /// Bytes that it may have more.
    pub session_left: u64,
}

/// What one symbol is; exactly one is there.
#[data]
pub struct Facts {
    /// An array.
    pub array: Option<ArrayFacts>,
    /// Strings.
    pub strings: Option<StringsFacts>,
    /// A value of a module's own type.
    pub own: Option<SymbolFacts>,
}

/// The node's symbols: what the caller's session has, and what is registered for all.
#[module(name = "symbols", export = false, stateless)]
impl SymbolTable {
    /// Nothing to keep: the table is the node's.
    #[create]
    fn create() -> Self {
        Self
    }

    /// Ends a symbol of the session; its memory goes when its last reader has.
    #[method(name = "delete")]
    fn delete(cx: &Context, name: &str) -> Result<String, Fault> {
        Ok(match cx.symbols().delete(name)? {
            true => format!("deleted {name}"),
            false => format!("registered symbol, {name}, not deleted"),
        })
    }

    /// Ends symbols of the session, as many calls of `delete` would; names of nothing, and of what is registered, are passed over.
    /// Answers how many have ended.
    #[method(name = "deleteSymbols")]
    fn delete_symbols(cx: &Context, names: Vec<String>) -> Result<u64, Fault> {
        let mut ended = 0;
        for name in &names {
            match cx.symbols().delete(name) {
                Ok(deleted) => ended += u64::from(deleted),
                Err(fault) if fault.is(Code::UnknownSymbol) => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(ended)
    }

    /// What the symbol of this name, or registered under it, is.
    #[method(idempotent)]
    fn facts(cx: &Context, name: String) -> Result<Facts, Fault> {
        let mut facts = Facts { array: None, strings: None, own: None };
        match cx.symbols().get(&name)? {
            Symbol::Array(array) => facts.array = Some(ArrayFacts::of(name, &array)),
            Symbol::Strings(strings) => facts.strings = Some(StringsFacts::of(name, &strings)),
            Symbol::Own(own) => {
                facts.own = Some(SymbolFacts { name, class: own.class, parameters: own.parameters });
            }
        }
        Ok(facts)
    }

    /// The session's symbols and the registered ones, from the one after `after` on; a part of them where there are many.
    #[method(idempotent)]
    fn list(cx: &Context, #[arg(default = "")] after: String) -> Result<Vec<SymbolLine>, Fault> {
        let lines = cx.symbols().list()?.into_iter().filter(|line| line.name > after);
        // A reply has a limit; a page of this many keeps it.
        Ok(lines.take(200).map(shown).collect())
    }

    /// Lets a symbol survive its session and be read by all, under the name `registered` besides its own.
    #[method]
    fn register(cx: &Context, name: &str, registered: &str) -> Result<(), Fault> {
        cx.symbols().register(name, registered)
    }

    /// Ends a registration; the symbol is then the session's that asks.
    #[method]
    fn unregister(cx: &Context, registered: &str) -> Result<(), Fault> {
        cx.symbols().unregister(registered)
    }

    /// What symbols use of the node's memory, and what is left.
    #[method(idempotent)]
    fn usage(cx: &Context) -> Result<Usage, Fault> {
        let usage = cx.symbols().usage()?;
        let (used, left, session_used, session_left) =
            (usage.used, usage.left, usage.session_used, usage.session_left);
        Ok(Usage { used, left, session_used, session_left })
    }
}

fn shown(line: windlass::symbols::SymbolLine) -> SymbolLine {
    let (class, dtype, shape) = match line.head {
        Head::Array { dtype, shape, .. } => ("array".to_owned(), dtype.name().to_owned(), shape),
        Head::Strings => ("strings".to_owned(), "str".to_owned(), Vec::new()),
        Head::Own { class, .. } => (class, String::new(), Vec::new()),
    };
    let (name, bytes, registered, own) = (line.name, line.bytes, line.registered, line.own);
    SymbolLine { name, class, dtype, shape, bytes, registered, own }
}
