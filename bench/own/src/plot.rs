//! The plot: rows drawn as SVG, p50 latency over request size, one panel for each placement.
//!
//! Lives here: `svg`. Both axes are logarithmic: sizes span five decades and latencies four.
//! Holds: ours is drawn thick, floors and rivals thin; a null is a gap, never a zero.
//! Not here: styles that need a library; the file is plain SVG text.

use crate::{
    row::Row,
    table::{distinct, size},
};
use std::fmt::Write;

const PANEL: (f64, f64) = (420.0, 340.0);
const MARGIN: (f64, f64) = (56.0, 44.0);
const LEGEND_LINE: f64 = 16.0;
const COLOURS: [&str; 12] = [
    "#1b6ca8", "#d1495b", "#3b8e5a", "#8a5fbf", "#d98324", "#4aa3a2", "#a3476a", "#5d6d7e", "#b3a125", "#7b4f2c",
    "#2f4b7c", "#e07a9b",
];

/// A range of values on a logarithmic axis of `length` pixels.
#[derive(Debug, Clone, Copy)]
struct Axis {
    least: f64,
    most: f64,
    length: f64,
}

impl Axis {
    /// Spans `values`, widened so that a single value still has an axis; `None` without positive values.
    fn over(values: impl Iterator<Item = f64>, base: f64, length: f64) -> Option<Self> {
        let positive: Vec<f64> = values.filter(|&value| value > 0.0 && value.is_finite()).collect();
        let least = base.powf(positive.iter().copied().reduce(f64::min)?.log(base).floor());
        let most = base.powf(positive.iter().copied().reduce(f64::max)?.log(base).ceil());
        Some(Self { least, most: most.max(least * base), length })
    }

    fn at(&self, value: f64) -> f64 {
        (value / self.least).ln() / (self.most / self.least).ln() * self.length
    }
}

/// Draws every row that has a placement, a size and a p50, with one outstanding; says in the drawing if there is none.
#[must_use]
pub fn svg(rows: &[Row]) -> String {
    let drawn: Vec<&Row> = rows.iter().filter(|row| row.outstanding == Some(1) && row.p50_us.is_some()).collect();
    let bytes = || drawn.iter().filter_map(|row| row.bytes).map(|bytes| bytes as f64);
    let axes = Axis::over(bytes(), 2.0, PANEL.0).zip(Axis::over(
        drawn.iter().filter_map(|row| row.p50_us),
        10.0,
        PANEL.1,
    ));
    let Some((across, up)) = axes else { return empty() };
    let placements = distinct(drawn.iter().filter_map(|row| row.placement.as_deref()));
    let contenders = distinct(drawn.iter().map(|row| row.contender.as_str()));
    let panel_width = MARGIN.0 + PANEL.0 + 16.0;
    let width = panel_width * placements.len() as f64;
    let legend_rows = contenders.len().div_ceil(4) as f64;
    let height = MARGIN.1 * 2.0 + PANEL.1 + LEGEND_LINE * (legend_rows + 1.0);
    let mut out = open(width, height);
    for (index, placement) in placements.iter().enumerate() {
        let left = panel_width * index as f64 + MARGIN.0;
        let here: Vec<&Row> =
            drawn.iter().copied().filter(|row| row.placement.as_deref() == Some(placement)).collect();
        panel(&mut out, (left, MARGIN.1), placement, (&across, &up), &here, &contenders);
    }
    legend(&mut out, MARGIN.1 * 2.0 + PANEL.1, width, &drawn, &contenders);
    let machine = drawn.first().map_or("", |row| row.machine.as_str());
    text(&mut out, (MARGIN.0, height - 6.0), "start", &format!("p50 in us over request size; {machine}"));
    out.push_str("</svg>\n");
    out
}

fn open(width: f64, height: f64) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" font-family=\"sans-serif\" \
         font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    )
}

fn empty() -> String {
    let mut out = open(420.0, 60.0);
    text(&mut out, (20.0, 34.0), "start", "no row has a size and a p50 with one outstanding");
    out.push_str("</svg>\n");
    out
}

fn panel(out: &mut String, at: (f64, f64), title: &str, axes: (&Axis, &Axis), rows: &[&Row], contenders: &[&str]) {
    let ((left, top), (across, up)) = (at, axes);
    let bottom = top + PANEL.1;
    text(out, (left + PANEL.0 / 2.0, top - 12.0), "middle", title);
    let mut latency = up.least;
    while latency <= up.most * 1.001 {
        let y = bottom - up.at(latency);
        line(out, (left, y), (left + PANEL.0, y), "#dddddd");
        text(out, (left - 6.0, y + 4.0), "end", &format!("{latency}"));
        latency *= 10.0;
    }
    for bytes in distinct(rows.iter().filter_map(|row| row.bytes)) {
        let x = left + across.at(bytes as f64);
        line(out, (x, top), (x, bottom), "#eeeeee");
        text(out, (x, bottom + 15.0), "middle", &size(bytes));
    }
    for (index, contender) in contenders.iter().enumerate() {
        let mine = rows.iter().filter(|row| row.contender == *contender);
        let mut points: Vec<(f64, f64)> =
            mine.clone().filter_map(|row| Some((across.at(row.bytes? as f64), up.at(row.p50_us?)))).collect();
        points.sort_by(|one, next| one.0.total_cmp(&next.0));
        let ours = mine.clone().any(|row| row.ours);
        curve(out, (left, bottom), &points, COLOURS[index % COLOURS.len()], ours);
    }
}

fn curve(out: &mut String, origin: (f64, f64), points: &[(f64, f64)], colour: &str, thick: bool) {
    let placed: Vec<(f64, f64)> = points.iter().map(|(x, y)| (origin.0 + x, origin.1 - y)).collect();
    let path: Vec<String> = placed.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let width = if thick { 3.5 } else { 1.5 };
    put(
        out,
        format_args!(
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\" points=\"{}\"/>",
            path.join(" ")
        ),
    );
    for (x, y) in placed {
        put(out, format_args!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{width}\" fill=\"{colour}\"/>"));
    }
}

fn legend(out: &mut String, top: f64, width: f64, rows: &[&Row], contenders: &[&str]) {
    let column = (width - MARGIN.0) / 4.0;
    for (index, contender) in contenders.iter().enumerate() {
        let (x, y) = (MARGIN.0 + column * (index % 4) as f64, top + LEGEND_LINE * (index / 4) as f64);
        let ours = rows.iter().any(|row| row.ours && row.contender == *contender);
        curve(out, (x, y), &[(0.0, 0.0), (18.0, 0.0)], COLOURS[index % COLOURS.len()], ours);
        text(out, (x + 24.0, y + 4.0), "start", contender);
    }
}

fn line(out: &mut String, from: (f64, f64), to: (f64, f64), colour: &str) {
    let ((x1, y1), (x2, y2)) = (from, to);
    put(
        out,
        format_args!("<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"{colour}\"/>"),
    );
}

fn text(out: &mut String, at: (f64, f64), anchor: &str, words: &str) {
    let escaped = words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    put(out, format_args!("<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{escaped}</text>", at.0, at.1));
}

/// Appends one line of SVG. Writing to a `String` cannot fail.
fn put(out: &mut String, element: std::fmt::Arguments<'_>) {
    let _ = writeln!(out, "{element}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::sample;

    #[test]
    fn every_contender_with_a_figure_has_a_curve_in_its_panel_and_one_in_the_legend() {
        let rows = [
            sample("futex", "one-core", 64, 1, 1.5),
            sample("ours", "one-core", 64, 1, 3.0),
            sample("ours", "one-core", 1 << 20, 1, 40.0),
            sample("ours", "two-cores", 64, 1, 40.0),
            sample("ours", "two-cores", 64, 16, 40.0),
        ];
        let drawing = svg(&rows);
        assert!(drawing.starts_with("<svg") && drawing.ends_with("</svg>\n"));
        assert_eq!(drawing.matches("<polyline").count(), 2 * 2 + 2, "two panels of two contenders, and a legend");
        assert_eq!(
            drawing.matches("<circle").count(),
            4 + 2 * 2,
            "one point for each figure with one outstanding"
        );
        assert!(drawing.contains(">one-core<") && drawing.contains(">1 MiB<"));
    }

    #[test]
    fn a_null_is_a_gap_and_nothing_at_all_is_said() {
        let mut row = sample("ours", "one-core", 64, 1, 3.0);
        row.p50_us = None;
        assert!(svg(&[row]).contains("no row has a size"));
    }

    #[test]
    fn an_axis_spans_its_values_in_whole_steps() {
        let axis = Axis::over([64.0, 8_388_608.0].into_iter(), 2.0, 170.0).expect("values");
        assert!((axis.at(64.0) - 0.0).abs() < 1e-9);
        assert!((axis.at(8_388_608.0) - 170.0).abs() < 1e-9);
        assert!((axis.at(64.0 * 2.0) - 10.0).abs() < 1e-9);
        let single = Axis::over([1.0].into_iter(), 10.0, 100.0).expect("one value");
        assert!(single.most > single.least);
    }
}
