//! The script: what is done to which node, in which order, and what must come of it.
//!
//! Three nodes stand in a chain `a - b - c`; what a and c tell each other passes through b. What
//! must always hold: every change made to a node is made to the model too, and the verdict
//! compares the two whole states, not the places where the story expects something.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::export;
use crate::fleet::{Launch, Node, Status};
use crate::link::{self, Link, Traffic};
use crate::model::{Change, Model, Path, shown};
use crate::process::GLANCE;
use crate::records::{Record, Records};
use crate::relay::Crossed;
use crate::report::{Report, Table, quoted, share, size, span, whole_ms};

/// Where the records go.
const INTO: &str = "records";

/// What a changed record may cost on a link beside its own size: names, stamps, framing,
/// acknowledgements and the greeting of a round of synchronisation.
const MAX_OVERHEAD_BYTES: u64 = 512;

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
    let [a, b, c] = ["a", "b", "c"];
    report.chapter("Three nodes and two links")?;
    let first = Node::start(launch, a, None)?;
    let left = Link::open(&first, b)?;
    let second = Node::start(launch, b, Some(left.relay().address()))?;
    let right = Link::open(&second, c)?;
    let third = Node::start(launch, c, Some(right.relay().address()))?;
    let mut story = Story {
        launch,
        input,
        nodes: [first, second, third],
        links: [left, right],
        model: Model::default(),
        state_bytes: 0,
    };
    story.introduce(report)?;
    story.import(report)?;
    story.import_again(report)?;
    let scene = story.write_on_both_sides(report)?;
    story.heal(report)?;
    story.read_conflicts(&scene, report)?;
    story.compare(report)
}

/// The running story. Nodes are dropped before the links they stand on.
struct Story<'a> {
    launch: &'a Launch,
    input: &'a Input<'a>,
    nodes: [Node; 3],
    links: [Link; 2],
    model: Model,
    state_bytes: u64,
}

/// What happened on both sides of the cut and where it can be read.
struct Scene {
    contested: Path,
    reads: Vec<Path>,
}

impl Story<'_> {
    fn introduce(&mut self, report: &mut Report) -> Result<()> {
        report.line("Three processes on this machine, in a chain: a - b - c. Each link passes")?;
        report.line("through a relay that counts its bytes and can cut it.")?;
        let mut table = Table::new(["node", "syncs at", "HTTP API at", ">process"]);
        for node in &self.nodes {
            let (sync, http) = (node.sync().to_string(), node.http().to_string());
            table.row([node.name().to_owned(), sync, http, node.pid().to_string()]);
        }
        report.table(&table)?;
        self.await_equal(None)?;
        Ok(())
    }

    fn import(&mut self, report: &mut Report) -> Result<()> {
        let records = &self.input.records;
        report.chapter("A file of records is imported at a")?;
        self.model.import(records, INTO);
        let traffic = Traffic::since_now(&self.links);
        let before = self.nodes[0].status()?.fingerprint;
        let times = self.import_file(&self.input.file.to_string_lossy(), &before)?;
        let crossed = traffic.when_quiet(&self.launch.interrupt)?;
        let state_bytes = self.measure_state()?;
        report.line(&format!(
            "{} records, {} fields; their state is {} (the canonical export).",
            records.len(),
            self.model.len(),
            size(state_bytes)
        ))?;
        report.line(&format!(
            "Acknowledged at a after {}, on all three nodes after {}.",
            span(times.acknowledged),
            span(times.equal)
        ))?;
        report.table(&link::table(&crossed, state_bytes))?;
        report.fact("records", records.len());
        report.fact("state_bytes", state_bytes);
        report.fact("import_acknowledged_ms", whole_ms(times.acknowledged));
        report.fact("import_on_all_nodes_ms", whole_ms(times.equal));
        report.fact("import_link_bytes", facts(&crossed));
        Ok(())
    }

    fn import_again(&mut self, report: &mut Report) -> Result<()> {
        let records = &self.input.records;
        report.chapter("The same file is imported again, with one record changed")?;
        let middle = records.at(1, 2).context("the file has no middle record")?;
        let column = records.last_column();
        let old = middle.field(column).unwrap_or_default();
        let new = format!("{old} (revised)");
        let changed = records.with_field(middle.key(), column, &new);
        let record = changed.at(1, 2).context("the file has no middle record")?;
        let file = self.launch.folder.join("revised.csv");
        changed.write(&file)?;
        self.model.apply(&Change::Set { path: at(&[middle.key(), column]), value: new.clone() })?;

        let traffic = Traffic::since_now(&self.links);
        let before = self.nodes[0].status()?.fingerprint;
        let times = self.import_file(&file.to_string_lossy(), &before)?;
        let crossed = traffic.when_quiet(&self.launch.interrupt)?;
        report.line(&format!("Record {}: {column} becomes {}.", middle.key(), quoted(&new)))?;
        report.line(&format!(
            "All {} records were read again; on all three nodes after {}.",
            records.len(),
            span(times.equal)
        ))?;
        report.table(&link::table(&crossed, self.state_bytes))?;
        report.fact("changed_record_link_bytes", facts(&crossed));
        let record_bytes = u64::try_from(record.len_bytes())?;
        let bound = record_bytes.saturating_add(MAX_OVERHEAD_BYTES);
        for (link, crossed) in crossed {
            let total = crossed.total_bytes();
            report.check(
                &format!("one changed record costs at most its size + 512 B on {}", link.name()),
                total <= bound,
                &format!("{total} B crossed, {bound} B are allowed ({record_bytes} B record)"),
            )?;
        }
        Ok(())
    }

    fn write_on_both_sides(&mut self, report: &mut Report) -> Result<Scene> {
        report.chapter("The link b - c is cut, and both sides go on writing")?;
        let visits = vec!["visits".to_owned()];
        let tags = vec!["tags".to_owned()];
        let increment = |by| Change::Increment { path: visits.clone(), by };
        let add = |element: &str| Change::Add { path: tags.clone(), element: element.to_owned() };
        let remove =
            |element: &str| Change::Remove { path: tags.clone(), element: element.to_owned() };
        let set = |path: &Path, value: &str| Change::Set { path: path.clone(), value: value.into() };

        report.line("Before the cut, known to all:")?;
        let before = [(1, increment(10)), (0, add("new")), (0, add("old")), (0, add("checked"))];
        let mut table = Table::new(["at", "change"]);
        for (node, change) in before {
            self.make(node, &change)?;
            table.row([self.nodes[node].name().to_owned(), change.to_string()]);
            self.model.apply(&change)?;
        }
        report.table(&table)?;
        self.await_equal(None)?;

        let records = &self.input.records;
        let column = records.last_column();
        let key = |numerator| -> Result<&str> {
            let record = records.at(numerator, 8).context("the file has too few records")?;
            Ok(record.key())
        };
        let contested = at(&[key(1)?, column]);
        let updated = at(&[key(3)?, column]);
        let updated_record = at(&[key(3)?]);
        let deleted_record = at(&[key(6)?]);
        let deleted = at(&[key(6)?, column]);
        self.links[1].relay().cut();
        let left = [
            (0, set(&contested, "written at a")),
            (0, set(&updated, "updated at a")),
            (0, increment(5)),
            (1, increment(7)),
            (0, add("checked")),
            (1, add("from the left")),
        ];
        let right = [
            (2, set(&contested, "written at c, later")),
            (2, Change::Delete { path: updated_record }),
            (2, Change::Delete { path: deleted_record }),
            (2, increment(20)),
            (2, increment(-3)),
            (2, remove("checked")),
            (2, remove("old")),
            (2, add("from the right")),
        ];
        report.line("During the cut, each change acknowledged before the next:")?;
        let mut table = Table::new(["at", "change"]);
        for (node, change) in left.iter().chain(&right) {
            self.make(*node, change)?;
            table.row([self.nodes[*node].name().to_owned(), change.to_string()]);
        }
        report.table(&table)?;
        let [left, right] = [left.to_vec(), right.to_vec()]
            .map(|side| side.into_iter().map(|(_, change)| change).collect::<Vec<_>>());
        self.model.merge(&left, &right)?;
        let statuses = self.await_split()?;
        let apart = statuses[1].fingerprint != statuses[2].fingerprint;
        report.check("the cut separates", apart, "a and b agree, c has a state of its own")?;
        Ok(Scene { contested: contested.clone(), reads: vec![contested, updated, deleted, visits, tags] })
    }
}
