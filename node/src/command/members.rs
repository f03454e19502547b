//! `rejoin members`: shows who may write every type, and changes it.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::{NodeOptions, print};
use crate::api::{Member, MemberChange, Members, WriteOff, WrittenOff};
use crate::failure::{EXIT_CODES, Failure};
use crate::text;

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = format!("In a document with members, only they write the types in which a removal \
        wins (`docs/members.md`). Others are guests and write everything else. `this node` is the \
        id that a member needs to admit this node.\n\n{EXIT_CODES}\n\n\
        Examples:\n  rejoin members\n  rejoin members found berlin\n  \
        rejoin members admit 6b1f0c9e-58a3-4f0e-9d6c-0f5a3c1e7d42 lima\n  \
        rejoin members retire 6b1f0c9e-58a3-4f0e-9d6c-0f5a3c1e7d42\n  \
        rejoin members write-off 6b1f0c9e-58a3-4f0e-9d6c-0f5a3c1e7d42")
)]
pub(crate) struct Options {
    #[command(subcommand)]
    change: Option<Change>,
    #[command(flatten)]
    node: NodeOptions,
}

#[derive(Debug, Subcommand)]
enum Change {
    /// Make this node the first member; everybody who has written becomes a member too.
    Found {
        /// What to call the place of this node.
        site: String,
        #[command(flatten)]
        node: NodeOptions,
    },
    /// Admit a node.
    Admit {
        /// Its id, as `rejoin members` shows it there.
        life: String,
        /// What to call its place.
        site: String,
        /// The former id of the same node, which begins to close.
        #[arg(long, value_name = "LIFE")]
        closes: Option<String>,
        #[command(flatten)]
        node: NodeOptions,
    },
    /// Begin to close a member: it writes like a guest from now on.
    Close {
        /// Its id.
        life: String,
        #[command(flatten)]
        node: NodeOptions,
    },
    /// Retire a member that will not come back, so that nobody waits for it.
    Retire {
        /// Its id.
        life: String,
        #[command(flatten)]
        node: NodeOptions,
    },
    /// Give up what has not arrived of a replica that is lost, and that `rejoin status` shows as unfinished.
    ///
    /// First let all nodes that can be reached sync until they are equal: what only one of them has of the lost
    /// replica is given up for all. What has arrived stays, also of a transaction of which the rest has not.
    WriteOff {
        /// Its id.
        life: String,
        /// It is a member that nobody is left to retire: all active members are lost, or this node has the
        /// member list in part.
        #[arg(long)]
        unretired: bool,
        #[command(flatten)]
        node: NodeOptions,
    },
}

pub(crate) fn run(options: Options) -> Result<ExitCode, Failure> {
    let (change, node) = match options.change {
        None => return list(&options.node),
        Some(Change::Found { site, node }) => (MemberChange::Found { site }, node),
        Some(Change::Admit { life, site, closes, node }) => {
            (MemberChange::Admit { life, site, closes }, node)
        }
        Some(Change::Close { life, node }) => (MemberChange::Close { life }, node),
        Some(Change::Retire { life, node }) => (MemberChange::Retire { life }, node),
        Some(Change::WriteOff { life, unretired, node }) => {
            return write_off(&WriteOff { life, unretired }, &node);
        }
    };
    node.acknowledge(&node.client()?.change_members(&change)?)
}

fn write_off(request: &WriteOff, node: &NodeOptions) -> Result<ExitCode, Failure> {
    let done = node.client()?.write_off(request)?;
    let given_up = || {
        let WrittenOff { changes, ranges } = done;
        format!("given up: at most {changes} changes, on {ranges} ranges of keys\n")
    };
    match (node.json, done.ranges) {
        (true, _) => print(&format!("{}\n", text::json(&done)))?,
        (false, 0) => print("nothing of it was missing\n")?,
        (false, _) => print(&given_up())?,
    }
    Ok(ExitCode::SUCCESS)
}

fn list(node: &NodeOptions) -> Result<ExitCode, Failure> {
    let members = node.client()?.members()?;
    match node.json {
        true => print(&format!("{}\n", text::json(&members)))?,
        false => print(&report(&members))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn report(members: &Members) -> String {
    let own = format!("this node  {}\n\n", members.replica);
    if !members.managed {
        return format!("{own}no members: everybody writes every type\n");
    }
    let head = ["life", "site", "state"].map(String::from).to_vec();
    let row = |member: &Member| {
        let site = member.site.clone().unwrap_or_else(|| "-".into());
        vec![member.life.clone(), site, member.state.clone()]
    };
    let rows: Vec<Vec<String>> =
        std::iter::once(head).chain(members.members.iter().map(row)).collect();
    own + &text::table(&rows)
}
