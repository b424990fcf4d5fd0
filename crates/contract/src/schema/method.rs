//! Methods and modules, described: what a node serves so that clients need nothing regenerated.

use super::{DynamicError, Schema, SchemaError, parse_text};
use crate::commands::CommandSchema;
use crate::head::{BufferKind, Direction};
use crate::ids::MethodId;
use crate::limits::{
    BUFFERS_MAX, COMMANDS_MAX, DESCRIPTOR_BYTES_MAX, GROUP_LANES_MAX, LANE_GROUPS_MAX, METHODS_MAX, NAME_MAX,
    PARAMETERS_MAX,
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What one parameter of a method is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shape {
    /// A value inside the arguments.
    Value {
        /// Its type.
        schema: Schema,
        /// Its default in postcard, if callers may leave it out.
        default: Option<Vec<u8>>,
        /// Appended later than the method itself: older clients do not send it.
        since: bool,
    },
    /// A buffer.
    Buffer {
        /// Which way.
        direction: Direction,
        /// How its bytes arrive.
        kind: BufferKind,
    },
    /// Values that pass one by one while the call runs. A method has one in each direction at most; the arguments of one that has
    /// any begin with a number (`u64`) that its caller chose, by which they are known.
    Stream {
        /// Which way.
        direction: Direction,
        /// The type of its values.
        item: Schema,
    },
}

/// One parameter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// What it is.
    pub shape: Shape,
}

/// How the node is to run a method; from the attributes of `#[method(..)]`.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MethodFlags {
    /// Source text of `key = ..`: calls of one key run one after another.
    pub key: Option<String>,
    /// Never leaves its node.
    pub local: bool,
    /// Second class: after the latency-sensitive ones, with a guaranteed share.
    pub background: bool,
    /// Called by the node itself every so many nanoseconds; 0 = never.
    pub period_ns: u64,
    /// Callers do not wait for the end.
    pub detached: bool,
    /// Runs on a thread of its own pool because it blocks.
    pub blocking: bool,
    /// May be sent again when it is not known whether it ran.
    pub idempotent: bool,
    /// A nested call whose root holds the key runs at once.
    pub reentrant: bool,
    /// An `async fn`.
    pub is_async: bool,
    /// Replies of several containers are folded by the module.
    pub aggregate: bool,
}

/// One method, described.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MethodSchema {
    /// Its number.
    pub id: MethodId,
    /// Its name.
    pub name: String,
    /// Its doc comment.
    pub docs: String,
    /// Values and buffers, in order.
    pub parameters: Vec<Parameter>,
    /// What it answers.
    pub reply: Schema,
    /// How it runs.
    pub flags: MethodFlags,
    /// Hash of every accepted prefix, shortest first; the last is that of the whole.
    pub hashes: Vec<u64>,
}

/// A module, described.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleDescriptor {
    /// Its name.
    pub name: String,
    /// Its version, semver.
    pub version: String,
    /// Its doc comment.
    pub docs: String,
    /// Every method is a plain `fn`.
    pub all_sync: bool,
    /// Its methods; `create` is among them.
    pub methods: Vec<MethodSchema>,
    /// Its commands. They follow the rest of a descriptor's bytes, where readers that know none of them stop.
    #[serde(skip)]
    pub commands: Vec<CommandSchema>,
    /// Its lane groups. They follow the commands in the same way.
    #[serde(skip)]
    pub lanes: Vec<LaneGroup>,
}

/// Lanes that each container of a module has of its own, for calls of some methods.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneGroup {
    /// Its name.
    pub name: String,
    /// How many lanes, 1 to `limits::GROUP_LANES_MAX`.
    pub lanes: u32,
    /// Methods whose calls wait in them.
    pub methods: Vec<MethodId>,
}

/// Why a descriptor is refused when a module is linked or loaded.
#[derive(Debug, Error, PartialEq, Eq, Clone)]
pub enum DescriptorError {
    /// Not the postcard of a descriptor.
    #[error("the module's descriptor does not decode ({0} bytes)")]
    Unreadable(usize),
    /// A name is empty, too long, or has other characters than a-z, 0-9, `_` and `-`.
    #[error("the name {0:?} is not 1 to {NAME_MAX} of a-z, 0-9, _ and -")]
    Name(String),
    /// No `create`.
    #[error("method 0, create, is missing")]
    NoCreate,
    /// Too many methods.
    #[error("{0} methods (at most {METHODS_MAX})")]
    TooMany(usize),
    /// Two methods share a number or a name.
    #[error("two methods are called {0:?} or share its number {1}")]
    Twice(String, u32),
    /// The hashes do not follow from the types.
    #[error("the hashes of method {0:?} do not follow from its types")]
    Hashes(String),
    /// Too many buffers.
    #[error("method {0:?} has {1} buffers (at most {BUFFERS_MAX})")]
    Buffers(String, usize),
    /// Too many parameters.
    #[error("method {0:?} has {1} parameters (at most {PARAMETERS_MAX}); take a struct")]
    Parameters(String, usize),
    /// A type that cannot cross.
    #[error("method {method:?}: {source}")]
    Type {
        /// The method.
        method: String,
        /// Why.
        source: SchemaError,
    },
    /// A command whose method has other parameters, which refers to what is not there, or whose name is taken.
    #[error("the command {0:?} does not fit its method, or there are two of that name")]
    Command(String),
    /// A lane group that has no lanes or too many, a name of another, or a method that is not there or in another group.
    #[error(
        "the lane group {0:?} does not fit: 1 to {GROUP_LANES_MAX} lanes, a name and methods of its own, {LANE_GROUPS_MAX} groups at most"
    )]
    Lanes(String),
    /// A parameter added with `since` stands before one without.
    #[error("method {0:?}: parameters added with `since` must stand last among the values and have a default")]
    Since(String),
    /// Streams where there can be none, or two in one direction.
    #[error(
        "method {0:?} has streams: one in each direction at most, in an `async fn` that is neither blocking, detached nor periodic and folds nothing"
    )]
    Streams(String),
}

impl MethodSchema {
    /// The hashes of every accepted prefix, from the types: one per count of `since` parameters left out.
    pub fn hashes_of(module: &str, name: &str, parameters: &[Parameter], reply: &Schema) -> Vec<u64> {
        let added = parameters.iter().filter(|one| matches!(one.shape, Shape::Value { since: true, .. })).count();
        (0..=added)
            .map(|kept| {
                let mut left = kept;
                let shapes: Vec<Canonical<'_>> = parameters
                    .iter()
                    .filter_map(|one| match &one.shape {
                        Shape::Value { schema, since: false, .. } => Some(Canonical::Value(schema)),
                        Shape::Value { schema, since: true, .. } if left > 0 => {
                            left -= 1;
                            Some(Canonical::Value(schema))
                        }
                        Shape::Value { .. } => None,
                        Shape::Buffer { direction, kind } => Some(Canonical::Buffer(*direction, *kind)),
                        Shape::Stream { direction, item } => Some(Canonical::Stream(*direction, item)),
                    })
                    .collect();
                let bytes = postcard::to_allocvec(&(module, name, shapes, reply)).unwrap_or_default();
                xxhash_rust::xxh3::xxh3_64(&bytes)
            })
            .collect()
    }

    /// The hash of the method as it is now.
    pub fn hash(&self) -> u64 {
        self.hashes.last().copied().unwrap_or(0)
    }

    /// The value parameters, in order.
    pub fn values(&self) -> impl Iterator<Item = (&Parameter, &Schema, Option<&[u8]>)> {
        self.parameters.iter().filter_map(|one| match &one.shape {
            Shape::Value { schema, default, .. } => Some((one, schema, default.as_deref())),
            Shape::Buffer { .. } | Shape::Stream { .. } => None,
        })
    }

    /// The buffer parameters, in order.
    pub fn buffers(&self) -> impl Iterator<Item = (&Parameter, Direction, BufferKind)> {
        self.parameters.iter().filter_map(|one| match &one.shape {
            Shape::Buffer { direction, kind } => Some((one, *direction, *kind)),
            Shape::Value { .. } | Shape::Stream { .. } => None,
        })
    }

    /// The parameters that are streams, in order.
    pub fn streams(&self) -> impl Iterator<Item = (&Parameter, Direction, &Schema)> {
        self.parameters.iter().filter_map(|one| match &one.shape {
            Shape::Stream { direction, item } => Some((one, *direction, item)),
            Shape::Value { .. } | Shape::Buffer { .. } => None,
        })
    }

    /// The stream that goes this way, if it has one: the type of its values.
    pub fn stream(&self, direction: Direction) -> Option<&Schema> {
        self.streams().find(|(_, way, _)| *way == direction).map(|(.., item)| item)
    }

    /// The arguments in postcard, from names and texts. Values with a default may be left out.
    ///
    /// # Errors
    /// `DynamicError` names a parameter that is unknown, missing, or of another type.
    pub fn encode_text(&self, given: &[(String, String)]) -> Result<Vec<u8>, DynamicError> {
        let known: Vec<&str> = self.values().map(|(one, ..)| one.name.as_str()).collect();
        if let Some((name, _)) = given.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            let exist = if known.is_empty() { "nothing".into() } else { known.join(", ") };
            return Err(DynamicError::Unknown { at: self.name.clone(), name: name.clone(), exist });
        }
        let mut bytes = Vec::new();
        for (one, schema, default) in self.values() {
            match (given.iter().find(|(name, _)| *name == one.name), default) {
                (Some((_, text)), _) => parse_text(schema, text)
                    .and_then(|value| schema.encode_json(&value, &mut bytes))
                    .map_err(|error| error.in_value(&one.name))?,
                (None, Some(default)) => bytes.extend_from_slice(default),
                (None, None) => {
                    return Err(DynamicError::Missing { at: self.name.clone(), name: one.name.clone() });
                }
            }
        }
        Ok(bytes)
    }

    fn check(&self, module: &str) -> Result<(), DescriptorError> {
        check_name(&self.name)?;
        if self.parameters.len() > PARAMETERS_MAX {
            return Err(DescriptorError::Parameters(self.name.clone(), self.parameters.len()));
        }
        let buffers = self.buffers().count();
        if buffers > BUFFERS_MAX {
            return Err(DescriptorError::Buffers(self.name.clone(), buffers));
        }
        let of_type = |source| DescriptorError::Type { method: self.name.clone(), source };
        let mut later = false;
        for one in &self.parameters {
            if let Shape::Value { schema, default, since } = &one.shape {
                schema.check().map_err(of_type)?;
                if (later && !since) || (*since && default.is_none()) {
                    return Err(DescriptorError::Since(self.name.clone()));
                }
                later |= since;
            }
        }
        for (at, (_, direction, item)) in self.streams().enumerate() {
            item.check().map_err(of_type)?;
            let twice = self.streams().take(at).any(|(_, other, _)| other == direction);
            let flags = &self.flags;
            if twice
                || direction == Direction::InOut
                || !flags.is_async
                || flags.blocking
                || flags.detached
                || flags.aggregate
                || flags.period_ns > 0
            {
                return Err(DescriptorError::Streams(self.name.clone()));
            }
        }
        self.reply.check().map_err(of_type)?;
        if self.hashes != Self::hashes_of(module, &self.name, &self.parameters, &self.reply) {
            return Err(DescriptorError::Hashes(self.name.clone()));
        }
        Ok(())
    }
}

/// What of a parameter counts for the hash.
#[derive(Serialize)]
enum Canonical<'a> {
    Value(&'a Schema),
    Buffer(Direction, BufferKind),
    Stream(Direction, &'a Schema),
}

impl ModuleDescriptor {
    /// The bytes: postcard, and the commands and lane groups behind it if there are any.
    ///
    /// # Errors
    /// `Unreadable` when it does not encode, which no descriptor that passes `check` does.
    pub fn encode(&self) -> Result<Vec<u8>, DescriptorError> {
        let unreadable = |_| DescriptorError::Unreadable(0);
        let mut bytes = postcard::to_allocvec(self).map_err(unreadable)?;
        if !self.commands.is_empty() || !self.lanes.is_empty() {
            bytes.extend(postcard::to_allocvec(&self.commands).map_err(unreadable)?);
        }
        if !self.lanes.is_empty() {
            bytes.extend(postcard::to_allocvec(&self.lanes).map_err(unreadable)?);
        }
        Ok(bytes)
    }

    /// Reads and checks a descriptor that a module gave.
    ///
    /// # Errors
    /// `DescriptorError` names what the module's author has to change.
    pub fn decode(bytes: &[u8]) -> Result<Self, DescriptorError> {
        if bytes.len() > DESCRIPTOR_BYTES_MAX {
            return Err(DescriptorError::Unreadable(bytes.len()));
        }
        let unreadable = |_| DescriptorError::Unreadable(bytes.len());
        let (mut descriptor, rest): (Self, _) = postcard::take_from_bytes(bytes).map_err(unreadable)?;
        if !rest.is_empty() {
            let (commands, rest) = postcard::take_from_bytes(rest).map_err(unreadable)?;
            descriptor.commands = commands;
            if !rest.is_empty() {
                descriptor.lanes = postcard::from_bytes(rest).map_err(unreadable)?;
            }
        }
        descriptor.check()?;
        Ok(descriptor)
    }

    /// Checks names, numbers, types and hashes.
    ///
    /// # Errors
    /// `DescriptorError` names what the module's author has to change.
    pub fn check(&self) -> Result<(), DescriptorError> {
        check_name(&self.name)?;
        if self.methods.len() > METHODS_MAX {
            return Err(DescriptorError::TooMany(self.methods.len()));
        }
        if !self.methods.iter().any(|method| method.id == MethodId::CREATE) {
            return Err(DescriptorError::NoCreate);
        }
        for (at, method) in self.methods.iter().enumerate() {
            method.check(&self.name)?;
            if self.methods[..at].iter().any(|other| other.id == method.id || other.name == method.name) {
                return Err(DescriptorError::Twice(method.name.clone(), method.id.0));
            }
        }
        self.check_lanes()?;
        self.check_commands()
    }

    fn check_lanes(&self) -> Result<(), DescriptorError> {
        for (at, group) in self.lanes.iter().enumerate() {
            let before = &self.lanes[..at];
            let is_own = |id: &MethodId| {
                *id != MethodId::CREATE
                    && self.methods.iter().any(|method| method.id == *id)
                    && !before.iter().any(|other| other.methods.contains(id))
            };
            let fits = at < LANE_GROUPS_MAX
                && (1..=GROUP_LANES_MAX).contains(&group.lanes)
                && check_name(&group.name).is_ok()
                && !before.iter().any(|other| other.name == group.name)
                && group.methods.len() <= METHODS_MAX
                && group.methods.iter().all(is_own);
            if !fits {
                return Err(DescriptorError::Lanes(group.name.clone()));
            }
        }
        Ok(())
    }

    fn check_commands(&self) -> Result<(), DescriptorError> {
        if self.commands.len() > COMMANDS_MAX {
            return Err(DescriptorError::TooMany(self.commands.len()));
        }
        for (at, command) in self.commands.iter().enumerate() {
            let served = self.methods.iter().find(|method| method.id == command.method);
            let fits = served.is_some_and(|method| method.parameters == command.parameters());
            if !fits || !command.is_sound() || self.commands[..at].iter().any(|other| other.name == command.name) {
                return Err(DescriptorError::Command(command.name.clone()));
            }
        }
        Ok(())
    }

    /// The method of this name.
    pub fn method(&self, name: &str) -> Option<&MethodSchema> {
        self.methods.iter().find(|method| method.name == name)
    }
}

fn check_name(name: &str) -> Result<(), DescriptorError> {
    let fits = !name.is_empty()
        && name.len() <= NAME_MAX
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'));
    if fits { Ok(()) } else { Err(DescriptorError::Name(name.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(name: &str, schema: Schema, since: bool) -> Parameter {
        Parameter { name: name.into(), shape: Shape::Value { schema, default: since.then(|| vec![0]), since } }
    }

    #[test]
    fn the_hash_covers_module_method_and_types_but_no_parameter_names() {
        let one = MethodSchema::hashes_of("m", "f", &[value("a", Schema::U32, false)], &Schema::Unit);
        let renamed = MethodSchema::hashes_of("m", "f", &[value("b", Schema::U32, false)], &Schema::Unit);
        let other_module = MethodSchema::hashes_of("n", "f", &[value("a", Schema::U32, false)], &Schema::Unit);
        let other_method = MethodSchema::hashes_of("m", "g", &[value("a", Schema::U32, false)], &Schema::Unit);
        let other_type = MethodSchema::hashes_of("m", "f", &[value("a", Schema::U64, false)], &Schema::Unit);
        assert_eq!(one, renamed);
        assert!([other_module, other_method, other_type].iter().all(|hash| *hash != one));
    }

    #[test]
    fn an_argument_appended_with_since_keeps_the_older_hash() {
        let old = MethodSchema::hashes_of("m", "f", &[value("a", Schema::U32, false)], &Schema::Unit);
        let new = MethodSchema::hashes_of(
            "m",
            "f",
            &[value("a", Schema::U32, false), value("b", Schema::U8, true)],
            &Schema::Unit,
        );
        assert_eq!(new.len(), 2);
        assert_eq!(new[0], old[0]);
        assert_ne!(new[1], old[0]);
    }
}
