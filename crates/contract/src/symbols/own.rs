//! Own symbols: values of a module's own type in the table. Their state is described; their bulk is shared memory.

use super::Symbol;
use crate::array::Memory;
use crate::{Code, Fault};
use serde::{Serialize, de::DeserializeOwned};
use std::ops::{Deref, DerefMut};

/// A value of a module's own type, as the table keeps it.
#[derive(Clone, Debug)]
pub struct OwnSymbol {
    /// Its class: the type's name, which parameter classes are called by.
    pub class: String,
    /// The class's parameters, in the order of its fields in `windlass.toml`, as they stand in a command's name.
    pub parameters: Vec<String>,
    /// Its state in postcard.
    pub state: Vec<u8>,
    /// Its bulk memory.
    pub parts: Vec<Memory>,
}

/// A type whose values can be symbols: small state that serde writes, and bulk memory beside it.
///
/// # Example
/// ```
/// use serde::{Deserialize, Serialize};
/// use windlass_contract::symbols::{Own, SymbolType};
///
/// #[derive(Serialize, Deserialize)]
/// struct Span<T> { low: T, high: T }
///
/// impl<T: windlass_contract::array::Item + Serialize + serde::de::DeserializeOwned> SymbolType for Span<T> {
///     const CLASS: &'static str = "Span";
///     fn parameters(&self) -> Vec<String> {
///         vec![T::DTYPE.name().into()]
///     }
/// }
///
/// let symbol = Own(Span { low: 1i64, high: 5 }).pack()?;
/// assert_eq!((symbol.class.as_str(), &symbol.parameters[..]), ("Span", &["int64".to_owned()][..]));
/// assert_eq!(Own::<Span<i64>>::of(&symbol)?.high, 5);
/// assert!(Own::<Span<f64>>::of(&symbol).is_err());
/// # Ok::<(), windlass_contract::Fault>(())
/// ```
pub trait SymbolType: Serialize + DeserializeOwned {
    /// The class's name.
    const CLASS: &'static str;
    /// The value's parameters, in the order of the class's fields.
    fn parameters(&self) -> Vec<String>;
    /// Its bulk memory; at most `limits::SYMBOL_PARTS_MAX` pieces.
    fn parts(&self) -> Vec<Memory> {
        Vec::new()
    }
    /// Takes the bulk memory back, after the state was read.
    fn set_parts(&mut self, _parts: Vec<Memory>) {}
}

/// An argument or a result of a type that is a symbol.
#[derive(Clone, Debug, PartialEq)]
pub struct Own<S>(pub S);

impl<S: SymbolType> Own<S> {
    /// The value as the table keeps it.
    ///
    /// # Errors
    /// `Internal` when its state does not encode.
    pub fn pack(&self) -> Result<OwnSymbol, Fault> {
        let state = postcard::to_allocvec(&self.0)
            .map_err(|error| Fault::new(Code::Internal, format!("a {} does not encode: {error}", S::CLASS)))?;
        Ok(OwnSymbol { class: S::CLASS.into(), parameters: self.0.parameters(), state, parts: self.0.parts() })
    }

    /// The value of a symbol.
    ///
    /// # Errors
    /// `BadArguments` when the symbol is of another class or has other parameters.
    pub fn of(symbol: &OwnSymbol) -> Result<Self, Fault> {
        let other = || {
            let text = format!("a {}<{}> is no such {}", symbol.class, symbol.parameters.join(","), S::CLASS);
            Fault::new(Code::BadArguments, text)
        };
        if symbol.class != S::CLASS {
            return Err(other());
        }
        let mut value: S = postcard::from_bytes(&symbol.state).map_err(|_| other())?;
        // State of other parameters may decode by chance; the value then says other parameters.
        value.set_parts(symbol.parts.clone());
        if value.parameters() != symbol.parameters {
            return Err(other());
        }
        Ok(Self(value))
    }
}

impl<S> Deref for Own<S> {
    type Target = S;
    fn deref(&self) -> &S {
        &self.0
    }
}
impl<S> DerefMut for Own<S> {
    fn deref_mut(&mut self) -> &mut S {
        &mut self.0
    }
}

impl<S: SymbolType> TryFrom<Own<S>> for Symbol {
    type Error = Fault;
    fn try_from(own: Own<S>) -> Result<Self, Fault> {
        own.pack().map(Symbol::Own)
    }
}
