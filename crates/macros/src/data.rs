//! `#[data]`: everything a type needs to be an argument or a reply, in one word.

use crate::words;
use proc_macro2::TokenStream;
use quote::quote;
use syn::punctuated::Punctuated;
use syn::{Attribute, Data, DeriveInput, Error, Path, Result, Token, parse_quote};

/// Puts the derives on the type that it does not have yet.
pub fn expand(attribute: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let mut facade: Path = parse_quote!(::windlass);
    for word in words::of_tokens(attribute, "data", &["crate"])? {
        facade = word.text()?.parse_with(Path::parse_mod_style)?;
    }
    let mut item: DeriveInput = syn::parse2(item)?;
    if let Data::Union(data) = &item.data {
        return Err(Error::new_spanned(data.union_token, "a union has no one shape: use an enum"));
    }
    let has = derived(&item.attrs)?;
    let wanted: [(&str, TokenStream); 6] = [
        ("Clone", quote!(::core::clone::Clone)),
        ("Debug", quote!(::core::fmt::Debug)),
        ("PartialEq", quote!(::core::cmp::PartialEq)),
        ("Serialize", quote!(#facade::serde::Serialize)),
        ("Deserialize", quote!(#facade::serde::Deserialize)),
        ("Described", quote!(#facade::Described)),
    ];
    let missing = wanted.iter().filter(|(name, _)| !has.iter().any(|other| other == name)).map(|(_, path)| path);
    let serde = quote!(#facade::serde).to_string().replace(' ', "");
    let described = quote!(#facade).to_string().replace(' ', "");
    item.attrs.insert(0, parse_quote!(#[derive(#(#missing),*)]));
    item.attrs.push(parse_quote!(#[serde(crate = #serde)]));
    item.attrs.push(parse_quote!(#[described(crate = #described)]));
    Ok(quote!(#item))
}

/// The last names of what the type derives already.
fn derived(attributes: &[Attribute]) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for attribute in attributes.iter().filter(|one| one.path().is_ident("derive")) {
        let paths = attribute.parse_args_with(Punctuated::<Path, Token![,]>::parse_terminated)?;
        names.extend(paths.iter().filter_map(|path| Some(path.segments.last()?.ident.to_string())));
    }
    Ok(names)
}
