//! The script: what is done to which node, in which order, and what must come of it.
//!
//! Three nodes stand in a chain `a - b - c`; what a and c tell each other passes through b.
//!
//! What must always hold: every change made to a node is made to the model too, and the verdict
//! compares the two whole states, not only the places where the story expects something.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::export;
use crate::fleet::{Fleet, Place, Times};
use crate::link::{self, Link};
use crate::model::{Change, Content, Model};
use crate::node::Launch;
use crate::path::shown;
use crate::records::Records;
use crate::relay::Crossed;
use crate::report::{Report, Table, quoted, size, span, whole_ms};
use crate::script::{INTO, Places, Script, changes, command, edit, record};

/// What a changed record may cost on a link beside its own size: its name and stamp, framing,
/// acknowledgements and the greeting of a round of synchronisation.
const MAX_OVERHEAD_BYTES: u64 = 512;

/// The nodes from left to right.
const PLACES: [Place; 3] = [Place::A, Place::B, Place::C];

/// How many differences the verdict quotes.
const MAX_QUOTED: usize = 5;

/// What the story is told with.
#[derive(Debug)]
pub(crate) struct Input<'a> {
    /// The file to import.
    pub(crate) file: PathBuf,
    /// Its key column.
    pub(crate) key: &'a str,
    /// What stands in it.
    pub(crate) records: Records,
}

/// Tells the story from the first process to the comparison of the states.
///
/// # Errors
/// When a node or command fails, the nodes do not agree in time, or a signal came.
pub(crate) fn tell(launch: &Launch, input: &Input<'_>, report: &mut Report) -> Result<()> {
    report.chapter("Three nodes and two links")?;
    let fleet = Fleet::start(launch)?;
    let model = Model::default();
    let mut story = Story { launch, input, fleet: &fleet, model, state_bytes: 0 };
    story.introduce(report)?;
    story.import(report)?;
    story.import_again(report)?;
    let places = story.write_on_both_sides(report)?;
    story.heal(&places, report)?;
    story.read_conflicts(&places, report)?;
    story.compare(report)
}

struct Story<'a> {
    launch: &'a Launch,
    input: &'a Input<'a>,
    fleet: &'a Fleet,
    model: Model,
    state_bytes: u64,
}

impl Story<'_> {
    fn introduce(&mut self, report: &mut Report) -> Result<()> {
        report.line("Three processes on this machine, in a chain: a - b - c. Each link passes")?;
        report.line("through a relay that counts its bytes and can cut it.")?;
        let mut table = Table::new(["node", "syncs at", "HTTP API at", ">process"]);
        for node in self.fleet.nodes() {
            let (sync, http) = (node.sync().to_string(), node.http().to_string());
            table.row([node.name().to_owned(), sync, http, node.pid().to_string()]);
        }
        report.table(&table)?;
        self.fleet.await_agreement()?;
        Ok(())
    }

    fn import(&mut self, report: &mut Report) -> Result<()> {
        let records = &self.input.records;
        report.chapter("A file of records is imported at a")?;
        self.model.import(records, INTO);
        let traffic = self.fleet.traffic();
        let times = self.import_file(&self.input.file)?;
        let crossed = traffic.when_quiet(&self.launch.interrupt)?;
        self.state_bytes = bytes(self.export(Place::A)?.len())?;
        let state = size(self.state_bytes);
        report.line(&format!("{} records; exported, the state is {state}.", records.len()))?;
        let (acknowledged, everywhere) = (span(times.acknowledged), span(times.everywhere));
        report
            .line(&format!("Stored at a after {acknowledged}, at all three after {everywhere}."))?;
        report.table(&link::table(&crossed, self.state_bytes))?;
        report.fact("records", records.len());
        report.fact("state_bytes", self.state_bytes);
        report.fact("import_stored_ms", whole_ms(times.acknowledged));
        report.fact("import_everywhere_ms", whole_ms(times.everywhere));
        report.fact("import_link_bytes", link_bytes(&crossed));
        Ok(())
    }

    fn import_again(&mut self, report: &mut Report) -> Result<()> {
        let records = &self.input.records;
        report.chapter("The same file is imported again, with one record changed")?;
        let column = records.last_column();
        let old = record(records, 4)?;
        let value = format!("{} (revised)", old.field(column).unwrap_or_default());
        let revised = records.with_field(old.key(), column, &value);
        let new = record(&revised, 4)?;
        let file = self.launch.folder.join("revised.csv");
        revised.write(&file)?;
        let edit = edit(new, column);
        self.model.apply(&edit)?;
        report.line(&edit.to_string())?;

        let traffic = self.fleet.traffic();
        let times = self.import_file(&file)?;
        let crossed = traffic.when_quiet(&self.launch.interrupt)?;
        let (all, everywhere) = (records.len(), span(times.everywhere));
        report.line(&format!("{all} records read again, at all three after {everywhere}."))?;
        report.table(&link::table(&crossed, self.state_bytes))?;
        report.fact("changed_record_link_bytes", link_bytes(&crossed));
        let record_bytes = bytes(new.len_bytes())?;
        let allowed = record_bytes.saturating_add(MAX_OVERHEAD_BYTES);
        for (link, crossed) in crossed {
            let (name, total) = (link.name(), crossed.total_bytes());
            report.check(
                &format!("one changed record crosses {name} in at most 512 B + its size"),
                total <= allowed,
                &format!("{total} B of {allowed} B (a record of {record_bytes} B)"),
            )?;
        }
        Ok(())
    }

    fn write_on_both_sides(&mut self, report: &mut Report) -> Result<Places> {
        report.chapter("The link b - c is cut, and both sides go on writing")?;
        let script = Script::new(&self.input.records)?;
        report.line("Before the cut:")?;
        self.make_all(&script.before, report)?;
        self.model.merge(&changes(&script.before), &[])?;
        self.fleet.await_agreement()?;

        self.fleet.right_link().cut();
        report.line("During the cut, each one acknowledged before the next is made:")?;
        self.make_all(script.left.iter().chain(&script.right), report)?;
        self.model.merge(&changes(&script.left), &changes(&script.right))?;
        let apart = self.fleet.await_two_sides()?;
        let found = if apart { "a and b agree, c has another state" } else { "no difference" };
        report.check("the cut separates the sides", apart, found)?;
        Ok(script.places)
    }

    fn heal(&mut self, places: &Places, report: &mut Report) -> Result<()> {
        report.chapter("The link is healed")?;
        let traffic = self.fleet.traffic();
        self.fleet.right_link().heal();
        let time = self.fleet.await_agreement()?;
        let crossed = traffic.when_quiet(&self.launch.interrupt)?;
        report.line(&format!("All three nodes agree {} after the healing.", span(time)))?;
        report.table(&link::table(&crossed, self.state_bytes))?;
        report.fact("heal_ms", whole_ms(time));
        report.fact("heal_link_bytes", link_bytes(&crossed));

        report.line("What readers find, and why:")?;
        let mut states = Vec::new();
        for place in PLACES {
            states.push(export::state(&self.export(place)?)?);
        }
        let mut table = Table::new(["path", "reads", "at", "rule"]);
        for (path, rule) in &places.read {
            let readings = states.iter().map(|state| self.reading(state.content(path)));
            for (reading, nodes) in grouped(readings) {
                table.row([shown(path), reading, nodes, (*rule).to_owned()]);
            }
        }
        Ok(report.table(&table)?)
    }

    fn read_conflicts(&self, places: &Places, report: &mut Report) -> Result<()> {
        report.chapter("The writes that lost stay visible until somebody decides")?;
        let mut answers = Vec::new();
        for place in PLACES {
            answers.push(self.fleet.node(place).run(&["conflicts", "/", "--json"])?);
        }
        let conflicts = answers.iter().map(|answer| export::conflicts(answer));
        let conflicts: Vec<_> = conflicts.collect::<Result<_>>()?;
        let mut table = Table::new(["conflict at", "readers see", "lost", "listed at"]);
        for (conflicts, nodes) in grouped(conflicts.iter()) {
            for conflict in conflicts {
                let values = |shown: bool| {
                    let siblings = conflict.siblings.iter().filter(move |s| s.shown == shown);
                    let values = siblings.map(|sibling| self.reading(sibling.value.as_ref()));
                    values.collect::<Vec<_>>().join(", ")
                };
                table.row([shown(&conflict.path), values(true), values(false), nodes.clone()]);
            }
        }
        report.table(&table)?;
        report.line("`rejoin resolve` settles one; so does writing over it.")?;
        let first = conflicts.first().context("there are no nodes")?;
        report.fact("conflicts", first.len());
        let alike = conflicts.iter().all(|there| there == first);
        let listed = places.contested.iter().all(|(path, lost)| {
            let here = first.iter().find(|conflict| conflict.path == *path);
            here.is_some_and(|conflict| conflict.has_lost(lost))
        });
        let found = match (alike, listed) {
            (true, true) => "both lost writes, the same at every node",
            (false, _) => "the nodes list different conflicts",
            (_, false) => "a lost write is not listed",
        };
        Ok(report.check("every node lists the writes that lost", alike && listed, found)?)
    }

    fn compare(&self, report: &mut Report) -> Result<()> {
        report.chapter("The whole states are compared")?;
        let mut exports = Vec::new();
        for place in PLACES {
            exports.push(self.export(place)?);
        }
        let first = exports.first().context("there are no nodes")?;
        report.line("What crossed the links in the whole story:")?;
        let crossed = self.fleet.whole_traffic().when_quiet(&self.launch.interrupt)?;
        report.table(&link::table(&crossed, bytes(first.len())?))?;
        report.fact("whole_story_link_bytes", link_bytes(&crossed));

        let same = exports.iter().all(|export| export == first);
        let found = format!("{} in {} lines", size(bytes(first.len())?), first.lines().count());
        let found = if same { found.as_str() } else { "the exports differ" };
        report.check("the exports of all nodes are equal byte for byte", same, found)?;
        let differences = self.model.differences(&export::state(first)?);
        let equal = differences.is_empty();
        let found = match differences.len() {
            0 => format!("{} registers, counters and sets", self.model.len()),
            several => {
                let quoted: Vec<_> = differences.into_iter().take(MAX_QUOTED).collect();
                let noun = if several == 1 { "difference" } else { "differences" };
                format!("{several} {noun}\n       {}", quoted.join("\n       "))
            }
        };
        Ok(report.check("the state is the one computed without Rejoin", equal, &found)?)
    }

    fn import_file(&self, file: &std::path::Path) -> Result<Times> {
        let file = file.to_str().context("the path of the file is not UTF-8: rename it")?;
        let arguments = ["import", file, "--key", self.input.key, "--into", INTO];
        self.fleet.import(&arguments, bytes(self.model.len())?)
    }

    fn export(&self, place: Place) -> Result<String> {
        self.fleet.node(place).run(&["export", "/", "--format", "jsonl"])
    }

    /// Makes changes one after the other and tells them.
    fn make_all<'s>(
        &self,
        made: impl IntoIterator<Item = &'s (Place, Change)>,
        report: &mut Report,
    ) -> Result<()> {
        let mut table = Table::new(["at", "change"]);
        for (place, change) in made {
            let node = self.fleet.node(*place);
            let arguments = command(change);
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            node.run(&arguments)?;
            table.row([node.name().to_owned(), change.to_string()]);
        }
        Ok(report.table(&table)?)
    }

    /// A content in a table; of a record, the column that the story changes.
    fn reading(&self, content: Option<&Content>) -> String {
        let column = self.input.records.last_column();
        match content {
            None => "-".to_owned(),
            Some(Content::Record(record)) => quoted(record.get(column).map_or("", String::as_str)),
            Some(content) => content.to_string(),
        }
    }
}

/// What the nodes say, with the names of those that say it; one entry if all say the same.
fn grouped<T: PartialEq>(said: impl IntoIterator<Item = T>) -> Vec<(T, String)> {
    let mut groups: Vec<(T, String)> = Vec::new();
    for (place, said) in PLACES.into_iter().zip(said) {
        match groups.iter_mut().find(|(group, _)| *group == said) {
            Some((_, nodes)) => nodes.push_str(&format!(", {place}")),
            None => groups.push((said, place.to_string())),
        }
    }
    groups
}

/// What crossed, for the summary.
fn link_bytes(crossed: &[(&Link, Crossed)]) -> Value {
    let entry = |(link, crossed): &(&Link, Crossed)| {
        json!({
            "link": link.name(),
            "rightwards": crossed.from_target_bytes,
            "leftwards": crossed.to_target_bytes,
        })
    };
    crossed.iter().map(entry).collect()
}

fn bytes(len: usize) -> Result<u64> {
    Ok(u64::try_from(len)?)
}
