//! `rejoin status`: shows how the node and its peers are.

use std::process::ExitCode;

use clap::Args;

use super::{NodeOptions, print};
use crate::api::{PeerStatus, Status, Waiting};
use crate::failure::{EXIT_CODES, Failure};
use crate::text;

#[derive(Debug, Args)]
#[command(after_help = format!("Two nodes hold the same data exactly when their fingerprints are \
    equal. `behind` counts the changes that a peer has and this node lacks, `it lacks` the other way \
    round. What is unfinished has arrived for some keys only; if no peer has the rest any more, \
    `rejoin members write-off` gives it up.\n\n{EXIT_CODES}\n\n\
    Examples:\n  rejoin status\n  rejoin status --json --node http://127.0.0.1:8401"))]
pub(crate) struct Options {
    #[command(flatten)]
    node: NodeOptions,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let status = options.node.client()?.status()?;
    match options.node.json {
        true => print(&format!("{}\n", text::json(&status)))?,
        false => print(&report(&status))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn report(status: &Status) -> String {
    let hydrating = if status.hydrating { "yes: data is still arriving" } else { "no" };
    let storage = if status.durable { "on disk" } else { "in memory only" };
    let facts = [
        ("node", format!("{} (rejoin {})", status.name, status.version)),
        ("replica", status.replica.clone().unwrap_or_else(|| "none before the first write".into())),
        ("sync address", status.sync_address.clone()),
        ("storage", storage.into()),
        ("cells", status.cells.to_string()),
        ("fingerprint", status.fingerprint.clone()),
        ("conflicts", status.conflicts.to_string()),
        ("hydrating", hydrating.into()),
        ("deletions wait for", waits_for(&status.waits_for)),
        ("clock suspects", status.clock_suspects.to_string()),
    ];
    let copied = (!status.given_up.is_empty())
        .then(|| ("ALARM", format!("ids used elsewhere too: {}", status.given_up.join(", "))));
    let crowded = status.crowded.then(|| ("ALARM", "no further replica may begin to write".into()));
    let damaged = (status.quarantined > 0)
        .then(|| ("ALARM", format!("ranges damaged in memory: {}", status.quarantined)));
    let suspect = status.suspect.then(|| ("suspect", "yes: not found equal to a peer yet".into()));
    let late = (status.late_writes > 0)
        .then(|| ("late writes", format!("{} of former members", status.late_writes)));
    let unfinished = (!status.unfinished.is_empty())
        .then(|| ("unfinished", format!("of {}", status.unfinished.join(", "))));
    let alarms = copied
        .into_iter()
        .chain(crowded)
        .chain(damaged)
        .chain(suspect)
        .chain(late)
        .chain(unfinished);
    let facts = facts.into_iter().chain(alarms);
    let facts: Vec<Vec<String>> = facts.map(|(k, v)| vec![k.into(), v]).collect();
    let mut report = text::table(&facts);
    report.push('\n');
    if status.peers.is_empty() {
        report.push_str("no peers\n");
        return report;
    }
    let head = ["peer", "state", "behind", "it lacks", "equal", "in", "out"];
    let head = head.map(String::from).to_vec();
    let rows: Vec<Vec<String>> =
        std::iter::once(head).chain(status.peers.iter().map(row)).collect();
    report.push_str(&text::table(&rows));
    for peer in status.peers.iter().filter(|peer| !peer.connected) {
        if let Some(why) = &peer.last_end {
            report.push_str(&format!("\n{}: {why}\n", peer.address));
        }
    }
    report
}

fn row(peer: &PeerStatus) -> Vec<String> {
    let arrow = if peer.outbound { "to" } else { "from" };
    let dots = |dots: Option<u64>| dots.map_or_else(|| "?".into(), |dots| dots.to_string());
    let equal = match peer.lag_ms {
        Some(0) => "now".into(),
        Some(ms) => format!("{} ago", text::duration(ms)),
        None => "not yet".into(),
    };
    vec![
        format!("{arrow} {}", peer.address),
        peer.state.clone(),
        dots(peer.lag_dots),
        dots(peer.lacks_dots),
        equal,
        text::bytes(peer.bytes_in),
        text::bytes(peer.bytes_out),
    ]
}

/// The members that have not acknowledged everything, by the names of their sites.
fn waits_for(members: &[Waiting]) -> String {
    if members.is_empty() {
        return "nobody".into();
    }
    let one = |w: &Waiting| format!("{} ({} behind)", w.site.as_ref().unwrap_or(&w.life), w.behind);
    members.iter().map(one).collect::<Vec<_>>().join(", ")
}
