//! Conflicts: listing them, and superseding the siblings that somebody has looked at.

use rejoin::path::{Path, TypeTag};
use rejoin::value::Value;
use rejoin::{Candidate, Conflict, DocumentView, Dot, Hlc, ReplicaId};

use super::{Engine, bad_request, kind, refusal};
use crate::api;
use crate::api::{Conflicts, DotName, Problem, Resolve, Transacted};

/// Conflicts in one answer.
const MAX_CONFLICTS: usize = 1_000;

impl Engine {
    /// The conflicts at and below a path, in key order: concurrent values, then type clashes.
    pub(crate) fn conflicts(&self, path: &Path) -> Conflicts {
        let view = self.replica.view();
        let mut found = view.conflicts(path);
        let conflicts = found.by_ref().take(MAX_CONFLICTS).map(|c| describe(&view, &c)).collect();
        Conflicts { conflicts, more: found.next().is_some() }
    }

    /// Writes a value over exactly the siblings named.
    ///
    /// # Errors
    ///
    /// The conflict is not there any more, or the value cannot be stored; nothing was changed.
    pub(crate) fn resolve(&self, resolve: &Resolve) -> Result<Transacted, Problem> {
        let tag = kind::tag(&resolve.kind).ok_or_else(|| bad_request("no such type"))?;
        let seen: Option<Vec<Dot>> = resolve.siblings.iter().map(dot).collect();
        let seen = seen.ok_or_else(|| bad_request("a replica is named by a UUID"))?;
        let value = Value::from_item(&resolve.value).map_err(|error| {
            Problem::new(422, "bad_value", "The value cannot be stored", error.to_string())
        })?;
        self.commit(|tx| {
            let written = tx.write_over(&resolve.path, tag, &seen, value);
            written.map(|_| (1, 0)).map_err(|error| {
                let (status, code, title) = refusal::kind(&error);
                Problem::new(status, code, title, refusal::words(&error))
            })
        })
    }
}

fn dot(name: &DotName) -> Option<Dot> {
    let uuid: uuid::Uuid = name.replica.parse().ok()?;
    Some(Dot::new(ReplicaId::from(uuid), name.seq))
}

fn describe(view: &DocumentView, conflict: &Conflict) -> api::Conflict {
    match conflict {
        Conflict::Siblings { path, tag, siblings, .. } => {
            let shown = shown(view, path, *tag);
            let mut siblings: Vec<&Candidate> = siblings.iter().collect();
            siblings.sort_by_key(|sibling| (sibling.hlc, sibling.dot));
            api::Conflict {
                path: path.clone(),
                kind: kind::name(*tag).into(),
                types: vec![kind::name(*tag).into()],
                siblings: siblings.into_iter().map(|s| sibling(s, &shown)).collect(),
            }
        }
        Conflict::Types { path, types } => api::Conflict {
            path: path.clone(),
            kind: types.first().map_or("unknown", |tag| kind::name(*tag)).into(),
            types: types.iter().map(|tag| kind::name(*tag).into()).collect(),
            siblings: Vec::new(),
        },
        other => api::Conflict {
            path: other.path().clone(),
            kind: "unknown".into(),
            types: Vec::new(),
            siblings: Vec::new(),
        },
    }
}

/// The writes that readers see.
fn shown(view: &DocumentView, path: &Path, tag: TypeTag) -> Vec<Dot> {
    let winner = match tag {
        TypeTag::RegisterLwwDelete => view.lww_delete_register(path).winner(),
        TypeTag::MvRegister => {
            return view.mv_register(path).values().iter().map(|sibling| sibling.dot).collect();
        }
        _ => view.register(path).winner(),
    };
    winner.into_iter().map(|sibling| sibling.dot).collect()
}

fn sibling(candidate: &Candidate, shown: &[Dot]) -> api::Sibling {
    api::Sibling {
        replica: candidate.dot.replica.to_string(),
        seq: candidate.dot.seq,
        time_ms: Hlc::physical_ms(candidate.hlc),
        value: candidate.value.as_ref().map(Value::to_item),
        shown: shown.contains(&candidate.dot),
    }
}
