//! An open that crashes leaves what it found to the next open.

use crate::common::story::{Story, nothing};
use crate::common::token;
use crate::common::trace::for_each_crash;

/// Of the images of first crashes every so many is crashed again.
const STEP: usize = 293;

#[test]
fn every_acknowledged_record_survives_a_second_crash_at_every_byte_of_the_open() {
    let story = Story::new();
    let (mut firsts, mut seconds, mut gone_on) = (0, 0, 0);
    for_each_crash(&nothing(), &story.trace, |image| {
        firsts += 1;
        if firsts % STEP != 0 {
            return Ok(());
        }
        let first = story.check(image, token(1_000))?;
        for_each_crash(image, &first.trace, |image| {
            let second = story.check(image, token(1_001))?;
            seconds += 1;
            gone_on += usize::from(second.goes_on);
            // A proof of life is not made by opening again.
            if second.goes_on && !first.goes_on {
                return Err("a life that had ended goes on".to_owned());
            }
            Ok(())
        })
    })
    .unwrap();
    println!("{seconds} images, {gone_on} go on");
    assert!(seconds >= 10_000 && gone_on > 100);
}
