//! Text: a string for a string (case, strip, ends, choice, encoding), what strings are, their order, and numbers that are read from them.
//!
//! Holds: characters are code points, as Python counts them; lengths are in bytes of UTF-8, as the ancestor counts them.

use crate::words::{answered, count, kept, kept_strings, made, pieces, rewritten, seen};
use crate::work::{bad, fault, kernel_dtype, not_implemented, ready_room, room, steps, view};
use std::collections::HashSet;
use windlass::array::Value as _;
use windlass::prelude::*;
use windlass_kernels::sort::TextArgSort;
use windlass_kernels::strings::{Case, CharClass, Pattern, Rewrite, Strings as Seen, Test, class, lengths, test};
use windlass_kernels::with_dtype;

/// Most strings that `concatenateUniquely` brings together.
const NAMES_MAX: usize = 4096;

/// Ideographs that say a number, which Unicode has among letters: its Numeric_Type without its category N.
const IDEOGRAPHS: &str = concat!(
    r"\u{3405}\u{3483}\u{382a}\u{3b4d}\u{4e00}\u{4e03}\u{4e07}\u{4e09}\u{4e5d}\u{4e8c}\u{4e94}\u{4e96}",
    r"\u{4ebf}-\u{4ec0}\u{4edf}\u{4ee8}\u{4f0d}\u{4f70}\u{5104}\u{5146}\u{5169}\u{516b}\u{516d}",
    r"\u{5341}\u{5343}-\u{5345}\u{534c}\u{53c1}-\u{53c4}\u{56db}\u{58f1}\u{58f9}\u{5e7a}",
    r"\u{5efe}-\u{5eff}\u{5f0c}-\u{5f0e}\u{5f10}\u{62fe}\u{634c}\u{67d2}\u{6f06}\u{7396}\u{767e}",
    r"\u{8086}\u{842c}\u{8cae}\u{8cb3}\u{8d30}\u{9621}\u{9646}\u{964c}\u{9678}\u{96f6}\u{f96b}\u{f973}",
    r"\u{f978}\u{f9b2}\u{f9d1}\u{f9d3}\u{f9fd}\u{20001}\u{20064}\u{200e2}\u{20121}\u{2092a}\u{20983}",
    r"\u{2098c}\u{2099c}\u{20aea}\u{20afd}\u{20b19}\u{22390}\u{22998}\u{23b1b}\u{2626d}\u{2f890}",
);

/// Text.
pub struct Rewrites;

/// Strings made of strings, one for one; what they are; their order; numbers that stand in them.
#[module(name = "array_text", export = false, stateless)]
impl Rewrites {
    /// Nothing to keep.
    #[create]
    fn create() -> Self {
        Self
    }

    /// Letters in another case: `toLower`, `toUpper`, `toTitle`, `capitalize`.
    #[method(standard, name = "caseChange")]
    async fn case_change(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let case = match given.text("subcmd")? {
            "toLower" => Case::Lower,
            "toUpper" => Case::Upper,
            "toTitle" => Case::Title,
            "capitalize" => Case::Capitalized,
            "swapCase" => Case::Swapped,
            other => return Err(bad(format!("{other:?} is no change of case"))),
        };
        let strings = given.strings(cx, "obj")?;
        let made = rewritten(cx, &seen(&strings)?, &Rewrite::Case(case), strings.len()).await?;
        kept_strings(cx, made)
    }

    /// Whether all characters of each string are of a kind.
    #[method(standard, name = "checkChars")]
    async fn check_chars(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let kind = match given.text("subcmd")? {
            "isLower" => CharClass::Lower,
            "isUpper" => CharClass::Upper,
            "isTitle" => CharClass::Title,
            "isalnum" => CharClass::Alphanumeric,
            "isalpha" => CharClass::Alphabetic,
            "isempty" => CharClass::Empty,
            "isspace" => CharClass::Space,
            "isNumeric" => return matched(cx, given, &format!(r"^[\p{{N}}{IDEOGRAPHS}]+$")).await,
            // Digits of every script; with `isdigit` also those that stand above or below the line.
            "isDecimal" => return matched(cx, given, r"^\p{Nd}+$").await,
            "isdigit" => {
                return matched(
                    cx,
                    given,
                    r"^[\p{Nd}\u{b2}\u{b3}\u{b9}\u{2070}\u{2074}-\u{2079}\u{2080}-\u{2089}]+$",
                )
                .await;
            }
            other => return Err(bad(format!("{other:?} is no kind of characters"))),
        };
        let strings = given.strings(cx, "obj")?;
        let strings = seen(&strings)?;
        answered(cx, strings.len(), |range, out| class(kind, &strings, range, out)).await
    }

    /// Strings without these characters at their ends; without white space if none are given.
    #[method(standard, name = "segmentedStrip")]
    async fn strip(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let strings = given.strings(cx, "name")?;
        let what = Rewrite::Strip(given.text("chars")?);
        let made = rewritten(cx, &seen(&strings)?, &what, strings.len()).await?;
        kept_strings(cx, made)
    }

    /// The first or last `nChars` characters of the strings that have as many (more, if `proper`), and which those are.
    #[method(standard, name = "segmentedSubstring")]
    async fn substring(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let strings = given.strings(cx, "name")?;
        let (n, proper) = (count(given, "nChars")?, given.scalar::<bool>("proper")?);
        let from_end = match given.text("kind")? {
            "prefixes" => false,
            "suffixes" => true,
            other => return Err(bad(format!("{other:?} is no end of a string"))),
        };
        let strings = seen(&strings)?;
        let mut enough = room::<bool>(cx, &[strings.len()])?;
        let mut ends = Vec::new();
        for piece in pieces(strings.len()) {
            for at in piece {
                let text = strings.get(at);
                if let Some(end) = end_of(text, n, from_end).filter(|end| !proper || end.len() < text.len()) {
                    enough[at] = true;
                    ends.push(end);
                }
            }
            cx.yield_if_due().await?;
        }
        let mut said = kept_strings(cx, made(cx, ends.len(), |at| ends[at]).await?)?;
        if given.scalar::<bool>("returnOrigins")? {
            said = format!("{said}+{}", kept(cx, &enough.done())?);
        }
        Ok(said)
    }

    /// Bytes of each string.
    #[method(standard, name = "segmentLengths")]
    async fn segment_lengths(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let strings = given.strings(cx, "obj")?;
        let strings = seen(&strings)?;
        answered(cx, strings.len(), |range, out| lengths(&strings, range, out)).await
    }

    /// All bytes, with a zero behind each string, or where each string begins among them.
    #[method(standard, name = "getSegStringProperty")]
    async fn property(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let strings = given.strings(cx, "obj")?;
        let strings = seen(&strings)?;
        let n = strings.len();
        match given.text("property")? {
            "get_bytes" => {
                let mut out = room::<u8>(cx, &[strings.bytes_in_all() + n])?;
                for piece in pieces(n) {
                    for at in piece {
                        let from = strings.offsets()[at] as usize + at;
                        let bytes = strings.bytes(at);
                        out[from..from + bytes.len()].copy_from_slice(bytes);
                    }
                    cx.yield_if_due().await?;
                }
                Ok(out.done())
            }
            "get_offsets" => {
                answered(cx, n, |range, out: &mut [i64]| {
                    range.zip(out).for_each(|(at, out)| *out = strings.offsets()[at] + at as i64);
                    Ok(())
                })
                .await
            }
            other => Err(bad(format!("{other:?} is no property of strings"))),
        }
    }

    /// The last string first.
    #[method(standard, name = "flipString")]
    async fn flip(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let strings = given.strings(cx, "obj")?;
        let strings = seen(&strings)?;
        let n = strings.len();
        let made = made(cx, n, |at| strings.get(n - 1 - at)).await?;
        kept_strings(cx, made)
    }

    /// For each place the string of one array where the condition holds, or else that of another, or one text.
    #[method(standard, name = "segmentedWhere")]
    async fn choose(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let (strings, condition) = (given.strings(cx, "seg_str")?, given.array(cx, "condition")?);
        let strings = seen(&strings)?;
        let holds = view::<bool>(&condition)?.to_vec();
        let literal = given.scalar::<bool>("is_str_literal")?;
        let others = if literal { None } else { Some(given.strings(cx, "other")?) };
        let text = if literal { given.text("other")? } else { "" };
        let others = others.as_ref().map(seen).transpose()?;
        let counts = [holds.len(), others.map_or(holds.len(), |others| others.len())];
        if counts.iter().any(|&count| count != strings.len()) {
            let text = format!("{} strings, a condition of {}, {} others", strings.len(), counts[0], counts[1]);
            return Err(bad(text));
        }
        let made = made(cx, holds.len(), |at| match (holds[at], &others) {
            (true, _) => strings.get(at),
            (false, Some(others)) => others.get(at),
            (false, None) => text,
        });
        kept_strings(cx, made.await?)
    }

    /// One text so many times.
    #[method(standard, name = "segmentedFull")]
    async fn full(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let (n, text) = (count(given, "size")?, given.text("fill_value")?);
        let made = made(cx, n, |_| text).await?;
        kept_strings(cx, made)
    }

    /// Each different string of several arrays once, in the order in which they are first met.
    #[method(standard, name = "concatenateUniquely")]
    async fn concatenate_uniquely(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let names = given.texts("names")?;
        if names.is_empty() || names.len() > NAMES_MAX {
            return Err(bad(format!("{} arrays of strings; 1 to {NAMES_MAX} are taken", names.len())));
        }
        let all: Vec<Strings> = names
            .iter()
            .map(|name| cx.symbols().strings(name.split('+').next().unwrap_or(name)))
            .collect::<Result<_, _>>()?;
        let all: Vec<Seen<'_>> = all.iter().map(seen).collect::<Result<_, _>>()?;
        let (mut met, mut firsts) = (HashSet::new(), Vec::new());
        for strings in &all {
            for piece in pieces(strings.len()) {
                firsts.extend(piece.map(|at| strings.get(at)).filter(|text| met.insert(*text)));
                cx.yield_if_due().await?;
            }
        }
        let made = made(cx, firsts.len(), |at| firsts[at]).await?;
        kept_strings(cx, made)
    }

    /// The permutation that sorts strings by their bytes; equal ones keep their order.
    #[method(standard, name = "argsortStrings")]
    async fn argsort(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        sorted(cx, &given.strings(cx, "name")?).await
    }

    /// A permutation that puts equal strings beside each other.
    #[method(standard, name = "segmentedGroup")]
    async fn group(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        sorted(cx, &given.strings(cx, "obj")?).await
    }

    /// Numbers that stand in strings. One that is none is an error (`strict`), or `NaN`, the least int64, 0 or `False`, and is told
    /// of in a second array with `return_validity`.
    #[method(each(T in Element), standard, name = "castStringsTo")]
    async fn cast_strings_to(cx: &Context<'_>, command: &Called, given: &Given) -> Result<String, Fault> {
        let strings = given.strings(cx, "name")?;
        let strings = seen(&strings)?;
        let dtype = command.dtype("T").ok_or_else(|| bad("castStringsTo names the dtype"))?;
        let (strict, tell) = match given.text("opt")? {
            "strict" => (true, false),
            "ignore" => (false, false),
            "return_validity" => (false, true),
            other => return Err(bad(format!("{other:?} is no way to treat errors"))),
        };
        let mut valid = room::<bool>(cx, &[strings.len()])?;
        let numbers = with_dtype!(kernel_dtype(dtype), T => {
            let mut out = room::<T>(cx, &[strings.len()])?;
            for piece in pieces(strings.len()) {
                for at in piece {
                    let text = strings.get(at);
                    let number = T::from_scalar(&read(text, dtype));
                    if number.is_none() && strict {
                        let text: String = text.chars().take(64).collect();
                        return Err(bad(format!("string {at}, {text:?}, is no {dtype}")));
                    }
                    valid[at] = number.is_some();
                    out[at] = number.unwrap_or_else(|| T::from_scalar(&missing(dtype)).unwrap_or_default());
                }
                cx.yield_if_due().await?;
            }
            out.done()
        }, else => return Err(not_implemented("castStringsTo", &[dtype])));
        let said = kept(cx, &numbers)?;
        Ok(if tell { format!("{said}+{}", kept(cx, &valid.done())?) } else { said })
    }

    /// Text from one encoding in another. Strings are UTF-8 here, so that those encodings are taken whose text is UTF-8 as well.
    #[method(standard)]
    async fn encode(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let strings = given.strings(cx, "obj")?;
        let (from, to) = (given.text("fromEncoding")?, given.text("toEncoding")?);
        let plain = |name: &str| matches!(name.to_ascii_uppercase().as_str(), "UTF-8" | "UTF8");
        let ascii = |name: &str| matches!(name.to_ascii_uppercase().as_str(), "ASCII" | "US-ASCII");
        if let Some(other) = [from, to].into_iter().find(|name| !plain(name) && !ascii(name)) {
            let text = format!("no encoding {other:?}: strings are UTF-8, and are checked to be ASCII at most");
            return Err(Fault::new(Code::Unsupported, text).with_outcome(Outcome::Ended));
        }
        let strings = seen(&strings)?;
        if ascii(from) || ascii(to) {
            let wide = strings.iter().position(|text| !text.is_ascii());
            if let Some(at) = wide {
                return Err(bad(format!("string {at} is not ASCII")));
            }
        }
        let made = made(cx, strings.len(), |at| strings.get(at)).await?;
        kept_strings(cx, made)
    }
}

/// The first or last so many characters, if there are as many.
fn end_of(text: &str, n: usize, from_end: bool) -> Option<&str> {
    if n == 0 {
        return Some("");
    }
    if from_end {
        return text.char_indices().rev().nth(n - 1).map(|(at, _)| &text[at..]);
    }
    text.char_indices().nth(n - 1).map(|(at, last)| &text[..at + last.len_utf8()])
}

/// A text as what a dtype reads of it: whole numbers also in the bases that `0b`, `0o` and `0x` name, bools however they are capitalised.
fn read(text: &str, dtype: Dtype) -> Scalar {
    let text = text.trim();
    if dtype == Dtype::Bool {
        return Scalar::from(text.to_ascii_lowercase().as_str());
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let base = match digits.get(..2).map(str::to_ascii_lowercase).as_deref() {
        Some("0b") => 2,
        Some("0o") => 8,
        Some("0x") => 16,
        _ => return Scalar::from(text),
    };
    let unsigned = digits[2..].bytes().all(|one| one.is_ascii_alphanumeric());
    match u64::from_str_radix(&digits[2..], base).ok().filter(|_| unsigned && dtype.is_integer()) {
        Some(value) if !text.starts_with('-') => Scalar::UInt64(value),
        // The least number has no counterpart above 0.
        Some(value) if value <= 1 << 63 => Scalar::Int64((value as i64).wrapping_neg()),
        _ => Scalar::from(text),
    }
}

/// What stands for a number that is none.
fn missing(dtype: Dtype) -> Scalar {
    match dtype {
        dtype if dtype.is_float() => Scalar::Float64(f64::NAN),
        Dtype::Int64 => Scalar::Int64(i64::MIN),
        _ => Scalar::Bool(false),
    }
}

async fn matched(cx: &Context<'_>, given: &Given, expression: &str) -> Result<Array, Fault> {
    let strings = given.strings(cx, "obj")?;
    let strings = seen(&strings)?;
    let pattern = Pattern::regex(expression).map_err(fault)?;
    answered(cx, strings.len(), |range, out| test(Test::Contains, &pattern, &strings, range, out)).await
}

async fn sorted(cx: &Context<'_>, strings: &Strings) -> Result<Array, Fault> {
    let strings = seen(strings)?;
    let mut out = ready_room::<i64>(cx, &[strings.len()]).await?;
    steps(cx, TextArgSort::new(strings, &mut out[..]).map_err(fault)?).await?;
    Ok(out.done())
}
