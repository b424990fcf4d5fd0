//! Random streams, statistics, linear algebra and big integers.
#![allow(non_snake_case, reason = "tests carry the names of requirement rows")]
mod common;

use common::{Sample, array, in_pieces, property};
use num_bigint::BigInt;
use proptest::prelude::*;
use windlass_kernels::bigint::{self, Modulus, from_limbs, limb_count, to_limbs};
use windlass_kernels::elementwise::{Arith, Bits, Compare};
use windlass_kernels::linear::{Triangle, dot, eye, matmul, outer, triangle};
use windlass_kernels::random::{Permutation, Places, Stream, exponential, integers, normal, uniform};
use windlass_kernels::reduce::{Moment, whole};
use windlass_kernels::stats::{Bins, Pairs, histogram, histogram_dd};
use windlass_kernels::{KernelError, Number, Shape, Stepwise, View};

#[test]
fn arrays_random_values_depend_on_seed_stream_and_index_alone() {
    let stream = Stream::new(7, 0);
    let n = 5000;
    let make =
        |stream: Stream| in_pieces(n, |range, out| uniform(&stream, (-2.0, 3.0), range, out).expect("a range"));
    let values = make(stream);
    let mut whole_range = vec![0.0; n];
    uniform(&stream, (-2.0, 3.0), 0..n, &mut whole_range).expect("a range");
    assert_eq!(values, whole_range);
    assert!(values.iter().all(|x| (-2.0..3.0).contains(x)));
    assert_ne!(values, make(Stream::new(7, 1)));
    assert_ne!(values, make(Stream::new(8, 0)));
}

#[test]
fn arrays_distributions_have_the_moments_they_should() {
    let stream = Stream::new(1, 2);
    let n = 200_000;
    let mut out = vec![0.0; n];
    let moments = |out: &[f64]| {
        let view = View::flat(out);
        (whole(Moment::MEAN, &view).expect("some"), whole(Moment::deviation(0.0), &view).expect("some"))
    };
    uniform(&stream, (0.0, 1.0), 0..n, &mut out).expect("a range");
    let (mean, deviation) = moments(&out);
    assert!((mean - 0.5).abs() < 0.005 && (deviation - (1.0f64 / 12.0).sqrt()).abs() < 0.005);
    normal(&stream, (3.0, 2.0), 0..n, &mut out).expect("a deviation");
    let (mean, deviation) = moments(&out);
    assert!((mean - 3.0).abs() < 0.03 && (deviation - 2.0).abs() < 0.03, "{mean} {deviation}");
    assert!(out.iter().all(|x| x.is_finite()));
    exponential(&stream, 2.0, 0..n, &mut out).expect("a scale");
    let (mean, deviation) = moments(&out);
    assert!((mean - 2.0).abs() < 0.03 && (deviation - 2.0).abs() < 0.05);
    let mut dice = vec![0i64; n];
    integers(&stream, (1, 6), 0..n, &mut dice).expect("a range");
    for face in 1..=6 {
        let count = dice.iter().filter(|&&x| x == face).count() as f64;
        assert!((count / n as f64 - 1.0 / 6.0).abs() < 0.005);
    }
    assert!(normal(&stream, (0.0, f64::NAN), 0..1, &mut [0.0]).is_err());
    assert!(uniform(&stream, (1.0, 0.0), 0..1, &mut [0.0]).is_err());
    assert!(integers(&stream, (1i64, 0), 0..1, &mut [0]).is_err());
}

#[test]
fn arrays_integers_reach_both_ends_of_any_range() {
    property(200, (any::<i64>(), any::<i64>(), any::<u64>()), |(a, b, seed)| {
        let (low, high) = (a.min(b), a.max(b));
        let mut out = [0i64; 50];
        integers(&Stream::new(seed, 0), (low, high), 0..50, &mut out).expect("a range");
        assert!(out.iter().all(|x| (low..=high).contains(x)));
        let mut small = [0u8; 200];
        integers(&Stream::new(seed, 0), (254, 255), 0..200, &mut small).expect("a range");
        assert!(small.contains(&254) && small.contains(&255));
        integers(&Stream::new(seed, 0), (i64::MIN, i64::MAX), 0..50, &mut out).expect("a range");
        assert!(out.iter().any(|&x| x < 0) && out.iter().any(|&x| x > 0));
    });
}

#[test]
fn arrays_a_permutation_holds_each_number_once() {
    for n in [0usize, 1, 2, 1000, 100_000] {
        let mut out = vec![0i64; n];
        Permutation::new(Stream::new(3, 0), &mut out).and_then(|mut permutation| permutation.run()).expect("room");
        let moved = out.iter().enumerate().filter(|(at, to)| *at as i64 != **to).count();
        assert!(n < 3 || moved > n / 2);
        out.sort_unstable();
        assert!(out.iter().enumerate().all(|(at, &number)| at as i64 == number));
    }
}

#[test]
fn arrays_histograms_count_each_value_in_the_bin_of_its_edges() {
    property(
        200,
        (array(f64::any_value), 1usize..20, -50.0..50.0f64, 0.0..100.0f64),
        |(case, count, low, width)| {
            let (view, model) = case.both();
            let bins = Bins::new(low, low + width, count).expect("a range");
            let n = model.data.len();
            let mut counts = vec![0; count];
            histogram(&bins, &view, n / 2..n, &mut counts).expect("inside");
            histogram(&bins, &view, 0..n / 2, &mut counts).expect("inside");
            let wanted: Vec<i64> = (0..count)
                .map(|bin| {
                    let (from, to) = (bins.edge(bin), bins.edge(bin + 1));
                    let inside = |x: &&f64| **x >= from && (**x < to || bin + 1 == count && **x == to);
                    model.data.iter().filter(inside).count() as i64
                })
                .collect();
            assert_eq!(counts, wanted);
            let mut square = vec![0; count * count];
            histogram_dd(&[(&bins, &view), (&bins, &view)], 0..n, &mut square).expect("inside");
            assert_eq!((0..count).map(|bin| square[bin * count + bin]).collect::<Vec<_>>(), wanted);
        },
    );
    assert!(
        Bins::new(1.0, 0.0, 3).is_err() && Bins::new(0.0, f64::NAN, 3).is_err() && Bins::new(0.0, 1.0, 0).is_err()
    );
}

#[test]
fn arrays_covariance_and_correlation_follow_their_definition_in_parts() {
    property(100, prop::collection::vec((-1e3..1e3f64, -1e3..1e3f64), 2..3000), |pairs| {
        let (x, y): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        let n = x.len();
        let (a, b) = (View::flat(&x), View::flat(&y));
        let parts = [0..n / 3, n / 3..n].map(|range| Pairs::partial(&a, &b, range).expect("inside"));
        let all = parts[0].with(&parts[1]);
        let mean = |v: &[f64]| v.iter().sum::<f64>() / n as f64;
        let (mx, my) = (mean(&x), mean(&y));
        let sum = |f: &dyn Fn(f64, f64) -> f64| x.iter().zip(&y).map(|(&x, &y)| f(x - mx, y - my)).sum::<f64>();
        let (xy, xx, yy) = (sum(&|x, y| x * y), sum(&|x, _| x * x), sum(&|_, y| y * y));
        assert!((all.covariance(1.0) - xy / (n as f64 - 1.0)).abs() <= 1e-6 * (1.0 + xx + yy) / n as f64);
        assert!((all.correlation() - xy / (xx * yy).sqrt()).abs() < 1e-6);
    });
    let flat = [1.0; 4];
    let flat = View::flat(&flat);
    assert!(Pairs::partial(&flat, &flat, 0..4).expect("inside").correlation().is_nan());
}

fn products<T: Sample + Number>() {
    let size = || prop_oneof![3 => 0usize..9, 1 => 250usize..300];
    property(
        40,
        (size(), 0usize..9, size(), any::<u64>(), any::<bool>()),
        |(rows, columns, inner, seed, turned)| {
            let mut state = seed;
            let mut values = |n: usize| {
                (0..n)
                    .map(|_| {
                        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(5);
                        T::from_f64(((state >> 60) as f64) - if T::DTYPE.is_unsigned() { 0.0 } else { 8.0 })
                    })
                    .collect::<Vec<T>>()
            };
            let (left, right) = (values(rows * inner), values(inner * columns));
            let shape = |dims: &[usize]| Shape::new(dims).expect("small");
            // The left factor in row-major order, or as the transpose of one.
            let a = if turned {
                View::shaped(&left, shape(&[inner, rows]))
                    .and_then(|view| view.permute(&[1, 0]))
                    .expect("a matrix")
            } else {
                View::shaped(&left, shape(&[rows, inner])).expect("a matrix")
            };
            let b = View::shaped(&right, shape(&[inner, columns])).expect("a matrix");
            let mut out = vec![T::ONE; rows * columns];
            let (front, back) = out.split_at_mut(rows / 2 * columns);
            matmul(&a, &b, rows / 2..rows, back).expect("they fit");
            matmul(&a, &b, 0..rows / 2, front).expect("they fit");
            let (x, y) = (a.to_vec(), b.to_vec());
            for row in 0..rows {
                for column in 0..columns {
                    // Small whole numbers: every sum is exact, or wraps the same way in any order.
                    let wanted = (0..inner)
                        .fold(T::ZERO, |sum, k| sum.plus(x[row * inner + k].times(y[k * columns + column])));
                    assert_eq!(out[row * columns + column], wanted);
                }
            }
            let (p, q) = (View::flat(&left), View::flat(&left));
            let n = left.len();
            let parts = dot(&p, &q, 0..n / 2).expect("inside").plus(dot(&p, &q, n / 2..n).expect("inside"));
            assert_eq!(parts, left.iter().fold(T::ZERO, |sum, x| sum.plus(x.times(*x))));
            let (short, other) = (View::flat(&left[..rows.min(n)]), View::flat(&right));
            let m = right.len();
            let got = in_pieces(rows.min(n) * m, |range, out| outer(&short, &other, range, out).expect("inside"));
            assert!(got.iter().enumerate().all(|(at, &x)| x == left[at / m].times(right[at % m])));
        },
    );
}

for_dtypes!(arrays_products: i8, i64, u16, f32, f64 => products);

#[test]
fn arrays_triangles_and_the_identity() {
    property(100, (0usize..6, 0usize..6, -7i64..7), |(rows, columns, k)| {
        let values: Vec<i64> = (1..=(2 * rows * columns) as i64).collect();
        let view = View::shaped(&values, Shape::new(&[2, rows, columns]).expect("small")).expect("as many");
        let place = |at: usize| ((at / columns % rows) as i64, (at % columns) as i64);
        let lower =
            in_pieces(values.len(), |range, out| triangle(Triangle::Lower(k), &view, range, out).expect("inside"));
        let upper =
            in_pieces(values.len(), |range, out| triangle(Triangle::Upper(k), &view, range, out).expect("inside"));
        for at in 0..values.len() {
            let (row, column) = place(at);
            assert_eq!(lower[at], if column <= row + k { values[at] } else { 0 });
            assert_eq!(upper[at], if column >= row + k { values[at] } else { 0 });
        }
        let ones: Vec<i64> = in_pieces(rows * columns, |range, out| eye(columns, k, range, out).expect("inside"));
        assert!(ones.iter().enumerate().all(|(at, &x)| x == i64::from(place(at).1 == place(at).0 + k)));
    });
    assert!(triangle(Triangle::Lower(0), &View::flat(&[1i64]), 0..1, &mut [0]).is_err());
}

#[test]
fn arrays_big_integers_agree_with_wide_ones_and_wrap_at_max_bits() {
    let value = || {
        prop_oneof![any::<i64>().prop_map(i128::from), -20i128..20, any::<i64>().prop_map(|x| i128::from(x) << 60)]
    };
    property(
        300,
        (prop::collection::vec((value(), value()), 1..20), prop::option::of(1u64..130)),
        |(pairs, max_bits)| {
            let modulus = Modulus::new(max_bits).expect("in range");
            let a: Vec<BigInt> = pairs.iter().map(|p| BigInt::from(p.0)).collect();
            let b: Vec<BigInt> = pairs.iter().map(|p| BigInt::from(p.1)).collect();
            let n = a.len();
            let mask = max_bits.filter(|&bits| bits < 127).map(|bits| (1i128 << bits) - 1);
            let wrapped = |x: i128| BigInt::from(mask.map_or(x, |mask| x & mask));
            let within =
                |x: Option<i128>| x.filter(|x| max_bits.is_none_or(|bits| bits < 127) || *x >= 0).map(wrapped);
            let mut out = vec![BigInt::default(); n];
            for op in Arith::ALL.into_iter().filter(|op| *op != Arith::Power) {
                bigint::arith(op, &a, &b, &modulus, 0..n, &mut out).expect("small");
                for (got, &(x, y)) in out.iter().zip(&pairs) {
                    let floor = |x: i128, y: i128| x.div_euclid(y) - i128::from(y < 0 && x.rem_euclid(y) != 0);
                    let wanted = within(match op {
                        Arith::Add => x.checked_add(y),
                        Arith::Subtract => x.checked_sub(y),
                        Arith::Multiply => x.checked_mul(y),
                        Arith::Minimum => Some(x.min(y)),
                        Arith::Maximum => Some(x.max(y)),
                        _ if y == 0 => Some(0),
                        Arith::Divide => Some(x / y),
                        Arith::Remainder => Some(x % y),
                        Arith::FloorDivide => Some(floor(x, y)),
                        Arith::Modulo => Some(x - y * floor(x, y)),
                        Arith::Power => None,
                    });
                    assert!(wanted.is_none_or(|wanted| wanted == *got), "{x} {op:?} {y}: {got}");
                    assert!(max_bits.is_none_or(|bits| *got >= BigInt::default() && got.bits() <= bits));
                }
            }
            for (op, f) in [
                (Bits::And, (|x, y| x & y) as fn(i128, i128) -> i128),
                (Bits::Or, |x, y| x | y),
                (Bits::Xor, |x, y| x ^ y),
            ] {
                bigint::bits(op, &a, &b, &modulus, 0..n, &mut out).expect("small");
                for (got, &(x, y)) in out.iter().zip(&pairs) {
                    assert!(within(Some(f(x, y))).is_none_or(|wanted| wanted == *got), "{x} {op:?} {y}: {got}");
                }
            }
            let by: Vec<BigInt> = pairs.iter().map(|p| BigInt::from(p.1.rem_euclid(140))).collect();
            bigint::bits(Bits::ShiftLeft, &a, &by, &modulus, 0..n, &mut out).expect("small");
            for ((got, a), by) in out.iter().zip(&a).zip(&by) {
                let factor = BigInt::from(2).pow(u32::try_from(by).expect("small"));
                assert_eq!(*got, modulus.wrap(a * factor));
            }
            if let Some(bits) = max_bits {
                bigint::bits(Bits::RotateLeft, &a, &b, &modulus, 0..n, &mut out).expect("small");
                let mut back = vec![BigInt::default(); n];
                bigint::bits(Bits::RotateRight, &out, &b, &modulus, 0..n, &mut back).expect("small");
                assert!(back.iter().zip(&a).all(|(back, a)| *back == modulus.wrap(a.clone())));
                assert!(out.iter().zip(&back).all(|(x, y)| x.magnitude().count_ones() == y.magnitude().count_ones() && x.bits() <= bits));
            }
            let (count, signed) = limb_count(&a);
            let columns: Vec<Vec<u64>> = (0..count)
                .map(|limb| {
                    let mut out = vec![0; n];
                    to_limbs(&a, limb, 0..n, &mut out).expect("inside");
                    out
                })
                .collect();
            for (row, a) in a.iter().enumerate() {
                let limbs: Vec<u64> = columns.iter().map(|column| column[row]).collect();
                assert_eq!(from_limbs(&limbs, signed), *a);
            }
            let mut less = vec![false; n];
            bigint::compare(Compare::Less, &a, &b, 0..n, &mut less).expect("as many");
            assert!(less.iter().zip(&pairs).all(|(less, (x, y))| *less == (x < y)));
        },
    );
}

#[test]
fn arrays_powers_of_big_integers_are_refused_before_they_are_made() {
    let two = [BigInt::from(2)];
    let huge = [BigInt::from(u64::MAX)];
    let mut out = [BigInt::default()];
    let free = Modulus::new(None).expect("none");
    let narrow = Modulus::new(Some(10)).expect("in range");
    let power = |b: &[BigInt], modulus: &Modulus, out: &mut [BigInt]| {
        bigint::arith(Arith::Power, &two, b, modulus, 0..1, out)
    };
    assert!(matches!(power(&huge, &free, &mut out), Err(KernelError::TooLarge { .. })));
    assert!(matches!(power(&[BigInt::from(-1)], &free, &mut out), Err(KernelError::NegativePower { at: 0 })));
    power(&[BigInt::from(100)], &free, &mut out).expect("small");
    assert_eq!(out[0].bits(), 101);
    power(&[BigInt::from(9)], &narrow, &mut out).expect("small");
    assert_eq!(out[0], BigInt::from(512));
    power(&huge, &narrow, &mut out).expect("modulo");
    assert_eq!(out[0], BigInt::default());
    let shift = bigint::bits(Bits::ShiftLeft, &two, &huge, &free, 0..1, &mut out);
    assert!(matches!(shift, Err(KernelError::TooLarge { .. })));
    assert!(bigint::bits(Bits::RotateLeft, &two, &two, &free, 0..1, &mut out).is_err());
    assert!(Modulus::new(Some(0)).is_err());
}

/// Computed apart from the published constants; the first word of SplitMix64's seed 0 is 0xE220_A839_7B1D_CDAF.
#[test]
fn arrays_R8_words_by_place_are_arkoudas() {
    let at = |seed, stream, index| Places::new(seed, stream, 0).word(index);
    assert_eq!(at(0, 0, 0), 0xa706_dd2f_4d19_7e6f);
    assert_eq!(at(0, 0, 1), 0x08b4_fda8_c892_b50e);
    assert_eq!(at(42, 7, 1000), 0x95b4_f757_3f58_ff7b);
    assert_eq!(at(u64::MAX, 1 << 63, u64::MAX), 0xcd97_f2d6_52fd_fbb4);
    assert_eq!(Places::new(42, 7, 990).word(10), at(42, 7, 1000));
    assert_eq!(Places::new(0, 0, 0).unit(1), 0.034_011_701_304_346_39);
    assert!((0..1000).map(|index| Places::new(9, 1, 0).unit(index)).all(|unit| (0.0..1.0).contains(&unit)));
}
