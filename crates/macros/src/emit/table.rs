//! The table: dispatch by number, keys, hooks, and the one exported symbol.
//!
//! Holds: arguments decode wholly before the author's function runs; dispatch is a `match`, whatever the highest number.

use super::{command, ours, schema};
use crate::model::{Aggregate, Kind, Method, Module, Parameter, Receiver};
use crate::{check, names};
use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};

/// `impl Module`.
pub fn module(model: &Module) -> TokenStream {
    let (state, name) = (&model.state, &model.name);
    let access = if model.is_alone() { quote!(Exclusive) } else { quote!(Shared) };
    let descriptor = schema::descriptor(model);
    let create = model.creates.first().map(create);
    let names: Vec<&String> = model.methods.iter().map(|method| &method.name).collect();
    let (blocking, on_lanes): (Vec<&Method>, Vec<&Method>) =
        model.methods.iter().partition(|method| method.flags.blocking);
    let arms = on_lanes.iter().map(|method| start(model, method));
    let blocks = blocking.iter().map(|method| block(model, method));
    let commands = command::descriptions(model);
    let keys = model.methods.iter().filter_map(key);
    let inherited = |serve: TokenStream| quote!(#serve(__this, __call, #name, &[#(#names),*]););
    let end = if model.is_alone() {
        inherited(quote!(__windlass::serve::inherited_alone))
    } else {
        let served = inherited(quote!(__windlass::serve::inherited));
        quote!(#served __windlass::abi::Started::ended())
    };
    quote! {
        #commands

        impl __windlass::module::Module for #state {
            type Access = __windlass::module::#access;

            #descriptor

            fn descriptor_cell() -> &'static ::std::sync::OnceLock<::std::vec::Vec<u8>> {
                static CELL: ::std::sync::OnceLock<::std::vec::Vec<u8>> = ::std::sync::OnceLock::new();
                &CELL
            }

            #create

            fn start<'a>(
                __this: <Self::Access as __windlass::module::Access>::This<'a, Self>,
                __call: __windlass::context::Incoming<'a>,
            ) -> <Self::Access as __windlass::module::Access>::Started<'a> {
                match __call.method() {
                    #(#arms)*
                    _ => {
                        #end
                    }
                }
            }

            fn block(__call: __windlass::context::Incoming<'_>) {
                match __call.method() {
                    #(#blocks)*
                    __other => __call.fault(&__windlass::serve::unknown_method(#name, __other, &[#(#names),*])),
                }
            }

            fn key(__method: u32, __arguments: &[u8]) -> ::core::option::Option<u64> {
                match __method {
                    #(#keys)*
                    _ => ::core::option::Option::None,
                }
            }
        }
    }
}

/// `impl Hooks`, with what the author overrides.
pub fn hooks(model: &Module) -> TokenStream {
    let (facade, state) = (&model.facade, &model.state);
    let hooks = model.hooks.iter().map(|hook| {
        let mut hook = hook.clone();
        let is_alone = hook.sig.receiver().is_some_and(|this| this.mutability.is_some());
        if hook.sig.ident == "import" && is_alone {
            hook.sig.ident = quote::format_ident!("import_alone", span = hook.sig.ident.span());
        }
        hook
    });
    let aggregate = aggregate(model);
    let restart = model.stateless.then(|| {
        quote! {
            const STATELESS: bool = true;
            fn restart(
                &self,
                _: &#facade::__private::context::Context<'_>,
            ) -> ::core::result::Result<(), #facade::__private::Fault> {
                ::core::result::Result::Ok(())
            }
        }
    });
    // At the author's word, where a state that threads cannot share is told.
    let sync = model.sync.map(|at| {
        let proven = quote!(#facade::__private::module::Sharing::<#state>::proven());
        let proven: TokenStream = proven.into_iter().map(|token| at_span(token, at)).collect();
        quote!(const SYNC: ::core::option::Option<#facade::__private::module::Sharing<Self>> =
            ::core::option::Option::Some(#proven);)
    });
    let own = own(model, aggregate.is_some());
    quote! {
        impl #facade::__private::module::Hooks for #state {
            const OWN: u32 = #own;
            #sync
            #(#hooks)*
            #restart
            #aggregate
        }
    }
}

/// A token that errors are told at.
fn at_span(mut token: TokenTree, at: Span) -> TokenTree {
    token.set_span(at);
    token
}

/// The bits of the monitor hooks that the module has: a node asks no others.
fn own(model: &Module, folds: bool) -> TokenStream {
    let facade = &model.facade;
    let has = |name: &str| model.hooks.iter().any(|hook| hook.sig.ident == name);
    let events = EVENTS.iter().filter(|(name, _)| has(name) || (folds && *name == "replica_aggregate"));
    let bits = events.map(|(_, event)| {
        let event = Ident::new(event, Span::call_site());
        quote!(#facade::__private::module::Event::#event.bit())
    });
    let bits: Vec<_> = bits.collect();
    if bits.is_empty() { quote!(0) } else { quote!(#(#bits)|*) }
}

/// Monitor hooks, and the events that they answer.
const EVENTS: &[(&str, &str)] = &[
    ("estimate", "Estimate"),
    ("sample", "Sample"),
    ("train", "Train"),
    ("schedule", "Schedule"),
    ("replica_start", "ReplicaStart"),
    ("replica_aggregate", "ReplicaAggregate"),
    ("flush_work", "FlushWork"),
    ("lane_of", "Lane"),
];

/// The hook that folds answers by the functions that methods name; nothing when none does.
fn aggregate(model: &Module) -> Option<TokenStream> {
    let facade = &model.facade;
    let arms: Vec<_> = model
        .methods
        .iter()
        .filter_map(|method| match &method.flags.aggregate {
            Some(Aggregate::By(path)) => {
                let (id, reply) = (method.id, &method.reply.ty);
                let by = match path.get_ident().filter(|name| AGGREGATES.contains(&name.to_string().as_str())) {
                    Some(known) => quote!(#facade::__private::serve::aggregate::#known),
                    None => quote!(#path),
                };
                // At the author's type, where one that cannot be folded so is told.
                Some(quote_spanned! { method.reply.at=>
                    #id => #facade::__private::serve::aggregate::fold::<#reply>(__replies, #by),
                })
            }
            _ => None,
        })
        .collect();
    (!arms.is_empty()).then(|| {
        quote! {
            fn replica_aggregate(
                &self,
                __method: u32,
                __replies: &[::std::vec::Vec<u8>],
            ) -> ::core::result::Result<::std::vec::Vec<u8>, #facade::__private::Fault> {
                match __method {
                    #(#arms)*
                    _ => #facade::__private::serve::aggregate::none(),
                }
            }
        }
    })
}

/// Functions of `contract::aggregate` that go by their name alone.
const AGGREGATES: &[&str] = &["sum", "max", "min", "first", "last", "all", "any", "concat"];

/// The entry symbol, `windlass_module_<crate>`.
pub fn entry(model: &Module) -> TokenStream {
    if !model.export {
        return TokenStream::new();
    }
    let (facade, state) = (&model.facade, &model.state);
    // Cargo says the name; a build without Cargo has one module per library as well, so its own name serves.
    let library = std::env::var("CARGO_CRATE_NAME").unwrap_or_else(|_| model.name.replace('-', "_"));
    let symbol = format!("windlass_module_{library}");
    quote! {
        #[allow(unsafe_code, reason = "the entry symbol of the module library: its name holds the crate's, so no two meet")]
        const _: () = {
            #[unsafe(export_name = #symbol)]
            extern "C" fn entry() -> &'static #facade::__private::abi::ModuleTable {
                <#state>::TABLE
            }
            // The type that a node opens the symbol as.
            const _: #facade::__private::abi::Entry = entry;
        };
    }
}

fn create(create: &Method) -> TokenStream {
    let serve = if create.is_async { quote!(create_async) } else { quote!(create) };
    let body = body(create);
    quote! {
        fn create<'a>(__call: __windlass::context::Incoming<'a>) -> __windlass::abi::Started<'a> {
            __windlass::serve::#serve(__call, #body)
        }
    }
}

fn start(model: &Module, method: &Method) -> TokenStream {
    let id = method.id;
    let served = served(model, method);
    if method.is_async || model.is_alone() {
        return quote!(#id => #served,);
    }
    quote! {
        #id => {
            #served;
            __windlass::abi::Started::ended()
        }
    }
}

fn block(model: &Module, method: &Method) -> TokenStream {
    let id = method.id;
    let served = served(model, method);
    quote!(#id => #served,)
}

/// Serves the call in hand by a method.
fn served(model: &Module, method: &Method) -> TokenStream {
    let serve =
        if method.is_async { quote!(__windlass::serve::run_async) } else { quote!(__windlass::serve::run) };
    if let Some(command) = &method.command {
        return command::served(model, method, command, &serve);
    }
    let body = body(method);
    quote!(#serve(__call, #body))
}

/// A closure that takes the arguments, calls the author's function and gives its result.
fn body(method: &Method) -> TokenStream {
    let ident = &method.ident;
    let mut takes = Vec::new();
    let mut passes = Vec::new();
    if method.receiver != Receiver::None {
        passes.push(quote!(__this));
    }
    for parameter in &method.parameters {
        let local = ours(&parameter.ident);
        if matches!(parameter.kind, Kind::Context) {
            takes.push(quote!(let #local = __call.context();));
            passes.push(quote!(&#local));
        } else if matches!(parameter.kind, Kind::Stream(_)) {
            let ty = &parameter.ty;
            takes.push(quote!(let #local = __streams.take::<#ty>();));
            passes.push(quote!(#local));
        } else {
            let take = take(parameter, &quote!(__arguments));
            takes.push(quote!(let #local = #take?;));
            passes.push(quote!(#local));
        }
    }
    let streams = method.streams().next().is_some();
    let wait = method.is_async.then(|| quote!(.await));
    // At the author's type, where an error that is no Fault is told.
    let call = quote_spanned!(method.reply.at=> Self::#ident(#(#passes),*)#wait);
    let result = if method.reply.fallible {
        quote_spanned!(method.reply.at=> __windlass::serve::ended(#call))
    } else {
        quote!(::core::result::Result::Ok(#call))
    };
    let keyword = method.is_async.then(|| quote!(async move));
    let mutable =
        (streams || method.values().next().is_some() || method.buffers().next().is_some()).then(|| quote!(mut));
    let open = streams.then(|| quote!(let __streams = __arguments.streams().await?;));
    let result = if streams { quote!(__streams.carry(async { #result }).await) } else { result };
    quote! {
        |#mutable __arguments| #keyword {
            #open
            #(#takes)*
            __arguments.end()?;
            #result
        }
    }
}

/// The next argument, off `from`.
fn take(parameter: &Parameter, from: &TokenStream) -> TokenStream {
    let ty = &parameter.ty;
    let name = names::wire(&parameter.ident.to_string());
    match &parameter.kind {
        Kind::Value { default: Some(default), .. } => {
            let default = schema::default_of(default, ty);
            quote!(#from.value_or::<#ty>(#name, || #default))
        }
        Kind::Buffer(_) => quote!(#from.buffer::<#ty>(#name)),
        _ => quote!(#from.value::<#ty>(#name)),
    }
}

/// The hash of the method's key: decodes as many values as the key needs.
fn key(method: &Method) -> Option<TokenStream> {
    let key = method.flags.key.as_ref()?;
    let id = method.id;
    let used = check::names_in(key);
    let last = method.values().enumerate().filter(|(_, one)| used.contains(&one.ident)).last();
    let needed = last.map_or(0, |(at, _)| at + 1);
    let takes = method.values().take(needed).map(|one| {
        let take = take(one, &quote!(__values));
        let local = if used.contains(&one.ident) {
            let ident = &one.ident;
            quote!(#ident)
        } else {
            quote!(_)
        };
        quote!(let #local = #take.ok()?;)
    });
    let number = method.streams().next().map(|_| quote!(__values.value::<u64>("stream").ok()?;));
    Some(quote! {
        #id => {
            let mut __values = __windlass::serve::Values::of(__arguments);
            #number
            #(#takes)*
            __windlass::serve::key_hash(#id, &(#key))
        }
    })
}
