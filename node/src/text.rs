//! Text for people: values as they are typed, tables, numbers of bytes and times.

use rejoin_crdt::value::Item;

/// The item that a word of a command line stands for: JSON if it is JSON, else the text itself.
///
/// A word that is JSON but no document value (a map with the same key twice) is text as well.
pub(crate) fn value_from_word(word: &str) -> Item {
    serde_json::from_str(word).unwrap_or_else(|_| Item::from(word))
}

/// An item as one line of JSON.
pub(crate) fn json(item: &impl serde::Serialize) -> String {
    // Map keys are text in the JSON form of an item, so there is nothing to fail.
    serde_json::to_string(item).unwrap_or_default()
}

/// A table with left-aligned columns as wide as they need to be, one row per line.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            let width = cell.chars().count();
            match widths.get_mut(column) {
                Some(widest) => *widest = width.max(*widest),
                None => widths.push(width),
            }
        }
    }
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths);
        let line: Vec<String> = cells.map(|(cell, width)| format!("{cell:<width$}")).collect();
        text.push_str(line.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// A number of bytes with a unit that leaves one to three digits before the point.
pub(crate) fn bytes(count: u64) -> String {
    let mut unit = "B";
    let mut tenths = u128::from(count) * 10;
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if tenths < 10_240 {
            break;
        }
        (unit, tenths) = (larger, tenths / 1024);
    }
    match unit {
        "B" => format!("{count} B"),
        _ => format!("{}.{} {unit}", tenths / 10, tenths % 10),
    }
}

/// Milliseconds in the unit that a person would use.
pub(crate) fn duration(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..120_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        120_000..7_200_000 => format!("{} min", ms / 60_000),
        _ => format!("{} h", ms / 3_600_000),
    }
}

/// Milliseconds since 1970 as a date and time in UTC, `2026-11-21 10:42:07.123`.
///
/// Days become dates by the algorithm `civil_from_days` of Howard Hinnant's
/// *chrono-Compatible Low-Level Date Algorithms*.
pub(crate) fn time(ms: u64) -> String {
    let (days, in_day) = (ms / 86_400_000, ms % 86_400_000);
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hours, minutes) = (in_day / 3_600_000, in_day / 60_000 % 60);
    let (seconds, millis) = (in_day / 1_000 % 60, in_day % 1_000);
    format!("{year:04}-{month:02}-{day:02} {hours:02}:{minutes:02}:{seconds:02}.{millis:03}")
}

/// Enough of a replica id to tell it from the others.
pub(crate) fn short_replica(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_json_when_it_can_be_and_text_otherwise() {
        assert_eq!(json(&value_from_word("42")), "42");
        assert_eq!(json(&value_from_word("\"42\"")), "\"42\"");
        assert_eq!(json(&value_from_word("Ada Lovelace")), "\"Ada Lovelace\"");
        assert_eq!(json(&value_from_word("{\"a\":[1,null]}")), "{\"a\":[1,null]}");
        assert_eq!(json(&value_from_word("{\"a\":1,\"a\":2}")), r#""{\"a\":1,\"a\":2}""#);
        assert_eq!(json(&value_from_word("")), "\"\"");
    }

    #[test]
    fn bytes_keep_one_digit_after_the_point() {
        let texts = [0, 1_023, 1_024, 1_536, 1 << 20, u64::MAX].map(bytes);
        assert_eq!(texts, ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "1.0 MiB", "16777215.9 TiB"]);
    }

    #[test]
    fn a_time_is_a_date_in_utc() {
        assert_eq!(time(0), "1970-01-01 00:00:00.000");
        assert_eq!(time(951_782_399_999), "2000-02-28 23:59:59.999");
        assert_eq!(time(951_782_400_000), "2000-02-29 00:00:00.000");
        assert_eq!(time(1_795_257_727_123), "2026-11-21 10:42:07.123");
    }

    #[test]
    fn a_table_aligns_its_columns_and_has_no_blanks_at_line_ends() {
        let rows =
            [vec!["peer".into(), "state".into()], vec!["127.0.0.1:7400".into(), "up".into()]];
        assert_eq!(table(&rows), "peer            state\n127.0.0.1:7400  up\n");
    }
}
