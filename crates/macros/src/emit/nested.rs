//! `Nested`: how methods of other modules call this one, through their context.
//!
//! Holds: methods with buffers or streams are absent; both belong to a client's session.

use super::inward::inward;
use super::{client, docs, ours};
use crate::model::{Method, Module};
use proc_macro2::TokenStream;
use quote::quote;

/// The type and its methods.
pub fn nested(model: &Module) -> TokenStream {
    let doc = format!(
        " Calls a pool of `{}` from inside a method; the calls carry that method's root and depth.",
        model.name
    );
    let here = |one: &&Method| one.buffers().next().is_none() && one.streams().next().is_none();
    let methods = model.methods.iter().filter(here).map(|one| method(model, one));
    let find = (!model.has_method("find")).then(find);
    quote! {
        #[doc = #doc]
        #[derive(Clone, Copy, Debug)]
        pub struct Nested<'a> {
            __cx: __windlass::context::Context<'a>,
            __pool: __windlass::PoolId,
            __query: __windlass::nested::Query,
        }

        impl<'a> Nested<'a> {
            #find
            /// On a pool whose id is known; asks nobody.
            pub fn on(cx: &__windlass::context::Context<'a>, pool: __windlass::PoolId) -> Self {
                Self { __cx: *cx, __pool: pool, __query: ::core::default::Default::default() }
            }
            /// The same pool, but its calls go to these containers.
            pub fn toward(self, query: __windlass::nested::Query) -> Self {
                Self { __query: query, ..self }
            }
            /// The pool's id.
            pub fn pool(&self) -> __windlass::PoolId {
                self.__pool
            }
            #(#methods)*
        }
    }
}

fn find() -> TokenStream {
    quote! {
        /// Finds the pool by name.
        ///
        /// # Errors
        /// `UnknownPool` names the pools that exist.
        pub async fn find(
            cx: &__windlass::context::Context<'a>,
            pool: &str,
        ) -> ::core::result::Result<Self, __windlass::Fault> {
            ::core::result::Result::Ok(Self::on(cx, cx.find_pool(pool).await?))
        }
    }
}

fn method(model: &Module, method: &Method) -> TokenStream {
    let (ident, reply) = (&method.ident, inward(&method.reply.ty, &model.state));
    let docs = docs(model, method);
    let parameters = method.values().map(|one| {
        let (name, ty) = (client::name(one), client::value_type(model, &one.ty));
        quote!(#name: #ty)
    });
    let withs = client::encoding(method);
    let encoding = ours(&quote::format_ident!("encoding"));
    quote! {
        #(#docs)*
        pub async fn #ident(&self, #(#parameters),*) -> ::core::result::Result<#reply, __windlass::Fault> {
            let #encoding = __windlass::nested::Encoding::new()#(#withs)*;
            self.__cx.call_to::<#reply>(self.__pool, self.__query, methods::#ident(), #encoding.as_slice()).await
        }
    }
}
