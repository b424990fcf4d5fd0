//! Transfer: symbols in and out, as bytes and as lists of facts.
//!
//! Lives here: the module's methods; `bytes` (layouts of arrays and strings), `list` (facts of symbols).
//! From: edges and the command line. To: the node's table of symbols.
//! Holds: bytes that come are copied once and are what their shape and dtype need, or nothing is made; bytes of `bool` are 0 or 1
//!   and text is UTF-8.
//! Not here: anything that computes, arrays as text, and names of symbols (`modules/array`).

mod bytes;
mod list;

use windlass::array::{ArrayFacts, StringsFacts, ViewFacts};
use windlass::prelude::*;

/// Carries arrays and strings as bytes, and tells of symbols.
pub struct Transfer;

/// Symbols in and out: as bytes and as lists of facts.
#[module(stateless)]
impl Transfer {
    /// Nothing to keep: symbols are the node's.
    #[create]
    fn create() -> Self {
        Self
    }

    /// Makes an array of `data`: elements of `dtype`, row-major, as this machine stores them. Errors: fault 1001 when the bytes are
    /// not as many as `shape` needs or not of the dtype; `NoMemory`.
    #[method(id = 10)]
    fn array_from_bytes(
        &self,
        cx: &Context<'_>,
        dtype: &str,
        shape: Vec<u64>,
        data: In<Bytes>,
    ) -> Result<ArrayFacts, Fault> {
        bytes::array(cx, dtype, &shape, &data)
    }

    /// Makes strings of `data`: UTF-8, each ended by a zero byte. Errors: fault 1001 when it is not that.
    #[method(id = 11)]
    fn strings_from_bytes(&self, cx: &Context<'_>, data: In<Bytes>) -> Result<StringsFacts, Fault> {
        bytes::strings(cx, &data)
    }

    /// Bytes that `to_bytes` gives for a symbol. `part` of strings: `offsets` or `values`; of an array: nothing.
    #[method(id = 12, idempotent)]
    fn bytes_of(&self, cx: &Context<'_>, name: &str, #[arg(default = "")] part: &str) -> Result<u64, Fault> {
        bytes::Part::of(cx, name, part).map(|part| part.len() as u64)
    }

    /// Gives the bytes of an array, row-major, or of a part of strings: offsets (int64, where each begins) or values (each string
    /// and a zero byte). Errors: fault 1001 when `out` has too little room.
    #[method(id = 13, idempotent)]
    fn to_bytes(
        &self,
        cx: &Context<'_>,
        name: &str,
        #[arg(default = "")] part: &str,
        mut out: Out<Bytes>,
    ) -> Result<(), Fault> {
        let part = bytes::Part::of(cx, name, part)?;
        let len = part.len();
        let room = out.len();
        let to = out.get_mut(..len).ok_or_else(|| bytes::bad(format!("{len} bytes do not fit into {room}")))?;
        part.write(to);
        out.set_len(len);
        Ok(())
    }

    /// Gives an array's memory to be read in place, with how it lies there; nobody writes it while the result is held. An array that
    /// cannot be given so, and fits into `out`, is copied there; for another one the answer says how many bytes `to_bytes` needs.
    #[method(id = 16, idempotent)]
    fn view(&self, cx: &Context<'_>, name: &str, mut out: Out<Bytes>) -> Result<ViewFacts, Fault> {
        let array = cx.symbols().array(name)?;
        let alone = ViewFacts::alone(&array);
        let room = usize::try_from(alone.bytes).ok().and_then(|len| out.get_mut(..len));
        let copied = room.map(|room| array.write_to(room)).is_some();
        if copied {
            out.set_len(alone.bytes as usize);
            return Ok(alone);
        }
        if cx.symbols().show(&out, &array)? {
            return Ok(ViewFacts::of(&array));
        }
        Ok(ViewFacts { here: false, ..alone })
    }

    /// Ends all symbols of the session that are not registered.
    #[method(standard)]
    fn clear(cx: &Context<'_>, _command: &Called, _given: &Given) -> Result<String, Fault> {
        for line in cx.symbols().list()? {
            if line.own && line.registered.is_none() {
                cx.symbols().delete(&line.name)?;
            }
        }
        Ok("success".into())
    }

    /// Facts of symbols as a JSON list: of those named (a JSON list), of all (`__AllSymbols__`) or of the registered ones. As bytes,
    /// for there may be many. Errors: fault 1001 when `out` has too little room.
    #[method(idempotent)]
    fn info(&self, cx: &Context<'_>, names: &str, mut out: Out<Bytes>) -> Result<(), Fault> {
        let text = list::info(cx, names)?;
        let room = out.len();
        let to = out.get_mut(..text.len());
        let to = to.ok_or_else(|| bytes::bad(format!("{} bytes do not fit into {room}", text.len())))?;
        to.copy_from_slice(text.as_bytes());
        out.set_len(text.len());
        Ok(())
    }

    /// Bytes that symbols have, all of the node's.
    #[method(standard, name = "symbolBytes")]
    fn symbol_bytes(cx: &Context<'_>, _command: &Called, _given: &Given) -> Result<u64, Fault> {
        Ok(cx.symbols().usage()?.used)
    }
}
