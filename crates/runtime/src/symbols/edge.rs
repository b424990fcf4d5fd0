//! One question about symbols: from its bytes to its answer.

use super::SymbolTable;
use windlass_contract::array::{Memory, Soil};
use windlass_contract::symbols::{Head, SymbolAsk, SymbolReply};
use windlass_contract::{Code, Fault};

/// Memory that a method wants an `out` buffer to be answered with.
pub(crate) struct Show {
    /// Which buffer, counted from 1.
    pub(crate) place: u32,
    /// Whether the caller may see all of it, whoever it was reserved for.
    pub(crate) whole: bool,
    pub(crate) memory: Memory,
}

/// Answers a question of a call that serves `session`; what goes beside the answer is memory. `show` is the call's own: whether its
/// buffer can be answered so.
///
/// # Errors
/// `BadArguments` for bytes that are no question; what the table says.
pub(crate) fn ask(
    table: &SymbolTable,
    session: u64,
    question: &[u8],
    mut parts: Vec<Memory>,
    show: impl FnOnce(Show) -> Result<bool, Fault>,
) -> Result<(Vec<u8>, Vec<Memory>), Fault> {
    let bad = |_| Fault::new(Code::BadArguments, "the bytes are no question about symbols");
    let (reply, parts) = match postcard::from_bytes(question).map_err(bad)? {
        SymbolAsk::Show { place, whole } => {
            let memory =
                parts.pop().ok_or_else(|| Fault::new(Code::BadArguments, "no memory came to be shown"))?;
            (SymbolReply::Was(show(Show { place, whole, memory })?), Vec::new())
        }
        asked => answer(table, session, asked, parts)?,
    };
    let broken = |error| Fault::new(Code::Internal, format!("an answer about symbols does not encode: {error}"));
    Ok((postcard::to_allocvec(&reply).map_err(broken)?, parts))
}

type Answer = (SymbolReply, Vec<Memory>);

fn answer(table: &SymbolTable, session: u64, asked: SymbolAsk, parts: Vec<Memory>) -> Result<Answer, Fault> {
    let alone = |reply| (reply, Vec::new());
    Ok(match asked {
        SymbolAsk::Get(name) => {
            let (head, parts) = table.get(session, &name)?;
            (SymbolReply::Symbol(head), parts)
        }
        SymbolAsk::Insert(head) => {
            alone(SymbolReply::Name(table.insert(session, fitting(head, &parts)?, parts)?))
        }
        SymbolAsk::Put(name, head) => {
            table.put(session, &name, fitting(head, &parts)?, parts)?;
            alone(SymbolReply::Done)
        }
        SymbolAsk::Delete(name) => alone(SymbolReply::Was(table.delete(session, &name)?)),
        SymbolAsk::List => alone(SymbolReply::List(table.list(session))),
        SymbolAsk::Reserve(bytes) => (SymbolReply::Memory, vec![table.reserve(session, bytes)?.freeze()]),
        SymbolAsk::ReserveLate(bytes) => {
            let (room, soil) = table.reserve_late(session, bytes)?;
            let reply = match soil {
                Soil::Clean => SymbolReply::Memory,
                soil => SymbolReply::Late { soiled: soil == Soil::Soiled },
            };
            (reply, vec![room.freeze()])
        }
        SymbolAsk::Register(name, registered) => {
            table.register(session, &name, &registered)?;
            alone(SymbolReply::Done)
        }
        SymbolAsk::Unregister(registered) => {
            table.unregister(session, &registered)?;
            alone(SymbolReply::Done)
        }
        SymbolAsk::Take(name) => {
            let (head, parts) = table.take(session, &name)?;
            (SymbolReply::Symbol(head), parts)
        }
        SymbolAsk::Restore(name, registered, head) => {
            table.restore(session, &name, registered.as_deref(), fitting(head, &parts)?, parts)?;
            alone(SymbolReply::Done)
        }
        SymbolAsk::After(name) => alone(SymbolReply::List(table.list_after(session, &name))),
        SymbolAsk::Changes => alone(SymbolReply::Count(table.changes())),
        SymbolAsk::Usage => alone(SymbolReply::Usage(table.usage(session)?)),
        SymbolAsk::Show { .. } => return Err(Fault::new(Code::Internal, "the call itself answers what it shows")),
    })
}

/// A description within its limits, with as many pieces of memory as it speaks of.
fn fitting(head: Head, parts: &[Memory]) -> Result<Head, Fault> {
    let count = match &head {
        Head::Array { .. } => parts.len() == 1,
        Head::Strings => parts.len() == 2,
        Head::Own { .. } => true,
    };
    if count && head.fits() {
        return Ok(head);
    }
    Err(Fault::new(Code::BadArguments, "a symbol's description exceeds its limit, or does not fit its memory"))
}
