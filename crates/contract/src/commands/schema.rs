//! What a command says of itself: its name, its variables, its formals.

use crate::array::Dtype;
use crate::limits::{COMMAND_NAME_MAX, COMMAND_VARIABLES_MAX, NAME_MAX, RANK_MAX};
use crate::schema::{Parameter, Shape};
use crate::{Code, Fault, MethodId, Schema};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A command, described.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandSchema {
    /// Its name without what stands in `<..>`.
    pub name: String,
    /// Other names of it, in its module; in a descriptor each stands as a command of its own.
    #[serde(skip)]
    pub also: Vec<String>,
    /// The method that serves it.
    pub method: MethodId,
    /// What it is generic over.
    pub variables: Vec<Variable>,
    /// Which variables stand in its full names, in that order.
    pub order: Vec<u16>,
    /// Its arguments, in order. Of a standard command: none, it reads texts by key.
    pub formals: Vec<Formal>,
    /// It is called with its full name and texts by key.
    pub standard: bool,
    /// What its module says when it is asked for dtypes or ranks that it does not have.
    pub refusal: Option<String>,
}

/// Commands for a descriptor: one for each of their names.
pub fn by_name(commands: &[&CommandSchema]) -> Vec<CommandSchema> {
    let all = commands.iter().flat_map(|command| {
        let names = std::iter::once(&command.name).chain(&command.also);
        names.map(|name| CommandSchema { name: name.clone(), also: Vec::new(), ..(*command).clone() })
    });
    all.collect()
}

/// One thing that a command is generic over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variable {
    /// Its name, as its author wrote it.
    pub name: String,
    /// What it can be.
    pub among: Among,
    /// Whether an argument determines it; if not, callers say it in `types`.
    pub bound: bool,
}

/// What a variable can be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Among {
    /// One of these dtypes.
    Dtypes(Vec<Dtype>),
    /// A rank between these, both included.
    Ranks(u8, u8),
    /// One of these words: variants of an enum, or numbers of an own class.
    Words(Vec<String>),
}

/// One argument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Formal {
    /// Its key.
    pub key: String,
    /// What it is.
    pub form: Form,
}

/// What an argument is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Form {
    /// An array, by its symbol's name; `in_place`: the command changes it.
    Array {
        /// Its dtype.
        dtype: Of,
        /// The variable that is its rank.
        rank: Option<u16>,
        /// Whether the command puts a new version under the same name.
        in_place: bool,
    },
    /// Strings, by their symbol's name.
    Strings,
    /// A symbol of this class; its parameters are these variables.
    Own {
        /// The class.
        class: String,
        /// By field of the class.
        variables: Vec<Option<u16>>,
    },
    /// One value.
    Scalar(Of),
    /// Text.
    Text,
    /// Any number of values.
    List(Of),
    /// So many values.
    Tuple(Of, Length),
    /// One of these words.
    Word(Vec<String>),
}

/// A dtype, as an argument has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Of {
    /// That of a variable.
    Variable(u16),
    /// Always this.
    Dtype(Dtype),
    /// Whatever comes.
    Any,
}

/// How many values a tuple has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Length {
    /// As many as this rank.
    Rank(u16),
    /// So many.
    Fixed(u32),
}

/// What a variable is in one call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Known {
    /// A dtype.
    Dtype(Dtype),
    /// A rank.
    Rank(u8),
    /// A word.
    Word(String),
}

/// What all variables are in one call; `None` as long as nobody has said it.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Instance(pub Vec<Option<Known>>);

impl Instance {
    /// A variable's dtype, if it is one and known.
    pub fn dtype(&self, variable: u16) -> Option<Dtype> {
        match self.0.get(usize::from(variable))? {
            Some(Known::Dtype(dtype)) => Some(*dtype),
            _ => None,
        }
    }
    /// A variable's rank, if it is one and known.
    pub fn rank(&self, variable: u16) -> Option<u8> {
        match self.0.get(usize::from(variable))? {
            Some(Known::Rank(rank)) => Some(*rank),
            _ => None,
        }
    }
    /// A variable's word, if it is one and known.
    pub fn word(&self, variable: u16) -> Option<&str> {
        match self.0.get(usize::from(variable))? {
            Some(Known::Word(word)) => Some(word),
            _ => None,
        }
    }
    /// The dtype of an argument, as far as it is known.
    pub fn of(&self, of: Of) -> Option<Dtype> {
        match of {
            Of::Variable(variable) => self.dtype(variable),
            Of::Dtype(dtype) => Some(dtype),
            Of::Any => None,
        }
    }
}

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dtype(dtype) => write!(f, "{dtype}"),
            Self::Rank(rank) => write!(f, "{rank}"),
            Self::Word(word) => f.write_str(word),
        }
    }
}

impl Among {
    /// The value of this text, if it is one of ours.
    pub fn read(&self, text: &str) -> Option<Known> {
        let known = match self {
            Self::Dtypes(_) => Known::Dtype(Dtype::of(text)?),
            Self::Ranks(..) => Known::Rank(text.parse().ok()?),
            Self::Words(_) => Known::Word(text.into()),
        };
        self.has(&known).then_some(known)
    }
    /// Whether it can be this.
    pub fn has(&self, known: &Known) -> bool {
        match (self, known) {
            (Self::Dtypes(dtypes), Known::Dtype(dtype)) => dtypes.contains(dtype),
            (Self::Ranks(least, most), Known::Rank(rank)) => (least..=most).contains(&rank),
            (Self::Words(words), Known::Word(word)) => words.contains(word),
            _ => false,
        }
    }
    /// How many values there are, with ranks up to `ranks_max`.
    pub fn count(&self, ranks_max: u8) -> usize {
        match self {
            Self::Dtypes(dtypes) => dtypes.len(),
            Self::Ranks(least, most) => usize::from((*most).min(ranks_max).saturating_sub(*least) + 1),
            Self::Words(words) => words.len(),
        }
    }
    /// The value at a place of the enumeration.
    pub fn at(&self, at: usize) -> Option<Known> {
        match self {
            Self::Dtypes(dtypes) => dtypes.get(at).copied().map(Known::Dtype),
            Self::Ranks(least, most) => {
                let rank = u8::try_from(usize::from(*least) + at).ok()?;
                (rank <= *most).then_some(Known::Rank(rank))
            }
            Self::Words(words) => words.get(at).cloned().map(Known::Word),
        }
    }
}

impl fmt::Display for Among {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dtypes(dtypes) => {
                let names: Vec<&str> = dtypes.iter().map(|dtype| dtype.name()).collect();
                f.write_str(&names.join(", "))
            }
            Self::Ranks(least, most) if least == most => write!(f, "rank {least}"),
            Self::Ranks(least, most) => write!(f, "ranks {least} to {most}"),
            Self::Words(words) => f.write_str(&words.join(", ")),
        }
    }
}

impl Form {
    /// The schema of what is sent for it.
    pub fn schema(&self) -> Schema {
        match self {
            Self::Array { .. } => Schema::Symbol("array".into()),
            Self::Strings => Schema::Symbol("strings".into()),
            Self::Own { class, .. } => Schema::Symbol(class.clone()),
            Self::Scalar(_) => Schema::Scalar,
            Self::Text | Self::Word(_) => Schema::Str,
            Self::List(_) | Self::Tuple(..) => Schema::List(Box::new(Schema::Scalar)),
        }
    }
}

impl Among {
    /// Whether both have a value in common, as names write it.
    fn meets(&self, other: &Self) -> bool {
        let names = |one: &Self| -> Option<Vec<String>> {
            match one {
                Self::Dtypes(dtypes) => Some(dtypes.iter().map(|dtype| dtype.name().to_owned()).collect()),
                Self::Words(words) => Some(words.clone()),
                Self::Ranks(..) => None,
            }
        };
        match (self, other) {
            (Self::Ranks(from, to), Self::Ranks(other_from, other_to)) => from <= other_to && other_from <= to,
            _ => match (names(self), names(other)) {
                (Some(one), Some(another)) => one.iter().any(|name| another.contains(name)),
                // A rank and a dtype are written differently.
                _ => false,
            },
        }
    }
}

impl CommandSchema {
    /// The method's parameters: `types`, then the formals; of a standard command its full name and its texts by key.
    pub fn parameters(&self) -> Vec<Parameter> {
        let value = |name: &str, schema, default| Parameter {
            name: name.into(),
            shape: Shape::Value { schema, default, since: false },
        };
        if self.standard {
            let texts = Schema::Map(Box::new(Schema::Str), Box::new(Schema::Str));
            return vec![value("command", Schema::Str, None), value("arguments", texts, Some(vec![0]))];
        }
        let types = value("types", Schema::List(Box::new(Schema::Str)), Some(vec![0]));
        let formals = self.formals.iter().map(|one| value(&one.key, one.form.schema(), None));
        std::iter::once(types).chain(formals).collect()
    }

    /// What all variables are when these texts stand in the name.
    ///
    /// # Errors
    /// `NoInstance` lists the dtypes and ranks that exist, or is the module's own sentence.
    pub fn instance(&self, values: &[&str]) -> Result<Instance, Fault> {
        let mut instance = Instance(vec![None; self.variables.len()]);
        if values.len() != self.order.len() {
            return Err(self.no_instance(values));
        }
        for (&variable, text) in self.order.iter().zip(values) {
            let one = self.variables.get(usize::from(variable)).ok_or_else(|| self.no_instance(values))?;
            let known = one.among.read(text).ok_or_else(|| self.no_instance(values))?;
            instance.0[usize::from(variable)] = Some(known);
        }
        Ok(instance)
    }

    /// Whether some full name is one of both.
    pub(super) fn meets(&self, other: &Self) -> bool {
        let among =
            |command: &Self, at: &u16| command.variables.get(usize::from(*at)).map(|one| one.among.clone());
        let both = self.order.iter().zip(&other.order);
        self.order.len() == other.order.len()
            && both.into_iter().all(|(one, another)| match (among(self, one), among(other, another)) {
                (Some(one), Some(another)) => one.meets(&another),
                _ => true,
            })
    }

    /// The name of an instance; what is not known stands as the variable's name.
    pub fn full_name(&self, instance: &Instance) -> String {
        if self.order.is_empty() {
            return self.name.clone();
        }
        let value = |&variable: &u16| match instance.0.get(usize::from(variable)) {
            Some(Some(known)) => known.to_string(),
            _ => self.variables.get(usize::from(variable)).map(|one| one.name.clone()).unwrap_or_default(),
        };
        format!("{}<{}>", self.name, self.order.iter().map(value).collect::<Vec<_>>().join(","))
    }

    /// `NoInstance` for these values.
    pub fn no_instance(&self, values: &[&str]) -> Fault {
        let asked = values.join(",");
        if let Some(own) = &self.refusal {
            return Fault::new(Code::NoInstance, own.replace("{}", &asked));
        }
        let exist: Vec<String> = self
            .order
            .iter()
            .filter_map(|&at| self.variables.get(usize::from(at)))
            .map(|one| match &one.among {
                Among::Ranks(..) => format!("{}: {}", one.name, one.among),
                among => format!("{} of {among}", one.name),
            })
            .collect();
        let exist = if exist.is_empty() { "nothing in <..>".into() } else { exist.join("; ") };
        Fault::new(Code::NoInstance, format!("{} is not there for <{asked}>; it has {exist}", self.name))
    }

    /// How many instances there are, with ranks up to `ranks_max`.
    pub fn count(&self, ranks_max: u8) -> usize {
        let counts = self.order.iter().filter_map(|&at| self.variables.get(usize::from(at)));
        counts.map(|one| one.among.count(ranks_max)).fold(1, usize::saturating_mul)
    }

    /// The full names, with ranks up to `ranks_max`, in order of the variables; at most `most`.
    pub fn full_names(&self, ranks_max: u8, most: usize) -> Vec<String> {
        let count = self.count(ranks_max).min(most);
        (0..count)
            .map(|mut at| {
                let mut instance = Instance(vec![None; self.variables.len()]);
                for &variable in self.order.iter().rev() {
                    let Some(one) = self.variables.get(usize::from(variable)) else { continue };
                    let values = one.among.count(ranks_max).max(1);
                    instance.0[usize::from(variable)] = one.among.at(at % values);
                    at /= values;
                }
                self.full_name(&instance)
            })
            .collect()
    }

    /// Whether everything that it refers to is there and within its limit.
    pub fn is_sound(&self) -> bool {
        let there = |variable: u16| usize::from(variable) < self.variables.len();
        let of = |of: &Of| !matches!(of, Of::Variable(at) if !there(*at));
        let formal = |one: &Formal| match &one.form {
            Form::Array { dtype, rank, .. } => of(dtype) && rank.is_none_or(there),
            Form::Own { variables, .. } => variables.iter().flatten().all(|&at| there(at)),
            Form::Scalar(dtype) | Form::List(dtype) | Form::Tuple(dtype, Length::Fixed(_)) => of(dtype),
            Form::Tuple(dtype, Length::Rank(rank)) => of(dtype) && there(*rank),
            Form::Strings | Form::Text | Form::Word(_) => true,
        };
        let among = |one: &Variable| match one.among {
            Among::Ranks(least, most) => least <= most && usize::from(most) <= RANK_MAX,
            Among::Dtypes(_) | Among::Words(_) => true,
        };
        !self.name.is_empty()
            && self.name.len() <= COMMAND_NAME_MAX
            && !self.name.contains(['<', '>', ',', ' '])
            && self.variables.len() <= COMMAND_VARIABLES_MAX
            && self.order.len() <= COMMAND_VARIABLES_MAX
            && self.order.iter().all(|&at| there(at))
            && self.variables.iter().all(|one| one.name.len() <= NAME_MAX && among(one))
            && self.formals.iter().all(|one| one.key.len() <= NAME_MAX && formal(one))
    }
}
