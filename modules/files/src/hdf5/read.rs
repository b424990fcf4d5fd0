//! Read: objects of one or several files.
//!
//! Holds: a file that may fail and does is left out of all that is read, so that columns stay beside each other, and is told of once.

use super::build::{Rooms, build};
use super::layout::{DISTRIBUTED, SINGLE, Seen, Sort, THEIR_METADATA};
use super::plan::{Plan, Planner};
use super::{desk, library, reply};
use crate::columns::{Kept, bad};
use crate::wanted;
use windlass::prelude::*;

/// Names of the objects of a file.
pub(crate) async fn names(cx: &Context<'_>, path: &str) -> Result<Vec<String>, Fault> {
    let path = path.to_owned();
    desk::run(cx, move || library::members(&path)).await
}

/// Whether a file is `single`, or one of those of several locales.
pub(crate) async fn format(cx: &Context<'_>, path: &str) -> Result<String, Fault> {
    let asked = path.to_owned();
    match desk::run(cx, move || library::format(&asked)).await? {
        Some(SINGLE) => Ok("single".into()),
        Some(DISTRIBUTED) => Ok("distribute".into()),
        Some(other) => Err(bad(format!("Unknown file formatting, {other}, of {path}"))),
        None if is_of_a_locale(path) => Ok("distribute".into()),
        None => Ok("single".into()),
    }
}

/// Whether `_LOCALE` and four digits stand in a name.
fn is_of_a_locale(path: &str) -> bool {
    let numbered = |(at, word): (usize, &str)| {
        let digits = path.as_bytes().get(at + word.len()..at + word.len() + 4);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_digit))
    };
    path.match_indices("_LOCALE").any(numbered)
}

/// Reads objects, and keeps them all, or nothing.
pub(crate) async fn read(cx: &Context<'_>, given: &Given) -> Result<String, Fault> {
    let flag = |key: &str| if given.has(key) { given.scalar::<bool>(key) } else { Ok(false) };
    let (lenient, by_zeros, tagged) = (flag("allow_errors")?, flag("calc_string_offsets")?, flag("tag_data")?);
    let strict = !given.has("strict_types") || given.scalar::<bool>("strict_types")?;
    let mut names = given.texts("dsets")?;
    names.retain(|name| name != THEIR_METADATA);
    if let Some((at, name)) = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)) {
        return Err(bad(format!("{name} is named twice, the second time at place {at}")));
    }
    let paths = wanted(cx, given).await?;
    let mut kept = Kept::default();
    let (paths, seen) = looked(cx, paths, &names, lenient, &mut kept).await?;

    let whose = whose(&paths);
    let named = |fault: Fault| match fault.message.contains(&whose) {
        false => Fault { message: format!("{whose}: {}", fault.message), ..fault },
        true => fault,
    };
    let mut planner = Planner { cx, paths: &paths, strict, by_zeros, wants: Vec::new() };
    let mut plans = Vec::with_capacity(names.len());
    for (at, name) in names.iter().enumerate() {
        let seen: Vec<&Seen> = seen.iter().map(|file| &file[at]).collect();
        plans.push((name.clone(), planner.object(name, &seen).map_err(&named)?));
        cx.yield_if_due().await?;
    }
    let tags = if tagged { tags(&planner, plans.first())? } else { Vec::new() };
    let wants = planner.wants;
    let filled = desk::run(cx, move || library::fill(&paths, wants)).await?;
    let mut rooms = Rooms::of(filled);
    let mut objects = Vec::with_capacity(plans.len() + 1);
    if tagged {
        let all: usize = tags.iter().sum();
        let mut codes = cx.symbols().fresh::<i64>(&[all])?;
        let mut rest = &mut codes[..];
        for (code, rows) in tags.into_iter().enumerate() {
            let (these, others) = rest.split_at_mut(rows);
            these.fill(code as i64);
            rest = others;
        }
        objects.push(("Filename_Codes".to_owned(), super::build::Object::Array(Sort::Array, codes.done())));
    }
    for (name, plan) in plans {
        objects.push((name, build(cx, plan, &mut rooms).await.map_err(&named)?));
    }
    reply::reply(cx, &kept, objects)
}

/// Files, by the first and how many there are.
fn whose(paths: &[String]) -> String {
    match paths {
        [one] => one.clone(),
        [first, others @ ..] => format!("{first} and {} others", others.len()),
        [] => "no files".into(),
    }
}

/// What was seen in each file under each name; of the files that can be read, if some may fail.
async fn looked(
    cx: &Context<'_>,
    paths: Vec<String>,
    names: &[String],
    lenient: bool,
    kept: &mut Kept,
) -> Result<(Vec<String>, Vec<Vec<Seen>>), Fault> {
    let (mut good, mut all, mut last) = (Vec::new(), Vec::new(), None);
    for path in paths {
        let (asked, under) = (path.clone(), names.to_vec());
        let seen = desk::run(cx, move || Ok(library::look(&asked, &under))).await?;
        match seen.into_iter().collect::<Result<Vec<_>, Fault>>() {
            Ok(seen) => {
                good.push(path);
                all.push(seen);
            }
            Err(fault) if lenient => {
                kept.failed(fault.message.clone());
                last = Some(fault);
            }
            Err(fault) => return Err(fault),
        }
    }
    match last {
        Some(fault) if good.is_empty() => Err(fault),
        _ => Ok((good, all)),
    }
}

/// Rows of each file.
fn tags(planner: &Planner<'_, '_>, first: Option<&(String, Plan)>) -> Result<Vec<usize>, Fault> {
    let Some((name, plan)) = first else { return Err(bad("nothing is read that could be tagged")) };
    let rows = planner.rows(plan);
    rows.ok_or_else(|| bad(format!("rows of {name} are not tagged: arrays, strings with offsets and lists are")))
}
