//! Lane groups: `lanes(default = 1, data = 32)` of `#[module(..)]`.
//!
//! Lives here: `take_lanes`, which takes them out of the attribute.
//! Holds: a group that stands twice, or has no lanes or too many, is an error at that group.

use crate::model::Group;
use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Error, Ident, LitInt, Meta, Result, Token};

/// `contract::limits::LANE_GROUPS_MAX`.
const GROUPS_MAX: usize = 16;
/// `contract::limits::GROUP_LANES_MAX`.
const LANES_MAX: u32 = 256;
/// The group of methods that name none.
pub const DEFAULT: &str = "default";

struct Said(Group);

impl Parse for Said {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let ident = input.call(Ident::parse_any)?;
        input.parse::<Token![=]>().map_err(|error| {
            Error::new(error.span(), "a lane group is a name and how many lanes it has, like `data = 32`")
        })?;
        let number: LitInt = input.parse()?;
        let lanes = number.base10_parse()?;
        if !(1..=LANES_MAX).contains(&lanes) {
            return Err(Error::new(
                number.span(),
                format!("a group has 1 to {LANES_MAX} lanes in each container"),
            ));
        }
        Ok(Self(Group { ident, lanes }))
    }
}

/// The groups, and the attribute without them.
pub fn take_lanes(attribute: TokenStream) -> Result<(Vec<Group>, TokenStream)> {
    if !attribute.clone().into_iter().any(|token| token.to_string() == "lanes") {
        return Ok((Vec::new(), attribute));
    }
    let parts = Punctuated::<Meta, Token![,]>::parse_terminated.parse2(attribute)?;
    let (mut groups, mut rest): (Vec<Group>, Vec<Meta>) = (Vec::new(), Vec::new());
    for part in parts {
        let list = match part {
            Meta::List(list) if list.path.is_ident("lanes") => list,
            Meta::Path(path) | Meta::NameValue(syn::MetaNameValue { path, .. }) if path.is_ident("lanes") => {
                let text = "lane groups stand in brackets: `lanes(default = 1, data = 32)`";
                return Err(Error::new_spanned(path, text));
            }
            other => {
                rest.push(other);
                continue;
            }
        };
        for Said(group) in list.parse_args_with(Punctuated::<Said, Token![,]>::parse_terminated)? {
            if groups.iter().any(|other| other.ident == group.ident) {
                return Err(Error::new(
                    group.ident.span(),
                    format!("there are two lane groups `{}`", group.ident),
                ));
            }
            groups.push(group);
        }
        if groups.len() > GROUPS_MAX {
            return Err(Error::new_spanned(list.path, format!("a module has {GROUPS_MAX} lane groups at most")));
        }
    }
    Ok((groups, quote!(#(#rest),*)))
}
