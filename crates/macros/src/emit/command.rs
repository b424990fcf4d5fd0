//! Commands: their description, and the dispatch from a dtype of run time to an instance of the author's function.
//!
//! Holds: one instance per dtype and none per rank; the arguments are looked up once, before the dtype is known.

use super::ours;
use crate::classes::{Among, DTYPES};
use crate::model::{Arg, Command, Form, Length, Method, Module, Of, Receiver};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};

/// The name of the function that gives a command's description.
pub fn described_by(method: &Method) -> Ident {
    format_ident!("__command_{}", method.name)
}

/// Functions that give the descriptions of the module's commands, and the file that their classes came from.
pub fn descriptions(model: &Module) -> TokenStream {
    let all = model.methods.iter().filter_map(|method| method.command.as_ref().map(|command| (method, command)));
    let functions = all.map(|(method, command)| {
        let (ident, schema) = (described_by(method), schema(method, command));
        quote! {
            fn #ident() -> &'static __windlass::commands::CommandSchema {
                static COMMAND: ::std::sync::LazyLock<__windlass::commands::CommandSchema> =
                    ::std::sync::LazyLock::new(|| #schema);
                &COMMAND
            }
        }
    });
    let file = model.classes_file.as_ref().filter(|_| model.methods.iter().any(|method| method.command.is_some()));
    // So that a change of the file builds the crate anew.
    let file = file.map(|path| {
        quote!(
            const _: &[u8] = ::core::include_bytes!(#path);
        )
    });
    quote!(#file #(#functions)*)
}

fn schema(method: &Method, command: &Command) -> TokenStream {
    let (name, also, id) = (&command.name, &command.also, method.id);
    let variables = command.variables.iter().map(|one| {
        let (name, bound) = (&one.name, one.bound);
        let among = among(&one.among);
        quote!(__windlass::commands::Variable { name: #name.into(), among: #among, bound: #bound })
    });
    let order = command.order.iter().map(|&at| at as u16);
    let formals = command.args.iter().filter_map(|arg| {
        let form = form(arg)?;
        let key = &arg.key;
        Some(quote!(__windlass::commands::Formal { key: #key.into(), form: #form }))
    });
    let refusal = match &command.refusal {
        Some(text) => quote!(::core::option::Option::Some(#text.into())),
        None => quote!(::core::option::Option::None),
    };
    let standard = command.standard;
    quote! {
        __windlass::commands::CommandSchema {
            name: #name.into(),
            also: ::std::vec::Vec::from([#(#also.into()),*]),
            method: __windlass::MethodId(#id),
            variables: ::std::vec::Vec::from([#(#variables),*]),
            order: ::std::vec::Vec::from([#(#order),*]),
            formals: ::std::vec::Vec::from([#(#formals),*]),
            standard: #standard,
            refusal: #refusal,
        }
    }
}

fn variant(dtype: &str) -> Ident {
    let found = DTYPES.iter().find(|(name, ..)| *name == dtype);
    Ident::new(found.map_or("Str", |(_, variant, _)| variant), Span::call_site())
}

fn among(among: &Among) -> TokenStream {
    match among {
        Among::Dtypes(dtypes) => {
            let variants = dtypes.iter().map(|dtype| variant(dtype));
            quote!(__windlass::commands::Among::Dtypes(::std::vec::Vec::from([#(__windlass::array::Dtype::#variants),*])))
        }
        Among::Ranks(least, most) => quote!(__windlass::commands::Among::Ranks(#least, #most)),
        Among::Words(words) => {
            quote!(__windlass::commands::Among::Words(::std::vec::Vec::from([#(#words.into()),*])))
        }
    }
}

fn of(of: Of) -> TokenStream {
    match of {
        Of::Variable(at) => {
            let at = at as u16;
            quote!(__windlass::commands::Of::Variable(#at))
        }
        Of::Dtype(dtype) => {
            let variant = variant(dtype);
            quote!(__windlass::commands::Of::Dtype(__windlass::array::Dtype::#variant))
        }
        Of::Any => quote!(__windlass::commands::Of::Any),
    }
}

/// The form of an argument that is sent.
fn form(arg: &Arg) -> Option<TokenStream> {
    let array = |dtype: Of, rank: usize, in_place: bool| {
        let (dtype, rank) = (of(dtype), rank as u16);
        quote! {
            __windlass::commands::Form::Array { dtype: #dtype, rank: ::core::option::Option::Some(#rank), in_place: #in_place }
        }
    };
    Some(match &arg.form {
        Form::Context | Form::Variable(_) | Form::Dtype(_) | Form::Called | Form::Given => return None,
        Form::View(dtype, rank) | Form::Array(dtype, rank) => array(*dtype, *rank, false),
        Form::Slot(dtype, rank) => array(*dtype, *rank, true),
        Form::Strings => quote!(__windlass::commands::Form::Strings),
        Form::Own { class, variables } => {
            let variables = variables.iter().map(|variable| match variable {
                Some(at) => {
                    let at = *at as u16;
                    quote!(::core::option::Option::Some(#at))
                }
                None => quote!(::core::option::Option::None),
            });
            quote! {
                __windlass::commands::Form::Own {
                    class: #class.into(),
                    variables: ::std::vec::Vec::from([#(#variables),*]),
                }
            }
        }
        Form::Scalar(dtype) => {
            let dtype = of(*dtype);
            quote!(__windlass::commands::Form::Scalar(#dtype))
        }
        Form::Text { .. } => quote!(__windlass::commands::Form::Text),
        Form::Texts => {
            quote!(__windlass::commands::Form::List(__windlass::commands::Of::Dtype(
                __windlass::array::Dtype::Str
            )))
        }
        Form::List(dtype) => {
            let dtype = of(*dtype);
            quote!(__windlass::commands::Form::List(#dtype))
        }
        Form::Tuple(dtype, length) => {
            let dtype = of(*dtype);
            let length = match length {
                Length::Rank(rank) => {
                    let rank = *rank as u16;
                    quote!(__windlass::commands::Length::Rank(#rank))
                }
                Length::Fixed(count) => quote!(__windlass::commands::Length::Fixed(#count)),
            };
            quote!(__windlass::commands::Form::Tuple(#dtype, #length))
        }
        Form::Word => {
            let ty = &arg.ty;
            quote_spanned!(arg.ident.span()=> __windlass::commands::Form::Word(__windlass::commands::words::<#ty>()))
        }
    })
}

/// A block that ends with the value of `serve` over the closure that runs the command.
pub fn served(model: &Module, method: &Method, command: &Command, serve: &TokenStream) -> TokenStream {
    let run = run(model, method, command);
    let described = described_by(method);
    let (keyword, wait) = match method.is_async {
        true => (Some(quote!(async move)), Some(quote!(.await))),
        false => (None, None),
    };
    let this = (method.receiver != Receiver::None).then(|| quote!(__this,));
    if command.standard {
        return quote! {{
            #run
            #serve(__call, |_| #keyword {
                let __cx = __call.context();
                let (__called, __given) = __windlass::commands::Taken::standard(__call, #described())?;
                __run(#this &__cx, &__called, &__given)#wait
            })
        }};
    }
    let generic: Vec<(u16, &Vec<String>)> = command
        .generics
        .type_params()
        .filter_map(|parameter| {
            let at = command.variables.iter().position(|one| parameter.ident == one.name)?;
            match &command.variables[at].among {
                Among::Dtypes(dtypes) => Some((at as u16, dtypes)),
                Among::Ranks(..) | Among::Words(_) => None,
            }
        })
        .collect();
    let dispatch = if generic.is_empty() {
        quote!(__run(#this &__cx, &__taken)#wait)
    } else {
        let asked = generic.iter().map(|(at, _)| quote!(__taken.dtype(#at)?));
        let arms = product(&generic.iter().map(|(_, dtypes)| dtypes.as_slice()).collect::<Vec<_>>());
        let arms = arms.iter().map(|dtypes| {
            let variants = dtypes.iter().map(|dtype| variant(dtype));
            let types = dtypes.iter().map(|dtype| rust(dtype));
            quote!((#(__windlass::array::Dtype::#variants,)*) => __run::<#(#types),*>(#this &__cx, &__taken)#wait,)
        });
        quote! {
            match (#(#asked,)*) {
                #(#arms)*
                _ => ::core::result::Result::Err(__taken.not_there()),
            }
        }
    };
    quote! {{
        #run
        #serve(__call, |_| #keyword {
            let __cx = __call.context();
            let __taken = __windlass::commands::Taken::take(__call, #described())?;
            #dispatch
        })
    }}
}

fn rust(dtype: &str) -> Ident {
    let found = DTYPES.iter().find(|(name, ..)| *name == dtype);
    Ident::new(found.map_or("u8", |(.., rust)| rust), Span::call_site())
}

/// All combinations, the first one slowest.
fn product<'a>(choices: &[&'a [String]]) -> Vec<Vec<&'a str>> {
    choices.iter().fold(vec![Vec::new()], |rows, choice| {
        let longer = |row: &Vec<&'a str>| {
            let row = row.clone();
            choice.iter().map(move |one| row.iter().copied().chain([one.as_str()]).collect())
        };
        rows.iter().flat_map(longer).collect()
    })
}

/// The function that one instance is: takes its arguments at their types, runs, keeps the answer.
fn run(model: &Module, method: &Method, command: &Command) -> TokenStream {
    let (state, ident) = (&model.state, &method.ident);
    let keyword = method.is_async.then(|| quote!(async));
    let wait = method.is_async.then(|| quote!(.await));
    let mut takes = Vec::new();
    let mut passes = Vec::new();
    let this = match method.receiver {
        Receiver::None => None,
        Receiver::Shared => Some(quote!(__this: &#state,)),
        Receiver::Exclusive => Some(quote!(__this: &mut #state,)),
    };
    if this.is_some() {
        passes.push(quote!(__this));
    }
    let mut at = 0usize;
    for arg in &command.args {
        let local = ours(&arg.ident);
        let ty = &arg.ty;
        let take = match &arg.form {
            Form::Context => {
                passes.push(quote!(__cx));
                continue;
            }
            Form::Called => {
                passes.push(quote!(__called));
                continue;
            }
            Form::Given => {
                passes.push(quote!(__given));
                continue;
            }
            Form::Variable(variable) => {
                let variable = *variable as u16;
                takes.push(quote_spanned!(arg.ident.span()=> let #local: #ty = __taken.variant(#variable)?;));
                passes.push(quote!(#local));
                continue;
            }
            Form::Dtype(variable) => {
                let variable = *variable as u16;
                takes.push(quote_spanned!(arg.ident.span()=> let #local: #ty = __taken.dtype(#variable)?;));
                passes.push(quote!(#local));
                continue;
            }
            Form::View(..) => quote!(view(#at)?),
            Form::Array(..) => quote!(array(#at)?),
            Form::Slot(..) => quote!(slot(#at)?),
            Form::Strings => quote!(strings(#at)?),
            Form::Own { .. } => quote!(own(#at)?),
            Form::Text { borrowed: true } => quote!(text(#at)?),
            Form::Text { borrowed: false } => quote!(text(#at)?.to_owned()),
            Form::Scalar(Of::Any) => quote!(any(#at)?),
            Form::Scalar(_) if is_scalar(ty) => quote!(any(#at)?),
            Form::Scalar(_) => quote!(scalar(#at)?),
            Form::List(Of::Any) => quote!(any_list(#at)?),
            Form::List(_) if inner_is_scalar(ty) => quote!(any_list(#at)?),
            Form::List(_) => quote!(list(#at)?),
            Form::Texts => quote!(texts(#at)?),
            Form::Tuple(_, Length::Rank(_)) => quote!(tuple(#at)?),
            Form::Tuple(_, Length::Fixed(_)) => quote!(fixed(#at)?),
            Form::Word => quote!(word(#at)?),
        };
        takes.push(quote_spanned!(arg.ident.span()=> let #local: #ty = __taken.#take;));
        passes.push(quote!(#local));
        at += 1;
    }
    let types: Vec<&Ident> = command.generics.type_params().map(|parameter| &parameter.ident).collect();
    let turbofish = (!types.is_empty()).then(|| quote!(::<#(#types),*>));
    let (generics, _, clause) = command.generics.split_for_impl();
    let predicates = clause.map(|clause| {
        let predicates = clause.predicates.iter();
        quote!(#(#predicates,)*)
    });
    let call = quote_spanned!(method.reply.at=> <#state>::#ident #turbofish(#(#passes),*)#wait);
    let result = if method.reply.fallible {
        quote_spanned!(method.reply.at=> __windlass::serve::ended(#call)?)
    } else {
        call
    };
    let reply = &command.reply;
    let taken = if command.standard {
        quote!(__called: &__windlass::commands::Called, __given: &__windlass::commands::Given)
    } else {
        quote!(__taken: &__windlass::commands::Taken<'_>)
    };
    quote! {
        #keyword fn __run #generics(
            #this
            __cx: &__windlass::context::Context<'_>,
            #taken,
        ) -> ::core::result::Result<<#reply as __windlass::commands::Answer>::Wire, __windlass::Fault>
        where
            #predicates
            #(#types: __windlass::array::Item,)*
        {
            #(#takes)*
            __windlass::commands::Answer::answer(#result, __cx)
        }
    }
}

fn is_scalar(ty: &syn::Type) -> bool {
    crate::parse::last_name(ty).as_deref() == Some("Scalar")
}

fn inner_is_scalar(ty: &syn::Type) -> bool {
    quote!(#ty).to_string().contains("Scalar")
}
