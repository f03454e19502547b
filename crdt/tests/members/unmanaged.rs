use crate::site;

#[test]
fn in_a_document_without_members_everybody_writes_every_type() {
    let (mut a, mut b) = (site(1), site(2));
    a.ban("mallory").unwrap();
    a.write(|tx| tx.disable_wins_flag("open").disable()).unwrap();
    b.write(|tx| tx.lww_delete_register("note").set(1)).unwrap();
    b.write(|tx| tx.remove_wins_set("guests").add("mallory")).unwrap();
    a.pull(&b).unwrap();
    b.pull(&a).unwrap();
    assert_eq!(a.state().1, b.state().1);
    assert!(!a.document.view().remove_wins_set("guests").contains("mallory"));
    assert!(!a.document.view().members().is_managed());
}
