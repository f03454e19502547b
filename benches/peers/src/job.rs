//! What a process of its own is started for: one peer in one workload, or at one point of a series.

use anyhow::{Result, ensure};

use crate::growth::{self, SERIES};
use crate::measurement::Measurement;
use crate::peers::{Kind, PEERS};
use crate::workload::WORKLOADS;

/// One process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    /// The name of the peer.
    pub peer: &'static str,
    /// The name of the workload, or of the series.
    pub workload: &'static str,
    /// What the page calls that.
    pub title: &'static str,
    /// The size, in a series.
    pub size: Option<u32>,
}

impl Job {
    /// The result of this, without any numbers yet.
    pub(crate) fn asked(&self, quick: bool, tenth: bool) -> Measurement {
        Measurement {
            peer: self.peer.to_owned(),
            workload: self.workload.to_owned(),
            size: self.size,
            quick,
            tenth,
            ..Measurement::default()
        }
    }

    /// Whether it is measured in every round. Other libraries take half an hour, and what is said of them does not hang on
    /// a third.
    pub(crate) fn is_repeated(&self) -> bool {
        let mut own = PEERS.iter().filter(|peer| !matches!(peer.kind, Kind::Library { .. }));
        self.size.is_none() && own.any(|peer| peer.name == self.peer)
    }

    /// Whether this is its result.
    pub(crate) fn is_of(&self, found: &Measurement) -> bool {
        found.peer == self.peer && found.workload == self.workload && found.size == self.size
    }
}

/// Everything that these names ask for, in the order of the page; without names, everything.
///
/// # Errors
/// When there is no such peer or workload.
pub(crate) fn chosen(peers: &[String], workloads: &[String], quick: bool) -> Result<Vec<Job>> {
    for name in peers {
        ensure!(PEERS.iter().any(|peer| peer.name == name), "there is no peer `{name}`");
    }
    for name in workloads {
        let is_known = WORKLOADS.iter().any(|workload| workload.name == name)
            || SERIES.iter().any(|series| series.is_named(name));
        ensure!(is_known, "there is no workload `{name}`; all series are `{}`", growth::ALL);
    }
    let is_wanted = |job: &Job| peers.is_empty() || peers.iter().any(|name| name == job.peer);
    Ok(of_workloads(workloads).chain(of_series(workloads, quick)).filter(is_wanted).collect())
}

fn of_workloads(names: &[String]) -> impl Iterator<Item = Job> {
    let is_named = |name| names.is_empty() || names.iter().any(|wanted| wanted == name);
    WORKLOADS.iter().filter(move |workload| is_named(workload.name)).flat_map(|workload| {
        let peers = PEERS.iter().filter(|peer| peer.takes(workload));
        peers.map(|peer| Job {
            peer: peer.name,
            workload: workload.name,
            title: workload.title,
            size: None,
        })
    })
}

fn of_series(names: &[String], quick: bool) -> impl Iterator<Item = Job> {
    let is_named = |series: &&growth::Series| {
        names.is_empty() || names.iter().any(|name| series.is_named(name))
    };
    SERIES.iter().filter(is_named).flat_map(move |series| {
        let sizes = series.sizes(quick).iter();
        sizes.flat_map(move |size| {
            series.peers.iter().map(move |peer| Job {
                peer,
                workload: series.name,
                title: series.title,
                size: Some(*size),
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn growth_names_all_series_and_nothing_else() {
        let jobs = chosen(&[], &names(&["growth"]), true).unwrap();
        assert!(jobs.iter().all(|job| job.size.is_some()));
        assert!(SERIES.iter().all(|series| jobs.iter().any(|job| job.workload == series.name)));
        let one = chosen(&[], &names(&["growth_ids"]), true).unwrap();
        assert!(one.len() < jobs.len() && one.iter().all(|job| job.workload == "growth_ids"));
    }

    #[test]
    fn rejoin_and_the_floors_are_measured_again_and_no_series_is() {
        let all = chosen(&[], &[], true).unwrap();
        let repeated: Vec<_> = all.iter().filter(|job| job.is_repeated()).collect();
        let names: BTreeSet<&str> = repeated.iter().map(|job| job.peer).collect();
        let expected = [
            "BTreeMap",
            "BTreeMap, indexed",
            "HashMap",
            "Rejoin",
            "Rejoin, deltas",
            "Rejoin, new session",
        ];
        assert!(names.into_iter().eq(expected));
        assert!(repeated.iter().all(|job| job.size.is_none()));
    }

    #[test]
    fn without_names_everything_is_measured() {
        let all = chosen(&[], &[], false).unwrap();
        let workloads = all.iter().filter(|job| job.size.is_none()).count();
        assert!(workloads > 0 && workloads < all.len());
        let of_one = chosen(&names(&["HashMap"]), &[], false).unwrap();
        assert!(of_one.iter().all(|job| job.peer == "HashMap"));
        assert!(chosen(&[], &names(&["growths"]), false).is_err());
    }
}
