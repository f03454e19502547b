use rejoin_crdt::document::Inadmissible;

use crate::site;

#[test]
fn documents_that_were_founded_apart_do_not_mix() {
    let (mut a, mut b, mut reader) = (site(1), site(2), site(3));
    a.members(|members| members.found("berlin")).unwrap();
    b.members(|members| members.found("lima")).unwrap();
    let why = Inadmissible::FoundedApart { first: a.id, second: b.id };
    a.refuses(&b, why);
    b.refuses(&a, why);
    reader.pull(&a).unwrap();
    reader.refuses(&b, why);
}
