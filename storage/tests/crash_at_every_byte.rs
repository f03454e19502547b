//! Stopped at any byte, a log recovers every acknowledged record and never reuses a sequence number.

use rejoin_storage::End;

use crate::common::story::{Story, nothing};
use crate::common::token;
use crate::common::trace::for_each_crash;

/// How often what was found.
#[derive(Default, Debug)]
pub(crate) struct Reach {
    pub(crate) images: usize,
    pub(crate) clean: usize,
    pub(crate) crashed: usize,
    pub(crate) torn: usize,
    pub(crate) goes_on: usize,
}

/// Opens the image of a crash at every byte of a story.
pub(crate) fn all_images() -> Result<Reach, String> {
    let story = Story::new();
    let mut reach = Reach::default();
    for_each_crash(&nothing(), &story.trace, |image| {
        let found = story.check(image, token(1_000))?;
        reach.images += 1;
        reach.goes_on += usize::from(found.goes_on);
        match found.end {
            End::Clean => reach.clean += 1,
            End::Crashed => reach.crashed += 1,
            End::Torn { .. } => reach.torn += 1,
            End::Empty => {}
            end => return Err(format!("a crash looks like damage: {end:?}")),
        }
        Ok(())
    })?;
    Ok(reach)
}

#[test]
fn every_acknowledged_record_survives_a_crash_at_every_byte() {
    let reach = all_images().unwrap();
    println!("{reach:?}");
    assert!(reach.images >= 10_000);
    assert!(reach.clean > 10 && reach.crashed > 1_000 && reach.torn > 1_000);
    assert!(reach.goes_on > 1_000);
}
