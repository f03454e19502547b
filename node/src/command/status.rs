//! `rejoin status`: shows how the node and its peers are.

use std::process::ExitCode;

use clap::Args;

use super::{NodeOptions, print};
use crate::api::{PeerStatus, Status};
use crate::failure::{EXIT_CODES, Failure};
use crate::text;

#[derive(Debug, Args)]
#[command(after_help = format!("Two nodes hold the same data exactly when their fingerprints are \
    equal. `behind` counts the changes that a peer is not known to have.\n\n{EXIT_CODES}\n\n\
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
        ("clock suspects", status.clock_suspects.to_string()),
    ];
    let facts: Vec<Vec<String>> = facts.into_iter().map(|(k, v)| vec![k.into(), v]).collect();
    let mut report = text::table(&facts);
    report.push('\n');
    if status.peers.is_empty() {
        report.push_str("no peers\n");
        return report;
    }
    let head = ["peer", "state", "behind", "equal since", "in", "out"].map(String::from).to_vec();
    let rows: Vec<Vec<String>> =
        std::iter::once(head).chain(status.peers.iter().map(row)).collect();
    report + &text::table(&rows)
}

fn row(peer: &PeerStatus) -> Vec<String> {
    let since = match peer.lag_ms {
        Some(0) => "now".into(),
        Some(ms) => format!("{} ago", text::duration(ms)),
        None => "never".into(),
    };
    vec![
        peer.address.clone(),
        peer.state.clone(),
        peer.lag_dots.map_or_else(|| "?".into(), |dots| dots.to_string()),
        since,
        text::bytes(peer.bytes_in),
        text::bytes(peer.bytes_out),
    ]
}
