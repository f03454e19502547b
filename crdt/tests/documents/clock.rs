//! One clock stands in the year 2200, and everybody hears of its stamps, at first or second hand.

use rejoin_crdt::{Hlc, MAX_AHEAD_MS};

use crate::{Random, Site, exchange, hold, pair};

const TODAY_MS: u64 = 1_780_000_000_000;
const YEAR_2200_MS: u64 = 7_258_118_400_000;

/// Says where a clock that is set went along. Counts the stamps from the future that came.
pub(crate) fn run(seed: u64) -> Result<usize, String> {
    let mut random = Random(seed);
    let mut sites: Vec<Site> = (0..2 + random.below(3)).map(Site::new).collect();
    let mut clocks: Vec<u64> =
        sites.iter().map(|_| TODAY_MS + random.below(90_000) as u64).collect();
    clocks[0] = YEAR_2200_MS;
    let mut last = vec![Hlc::ZERO; sites.len()];
    for step in 0..40 {
        clocks.iter_mut().for_each(|clock| *clock += random.below(3_000) as u64);
        if random.below(2) == 0 {
            let (from, to) = pair(&sites, &mut random);
            exchange(&mut sites, from, to, clocks[to]);
            continue;
        }
        let at = random.below(sites.len());
        let place = ("records", random.below(3));
        let (written, stamp) = sites[at].change(clocks[at], |tx| tx.register(place).set(step));
        written.unwrap();
        // A millisecond more, since the next stamp after the greatest that is believed is greater.
        if stamp.physical_ms() > clocks[at] + MAX_AHEAD_MS + 1 {
            return Err(format!("at {}, {at} writes at {stamp:?}", clocks[at]));
        }
        if stamp <= last[at] {
            return Err(format!("{at} writes at {stamp:?} after {:?}", last[at]));
        }
        last[at] = stamp;
    }
    let heard: u64 = sites.iter().map(|site| site.document.suspect_stamps()).sum();
    Ok(usize::try_from(heard).unwrap())
}

#[test]
fn a_clock_in_the_year_2200_drags_no_other_clock_along() {
    hold(run, 1_000);
}
