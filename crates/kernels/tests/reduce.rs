//! Reductions and scans beside naive models, over dtype, layout, axes and edges.
#![allow(non_snake_case, reason = "a requirement's name is part of a test's")]
mod common;

use common::{Model, Sample, array, assert_same, property, same};
use proptest::prelude::*;
use windlass_kernels::reduce::{
    self, All, Any, ArgMax, ArgMin, BitAnd, BitOr, BitXor, Count, CountTrue, First, Max, Min, Moment, Prod,
    Reducer, SkipNan, Sum, along, combine, partial, whole,
};
use windlass_kernels::scan::{self, Scan};
use windlass_kernels::{Integer, KernelError, Number, View, morsel};

/// The elements behind each result, by coordinates alone.
fn lines<T: Copy>(model: &Model<T>, axes: u8) -> (Vec<usize>, Vec<Vec<T>>) {
    let rank = model.dims.len();
    let reduced = |axis: usize| axes >> axis & 1 == 1;
    let kept: Vec<usize> = (0..rank).filter(|&axis| !reduced(axis)).map(|axis| model.dims[axis]).collect();
    let gone: Vec<usize> = (0..rank).filter(|&axis| reduced(axis)).map(|axis| model.dims[axis]).collect();
    let mut out = Vec::new();
    common::each(&kept, |k| {
        let mut line = Vec::new();
        common::each(&gone, |r| {
            let (mut k, mut r) = (k.iter(), r.iter());
            let at: Vec<usize> =
                (0..rank).map(|axis| *if reduced(axis) { r.next() } else { k.next() }.expect("as many")).collect();
            line.push(model.index(&at));
        });
        out.push(line);
    });
    (kept, out)
}

/// A reduction over everything and along axes gives what `naive` gives for each line; `like` compares.
fn check<T: Sample, R: Reducer<T>>(
    reducer: R,
    view: &View<'_, T>,
    model: &Model<T>,
    axes: u8,
    naive: impl Fn(&[T]) -> Option<R::Out>,
    like: impl Fn(R::Out, R::Out) -> bool,
) where
    R::Out: std::fmt::Debug,
{
    let cases = [axes & (((1u16 << model.dims.len()) - 1) as u8), ((1u16 << model.dims.len()) - 1) as u8];
    for axes in cases {
        let (kept, lines) = lines(model, axes);
        let n: usize = kept.iter().product();
        let mut out = vec![R::Out::default(); n];
        let (front, back) = out.split_at_mut(n / 2);
        let verdict =
            along(reducer, view, axes, n / 2..n, back).and_then(|()| along(reducer, view, axes, 0..n / 2, front));
        let wanted: Option<Vec<R::Out>> = lines.iter().map(|line| naive(line)).collect();
        match wanted {
            None => assert!(matches!(verdict, Err(KernelError::Empty { .. })), "{verdict:?}"),
            Some(wanted) => {
                assert_eq!(verdict, Ok(()));
                for (k, (&got, &wanted)) in out.iter().zip(&wanted).enumerate() {
                    assert!(
                        like(got, wanted),
                        "axes {axes:b}, result {k} of {:?}: got {got:?}, wanted {wanted:?}",
                        model.dims
                    );
                }
            }
        }
    }
    match naive(&model.data) {
        None => assert!(matches!(whole(reducer, view), Err(KernelError::Empty { .. }))),
        Some(wanted) => {
            let got = whole(reducer, view).expect("it has a value");
            assert!(like(got, wanted), "whole: got {got:?}, wanted {wanted:?}");
        }
    }
}

/// Equal up to the rounding of sums in another order; what overflows on the way may differ between orders.
fn near(scale: f64) -> impl Fn(f64, f64) -> bool {
    move |a, b| {
        a == b
            || a.is_nan() && b.is_nan()
            || !scale.is_finite()
            || (a - b).abs() <= 1e-4 * scale.max(f64::MIN_POSITIVE)
    }
}

fn exact_reductions<T: Sample + Number>() {
    property(60, (array(T::any_value), 0u8..16), |(case, axes)| {
        let (view, model) = case.both();
        let better = |a: &T, b: &T, less: bool| {
            if b.is_nan() { false } else { a.is_nan() || if less { a < b } else { a > b } }
        };
        let place = |line: &[T], less: bool| {
            let mut best: Option<usize> = None;
            for (at, value) in line.iter().enumerate() {
                if best.is_none_or(|best| better(value, &line[best], less)) {
                    best = Some(at);
                }
            }
            best
        };
        let ends = |a: T, b: T| a == b || a.is_nan() && b.is_nan();
        check(ArgMin, &view, &model, axes, |line| place(line, true).map(|at| at as u64), |a, b| a == b);
        check(ArgMax, &view, &model, axes, |line| place(line, false).map(|at| at as u64), |a, b| a == b);
        check(Min, &view, &model, axes, |line| place(line, true).map(|at| line[at]), ends);
        check(Max, &view, &model, axes, |line| place(line, false).map(|at| line[at]), ends);
        check(Any, &view, &model, axes, |line| Some(line.iter().any(|x| *x != T::ZERO)), |a, b| a == b);
        check(All, &view, &model, axes, |line| Some(line.iter().all(|x| *x != T::ZERO)), |a, b| a == b);
        let count = |line: &[T], f: fn(&T) -> bool| Some(line.iter().filter(|x| f(x)).count() as u64);
        check(CountTrue, &view, &model, axes, |line| count(line, |x| *x != T::ZERO), |a, b| a == b);
        check(Count, &view, &model, axes, |line| count(line, |x| !x.is_nan()), |a, b| a == b);
        check(First, &view, &model, axes, |line| line.first().copied(), same);
        let clean = |line: &[T]| line.iter().copied().filter(|x| !x.is_nan()).collect::<Vec<_>>();
        check(
            SkipNan(Min),
            &view,
            &model,
            axes,
            |line| {
                let line = clean(line);
                place(&line, true).map(|at| line[at])
            },
            ends,
        );
    });
}

for_dtypes!(arrays_exact_reductions: i8, i64, u8, u64, f32, f64 => exact_reductions);

fn integer_totals<T: Sample + Integer>() {
    property(60, (array(T::any_value), 0u8..16), |(case, axes)| {
        let (view, model) = case.both();
        let wide = |line: &[T], f: fn(T::Wide, T::Wide) -> T::Wide, start: T::Wide| {
            Some(line.iter().fold(start, |acc, x| f(acc, x.wide())))
        };
        check(Sum, &view, &model, axes, |line| wide(line, T::Wide::plus, T::Wide::ZERO), |a, b| a == b);
        check(Prod, &view, &model, axes, |line| wide(line, T::Wide::times, T::Wide::ONE), |a, b| a == b);
        let bits = |line: &[T], f: fn(T, T) -> T, start: T| Some(line.iter().fold(start, |acc, &x| f(acc, x)));
        check(BitAnd, &view, &model, axes, |line| bits(line, T::and, T::ZERO.invert()), |a, b| a == b);
        check(BitOr, &view, &model, axes, |line| bits(line, T::or, T::ZERO), |a, b| a == b);
        check(BitXor, &view, &model, axes, |line| bits(line, T::xor, T::ZERO), |a, b| a == b);
    });
}

for_dtypes!(arrays_integer_totals: i8, i16, i32, i64, u8, u64 => integer_totals);

#[test]
fn arrays_float_totals_and_moments_agree_with_their_definition() {
    property(
        150,
        (
            array::<f64>(|| prop_oneof![9 => -1e3..1e3, 1 => Just(f64::NAN), 1 => Just(f64::INFINITY)].boxed()),
            0u8..16,
        ),
        |(case, axes)| {
            let (view, model) = case.both();
            let scale: f64 = model.data.iter().filter(|x| x.is_finite()).map(|x| x.abs()).sum();
            let squares: f64 = model.data.iter().filter(|x| x.is_finite()).map(|x| x * x).sum();
            check(Sum, &view, &model, axes, |line| Some(line.iter().sum()), near(scale));
            let mean = |line: &[f64]| line.iter().sum::<f64>() / line.len() as f64;
            check(Moment::MEAN, &view, &model, axes, |line| Some(mean(line)), near(scale));
            for ddof in [0.0, 1.0] {
                let variance = move |line: &[f64]| {
                    let middle = mean(line);
                    let freedom = line.len() as f64 - ddof;
                    if freedom <= 0.0 {
                        f64::NAN
                    } else {
                        line.iter().map(|x| (x - middle).powi(2)).sum::<f64>() / freedom
                    }
                };
                check(Moment::variance(ddof), &view, &model, axes, |line| Some(variance(line)), near(squares));
                check(
                    Moment::deviation(ddof),
                    &view,
                    &model,
                    axes,
                    |line| Some(variance(line).sqrt()),
                    near(squares),
                );
            }
            let clean = |line: &[f64]| line.iter().copied().filter(|x| !x.is_nan()).collect::<Vec<f64>>();
            check(SkipNan(Sum), &view, &model, axes, |line| Some(clean(line).iter().sum()), near(scale));
            check(SkipNan(Moment::MEAN), &view, &model, axes, |line| Some(mean(&clean(line))), near(scale));
        },
    );
}

#[test]
fn arrays_a_sum_has_the_same_bits_however_its_morsels_were_shared() {
    let values: Vec<f64> = (0..3 * morsel::ELEMENTS + 5).map(|i| ((i * 7919) % 1000) as f64 / 7.0).collect();
    let view = View::flat(&values);
    let mut parts: Vec<(usize, f64)> = (0..morsel::count(values.len()))
        .rev()
        .map(|m| (m, partial(Sum, &view, morsel::range(values.len(), m)).expect("inside")))
        .collect();
    parts.sort_by_key(|part| part.0);
    let parts: Vec<f64> = parts.into_iter().map(|part| part.1).collect();
    assert_eq!(combine::<f64, _>(Sum, &parts).to_bits(), whole(Sum, &view).expect("sum").to_bits());
    let exact: f64 = values.iter().map(|x| x * 7.0).sum::<f64>() / 7.0;
    assert!((whole(Sum, &view).expect("sum") - exact).abs() < 1e-7 * exact.abs().sqrt());
}

#[test]
fn arrays_a_large_mean_costs_the_variance_no_digits() {
    let values: Vec<f64> = (0..100_000).map(|i| 1e9 + f64::from(i % 2)).collect();
    let variance = whole(Moment::variance(0.0), &View::flat(&values)).expect("some");
    assert!((variance - 0.25).abs() < 1e-9, "{variance}");
}

#[test]
fn arrays_few_long_lines_can_be_reduced_in_morsels() {
    property(40, (array(i64::any_value), 0u8..16), |(case, axes)| {
        let (view, model) = case.both();
        let axes = axes & (((1u16 << model.dims.len()) - 1) as u8);
        let (_, lines) = lines(&model, axes);
        for (k, line) in lines.iter().enumerate() {
            assert_same(&reduce::line(&view, axes, k).expect("there").to_vec(), line);
        }
        assert!(reduce::line(&view, axes, lines.len()).is_err());
        assert!(reduce::line(&view, 1 << 7, 0).is_err());
    });
}

fn scans<T: Sample + Number>() {
    property(80, (array(T::any_value), 0usize..5), |(case, axis)| {
        let (view, model) = case.both();
        let n = model.data.len();
        for op in [Scan::Sum, Scan::Product] {
            let join = |a: T::Wide, b: T::Wide| if op == Scan::Sum { a.plus(b) } else { a.times(b) };
            let start = if op == Scan::Sum { T::Wide::ZERO } else { T::Wide::ONE };
            let running = |line: &[T]| {
                let mut acc = start;
                line.iter()
                    .map(|x| {
                        acc = join(acc, x.wide());
                        acc
                    })
                    .collect::<Vec<_>>()
            };
            // In pieces, last first; integers agree to the bit, floats where nothing is rounded are held by the next test.
            let cuts = [0, n / 3, n - n / 7, n];
            let mut carries: Vec<T::Wide> =
                cuts.windows(2).map(|c| scan::total(op, &view, c[0]..c[1]).expect("inside")).collect();
            scan::carries(op, &mut carries);
            let mut out = vec![T::Wide::ZERO; n];
            for (c, carry) in cuts.windows(2).zip(&carries).rev() {
                scan::scan(op, &view, c[0]..c[1], *carry, &mut out[c[0]..c[1]]).expect("inside");
            }
            if T::DTYPE.is_integer() {
                assert_same(&out, &running(&model.data));
            }
            if model.dims.is_empty() {
                continue;
            }
            let axis = axis % model.dims.len();
            let (pieces, each) = scan::pieces(view.shape(), axis).expect("an axis");
            let mut out = vec![T::Wide::ZERO; n];
            for piece in (0..pieces).rev() {
                scan::along(op, &view, axis, piece, &mut out[piece * each..(piece + 1) * each]).expect("a piece");
            }
            let got = Model { dims: model.dims.clone(), data: out };
            let (_, wanted) = lines(&model, 1 << axis);
            let (_, got) = lines(&got, 1 << axis);
            for (got, wanted) in got.iter().zip(&wanted) {
                assert_same(got, &running(wanted));
            }
        }
    });
}

for_dtypes!(arrays_scans: i8, i64, u16, u64, f64 => scans);

#[test]
fn arrays_a_running_sum_of_positive_floats_never_steps_back() {
    let values: Vec<f64> = (0..2 * morsel::ELEMENTS + 9).map(|i| 0.1 + f64::from(i as u32 % 7) * 1e-3).collect();
    let view = View::flat(&values);
    let mut carries: Vec<f64> =
        morsel::split(values.len()).map(|range| scan::total(Scan::Sum, &view, range).expect("inside")).collect();
    scan::carries(Scan::Sum, &mut carries);
    let mut out = vec![0.0; values.len()];
    for ((range, room), carry) in morsel::outputs(&mut out).zip(carries) {
        scan::scan(Scan::Sum, &view, range, carry, room).expect("inside");
    }
    assert!(out.windows(2).all(|pair| pair[0] < pair[1]));
}

#[test]
fn arrays_neighbours_give_differences_and_sortedness() {
    property(100, (array(i64::few_values), 0usize..4), |(case, axis)| {
        let (view, model) = case.both();
        let sorted = model.data.windows(2).all(|pair| pair[0] <= pair[1]);
        let n = model.data.len();
        let halves = [0..n / 2, n / 2..n].map(|range| scan::is_sorted(&view, range).expect("inside"));
        assert_eq!(halves[0] && halves[1], sorted);
        if !model.dims.is_empty() {
            let axis = axis % model.dims.len();
            let (after, before) = scan::neighbours(&view, axis).expect("an axis");
            let (_, wanted) = lines(&model, 1 << axis);
            let wanted: Vec<i64> = wanted
                .iter()
                .flat_map(|l| l.windows(2).map(|p| p[1].wrapping_sub(p[0])).collect::<Vec<_>>())
                .collect();
            let mut dims = model.dims.clone();
            dims[axis] = dims[axis].saturating_sub(1);
            assert_eq!(&after.shape()[..], &dims[..]);
            let data: Vec<i64> =
                after.to_vec().iter().zip(before.to_vec()).map(|(a, b)| a.wrapping_sub(b)).collect();
            let (_, got) = lines(&Model { dims, data }, 1 << axis);
            assert_eq!(got.concat(), wanted);
        }
    });
}
