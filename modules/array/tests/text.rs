//! Strings made of strings, what they are, and where patterns stand in them; beside naive models and what Python answers.
#![allow(dead_code, reason = "the stage is shared, and each file uses a part")]

mod stage;

use stage::Stage;
use windlass_contract::Code;

const TEXTS: [&[&str]; 4] =
    [&[], &[""], &["one"], &["zw\u{f6}lf Drei", "", "a b_c", "ABC", "  12\t", "\u{663}", "_a__b_", "a_b"]];

fn stage() -> Stage {
    Stage::with(64 << 20)
}

#[test]
fn case_is_changed_as_python_changes_it() {
    let stage = stage();
    let change = |name: &str, to: &str| stage.make_texts("caseChange", &[("subcmd", to), ("obj", name)]);
    for texts in TEXTS {
        let name = stage.strings(texts);
        assert_eq!(change(&name, "toLower"), texts.iter().map(|one| one.to_lowercase()).collect::<Vec<_>>());
        assert_eq!(change(&name, "toUpper"), texts.iter().map(|one| one.to_uppercase()).collect::<Vec<_>>());
    }
    let name = stage.strings(&["tHE end2end", "\u{e9}TUDE"]);
    assert_eq!(change(&name, "toTitle"), ["The End2End", "\u{c9}tude"]);
    assert_eq!(change(&name, "capitalize"), ["The end2end", "\u{c9}tude"]);
    assert_eq!(change(&name, "swapCase"), ["The END2END", "\u{c9}tude"]);
    let no = stage.fault("caseChange", &[("subcmd", "toSnake"), ("obj", &name)]);
    assert!(no.message.contains("no change of case"), "{no}");
}

#[test]
fn characters_are_checked_as_python_checks_them() {
    let stage = stage();
    let texts = ["abc", "ABC", "Ab Cd", "12", "\u{b2}", "\u{663}", "\u{bd}", "\u{4e09}", "", " \t", "a1", "a b"];
    let name = stage.strings(&texts);
    let check = |what: &str| {
        let made = stage.make("checkChars", &[("subcmd", what), ("obj", &name)]);
        let held = stage.values::<bool>(&made);
        texts.iter().zip(held).filter(|(_, holds)| *holds).map(|(text, _)| *text).collect::<Vec<_>>()
    };
    assert_eq!(check("isLower"), ["abc", "a1", "a b"]);
    assert_eq!(check("isUpper"), ["ABC"]);
    assert_eq!(check("isTitle"), ["Ab Cd"]);
    assert_eq!(check("isalnum"), ["abc", "ABC", "12", "\u{b2}", "\u{663}", "\u{bd}", "\u{4e09}", "a1"]);
    assert_eq!(check("isalpha"), ["abc", "ABC", "\u{4e09}"]);
    assert_eq!(check("isDecimal"), ["12", "\u{663}"]);
    assert_eq!(check("isdigit"), ["12", "\u{b2}", "\u{663}"]);
    assert_eq!(check("isNumeric"), ["12", "\u{b2}", "\u{663}", "\u{bd}", "\u{4e09}"]);
    assert_eq!(check("isempty"), [""]);
    assert_eq!(check("isspace"), [" \t"]);
    assert!(stage.fault("checkChars", &[("subcmd", "isNice"), ("obj", &name)]).is(Code::BadArguments));
}

#[test]
fn ends_are_stripped_and_taken_by_characters() {
    let stage = stage();
    for texts in TEXTS {
        let name = stage.strings(texts);
        let strip = |chars: &str| stage.make_texts("segmentedStrip", &[("name", &name), ("chars", chars)]);
        assert_eq!(strip(""), texts.iter().map(|one| one.trim()).collect::<Vec<_>>());
        assert_eq!(
            strip("_a\u{f6}"),
            texts.iter().map(|one| one.trim_matches(['_', 'a', '\u{f6}'])).collect::<Vec<_>>()
        );
        for (n, proper) in [(0, "True"), (1, "False"), (3, "True"), (3, "False"), (100, "False")] {
            for kind in ["prefixes", "suffixes"] {
                let many = n.to_string();
                let said = stage.call(
                    "segmentedSubstring",
                    &[
                        ("name", &name),
                        ("nChars", &many),
                        ("returnOrigins", "True"),
                        ("kind", kind),
                        ("proper", proper),
                    ],
                );
                let names = Stage::names(&said.to_string());
                let enough: Vec<bool> = texts
                    .iter()
                    .map(|text| text.chars().count() > n || (proper == "False" && text.chars().count() == n))
                    .collect();
                let naive: Vec<String> = texts
                    .iter()
                    .zip(&enough)
                    .filter(|(_, enough)| **enough)
                    .map(|(text, _)| {
                        let skip = if kind == "prefixes" { 0 } else { text.chars().count() - n };
                        text.chars().skip(skip).take(n).collect()
                    })
                    .collect();
                assert_eq!(
                    (stage.texts(&names[0]), stage.values::<bool>(&names[1])),
                    (naive, enough),
                    "{n} {kind}"
                );
            }
        }
    }
    let name = stage.strings(&["a"]);
    let given = [
        ("name", name.as_str()),
        ("nChars", "-1"),
        ("returnOrigins", "False"),
        ("kind", "prefixes"),
        ("proper", "True"),
    ];
    assert!(stage.fault("segmentedSubstring", &given).message.contains("below 0"));
}

#[test]
fn strings_are_measured_turned_around_chosen_repeated_and_made_unique() {
    let stage = stage();
    for texts in TEXTS {
        let name = stage.strings(texts);
        let lengths = stage.values::<i64>(&stage.make("segmentLengths", &[("obj", &name)]));
        assert_eq!(lengths, texts.iter().map(|one| one.len() as i64).collect::<Vec<_>>());
        let mut turned = texts.to_vec();
        turned.reverse();
        assert_eq!(stage.make_texts("flipString", &[("obj", &name)]), turned);
        let other = stage.strings(&turned);
        let mask: Vec<bool> = (0..texts.len()).map(|at| at % 3 == 0).collect();
        let condition = stage.array(&[mask.len()], &mask);
        let choose = |other: &str, literal: &str| {
            let given = [
                ("seg_str", name.as_str()),
                ("other", other),
                ("is_str_literal", literal),
                ("condition", &condition),
            ];
            stage.make_texts("segmentedWhere", &given)
        };
        let naive = |other: &dyn Fn(usize) -> &'static str| -> Vec<&str> {
            (0..texts.len()).map(|at| if mask[at] { texts[at] } else { other(at) }).collect()
        };
        assert_eq!(choose("\u{f6}", "True"), naive(&|_| "\u{f6}"));
        assert_eq!(choose(&other, "False"), naive(&|at| turned[at]));
        let mut unique: Vec<&str> = Vec::new();
        for text in texts.iter().chain(&turned) {
            if !unique.contains(text) {
                unique.push(text);
            }
        }
        let names = format!("[\"{name}\",\"{other}\"]");
        assert_eq!(stage.make_texts("concatenateUniquely", &[("names", &names)]), unique);
    }
    for n in [0, 1, 5000] {
        let size = n.to_string();
        assert_eq!(
            stage.make_texts("segmentedFull", &[("size", &size), ("fill_value", "\u{f6}x")]),
            vec!["\u{f6}x"; n]
        );
    }
    let large = stage.fault("segmentedFull", &[("size", "9223372036854775807"), ("fill_value", "xx")]);
    assert!(large.is(Code::TooLarge) || large.is(Code::NoMemory), "{large}");
    assert!(stage.fault("concatenateUniquely", &[("names", "[]")]).message.contains("0 arrays"));
}

#[test]
fn strings_are_sorted_by_their_bytes_and_equal_ones_stay_in_order() {
    let stage = stage();
    let texts: Vec<String> = (0..3000).map(|at| format!("{}{}", "ab".repeat(at % 5), (at * 7919) % 17)).collect();
    let borrowed: Vec<&str> = texts.iter().map(String::as_str).collect();
    for texts in TEXTS.into_iter().chain([&borrowed[..]]) {
        let name = stage.strings(texts);
        let mut naive: Vec<i64> = (0..texts.len() as i64).collect();
        naive.sort_by_key(|&at| texts[at as usize]);
        let order = stage.make("argsortStrings", &[("name", &name), ("algoName", "RadixSortLSD")]);
        assert_eq!(stage.values::<i64>(&order), naive);
        let grouped = stage.values::<i64>(&stage.make("segmentedGroup", &[("obj", &name)]));
        let runs = grouped.chunk_by(|a, b| texts[*a as usize] == texts[*b as usize]).count();
        let mut different = texts.to_vec();
        different.sort_unstable();
        different.dedup();
        assert_eq!(runs, different.len());
    }
}

#[test]
fn numbers_are_read_from_strings_strictly_or_with_what_stands_for_none() {
    let stage = stage();
    let name = stage.strings(&["1", "-2", "x", "", "3.5", "True"]);
    let cast = |dtype: &str, opt: &str| {
        Stage::names(&stage.call(&format!("castStringsTo<{dtype}>"), &[("name", &name), ("opt", opt)]).to_string())
    };
    let strict = stage.fault("castStringsTo<int64>", &[("name", &name), ("opt", "strict")]);
    assert!(strict.message.contains("string 2, \"x\", is no int64"), "{strict}");
    assert_eq!(stage.values::<i64>(&cast("int64", "ignore")[0])[..5], [1, -2, i64::MIN, i64::MIN, i64::MIN]);
    assert_eq!(stage.values::<u64>(&cast("uint64", "ignore")[0])[..5], [1, 0, 0, 0, 0]);
    let floats = cast("float64", "return_validity");
    let values = stage.values::<f64>(&floats[0]);
    assert_eq!((values[0], values[1], values[4]), (1.0, -2.0, 3.5));
    assert!(values[2].is_nan() && values[3].is_nan());
    assert_eq!(stage.values::<bool>(&floats[1])[..5], [true, true, false, false, true]);
    assert!(stage.values::<bool>(&cast("bool", "ignore")[0])[5]);
    let empty = stage.strings(&[]);
    let none = stage.call("castStringsTo<int64>", &[("name", &empty), ("opt", "strict")]).to_string();
    assert!(stage.values::<i64>(&Stage::names(&none)[0]).is_empty());
}

#[test]
fn whole_numbers_of_other_bases_and_bools_in_any_letters_are_read() {
    let stage = stage();
    let name = stage.strings(&["0b101", " 0x30 ", "-0XfF", "0o17", "0x", "0x+1", "3?", "0b2", "TRUE", "false "]);
    let cast = |dtype: &str| {
        let given = [("name", name.as_str()), ("opt", "return_validity")];
        Stage::names(&stage.call(&format!("castStringsTo<{dtype}>"), &given).to_string())
    };
    let numbers = cast("int64");
    assert_eq!(stage.values::<i64>(&numbers[0])[..4], [5, 48, -255, 15]);
    assert_eq!(stage.values::<bool>(&numbers[1])[..8], [true, true, true, true, false, false, false, false]);
    assert_eq!(stage.values::<bool>(&cast("uint64")[1])[..4], [true, true, false, true]);
    let bools = cast("bool");
    assert_eq!(stage.values::<bool>(&bools[0])[8..], [true, false]);
    assert_eq!(stage.values::<bool>(&bools[1])[8..], [true, true]);
}

#[test]
fn utf8_and_ascii_are_kept_and_other_encodings_refused() {
    let stage = stage();
    let (wide, plain) = (stage.strings(&["zw\u{f6}lf"]), stage.strings(&["zwei", ""]));
    let encode = |name: &str, from: &str, to: &str| {
        stage.commands.call("encode", &[("obj", name), ("fromEncoding", from), ("toEncoding", to)])
    };
    let said = encode(&plain, "UTF-8", "ascii").unwrap().to_string();
    assert_eq!(stage.texts(&Stage::names(&said)[0]), ["zwei", ""]);
    assert!(encode(&wide, "utf-8", "UTF-8").is_ok());
    assert!(encode(&wide, "UTF-8", "ASCII").unwrap_err().message.contains("string 0 is not ASCII"));
    assert!(encode(&wide, "UTF-8", "UTF-16").unwrap_err().is(Code::Unsupported));
}

#[test]
fn expressions_are_searched_and_what_they_are_not_is_said() {
    let stage = stage();
    for texts in TEXTS {
        let name = stage.strings(texts);
        let made = stage.make("segmentedSearch", &[("obj", &name), ("valType", "str"), ("val", "^[a_]")]);
        assert_eq!(
            stage.values::<bool>(&made),
            texts.iter().map(|one| one.starts_with(['a', '_'])).collect::<Vec<_>>()
        );
    }
    let name = stage.strings(&["a"]);
    let wrong = stage.fault("segmentedSearch", &[("obj", &name), ("valType", "str"), ("val", "(")]);
    assert!(wrong.message.contains("regular expression"), "{wrong}");
    let group = [("parent_name", name.as_str()), ("groupNum", "2"), ("pattern", "(a)")];
    assert!(stage.fault("segmentedFindLoc", &group).message.contains("no group 2"));
}

/// Runs of `_` in a text: where they begin and how long they are.
fn runs(text: &str) -> Vec<(usize, usize)> {
    let (mut found, mut at) = (Vec::new(), 0);
    let bytes = text.as_bytes();
    while at < bytes.len() {
        let length = bytes[at..].iter().take_while(|byte| **byte == b'_').count();
        if length > 0 {
            found.push((at, length));
        }
        at += length.max(1);
    }
    found
}

#[test]
fn all_places_of_a_pattern_are_found_and_their_text_given() {
    let stage = stage();
    let more: &[&str] = &["1_2___", "____", "3", "__4___5____6___7", "", "_"];
    for texts in TEXTS.into_iter().chain([more]) {
        let name = stage.strings(texts);
        let given = [("objType", "Matcher"), ("parent_name", name.as_str()), ("groupNum", "0"), ("pattern", "_+")];
        let said: serde_json::Value =
            serde_json::from_str(&stage.call("segmentedFindLoc", &given).to_string()).unwrap();
        let part = |key: &str| Stage::names(said[key].as_str().unwrap()).remove(0);
        let numbers = |key: &str| stage.values::<i64>(&part(key));
        let all: Vec<Vec<(usize, usize)>> = texts.iter().map(|text| runs(text)).collect();
        let counts: Vec<i64> = all.iter().map(|one| one.len() as i64).collect();
        assert_eq!(numbers("NumMatches"), counts);
        assert_eq!(numbers("Starts"), all.iter().flatten().map(|one| one.0 as i64).collect::<Vec<_>>());
        assert_eq!(numbers("Lens"), all.iter().flatten().map(|one| one.1 as i64).collect::<Vec<_>>());
        let before =
            |values: Vec<i64>| -> Vec<i64> { (0..values.len()).map(|at| values[..at].iter().sum()).collect() };
        assert_eq!(numbers("Indices"), before(counts));
        let whole = |at: usize| all[at].iter().any(|one| one.1 == texts[at].len());
        for (held, places, holds) in [
            ("SearchBool", "SearchInd", (0..all.len()).map(|at| !all[at].is_empty()).collect::<Vec<bool>>()),
            ("MatchBool", "MatchInd", (0..all.len()).map(|at| texts[at].starts_with('_')).collect()),
            ("FullMatchBool", "FullMatchInd", (0..all.len()).map(whole).collect()),
        ] {
            assert_eq!(stage.values::<bool>(&part(held)), holds, "{held}");
            assert_eq!(numbers(places), before(holds.iter().map(|&one| i64::from(one)).collect()), "{places}");
        }
        let (num, starts, lengths, indices) = (part("NumMatches"), part("Starts"), part("Lens"), part("Indices"));
        let given = [
            ("objType", "Matcher"),
            ("parent_name", name.as_str()),
            ("num_matches", &num),
            ("starts", &starts),
            ("lengths", &lengths),
            ("indices", &indices),
            ("rtn_origins", "True"),
        ];
        let names = Stage::names(&stage.call("segmentedFindAll", &given).to_string());
        let naive: Vec<(String, i64)> = all
            .iter()
            .enumerate()
            .flat_map(|(at, one)| one.iter().map(move |place| ("_".repeat(place.1), at as i64)))
            .collect();
        let got: Vec<(String, i64)> =
            stage.texts(&names[0]).into_iter().zip(stage.values::<i64>(&names[1])).collect();
        assert_eq!(got, naive);
        if !texts.is_empty() {
            let far = stage.array(&[texts.len()], &vec![i64::MAX; texts.len()]);
            let one = stage.array(&[texts.len()], &vec![1i64; texts.len()]);
            let mut wrong = given;
            (wrong[2].1, wrong[5].1) = (&one, &far);
            assert!(stage.fault("segmentedFindAll", &wrong).message.contains("lies outside"));
        }
    }
}

#[test]
fn groups_of_an_expression_are_found() {
    let stage = stage();
    let name = stage.strings(&["Isaac Newton, physics", "<-calculus->", "Gottfried Leibniz, math"]);
    let given =
        [("objType", "Match"), ("parent_name", name.as_str()), ("groupNum", "2"), ("pattern", "(\\w+) (\\w+)")];
    let said: serde_json::Value =
        serde_json::from_str(&stage.call("segmentedFindLoc", &given).to_string()).unwrap();
    let part = |key: &str| Stage::names(said[key].as_str().unwrap()).remove(0);
    assert_eq!(stage.values::<i64>(&part("Starts")), [6, 10]);
    assert_eq!(stage.values::<i64>(&part("Lens")), [6, 7]);
    assert_eq!(stage.values::<bool>(&part("SearchBool")), [true, false, true]);
}

#[test]
fn matches_are_replaced_by_text_as_it_stands_and_counted() {
    let stage = stage();
    for texts in TEXTS {
        let name = stage.strings(texts);
        for (count, limit) in [("0", usize::MAX), ("1", 1), ("2", 2)] {
            let given = [
                ("objType", "Matcher"),
                ("obj", name.as_str()),
                ("repl", "$0-\u{f6}"),
                ("count", count),
                ("rtn_num_subs", "True"),
                ("pattern", "_+"),
            ];
            let names = Stage::names(&stage.call("segmentedSub", &given).to_string());
            let naive: Vec<(String, i64)> = texts
                .iter()
                .map(|text| {
                    let (mut out, mut from) = (String::new(), 0);
                    let found: Vec<_> = runs(text).into_iter().take(limit).collect();
                    for (at, length) in &found {
                        out += &text[from..*at];
                        out += "$0-\u{f6}";
                        from = at + length;
                    }
                    (out + &text[from..], found.len() as i64)
                })
                .collect();
            let got: Vec<_> = stage.texts(&names[0]).into_iter().zip(stage.values::<i64>(&names[1])).collect();
            assert_eq!(got, naive);
        }
    }
}

#[test]
fn strings_are_split_at_text_and_at_expressions() {
    let stage = stage();
    for texts in TEXTS {
        let name = stage.strings(texts);
        let given = [
            ("values", name.as_str()),
            ("objtype", "Strings"),
            ("return_segs", "True"),
            ("regex", "False"),
            ("delim", "_"),
        ];
        let check = |said: String, naive: Vec<Vec<String>>| {
            let names = Stage::names(&said);
            let mut segments = Vec::new();
            for at in 0..naive.len() {
                segments.push(naive[..at].iter().map(|one| one.len() as i64).sum::<i64>());
            }
            assert_eq!(stage.texts(&names[0]), naive.concat());
            assert_eq!(stage.values::<i64>(&names[1]), segments);
        };
        let pieces = |text: &&str| text.split('_').map(str::to_owned).collect();
        check(stage.call("segmentedFlatten", &given).to_string(), texts.iter().map(pieces).collect());
        for (max, limit) in [("0", usize::MAX), ("1", 1)] {
            let given = [("parent_name", name.as_str()), ("max", max), ("return_segs", "True"), ("pattern", "_+")];
            let naive = texts.iter().map(|text| {
                let (mut out, mut from) = (Vec::new(), 0);
                for (at, length) in runs(text).into_iter().take(limit) {
                    out.push(text[from..at].to_owned());
                    from = at + length;
                }
                out.push(text[from..].to_owned());
                out
            });
            check(stage.call("segmentedSplit", &given).to_string(), naive.collect());
        }
    }
}

#[test]
fn strings_are_peeled_at_either_end_with_or_without_what_parts_them() {
    let stage = stage();
    for texts in TEXTS {
        let name = stage.strings(texts);
        for case in 0..32 {
            let flag = |bit: usize| case >> bit & 1 == 1;
            let word = |bit: usize| if flag(bit) { "True" } else { "False" };
            let times = 1 + usize::from(flag(4));
            let many = times.to_string();
            let given = [
                ("subcmd", "peel"),
                ("obj", name.as_str()),
                ("valType", "str"),
                ("times", &many),
                ("id", word(0)),
                ("keepPartial", word(1)),
                ("lStr", word(2)),
                ("regex", word(3)),
                ("delim", "_"),
            ];
            let (with_it, keep, left) = (flag(0), flag(1), flag(2));
            let names = Stage::names(&stage.call("segmentedPeel", &given).to_string());
            let naive: Vec<(String, String)> = texts
                .iter()
                .map(|text| {
                    let places: Vec<usize> = text.match_indices('_').map(|(at, _)| at).collect();
                    if places.len() < times {
                        let (whole, none) = ((*text).to_owned(), String::new());
                        return if left == keep { (whole, none) } else { (none, whole) };
                    }
                    let at = if left { places[times - 1] } else { places[places.len() - times] };
                    let (end, start) = match (with_it, left) {
                        (false, _) => (at, at + 1),
                        (true, true) => (at + 1, at + 1),
                        (true, false) => (at, at),
                    };
                    (text[..end].to_owned(), text[start..].to_owned())
                })
                .collect();
            let got: Vec<_> = stage.texts(&names[0]).into_iter().zip(stage.texts(&names[1])).collect();
            assert_eq!(got, naive, "{case:05b}");
        }
    }
}
