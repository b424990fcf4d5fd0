//! Answers: what a command's function may give, and what of it crosses.

use crate::array::{Array, ArrayFacts, Fresh, Item, Scalar, Strings, StringsFacts, SymbolFacts};
use crate::context::Context;
use crate::symbols::{Own, SymbolType};
use crate::{Described, Fault};
use serde::Serialize;

/// What a command's function may give. New symbols are kept under fresh names; their facts cross.
#[diagnostic::on_unimplemented(
    message = "a command cannot answer `{Self}`",
    note = "it answers arrays (`Array`, `Fresh<T>`), `Strings`, `Own<..>`, one value, text, `()`, or a list or tuple of those"
)]
pub trait Answer {
    /// What crosses.
    type Wire: Serialize + Described;
    /// Keeps what is to be kept and says what crosses.
    ///
    /// # Errors
    /// What the table of symbols says.
    fn answer(self, cx: &Context<'_>) -> Result<Self::Wire, Fault>;
}

impl Answer for Array {
    type Wire = ArrayFacts;
    fn answer(self, cx: &Context<'_>) -> Result<ArrayFacts, Fault> {
        let name = cx.symbols().insert(self.clone())?;
        Ok(ArrayFacts::of(name, &self))
    }
}
impl<T: Item> Answer for Fresh<T> {
    type Wire = ArrayFacts;
    fn answer(self, cx: &Context<'_>) -> Result<ArrayFacts, Fault> {
        self.done().answer(cx)
    }
}
impl Answer for Strings {
    type Wire = StringsFacts;
    fn answer(self, cx: &Context<'_>) -> Result<StringsFacts, Fault> {
        let name = cx.symbols().insert(self.clone())?;
        Ok(StringsFacts::of(name, &self))
    }
}
impl<S: SymbolType> Answer for Own<S> {
    type Wire = SymbolFacts;
    fn answer(self, cx: &Context<'_>) -> Result<SymbolFacts, Fault> {
        let packed = self.pack()?;
        let (class, parameters) = (packed.class.clone(), packed.parameters.clone());
        Ok(SymbolFacts { name: cx.symbols().insert(packed)?, class, parameters })
    }
}
impl Answer for () {
    type Wire = ();
    fn answer(self, _: &Context<'_>) -> Result<(), Fault> {
        Ok(())
    }
}
impl Answer for String {
    type Wire = String;
    fn answer(self, _: &Context<'_>) -> Result<String, Fault> {
        Ok(self)
    }
}
impl Answer for Scalar {
    type Wire = Scalar;
    fn answer(self, _: &Context<'_>) -> Result<Scalar, Fault> {
        Ok(self)
    }
}
impl<A: Answer> Answer for Vec<A> {
    type Wire = Vec<A::Wire>;
    fn answer(self, cx: &Context<'_>) -> Result<Self::Wire, Fault> {
        self.into_iter().map(|one| one.answer(cx)).collect()
    }
}

macro_rules! values {
    ($($rust:ty)*) => {
        $(impl Answer for $rust {
            type Wire = Scalar;
            fn answer(self, _: &Context<'_>) -> Result<Scalar, Fault> {
                Ok(self.into())
            }
        })*
    };
}
values! { i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 bool }

macro_rules! tuples {
    ($(($($part:ident),+))*) => {
        $(#[allow(non_snake_case, reason = "one name for a part's type and its value")]
        impl<$($part: Answer),+> Answer for ($($part,)+) {
            type Wire = ($($part::Wire,)+);
            fn answer(self, cx: &Context<'_>) -> Result<Self::Wire, Fault> {
                let ($($part,)+) = self;
                Ok(($($part.answer(cx)?,)+))
            }
        })*
    };
}
tuples! { (A, B) (A, B, C) (A, B, C, D) }
