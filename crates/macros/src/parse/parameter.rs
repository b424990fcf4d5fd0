//! Parameters and replies: what a type written in a signature means to a caller.
//!
//! Holds: types are known by the last name of their path, as the author wrote them; what a macro cannot see (an
//! alias of `Result`, a type without a schema) is left to the compiler, which says so at the same place.

use crate::model::{Buffer, Direction, Kind, Parameter, Reply, only_type};
use crate::words;
use proc_macro2::{Ident, Span};
use syn::spanned::Spanned;
use syn::{
    Error, FnArg, GenericArgument, ImplItemFn, Pat, PatType, PathArguments, PathSegment, Result, ReturnType, Type,
    TypeReference, parse_quote,
};

const WORDS: &[&str] = &["default", "since"];

/// Takes our attributes off the parameters.
pub fn strip(function: &mut ImplItemFn) {
    for input in &mut function.sig.inputs {
        if let FnArg::Typed(typed) = input {
            typed.attrs.retain(|attribute| !attribute.path().is_ident("arg"));
        }
    }
}

/// Reads one parameter; writes the lifetime that `In<Bytes>` and `&Context` leave out, which an `async fn` needs.
pub fn parameter(typed: &mut PatType) -> Result<Parameter> {
    let Pat::Ident(pattern) = typed.pat.as_ref() else {
        let text = "callers name a parameter, so it needs a name here: take it apart in the body";
        return Err(Error::new_spanned(&typed.pat, text));
    };
    if let Some(word) = &pattern.by_ref {
        return Err(Error::new_spanned(word, "a parameter is taken by value here"));
    }
    let mut kind = kind(&typed.ty)?;
    if !matches!(kind, Kind::Value { .. }) {
        write_lifetime(&mut typed.ty);
    }
    for attribute in &typed.attrs {
        if !attribute.path().is_ident("arg") {
            let text = "a parameter has `#[arg(default = .., since)]` and no other attribute";
            return Err(Error::new_spanned(attribute, text));
        }
        let words = words::of_attribute(attribute, WORDS)?;
        let Kind::Value { default, since } = &mut kind else {
            return Err(Error::new_spanned(
                attribute,
                "only values have defaults; buffers, streams and `Context` do not",
            ));
        };
        for word in words {
            if word.name == "since" {
                *since = word.flag()?;
            } else {
                let Some(value) = word.value else {
                    return Err(Error::new(word.name.span(), "write the default: `default = ..`"));
                };
                *default = Some(value);
            }
        }
        if *since && default.is_none() {
            let text = "older clients do not send this: say what they mean, `#[arg(since, default = ..)]`";
            return Err(Error::new_spanned(attribute, text));
        }
    }
    Ok(Parameter { ident: pattern.ident.clone(), ty: (*typed.ty).clone(), kind })
}

/// Writes the lifetime that a type leaves out.
pub fn write_lifetime(ty: &mut Type) {
    let path = match ty {
        Type::Reference(reference) => return write_lifetime(&mut reference.elem),
        Type::Path(path) => path,
        _ => return,
    };
    let Some(last) = path.path.segments.last_mut() else { return };
    match &mut last.arguments {
        PathArguments::None => last.arguments = PathArguments::AngleBracketed(parse_quote!(<'_>)),
        PathArguments::AngleBracketed(list)
            if !list.args.iter().any(|argument| matches!(argument, GenericArgument::Lifetime(_))) =>
        {
            list.args.insert(0, parse_quote!('_));
        }
        _ => {}
    }
}

/// What a parameter of this type is.
fn kind(ty: &Type) -> Result<Kind> {
    let value = Kind::Value { default: None, since: false };
    match ty {
        Type::Reference(reference) => borrowed(reference, value),
        Type::ImplTrait(_) => {
            Err(Error::new_spanned(ty, "callers in other processes need one concrete type, not `impl Trait`"))
        }
        Type::Path(path) if path.qself.is_none() => {
            let Some(last) = path.path.segments.last() else { return Ok(value) };
            let direction = match last.ident.to_string().as_str() {
                "In" => Direction::In,
                "Out" => Direction::Out,
                "InOut" => Direction::InOut,
                "Stream" | "Sink" => return stream(ty, &last.ident),
                "Context" => return Err(Error::new_spanned(ty, "take the context as `&Context`")),
                _ => return Ok(value),
            };
            Ok(Kind::Buffer(Buffer { direction, shared: shared(last, ty)? }))
        }
        Type::Path(_) | Type::Tuple(_) | Type::Array(_) | Type::Paren(_) | Type::Group(_) => Ok(value),
        other => Err(Error::new_spanned(other, "this type cannot cross to another process")),
    }
}

fn borrowed(reference: &TypeReference, value: Kind) -> Result<Kind> {
    let inner = reference.elem.as_ref();
    let last = last_name(inner);
    if last.as_deref() == Some("Context") {
        return match reference.mutability {
            None => Ok(Kind::Context),
            Some(word) => Err(Error::new_spanned(word, "the context is shared: `&Context`")),
        };
    }
    if matches!(last.as_deref(), Some("Stream" | "Sink")) {
        return Err(Error::new_spanned(
            reference,
            "take a stream by value: `mut rows: Stream<Row>`, `mut out: Sink<Row>`",
        ));
    }
    if matches!(last.as_deref(), Some("In" | "Out" | "InOut")) {
        return Err(Error::new_spanned(
            reference,
            "take a buffer by value: `data: In<Bytes>`, `mut out: Out<Bytes>`",
        ));
    }
    if let Some(life) = &reference.lifetime {
        return Err(Error::new_spanned(life, "an argument lives as long as its call: leave the lifetime out"));
    }
    let bytes = matches!(inner, Type::Slice(slice) if last_name(&slice.elem).as_deref() == Some("u8"));
    if reference.mutability.is_none() && (bytes || last.as_deref() == Some("str")) {
        return Ok(value);
    }
    let text = "of references, `&str` and `&[u8]` can be arguments; take other types by value, and bulk data as a \
                buffer (`In<Bytes>`, `Out<Bytes>`, `InOut<Bytes>`)";
    Err(Error::new_spanned(reference, text))
}

/// A stream, read or filled by the method.
fn stream(ty: &Type, name: &Ident) -> Result<Kind> {
    if only_type(ty).is_none() {
        return Err(Error::new_spanned(ty, format!("say what passes: `{name}<u64>`, one type")));
    }
    Ok(Kind::Stream(if name == "Stream" { Direction::In } else { Direction::Out }))
}

/// Whether a buffer's bytes are the caller's own memory.
fn shared(buffer: &PathSegment, ty: &Type) -> Result<bool> {
    let kind = match &buffer.arguments {
        PathArguments::AngleBracketed(list) => list.args.iter().find_map(|argument| match argument {
            GenericArgument::Type(inner) => last_name(inner),
            _ => None,
        }),
        _ => None,
    };
    match kind.as_deref() {
        Some("Bytes") => Ok(false),
        Some("SharedBytes") => Ok(true),
        _ => {
            let name = &buffer.ident;
            let text = format!(
                "say how its bytes arrive: `{name}<Bytes>` (a true slice) or `{name}<SharedBytes>` (the caller's own memory)"
            );
            Err(Error::new_spanned(ty, text))
        }
    }
}

/// What a function answers.
pub fn reply(output: &ReturnType) -> Result<Reply> {
    let ty = match output {
        ReturnType::Default => return Ok(Reply { ty: parse_quote!(()), fallible: false, at: Span::call_site() }),
        ReturnType::Type(_, ty) => ty.as_ref(),
    };
    let reply = match value_of_result(ty) {
        Some(value) => Reply { ty: value.clone(), fallible: true, at: ty.span() },
        None => Reply { ty: ty.clone(), fallible: false, at: ty.span() },
    };
    match &reply.ty {
        Type::Reference(reference) => {
            Err(Error::new_spanned(reference, "a reply leaves the container: answer an owned value"))
        }
        Type::ImplTrait(_) => Err(Error::new_spanned(
            &reply.ty,
            "callers in other processes need one concrete type, not `impl Trait`",
        )),
        _ => Ok(reply),
    }
}

/// `T` of `Result<T, E>` and of an alias `Result<T>`.
fn value_of_result(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == "Result")?;
    let PathArguments::AngleBracketed(list) = &last.arguments else { return None };
    list.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(value) => Some(value),
        _ => None,
    })
}

/// The last name of a path type.
pub fn last_name(ty: &Type) -> Option<String> {
    match ty {
        Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()),
        Type::Paren(inner) => last_name(&inner.elem),
        Type::Group(inner) => last_name(&inner.elem),
        _ => None,
    }
}
