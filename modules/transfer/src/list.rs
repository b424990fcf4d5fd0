//! List: facts of symbols, as clients of the ancestor read them.

use serde_json::{Value, json};
use windlass::prelude::*;
use windlass::symbols::{Head, SymbolLine};

/// Names that mean many symbols.
const ALL: &str = "__AllSymbols__";
const REGISTERED: &str = "__RegisteredSymbols__";
/// The class of symbols that only say what other symbols are registered together; they are nobody's data.
const REGISTRATION: &str = "registration";

/// A JSON list of facts.
pub(crate) fn info(cx: &Context<'_>, names: &str) -> Result<String, Fault> {
    let mut all = cx.symbols().list()?;
    all.retain(|line| !matches!(&line.head, Head::Own { class, .. } if class == REGISTRATION));
    let chosen: Vec<Value> = match names {
        ALL => all.iter().map(facts).collect(),
        REGISTERED => all.iter().filter(|line| line.registered.is_some()).map(facts).collect(),
        names => {
            let names: Vec<String> = serde_json::from_str(names).map_err(|_| {
                Fault::new(Code::BadArguments, "Json Argument 'names' cannot be cast as a list of names")
            })?;
            let one = |name: &String| {
                let line = all.iter().find(|line| line.name == *name || line.registered.as_ref() == Some(name));
                let absent = || Fault::new(Code::UnknownSymbol, format!("undefined symbol: {name}"));
                line.map(facts).ok_or_else(absent)
            };
            names.iter().map(one).collect::<Result<_, _>>()?
        }
    };
    Ok(Value::from(chosen).to_string())
}

fn facts(line: &SymbolLine) -> Value {
    let (dtype, size, shape, itemsize) = match &line.head {
        Head::Array { dtype, shape, .. } => {
            let size = shape.iter().product::<u64>();
            (dtype.name().to_owned(), size, shape.clone(), dtype.itemsize().unwrap_or(0))
        }
        Head::Strings => {
            // The memory is the offsets, 8 bytes each and one more than strings, and the text.
            ("str".to_owned(), 0, vec![0], 1)
        }
        Head::Own { class, .. } => (class.clone(), 0, vec![0], 0),
    };
    json!({
        "name": line.registered.as_ref().unwrap_or(&line.name),
        "dtype": dtype,
        "size": size,
        "ndim": shape.len(),
        "shape": shape,
        "itemsize": itemsize,
        "registered": line.registered.is_some(),
    })
}
