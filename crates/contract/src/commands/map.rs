//! The command map: from a full name to pool, method and instance; and what there is.

use super::{CommandSchema, Instance};
use crate::limits::INSTANCES_MAX;
use crate::schema::ModuleDescriptor;
use crate::{Code, Fault, MethodSchema};
use std::collections::BTreeMap;

/// Where a command is served.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The pool that serves it.
    pub pool: String,
    /// The module.
    pub module: String,
    /// The command.
    pub command: CommandSchema,
    /// Its method.
    pub method: MethodSchema,
}

/// A command that was found by its full name.
#[derive(Clone, Debug)]
pub struct Found<'m> {
    /// Where it is served.
    pub offer: &'m Offer,
    /// What its variables are, as far as the name says it.
    pub instance: Instance,
    /// The name that was asked for.
    pub full_name: String,
    /// What stood in `<..>`.
    pub values: Vec<String>,
}

/// All commands of some pools.
///
/// # Example
/// ```
/// use windlass_contract::commands::CommandMap;
/// let map = CommandMap::default();
/// assert_eq!(map.find("argsort<int64,1>").unwrap_err().message, "Unrecognized command: argsort<int64,1>");
/// ```
#[derive(Clone, Debug, Default)]
pub struct CommandMap {
    offers: BTreeMap<String, Offer>,
    /// Further commands of a name, for dtypes or words that those before have not.
    further: BTreeMap<String, Vec<Offer>>,
    /// Names that a later pool offers as well; the first one serves them.
    pub twice: Vec<String>,
    /// Ranks that full names are listed for.
    ranks_max: u8,
    forbidden: Vec<crate::array::Dtype>,
}

impl CommandMap {
    /// A map that lists ranks up to `ranks_max`.
    pub fn new(ranks_max: u8) -> Self {
        Self { ranks_max, ..Self::default() }
    }

    /// Takes these dtypes away from every command, as a node's configuration may.
    pub fn without(&mut self, dtypes: &[crate::array::Dtype]) {
        self.forbidden.extend_from_slice(dtypes);
    }

    /// Adds the commands of a pool. Of two with one name the first serves what it has. The second serves the rest if the two have no
    /// instance in common, so that a module can bring a dtype to commands that are there; else it is remembered in `twice`.
    pub fn add(&mut self, pool: &str, module: &ModuleDescriptor) {
        for command in &module.commands {
            let Some(method) = module.methods.iter().find(|method| method.id == command.method) else { continue };
            let taken = self.all_of(&command.name).any(|offer| offer.command.meets(command));
            if taken {
                self.twice.push(command.name.clone());
                continue;
            }
            let offer = Offer {
                pool: pool.into(),
                module: module.name.clone(),
                command: self.narrowed(command),
                method: method.clone(),
            };
            match self.offers.contains_key(&command.name) {
                true => self.further.entry(command.name.clone()).or_default().push(offer),
                false => drop(self.offers.insert(command.name.clone(), offer)),
            }
        }
    }

    /// All commands of a base name; the first one answers for it when none has what is asked for.
    fn all_of<'m>(&'m self, name: &str) -> impl Iterator<Item = &'m Offer> + use<'m> {
        self.offers.get(name).into_iter().chain(self.further.get(name).into_iter().flatten())
    }

    fn narrowed(&self, command: &CommandSchema) -> CommandSchema {
        let mut command = command.clone();
        for one in &mut command.variables {
            if let super::Among::Dtypes(dtypes) = &mut one.among {
                dtypes.retain(|dtype| !self.forbidden.contains(dtype));
            }
        }
        command
    }

    /// All commands, by base name.
    pub fn offers(&self) -> impl Iterator<Item = &Offer> {
        self.offers.values().chain(self.further.values().flatten())
    }

    /// The command of this base name.
    pub fn base(&self, name: &str) -> Option<&Offer> {
        self.offers.get(name)
    }

    /// Finds a command by its full name.
    ///
    /// # Errors
    /// `UnknownCommand` names near ones; `NoInstance` lists the dtypes and ranks that the command has.
    pub fn find(&self, full_name: &str) -> Result<Found<'_>, Fault> {
        let (base, values) = split(full_name);
        let Some(first) = self.offers.get(base) else {
            let text = format!("Unrecognized command: {full_name}{}", self.near(base));
            return Err(Fault::new(Code::UnknownCommand, text));
        };
        let has = |offer: &'_ Offer| offer.command.instance(&values).is_ok();
        let offer = self.all_of(base).find(|offer| has(offer)).unwrap_or(first);
        let instance = offer.command.instance(&values)?;
        let values = values.into_iter().map(ToOwned::to_owned).collect();
        Ok(Found { offer, instance, full_name: full_name.to_owned(), values })
    }

    fn near(&self, base: &str) -> String {
        let near = self.offers.keys().map(|name| (distance(base, name), name)).min();
        match near.filter(|(distance, name)| *distance <= 1 + name.len() / 4) {
            Some((_, name)) => format!("; did you mean {name}?"),
            None => String::new(),
        }
    }

    /// Every full name with its command's documentation.
    pub fn full_names(&self) -> BTreeMap<String, &str> {
        let ranks = if self.ranks_max == 0 { crate::limits::RANK_MAX as u8 } else { self.ranks_max };
        let all = self.offers().flat_map(|offer| {
            let names = offer.command.full_names(ranks, INSTANCES_MAX);
            names.into_iter().map(|name| (name, offer.method.docs.as_str()))
        });
        all.take(INSTANCES_MAX).collect()
    }
}

/// A full name as its base and what stands in `<..>`.
pub fn split(full_name: &str) -> (&str, Vec<&str>) {
    match full_name.strip_suffix('>').and_then(|rest| rest.split_once('<')) {
        Some((base, values)) => (base, values.split(',').map(str::trim).collect()),
        None => (full_name, Vec::new()),
    }
}

/// Letters to insert, drop or change to come from `one` to `other`.
pub(crate) fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.chars().take(crate::limits::COMMAND_NAME_MAX).enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for (column, &wanted) in other.iter().enumerate() {
            let changed = diagonal + usize::from(letter != wanted);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}
