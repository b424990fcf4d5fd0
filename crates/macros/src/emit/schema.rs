//! The descriptor: what a module says about itself, as code that builds it from types.

use crate::model::{Group, Kind, Method, Module, Parameter};
use crate::names;
use crate::parse::DEFAULT_GROUP;
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Expr, ExprLit, Lit, Type};

/// `fn descriptor` of the trait `Module`.
pub fn descriptor(model: &Module) -> TokenStream {
    let (name, docs) = (&model.name, &model.docs);
    let all_sync = model.all_sync();
    let version = match &model.version {
        Some(version) => quote!(#version),
        None => quote!(::core::env!("CARGO_PKG_VERSION")),
    };
    let methods = model.creates.iter().chain(&model.methods).map(|one| method(model, one));
    let commands: Vec<_> =
        model.methods.iter().filter(|one| one.command.is_some()).map(super::command::described_by).collect();
    // A module without commands may be made with a face that has none.
    let commands = if commands.is_empty() {
        quote!(::std::vec::Vec::new())
    } else {
        quote!(__windlass::commands::by_name(&[#(#commands()),*]))
    };
    let lanes = model.groups.iter().map(|group| lanes(model, group));
    quote! {
        fn descriptor() -> __windlass::schema::ModuleDescriptor {
            __windlass::schema::ModuleDescriptor {
                name: #name.into(),
                version: #version.into(),
                docs: #docs.into(),
                all_sync: #all_sync,
                methods: ::std::vec::Vec::from([#(#methods),*]),
                commands: #commands,
                lanes: ::std::vec::Vec::from([#(#lanes),*]),
            }
        }
    }
}

/// A lane group with its methods; those that run on lanes and name no group are in `default`, if there is one.
fn lanes(model: &Module, group: &Group) -> TokenStream {
    let (name, lanes) = (group.ident.to_string(), group.lanes);
    let is_in = |method: &&Method| match &method.flags.group {
        Some(named) => *named == group.ident,
        None => group.ident == DEFAULT_GROUP && !method.flags.blocking,
    };
    let ids = model.methods.iter().filter(is_in).map(|method| method.id);
    quote! {
        __windlass::describe::lane_group(#name, #lanes, &[#(#ids),*])
    }
}

fn method(model: &Module, method: &Method) -> TokenStream {
    let (module, id, name, docs, reply) = (&model.name, method.id, &method.name, &method.docs, &method.reply.ty);
    let flags = flags(method);
    if method.command.is_some() {
        let command = super::command::described_by(method);
        return quote! {
            __windlass::describe::method::<#reply>(#module, #id, #name, #docs, #flags, #command().parameters())
        };
    }
    let parameters = method.parameters.iter().filter_map(parameter);
    quote! {
        __windlass::describe::method::<#reply>(#module, #id, #name, #docs, #flags, ::std::vec::Vec::from([#(#parameters),*]))
    }
}

fn parameter(parameter: &Parameter) -> Option<TokenStream> {
    let ty = &parameter.ty;
    let name = names::wire(&parameter.ident.to_string());
    Some(match &parameter.kind {
        Kind::Context => return None,
        Kind::Buffer(_) => quote!(__windlass::describe::buffer::<#ty>(#name)),
        Kind::Stream(_) => quote!(__windlass::streams::described::<#ty>(#name)),
        Kind::Value { default: None, .. } => quote!(__windlass::describe::value::<#ty>(#name)),
        Kind::Value { default: Some(default), since } => {
            let default = default_of(default, ty);
            quote!(__windlass::describe::value_or::<#ty>(#name, &#default, #since))
        }
    })
}

fn flags(method: &Method) -> TokenStream {
    let flags = &method.flags;
    let mut said = Vec::new();
    if let Some(key) = &flags.key {
        let text = source(key);
        said.push(quote!(key: ::core::option::Option::Some(#text.into())));
    }
    if let Some(period) = &flags.period {
        let ns = period.ns;
        said.push(quote!(period_ns: #ns));
    }
    for (set, field) in [
        (flags.local, quote!(local)),
        (flags.background, quote!(background)),
        (flags.detached, quote!(detached)),
        (flags.blocking, quote!(blocking)),
        (flags.idempotent, quote!(idempotent)),
        (flags.reentrant, quote!(reentrant)),
        (method.is_async, quote!(is_async)),
        (flags.aggregate.is_some(), quote!(aggregate)),
    ] {
        if set {
            said.push(quote!(#field: true));
        }
    }
    if said.is_empty() {
        return quote!(::core::default::Default::default());
    }
    quote!(__windlass::schema::MethodFlags { #(#said,)* ..::core::default::Default::default() })
}

/// The source text of an expression, spaced as one reads it.
fn source(expression: &Expr) -> String {
    let text = quote!(#expression).to_string();
    text.replace(" , ", ", ").replace("( ", "(").replace(" )", ")").replace(" . ", ".").replace("& ", "&")
}

/// A default as a value of its parameter's type: text stands for `String` as well.
pub fn default_of(default: &Expr, ty: &Type) -> TokenStream {
    let text = matches!(default, Expr::Lit(ExprLit { lit: Lit::Str(_), .. }));
    if text && crate::parse::last_name(ty).as_deref() == Some("String") {
        return quote!(::std::string::String::from(#default));
    }
    quote!((#default))
}
