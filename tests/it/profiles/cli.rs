//! The command.

use serde_json::json;

use crate::support::process::Root;

#[test]
fn the_owner_shows_sets_takes_out_and_deletes() {
    let root = Root::new();
    let alone = root.run(&["profile", "show"]);
    assert_eq!(alone.code, Some(1), "{alone:?}");
    let _daemon = root.daemon();
    let set = root.run(&[
        "profile",
        "set",
        "--username",
        "Ada",
        "--tag",
        "a",
        "--tag",
        "b",
    ]);
    assert_eq!(set.code, Some(0), "{set:?}");
    assert!(set.out.contains("username     ada\n"), "{set:?}");
    assert!(set.out.contains("tags         a b\n"), "{set:?}");
    let shown = root.run(&["profile", "show", "--json"]).json();
    assert_eq!(
        (&shown["username"], &shown["role"]),
        (&json!("ada"), &json!("owner"))
    );
    for wrong in [
        &["profile", "set"][..],
        &["profile", "set", "--username", "a b"],
    ] {
        assert_eq!(root.run(wrong).code, Some(2));
    }
    let export = root.run(&["profile", "export"]).json();
    assert_eq!(export["profile"]["username"], "ada");
    let none = root.run(&["profile", "delete", "--confirm", "bob"]);
    assert_eq!(none.code, Some(2), "{none:?}");
    let gone = root.run(&["profile", "delete", "--confirm", "ada"]);
    assert_eq!(gone.code, Some(0), "{gone:?}");
    let shown = root.run(&["profile", "show", "--json"]).json();
    assert_eq!(
        (&shown["username"], &shown["tags"]),
        (&json!(null), &json!([]))
    );
}
