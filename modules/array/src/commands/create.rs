//! Creation and transfer: new arrays, copies, and their bytes in and out.

use crate::work::{bad, copied, fault, fill, kernel_dtype, lengths, not_implemented, room, view};
use windlass::array::{ArrayFacts, Memory};
use windlass::prelude::*;
use windlass_kernels::with_dtype;

/// New arrays.
pub struct Create;

/// New arrays, copies of arrays, and bytes of arrays in and out.
#[module(name = "array_create", export = false, stateless)]
impl Create {
    /// Nothing to keep.
    #[create]
    #[allow(clippy::self_named_constructors, reason = "every module's `create` is called so")]
    fn create() -> Self {
        Self
    }

    /// An array of zeros.
    #[method(each(T in Element, rank in Rank), name = "create")]
    fn zeros(cx: &Context, #[arg(dtype = T)] dtype: Dtype, shape: Tuple<i64>) -> Result<Array, Fault> {
        let shape = lengths(&shape)?;
        with_dtype!(kernel_dtype(dtype), T => Ok(room::<T>(cx, &shape)?.done()),
            else => Err(not_implemented("create", &[dtype])))
    }

    /// One value as an array of one element, whose shape callers see as that of rank 0.
    #[method(each(T in Element), name = "createScalarArray")]
    fn create_scalar_array<T: Item>(cx: &Context, value: T) -> Result<String, Fault> {
        let array = cx.symbols().array_of(&[value])?;
        let itemsize = array.dtype().itemsize().unwrap_or(0);
        let name = cx.symbols().insert(array)?;
        // Its rank is told as 1, so that callers name other commands for it as for any array of rank 1.
        Ok(format!("created {name} {} 1 1 [] {itemsize}", T::DTYPE))
    }

    /// Every element of `array` set to `val`.
    #[method(each(T in Element))]
    async fn set<T: Item>(cx: &Context<'_>, #[arg(dtype = T)] array: Slot, val: T) -> Result<(), Fault> {
        let mut next = room::<T>(cx, array.array.shape())?;
        fill(cx, &mut next, |_, out| {
            out.fill(val);
            Ok(())
        })
        .await?;
        array.replace(cx, next.done())
    }

    /// `start`, `start + step`, .. up to before `stop`; with a step below 0, to before `stop - 2`, as the ancestor's client asks for it.
    #[method(each(T in Integer, rank in Rank), rank = 1)]
    async fn arange(
        cx: &Context<'_>,
        #[arg(dtype = T)] dtype: Dtype,
        #[arg(dtype = T)] start: Scalar,
        #[arg(dtype = T)] stop: Scalar,
        #[arg(dtype = T)] step: Scalar,
    ) -> Result<Array, Fault> {
        let [start, stop, step] = [&start, &stop, &step].map(whole);
        let (start, stop, step) = (start?, stop?, step?);
        if step == 0 {
            return Err(bad("step is 0"));
        }
        // The ancestor's formula. Its client sends the stop of a falling range two higher than it was asked for.
        let count = ((stop - start + step - 1) / step).max(0);
        let count = usize::try_from(count).map_err(|_| bad("arange would have too many elements"))?;
        with_dtype!(integers kernel_dtype(dtype), T => {
            let mut out = room::<T>(cx, &[count])?;
            // Every value lies between start and what the caller meant by stop, which are of the dtype; the cast keeps it.
            fill(cx, &mut out, |range, out| {
                for (at, out) in range.zip(out) {
                    *out = (start + at as i128 * step) as T;
                }
                Ok(())
            })
            .await?;
            Ok(out.done())
        }, else => Err(not_implemented("arange", &[dtype])))
    }

    /// A copy of `x`.
    #[method(each(T in Element))]
    async fn deepcopy(cx: &Context<'_>, #[arg(dtype = T)] x: Array) -> Result<Array, Fault> {
        copied(cx, &x).await
    }

    /// An array of these bytes, little-endian and row-major.
    #[method]
    fn upload(cx: &Context, dtype: &str, shape: Vec<u64>, data: In<Bytes>) -> Result<ArrayFacts, Fault> {
        let of = Dtype::of(dtype).ok_or_else(|| bad(format!("there is no dtype {dtype}")))?;
        let shape: Vec<usize> =
            shape.into_iter().map(usize::try_from).collect::<Result<_, _>>().map_err(|_| bad("no such shape"))?;
        let size = shape.iter().try_fold(of.itemsize().unwrap_or(0), |all, &length| all.checked_mul(length));
        if size != Some(data.len()) {
            return Err(bad(format!("{} bytes are no {dtype} array of shape {shape:?}", data.len())));
        }
        let mut memory = cx.symbols().reserve(data.len() as u64)?;
        memory.copy_from_slice(&data);
        let memory: Memory = memory.freeze();
        let array = Array::new(of, &shape, memory).map_err(|error| bad(error.to_string()))?;
        let name = cx.symbols().insert(array.clone())?;
        Ok(ArrayFacts::of(name, &array))
    }

    /// The bytes of an array, little-endian and row-major; answers how many there are. Errors: `TooLarge` when the room is
    /// too small.
    #[method(idempotent)]
    fn download(cx: &Context, name: &str, mut data: Out<Bytes>) -> Result<u64, Fault> {
        let array = cx.symbols().array(name)?;
        let itemsize = array.dtype().itemsize().unwrap_or(1);
        let bytes = array.size() * itemsize;
        if data.len() < bytes {
            let text = format!("{bytes} bytes do not fit the room of {}", data.len());
            return Err(Fault::new(Code::TooLarge, text));
        }
        if array.is_whole() {
            data[..bytes].copy_from_slice(&array.memory()[..bytes]);
        } else {
            with_dtype!(kernel_dtype(array.dtype()), T => {
                let from = view::<T>(&array)?;
                let mut block = [T::default(); 1024];
                let mut at = 0;
                while at < from.elements() {
                    let count = block.len().min(from.elements() - at);
                    from.copy(at..at + count, &mut block[..count]).map_err(fault)?;
                    for (to, value) in data[at * itemsize..].chunks_exact_mut(itemsize).zip(&block[..count]) {
                        to.copy_from_slice(&le_bytes(*value)[..itemsize]);
                    }
                    at += count;
                }
            }, else => return Err(not_implemented("download", &[array.dtype()])))
        }
        data.set_len(bytes);
        Ok(bytes as u64)
    }
}

/// The bytes of an element; those that it has stand first.
fn le_bytes<T: windlass_kernels::Element>(value: T) -> [u8; 8] {
    value.bits().to_le_bytes()
}

fn whole(value: &Scalar) -> Result<i128, Fault> {
    let text = value.plain();
    text.parse().map_err(|_| bad(format!("{text} is no integer")))
}
