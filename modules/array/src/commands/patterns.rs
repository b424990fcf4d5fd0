//! Patterns: where text or a regular expression stands in strings, and what is cut, split or replaced there.
//!
//! Holds: places and lengths are in bytes of UTF-8; matches do not overlap and are found from left to right, in time linear in the text.

use crate::words::{answered, count, kept, kept_strings, made, object, pieces, rewritten, seen};
use crate::work::{bad, fault, view};
use std::ops::Range;
use windlass::prelude::*;
use windlass_kernels::strings::{Pattern, Rewrite, Strings as Seen, Test, test};

/// Groups of a regular expression that can be asked for; the edge tells clients this number.
const GROUPS_MAX: usize = 20;

/// Patterns.
pub struct Patterns;

/// Where patterns stand in strings, and what becomes of the strings there.
#[module(name = "array_patterns", export = false, stateless)]
impl Patterns {
    /// Nothing to keep.
    #[create]
    fn create() -> Self {
        Self
    }

    /// Whether a regular expression matches anywhere in each string.
    #[method(standard, name = "segmentedSearch")]
    async fn search(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let strings = given.strings(cx, "obj")?;
        let pattern = Pattern::search(given.text("val")?).map_err(fault)?;
        let strings = seen(&strings)?;
        answered(cx, strings.len(), |range, out| test(Test::Contains, &pattern, &strings, range, out)).await
    }

    /// All matches of a regular expression, or of one of its groups: how many in each string, where they begin and how long they
    /// are, and which strings have one anywhere, at their start, or as a whole.
    #[method(standard, name = "segmentedFindLoc")]
    async fn find_places(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let (strings, pattern) = (given.strings(cx, "parent_name")?, expression(given.text("pattern")?)?);
        let group = count(given, "groupNum")?;
        let Pattern::Regex(regex) = &pattern else { return Err(bad("a regular expression was wanted")) };
        if group > GROUPS_MAX || group >= regex.captures_len() {
            return Err(bad(format!("the expression has no group {group}")));
        }
        let strings = seen(&strings)?;
        let mut found = Found::default();
        for piece in pieces(strings.len()) {
            for at in piece {
                let text = strings.get(at);
                let (mut any, mut start, mut whole, before) = (false, false, false, found.starts.len());
                for captures in regex.captures_iter(text) {
                    let (Some(all), Some(part)) = (captures.get(0), captures.get(group)) else { continue };
                    found.starts.push(part.start() as i64);
                    found.lengths.push(part.len() as i64);
                    any = true;
                    start |= all.start() == 0;
                    whole |= all.len() == text.len();
                }
                found.counts.push((found.starts.len() - before) as i64);
                found.indices.push(before as i64);
                for (held, holds) in found.held.iter_mut().zip([any, start, whole]) {
                    held.push(holds);
                }
            }
            cx.yield_if_due().await?;
        }
        found.said(cx)
    }

    /// The text of matches that were found, string after string, and which string each came from.
    #[method(standard, name = "segmentedFindAll")]
    async fn find_all(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let strings = given.strings(cx, "parent_name")?;
        let strings = seen(&strings)?;
        let counts = given.array(cx, "num_matches")?;
        let counts: Vec<i64> = match counts.dtype() {
            Dtype::Bool => view::<bool>(&counts)?.to_vec().into_iter().map(i64::from).collect(),
            _ => view::<i64>(&counts)?.to_vec(),
        };
        let numbers = |key: &str| -> Result<Vec<i64>, Fault> { Ok(view::<i64>(&given.array(cx, key)?)?.to_vec()) };
        let (starts, lengths, indices) = (numbers("starts")?, numbers("lengths")?, numbers("indices")?);
        if counts.len() != strings.len() || indices.len() != strings.len() || starts.len() != lengths.len() {
            return Err(bad("what was found does not belong to these strings"));
        }
        let (mut parts, mut origins) = (Vec::new(), Vec::new());
        for piece in pieces(strings.len()) {
            for at in piece {
                for number in 0..counts[at] {
                    let place = indices[at].checked_add(number).and_then(|place| usize::try_from(place).ok());
                    let part = place.and_then(|place| {
                        let start = usize::try_from(*starts.get(place)?).ok()?;
                        let length = usize::try_from(*lengths.get(place)?).ok()?;
                        strings.get(at).get(start..start.checked_add(length)?)
                    });
                    parts.push(part.ok_or_else(|| bad(format!("match {number} lies outside of string {at}")))?);
                    origins.push(at as i64);
                }
            }
            cx.yield_if_due().await?;
        }
        let said = kept_strings(cx, made(cx, parts.len(), |at| parts[at]).await?)?;
        with(cx, said, given.scalar::<bool>("rtn_origins")?, &origins)
    }

    /// Strings in which matches of a regular expression, all or the first `count`, are replaced by text, and how many were.
    #[method(standard, name = "segmentedSub")]
    async fn replace(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let (strings, pattern) = (given.strings(cx, "obj")?, expression(given.text("pattern")?)?);
        let (strings, limit) = (seen(&strings)?, count(given, "count")?);
        // The text is put as it stands; a `$` would name a group of the expression.
        let text = given.text("repl")?.replace('$', "$$");
        let what = Rewrite::Replace { pattern: &pattern, with: &text, limit };
        let said = kept_strings(cx, rewritten(cx, &strings, &what, strings.len()).await?)?;
        if !given.scalar::<bool>("rtn_num_subs")? {
            return Ok(said);
        }
        let most = if limit == 0 { usize::MAX } else { limit };
        let counts = answered(cx, strings.len(), |range, out: &mut [i64]| {
            range.zip(out).for_each(|(at, out)| *out = pattern.matches(strings.get(at)).take(most).count() as i64);
            Ok(())
        });
        Ok(format!("{said}+{}", kept(cx, &counts.await?)?))
    }

    /// The pieces of strings between matches of a regular expression, all or the first `max`, and where each string's begin.
    #[method(standard, name = "segmentedSplit")]
    async fn split(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let (strings, pattern) = (given.strings(cx, "parent_name")?, expression(given.text("pattern")?)?);
        let most = count(given, "max")?;
        let most = if most == 0 { usize::MAX } else { most };
        parted(cx, &seen(&strings)?, &pattern, most, given.scalar::<bool>("return_segs")?).await
    }

    /// The pieces of strings between occurrences of text, and where each string's begin.
    #[method(standard, name = "segmentedFlatten")]
    async fn flatten(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let strings = given.strings(cx, "values")?;
        let text = given.text("delim")?;
        let pattern = if given.scalar::<bool>("regex")? { expression(text)? } else { Pattern::literal(text) };
        parted(cx, &seen(&strings)?, &pattern, usize::MAX, given.scalar::<bool>("return_segs")?).await
    }

    /// What stands before and behind the `times`-th occurrence of text or of a regular expression.
    #[method(standard, name = "segmentedPeel")]
    async fn peel(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let strings = given.strings(cx, "obj")?;
        let strings = seen(&strings)?;
        let times = count(given, "times")?;
        let text = given.text("delim")?;
        if times == 0 {
            return Err(bad("the first occurrence is number 1"));
        }
        let with_it = given.scalar::<bool>("id")?;
        let left = given.scalar::<bool>("lStr")?;
        // Without so many occurrences a string stays whole, on the side that the caller keeps it on.
        let stays_left = left == given.scalar::<bool>("keepPartial")?;
        let pattern = given.scalar::<bool>("regex")?.then(|| expression(text)).transpose()?;
        let mut cuts: Vec<Range<usize>> = Vec::with_capacity(strings.len());
        for piece in pieces(strings.len()) {
            for at in piece {
                let string = strings.get(at);
                let place = match &pattern {
                    Some(pattern) => nth_match(pattern, string, times, left),
                    None if left => string.match_indices(text).nth(times - 1).map(|(at, _)| at..at + text.len()),
                    None => string.rmatch_indices(text).nth(times - 1).map(|(at, _)| at..at + text.len()),
                };
                cuts.push(match place {
                    None if stays_left => string.len()..string.len(),
                    None => 0..0,
                    Some(place) if !with_it => place,
                    Some(place) if left => place.end..place.end,
                    Some(place) => place.start..place.start,
                });
            }
            cx.yield_if_due().await?;
        }
        let before = made(cx, cuts.len(), |at| &strings.get(at)[..cuts[at].start]).await?;
        let behind = made(cx, cuts.len(), |at| &strings.get(at)[cuts[at].end..]).await?;
        Ok(format!("{}+{}", kept_strings(cx, before)?, kept_strings(cx, behind)?))
    }
}

/// What was found, as the ancestor's client wants it.
#[derive(Default)]
struct Found {
    counts: Vec<i64>,
    starts: Vec<i64>,
    lengths: Vec<i64>,
    indices: Vec<i64>,
    /// Which strings have a match anywhere, at the start, as a whole.
    held: [Vec<bool>; 3],
}

impl Found {
    fn said(&self, cx: &Context<'_>) -> Result<String, Fault> {
        let keep = |values: &[i64]| kept(cx, &cx.symbols().array_of(values)?);
        let mut parts = vec![
            ("NumMatches", keep(&self.counts)?),
            ("Starts", keep(&self.starts)?),
            ("Lens", keep(&self.lengths)?),
            ("Indices", keep(&self.indices)?),
        ];
        let names = [("SearchBool", "SearchInd"), ("MatchBool", "MatchInd"), ("FullMatchBool", "FullMatchInd")];
        for (held, (name, places)) in self.held.iter().zip(names) {
            parts.push((name, kept(cx, &cx.symbols().array_of(held)?)?));
            let before = held.iter().scan(0, |sum, &holds| {
                let before = *sum;
                *sum += i64::from(holds);
                Some(before)
            });
            parts.push((places, keep(&before.collect::<Vec<i64>>())?));
        }
        Ok(object(&parts))
    }
}

fn expression(text: &str) -> Result<Pattern, Fault> {
    Pattern::regex(text).map_err(fault)
}

fn nth_match(pattern: &Pattern, text: &str, times: usize, left: bool) -> Option<Range<usize>> {
    if left {
        return pattern.matches(text).nth(times - 1);
    }
    let all: Vec<Range<usize>> = pattern.matches(text).collect();
    all.len().checked_sub(times).and_then(|at| all.get(at).cloned())
}

/// Pieces between matches, and with `tell` where those of each string begin.
async fn parted(
    cx: &Context<'_>,
    strings: &Seen<'_>,
    pattern: &Pattern,
    most: usize,
    tell: bool,
) -> Result<String, Fault> {
    let (mut parts, mut segments) = (Vec::new(), Vec::with_capacity(strings.len()));
    for piece in pieces(strings.len()) {
        for at in piece {
            segments.push(parts.len() as i64);
            let text = strings.get(at);
            let mut from = 0;
            for found in pattern.matches(text).take(most) {
                parts.push(&text[from..found.start]);
                from = found.end;
            }
            parts.push(&text[from..]);
        }
        cx.yield_if_due().await?;
    }
    let said = kept_strings(cx, made(cx, parts.len(), |at| parts[at]).await?)?;
    with(cx, said, tell, &segments)
}

/// With numbers that belong to what was said.
fn with(cx: &Context<'_>, said: String, tell: bool, numbers: &[i64]) -> Result<String, Fault> {
    Ok(if tell { format!("{said}+{}", kept(cx, &cx.symbols().array_of(numbers)?)?) } else { said })
}
