//! Words: what stands inside an attribute, `name` or `name = expression`, separated by commas.
//!
//! Lives here: `Word`, `of_attribute` and `of_tokens`, and how each kind of value is read.
//! Holds: a name that does not exist, and one that stands twice, is an error at that name which lists what exists.

use crate::names;
use proc_macro2::{Ident, TokenStream};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Attribute, Error, Expr, ExprLit, Lit, LitStr, Meta, Result, Token};

/// One word.
pub struct Word {
    /// Its name.
    pub name: Ident,
    /// What stands behind `=`.
    pub value: Option<Expr>,
}

impl Parse for Word {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let name = input.call(Ident::parse_any)?;
        let value = if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            Some(input.parse()?)
        } else {
            None
        };
        Ok(Self { name, value })
    }
}

/// The words of `attribute`, which is `#[mark]` or `#[mark(..)]`.
pub fn of_attribute(attribute: &Attribute, known: &[&str]) -> Result<Vec<Word>> {
    let mark = attribute.path().get_ident().map(Ident::to_string).unwrap_or_default();
    match &attribute.meta {
        Meta::Path(_) => Ok(Vec::new()),
        Meta::List(list) => of_tokens(list.tokens.clone(), &mark, known),
        Meta::NameValue(pair) => {
            Err(Error::new_spanned(pair, format!("write `#[{mark}]` or `#[{mark}(..)]`, without `=`")))
        }
    }
}

/// The words of the attribute called `mark`.
pub fn of_tokens(tokens: TokenStream, mark: &str, known: &[&str]) -> Result<Vec<Word>> {
    let words = Punctuated::<Word, Token![,]>::parse_terminated.parse2(tokens)?;
    let words: Vec<Word> = words.into_iter().collect();
    for (at, word) in words.iter().enumerate() {
        let name = word.name.to_string();
        if !known.contains(&name.as_str()) {
            let text = format!("`#[{mark}]` has no `{name}`{}", names::instead(&name, known));
            return Err(Error::new(word.name.span(), text));
        }
        if words[..at].iter().any(|other| other.name == word.name) {
            return Err(Error::new(word.name.span(), format!("`{name}` stands twice")));
        }
    }
    Ok(words)
}

impl Word {
    /// For a word that takes no value.
    pub fn flag(&self) -> Result<bool> {
        match &self.value {
            None => Ok(true),
            Some(Expr::Lit(ExprLit { lit: Lit::Bool(value), .. })) => Ok(value.value),
            Some(other) => Err(Error::new_spanned(other, format!("`{}` takes no value", self.name))),
        }
    }

    /// For a word whose value is text.
    pub fn text(&self) -> Result<&LitStr> {
        match &self.value {
            Some(Expr::Lit(ExprLit { lit: Lit::Str(text), .. })) => Ok(text),
            Some(other) => Err(Error::new_spanned(other, format!("`{}` is text: write it in quotes", self.name))),
            None => Err(Error::new(self.name.span(), format!("`{0}` needs a value: `{0} = \"..\"`", self.name))),
        }
    }

    /// For a word whose value is a number.
    pub fn number(&self) -> Result<u32> {
        match &self.value {
            Some(Expr::Lit(ExprLit { lit: Lit::Int(number), .. })) => number.base10_parse(),
            Some(other) => Err(Error::new_spanned(other, format!("`{}` is a number: write it out", self.name))),
            None => Err(Error::new(self.name.span(), format!("`{0}` needs a value: `{0} = 10`", self.name))),
        }
    }

    /// For a word whose value is an expression, in quotes or not.
    pub fn expression(&self) -> Result<Expr> {
        match &self.value {
            Some(Expr::Lit(ExprLit { lit: Lit::Str(text), .. })) => text.parse(),
            Some(other) => Ok(other.clone()),
            None => Err(Error::new(self.name.span(), format!("`{0}` needs a value: `{0} = ..`", self.name))),
        }
    }
}
