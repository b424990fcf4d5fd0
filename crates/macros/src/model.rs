//! The model: what the author of a module said, free of syntax.
//!
//! Holds: what stands here was understood; whether it fits together is for `check`.

use crate::classes::Among;
use proc_macro2::Ident;
use syn::{Attribute, Expr, GenericArgument, Generics, ImplItemFn, LitStr, Path, PathArguments, Type};

/// A module.
pub struct Module {
    /// Where the facade is.
    pub facade: Path,
    /// The type that holds a container's state.
    pub state: Type,
    /// Its name to callers.
    pub name: String,
    /// Its version; the crate's when absent.
    pub version: Option<LitStr>,
    /// Whether the entry symbol is emitted.
    pub export: bool,
    /// Whether its containers keep nothing between calls, so that they come back with a node as they are made.
    pub stateless: bool,
    /// Whether calls of one container run on several workers at once, and where that is said.
    pub sync: Option<proc_macro2::Span>,
    /// Its documentation.
    pub docs: String,
    /// Whether a function is marked `#[create]`, understood or not.
    pub create_marked: bool,
    /// Functions marked `#[create]`: one, says `check`.
    pub creates: Vec<Method>,
    /// Functions marked `#[method]`.
    pub methods: Vec<Method>,
    /// Where the parameter classes came from.
    pub classes_file: Option<String>,
    /// Its lane groups.
    pub groups: Vec<Group>,
    /// Functions marked `#[hook]`, without the mark.
    pub hooks: Vec<ImplItemFn>,
}

/// Lanes of each container, for calls of some methods.
pub struct Group {
    /// Its name.
    pub ident: Ident,
    /// How many.
    pub lanes: u32,
}

/// A method, or `create`.
pub struct Method {
    /// Its function.
    pub ident: Ident,
    /// Its name to callers.
    pub name: String,
    /// Its number.
    pub id: u32,
    /// Where the number stands, or the function's name.
    pub id_at: proc_macro2::Span,
    /// Its doc comment as written, for the client.
    pub doc_attributes: Vec<Attribute>,
    /// Its doc comment as text, for the schema.
    pub docs: String,
    /// How it takes its container.
    pub receiver: Receiver,
    /// An `async fn`.
    pub is_async: bool,
    /// Its parameters, in order.
    pub parameters: Vec<Parameter>,
    /// What it answers.
    pub reply: Reply,
    /// How the node is to run it.
    pub flags: Flags,
    /// What makes it a command; its parameters and reply are then those that cross.
    pub command: Option<Command>,
}

/// How a method takes its container.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Receiver {
    /// Not at all.
    None,
    /// `&self`.
    Shared,
    /// `&mut self`.
    Exclusive,
}

/// How the node is to run a method; `contract::schema::MethodFlags` says what each means.
#[derive(Default)]
pub struct Flags {
    /// An expression over the parameters.
    pub key: Option<Expr>,
    /// Never leaves its node.
    pub local: bool,
    /// Second class.
    pub background: bool,
    /// Called by the node.
    pub period: Option<Period>,
    /// Callers do not wait.
    pub detached: bool,
    /// On a thread of its own pool.
    pub blocking: bool,
    /// May be sent twice.
    pub idempotent: bool,
    /// Runs inside the call that holds the key.
    pub reentrant: bool,
    /// The lane group that its calls wait in.
    pub group: Option<Ident>,
    /// Folded by the module.
    pub aggregate: Option<Aggregate>,
}

/// How the answers of several containers become one.
pub enum Aggregate {
    /// By the module's hook.
    Hook,
    /// By a function of two answers: one of `contract::aggregate` by its name, or any by its path.
    By(Path),
}

/// How often the node calls a method.
pub struct Period {
    /// Nanoseconds.
    pub ns: u64,
    /// Where it stands.
    pub at: LitStr,
}

/// One parameter.
pub struct Parameter {
    /// Its name.
    pub ident: Ident,
    /// Its type as written.
    pub ty: Type,
    /// What it is.
    pub kind: Kind,
}

/// What a parameter is.
pub enum Kind {
    /// The node's `Context`; not sent.
    Context,
    /// A value inside the arguments.
    Value {
        /// What callers who leave it out mean.
        default: Option<Expr>,
        /// Added later than the method.
        since: bool,
    },
    /// A buffer.
    Buffer(Buffer),
    /// Values that pass one by one: to the method, or from it.
    Stream(Direction),
}

/// What a buffer is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Buffer {
    /// Which way.
    pub direction: Direction,
    /// The caller's own memory, in place.
    pub shared: bool,
}

impl Buffer {
    /// Whether the caller gets it back.
    pub fn gives_back(self) -> bool {
        self.direction != Direction::In
    }
}

/// Which way a buffer goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// Caller to method.
    In,
    /// Method to caller.
    Out,
    /// Both.
    InOut,
}

/// What a method answers.
pub struct Reply {
    /// The value's type.
    pub ty: Type,
    /// Whether the function gives a `Result` of it.
    pub fallible: bool,
    /// Where the type stands.
    pub at: proc_macro2::Span,
}

/// What makes a method a command.
pub struct Command {
    /// Its base name.
    pub name: String,
    /// Other names of the same command.
    pub also: Vec<String>,
    /// What it is generic over.
    pub variables: Vec<Variable>,
    /// Which of them stand in its full names.
    pub order: Vec<usize>,
    /// The function's parameters.
    pub args: Vec<Arg>,
    /// The function's generics.
    pub generics: Generics,
    /// The value that the function gives.
    pub reply: Type,
    /// What callers are told who ask for what is not there.
    pub refusal: Option<String>,
    /// It reads its arguments itself.
    pub standard: bool,
}

/// One thing that a command is generic over.
pub struct Variable {
    /// Its name.
    pub name: String,
    /// What it can be.
    pub among: Among,
    /// Whether it is a type parameter of the function.
    pub generic: bool,
    /// Whether an argument determines it.
    pub bound: bool,
}

/// A parameter of a command's function.
pub struct Arg {
    /// Its name.
    pub ident: Ident,
    /// Its name to callers.
    pub key: String,
    /// Its type as written.
    pub ty: Type,
    /// What it is.
    pub form: Form,
}

/// What a parameter of a command is; numbers are places among the variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// The node's `Context`.
    Context,
    /// The command's name, of a standard command.
    Called,
    /// The texts by key, of a standard command.
    Given,
    /// What a variable of words is in this call.
    Variable(usize),
    /// What a variable of dtypes is in this call.
    Dtype(usize),
    /// `ArrayView`: dtype and rank.
    View(Of, usize),
    /// `Array`.
    Array(Of, usize),
    /// `Slot`.
    Slot(Of, usize),
    /// `Strings`.
    Strings,
    /// `Own<..>`.
    Own {
        /// The type's name.
        class: String,
        /// By field of the class.
        variables: Vec<Option<usize>>,
    },
    /// One value.
    Scalar(Of),
    /// Text.
    Text {
        /// `&str`.
        borrowed: bool,
    },
    /// A list of texts.
    Texts,
    /// A list of values.
    List(Of),
    /// So many values.
    Tuple(Of, Length),
    /// A variant of a plain enum.
    Word,
}

/// A dtype, as a parameter has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// That of a variable.
    Variable(usize),
    /// Always this, by NumPy's name.
    Dtype(&'static str),
    /// Whatever comes.
    Any,
}

/// How many values a tuple has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// As many as this rank.
    Rank(usize),
    /// So many.
    Fixed(u32),
}

impl Module {
    /// The state rule: every method is a plain `fn`.
    pub fn all_sync(&self) -> bool {
        !self.methods.iter().any(|method| method.is_async)
    }
    /// Whether a call has its container to itself while it runs.
    pub fn is_alone(&self) -> bool {
        self.all_sync() && self.sync.is_none()
    }
    /// Whether a method is called `name`.
    pub fn has_method(&self, name: &str) -> bool {
        self.methods.iter().any(|method| method.name == name)
    }
}

impl Method {
    /// Its values, in order.
    pub fn values(&self) -> impl Iterator<Item = &Parameter> {
        self.parameters.iter().filter(|one| matches!(one.kind, Kind::Value { .. }))
    }
    /// Its streams, in order, with the types of their values.
    pub fn streams(&self) -> impl Iterator<Item = (&Parameter, Direction, &Type)> {
        self.parameters.iter().filter_map(|one| match one.kind {
            Kind::Stream(direction) => Some((one, direction, only_type(&one.ty)?)),
            _ => None,
        })
    }
    /// The type of the values of the stream that goes this way.
    pub fn stream(&self, direction: Direction) -> Option<&Type> {
        self.streams().find(|(_, way, _)| *way == direction).map(|(.., item)| item)
    }
    /// Its buffers, in order.
    pub fn buffers(&self) -> impl Iterator<Item = (&Parameter, Buffer)> {
        self.parameters.iter().filter_map(|one| match one.kind {
            Kind::Buffer(buffer) => Some((one, buffer)),
            _ => None,
        })
    }
}

impl Reply {
    /// Whether it is `()`.
    pub fn is_unit(&self) -> bool {
        matches!(&self.ty, Type::Tuple(tuple) if tuple.elems.is_empty())
    }
}

/// `T` of `Stream<'_, T>` and of `Vec<T>`.
pub fn only_type(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = ty else { return None };
    let PathArguments::AngleBracketed(list) = &path.path.segments.last()?.arguments else { return None };
    let mut types = list.args.iter().filter_map(|one| match one {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    types.next().filter(|_| types.next().is_none())
}
