//! Dots, causal contexts, cells, deltas and joins.
