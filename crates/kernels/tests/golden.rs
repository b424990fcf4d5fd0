//! What NumPy answers: `golden/numpy.txt`, written by `golden/make.py` where NumPy is installed. Values stand there as bits.

use windlass_kernels::elementwise::{Arith, Unary, arith, unary};
use windlass_kernels::search::{Side, search_sorted};
use windlass_kernels::sort::{ArgSort, Direction};
use windlass_kernels::stats::{Bins, Pairs, Quantile, histogram, quantile};
use windlass_kernels::{DType, Element, Number, Stepwise, View, promote, with_dtype};

const GOLDEN: &str = include_str!("golden/numpy.txt");

fn words(text: &str) -> Vec<u64> {
    text.split_whitespace().map(|word| u64::from_str_radix(word, 16).expect("hexadecimal")).collect()
}

fn floats(text: &str) -> Vec<f64> {
    words(text).into_iter().map(f64::from_bits).collect()
}

/// Values of a dtype from their bits: all are 8 bytes or fewer, in the low end.
fn values<T: Element>(text: &str) -> Vec<T> {
    // Through the order of keys: bits of integers and floats lead to keys by what `Element` says of itself.
    let top = 1u64 << (T::KEY_BITS - 1);
    words(text)
        .into_iter()
        .map(|bits| {
            let key = match T::DTYPE {
                dtype if dtype.is_float() && bits & top != 0 => !bits & (top | (top - 1)),
                dtype if dtype.is_float() || dtype.is_signed() => bits ^ top,
                _ => bits,
            };
            let value = T::from_ordered(key);
            // A NaN has many bits, and one is as good as another.
            if value.bits() == bits { value } else { T::from_ordered(u64::MAX >> (64 - T::KEY_BITS)) }
        })
        .collect()
}

fn same<T: Element>(got: &[T], wanted: &[T]) -> bool {
    got.len() == wanted.len() && got.iter().zip(wanted).all(|(a, b)| a == b || a.is_nan() && b.is_nan())
}

fn check<T: Number>(line: &str) {
    let fields: Vec<&str> = line.split('|').collect();
    let mut head = fields[0].split_whitespace();
    match (head.next().expect("a kind"), head.next().expect("a name")) {
        ("arith", name) => {
            let op = match name {
                "floor_divide" => Arith::FloorDivide,
                "mod" => Arith::Modulo,
                "fmod" => Arith::Remainder,
                "minimum" => Arith::Minimum,
                _ => Arith::Maximum,
            };
            let (a, b, wanted) = (values::<T>(fields[1]), values::<T>(fields[2]), values::<T>(fields[3]));
            let mut out = vec![T::ZERO; a.len()];
            arith(op, &View::flat(&a), &View::flat(&b), 0..a.len(), &mut out).expect("one shape");
            for at in 0..a.len() {
                assert!(
                    same(&out[at..=at], &wanted[at..=at]),
                    "{name}({:?}, {:?}) = {:?}, NumPy {:?}",
                    a[at],
                    b[at],
                    out[at],
                    wanted[at]
                );
            }
        }
        ("unary", name) => {
            let op = match name {
                "sign" => Unary::Sign,
                "absolute" => Unary::Absolute,
                _ => Unary::Square,
            };
            let (a, wanted) = (values::<T>(fields[1]), values::<T>(fields[2]));
            let mut out = vec![T::ZERO; a.len()];
            unary(op, &View::flat(&a), 0..a.len(), &mut out).expect("inside");
            assert!(same(&out, &wanted), "{name} of {a:?}: {out:?}, NumPy {wanted:?}");
        }
        ("argsort", _) => {
            let a = values::<T>(fields[1]);
            let view = View::flat(&a);
            let mut out = vec![0u64; a.len()];
            ArgSort::new(&view, Direction::Ascending, &mut out).and_then(|mut sort| sort.run()).expect("room");
            assert_eq!(out, words(fields[2]));
        }
        (_, _) => {
            let (sorted, asked) = (values::<T>(fields[1]), values::<T>(fields[2]));
            let mut out = vec![0; asked.len()];
            search_sorted(&sorted, &View::flat(&asked), Side::Left, 0..asked.len(), &mut out).expect("room");
            assert_eq!(out.iter().map(|&at| at as u64).collect::<Vec<_>>(), words(fields[3]), "{line}");
        }
    }
}

#[test]
fn arrays_answers_are_numpys() {
    let mut seen = 0;
    for line in GOLDEN.lines() {
        let fields: Vec<&str> = line.split('|').collect();
        let head: Vec<&str> = fields[0].split_whitespace().collect();
        let dtype = |name: &str| DType::from_name(name).expect("a dtype");
        match head[0] {
            "promote" => assert_eq!(promote(dtype(head[1]), dtype(head[2])), Some(dtype(head[3])), "{line}"),
            "quantile" => {
                let method = Quantile::ALL.into_iter().find(|method| method.1 == head[1]).expect("a method").0;
                let sorted = floats(fields[1]);
                for (q, wanted) in floats(fields[2]).into_iter().zip(floats(fields[3])) {
                    let got = quantile(method, &sorted, q).expect("some");
                    assert!(
                        (got - wanted).abs() <= 1e-14 * wanted.abs().max(1.0),
                        "{method:?} {q} of {sorted:?}: {got}, NumPy {wanted}"
                    );
                }
            }
            "pairs" => {
                let (x, y, wanted) = (floats(fields[1]), floats(fields[2]), floats(fields[3]));
                let pairs = Pairs::partial(&View::flat(&x), &View::flat(&y), 0..x.len()).expect("inside");
                assert!((pairs.covariance(1.0) - wanted[0]).abs() < 1e-13);
                assert!((pairs.correlation() - wanted[1]).abs() < 1e-13);
            }
            "histogram" => {
                let (x, wanted) = (floats(fields[1]), words(fields[2]));
                let bins = Bins::new(x[0], x[x.len() - 1], wanted.len()).expect("a range");
                let mut counts = vec![0; wanted.len()];
                histogram(&bins, &View::flat(&x), 0..x.len(), &mut counts).expect("inside");
                assert_eq!(counts.iter().map(|&count| count as u64).collect::<Vec<_>>(), wanted);
            }
            _ => {
                with_dtype!(numbers dtype(head[head.len() - 1]), T => check::<T>(line), else => panic!("no number: {line}"))
            }
        }
        seen += 1;
    }
    assert!(seen > 250, "the file was cut short");
}
