//! Parse: from the author's impl to the model, and the impl without our marks.
//!
//! Lives here: `module` (the impl and its attribute, with its lane groups in `lane_words`); `method` (one function), `command` (one over arrays, with the words that say so in `command_words`), `parameter` (its parameters and reply).
//! Holds: the impl that goes on is the author's own, minus our attributes and minus hooks, which move to `impl Hooks`;
//! it goes on when there are errors as well, so that one mistake makes one message.

mod command;
mod command_words;
mod lane_words;
mod method;
mod parameter;

pub use lane_words::DEFAULT as DEFAULT_GROUP;
pub use method::OWN_FIRST;
pub use parameter::last_name;

use crate::classes::Classes;
use crate::model::Module;
use crate::{names, words};
use proc_macro2::{Ident, TokenStream};
use syn::{Attribute, Error, ImplItem, ImplItemFn, ItemImpl, LitStr, Path, Result, parse_quote};

const WORDS: &[&str] = &["name", "version", "export", "stateless", "sync", "lanes", "crate"];
const MARKS: &[&str] = &["create", "method", "hook"];

/// Reads the impl. What was not understood is among the errors and missing in the model; there is no model when the impl
/// as a whole is none of a module.
pub fn module(attribute: TokenStream, mut item: ItemImpl) -> (ItemImpl, Option<Module>, Errors) {
    let mut errors = Errors::default();
    let mut model = errors.keep(frame(&item));
    if let Some(model) = &mut model {
        errors.extend(read_words(model, attribute));
    }
    let mut next_id = OWN_FIRST;
    let mut kept = Vec::new();
    for part in std::mem::take(&mut item.items) {
        let ImplItem::Fn(mut function) = part else {
            kept.push(part);
            continue;
        };
        let mark = errors.keep(take_mark(&mut function)).flatten();
        let is_hook = mark.as_ref().is_some_and(|(mark, _)| mark == "hook");
        if let (Some((mark, attribute)), Some(model)) = (mark, &mut model) {
            errors.extend(read_function(model, &mark, &attribute, &mut function, &mut next_id));
        }
        parameter::strip(&mut function);
        if !is_hook {
            kept.push(ImplItem::Fn(function));
        }
    }
    item.items = kept;
    (item, model, errors)
}

/// The module without its functions.
fn frame(item: &ItemImpl) -> Result<Module> {
    if let Some((_, path, _)) = &item.trait_ {
        return Err(Error::new_spanned(path, "`#[module]` stands on the type's own impl, `impl Type { .. }`"));
    }
    if let Some(parameter) = item.generics.params.first() {
        let text = "a module is one concrete type; make a plain type for each case and share generic code inside";
        return Err(Error::new_spanned(parameter, text));
    }
    let Some(ident) = last_name(&item.self_ty) else {
        return Err(Error::new_spanned(&item.self_ty, "`#[module]` stands on the impl of a struct or enum"));
    };
    Ok(Module {
        facade: parse_quote!(::windlass),
        state: (*item.self_ty).clone(),
        name: names::snake(&ident),
        version: None,
        export: true,
        stateless: false,
        sync: None,
        docs: names::docs(&item.attrs),
        create_marked: false,
        creates: Vec::new(),
        methods: Vec::new(),
        classes_file: None,
        groups: Vec::new(),
        hooks: Vec::new(),
    })
}

/// The words of `#[module(..)]`.
fn read_words(model: &mut Module, attribute: TokenStream) -> Result<()> {
    let (groups, attribute) = lane_words::take_lanes(attribute)?;
    model.groups = groups;
    for word in words::of_tokens(attribute, "module", WORDS)? {
        match word.name.to_string().as_str() {
            "name" => model.name = name(word.text()?)?,
            "version" => model.version = Some(version(word.text()?)?),
            "export" => model.export = word.flag()?,
            "stateless" => model.stateless = word.flag()?,
            "sync" => model.sync = word.flag()?.then(|| word.name.span()),
            _ => model.facade = word.text()?.parse_with(Path::parse_mod_style)?,
        }
    }
    Ok(())
}

fn read_function(
    model: &mut Module,
    mark: &str,
    attribute: &Attribute,
    function: &mut ImplItemFn,
    next_id: &mut u32,
) -> Result<()> {
    match mark {
        "create" => {
            model.create_marked = true;
            model.creates.push(method::create(attribute, function)?);
        }
        "method" => {
            let (words, attribute) = command_words::take_words(attribute)?;
            let method = if words.any() {
                let classes = Classes::of_build().map_err(|text| Error::new(function.sig.ident.span(), text))?;
                model.classes_file = classes.file.as_ref().map(|file| file.display().to_string());
                let made = command::command(words, function, &model.facade, &classes)?;
                method::flagged(made, &attribute, *next_id)?
            } else {
                method::method(&attribute, function, *next_id)?
            };
            *next_id = method.id.saturating_add(1).max(OWN_FIRST);
            model.methods.push(method);
        }
        _ => {
            words::of_attribute(attribute, &[])?;
            if let Some(word) = &function.sig.asyncness {
                let text = "a hook is a plain `fn`: the node waits for it; do long work in a method";
                return Err(Error::new_spanned(word, text));
            }
            model.hooks.push(function.clone());
        }
    }
    Ok(())
}

/// Takes our mark off a function.
fn take_mark(function: &mut ImplItemFn) -> Result<Option<(String, Attribute)>> {
    let mut marks = Vec::new();
    for attribute in &function.attrs {
        if let Some(mark) = mark_of(attribute) {
            marks.push((mark, attribute.clone()));
        }
    }
    function.attrs.retain(|attribute| mark_of(attribute).is_none());
    if let [_, (_, second), ..] = &marks[..] {
        return Err(Error::new_spanned(second, "a function is one of `#[create]`, `#[method]` and `#[hook]`"));
    }
    Ok(marks.pop())
}

/// Which of our marks an attribute is, by the last name of its path (`#[method]`, `#[windlass::method]`).
fn mark_of(attribute: &Attribute) -> Option<String> {
    let last = attribute.path().segments.last()?.ident.to_string();
    MARKS.contains(&last.as_str()).then_some(last)
}

fn name(text: &LitStr) -> Result<String> {
    let name = text.value();
    let fits = name.len() <= 64
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'));
    if fits {
        return Ok(name);
    }
    Err(Error::new(text.span(), "a module's name is 1 to 64 of a-z, 0-9, _ and -, and begins with a letter"))
}

fn version(text: &LitStr) -> Result<LitStr> {
    let value = text.value();
    let number = value.split(['-', '+']).next().unwrap_or_default();
    let parts: Vec<&str> = number.split('.').collect();
    if (2..=3).contains(&parts.len()) && parts.iter().all(|part| part.parse::<u32>().is_ok()) {
        return Ok(text.clone());
    }
    Err(Error::new(text.span(), "a version is two or three numbers, like \"1.2\" or \"1.2.0\""))
}

/// The name of a function to callers, without `r#`.
fn plain(ident: &Ident) -> String {
    let name = ident.to_string();
    name.strip_prefix("r#").unwrap_or(&name).to_owned()
}

/// Errors, collected so that all are shown at once.
#[derive(Default)]
pub struct Errors {
    all: Option<Error>,
}

impl Errors {
    /// One more.
    pub fn add(&mut self, error: Error) {
        match &mut self.all {
            Some(all) => all.combine(error),
            none => *none = Some(error),
        }
    }
    /// One more, if it is one.
    pub fn extend(&mut self, result: Result<()>) {
        if let Err(error) = result {
            self.add(error);
        }
    }
    /// The value, or one more.
    pub fn keep<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.add(error)).ok()
    }
    /// None, or all of them.
    pub fn end(self) -> Result<()> {
        self.all.map_or(Ok(()), Err)
    }
}
