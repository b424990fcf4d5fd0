//! Elementwise kernels beside one-line models, over dtype, layout and edges.
mod common;

use common::{Array, Sample, array, assert_same, in_pieces, property, same};
use proptest::prelude::*;
use windlass_kernels::elementwise::{
    self, Arith, Bits, CastTo, Compare, Logic, Math, Unary, arith, arith_assign, arith_of_scaled, cast,
    cast_checked, choose, clip, compare, logic, math, together, unary,
};
use windlass_kernels::{DType, Element, Float, Integer, KernelError, Number, View};

/// Two arrays of one shape in layouts of their own: the second takes the memory's values in the first's shape, or one value.
fn pair<T: Sample>() -> impl Strategy<Value = (Array<T>, Vec<T>, bool)> {
    array(T::any_value).prop_flat_map(|a| {
        let n = a.both().0.elements().max(1);
        (Just(a), prop::collection::vec(T::any_value(), n), any::<bool>())
    })
}

/// Calls `test` with both views and both models' elements.
fn with_pair<T: Sample>(
    (a, other, scalar): &(Array<T>, Vec<T>, bool),
    test: impl Fn(&View<'_, T>, &View<'_, T>, &[T], &[T]),
) {
    let (view, model) = a.both();
    let n = view.elements();
    let (b, flat) = if *scalar {
        (View::scalar(&other[0]), vec![other[0]; n])
    } else {
        (View::shaped(&other[..n], *view.shape()).expect("as many"), other[..n].to_vec())
    };
    let (view, b) = together(&view, &b).expect("one shape");
    test(&view, &b, &model.data, &flat);
    test(&b, &view, &flat, &model.data);
}

/// What an integer operation gives in unlimited width, and what a float operation gives by its definition.
trait Naive: Sample + Number {
    fn naive(op: Arith, a: Self, b: Self) -> Option<Self>;
}

macro_rules! naive_integer {
    ($($t:ty),*) => {$(
        impl Naive for $t {
            fn naive(op: Arith, a: Self, b: Self) -> Option<Self> {
                let (x, y) = (a as i128, b as i128);
                let whole = match op {
                    Arith::Add => x + y,
                    Arith::Subtract => x - y,
                    Arith::Multiply => x.wrapping_mul(y),
                    Arith::Minimum => x.min(y),
                    Arith::Maximum => x.max(y),
                    Arith::Power => {
                        if y < 0 {
                            return None;
                        }
                        let mut power: Self = 1;
                        for _ in 0..y.min(2000) {
                            power = power.wrapping_mul(a);
                        }
                        return if y <= 2000 { Some(power) } else { Some(a.wrapping_pow_naive(y as u128)) };
                    }
                    _ if y == 0 => 0,
                    Arith::Divide => x / y,
                    Arith::Remainder => x % y,
                    Arith::FloorDivide => x.div_euclid(y) - i128::from(y < 0 && x.rem_euclid(y) != 0),
                    Arith::Modulo => x - y * (x.div_euclid(y) - i128::from(y < 0 && x.rem_euclid(y) != 0)),
                };
                Some(whole as Self)
            }
        }
        impl PowerByFactors for $t {
            fn wrapping_pow_naive(self, exponent: u128) -> Self {
                // By chunks of the standard library's power: x^(q r + s) = (x^r)^q x^s.
                let r = 1u128 << 16;
                let (q, s) = (exponent / r, exponent % r);
                let rest = self.wrapping_pow(s as u32);
                if q == 0 { rest } else { self.wrapping_pow(r as u32).wrapping_pow_naive(q).wrapping_mul(rest) }
            }
        }
    )*};
}
trait PowerByFactors {
    fn wrapping_pow_naive(self, exponent: u128) -> Self;
}
naive_integer!(i8, i16, i32, i64, u8, u16, u32, u64);

macro_rules! naive_float {
    ($($t:ty),*) => {$(
        impl Naive for $t {
            fn naive(op: Arith, a: Self, b: Self) -> Option<Self> {
                Some(match op {
                    Arith::Add => a + b,
                    Arith::Subtract => a - b,
                    Arith::Multiply => a * b,
                    Arith::Divide => a / b,
                    Arith::Remainder => a % b,
                    Arith::Power => a.powf(b),
                    Arith::Minimum if a.is_nan() || b.is_nan() => Self::NAN,
                    Arith::Maximum if a.is_nan() || b.is_nan() => Self::NAN,
                    Arith::Minimum => if a < b { a } else { b },
                    Arith::Maximum => if a > b { a } else { b },
                    // Held against NumPy's own figures in golden.rs.
                    Arith::FloorDivide => a.floor_over(b),
                    Arith::Modulo => a.modulo(b),
                })
            }
        }
    )*};
}
naive_float!(f32, f64);

fn arithmetic_follows_its_definition<T: Naive>() {
    property(80, pair::<T>(), |case| {
        with_pair(&case, |a, b, x, y| {
            for op in Arith::ALL {
                let wanted: Vec<Option<T>> = x.iter().zip(y).map(|(&x, &y)| T::naive(op, x, y)).collect();
                let mut out = vec![T::ZERO; x.len()];
                if let Some(at) = wanted.iter().position(Option::is_none) {
                    let refused = arith(op, a, b, 0..x.len(), &mut out);
                    assert_eq!(refused, Err(KernelError::NegativePower { at }));
                    continue;
                }
                let wanted: Vec<T> = wanted.into_iter().flatten().collect();
                let got = in_pieces(x.len(), |range, out| arith(op, a, b, range, out).expect("same shapes"));
                assert_same(&got, &wanted);
                let mut target = x.to_vec();
                arith_assign(op, &mut target, b, 0..x.len()).expect("same shapes");
                assert_same(&target, &wanted);
            }
        });
    });
}

for_dtypes!(arrays_arith: i8, i16, i32, i64, u8, u16, u32, u64, f32, f64 => arithmetic_follows_its_definition);

fn comparison_follows_partial_order<T: Sample>() {
    property(80, pair::<T>(), |case| {
        with_pair(&case, |a, b, x, y| {
            for op in Compare::ALL {
                let got = in_pieces(x.len(), |range, out| compare(op, a, b, range, out).expect("same shapes"));
                for (at, (x, y)) in x.iter().zip(y).enumerate() {
                    let order = x.partial_cmp(y);
                    let wanted = match op {
                        Compare::Equal => order.is_some_and(|o| o.is_eq()),
                        Compare::NotEqual => order.is_none_or(|o| o.is_ne()),
                        Compare::Less => order.is_some_and(|o| o.is_lt()),
                        Compare::LessEqual => order.is_some_and(|o| o.is_le()),
                        Compare::Greater => order.is_some_and(|o| o.is_gt()),
                        Compare::GreaterEqual => order.is_some_and(|o| o.is_ge()),
                    };
                    assert_eq!(got[at], wanted, "{x:?} {op:?} {y:?}");
                }
            }
            for (op, f) in
                [(Logic::And, bool::min as fn(_, _) -> _), (Logic::Or, bool::max), (Logic::Xor, |a, b| a != b)]
            {
                let got = in_pieces(x.len(), |range, out| logic(op, a, b, range, out).expect("same shapes"));
                let truth = |x: &T| *x != T::default();
                let wanted: Vec<bool> = x.iter().zip(y).map(|(x, y)| f(truth(x), truth(y))).collect();
                assert_eq!(got, wanted);
            }
        });
    });
}

for_dtypes!(arrays_compare_and_logic: i8, i64, u64, f32, f64, bool => comparison_follows_partial_order);

fn bits_follow_wide_integers<T: Sample + Integer>() {
    property(80, pair::<T>(), |case| {
        with_pair(&case, |a, b, x, y| {
            let width = i128::from(T::BITS);
            let signed = T::DTYPE.is_signed();
            let value = |x: T| {
                if signed {
                    i128::from(i64::from_ordered(x.key().wrapping_sub(1 << (T::BITS - 1)) ^ 1 << 63))
                } else {
                    i128::from(x.bits())
                }
            };
            for op in Bits::ALL {
                let got =
                    in_pieces(x.len(), |range, out| elementwise::bits(op, a, b, range, out).expect("same shapes"));
                let wanted: Vec<T> = x
                    .iter()
                    .zip(y)
                    .map(|(&x, &y)| {
                        let (ones, n) = (x.bits(), value(y));
                        let out_of_width = n < 0 || n >= width;
                        let turn = (n as u64 % T::BITS as u64) as u32;
                        let roll = |by: u32| if by == 0 { ones } else { ones << by | ones >> (T::BITS - by) };
                        T::from_bits(match op {
                            Bits::And => ones & y.bits(),
                            Bits::Or => ones | y.bits(),
                            Bits::Xor => ones ^ y.bits(),
                            Bits::ShiftLeft => {
                                if out_of_width {
                                    0
                                } else {
                                    ones << n
                                }
                            }
                            Bits::ShiftRight if out_of_width => {
                                if value(x) < 0 {
                                    u64::MAX
                                } else {
                                    0
                                }
                            }
                            Bits::ShiftRight => (value(x) >> n) as u64,
                            Bits::RotateLeft => roll(turn),
                            Bits::RotateRight => roll((T::BITS - turn) % T::BITS),
                        })
                    })
                    .collect();
                assert_same(&got, &wanted);
            }
        });
    });
}

for_dtypes!(arrays_bits: i8, i16, i32, i64, u8, u16, u32, u64 => bits_follow_wide_integers);

fn choosing_and_clipping<T: Sample + Number>() {
    property(60, (pair::<T>(), any::<u64>()), |(case, seed)| {
        with_pair(&case, |a, b, x, y| {
            let mask: Vec<bool> = (0..x.len()).map(|i| seed.rotate_left(i as u32) & 1 == 1).collect();
            let view = View::shaped(&mask, *a.shape()).expect("as many");
            let got = in_pieces(x.len(), |range, out| choose(&view, a, b, range, out).expect("same shapes"));
            let wanted: Vec<T> = (0..x.len()).map(|i| if mask[i] { x[i] } else { y[i] }).collect();
            assert_same(&got, &wanted);

            let (low, high) = (T::ONE, T::ONE.plus(T::ONE));
            let bounds = (View::scalar(&low).broadcast(a.shape()), View::scalar(&high).broadcast(a.shape()));
            let (low_view, high_view) = (bounds.0.expect("scalar"), bounds.1.expect("scalar"));
            let got = in_pieces(x.len(), |range, out| {
                clip(a, Some(&low_view), Some(&high_view), range, out).expect("same shapes");
            });
            for (&x, &got) in x.iter().zip(&got) {
                let wanted = if x.is_nan() {
                    x
                } else if x < low {
                    low
                } else if x > high {
                    high
                } else {
                    x
                };
                assert!(same(got, wanted), "{x:?} clipped to {got:?}");
            }
        });
    });
}

for_dtypes!(arrays_where_and_clip: i8, u16, i64, f32, f64 => choosing_and_clipping);

fn signs<T: Sample + Number>() {
    property(60, array(T::any_value), |case| {
        let (view, model) = case.both();
        let run = |op| in_pieces(model.data.len(), |range, out| unary(op, &view, range, out).expect("inside"));
        let zero = T::ZERO;
        assert_same(&run(Unary::Square), &model.data.iter().map(|x| x.times(*x)).collect::<Vec<_>>());
        for (got, x) in run(Unary::Sign).into_iter().zip(&model.data) {
            let wanted = if x.is_nan() { 0 } else { i32::from(*x > zero) - i32::from(*x < zero) };
            assert!(x.is_nan() && got.is_nan() || got.to_f64() == f64::from(wanted));
        }
        for (got, x) in run(Unary::Absolute).into_iter().zip(&model.data) {
            let wanted = if *x < zero { zero.minus(*x) } else { *x };
            assert!(got == wanted || x.is_nan() && got.is_nan(), "|{x:?}| is not {got:?}");
        }
    });
}

for_dtypes!(arrays_signs: i8, i64, u8, u64, f32, f64 => signs);

#[test]
fn arrays_mathematics_is_the_standard_librarys_in_any_layout() {
    property(60, array(f64::any_value), |case| {
        let (view, model) = case.both();
        for &op in Math::ALL {
            let got = in_pieces(model.data.len(), |range, out| math(op, &view, range, out).expect("inside"));
            let f: fn(f64) -> f64 = match op {
                Math::Sin => f64::sin,
                Math::Sqrt => f64::sqrt,
                Math::Log10 => f64::log10,
                Math::Round => f64::round_ties_even,
                Math::ArcTanh => f64::atanh,
                Math::Degrees => f64::to_degrees,
                _ => continue,
            };
            assert_same(&got, &model.data.iter().map(|&x| f(x)).collect::<Vec<_>>());
        }
    });
    assert_eq!(f64::next_after(1.0, 2.0), 1.0 + f64::EPSILON);
}

/// Whether a value survives, by way of 128 bits.
fn casts<A, B>()
where
    A: Sample + CastTo<B>,
    B: Sample,
{
    property(60, array(A::any_value), |case| {
        let (view, model) = case.both();
        let got: Vec<B> = in_pieces(model.data.len(), |range, out| cast(&view, range, out).expect("inside"));
        let mut checked = vec![B::default(); got.len()];
        let verdict = cast_checked(&view, 0..got.len(), &mut checked);
        let mut first_bad = None;
        for (at, (&x, &y)) in model.data.iter().zip(&got).enumerate() {
            let whole = x.to_f64().trunc();
            let exact = A::DTYPE.is_integer() && x.bits() as f64 == x.to_f64().abs();
            if B::DTYPE == DType::Bool {
                assert_eq!(y.is_true(), x.is_true());
            } else if B::DTYPE.is_float() {
                assert!(x.is_nan() && y.is_nan() || B::DTYPE == DType::Float32 || y.to_f64() == x.to_f64());
            } else if x.is_nan() || whole.abs() >= 2f64.powi(64) {
                first_bad = first_bad.or(Some(at));
            } else if whole.abs() < 2f64.powi(53) || exact {
                let wide = whole as i128;
                let bits = B::DTYPE.bytes().expect("integer") as u32 * 8;
                let low = if B::DTYPE.is_signed() { -(1i128 << (bits - 1)) } else { 0 };
                let high = low + (1i128 << bits) - 1;
                if (low..=high).contains(&wide) {
                    assert_eq!(y.to_f64(), whole, "{x:?}");
                } else {
                    first_bad = first_bad.or(Some(at));
                }
            }
        }
        if let Some(at) = first_bad {
            assert!(
                matches!(verdict, Err(KernelError::DoesNotFit { at: found, .. }) if found <= at),
                "{verdict:?}"
            );
        }
        if verdict.is_ok() {
            assert_same(&checked, &got);
        }
    });
}

#[test]
fn arrays_casts_keep_what_fits_and_name_the_first_that_does_not() {
    casts::<f64, i8>();
    casts::<f64, i64>();
    casts::<f64, u64>();
    casts::<i64, u8>();
    casts::<u64, i64>();
    casts::<i8, u64>();
    casts::<i64, f32>();
    casts::<f64, f32>();
    casts::<bool, f64>();
    casts::<f32, bool>();
    casts::<u16, bool>();
    casts::<bool, i16>();
}

#[test]
fn arrays_shapes_ranges_and_rooms_that_do_not_fit_are_refused() {
    let (a, b) = ([1i64, 2, 3], [1i64, 2]);
    let (a, b) = (View::flat(&a), View::flat(&b));
    let mut out = [0; 3];
    assert!(matches!(arith(Arith::Add, &a, &b, 0..2, &mut out[..2]), Err(KernelError::Shapes { .. })));
    assert!(matches!(arith(Arith::Add, &a, &a, 0..4, &mut [0; 4]), Err(KernelError::Bounds { .. })));
    assert_eq!(arith(Arith::Add, &a, &a, 0..3, &mut out[..2]), Err(KernelError::OutputSize { needed: 3, got: 2 }));
    assert!(matches!(Arith::Add.dtype(DType::Str, DType::Int64), Err(KernelError::NoCommonDType { .. })));
    assert!(together(&a, &b).is_err());
}

fn chained<T: Sample + Number>() {
    let plain = [Arith::Add, Arith::Subtract, Arith::Multiply, Arith::Divide];
    let rows = prop::collection::vec((T::any_value(), T::any_value()), 0..40);
    property(40, (rows, T::any_value()), |(rows, value)| {
        let (a, b): (Vec<T>, Vec<T>) = rows.into_iter().unzip();
        let mut out = vec![T::default(); a.len()];
        for (outer, inner) in plain.into_iter().flat_map(|one| plain.map(|two| (one, two))) {
            for turned in [[false, false], [false, true], [true, false], [true, true]] {
                let by = vec![value; a.len()];
                let pass = |op, turned: bool, a: &[T], b: &[T]| {
                    let (a, b) = if turned { (b, a) } else { (a, b) };
                    let mut out = vec![T::default(); a.len()];
                    arith(op, &View::flat(a), &View::flat(b), 0..a.len(), &mut out).expect("as many");
                    out
                };
                let wanted = pass(outer, turned[0], &a, &pass(inner, turned[1], &b, &by));
                arith_of_scaled((outer, turned[0]), (inner, turned[1]), (&a, &b, value), &mut out)
                    .expect("as many");
                let same = |(x, y): (&T, &T)| x.bits() == y.bits() || x.is_nan() && y.is_nan();
                assert!(out.iter().zip(&wanted).all(same), "{outer:?} {inner:?} {turned:?}: {out:?}, {wanted:?}");
            }
        }
    });
    let odd = arith_of_scaled((Arith::Power, false), (Arith::Add, false), (&[], &[], T::default()), &mut []);
    assert!(matches!(odd, Err(KernelError::Argument { .. })), "{odd:?}");
    let short =
        arith_of_scaled((Arith::Add, false), (Arith::Add, false), (&[], &[], T::default()), &mut [T::default()]);
    assert!(matches!(short, Err(KernelError::OutputSize { .. })));
}

for_dtypes!(arrays_two_operations_in_one_pass_are_two_passes: i8, u64, f32, f64 => chained);
