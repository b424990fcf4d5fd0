//! `#[derive(Described)]`: the schema of a struct or enum, exactly as serde's derive writes the type.
//!
//! Holds: whatever would make serde write another shape is refused here; a type that contains itself is refused, for its
//! schema has no end.

use crate::parse::Errors;
use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::visit::{self, Visit};
use syn::{
    Attribute, Data, DeriveInput, Error, Field, Fields, GenericParam, Path, Result, Token, Type, parse_quote,
};

/// Attributes of serde that change no shape.
const HARMLESS: &[&str] = &["crate", "bound"];

/// Expands the derive.
pub fn expand(item: TokenStream) -> Result<TokenStream> {
    let mut input: DeriveInput = syn::parse2(item)?;
    let mut errors = Errors::default();
    refuse_serde(&input.attrs, &mut errors);
    let facade = facade(&input.attrs)?;
    let name = plain(&input.ident);
    let shape = match &input.data {
        Data::Struct(data) => fields(&data.fields, &name, &input.ident, &mut errors),
        Data::Enum(data) => {
            if data.variants.is_empty() {
                errors.add(Error::new_spanned(&input.ident, "an enum without variants has no value to send"));
            }
            let variants = data.variants.iter().map(|variant| {
                refuse_serde(&variant.attrs, &mut errors);
                let name = plain(&variant.ident);
                let shape = fields(&variant.fields, &name, &input.ident, &mut errors);
                quote!(__windlass::schema::Variant { name: #name.into(), schema: #shape })
            });
            let variants: Vec<TokenStream> = variants.collect();
            quote!(__windlass::schema::Schema::Enum { name: #name.into(), variants: ::std::vec::Vec::from([#(#variants),*]) })
        }
        Data::Union(data) => {
            return Err(Error::new_spanned(data.union_token, "a union has no one shape: use an enum"));
        }
    };
    errors.end()?;
    for parameter in &mut input.generics.params {
        if let GenericParam::Type(parameter) = parameter {
            parameter.bounds.push(parse_quote!(#facade::__private::Described));
        }
    }
    let ident = &input.ident;
    let (parameters, arguments, bounds) = input.generics.split_for_impl();
    Ok(quote! {
        #[allow(clippy::all, unused_variables, reason = "made by #[derive(Described)]")]
        const _: () = {
            use #facade::__private as __windlass;
            impl #parameters __windlass::Described for #ident #arguments #bounds {
                fn schema_at(__depth: usize) -> __windlass::schema::Schema {
                    #shape
                }
            }
        };
    })
}

/// The shape of fields: of a struct, or of a variant.
fn fields(fields: &Fields, name: &str, of: &Ident, errors: &mut Errors) -> TokenStream {
    for field in fields {
        refuse_serde(&field.attrs, errors);
        refuse_recursion(field, of, errors);
    }
    let shape_of = |ty: &Type| quote!(__windlass::schema::nested::<#ty>(__depth));
    match fields {
        Fields::Unit => quote!(__windlass::schema::Schema::Unit),
        Fields::Unnamed(list) if list.unnamed.len() == 1 => shape_of(&list.unnamed[0].ty),
        Fields::Unnamed(list) => {
            let parts = list.unnamed.iter().map(|field| shape_of(&field.ty));
            quote!(__windlass::schema::Schema::Tuple(::std::vec::Vec::from([#(#parts),*])))
        }
        Fields::Named(list) => {
            let parts = list.named.iter().map(|field| {
                let (name, shape) = (field.ident.as_ref().map(plain).unwrap_or_default(), shape_of(&field.ty));
                quote!(__windlass::schema::Field { name: #name.into(), schema: #shape })
            });
            quote!(__windlass::schema::Schema::Struct { name: #name.into(), fields: ::std::vec::Vec::from([#(#parts),*]) })
        }
    }
}

fn refuse_serde(attributes: &[Attribute], errors: &mut Errors) {
    for attribute in attributes.iter().filter(|one| one.path().is_ident("serde")) {
        let read = attribute.parse_nested_meta(|meta| {
            let name = meta.path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default();
            if !HARMLESS.contains(&name.as_str()) {
                let text = format!(
                    "`serde({name})` would write another shape than the schema says; give the type the shape it is to have"
                );
                return Err(meta.error(text));
            }
            meta.value()?.parse::<syn::Expr>().map(|_| ())
        });
        errors.extend(read);
    }
}

fn refuse_recursion(field: &Field, of: &Ident, errors: &mut Errors) {
    struct Find<'a>(&'a Ident, bool);
    impl<'a> Visit<'a> for Find<'_> {
        fn visit_path(&mut self, path: &'a Path) {
            self.1 |= path.get_ident() == Some(self.0) || path.get_ident().is_some_and(|name| name == "Self");
            self.1 |= path.segments.len() == 1 && path.segments[0].ident == *self.0;
            visit::visit_path(self, path);
        }
    }
    let mut find = Find(of, false);
    find.visit_type(&field.ty);
    if find.1 {
        let text =
            "a type that contains itself has no bounded schema: flatten it, for example into a list with indices";
        errors.add(Error::new_spanned(&field.ty, text));
    }
}

fn facade(attributes: &[Attribute]) -> Result<Path> {
    let mut facade: Path = parse_quote!(::windlass);
    for attribute in attributes.iter().filter(|one| one.path().is_ident("described")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("crate") {
                return Err(meta.error("`#[described]` has `crate = \"path\"` only"));
            }
            meta.input.parse::<Token![=]>()?;
            facade = meta.input.parse::<syn::LitStr>()?.parse_with(Path::parse_mod_style)?;
            Ok(())
        })?;
    }
    Ok(facade)
}

fn plain(ident: &Ident) -> String {
    let name = ident.to_string();
    name.strip_prefix("r#").unwrap_or(&name).to_owned()
}
