//! Times: what a moment (nanoseconds since 1970, UTC) or a span of nanoseconds consists of; floats as the bits that they are.

use crate::words::{PIECE, kept, object};
use crate::work::{bad, room, view};
use windlass::prelude::*;

const DAY_NS: i64 = 86_400_000_000_000;

/// Times.
pub struct Times;

/// Parts of moments and of spans of time.
#[module(name = "array_times", export = false, stateless)]
impl Times {
    /// Nothing to keep.
    #[create]
    fn create() -> Self {
        Self
    }

    /// The parts of moments: of the clock, of the calendar, and the week as ISO 8601 counts it.
    #[method(standard, name = "dateTimeAttributes")]
    async fn moments(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let values = nanoseconds(cx, given)?;
        let mut said = clock(cx, &values).await?;
        let part =
            async |of: fn(&Date) -> i64| filled(cx, &values, |ns| of(&Date::of(ns.div_euclid(DAY_NS)))).await;
        said.push(("day", part(|date| date.day).await?));
        said.push(("month", part(|date| date.month).await?));
        said.push(("year", part(|date| date.year).await?));
        let leap = filled(cx, &values, |ns| is_leap(Date::of(ns.div_euclid(DAY_NS)).year)).await?;
        said.push(("isLeapYear", leap));
        said.push(("dayOfYear", part(|date| date.day_of_year).await?));
        said.push(("isoYear", part(|date| date.week().0).await?));
        said.push(("weekOfYear", part(|date| date.week().1).await?));
        said.push(("dayOfWeek", part(|date| date.weekday).await?));
        Ok(object(&said))
    }

    /// The parts of spans: nanoseconds to hours below the next part, and days.
    #[method(standard, name = "timeDeltaAttributes")]
    async fn spans(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let values = nanoseconds(cx, given)?;
        let mut said = clock(cx, &values).await?;
        said.push(("day", filled(cx, &values, |ns| ns.div_euclid(DAY_NS)).await?));
        Ok(object(&said))
    }

    /// The bits of each float64 as a uint64.
    #[method(standard, name = "transmuteFloat")]
    async fn bits(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let array = given.array(cx, "name")?;
        let values = view::<f64>(&array)?;
        let mut out = room::<u64>(cx, array.shape())?;
        crate::work::fill(cx, &mut out, |range, out| {
            let mut part = vec![0.0; out.len()];
            values.copy(range, &mut part)?;
            out.iter_mut().zip(&part).for_each(|(out, value)| *out = value.to_bits());
            Ok(())
        })
        .await?;
        Ok(out.done())
    }
}

fn nanoseconds(cx: &Context<'_>, given: &Given) -> Result<Vec<i64>, Fault> {
    let array = given.array(cx, "values")?;
    if array.ndim() != 1 {
        return Err(bad(format!("times have rank 1, not {}", array.ndim())));
    }
    Ok(view::<i64>(&array)?.to_vec())
}

/// Keeps what each value gives, and says so.
async fn filled<T: Item>(cx: &Context<'_>, values: &[i64], of: impl Fn(i64) -> T) -> Result<String, Fault> {
    let mut out = room::<T>(cx, &[values.len()])?;
    for (to, from) in out.chunks_mut(PIECE).zip(values.chunks(PIECE)) {
        to.iter_mut().zip(from).for_each(|(to, &from)| *to = of(from));
        cx.yield_if_due().await?;
    }
    kept(cx, &out.done())
}

/// The parts of the clock, each less than the next one up.
async fn clock(cx: &Context<'_>, values: &[i64]) -> Result<Vec<(&'static str, String)>, Fault> {
    const PARTS: [(&str, i64, i64); 6] = [
        ("nanosecond", 1, 1000),
        ("microsecond", 1_000, 1000),
        ("millisecond", 1_000_000, 1000),
        ("second", 1_000_000_000, 60),
        ("minute", 60_000_000_000, 60),
        ("hour", 3_600_000_000_000, 24),
    ];
    let mut said = Vec::new();
    for (name, unit, of) in PARTS {
        said.push((name, filled(cx, values, |ns| ns.div_euclid(unit).rem_euclid(of)).await?));
    }
    Ok(said)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// A day of the Gregorian calendar, which is taken to have been in use for ever.
struct Date {
    year: i64,
    /// From 1.
    month: i64,
    /// From 1.
    day: i64,
    /// From 1.
    day_of_year: i64,
    /// From 0, which is Monday.
    weekday: i64,
}

impl Date {
    /// The day that is so many after 1 January 1970.
    fn of(days: i64) -> Self {
        // Counted from 1 March of year 0, a year's leap day is its last, and 400 years have always as many days.
        let from_march = days + 719_468;
        let (era, of_era) = (from_march.div_euclid(146_097), from_march.rem_euclid(146_097));
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = era * 400 + year_of_era + i64::from(month <= 2);
        let before = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
        let leap_day = i64::from(month > 2 && is_leap(year));
        let day_of_year = before[(month - 1) as usize] + leap_day + day;
        Self { year, month, day, day_of_year, weekday: (days + 3).rem_euclid(7) }
    }

    /// The year and week of ISO 8601: week 1 has the year's first Thursday.
    fn week(&self) -> (i64, i64) {
        let week = (self.day_of_year - (self.weekday + 1) + 10) / 7;
        if week < 1 {
            return (self.year - 1, weeks(self.year - 1));
        }
        if week > weeks(self.year) { (self.year + 1, 1) } else { (self.year, week) }
    }
}

/// Weeks of a year: 53 if it begins on a Thursday, or on a Wednesday and is a leap year.
fn weeks(year: i64) -> i64 {
    let before = year - 1;
    // 1 January of year 1 was a Monday.
    let first = (before + before.div_euclid(4) - before.div_euclid(100) + before.div_euclid(400)).rem_euclid(7);
    52 + i64::from(first == 3 || (first == 2 && is_leap(year)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_go_on_as_the_calendar_does_over_eight_hundred_years() {
        // A naive calendar that only knows how long months are.
        let (mut year, mut month, mut day, mut of_year, mut weekday) = (1600, 1, 1, 1, 5);
        let start = Date::of(-135_140);
        assert_eq!((start.year, start.month, start.day, start.weekday), (1600, 1, 1, weekday));
        for days in -135_140..157_000 {
            let date = Date::of(days);
            assert_eq!(
                (date.year, date.month, date.day, date.day_of_year, date.weekday),
                (year, month, day, of_year, weekday)
            );
            let length = match month {
                2 => 28 + i64::from(is_leap(year)),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            (day, of_year, weekday) = (day + 1, of_year + 1, (weekday + 1) % 7);
            if day > length {
                (day, month) = (1, month + 1);
            }
            if month > 12 {
                (month, year, of_year) = (1, year + 1, 1);
            }
        }
    }

    #[test]
    fn weeks_go_on_from_monday_to_monday_and_the_first_has_a_thursday() {
        for days in -135_140..157_000 {
            let (date, next) = (Date::of(days), Date::of(days + 1));
            assert_eq!(date.week() == next.week(), next.weekday != 0, "{days}");
            if date.weekday == 3 {
                assert_eq!(date.week(), (date.year, (date.day_of_year - 1) / 7 + 1));
            }
        }
    }

    #[test]
    fn the_ends_of_what_nanoseconds_can_say_have_a_date() {
        for ns in [i64::MIN, i64::MAX] {
            let date = Date::of(ns.div_euclid(DAY_NS));
            assert!((1677..=2262).contains(&date.year));
        }
    }
}
