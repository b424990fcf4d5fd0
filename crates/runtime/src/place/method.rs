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
        Rc::new(Self::bare(id, name.to_owned(), name.into()))
    }

    /// What the methods have in common that no schema describes.
    fn bare(id: MethodId, name: String, full: Rc<str>) -> Self {
        let (hashes, buffers, flags) = Default::default();
        let (group, answers_nothing, by_stream, index) = (None, false, false, usize::MAX);
        Self { id, name, full, hashes, buffers, flags, group, answers_nothing, by_stream, index }
    }

    /// A method that the node adds to a module's; it is shown under this room's name.
    fn of_room(room: &str, reference: MethodRef) -> Self {
        let full = format!("{room}.{}", reference.name).into();
        Self { hashes: vec![reference.schema], ..Self::bare(reference.id, reference.name.to_owned(), full) }
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
        let full = name.as_str().into();
        Rc::new(Self { flags, answers_nothing: true, ..Self::bare(MethodId(u32::MAX), name, full) })
    }

    /// The event that folds the answers of several containers: a hook answers it.
    pub(crate) fn fold() -> Rc<Self> {
        Self::of_node(Self::FOLD, "aggregate")
    }

    /// A method by which a provider speaks to the node.
    pub(crate) fn of_relay(reference: MethodRef, buffer: Option<Direction>) -> Rc<Self> {
        let buffers = buffer.map(|direction| ("data".to_owned(), direction, BufferKind::Bytes));
        Rc::new(Self { buffers: buffers.into_iter().collect(), ..Self::of_room("provider", reference) })
    }

    /// A method by which a caller passes bytes of a stream.
    pub(crate) fn of_streams(reference: MethodRef) -> Rc<Self> {
        Rc::new(Self { by_stream: reference.id != streams::OPEN, ..Self::of_room("streams", reference) })
    }

    /// Method 9, which every module answers by its hook.
    pub(super) fn monitor() -> Rc<Self> {
        let reference = windlass_contract::admin::monitor();
        let bare = Self::bare(reference.id, reference.name.into(), reference.name.into());
        Rc::new(Self { hashes: vec![reference.schema], ..bare })
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
