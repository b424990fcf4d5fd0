//! Arrays: commands over the node's symbols.
//!
//! Lives here: a module per group of commands (`commands/`), so that a node takes the groups that it wants; `work` (what all groups
//! use: views, casts, loops in morsels), `words` (the same for strings),
//! `show` (arrays as text).
//! From: any caller of the methods; the ancestor's clients by full names. To: `kernels`.
//! Holds: a result's memory is reserved before it is computed; a long loop lets other calls run after each morsel; operands are
//! promoted first, so that a kernel sees one dtype.
//! Not here: names and their sessions (the node's table of symbols).
#![forbid(unsafe_code)]

mod commands;
mod show;
mod words;
mod work;

pub use commands::bigint::{BigInts, BigIntsRight};
pub use commands::bigint_pick::BigIntsPicked;
pub use commands::binary::Binary;
pub use commands::by_key::ByKey;
pub use commands::create::Create;
pub use commands::elementwise::Elementwise;
pub use commands::group::Group;
pub use commands::hash::Hashes;
pub use commands::index::Index;
pub use commands::linear::Linear;
pub use commands::numeric::Numeric;
pub use commands::operators::Operators;
pub use commands::order::Order;
pub use commands::patterns::Patterns;
pub use commands::pick::Pick;
pub use commands::random::Random;
pub use commands::reduce::Reduce;
pub use commands::registry::Registry;
pub use commands::sets::Sets;
pub use commands::shape::Shape;
pub use commands::shown::Shown;
pub use commands::sort::Sort;
pub use commands::sparse::SparseMatrices;
pub use commands::stats::Stats;
pub use commands::strings::Text;
pub use commands::symbols::SymbolTable;
pub use commands::tables::Tables;
pub use commands::text::Rewrites;
pub use commands::times::Times;
pub use commands::traffic::Traffic;

/// The tables of all groups, for a node that links them in.
pub const TABLES: &[&windlass::ModuleTable] = &[
    SymbolTable::TABLE,
    Create::TABLE,
    Operators::TABLE,
    Elementwise::TABLE,
    Index::TABLE,
    Reduce::TABLE,
    Sort::TABLE,
    Shape::TABLE,
    Random::TABLE,
    Group::TABLE,
    Text::TABLE,
    Binary::TABLE,
    Sets::TABLE,
    Stats::TABLE,
    Linear::TABLE,
    Order::TABLE,
    Pick::TABLE,
    Numeric::TABLE,
    Tables::TABLE,
    Rewrites::TABLE,
    Patterns::TABLE,
    Hashes::TABLE,
    Times::TABLE,
    Traffic::TABLE,
    Registry::TABLE,
    BigInts::TABLE,
    BigIntsRight::TABLE,
    BigIntsPicked::TABLE,
    Shown::TABLE,
    ByKey::TABLE,
    SparseMatrices::TABLE,
];
