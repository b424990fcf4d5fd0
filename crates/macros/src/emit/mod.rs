//! Emit: from the model to code.
//!
//! Lives here: `module` (the whole expansion); `schema` (the descriptor), `table` (dispatch, hooks, entry symbol),
//! `client` (`Client`, `Blocking`, `create`), `nested` (`Nested`), `inward` (types inside the clients' module).
//! Holds: every path leaves from the facade, every name of ours that meets the author's begins with `__`, and every
//! public item is documented, so that the author's lints stay silent.

mod client;
mod command;
mod inward;
mod nested;
mod schema;
mod table;

use crate::model::{Method, Module};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};
use syn::{Attribute, ItemImpl, parse_quote};

/// The whole expansion: the author's impl, the table, and the module with the clients.
pub fn module(kept: &ItemImpl, model: &Module) -> TokenStream {
    let (facade, state) = (&model.facade, &model.state);
    let table = table::module(model);
    let hooks = table::hooks(model);
    let entry = table::entry(model);
    let clients = clients(model);
    quote! {
        #kept

        impl #state {
            /// What a node links this module in by.
            pub const TABLE: &'static #facade::__private::abi::ModuleTable =
                &#facade::__private::abi::table::<Self>();
        }

        #[allow(clippy::all, reason = "made by #[module]")]
        const _: () = {
            use #facade::__private as __windlass;
            #table
        };

        #hooks
        #entry
        #clients
    }
}

/// The module beside the type: references to its methods, and its clients.
fn clients(model: &Module) -> TokenStream {
    let facade = inward::inward_path(&model.facade);
    let state = inward::inward(&model.state, &model.state);
    let name = client_module(model);
    let doc = format!(" Clients of `{}`, made by `#[module]`.", model.name);
    let all: Vec<&Method> = model.creates.iter().chain(&model.methods).collect();
    let names = all.iter().map(|method| &method.name);
    let references = all.iter().enumerate().map(|(at, method)| {
        let ident = &method.ident;
        let doc = format!(" `{}.{}`, number {}.", model.name, method.name, method.id);
        quote! {
            #[doc = #doc]
            pub fn #ident() -> super::__windlass::MethodRef {
                super::__METHODS[#at]
            }
        }
    });
    let nested = nested::nested(model);
    let client = client::clients(model);
    quote! {
        #[doc = #doc]
        #[allow(unused_imports, clippy::all, reason = "made by #[module]")]
        pub mod #name {
            use super::*;
            use #facade::__private as __windlass;

            static __METHODS: ::std::sync::LazyLock<::std::vec::Vec<__windlass::MethodRef>> =
                ::std::sync::LazyLock::new(|| {
                    let descriptor = <#state as __windlass::module::Module>::descriptor();
                    __windlass::describe::references(&descriptor, &[#(#names),*])
                });

            /// What calls name the methods by: their numbers, and the hashes of their types.
            pub mod methods {
                #(#references)*
            }

            #nested
            #client
        }
    }
}

/// The identifier of the module with the clients.
fn client_module(model: &Module) -> Ident {
    let name = model.name.replace('-', "_");
    // `Ident::new` panics on keywords; syn knows them.
    syn::parse_str::<Ident>(&name).unwrap_or_else(|_| Ident::new_raw(&name, Span::call_site()))
}

/// The author's doc comment, or one sentence when there is none.
fn docs(model: &Module, method: &Method) -> Vec<Attribute> {
    if !method.doc_attributes.is_empty() {
        return method.doc_attributes.clone();
    }
    let text = format!(" Calls `{}.{}`.", model.name, method.name);
    vec![parse_quote!(#[doc = #text])]
}

/// A name of ours for the author's parameter `ident`: cannot meet another name of the expansion.
fn ours(ident: &Ident) -> Ident {
    let plain = ident.to_string();
    format_ident!("__{}", plain.strip_prefix("r#").unwrap_or(&plain), span = ident.span())
}
