//! Strings beside the standard library's, over UTF-8 of any length.
mod common;

use common::property;
use proptest::prelude::*;
use windlass_kernels::KernelError;
use windlass_kernels::elementwise::Compare;
use windlass_kernels::hash::{hash_strings, hash_values, sip};
use windlass_kernels::strings::{
    Case, CharClass, Pattern, Rewrite, Strings, StringsRoom, Test, class, compare_strings, compare_with,
    count_matches, find_all, lengths, lengths_in_characters, sizes, split, split_sizes, test, write,
};

/// Offsets and text of words, with something before the first one.
fn pack(words: &[String]) -> (Vec<i64>, String) {
    let mut text = String::from("né");
    let mut offsets = vec![text.len() as i64];
    for word in words {
        text.push_str(word);
        offsets.push(text.len() as i64);
    }
    (offsets, text)
}

fn words() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(prop_oneof!["[ab ,]{0,8}", "\\PC{0,6}", "[A-Za-zéß1 ]{0,10}"], 0..40)
}

/// What a rewrite gives, written in two pieces.
fn rewritten(what: &Rewrite<'_>, strings: &Strings<'_>, n: usize) -> Vec<String> {
    let mut out = Vec::new();
    for range in [0..n / 2, n / 2..n] {
        let mut each = vec![0; range.len()];
        sizes(what, strings, range.clone(), &mut each).expect("inside");
        let all = each.iter().sum::<i64>() as usize;
        let (mut offsets, mut bytes) = (vec![9; range.len() + 1], vec![0; all]);
        write(what, strings, range.clone(), StringsRoom { offsets: &mut offsets, bytes: &mut bytes })
            .expect("room");
        let mut wrong = vec![0; all + 1];
        let verdict =
            write(what, strings, range, StringsRoom { offsets: &mut offsets.clone(), bytes: &mut wrong });
        assert!(matches!(verdict, Err(KernelError::OutputSize { .. })));
        let strings = Strings::new(&offsets, &bytes).expect("text");
        out.extend(strings.iter().map(str::to_owned));
    }
    out
}

#[test]
fn arrays_strings_answer_like_the_standard_library() {
    property(150, (words(), "[ab]{1,2}"), |(words, needle)| {
        let (offsets, text) = pack(&words);
        let strings = Strings::new(&offsets, text.as_bytes()).expect("text");
        let n = words.len();
        assert_eq!(strings.iter().collect::<Vec<_>>(), words);
        let mut numbers = vec![0; n];
        lengths(&strings, 0..n, &mut numbers).expect("inside");
        assert_eq!(numbers, words.iter().map(|word| word.len() as i64).collect::<Vec<_>>());
        lengths_in_characters(&strings, 0..n, &mut numbers).expect("inside");
        assert_eq!(numbers, words.iter().map(|word| word.chars().count() as i64).collect::<Vec<_>>());
        let mut answers = vec![false; n];
        for pattern in [Pattern::literal(&needle), Pattern::regex(&needle).expect("letters")] {
            type Naive = fn(&str, &str) -> bool;
            let tests: [(Test, Naive); 4] = [
                (Test::Contains, |w, n| w.contains(n)),
                (Test::StartsWith, |w, n| w.starts_with(n)),
                (Test::EndsWith, |w, n| w.match_indices(n).any(|(at, _)| at + n.len() == w.len())),
                (Test::Is, |w, n| w == n),
            ];
            for (what, f) in tests {
                if what == Test::EndsWith && matches!(pattern, Pattern::Literal(_)) {
                    continue;
                }
                test(what, &pattern, &strings, 0..n, &mut answers).expect("inside");
                assert_eq!(
                    answers,
                    words.iter().map(|word| f(word, &needle)).collect::<Vec<_>>(),
                    "{what:?} {needle}"
                );
            }
            let mut counts = vec![0; n];
            count_matches(&pattern, &strings, 0..n, &mut counts).expect("inside");
            let found = counts.iter().sum::<i64>() as usize;
            let (mut starts, mut lens) = (vec![0; found], vec![0; found]);
            find_all(&pattern, &strings, 0..n, (&mut starts, &mut lens)).expect("room");
            let wanted: Vec<i64> =
                words.iter().flat_map(|word| word.match_indices(&needle).map(|found| found.0 as i64)).collect();
            assert_eq!(starts, wanted);
            assert!(lens.iter().all(|&len| len == needle.len() as i64));

            let mut pieces = vec![0; n];
            let bytes = split_sizes(&pattern, &strings, 0..n, &mut pieces).expect("inside");
            let count = pieces.iter().sum::<i64>() as usize;
            let (mut offsets, mut room) = (vec![0; count + 1], vec![0; bytes]);
            split(&pattern, &strings, 0..n, StringsRoom { offsets: &mut offsets, bytes: &mut room })
                .expect("room");
            let parts = Strings::new(&offsets, &room).expect("text");
            let wanted: Vec<&str> = words.iter().flat_map(|word| word.split(needle.as_str())).collect();
            assert_eq!(parts.iter().collect::<Vec<_>>(), wanted);
        }
        for op in Compare::ALL {
            compare_with(op, &strings, &needle, 0..n, &mut answers).expect("inside");
            let wanted = |a: &str, b: &str| match op {
                Compare::Equal => a == b,
                Compare::NotEqual => a != b,
                Compare::Less => a < b,
                Compare::LessEqual => a <= b,
                Compare::Greater => a > b,
                Compare::GreaterEqual => a >= b,
            };
            assert_eq!(answers, words.iter().map(|word| wanted(word, &needle)).collect::<Vec<_>>());
            compare_strings(op, &strings, &strings, 0..n, &mut answers).expect("inside");
            assert!(answers.iter().all(|&answer| answer == wanted("", "")));
        }
    });
}

#[test]
fn arrays_strings_are_rewritten_into_room_of_their_exact_size() {
    property(120, (words(), 0usize..4, 0usize..5), |(words, a, b)| {
        let (offsets, text) = pack(&words);
        let strings = Strings::new(&offsets, text.as_bytes()).expect("text");
        let n = words.len();
        let check = |what: Rewrite<'_>, f: &dyn Fn(&str) -> String| {
            assert_eq!(
                rewritten(&what, &strings, n),
                words.iter().map(|word| f(word)).collect::<Vec<_>>(),
                "{what:?}"
            );
        };
        check(Rewrite::Case(Case::Lower), &|w| w.to_lowercase());
        check(Rewrite::Case(Case::Upper), &|w| w.to_uppercase());
        check(Rewrite::Strip(""), &|w| w.trim().to_owned());
        check(Rewrite::Strip("ab"), &|w| w.trim_matches(['a', 'b']).to_owned());
        check(Rewrite::Reversed, &|w| w.chars().rev().collect());
        check(Rewrite::Repeat(b), &|w| w.repeat(b));
        check(Rewrite::Between("<", "é>"), &|w| format!("<{w}é>"));
        check(Rewrite::Characters { start: a, len: b }, &|w| w.chars().skip(a).take(b).collect());
        check(Rewrite::Join(strings, "-"), &|w| format!("{w}-{w}"));
        let literal = Pattern::literal("a");
        check(Rewrite::Replace { pattern: &literal, with: "xyz", limit: 0 }, &|w| w.replace('a', "xyz"));
        check(Rewrite::Replace { pattern: &literal, with: "", limit: 2 }, &|w| w.replacen('a', "", 2));
        let regex = Pattern::regex("(a+)b").expect("an expression");
        check(Rewrite::Replace { pattern: &regex, with: "$1", limit: 0 }, &|w| {
            let mut out = String::new();
            let mut rest = w;
            while let Some(end) = rest.find("ab") {
                out.push_str(&rest[..=end]);
                rest = &rest[end + 2..];
            }
            out + rest
        });
        let times = a + 1;
        check(Rewrite::Peel { delimiter: ",", times, from_right: false, behind: false }, &|w| {
            let parts: Vec<&str> = w.split(',').collect();
            if parts.len() > times { parts[..times].join(",") } else { w.to_owned() }
        });
        check(Rewrite::Peel { delimiter: ",", times, from_right: true, behind: true }, &|w| {
            let parts: Vec<&str> = w.split(',').collect();
            if parts.len() > times { parts[parts.len() - times..].join(",") } else { String::new() }
        });
        let back: Vec<i64> = (0..n as i64).rev().collect();
        let gathered = rewritten(&Rewrite::Gather(&back), &strings, n);
        assert_eq!(gathered, words.iter().rev().cloned().collect::<Vec<_>>());
        let outside = [n as i64];
        assert!(sizes(&Rewrite::Gather(&outside), &strings, 0..1, &mut [0]).is_err());
    });
}

#[test]
fn arrays_case_and_classes_of_known_words() {
    let words = ["hello wORLD", "Ab1", "x", "", "Title Case", "12", " \t", "É", "²"].map(String::from);
    let (offsets, text) = pack(&words);
    let strings = Strings::new(&offsets, text.as_bytes()).expect("text");
    let n = words.len();
    assert_eq!(rewritten(&Rewrite::Case(Case::Title), &strings, n)[0], "Hello World");
    assert_eq!(rewritten(&Rewrite::Case(Case::Capitalized), &strings, n)[0], "Hello world");
    assert_eq!(rewritten(&Rewrite::Case(Case::Swapped), &strings, n)[1], "aB1");
    let of = |what| {
        let mut out = vec![false; n];
        class(what, &strings, 0..n, &mut out).expect("inside");
        (0..n).filter(|&i| out[i]).collect::<Vec<_>>()
    };
    assert_eq!(of(CharClass::Alphabetic), [2, 7]);
    assert_eq!(of(CharClass::Alphanumeric), [1, 2, 5, 7, 8]);
    assert_eq!(of(CharClass::Digit), [5]);
    assert_eq!(of(CharClass::Numeric), [5, 8]);
    assert_eq!(of(CharClass::Space), [6]);
    assert_eq!(of(CharClass::Lower), [2]);
    assert_eq!(of(CharClass::Upper), [7]);
    assert_eq!(of(CharClass::Title), [1, 4, 7]);
    assert_eq!(of(CharClass::Empty), [3]);
}

#[test]
fn arrays_offsets_and_bytes_that_are_no_strings_are_refused() {
    let malformed = |offsets: &[i64], bytes: &[u8]| {
        assert!(matches!(Strings::new(offsets, bytes), Err(KernelError::Malformed { .. })), "{offsets:?}");
    };
    malformed(&[], b"");
    malformed(&[0, 2, 1], b"ab");
    malformed(&[0, 3], b"ab");
    malformed(&[-1, 1], b"ab");
    malformed(&[0, i64::MAX], b"ab");
    malformed(&[0, 1, 2], "é".as_bytes());
    malformed(&[0, 1], &[0xff]);
    assert!(Strings::new(&[0], b"").expect("no strings").is_empty());
    assert!(matches!(Pattern::regex("(a"), Err(KernelError::Argument { .. })));
    assert!(matches!(Pattern::regex("(\\w{1000}){1000}"), Err(KernelError::Argument { .. })));
    let strings = Strings::new(&[0, 1], b"a").expect("text");
    assert!(matches!(
        sizes(&Rewrite::Repeat(usize::MAX), &strings, 0..1, &mut [0]),
        Ok(()) | Err(KernelError::TooLarge { .. })
    ));
    assert!(lengths(&strings, 0..2, &mut [0; 2]).is_err());
}

#[test]
fn arrays_hashes_of_strings_and_values_are_those_of_their_bytes() {
    let words = ["", "a", "longer than eight bytes"].map(String::from);
    let (offsets, text) = pack(&words);
    let strings = Strings::new(&offsets, text.as_bytes()).expect("text");
    let (mut high, mut low) = (vec![0; 3], vec![0; 3]);
    hash_strings(&strings, 0..3, (&mut high, &mut low)).expect("room");
    for (i, word) in words.iter().enumerate() {
        assert_eq!((high[i], low[i]), sip(word.as_bytes()));
    }
    let values = [1i64, -1, 7];
    hash_values(&windlass_kernels::View::flat(&values), 0..3, (&mut high, &mut low)).expect("room");
    assert!((0..3).all(|i| (high[i], low[i]) == sip(&values[i].to_le_bytes())));
}
