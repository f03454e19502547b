//! Records from files: rows of text or JSON, each with the line it begins on.
//!
//! What must always hold: memory does not grow with the length of a row's neighbours, only with the
//! number of keys; a row that cannot be stored is reported with its line, never dropped in silence.

mod batch;
mod csv_rows;
mod json_rows;
mod lines;
mod row;

pub(crate) use batch::{Batch, Tally};
pub(crate) use csv_rows::CsvRows;
pub(crate) use json_rows::JsonRows;
pub(crate) use row::{BadRow, Judge, Row};
