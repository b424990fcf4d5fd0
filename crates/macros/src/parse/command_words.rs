//! The words of a command: what `#[method(..)]` says beside the words of every method.
//!
//! Lives here: `Words`, and `take_words`, which takes them out of the attribute.
//! Holds: a word that stands twice, or has another value than it takes, is an error at that word.

use crate::classes::RANK_MAX;
use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Attribute, Error, LitInt, LitStr, Meta, Result, Token};

/// What `#[method(..)]` says of a command.
#[derive(Default)]
pub struct Words {
    /// `each(..)`.
    pub each: Option<Vec<Each>>,
    /// `rank = ..`, `rank(..)`.
    pub rank: Option<(u8, u8)>,
    /// `params(..)`.
    pub params: Option<Vec<Ident>>,
    /// `name = ..`, or `name = [.., ..]`: other names of the same command.
    pub names: Vec<LitStr>,
    /// `refusal = ..`.
    pub refusal: Option<LitStr>,
    /// `standard`.
    pub standard: bool,
}

impl Words {
    /// Whether the method is a command.
    pub fn any(&self) -> bool {
        let said = self.each.is_some() || self.rank.is_some() || self.params.is_some();
        said || !self.names.is_empty() || self.refusal.is_some() || self.standard
    }
}

/// `T in Numeric`, `T in MySym.t`.
pub struct Each {
    /// The variable.
    pub name: Ident,
    /// Its class.
    pub class: Ident,
    /// The class's field.
    pub field: Option<Ident>,
}

impl Parse for Each {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let name = input.parse()?;
        input
            .parse::<Token![in]>()
            .map_err(|error| Error::new(error.span(), "write `T in Class`, like `T in Numeric`"))?;
        let class = input.parse()?;
        let field = if input.peek(Token![.]) {
            input.parse::<Token![.]>()?;
            Some(input.parse()?)
        } else {
            None
        };
        Ok(Self { name, class, field })
    }
}

struct Names(Vec<LitStr>);

impl Parse for Names {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let wrong = |error: Error| {
            Error::new(
                error.span(),
                "a command's name is text: `name = \"argsort\"`, or `name = [\"min\", \"least\"]`",
            )
        };
        if !input.peek(syn::token::Bracket) {
            return Ok(Self(vec![input.parse().map_err(wrong)?]));
        }
        let inside;
        syn::bracketed!(inside in input);
        let names = Punctuated::<LitStr, Token![,]>::parse_terminated(&inside).map_err(wrong)?;
        if names.is_empty() {
            return Err(Error::new(inside.span(), "a command has at least one name"));
        }
        Ok(Self(names.into_iter().collect()))
    }
}

struct Ranks(u8, u8);

impl Parse for Ranks {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let least: LitInt = input.parse()?;
        input.parse::<Token![..=]>()?;
        let most: LitInt = input.parse()?;
        let ranks = Self(least.base10_parse()?, most.base10_parse()?);
        if ranks.0 == 0 || ranks.0 > ranks.1 || ranks.1 > RANK_MAX {
            return Err(Error::new(least.span(), format!("ranks are from 1 to {RANK_MAX}, the lower one first")));
        }
        Ok(ranks)
    }
}

/// Takes the words of a command out of `#[method(..)]`; the attribute keeps the others.
pub fn take_words(attribute: &Attribute) -> Result<(Words, Attribute)> {
    let mut taken = Words::default();
    let Meta::List(list) = &attribute.meta else { return Ok((taken, attribute.clone())) };
    let mut kept = Vec::new();
    for word in split(list.tokens.clone()) {
        if !take_word(&mut taken, &word)? {
            kept.push(word.into_iter().collect::<TokenStream>());
        }
    }
    let mut attribute = attribute.clone();
    let mut list = list.clone();
    list.tokens = quote!(#(#kept),*);
    attribute.meta = Meta::List(list);
    Ok((taken, attribute))
}

/// Tokens between commas.
fn split(tokens: TokenStream) -> Vec<Vec<TokenTree>> {
    let mut parts = vec![Vec::new()];
    for token in tokens {
        match &token {
            TokenTree::Punct(comma) if comma.as_char() == ',' => parts.push(Vec::new()),
            _ => parts.last_mut().into_iter().for_each(|part| part.push(token.clone())),
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// Whether it was one of a command's.
fn take_word(taken: &mut Words, word: &[TokenTree]) -> Result<bool> {
    let Some(TokenTree::Ident(name)) = word.first() else { return Ok(false) };
    let twice = |there: bool| {
        if there { Err(Error::new(name.span(), format!("`{name}` stands twice"))) } else { Ok(()) }
    };
    let group = match word.get(1) {
        Some(TokenTree::Group(group)) if word.len() == 2 => Some(group.stream()),
        _ => None,
    };
    let value: TokenStream = word.iter().skip(2).cloned().collect();
    match (name.to_string().as_str(), group) {
        ("each", Some(tokens)) => {
            twice(taken.each.is_some())?;
            let each = Punctuated::<Each, Token![,]>::parse_terminated;
            taken.each = Some(syn::parse::Parser::parse2(each, tokens)?.into_iter().collect());
        }
        ("each", None) => return Err(Error::new(name.span(), "write `each(T in Numeric)`")),
        ("params", Some(tokens)) => {
            twice(taken.params.is_some())?;
            let params = Punctuated::<Ident, Token![,]>::parse_terminated;
            taken.params = Some(syn::parse::Parser::parse2(params, tokens)?.into_iter().collect());
        }
        ("rank", Some(tokens)) => {
            twice(taken.rank.is_some())?;
            let Ranks(least, most) = syn::parse2(tokens)?;
            taken.rank = Some((least, most));
        }
        ("rank", None) => {
            twice(taken.rank.is_some())?;
            let rank: LitInt =
                syn::parse2(value).map_err(|_| Error::new(name.span(), "write `rank = 1` or `rank(1..=2)`"))?;
            let Ranks(least, most) = syn::parse2(quote!(#rank..=#rank))?;
            taken.rank = Some((least, most));
        }
        ("name", None) => {
            twice(!taken.names.is_empty())?;
            let Names(names) = syn::parse2(value)?;
            for (at, text) in names.iter().enumerate() {
                let fits = !text.value().is_empty()
                    && text.value().len() <= 128
                    && !text.value().contains(['<', '>', ',', ' ']);
                if !fits {
                    let text_error = "a command's name is 1 to 128 bytes without `<`, `>`, commas and blanks";
                    return Err(Error::new(text.span(), text_error));
                }
                if names[..at].iter().any(|before| before.value() == text.value()) {
                    return Err(Error::new(text.span(), "this name stands twice"));
                }
            }
            taken.names = names;
        }
        ("refusal", None) => {
            twice(taken.refusal.is_some())?;
            taken.refusal = Some(syn::parse2(value).map_err(|_| {
                Error::new(name.span(), "a refusal is a sentence: `refusal = \"bar does not support {}\"`")
            })?);
        }
        ("standard", None) if word.len() == 1 => taken.standard = true,
        _ => return Ok(false),
    }
    Ok(true)
}
