//! `Client` and `Blocking`: the module as other processes call it, and the typed `create`.
//!
//! Holds: both take and give the same types and differ in how they wait. Values go by reference where the method owns
//! them; bulk bytes go as whatever makes a payload; what a method gives back stands behind its value, in order.

use super::docs;
use super::inward::{inward, inward_path};
use crate::model::{Buffer, Direction, Kind, Method, Module, Parameter, only_type};
use crate::{names, parse};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::Type;
use syn::spanned::Spanned;

/// How a client waits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Async,
    Blocking,
}

/// Both clients, and `create`; nothing when the facade is built without them.
pub fn clients(model: &Module) -> TokenStream {
    let facade = inward_path(&model.facade);
    let asynchronous = client(model, Style::Async);
    let blocking = client(model, Style::Blocking);
    let create = model.creates.first().map(|create| {
        let function = create_function(model, create, Style::Async);
        quote!(#function)
    });
    quote! {
        #facade::__client! {
            #asynchronous
            #blocking
            #create
        }
    }
}

fn client(model: &Module, style: Style) -> TokenStream {
    let (ident, doc, keyword, connect, find) = match style {
        Style::Async => (
            format_ident!("Client"),
            "waits as a future",
            Some(quote!(async)),
            quote!(connect_async(node).await?),
            quote!(pool_async(pool).await?),
        ),
        Style::Blocking => (
            format_ident!("Blocking"),
            "blocks its thread while it waits",
            None,
            quote!(connect(node)?),
            quote!(pool(pool)?),
        ),
    };
    let doc = format!(" A client of one pool of `{}` that {doc}. Cheap to clone, for any thread.", model.name);
    let methods = model.methods.iter().map(|one| method(model, one, style));
    let create = match style {
        Style::Async => None,
        Style::Blocking if model.has_method("create") => None,
        Style::Blocking => model.creates.first().map(|create| create_function(model, create, style)),
    };
    quote! {
        #[doc = #doc]
        #[derive(Clone)]
        pub struct #ident {
            __pool: __windlass::client::Pool,
        }

        impl #ident {
            /// Connects to the node called `node` (or in that directory) and finds the pool called `pool`.
            ///
            /// # Errors
            /// `NotConnected` says how to start a node; `UnknownPool` names the pools that exist.
            pub #keyword fn connect(node: &str, pool: &str) -> ::core::result::Result<Self, __windlass::Fault> {
                let client = __windlass::client::Client::#connect;
                ::core::result::Result::Ok(Self::on(client.#find))
            }
            /// On a pool of a session that is there already.
            pub fn on(pool: __windlass::client::Pool) -> Self {
                Self { __pool: pool }
            }
            /// The pool.
            pub fn pool(&self) -> &__windlass::client::Pool {
                &self.__pool
            }
            /// The same pool, but its calls go to these containers: one by its id or by a hash, a range, all of them. The
            /// answers of several become one by the method's `aggregate`.
            pub fn toward(&self, query: __windlass::nested::Query) -> Self {
                Self { __pool: self.__pool.toward(query) }
            }
            #create
            #(#methods)*
        }

        impl ::core::fmt::Debug for #ident {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.debug_struct(::core::stringify!(#ident)).field("pool", &self.__pool.id()).finish()
            }
        }
    }
}

fn method(model: &Module, method: &Method, style: Style) -> TokenStream {
    let ident = &method.ident;
    let docs = docs(model, method);
    let (keyword, wait) = match style {
        Style::Async => (Some(quote!(async)), quote!(.answered().await?)),
        Style::Blocking => (None, quote!(.wait()?)),
    };
    let mut lives = Vec::new();
    let mut parameters = Vec::new();
    let mut puts = Vec::new();
    for parameter in &method.parameters {
        let name = name(parameter);
        match &parameter.kind {
            Kind::Context => {}
            Kind::Value { .. } => {
                let ty = value_type(model, &parameter.ty);
                parameters.push(quote!(#name: #ty));
                if quote!(#ty).to_string() == "& [u8]" {
                    // Serde would look at each byte.
                    puts.push(quote!(.argument_bytes(#name)));
                } else {
                    // At the author's type, where one that serde does not know is told.
                    puts.push(quote_spanned!(parameter.ty.span()=> .argument(&#name)));
                }
            }
            Kind::Stream(_) => {}
            Kind::Buffer(buffer) => {
                let (ty, put) = buffer_parameter(*buffer, &mut lives);
                parameters.push(quote!(#name: #ty));
                puts.push(quote!(.#put(#name)));
            }
        }
    }
    if method.streams().next().is_some() {
        return streamed(model, method, style, Signature { lives, parameters, puts });
    }
    let (reply, take) = reply(model, method);
    let mutable = method.buffers().any(|(_, buffer)| buffer.gives_back()).then(|| quote!(mut));
    let detached = method.flags.detached.then(|| quote!(.detached()));
    let generics = (!lives.is_empty()).then(|| quote!(<#(#lives),*>));
    quote! {
        #(#docs)*
        pub #keyword fn #ident #generics(&self, #(#parameters),*) -> ::core::result::Result<#reply, __windlass::Fault> {
            let #mutable __reply = self.__pool.call(methods::#ident())#(#puts)*#detached #wait;
            #take
        }
    }
}

/// What a client's function has besides its streams.
struct Signature {
    lives: Vec<TokenStream>,
    parameters: Vec<TokenStream>,
    puts: Vec<TokenStream>,
}

/// A method with streams: values that it reads are given as an iterator or a `Stream`; what it sends is given back as one.
fn streamed(model: &Module, method: &Method, style: Style, signature: Signature) -> TokenStream {
    let Signature { lives, mut parameters, puts } = signature;
    let (ident, docs) = (&method.ident, docs(model, method));
    let item = |ty: &Type| inward(ty, &model.state);
    let fills = method.stream(Direction::Out).map(item);
    if let Some((parameter, _, ty)) = method.streams().find(|(_, way, _)| *way == Direction::In) {
        let (name, ty) = (name(parameter), item(ty));
        let at = method.parameters.iter().filter(|one| !matches!(one.kind, Kind::Context));
        let at = at
            .take_while(|one| one.ident != parameter.ident)
            .filter(|one| !matches!(one.kind, Kind::Stream(_)))
            .count();
        let kept = fills.is_some();
        let ty = match (style, kept) {
            (Style::Blocking, false) => quote!(impl ::core::iter::IntoIterator<Item = #ty>),
            (Style::Blocking, true) => {
                quote!(impl ::core::iter::IntoIterator<Item = #ty, IntoIter: ::core::marker::Send + 'static>)
            }
            (Style::Async, false) => quote!(impl __windlass::client::Stream<Item = #ty>),
            (Style::Async, true) => {
                quote!(impl __windlass::client::Stream<Item = #ty> + ::core::marker::Send + 'static)
            }
        };
        parameters.insert(at, quote!(#name: #ty));
    }
    let reads = method.streams().find(|(_, way, _)| *way == Direction::In).map(|(one, ..)| name(one));
    let (keyword, begin, wait) = match style {
        Style::Async => (Some(quote!(async)), quote!(streaming_async), Some(quote!(.await))),
        Style::Blocking => (None, quote!(streaming), None),
    };
    let generics = (!lives.is_empty()).then(|| quote!(<#(#lives),*>));
    let value = inward(&method.reply.ty, &model.state);
    let (reply, send) = match (fills, reads, style) {
        (None, reads, style) => {
            let (reply, take) = reply(model, method);
            let mutable = method.buffers().any(|(_, buffer)| buffer.gives_back()).then(|| quote!(mut));
            let give = if style == Style::Async { quote!(give_async) } else { quote!(give) };
            let send = quote! {
                let #mutable __reply = __streaming.#give(__call, #reads)#wait?;
                #take
            };
            (reply, send)
        }
        (Some(item), reads, style) => {
            let items = match style {
                Style::Async => quote!(__windlass::client::AsyncItems<#item, #value>),
                Style::Blocking => quote!(__windlass::client::Items<#item, #value>),
            };
            let send = match (style, reads) {
                (Style::Async, None) => quote!(items_async(__call)),
                (Style::Async, Some(reads)) => quote!(items_of_async(__call, #reads)),
                (Style::Blocking, None) => quote!(items(__call)),
                (Style::Blocking, Some(reads)) => quote!(items_of(__call, #reads)),
            };
            (items, quote!(::core::result::Result::Ok(__streaming.#send)))
        }
    };
    quote! {
        #(#docs)*
        pub #keyword fn #ident #generics(&self, #(#parameters),*) -> ::core::result::Result<#reply, __windlass::Fault> {
            let __streaming = self.__pool.#begin(methods::#ident())#wait?;
            let __call = __streaming.call()#(#puts)*;
            #send
        }
    }
}

/// How a client passes a buffer, and what puts it into the call.
fn buffer_parameter(buffer: Buffer, lives: &mut Vec<TokenStream>) -> (TokenStream, TokenStream) {
    if buffer.shared {
        let put = match buffer.direction {
            Direction::In => quote!(input_shared),
            Direction::Out => quote!(output_shared),
            Direction::InOut => quote!(inout_shared),
        };
        return (quote!(__windlass::client::Loan), put);
    }
    let mut payload = || {
        let life = syn::Lifetime::new(&format!("'__{}", lives.len()), Span::call_site());
        lives.push(quote!(#life));
        quote!(impl ::core::convert::Into<__windlass::client::Payload<#life>>)
    };
    match buffer.direction {
        Direction::In => (payload(), quote!(input)),
        Direction::Out => (quote!(usize), quote!(output)),
        Direction::InOut => (payload(), quote!(inout)),
    }
}

/// What a method gives a client, and how it is taken out of the reply.
fn reply(model: &Module, method: &Method) -> (TokenStream, TokenStream) {
    let value = inward(&method.reply.ty, &model.state);
    let mut types = Vec::new();
    let mut takes = Vec::new();
    for (at, (_, buffer)) in method.buffers().filter(|(_, buffer)| buffer.gives_back()).enumerate() {
        if buffer.shared {
            types.push(quote!((__windlass::client::Loan, usize)));
            takes.push(quote!(__reply.take_loan(#at)?));
        } else {
            types.push(quote!(__windlass::client::ResultView));
            takes.push(quote!(__reply.take_view(#at)?));
        }
    }
    if types.is_empty() {
        return (quote!(#value), quote!(__reply.value()));
    }
    if !method.reply.is_unit() {
        types.insert(0, quote!(#value));
        takes.insert(0, quote!(__reply.value()?));
    }
    match &types[..] {
        [only] => (only.clone(), quote!(::core::result::Result::Ok(#(#takes)*))),
        _ => (quote!((#(#types),*)), quote!(::core::result::Result::Ok((#(#takes),*)))),
    }
}

/// The typed `create`: makes the pool, or finds the one of the same name, module and parameters.
fn create_function(model: &Module, create: &Method, style: Style) -> TokenStream {
    let module = &model.name;
    let (given, keyword, wait) = match style {
        Style::Async => (quote!(Client), Some(quote!(async)), quote!(.answered().await?)),
        Style::Blocking => (quote!(Self), None, quote!(.wait()?)),
    };
    let parameters = create.values().map(|one| {
        let (name, ty) = (name(one), value_type(model, &one.ty));
        quote!(#name: #ty)
    });
    let withs = encoding(create);
    // Hygienic: a parameter of `create` may have the same name.
    let [client, pool] = ["client", "pool"].map(|name| Ident::new(name, Span::mixed_site()));
    let doc =
        format!(" Makes a pool of `{module}` called `pool`, or finds it when it exists with the same parameters.");
    quote! {
        #[doc = #doc]
        ///
        /// # Errors
        /// `PoolExists` when the name belongs to another module or other parameters, and what `create` says.
        pub #keyword fn create(
            #client: &__windlass::client::Client,
            #pool: &str,
            #(#parameters),*
        ) -> ::core::result::Result<#given, __windlass::Fault> {
            let __parameters = __windlass::nested::Encoding::new()#(#withs)*;
            let __reply = #client
                .admin()
                .call(__windlass::admin::create())
                .argument(&#pool)
                .argument(&#module)
                .argument_bytes(__parameters.as_slice())
                #wait;
            let __facts: __windlass::admin::PoolFacts = __reply.value()?;
            let __pool = #client.pool_at(&__facts);
            ::core::result::Result::Ok(#given::on(__pool))
        }
    }
}

/// Puts the values of a method into an `Encoding`, one after another.
pub fn encoding(method: &Method) -> Vec<TokenStream> {
    let with = |one: &Parameter| {
        let name = name(one);
        quote_spanned!(one.ty.span()=> .with(&#name)?)
    };
    method.values().map(with).collect()
}

/// The name of a client's parameter: as the author wrote it, without the `_` of one that is not used.
pub fn name(parameter: &Parameter) -> Ident {
    let ident = parameter.ident.to_string();
    let wire = names::wire(&ident);
    match ident.strip_prefix("r#") {
        Some(_) => Ident::new_raw(&wire, parameter.ident.span()),
        None => syn::parse_str(&wire).map_or_else(
            |_| parameter.ident.clone(),
            |mut plain: Ident| {
                plain.set_span(parameter.ident.span());
                plain
            },
        ),
    }
}

/// How a client passes a value of type `ty`: text, bytes and lists by reference, the rest as it is.
pub fn value_type(model: &Module, ty: &Type) -> TokenStream {
    let inside = |ty| inward(ty, &model.state);
    match (parse::last_name(ty).as_deref(), only_type(ty).map(inside)) {
        (Some("String"), _) => quote!(&str),
        (Some("Vec"), Some(element)) => quote!(&[#element]),
        _ => inside(ty).to_token_stream(),
    }
}
