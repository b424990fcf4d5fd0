//! Macros: from one annotated `impl` to a module's table, schema and clients.
//!
//! Lives here, in the order tokens move: `words` (what stands inside an attribute), `model` (what the author said),
//! `parse` (from the impl to the model, with `classes` for what a command is generic over), `check` (what no single function can know), `emit` (from the model to code), and
//! `data` with `described` for the types that cross.
//! From: an impl in a user's crate. To: safe code over `windlass-contract`, by way of the facade's `__private`.
//! Holds: misuse is an error at the token that is wrong, and says what to write instead; the expansion holds no unsafe
//! code but the attribute of the one exported symbol; expanding twice gives the same tokens.
//! Not here: unsafe shims (`contract/src/abi`), encoding and hashes (`contract/src/{serve,describe}.rs`).

mod check;
mod classes;
mod data;
mod described;
mod emit;
mod model;
mod names;
mod parse;
mod words;

#[cfg(test)]
mod snapshots;

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;

/// Makes a module of an `impl`: its table, its schema, its hooks and its clients.
///
/// Attributes: `name = ".."` (default: the type's name in snake_case), `version = ".."` (default: the crate's),
/// `export = false` (no entry symbol: for the second module of a crate and for crates that forbid unsafe code),
/// `crate = "path"` (where the facade is, when it is not `::windlass`), `lanes(default = 1, data = 32)` (groups of lanes that each
/// container has of its own; `group = data` on a method says that its calls wait there, `default` has those that say nothing),
/// `stateless` (a container keeps nothing between calls), `sync` (calls of one container run on several workers at once, those of one
/// key on one: every method takes `&self`, and the type is `Send` and `Sync`).
///
/// The functions are marked `#[create]` (one, required), `#[method(..)]` and `#[hook]`; others stay what they are. Beside
/// the type this makes a module of its name, with `Client`, `Blocking`, `Nested`, `create` and `methods`; so the impl stands in
/// a module, not in a function's body.
///
/// # Errors
/// Misuse does not compile; the message says what to write.
#[proc_macro_attribute]
pub fn module(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand_module(attribute.into(), item.into()).into()
}

/// Marks a method of a `#[module]` impl: a function that callers reach.
///
/// Attributes: `id = 10` (10 or more; by default the next free one), `key = name` (calls of one key run one after another;
/// an expression over the parameters), `local` (never leaves its node), `prio = "low"` (low latency, the default) or
/// `prio = "background"`, `period = "100ms"` (the node calls it itself), `detached` (callers do not wait for the end),
/// `blocking` (runs on a thread of its own pool), `idempotent` (a client may send it again), `reentrant` (a nested
/// call whose root holds the key runs at once), `group = data` (its calls wait in this lane group of the module), `aggregate`
/// (the module folds the replies of a broadcast).
///
/// A method over arrays becomes a *command*, called by names that enumerate (`argsort<int64,1>`), with `each(T in Numeric)`: the
/// function is generic over `T`, is compiled once per dtype of the class, and is picked by the dtype of its arguments at run
/// time. Classes are `Element`, `Numeric`, `Integer`, `Signed`, `Unsigned`, `Float`, `Rank`, and those of `windlass.toml`, by
/// name or as `class.field`. Further words: `name = ".."` (default: the function's), `rank = 1` or `rank(1..=2)` (default: any),
/// `params(T, rank)` (what stands in the name; default: what `each` lists, then the rank), `refusal = ".."` (what callers are told
/// who ask for a dtype or rank that is not there; `{}` is what they asked for), `standard` (the function takes `&Context`,
/// `&Called` and `&Given` and reads its arguments itself).
#[proc_macro_attribute]
pub fn method(_: TokenStream, item: TokenStream) -> TokenStream {
    astray("method", item)
}

/// Marks the function of a `#[module]` impl that makes a container from the pool's parameters.
#[proc_macro_attribute]
pub fn create(_: TokenStream, item: TokenStream) -> TokenStream {
    astray("create", item)
}

/// Marks a function of a `#[module]` impl that overrides a life-cycle or monitor hook (see `Hooks`).
#[proc_macro_attribute]
pub fn hook(_: TokenStream, item: TokenStream) -> TokenStream {
    astray("hook", item)
}

/// Makes a struct or enum able to be an argument or a reply: derives `Clone`, `Debug`, `PartialEq`, serde's two traits and
/// `Described`. What the type derives already is not derived twice.
#[proc_macro_attribute]
pub fn data(attribute: TokenStream, item: TokenStream) -> TokenStream {
    data::expand(attribute.into(), item.into()).unwrap_or_else(|error| error.to_compile_error()).into()
}

/// Describes a type to callers in other languages; `serde` must write it as it stands, so its attributes are refused.
#[proc_macro_derive(Described, attributes(serde, described))]
pub fn described(item: TokenStream) -> TokenStream {
    described::expand(item.into()).unwrap_or_else(|error| error.to_compile_error()).into()
}

/// What `#[module]` does, on tokens that need no compiler.
fn expand_module(attribute: Tokens, item: Tokens) -> Tokens {
    let parsed = match syn::parse2(item) {
        Ok(parsed) => parsed,
        Err(error) => return error.to_compile_error(),
    };
    let (kept, model, mut errors) = parse::module(attribute, parsed);
    if let Some(model) = &model {
        check::module(model, &mut errors);
    }
    match (errors.end(), model) {
        (Ok(()), Some(model)) => emit::module(&kept, &model),
        (errors, _) => {
            let errors = errors.err().map(|errors| errors.to_compile_error());
            quote::quote! { #kept #errors }
        }
    }
}

fn astray(mark: &str, item: TokenStream) -> TokenStream {
    let text = format!("`#[{mark}]` stands on a function of an impl that is marked `#[module]`");
    let error = syn::Error::new(proc_macro2::Span::call_site(), text).to_compile_error();
    let item: Tokens = item.into();
    quote::quote! { #error #item }.into()
}
