//! `scripts/remember`, as it stands there.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::process::{Process, Root};

#[test]
fn the_script_shows_it_end_to_end_and_leaves_nothing_behind() {
    // A place among the tests that may have a daemon; the script makes its own folder.
    let root = Root::new();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/remember");
    let ended = Command::new(script)
        .env("JARKEEPER_BIN", env!("CARGO_BIN_EXE_jarkeeper"))
        .env("TMPDIR", root.path().join("tmp"))
        .env("HOME", root.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    let error = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{said}\n{error}");
    for part in [
        "is registered as",
        "| My cello came from a small shop in Cremona",
        "lessons.md",
        "</memories:",
        "\"n\": 1",
        "recalled=",
        "What the model was sent:",
    ] {
        assert!(said.contains(part), "{part}:\n{said}\n{error}");
    }
    assert!(!said.contains("jk_"), "no key is shown:\n{said}");
    let left: Vec<_> = std::fs::read_dir(root.path().join("tmp"))
        .unwrap()
        .collect();
    assert!(left.is_empty(), "{left:?}");
    let place = root.path().to_str().unwrap().to_owned();
    let ours = |process: &Process| process.arguments.iter().any(|one| one.contains(&place));
    assert!(!Process::all().iter().any(ours));
}
