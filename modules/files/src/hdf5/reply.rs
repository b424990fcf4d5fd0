//! Reply: objects as symbols, and what is said of them.
//!
//! Holds: no symbol is left of a read that fails.

use super::build::Object;
use super::layout::Sort;
use crate::columns::Kept;
use serde_json::{Map, Value, json};
use windlass::Answered;
use windlass::array::{ArrayFacts, StringsFacts};
use windlass::prelude::*;
use windlass::symbols::Symbol;

/// Makes the symbols of all objects, and says what they are.
///
/// # Errors
/// The table's; nothing is left then.
pub(super) fn reply(cx: &Context<'_>, kept: &Kept, objects: Vec<(String, Object)>) -> Result<String, Fault> {
    let mut making = Making { cx, made: Vec::new() };
    let mut items = Vec::with_capacity(objects.len());
    for (name, object) in objects {
        match making.told(object) {
            Ok((sort, created)) => {
                items.push(json!({ "dataset_name": name, "arkouda_type": sort.word(), "created": created }));
            }
            Err(fault) => {
                for name in making.made {
                    cx.symbols().delete(&name)?;
                }
                return Err(fault);
            }
        }
    }
    Ok(kept.wrapped(items))
}

struct Making<'a, 'b> {
    cx: &'a Context<'b>,
    made: Vec<String>,
}

impl Making<'_, '_> {
    fn keep(&mut self, symbol: Symbol) -> Result<String, Fault> {
        let name = self.cx.symbols().insert(symbol)?;
        self.made.push(name.clone());
        Ok(name)
    }

    fn told(&mut self, object: Object) -> Result<(Sort, String), Fault> {
        Ok(match object {
            Object::Array(sort, array) => {
                let name = self.keep(Symbol::Array(array.clone()))?;
                (sort, Answered::Array(ArrayFacts::of(name, &array)).to_string())
            }
            Object::Big(sort, big) => {
                let name = self.keep(Symbol::try_from(Own(big.clone()))?)?;
                (sort, big.told(&name))
            }
            Object::Text(strings) => {
                let name = self.keep(Symbol::Strings(strings.clone()))?;
                (Sort::Strings, Answered::Strings(StringsFacts::of(name, &strings)).to_string())
            }
            Object::Lists(segments, values) => {
                let (_, values) = self.told(*values)?;
                let (_, segments) = self.told(Object::Array(Sort::Array, segments))?;
                (Sort::Lists, json!({ "segments": segments, "values": values }).to_string())
            }
            Object::Parts(sort @ (Sort::Index | Sort::MultiIndex), parts) => {
                let mut all = Vec::with_capacity(parts.len());
                for (_, part) in parts {
                    all.push(self.told_with_sort(part)?);
                }
                (sort, Value::from(all).to_string())
            }
            Object::Parts(sort, parts) => {
                let mut all = Map::new();
                for (name, part) in parts {
                    // What a part is stands in front of it where that may differ.
                    let free = sort == Sort::Frame || name.starts_with(super::layout::KEY);
                    let said = if free { self.told_with_sort(part)? } else { self.told(part)?.1 };
                    all.insert(name, said.into());
                }
                (sort, Value::Object(all).to_string())
            }
        })
    }

    fn told_with_sort(&mut self, part: Object) -> Result<String, Fault> {
        let (sort, said) = self.told(part)?;
        Ok(format!("{}+|+{said}", sort.word()))
    }
}
