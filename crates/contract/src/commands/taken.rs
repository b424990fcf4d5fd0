//! Taken: a command's arguments on the module's side, decoded and looked up once, and what they make of its variables.
//!
//! Holds: when `take` has answered, every variable is known and is one that the command has; every argument is of its form.

use super::text::no_cast;
use super::{Called, CommandSchema, Form, Given, Instance, Known, Length, Of};
use crate::array::{Array, ArrayView, Dtype, Item, Scalar, Strings};
use crate::context::Incoming;
use crate::serve::Arguments;
use crate::symbols::{Own, OwnSymbol, Slot, Symbol, SymbolType};
use crate::{Code, Described, Fault, Schema};
use serde::de::DeserializeOwned;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Deref;

/// The arguments of one call of a command.
#[derive(Debug)]
pub struct Taken<'c> {
    command: &'c CommandSchema,
    instance: Instance,
    values: Vec<One>,
}

/// One argument.
#[derive(Debug)]
enum One {
    Array(Array),
    /// Until the command takes it: a hold kept here would make each change a copy.
    Slot(RefCell<Option<Slot>>),
    Strings(Strings),
    Own(OwnSymbol),
    Scalar(Scalar),
    Text(String),
    List(Vec<Scalar>),
}

impl One {
    /// Dtype and rank of an array.
    fn layout(&self) -> Option<(Dtype, usize)> {
        match self {
            Self::Array(array) => Some((array.dtype(), array.ndim())),
            Self::Slot(slot) => slot.borrow().as_ref().map(|slot| (slot.array.dtype(), slot.array.ndim())),
            _ => None,
        }
    }
}

/// As many values as an array has dimensions: an index, a shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tuple<T>(pub Vec<T>);

impl<T> Deref for Tuple<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'c> Taken<'c> {
    /// Decodes a call's arguments, looks its symbols up, and settles its variables.
    ///
    /// # Errors
    /// `BadArguments` names an argument that does not decode or is of another form; `UnknownSymbol`; `NoInstance` lists the
    /// dtypes and ranks that the command has.
    pub fn take(call: Incoming<'_>, command: &'c CommandSchema) -> Result<Self, Fault> {
        let symbols = call.context().symbols();
        let mut arguments = Arguments::of(call);
        let types: Vec<String> = arguments.value("types")?;
        let mut values = Vec::with_capacity(command.formals.len());
        for formal in &command.formals {
            let key = formal.key.as_str();
            values.push(match &formal.form {
                Form::Array { in_place, .. } => {
                    let name: String = arguments.value(key)?;
                    let array = symbols.get(&name).and_then(|symbol| symbol.array(&name)).map_err(in_key(key))?;
                    match in_place {
                        true => One::Slot(RefCell::new(Some(Slot { name, array }))),
                        false => One::Array(array),
                    }
                }
                Form::Strings => {
                    let name: String = arguments.value(key)?;
                    One::Strings(symbols.get(&name).and_then(|symbol| symbol.strings(&name)).map_err(in_key(key))?)
                }
                Form::Own { class, .. } => {
                    let name: String = arguments.value(key)?;
                    match symbols.get(&name).map_err(in_key(key))? {
                        Symbol::Own(own) if own.class == *class => One::Own(own),
                        other => return Err(in_key(key)(other.is_no(&format!("a {class}"), &name))),
                    }
                }
                Form::Scalar(_) => One::Scalar(arguments.value(key)?),
                Form::Text => One::Text(arguments.value(key)?),
                Form::Word(words) => {
                    let word: String = arguments.value(key)?;
                    if !words.contains(&word) {
                        let text = format!("{key}: {word:?} is none of {}", words.join(", "));
                        return Err(Fault::new(Code::BadArguments, text));
                    }
                    One::Text(word)
                }
                Form::List(_) | Form::Tuple(..) => One::List(arguments.value(key)?),
            });
        }
        arguments.end()?;
        let mut taken = Self { command, instance: Instance(vec![None; command.variables.len()]), values };
        taken.settle(&types)?;
        Ok(taken)
    }

    /// A standard command's name and texts.
    ///
    /// # Errors
    /// `BadArguments`; `NoInstance`, `UnknownCommand` for a name that the command does not have.
    pub fn standard(call: Incoming<'_>, command: &CommandSchema) -> Result<(Called, Given), Fault> {
        let mut arguments = Arguments::of(call);
        let name: String = arguments.value("command")?;
        let given: BTreeMap<String, String> = arguments.value_or("arguments", BTreeMap::new)?;
        arguments.end()?;
        Ok((Called::of(command, name)?, Given(given)))
    }

    /// What the arguments determine, then what `types` says; both have to agree.
    fn settle(&mut self, types: &[String]) -> Result<(), Fault> {
        let command = self.command;
        let said = self.said(types)?;
        for (formal, one) in command.formals.iter().zip(&self.values) {
            match (&formal.form, one) {
                (Form::Array { dtype, rank, .. }, One::Array(_) | One::Slot(_)) => {
                    let Some((has, ndim)) = one.layout() else { continue };
                    match dtype {
                        Of::Variable(variable) => {
                            bind(command, &mut self.instance, *variable, Known::Dtype(has), &formal.key)?;
                        }
                        Of::Dtype(wanted) if *wanted != has => {
                            let text = format!("{} is of {has}, {wanted} wanted", formal.key);
                            return Err(Fault::new(Code::BadArguments, text));
                        }
                        Of::Dtype(_) | Of::Any => {}
                    }
                    if let Some(rank) = rank {
                        let known = Known::Rank(ndim as u8);
                        bind(command, &mut self.instance, *rank, known, &formal.key)?;
                    }
                }
                (Form::Own { variables, .. }, One::Own(own)) => {
                    for (variable, text) in variables.iter().zip(&own.parameters) {
                        let Some(variable) = variable else { continue };
                        let among = &command.variables[usize::from(*variable)].among;
                        let parameters: Vec<&str> = own.parameters.iter().map(String::as_str).collect();
                        let known = among.read(text).ok_or_else(|| command.no_instance(&parameters))?;
                        bind(command, &mut self.instance, *variable, known, &formal.key)?;
                    }
                }
                _ => {}
            }
        }
        for (at, said) in said.0.into_iter().enumerate() {
            if let Some(known) = said {
                bind(command, &mut self.instance, at as u16, known, "the command's name")?;
            }
        }
        if let Some(at) = self.instance.0.iter().position(Option::is_none) {
            let one = &command.variables[at];
            let text = format!("{} needs `types`: which {} it is, of {}", command.name, one.name, one.among);
            return Err(Fault::new(Code::BadArguments, text));
        }
        self.check_lengths()
    }

    /// `types`: all that stands in the name, or only what no argument determines, or nothing.
    fn said(&self, types: &[String]) -> Result<Instance, Fault> {
        let command = self.command;
        let values: Vec<&str> = types.iter().map(String::as_str).collect();
        if !values.is_empty() && values.len() == command.order.len() {
            return command.instance(&values);
        }
        let mut said = Instance(vec![None; command.variables.len()]);
        let free: Vec<usize> = (0..command.variables.len()).filter(|&at| !command.variables[at].bound).collect();
        if !values.is_empty() && values.len() != free.len() {
            return Err(command.no_instance(&values));
        }
        for (at, text) in free.into_iter().zip(values.iter()) {
            let known = command.variables[at].among.read(text).ok_or_else(|| command.no_instance(&values))?;
            said.0[at] = Some(known);
        }
        Ok(said)
    }

    fn check_lengths(&self) -> Result<(), Fault> {
        for (formal, one) in self.command.formals.iter().zip(&self.values) {
            let (Form::Tuple(_, length), One::List(values)) = (&formal.form, one) else { continue };
            let wanted = match length {
                Length::Fixed(count) => *count as usize,
                Length::Rank(rank) => usize::from(self.instance.rank(*rank).unwrap_or(0)),
            };
            if values.len() != wanted {
                let text = format!("{}: {wanted} values wanted, {} given", formal.key, values.len());
                return Err(Fault::new(Code::BadArguments, text));
            }
        }
        Ok(())
    }

    /// The dtype of a variable; the command has it.
    ///
    /// # Errors
    /// `NoInstance` when the variable is no dtype, which the macro does not ask.
    pub fn dtype(&self, variable: u16) -> Result<Dtype, Fault> {
        self.instance.dtype(variable).ok_or_else(|| self.not_there())
    }
    /// What the variables are.
    pub fn instance(&self) -> &Instance {
        &self.instance
    }
    /// `NoInstance` for what the variables are.
    pub fn not_there(&self) -> Fault {
        let text = |&at: &u16| match self.instance.0.get(usize::from(at)) {
            Some(Some(known)) => known.to_string(),
            _ => "?".into(),
        };
        let values: Vec<String> = self.command.order.iter().map(text).collect();
        self.command.no_instance(&values.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn key(&self, at: usize) -> &str {
        self.command.formals.get(at).map_or("?", |formal| formal.key.as_str())
    }
    fn other(&self, at: usize) -> Fault {
        Fault::new(Code::Internal, format!("argument {} is of another form than its command says", self.key(at)))
    }
    /// The array at `at`.
    ///
    /// # Errors
    /// `Internal` when the command says that it is none; so do the following.
    pub fn array(&self, at: usize) -> Result<Array, Fault> {
        match self.values.get(at) {
            Some(One::Array(array)) => Ok(array.clone()),
            _ => Err(self.other(at)),
        }
    }
    /// The array at `at` with its element type.
    ///
    /// # Errors
    /// As `array`.
    pub fn view<T: Item>(&self, at: usize) -> Result<ArrayView<'_, T>, Fault> {
        match self.values.get(at) {
            Some(One::Array(array)) => array.view::<T>().ok_or_else(|| self.other(at)),
            _ => Err(self.other(at)),
        }
    }
    /// The array at `at` with its name, to be changed; once.
    ///
    /// # Errors
    /// As `array`.
    pub fn slot(&self, at: usize) -> Result<Slot, Fault> {
        match self.values.get(at) {
            Some(One::Slot(slot)) => slot.take().ok_or_else(|| self.other(at)),
            _ => Err(self.other(at)),
        }
    }
    /// The strings at `at`.
    ///
    /// # Errors
    /// As `array`.
    pub fn strings(&self, at: usize) -> Result<Strings, Fault> {
        match self.values.get(at) {
            Some(One::Strings(strings)) => Ok(strings.clone()),
            _ => Err(self.other(at)),
        }
    }
    /// The symbol at `at`.
    ///
    /// # Errors
    /// As `array`; `BadArguments` when its parameters are others than its type's.
    pub fn own<S: SymbolType>(&self, at: usize) -> Result<Own<S>, Fault> {
        match self.values.get(at) {
            Some(One::Own(own)) => Own::of(own).map_err(in_key(self.key(at))),
            _ => Err(self.other(at)),
        }
    }
    /// The value at `at`.
    ///
    /// # Errors
    /// As `array`; `BadArguments` when `T` cannot hold it.
    pub fn scalar<T: Item>(&self, at: usize) -> Result<T, Fault> {
        match self.values.get(at) {
            Some(One::Scalar(value)) => self.cast(at, value),
            _ => Err(self.other(at)),
        }
    }
    /// The value at `at`, whatever its dtype.
    ///
    /// # Errors
    /// As `array`.
    pub fn any(&self, at: usize) -> Result<Scalar, Fault> {
        match self.values.get(at) {
            Some(One::Scalar(value)) => Ok(value.clone()),
            _ => Err(self.other(at)),
        }
    }
    fn cast<T: Item>(&self, at: usize, value: &Scalar) -> Result<T, Fault> {
        T::from_scalar(value).ok_or_else(|| no_cast(self.key(at), &value.plain(), T::DTYPE))
    }
    /// The values at `at`.
    ///
    /// # Errors
    /// As `scalar`.
    pub fn list<T: Item>(&self, at: usize) -> Result<Vec<T>, Fault> {
        match self.values.get(at) {
            Some(One::List(values)) => values.iter().map(|value| self.cast(at, value)).collect(),
            _ => Err(self.other(at)),
        }
    }
    /// The values at `at`, whatever their dtype.
    ///
    /// # Errors
    /// As `array`.
    pub fn any_list(&self, at: usize) -> Result<Vec<Scalar>, Fault> {
        match self.values.get(at) {
            Some(One::List(values)) => Ok(values.clone()),
            _ => Err(self.other(at)),
        }
    }
    /// The texts at `at`.
    ///
    /// # Errors
    /// As `array`.
    pub fn texts(&self, at: usize) -> Result<Vec<String>, Fault> {
        Ok(self.any_list(at)?.iter().map(Scalar::plain).collect())
    }
    /// The values at `at`, as many as a rank.
    ///
    /// # Errors
    /// As `scalar`.
    pub fn tuple<T: Item>(&self, at: usize) -> Result<Tuple<T>, Fault> {
        self.list(at).map(Tuple)
    }
    /// The values at `at`, so many.
    ///
    /// # Errors
    /// As `scalar`.
    pub fn fixed<T: Item, const N: usize>(&self, at: usize) -> Result<[T; N], Fault> {
        self.list(at)?.try_into().map_err(|_| self.other(at))
    }
    /// The text at `at`.
    ///
    /// # Errors
    /// As `array`.
    pub fn text(&self, at: usize) -> Result<&str, Fault> {
        match self.values.get(at) {
            Some(One::Text(text)) => Ok(text),
            _ => Err(self.other(at)),
        }
    }
    /// The variant that the word at `at` names.
    ///
    /// # Errors
    /// As `array`.
    pub fn word<E: Described + DeserializeOwned>(&self, at: usize) -> Result<E, Fault> {
        word(self.text(at)?).ok_or_else(|| self.other(at))
    }
    /// The variant that a variable is.
    ///
    /// # Errors
    /// `NoInstance` when the enum does not have it: the parameter class and the enum differ.
    pub fn variant<E: Described + DeserializeOwned>(&self, variable: u16) -> Result<E, Fault> {
        self.instance.word(variable).and_then(word).ok_or_else(|| self.not_there())
    }
}

/// The names of a plain enum's variants; of anything else, none.
pub fn words<E: Described>() -> Vec<String> {
    let Schema::Enum { variants, .. } = E::schema() else { return Vec::new() };
    variants.into_iter().filter(|variant| variant.schema == Schema::Unit).map(|variant| variant.name).collect()
}

/// The variant of a plain enum that has this name.
pub fn word<E: Described + DeserializeOwned>(name: &str) -> Option<E> {
    let Schema::Enum { variants, .. } = E::schema() else { return None };
    let at = variants.iter().position(|variant| variant.name == name && variant.schema == Schema::Unit)?;
    let mut bytes = Vec::new();
    crate::schema::write_varint(at as u64, &mut bytes);
    postcard::from_bytes(&bytes).ok()
}

fn bind(
    command: &CommandSchema,
    instance: &mut Instance,
    variable: u16,
    known: Known,
    from: &str,
) -> Result<(), Fault> {
    let Some(one) = command.variables.get(usize::from(variable)) else { return Ok(()) };
    let before = instance.0[usize::from(variable)].replace(known.clone());
    if let Some(before) = before.filter(|before| *before != known) {
        let text = format!("{}: {} is {before}, and {known} by {from}", command.name, one.name);
        return Err(Fault::new(Code::BadArguments, text));
    }
    if !one.among.has(&known) {
        let values = command.order.iter().map(|&at| match &instance.0[usize::from(at)] {
            Some(known) => known.to_string(),
            None => command.variables[usize::from(at)].name.clone(),
        });
        let values: Vec<String> = values.collect();
        return Err(command.no_instance(&values.iter().map(String::as_str).collect::<Vec<_>>()));
    }
    Ok(())
}

fn in_key(key: &str) -> impl Fn(Fault) -> Fault {
    move |mut fault| {
        fault.message = format!("{key}: {}", fault.message);
        fault
    }
}
