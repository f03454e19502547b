//! The section "How cost grows": a table for each series, and what its numbers say in a sentence or two.

use std::fmt::Write;

use super::curve::{Curve, Point};
use super::{FROM_KEYS, KEYS, Quantity, SERIES, Series, TO_KEYS};
use crate::measurement::Measurement;
use crate::peers::REJOIN;
use crate::run::Results;
use crate::table::{measurement_at, number, ratio};
use crate::workload::{HASHED, ORDERED};

/// What stands at the beginning of the section.
const HEAD: &str = include_str!("../page/growth.md");

/// The whole section.
pub(crate) fn section(results: &Results) -> String {
    let mut text = HEAD.to_owned();
    for series in SERIES {
        let _ = write!(text, "\n### {}\n\n{}\n\n", series.title, series.about);
        text.push_str(&table(results, series));
        if series.name == KEYS {
            text.push_str(&beside_floors(results, series));
        }
    }
    text
}

/// What a number of a series is at each of its sizes.
fn curve(results: &Results, series: &Series, quantity: &Quantity, peer: &str) -> Curve {
    let point = |size: &u32| {
        let found = measurement_at(results, series.name, peer, Some(*size))?;
        Some(Point { size: f64::from(*size), cost: *found.values.get(quantity.name)? })
    };
    let sizes = series.sizes(results.quick).iter();
    Curve::new(sizes.filter_map(point), quantity.is_per_item)
}

/// A row for each number: what it is at each size, and how it grows.
fn table(results: &Results, series: &Series) -> String {
    let sizes = series.sizes(results.quick);
    let counts: Vec<String> = sizes.iter().map(|size| number(f64::from(*size))).collect();
    let mut text = format!(
        "| {} | {} | exponent | steepest, up to | bends at |\n|{}\n",
        series.unit,
        counts.join(" | "),
        "---|".repeat(sizes.len() + 4)
    );
    let mut rows = Vec::new();
    for quantity in series.quantities {
        for peer in quantity.peers {
            let row = (label(quantity, peer), curve(results, series, quantity, peer));
            text.push_str(&line(&row.0, &row.1, sizes));
            // What the floors do is for comparison.
            rows.extend(peer.starts_with(REJOIN).then_some(row));
        }
    }
    let _ = writeln!(text, "\n{}", summary(&rows));
    for failure in failures(results, series) {
        let _ = writeln!(text, "\n{failure}");
    }
    text
}

/// What a number is called, and whose it is, if that is not Rejoin in a session.
fn label(quantity: &Quantity, peer: &str) -> String {
    match peer.strip_prefix(REJOIN) {
        Some("") => quantity.title.to_owned(),
        Some(manner) => format!("{} ({})", quantity.title, manner.trim_start_matches(", ")),
        None => format!("{} (`{peer}`)", quantity.title),
    }
}

fn line(label: &str, curve: &Curve, sizes: &[u32]) -> String {
    let none = || "–".to_owned();
    let mut line = format!("| {label} |");
    for size in sizes {
        let _ = write!(line, " {} |", curve.at(f64::from(*size)).map_or_else(none, number));
    }
    let exponent = curve.exponent().map_or_else(none, power);
    let steepest = curve
        .steepest()
        .map_or_else(none, |step| format!("{}, {}", power(step.exponent), number(step.to)));
    let bend = curve
        .bend()
        .map_or_else(none, |bend| format!("{} ({}×)", number(bend.size), number(bend.factor)));
    let _ = writeln!(line, " {exponent} | {steepest} | {bend} |");
    line
}

/// What the rows of a table say together.
fn summary(rows: &[(String, Curve)]) -> String {
    let measured: Vec<_> = rows.iter().filter(|(_, curve)| curve.exponent().is_some()).collect();
    if measured.is_empty() {
        return "Not measured.".to_owned();
    }
    let bends: Vec<_> = measured
        .iter()
        .filter_map(|(label, curve)| Some((label, curve.steepest()?, curve.bend()?)))
        .collect();
    let mut text = format!(
        "{} of {} rows stay within a factor of 1.5 of what they are at the smallest size.",
        measured.len() - bends.len(),
        measured.len()
    );
    for (word, rises) in [("Dearer", true), ("Cheaper", false)] {
        let bends = bends.iter().filter(|(_, _, bend)| (bend.factor > 1.0) == rises);
        let bends: Vec<String> = bends
            .map(|(label, steepest, bend)| {
                let exponent = power(steepest.exponent);
                format!("{label}, from {} on ({exponent})", number(bend.size))
            })
            .collect();
        if !bends.is_empty() {
            let _ = write!(text, " {word}, with the steepest exponent: {}.", bends.join("; "));
        }
    }
    let excess = |curve: &Curve| curve.excess().unwrap_or(f64::NEG_INFINITY);
    let steepest = measured.iter().max_by(|a, b| excess(&a.1).total_cmp(&excess(&b.1)));
    if let Some((label, curve)) = steepest {
        let exponent = curve.exponent().map_or_else(String::new, power);
        let _ =
            write!(text, " Over all sizes {label} grows most for its kind: exponent {exponent}.");
    }
    text
}

/// How much more each number is with ten times as many keys, with Rejoin and with the maps.
fn beside_floors(results: &Results, series: &Series) -> String {
    let mut text = format!(
        "\nThe machine gets slower with size, too: what its caches do not hold takes longer. What is at {} \
         keys, divided by what is at {}:\n\n| | Rejoin | `{HASHED}` | `{ORDERED}` |\n|---|---|---|---|\n",
        number(f64::from(TO_KEYS)),
        number(f64::from(FROM_KEYS)),
    );
    for quantity in series.quantities {
        let grows = |peer| growth(results, series, quantity, peer);
        let Some(floor) = grows(HASHED) else { continue };
        let grown = |growth| ratio(growth, Some(1.0));
        let [own, ordered] = [REJOIN, ORDERED].map(|peer| grown(grows(peer)));
        let floor = grown(Some(floor));
        let _ = writeln!(text, "| {} | {own} | {floor} | {ordered} |", quantity.title);
    }
    text
}

/// A number at the upper of the two numbers of keys that goals name, divided by that at the lower.
fn growth(results: &Results, series: &Series, quantity: &Quantity, peer: &str) -> Option<f64> {
    let curve = curve(results, series, quantity, peer);
    Some(curve.at(f64::from(TO_KEYS))? / curve.at(f64::from(FROM_KEYS))?)
}

/// By how much more Rejoin's number grows with ten times as many keys than that of a floor.
pub(crate) fn growth_over(results: &Results, metric: &str, floor: &str) -> Option<f64> {
    let series = SERIES.iter().find(|series| series.name == KEYS)?;
    let quantity = series.quantities.iter().find(|quantity| quantity.name == metric)?;
    let grows = |peer| growth(results, series, quantity, peer);
    Some(grows(REJOIN)? / grows(floor)?)
}

/// Points that could not be measured, and why.
fn failures(results: &Results, series: &Series) -> Vec<String> {
    let of_series = results.measurements.iter().filter(|found| found.workload == series.name);
    let failure = |found: &Measurement| {
        let size = found.size.map_or_else(String::new, |size| number(f64::from(size)));
        let failure = found.failure.as_ref()?;
        Some(format!("{}, {size} {}: {failure}", found.peer, series.unit))
    };
    of_series.filter_map(failure).collect()
}

/// An exponent with the digits that it deserves.
fn power(exponent: f64) -> String {
    // Not "-0.00".
    let rounded = (exponent * 100.0).round() / 100.0 + 0.0;
    format!("{rounded:.2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(label: &str, costs: [f64; 3]) -> (String, Curve) {
        let points = [10.0, 100.0, 1_000.0].into_iter().zip(costs);
        let points = points.map(|(size, cost)| Point { size, cost });
        (label.to_owned(), Curve::new(points, false))
    }

    #[test]
    fn a_summary_names_what_bends_and_what_is_steepest() {
        let rows =
            [row("a", [1.0, 1.1, 1.2]), row("b", [1.0, 10.0, 100.0]), row("c", [9.0, 9.0, 3.0])];
        let expected = "1 of 3 rows stay within a factor of 1.5 of what they are at the smallest size. \
                        Dearer, with the steepest exponent: b, from 100 on (1.00). Cheaper, with the steepest \
                        exponent: c, from 1\u{202f}000 on (0.00). Over all sizes b grows most for its kind: \
                        exponent 1.00.";
        assert_eq!(summary(&rows), expected);
        assert_eq!(summary(&[]), "Not measured.");
    }

    #[test]
    fn a_line_has_the_sizes_and_how_it_grows() {
        let (label, curve) = row("a", [1.0, 1.0, 2.0]);
        let expected = "| a | 1 | 1 | 2 | – | 0.15 | 0.30, 1\u{202f}000 | 1\u{202f}000 (2×) |\n";
        assert_eq!(line(&label, &curve, &[10, 100, 1_000, 10_000]), expected);
        let nothing = Curve::new([], false);
        assert_eq!(line("b", &nothing, &[10]), "| b | – | – | – | – |\n");
    }

    #[test]
    fn exponents_have_two_digits_and_no_negative_zero() {
        assert_eq!([1.0, -0.001, 0.126, -0.5].map(power), ["1.00", "0.00", "0.13", "-0.50"]);
    }
}
