//! Method: what a call names, ready to be called.
//!
//! Holds: what stands here follows from the module's description, or is one of the few methods that the node adds to it.

use std::rc::Rc;
use windlass_contract::head::{BufferKind, Direction};
use windlass_contract::schema::MethodFlags;
use windlass_contract::{MethodId, MethodRef, MethodSchema, ModuleDescriptor, Schema, streams};

/// A method, ready to be called.
pub(crate) struct Method {
    pub(crate) id: MethodId,
    pub(crate) name: String,
    /// With its module's name before it: what its tasks are called.
    pub(crate) full: Rc<str>,
    pub(crate) hashes: Vec<u64>,
    pub(crate) buffers: Vec<(String, Direction, BufferKind)>,
    pub(crate) flags: MethodFlags,
    /// The lane group that its calls wait in, by its place among the module's.
    pub(crate) group: Option<usize>,
    /// It answers `()`, so that answers of several containers need no aggregate.
    pub(crate) answers_nothing: bool,
    /// Its arguments begin with the number of the streams beside it, or of those that it is about.
    pub(crate) by_stream: bool,
    /// Where its counters stand in a container; `usize::MAX` for an inherited one that nothing is counted of.
    index: usize,
}

impl Method {
    /// An inherited method that the module did not declare: its hooks answer it.
    pub(crate) fn inherited(id: MethodId) -> Rc<Self> {
        Self::of_node(id, Self::inherited_name(id))
    }

    /// A method that no schema describes; nothing is counted of it.
    fn of_node(id: MethodId, name: &str) -> Rc<Self> {
        let (name, full, flags) = (name.to_owned(), name.into(), MethodFlags::default());
        let (hashes, buffers, answers_nothing) = (Vec::new(), Vec::new(), false);
        Rc::new(Self {
            id,
            name,
            full,
            hashes,
            buffers,
            flags,
            group: None,
            answers_nothing,
            by_stream: false,
            index: usize::MAX,
        })
    }

    /// What an inherited method is called.
    pub(crate) fn inherited_name(id: MethodId) -> &'static str {
        match id {
            MethodId::CREATE => "create",
            MethodId::DESTROY => "destroy",
            MethodId::NODE_FAILURE => "node_failure",
            MethodId::RECOVER => "recover",
            MethodId::MIGRATE => "migrate",
            MethodId::UPGRADE => "upgrade",
            MethodId::RESTART => "restart",
            MethodId::EXPORT => "export",
            MethodId::IMPORT => "import",
            MethodId::MONITOR => "monitor",
            _ => "reserved",
        }
    }

    /// What a spawned task is called by; it is no method of the module, and nothing is counted of it.
    pub(crate) fn spawned(name: String, background: bool) -> Rc<Self> {
        let flags = MethodFlags { background, ..MethodFlags::default() };
        let (id, full) = (MethodId(u32::MAX), name.as_str().into());
        let (hashes, buffers, answers_nothing) = (Vec::new(), Vec::new(), true);
        Rc::new(Self {
            id,
            name,
            full,
            hashes,
            buffers,
            flags,
            group: None,
            answers_nothing,
            by_stream: false,
            index: usize::MAX,
        })
    }

    /// The event that folds the answers of several containers: a hook answers it.
    pub(crate) fn fold() -> Rc<Self> {
        Self::of_node(Self::FOLD, "aggregate")
    }

    /// A method by which a provider speaks to the node.
    pub(crate) fn of_relay(reference: MethodRef, buffer: Option<Direction>) -> Rc<Self> {
        let buffers = buffer.map(|direction| ("data".to_owned(), direction, BufferKind::Bytes));
        let (name, full) = (reference.name.to_owned(), format!("provider.{}", reference.name).into());
        let (hashes, buffers, flags) =
            (vec![reference.schema], buffers.into_iter().collect(), MethodFlags::default());
        let (id, answers_nothing) = (reference.id, false);
        Rc::new(Self {
            id,
            name,
            full,
            hashes,
            buffers,
            flags,
            group: None,
            answers_nothing,
            by_stream: false,
            index: usize::MAX,
        })
    }

    /// A method by which a caller passes bytes of a stream.
    pub(crate) fn of_streams(reference: MethodRef) -> Rc<Self> {
        let full = format!("streams.{}", reference.name).into();
        let (id, name, hashes) = (reference.id, reference.name.to_owned(), vec![reference.schema]);
        let (buffers, flags, answers_nothing) = (Vec::new(), MethodFlags::default(), false);
        let by_stream = id != streams::OPEN;
        Rc::new(Self {
            id,
            name,
            full,
            hashes,
            buffers,
            flags,
            group: None,
            answers_nothing,
            by_stream,
            index: usize::MAX,
        })
    }

    /// Method 9, which every module answers by its hook.
    pub(super) fn monitor() -> Rc<Self> {
        let reference = windlass_contract::admin::monitor();
        let (hashes, flags) = (vec![reference.schema], MethodFlags::default());
        let (name, full) = (reference.name.into(), reference.name.into());
        let (id, buffers, answers_nothing) = (reference.id, Vec::new(), false);
        Rc::new(Self {
            id,
            name,
            full,
            hashes,
            buffers,
            flags,
            group: None,
            answers_nothing,
            by_stream: false,
            index: usize::MAX,
        })
    }

    /// Its place among its module's; `usize::MAX` when nothing is counted of it.
    pub(crate) fn index(&self) -> usize {
        self.index
    }

    pub(super) fn new(module: &ModuleDescriptor, schema: &MethodSchema, index: usize) -> Self {
        Self {
            id: schema.id,
            name: schema.name.clone(),
            full: format!("{}.{}", module.name, schema.name).into(),
            hashes: schema.hashes.clone(),
            buffers: schema.buffers().map(|(one, direction, kind)| (one.name.clone(), direction, kind)).collect(),
            flags: schema.flags.clone(),
            group: module.lanes.iter().position(|group| group.methods.contains(&schema.id)),
            answers_nothing: schema.reply == Schema::Unit,
            by_stream: schema.streams().next().is_some(),
            index,
        }
    }
}
