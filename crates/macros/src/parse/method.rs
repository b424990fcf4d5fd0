//! One function: its attribute, its signature, its place in the model.

use super::parameter;
use crate::model::{Aggregate, Flags, Method, Period, Receiver};
use crate::words::{self, Word};
use crate::{names, parse};
use proc_macro2::Ident;
use syn::{Attribute, Error, Expr, ExprLit, FnArg, ImplItemFn, Lit, Result, ReturnType, Signature, parse_quote};

/// First number a module may give its own methods.
pub const OWN_FIRST: u32 = 10;
const WORDS: &[&str] = &[
    "id",
    "key",
    "local",
    "prio",
    "period",
    "detached",
    "blocking",
    "idempotent",
    "reentrant",
    "group",
    "aggregate",
];

/// Reads a function marked `#[method]`; `next_id` is its number unless it says another.
pub fn method(attribute: &Attribute, function: &mut ImplItemFn, next_id: u32) -> Result<Method> {
    flagged(signature(function)?, attribute, next_id)
}

/// The method with what the words of its attribute say.
pub fn flagged(mut method: Method, attribute: &Attribute, next_id: u32) -> Result<Method> {
    method.id = next_id;
    for word in words::of_attribute(attribute, WORDS)? {
        if word.name == "id" {
            method.id = word.number()?;
            method.id_at = syn::spanned::Spanned::span(&word.value);
        } else {
            flag(&mut method.flags, &word)?;
        }
    }
    Ok(method)
}

/// Reads the function marked `#[create]`.
pub fn create(attribute: &Attribute, function: &mut ImplItemFn) -> Result<Method> {
    words::of_attribute(attribute, &[])?;
    let mut method = signature(function)?;
    if let Some(receiver) = function.sig.receiver() {
        return Err(Error::new_spanned(receiver, "`create` makes the container, so it takes no `self`"));
    }
    if let Some((parameter, _)) = method.buffers().next() {
        return Err(Error::new_spanned(
            &parameter.ty,
            "`create` takes values; send bulk data to a method afterwards",
        ));
    }
    if let Some((parameter, ..)) = method.streams().next() {
        return Err(Error::new_spanned(
            &parameter.ty,
            "`create` takes values; send a stream to a method afterwards",
        ));
    }
    if matches!(function.sig.output, ReturnType::Default) {
        return Err(Error::new_spanned(&function.sig.ident, "`create` returns `Self` or `Result<Self, E>`"));
    }
    // What a create answers to its caller is that it is done; the instance goes to the node.
    method.reply.ty = parse_quote!(());
    Ok(method)
}

fn signature(function: &mut ImplItemFn) -> Result<Method> {
    refuse_oddities(&function.sig)?;
    if let Some(cfg) =
        function.attrs.iter().find(|one| one.path().is_ident("cfg") || one.path().is_ident("cfg_attr"))
    {
        let text = "a method is there for every caller or for none: put the condition inside its body";
        return Err(Error::new_spanned(cfg, text));
    }
    let sig = &mut function.sig;
    let receiver = receiver(sig)?;
    let mut errors = parse::Errors::default();
    let mut parameters = Vec::new();
    for input in &mut sig.inputs {
        let FnArg::Typed(typed) = input else { continue };
        match parameter::parameter(typed) {
            Ok(parameter) => parameters.push(parameter),
            Err(error) => errors.add(error),
        }
    }
    let reply = parameter::reply(&sig.output);
    errors.extend(reply.as_ref().map(|_| ()).map_err(Clone::clone));
    errors.end()?;
    Ok(Method {
        name: parse::plain(&sig.ident),
        ident: sig.ident.clone(),
        id: 0,
        id_at: sig.ident.span(),
        doc_attributes: function.attrs.iter().filter(|one| one.path().is_ident("doc")).cloned().collect(),
        docs: names::docs(&function.attrs),
        receiver,
        is_async: sig.asyncness.is_some(),
        parameters,
        reply: reply?,
        flags: Flags::default(),
        command: None,
    })
}

fn refuse_oddities(sig: &Signature) -> Result<()> {
    if let Some(parameter) = sig.generics.params.first() {
        let text = "a method's types cross to other processes, so it has no generic parameters (but a command over arrays has: \
                    `#[method(each(T in Numeric))]`)";
        return Err(Error::new_spanned(parameter, text));
    }
    if let Some(word) = &sig.unsafety {
        return Err(Error::new_spanned(word, "callers in other processes keep no promises: a method is safe"));
    }
    if let Some(word) = &sig.constness {
        return Err(Error::new_spanned(word, "a method is called while the node runs, never as a `const`"));
    }
    if let Some(abi) = &sig.abi {
        return Err(Error::new_spanned(abi, "a method is a plain Rust function; the C edge is made around it"));
    }
    if let Some(variadic) = &sig.variadic {
        return Err(Error::new_spanned(variadic, "a method has a fixed list of parameters"));
    }
    Ok(())
}

/// How a method takes its container.
pub fn receiver(sig: &Signature) -> Result<Receiver> {
    match sig.receiver() {
        None => Ok(Receiver::None),
        Some(receiver) if receiver.colon_token.is_some() => {
            Err(Error::new_spanned(receiver, "write `&self` or `&mut self`"))
        }
        Some(receiver) if receiver.reference.is_none() => {
            Err(Error::new_spanned(receiver, "a call does not use its container up: write `&self` or `&mut self`"))
        }
        Some(receiver) if receiver.mutability.is_some() => Ok(Receiver::Exclusive),
        Some(_) => Ok(Receiver::Shared),
    }
}

/// `aggregate` alone, or with a function of two answers.
fn aggregate(word: &Word) -> Result<Option<Aggregate>> {
    match &word.value {
        Some(Expr::Path(path)) => Ok(Some(Aggregate::By(path.path.clone()))),
        Some(other) if !matches!(other, Expr::Lit(ExprLit { lit: Lit::Bool(_), .. })) => Err(Error::new_spanned(
            other,
            "an aggregate is `sum`, `max`, `min`, `first`, `last`, `all`, `any`, `concat`, or the path of a function \
             `fn(T, T) -> T` of two answers",
        )),
        _ => Ok(word.flag()?.then_some(Aggregate::Hook)),
    }
}

/// The name of a lane group.
fn group(word: &Word) -> Result<Ident> {
    match word.value.as_ref() {
        Some(Expr::Path(path)) if path.path.get_ident().is_some() => Ok(path.path.require_ident()?.clone()),
        _ => Err(Error::new(
            word.name.span(),
            "`group` names one of the module's lane groups: `group = data`, with `#[module(lanes(data = 32))]`",
        )),
    }
}

fn flag(flags: &mut Flags, word: &Word) -> Result<()> {
    match word.name.to_string().as_str() {
        "key" => flags.key = Some(word.expression()?),
        "local" => flags.local = word.flag()?,
        "prio" => {
            let class = word.text()?;
            flags.background = match class.value().as_str() {
                "low" => false,
                "background" => true,
                other => {
                    let text = format!(
                        "there is no class {other:?}: `prio` is \"low\" (low latency, the default) or \"background\""
                    );
                    return Err(Error::new(class.span(), text));
                }
            };
        }
        "period" => {
            let at = word.text()?.clone();
            let Some(ns) = names::duration_ns(&at.value()) else {
                let text = "a period is a whole number and ns, us, ms, s, m or h, like \"100ms\"";
                return Err(Error::new(at.span(), text));
            };
            flags.period = Some(Period { ns, at });
        }
        "detached" => flags.detached = word.flag()?,
        "blocking" => flags.blocking = word.flag()?,
        "idempotent" => flags.idempotent = word.flag()?,
        "reentrant" => flags.reentrant = word.flag()?,
        "group" => flags.group = Some(group(word)?),
        _ => flags.aggregate = aggregate(word)?,
    }
    Ok(())
}
