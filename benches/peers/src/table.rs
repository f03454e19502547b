//! One table of Markdown for a workload: a row for each peer, and its ratios to the floor and to the best
//! other library.

use std::fmt::Write;

use crate::measurement::Measurement;
use crate::peers::{Kind, PEERS};
use crate::run::Results;
use crate::workload::{Metric, Workload};

/// The value of a peer in a workload.
pub(crate) fn value(results: &Results, workload: &str, peer: &str, metric: &str) -> Option<f64> {
    measurement(results, workload, peer)?.values.get(metric).copied()
}

/// The values of a peer in a workload, round by round.
pub(crate) fn rounds(results: &Results, workload: &str, peer: &str, metric: &str) -> Vec<f64> {
    let found = measurement(results, workload, peer);
    let runs = found.into_iter().flat_map(|found| &found.runs);
    runs.filter_map(|run| run.get(metric).copied()).collect()
}

/// What a peer did in a workload.
pub(crate) fn measurement<'r>(
    results: &'r Results,
    workload: &str,
    peer: &str,
) -> Option<&'r Measurement> {
    measurement_at(results, workload, peer, None)
}

/// What a peer did in a workload, or at one point of a series.
pub(crate) fn measurement_at<'r>(
    results: &'r Results,
    workload: &str,
    peer: &str,
    size: Option<u32>,
) -> Option<&'r Measurement> {
    let is_it = |m: &&Measurement| m.workload == workload && m.peer == peer && m.size == size;
    results.measurements.iter().find(is_it)
}

/// The table of a workload.
pub(crate) fn table(results: &Results, workload: &Workload) -> String {
    let mut text = format!("### {}\n\n{}", workload.title, workload.about);
    let _ = writeln!(text, " Floor: `{}`.\n", workload.floor);
    let mut head = "| |".to_owned();
    for metric in workload.metrics {
        let _ = write!(head, " {} |", metric.title);
        head.push_str(if metric.to_floor { " ÷ floor |" } else { "" });
        head.push_str(if metric.to_best { " ÷ best |" } else { "" });
    }
    let columns = head.matches('|').count() - 1;
    let _ = writeln!(text, "{head}\n|{}", "---|".repeat(columns));
    let mut remarks = Vec::new();
    for peer in PEERS.iter().filter(|peer| peer.takes(workload)) {
        if let Some(found) = measurement(results, workload.name, peer.name) {
            text.push_str(&row(results, workload, found, &mut remarks));
        }
    }
    for (number, remark) in remarks.iter().enumerate() {
        let _ = writeln!(text, "\n{} {remark}", mark(number + 1));
    }
    text
}

fn row(
    results: &Results,
    workload: &Workload,
    found: &Measurement,
    remarks: &mut Vec<String>,
) -> String {
    let mut name = found.peer.clone();
    let mut remark = |text: String| {
        let number = match remarks.iter().position(|known| *known == text) {
            Some(at) => at + 1,
            None => {
                remarks.push(text);
                remarks.len()
            }
        };
        name.push_str(&mark(number));
    };
    if let Some(reached) = found.reached {
        remark(format!("stopped at {} for time", number(f64::from(reached))));
    }
    if found.tenth {
        remark("at a tenth of the sizes: with all of them it was not done in 150 s (`--quick`: 8 s) and 8 GiB".to_owned());
    }
    if let Some(failure) = &found.failure {
        remark(failure.clone());
    }
    let is_partial = found.tenth || found.reached.is_some();
    let mut row = format!("| {name} |");
    for metric in workload.metrics {
        let own = found.values.get(metric.name).copied();
        let _ = write!(row, " {} |", own.map_or_else(|| "–".to_owned(), number));
        // Of two different sizes, only what is counted per item can be compared.
        let own = own.filter(|_| !is_partial || metric.title.contains(" per "));
        if metric.to_floor {
            let floor = value(results, workload.name, workload.floor, metric.name);
            let _ = write!(row, " {} |", ratio(own, floor));
        }
        if metric.to_best {
            let _ = write!(row, " {} |", ratio(own, best(results, workload, metric)));
        }
    }
    row.push('\n');
    row
}

/// The least value of another library that ran at full size.
fn best(results: &Results, workload: &Workload, metric: &Metric) -> Option<f64> {
    let libraries = PEERS.iter().filter(|peer| matches!(peer.kind, Kind::Library { .. }));
    let whole = libraries.filter_map(|peer| measurement(results, workload.name, peer.name));
    let whole = whole.filter(|found| found.reached.is_none() && !found.tenth);
    whole.filter_map(|found| found.values.get(metric.name).copied()).min_by(f64::total_cmp)
}

/// A ratio with the digits that it deserves.
pub(crate) fn ratio(own: Option<f64>, other: Option<f64>) -> String {
    match own.zip(other) {
        Some((own, other)) if other > 0.0 && own / other < 0.005 => "<0.01×".to_owned(),
        Some((own, other)) if other > 0.0 => format!("{}×", number(own / other)),
        _ => "–".to_owned(),
    }
}

/// A number with three digits or more, in groups of three.
pub(crate) fn number(value: f64) -> String {
    if value.abs() < 10.0 && value.fract() != 0.0 {
        return format!("{value:.2}");
    }
    if value.abs() < 100.0 && value.fract() != 0.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{:.0}", value.abs());
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            grouped.push('\u{202f}');
        }
        grouped.push(digit);
    }
    if value < 0.0 { format!("-{grouped}") } else { grouped }
}

/// The mark of a remark below a table.
fn mark(number: usize) -> String {
    const MARKS: [&str; 9] = ["¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"];
    MARKS.get(number - 1).map_or_else(|| format!("({number})"), |mark| (*mark).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_and_groups_of_three() {
        let numbers = [0.0, 0.456, 20.0, 20.04, 999.6, 1_234_567.0, -17.04].map(number);
        let expected =
            ["0", "0.46", "20", "20.0", "1\u{202f}000", "1\u{202f}234\u{202f}567", "-17.0"];
        assert_eq!(numbers, expected);
    }

    #[test]
    fn a_ratio_to_nothing_is_none() {
        assert_eq!(ratio(Some(3.0), Some(2.0)), "1.50×");
        assert_eq!(ratio(Some(1.0), Some(1_000.0)), "<0.01×");
        assert_eq!(ratio(Some(3.0), Some(0.0)), "–");
        assert_eq!(ratio(None, Some(1.0)), "–");
    }
}
