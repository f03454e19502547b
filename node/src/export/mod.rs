//! Writers of exports.

mod csv_table;

pub(crate) use csv_table::{CsvTable, columns_of};
