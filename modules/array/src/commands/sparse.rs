//! Sparse matrices: made at random or of rows, columns and values, filled, multiplied, taken apart.
//!
//! Lives here: `Sparse` (the symbol: a row, a column and a value for each element that is kept), the commands.
//! Holds: elements stand in the order of the layout, row by row (CSR) or column by column (CSC), and none stands twice. Rows and columns
//!   count from 1, as the ancestor counts them.
//! Not here: sums of sparse rows (`tables`).

use crate::words::kept;
use crate::work::{bad, cast_to, copied_as, kernel_dtype, lengths, not_implemented, view};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use windlass::array::Memory;
use windlass::prelude::*;
use windlass::symbols::Symbol;
use windlass_kernels::random::Stream;
use windlass_kernels::{Number, with_dtype};

/// Elements that are worked on before others may run.
const PIECE: usize = 1024;
/// Bytes that an element takes besides its value while it is put in order.
const ELEMENT_BYTES: u64 = 64;

/// Sparse matrices.
pub struct SparseMatrices;

/// Matrices of which the elements that are kept alone are stored.
#[module(name = "array_sparse", export = false, stateless)]
impl SparseMatrices {
    /// Nothing to keep.
    #[create]
    fn create() -> Self {
        Self
    }

    /// Zeros at places of chance: each place of the shape is kept with the probability `density`.
    #[method(each(T in SparseSymEntry.etype, L in SparseSymEntry.matLayout), standard, name = "random_sparse_matrix")]
    async fn random(cx: &Context<'_>, command: &Called, given: &Given) -> Result<String, Fault> {
        let (dtype, layout) = (dtype_of(command)?, Layout::of(command)?);
        let shape = shape_of(given)?;
        let density = given.scalar::<f64>("density")?;
        if !(0.0..=1.0).contains(&density) {
            return Err(bad(format!("a density of {density} is outside of 0 to 1")));
        }
        let places =
            shape[0].checked_mul(shape[1]).ok_or_else(|| bad(format!("{shape:?} has too many places")))?;
        let likely = places as f64 * density;
        admit(cx, (likely + 8.0 * likely.sqrt()) as usize + 64)?;
        let (mut rows, mut columns) = (Vec::new(), Vec::new());
        // From one kept place to the next it is a geometric way, so that places that are not kept cost nothing. Of a density of 0 the
        // logarithm is -0 and the way infinite.
        let (stream, empty) = (Stream::new(cx.random(), 12), (-density).ln_1p());
        let mut at = 0usize;
        for step in 0.. {
            let unit = ((stream.word(step) >> 12) as f64 + 0.5) / (1u64 << 52) as f64;
            let gap = (unit.ln() / empty).floor();
            at = if gap < places as f64 { at.saturating_add(gap as usize) } else { places };
            if at >= places {
                break;
            }
            let (row, column) = match layout {
                Layout::ByRow => (at / shape[1], at % shape[1]),
                Layout::ByColumn => (at % shape[0], at / shape[0]),
            };
            rows.push(row as i64 + 1);
            columns.push(column as i64 + 1);
            at += 1;
            if rows.len() % PIECE == 0 {
                cx.yield_if_due().await?;
            }
        }
        with_dtype!(numbers kernel_dtype(dtype), T => {
            let values = vec![T::default(); rows.len()];
            keep(cx, (shape, layout), &rows, &columns, &values)
        }, else => Err(not_implemented("random_sparse_matrix", &[dtype])))
    }

    /// Of the rows, columns and values of its elements, in any order.
    #[method(
        each(T in SparseSymEntry.etype, L in SparseSymEntry.matLayout),
        standard,
        name = "sparse_matrix_from_pdarrays"
    )]
    async fn from_arrays(cx: &Context<'_>, command: &Called, given: &Given) -> Result<String, Fault> {
        let (dtype, layout) = (dtype_of(command)?, Layout::of(command)?);
        let shape = shape_of(given)?;
        let [rows, columns] = ["rows", "cols"].map(|key| given.array(cx, key));
        let (rows, columns, values) = (rows?, columns?, given.array(cx, "vals")?);
        if rows.size() != values.size() || columns.size() != values.size() {
            let text = format!("{} rows, {} columns, {} values", rows.size(), columns.size(), values.size());
            return Err(bad(text));
        }
        admit(cx, values.size())?;
        let (rows, columns) = (view::<i64>(&rows)?.to_vec(), view::<i64>(&columns)?.to_vec());
        let mut elements = Vec::with_capacity(rows.len());
        for (at, (&row, &column)) in rows.iter().zip(&columns).enumerate() {
            let inside =
                |index: i64, length: usize| usize::try_from(index).is_ok_and(|at| at >= 1 && at <= length);
            if !inside(row, shape[0]) || !inside(column, shape[1]) {
                return Err(bad(format!(
                    "element {row}, {column} of a sparse matrix of {} by {}",
                    shape[0], shape[1]
                )));
            }
            elements.push((layout.key(row, column), at));
        }
        cx.yield_if_due().await?;
        elements.sort_unstable();
        if let Some(pair) = elements.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            let at = pair[0].1;
            return Err(bad(format!("element {}, {} is there twice", rows[at], columns[at])));
        }
        let ordered = |of: &[i64]| elements.iter().map(|&(_, at)| of[at]).collect::<Vec<i64>>();
        let values = cast_to(cx, &values, dtype).await?;
        with_dtype!(numbers kernel_dtype(dtype), T => {
            let values = view::<T>(&values)?.to_vec();
            let values: Vec<T> = elements.iter().map(|&(_, at)| values[at]).collect();
            keep(cx, (shape, layout), &ordered(&rows), &ordered(&columns), &values)
        }, else => Err(not_implemented("sparse_matrix_from_pdarrays", &[dtype])))
    }

    /// The rows, columns and values of its elements, in the order of its layout.
    #[method(each(T in SparseSymEntry.etype, L in SparseSymEntry.matLayout), standard, name = "sparse_to_pdarrays")]
    fn to_arrays(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let matrix = load(cx, given.text("matrix")?)?;
        let said: Result<Vec<String>, Fault> = matrix.arrays()?.iter().map(|array| kept(cx, array)).collect();
        Ok(serde_json::json!(said?).to_string())
    }

    /// Other values for its elements, in the order of its layout.
    #[method(
        each(
            T in SparseSymEntry.etype,
            d in SparseSymEntry.dimensions,
            L in SparseSymEntry.matLayout,
            U in SparseSymEntry.etype,
            n in Rank
        ),
        standard,
        name = "fill_sparse_vals"
    )]
    async fn fill_values(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let name = given.text("matrix")?;
        let (matrix, values) = (load(cx, name)?, given.array(cx, "vals")?);
        if values.ndim() != 1 || values.size() != matrix.count()? || values.dtype() != matrix.dtype()? {
            let text = format!(
                "{} values of {} and rank {} for {} elements of {}",
                values.size(),
                values.dtype(),
                values.ndim(),
                matrix.count()?,
                matrix.dtype
            );
            return Err(bad(text));
        }
        let whole = with_dtype!(numbers kernel_dtype(values.dtype()), T => copied_as::<T>(cx, &values).await?.done(),
            else => return Err(not_implemented("fill_sparse_vals", &[values.dtype()])));
        let mut matrix = matrix;
        matrix.parts[2] = whole.memory().clone();
        cx.symbols().put(name, Symbol::try_from(Own(matrix))?)?;
        Ok(String::new())
    }

    /// The product of two matrices, row by row.
    #[method(each(T in SparseSymEntry.etype), standard, name = "sparse_matrix_matrix_mult")]
    async fn product(cx: &Context<'_>, command: &Called, given: &Given) -> Result<String, Fault> {
        let dtype = dtype_of(command)?;
        let (a, b) = (load(cx, given.text("arg1")?)?, load(cx, given.text("arg2")?)?);
        if a.shape[1] != b.shape[0] || a.dtype()? != dtype || b.dtype()? != dtype {
            let said = |one: &Sparse| format!("{} by {} of {}", one.shape[0], one.shape[1], one.dtype);
            return Err(bad(format!("{} times {} is no product of {dtype}", said(&a), said(&b))));
        }
        with_dtype!(numbers kernel_dtype(dtype), T => multiplied::<T>(cx, &a, &b).await,
            else => Err(not_implemented("sparse_matrix_matrix_mult", &[dtype])))
    }
}

/// The symbol: rows, columns and values of its elements are its parts.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Sparse {
    shape: [u64; 2],
    layout: Layout,
    dtype: String,
    #[serde(skip)]
    parts: Vec<Memory>,
}

impl SymbolType for Sparse {
    const CLASS: &'static str = "SparseSymEntry";
    fn parameters(&self) -> Vec<String> {
        vec![self.dtype.clone(), "2".into(), self.layout.name().into()]
    }
    fn parts(&self) -> Vec<Memory> {
        self.parts.clone()
    }
    fn set_parts(&mut self, parts: Vec<Memory>) {
        self.parts = parts;
    }
}

impl Sparse {
    fn dtype(&self) -> Result<Dtype, Fault> {
        Dtype::of(&self.dtype).ok_or_else(damaged)
    }
    /// How many elements are kept.
    fn count(&self) -> Result<usize, Fault> {
        Ok(self.parts.first().ok_or_else(damaged)?.len() / 8)
    }
    /// Rows, columns and values.
    fn arrays(&self) -> Result<[Array; 3], Fault> {
        let [rows, columns, values] = &self.parts[..] else { return Err(damaged()) };
        let count = [self.count()?];
        let array = |dtype, memory: &Memory| Array::new(dtype, &count, memory.clone()).map_err(|_| damaged());
        Ok([array(Dtype::Int64, rows)?, array(Dtype::Int64, columns)?, array(self.dtype()?, values)?])
    }
}

/// The order of elements.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Layout {
    ByRow,
    ByColumn,
}

impl Layout {
    fn of(command: &Called) -> Result<Self, Fault> {
        match command.word("L") {
            Some("CSR") => Ok(Self::ByRow),
            Some("CSC") => Ok(Self::ByColumn),
            _ => Err(bad("a layout is CSR or CSC")),
        }
    }
    fn name(self) -> &'static str {
        match self {
            Self::ByRow => "CSR",
            Self::ByColumn => "CSC",
        }
    }
    /// What elements are sorted by.
    fn key(self, row: i64, column: i64) -> (i64, i64) {
        match self {
            Self::ByRow => (row, column),
            Self::ByColumn => (column, row),
        }
    }
}

fn damaged() -> Fault {
    Fault::new(Code::Internal, "a sparse matrix whose parts are not its own")
}

fn dtype_of(command: &Called) -> Result<Dtype, Fault> {
    command.dtype("T").ok_or_else(|| bad("the command names the dtype"))
}

fn shape_of(given: &Given) -> Result<[usize; 2], Fault> {
    let shape = lengths(&given.list::<i64>("shape")?)?;
    shape.try_into().map_err(|shape| bad(format!("{shape:?} is no shape of a matrix")))
}

/// Asks whether so many elements have room, before they are put in order.
fn admit(cx: &Context<'_>, count: usize) -> Result<(), Fault> {
    let bytes = (count as u64).checked_mul(ELEMENT_BYTES);
    let bytes = bytes.ok_or_else(|| Fault::new(Code::TooLarge, "more elements than can be counted"))?;
    cx.symbols().reserve(bytes).map(drop)
}

fn load(cx: &Context<'_>, name: &str) -> Result<Sparse, Fault> {
    match cx.symbols().get(name)? {
        Symbol::Own(own) if own.class == Sparse::CLASS => Ok(Own::<Sparse>::of(&own)?.0),
        other => Err(bad(format!("{name} is {}, not a sparse matrix", other.sort()))),
    }
}

/// Keeps a new matrix and says so: the length of an axis, the elements that are kept, the rank, the shape and the layout.
fn keep<T: Item + Number>(
    cx: &Context<'_>,
    (shape, layout): ([usize; 2], Layout),
    rows: &[i64],
    columns: &[i64],
    values: &[T],
) -> Result<String, Fault> {
    let parts = [cx.symbols().array_of(rows)?, cx.symbols().array_of(columns)?, cx.symbols().array_of(values)?];
    let dtype = <T as Item>::DTYPE;
    let matrix = Sparse {
        shape: shape.map(|length| length as u64),
        layout,
        dtype: dtype.name().into(),
        parts: parts.iter().map(|array| array.memory().clone()).collect(),
    };
    let name = cx.symbols().insert(Symbol::try_from(Own(matrix))?)?;
    let (lines, across, layout) = (shape[0], shape[1], layout.name());
    let bytes = dtype.itemsize().unwrap_or(8);
    Ok(format!("created {name} {dtype} {lines} {} 2 [{lines},{across}] {layout} {bytes}", values.len()))
}

async fn multiplied<T: Item + Number>(cx: &Context<'_>, a: &Sparse, b: &Sparse) -> Result<String, Fault> {
    admit(cx, a.count()?.saturating_add(b.count()?))?;
    let right = by_line::<T>(b)?;
    let mut left = by_line::<T>(a)?;
    let products = left.values().flatten().filter_map(|(inner, _)| right.get(inner)).map(Vec::len).sum();
    admit(cx, products)?;
    let (mut rows, mut columns, mut values) = (Vec::new(), Vec::new(), Vec::<T>::new());
    let mut done = 0usize;
    for (row, elements) in &mut left {
        let mut sums: BTreeMap<i64, T> = BTreeMap::new();
        // In the order of what is summed over, so that sums of floats are the same whatever the layout.
        elements.sort_unstable_by_key(|(inner, _)| *inner);
        for (inner, one) in elements.iter() {
            for (column, other) in right.get(inner).into_iter().flatten() {
                let sum = sums.entry(*column).or_insert(T::ZERO);
                *sum = sum.plus(one.times(*other));
                done += 1;
                if done.is_multiple_of(PIECE) {
                    cx.yield_if_due().await?;
                }
            }
        }
        rows.extend(std::iter::repeat_n(*row, sums.len()));
        columns.extend(sums.keys());
        values.extend(sums.values());
    }
    let shape = [a.shape[0] as usize, b.shape[1] as usize];
    keep(cx, (shape, Layout::ByRow), &rows, &columns, &values)
}

/// Columns and values of the elements of each row.
fn by_line<T: Item + Number>(matrix: &Sparse) -> Result<BTreeMap<i64, Vec<(i64, T)>>, Fault> {
    let [rows, columns, values] = matrix.arrays()?;
    let (rows, columns, values) = (view::<i64>(&rows)?, view::<i64>(&columns)?, view::<T>(&values)?);
    let mut lines: BTreeMap<i64, Vec<(i64, T)>> = BTreeMap::new();
    for ((row, column), value) in rows.to_vec().into_iter().zip(columns.to_vec()).zip(values.to_vec()) {
        lines.entry(row).or_default().push((column, value));
    }
    Ok(lines)
}
