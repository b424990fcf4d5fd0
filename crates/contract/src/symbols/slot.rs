//! Slots: arrays that a command changes under their own names.
//!
//! Holds: an array is changed in place only while nobody else holds its memory, and then nobody can read it by name; whatever
//! happens, a value stands under the name again.

use super::Symbols;
use crate::array::{Array, Fresh, Item};
use crate::context::Context;
use crate::{Code, Fault};
use std::ops::{Deref, DerefMut};

/// An array argument with its name, for commands that change it: what is put there is its next version.
#[derive(Clone, Debug)]
pub struct Slot {
    /// The symbol's name.
    pub name: String,
    /// The array as it is.
    pub array: Array,
}

impl Slot {
    /// Puts the next version.
    ///
    /// # Errors
    /// As `Symbols::put`.
    pub fn replace(self, cx: &Context<'_>, array: Array) -> Result<(), Fault> {
        let Self { name, array: before } = self;
        drop(before);
        cx.symbols().put(&name, array)
    }

    /// Its elements, row-major, to be changed in place; `Ok(Err(self))` where somebody else holds them, or the array is a part of its
    /// memory, so that they would have to be copied: nothing has happened then. As for `change`, do not wait meanwhile.
    ///
    /// Cost: no pass over the array.
    ///
    /// # Errors
    /// `BadArguments` when it is no array of `T` or has changed meanwhile; as `Symbols::put`.
    pub fn in_place<'a, T: Item>(self, cx: &Context<'a>) -> Result<Result<Changing<'a, T>, Self>, Fault> {
        let Self { name, array } = self;
        if array.dtype() != T::DTYPE {
            return Err(Fault::new(Code::BadArguments, format!("{name} is no array of {}", T::DTYPE)));
        }
        if !array.is_whole() {
            return Ok(Err(Self { name, array }));
        }
        let symbols = cx.symbols();
        let shape = array.shape().to_vec();
        drop(array);
        let taken = symbols.take(&name)?;
        if taken.dtype() != T::DTYPE || taken.shape() != shape {
            let fault = Fault::new(Code::BadArguments, format!("{name} was replaced while the command ran"));
            return symbols.put(&name, taken).and(Err(fault));
        }
        match taken.into_fresh::<T>() {
            Ok(fresh) => Ok(Ok(Changing { symbols, name, fresh: Some(fresh) })),
            Err(shared) => {
                symbols.put(&name, shared.clone())?;
                Ok(Err(Self { name, array: shared }))
            }
        }
    }

    /// Its elements, row-major, to be changed: in place when nobody else holds them, else in a copy. Until the value that this
    /// gives is done or dropped, the name answers `Busy`; do not wait meanwhile.
    ///
    /// Cost: a pass over the array where it has to be copied.
    ///
    /// # Errors
    /// `BadArguments` when it is no array of `T` or has changed meanwhile; `NoMemory` for a copy; as `Symbols::put`.
    pub fn change<'a, T: Item>(self, cx: &Context<'a>) -> Result<Changing<'a, T>, Fault> {
        let Self { name, array } = self;
        let symbols = cx.symbols();
        let shape = array.shape().to_vec();
        let view = array.view::<T>();
        let view =
            view.ok_or_else(|| Fault::new(Code::BadArguments, format!("{name} is no array of {}", T::DTYPE)))?;
        if !array.is_whole() {
            let mut fresh = symbols.fresh::<T>(&shape)?;
            fresh.iter_mut().zip(view.iter()).for_each(|(to, from)| *to = from);
            return Ok(Changing { symbols, name, fresh: Some(fresh) });
        }
        drop(array);
        let taken = symbols.take(&name)?;
        if taken.dtype() != T::DTYPE || taken.shape() != shape {
            let fault = Fault::new(Code::BadArguments, format!("{name} was replaced while the command ran"));
            return symbols.put(&name, taken).and(Err(fault));
        }
        let fresh = match taken.into_fresh::<T>() {
            Ok(fresh) => fresh,
            Err(shared) => match copy(&symbols, &shared) {
                Ok(fresh) => fresh,
                Err(fault) => return symbols.put(&name, shared).and(Err(fault)),
            },
        };
        Ok(Changing { symbols, name, fresh: Some(fresh) })
    }
}

fn copy<T: Item>(symbols: &Symbols<'_>, array: &Array) -> Result<Fresh<T>, Fault> {
    let mut fresh = symbols.fresh::<T>(array.shape())?;
    if let Some(view) = array.view::<T>().filter(|_| array.is_whole()) {
        fresh.copy_from_slice(view.memory());
    } else if let Some(view) = array.view::<T>() {
        fresh.iter_mut().zip(view.iter()).for_each(|(to, from)| *to = from);
    }
    Ok(fresh)
}

/// An array that is being changed; a slice of its elements.
#[derive(Debug)]
pub struct Changing<'a, T: Item> {
    symbols: Symbols<'a>,
    name: String,
    fresh: Option<Fresh<T>>,
}

impl<T: Item> Changing<'_, T> {
    /// The change is done: the array stands under its name again.
    ///
    /// # Errors
    /// As `Symbols::put`.
    pub fn done(mut self) -> Result<(), Fault> {
        match self.fresh.take() {
            Some(fresh) => self.symbols.put(&self.name, fresh.done()),
            None => Ok(()),
        }
    }
}

impl<T: Item> Deref for Changing<'_, T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        self.fresh.as_deref().unwrap_or_default()
    }
}
impl<T: Item> DerefMut for Changing<'_, T> {
    fn deref_mut(&mut self) -> &mut [T] {
        self.fresh.as_deref_mut().unwrap_or_default()
    }
}

impl<T: Item> Drop for Changing<'_, T> {
    fn drop(&mut self) {
        if let Some(fresh) = self.fresh.take() {
            // Its session may have ended meanwhile; then there is nothing to put it under.
            let _may_be_gone = self.symbols.put(&self.name, fresh.done());
        }
    }
}
