//! The story as people read it: numbered chapters, aligned tables, sizes and times in units a
//! person knows, and the checks that make up the verdict.
//!
//! What must always hold: a check is printed where it was made and counted in the verdict, so the
//! two cannot disagree; with `--json` the summary has standard output for itself and the story
//! goes to standard error. Colours are for terminals only.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use serde_json::{Map, Value, json};

/// Where the story is told and its facts are gathered.
pub(crate) struct Report {
    out: Box<dyn Write>,
    colours: bool,
    json: bool,
    chapter: u32,
    after_blank: bool,
    facts: Map<String, Value>,
    checks: Vec<Check>,
}

struct Check {
    claim: String,
    holds: bool,
    detail: String,
}

impl Report {
    /// A report on standard output, or beside it if `json` has it.
    pub(crate) fn new(json: bool) -> Self {
        let terminal = if json { io::stderr().is_terminal() } else { io::stdout().is_terminal() };
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let out: Box<dyn Write> =
            if json { Box::new(io::stderr()) } else { Box::new(io::stdout()) };
        Self { colours: terminal && !plain, ..Self::telling(out, json) }
    }

    fn telling(out: Box<dyn Write>, json: bool) -> Self {
        let (facts, checks) = (Map::new(), Vec::new());
        Self { out, colours: false, json, chapter: 0, after_blank: false, facts, checks }
    }

    /// Begins the next chapter.
    ///
    /// # Errors
    /// This and every other method that prints: when the output is gone.
    pub(crate) fn chapter(&mut self, title: &str) -> io::Result<()> {
        self.chapter = self.chapter.saturating_add(1);
        let heading = self.paint("1", &format!("{}  {title}", self.chapter));
        self.blank()?;
        self.after_blank = false;
        writeln!(self.out, "{heading}")
    }

    /// Some lines of the story.
    pub(crate) fn line(&mut self, text: &str) -> io::Result<()> {
        for line in text.split('\n') {
            writeln!(self.out, "   {line}")?;
        }
        self.after_blank = false;
        Ok(())
    }

    /// An empty line, unless there is one already.
    fn blank(&mut self) -> io::Result<()> {
        if self.after_blank {
            return Ok(());
        }
        self.after_blank = true;
        writeln!(self.out)
    }

    /// A table.
    pub(crate) fn table(&mut self, table: &Table) -> io::Result<()> {
        self.blank()?;
        for line in table.lines() {
            self.line(&line)?;
        }
        self.blank()
    }

    /// States a claim of the verdict with what was seen of it.
    pub(crate) fn check(&mut self, claim: &str, holds: bool, detail: &str) -> io::Result<()> {
        let mark = self.mark(holds);
        self.line(&format!("{mark} {claim}: {detail}"))?;
        self.checks.push(Check { claim: claim.to_owned(), holds, detail: detail.to_owned() });
        Ok(())
    }

    /// Notes a fact for the summary.
    pub(crate) fn fact(&mut self, name: &str, value: impl Into<Value>) {
        self.facts.insert(name.to_owned(), value.into());
    }

    /// Ends the story with the verdict, which is true when every check holds.
    pub(crate) fn verdict(mut self) -> io::Result<bool> {
        let held = self.checks.iter().filter(|check| check.holds).count();
        let good = held == self.checks.len();
        self.chapter("Verdict")?;
        for i in 0..self.checks.len() {
            let Some(check) = self.checks.get(i) else { break };
            let line = format!("{} {}", self.mark(check.holds), check.claim);
            let line = if check.holds { line } else { format!("{line}: {}", check.detail) };
            self.line(&line)?;
        }
        self.blank()?;
        let outcome = if good {
            self.paint("1;32", &format!("All {held} checks hold."))
        } else {
            self.paint("1;31", &format!("{held} of {} checks hold.", self.checks.len()))
        };
        self.line(&outcome)?;
        self.out.flush()?;
        if self.json {
            let mut stdout = io::stdout().lock();
            writeln!(stdout, "{:#}", self.summary(good))?;
            stdout.flush()?;
        }
        Ok(good)
    }

    fn summary(&self, good: bool) -> Value {
        let checks: Vec<Value> = self
            .checks
            .iter()
            .map(|c| json!({ "claim": c.claim, "holds": c.holds, "detail": c.detail }))
            .collect();
        let mut summary = Map::new();
        summary.insert("verdict".into(), if good { "pass" } else { "fail" }.into());
        summary.extend(self.facts.clone());
        summary.insert("checks".into(), checks.into());
        Value::Object(summary)
    }

    fn mark(&self, holds: bool) -> String {
        if holds { self.paint("32", "ok    ") } else { self.paint("31", "FAILED") }
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// A table whose columns are aligned: text to the left, columns of numbers to the right.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table that begins with its column titles; a title that starts with `>` has its column
    /// aligned to the right.
    pub(crate) fn new<const N: usize>(titles: [&str; N]) -> Self {
        Self { rows: vec![titles.map(str::to_owned).to_vec()] }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    fn lines(&self) -> Vec<String> {
        let Some((titles, rows)) = self.rows.split_first() else { return Vec::new() };
        let right: Vec<bool> = titles.iter().map(|title| title.starts_with('>')).collect();
        let titles: Vec<String> =
            titles.iter().map(|title| title.trim_start_matches('>').to_owned()).collect();
        let mut widths = vec![0; titles.len()];
        for row in std::iter::once(&titles).chain(rows) {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        let align = |row: &Vec<String>| {
            let cells = row.iter().zip(&widths).zip(&right).map(|((cell, &width), &right)| {
                if right { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
            });
            cells.collect::<Vec<_>>().join("   ").trim_end().to_owned()
        };
        std::iter::once(&titles).chain(rows).map(align).collect()
    }
}

/// A size as people read it, in steps of 1000.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut whole = bytes;
    let mut hundredths = 0;
    let mut unit = "";
    for next in UNITS {
        if whole < 1000 {
            break;
        }
        (whole, hundredths, unit) = (whole / 1000, whole % 1000 / 10, next);
    }
    match whole {
        0..10 => format!("{whole}.{hundredths:02} {unit}"),
        10..100 => format!("{whole}.{} {unit}", hundredths / 10),
        _ => format!("{whole} {unit}"),
    }
}

/// A time span as people read it.
pub(crate) fn span(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{} ms", time.as_millis())
    } else {
        format!("{:.2} s", time.as_secs_f64())
    }
}

/// The milliseconds of a span, for the summary.
pub(crate) fn whole_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// How large `part` is beside `whole`, as people read it.
pub(crate) fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "-".to_owned();
    }
    let thousandths = u128::from(part) * 1000 / u128::from(whole);
    match thousandths {
        0 if part > 0 => "< 0.1 %".to_owned(),
        _ => format!("{}.{} %", thousandths / 10, thousandths % 10),
    }
}

/// A value on one line, quoted, with control characters escaped; of a long one the middle is left
/// out, so that it fits in a table and a change at its end still shows.
pub(crate) fn quoted(value: &str) -> String {
    const KEPT_CHARS: usize = 20;
    let len = value.chars().count();
    let tail_from = len.saturating_sub(KEPT_CHARS);
    let shown = |(index, c): (usize, char)| match index {
        KEPT_CHARS if tail_from > KEPT_CHARS => "…".to_owned(),
        _ if index >= KEPT_CHARS && index < tail_from => String::new(),
        _ if c.is_control() => c.escape_default().to_string(),
        _ => c.to_string(),
    };
    let escaped: String = value.chars().enumerate().map(shown).collect();
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Rc<RefCell<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Page {
        fn report(&self) -> Report {
            Report::telling(Box::new(self.clone()), false)
        }

        fn text(&self) -> String {
            String::from_utf8(self.0.borrow().clone()).unwrap()
        }
    }

    #[test]
    fn columns_are_aligned_by_kind_and_lines_do_not_end_in_blanks() {
        let mut table = Table::new(["link", ">bytes", "note"]);
        table.row(["a - b", "7", "x"].map(str::to_owned));
        table.row(["b - see", "1234", ""].map(str::to_owned));
        let lines = table.lines();
        assert_eq!(lines, ["link      bytes   note", "a - b         7   x", "b - see    1234"]);
    }

    #[test]
    fn a_table_with_accents_is_aligned_by_characters() {
        let mut table = Table::new(["city", "in"]);
        table.row(["Warīsān", "AE"].map(str::to_owned));
        table.row(["Ulm", "DE"].map(str::to_owned));
        assert_eq!(table.lines(), ["city      in", "Warīsān   AE", "Ulm       DE"]);
    }

    #[test]
    fn chapters_are_numbered_in_the_order_they_are_told() {
        let page = Page::default();
        let mut report = page.report();
        report.chapter("First").unwrap();
        report.line("told\nin lines").unwrap();
        report.chapter("Second").unwrap();
        assert_eq!(page.text(), "\n1  First\n   told\n   in lines\n\n2  Second\n");
    }

    #[test]
    fn a_table_stands_between_single_blank_lines() {
        let page = Page::default();
        let mut report = page.report();
        report.line("before").unwrap();
        report.table(&Table::new(["title"])).unwrap();
        report.table(&Table::new(["title"])).unwrap();
        report.chapter("After").unwrap();
        assert_eq!(page.text(), "   before\n\n   title\n\n   title\n\n1  After\n");
    }

    #[test]
    fn the_verdict_is_good_only_when_every_check_holds() {
        let page = Page::default();
        let mut report = page.report();
        report.check("sum", true, "12").unwrap();
        assert!(report.verdict().unwrap());
        assert!(page.text().contains("All 1 checks hold."));

        let page = Page::default();
        let mut report = page.report();
        report.check("sum", true, "12").unwrap();
        report.check("set", false, "b is missing").unwrap();
        assert!(!report.verdict().unwrap());
        assert!(page.text().contains("FAILED set: b is missing"));
        assert!(page.text().contains("1 of 2 checks hold."));
    }

    #[test]
    fn the_summary_has_the_facts_and_every_check() {
        let mut report = Page::default().report();
        report.fact("heal_ms", 12);
        report.check("sum", false, "11").unwrap();
        assert_eq!(
            report.summary(false),
            json!({
                "verdict": "fail",
                "heal_ms": 12,
                "checks": [{ "claim": "sum", "holds": false, "detail": "11" }],
            })
        );
    }

    #[test]
    fn sizes_have_three_digits_and_never_round_up() {
        let shown = [0, 999, 1000, 1019, 12_345, 999_999, 1_329_857, 115_000_000].map(size);
        assert_eq!(
            shown,
            ["0 B", "999 B", "1.00 kB", "1.01 kB", "12.3 kB", "999 kB", "1.32 MB", "115 MB"]
        );
    }

    #[test]
    fn spans_and_shares_read_well_from_tiny_to_large() {
        assert_eq!(span(Duration::from_millis(85)), "85 ms");
        assert_eq!(span(Duration::from_millis(1_240)), "1.24 s");
        assert_eq!(share(1, 100_000), "< 0.1 %");
        assert_eq!(share(0, 100), "0.0 %");
        assert_eq!(share(123, 100), "123.0 %");
        assert_eq!(share(5, 0), "-");
    }

    #[test]
    fn a_quoted_value_stays_on_one_line_and_in_its_column() {
        assert_eq!(quoted("two\nlines"), "\"two\\nlines\"");
        assert_eq!(quoted("Latin \"aurum\""), "\"Latin \"aurum\"\"");
        assert_eq!(quoted(&"x".repeat(40)), format!("\"{}\"", "x".repeat(40)));
        let long = format!("{}{}{}", "a".repeat(20), "b".repeat(50), "c".repeat(20));
        assert_eq!(quoted(&long), format!("\"{}…{}\"", "a".repeat(20), "c".repeat(20)));
    }
}
