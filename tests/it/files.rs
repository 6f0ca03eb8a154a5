//! The files under `.auth`: who reaches them, and what stands in them afterwards.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use chrono::Utc;
use jarkeeper::ids::{AccountName, Combination, SessionKey, SiteName};
use jarkeeper::session::files::{Files, FilesError, deliver};
use jarkeeper::session::{Lease, StorageState};
use tempfile::TempDir;

/// A state that says which one it is, of a size that takes more than one page.
pub(crate) fn state(generation: u64) -> StorageState {
    serde_json::from_value(serde_json::json!({
        "cookies": [{"name": "generation", "value": generation.to_string(), "domain": "site.test", "path": "/"}],
        "origins": [{"origin": "https://site.test", "localStorage": [
            {"name": "filler", "value": format!("{generation:010}").repeat(2000)}
        ]}],
    }))
    .unwrap()
}

/// Which state this is; panics where its two halves come from different ones.
pub(crate) fn generation(state: &StorageState) -> u64 {
    let generation = state.cookies[0].value.parse().unwrap();
    let filler = &state.origins[0].local_storage[0].value;
    assert_eq!(*filler, format!("{generation:010}").repeat(2000));
    generation
}

pub(crate) fn site(name: &str) -> SiteName {
    name.parse().unwrap()
}

fn key(text: &str) -> SessionKey {
    text.parse().unwrap()
}

fn lease(files: &Files, name: &str) -> Lease {
    files.lease(&site(name), None).unwrap().expect("free")
}

fn files() -> (TempDir, Files) {
    let dir = TempDir::new().unwrap();
    let files = Files::open(&dir.path().join(".auth")).unwrap();
    (dir, files)
}

/// Every file and folder below, as path and mode.
fn walk(dir: &Path, found: &mut Vec<(String, u32)>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let metadata = path.symlink_metadata().unwrap();
        found.push((path.display().to_string(), metadata.mode() & 0o777));
        if metadata.is_dir() {
            walk(&path, found);
        }
    }
}

#[test]
fn folders_are_0700_files_0600_and_only_state_files_end_in_json_on_top() {
    let (_dir, files) = files();
    let bob = AccountName::try_from("bob".to_owned()).unwrap();
    let lease = lease(&files, "my_wiki");
    files.write(&lease, &key("my_wiki"), &state(1)).unwrap();
    files.write(&lease, &key("my_wiki"), &state(2)).unwrap();
    files
        .write(&lease, &key("my_wiki@git.my_wiki"), &state(1))
        .unwrap();
    files.write_record(&lease, &key("my_wiki"), &7).unwrap();
    files.append_ledger(&lease, b"{}").unwrap();
    let theirs = files.lease(&site("my_wiki"), Some(&bob)).unwrap().unwrap();
    files
        .write(&theirs, &key("my_wiki:bob"), &state(1))
        .unwrap();
    let combination: Combination = "git.my_wiki".parse().unwrap();
    files.write_combination(&combination, &state(1)).unwrap();
    let _daemon = files.daemon_lock().unwrap();

    let mut found = Vec::new();
    walk(files.path(), &mut found);
    for (path, mode) in found {
        let want = if Path::new(&path).is_dir() {
            0o700
        } else {
            0o600
        };
        assert_eq!(mode, want, "{path}");
        assert!(!path.contains(".tmp-"), "{path}");
    }
    let mut names: Vec<_> = fs::read_dir(files.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "git.my_wiki_state.json",
            "my_wiki_state-bob.json",
            "my_wiki_state.json"
        ]
    );
    for name in names {
        // The rule of the readers: cut at the last underscore, split at the dots.
        let sites = name.rsplit_once('_').unwrap().0.split('.');
        assert!(sites.into_iter().all(|s| s == "my_wiki" || s == "git"));
    }
    assert_eq!(
        generation(&files.load(&key("my_wiki")).unwrap().unwrap()),
        2
    );
    assert!(files.load(&key("other")).unwrap().is_none());
    assert!(files.written_at(&key("my_wiki")).unwrap().is_some());
    assert_eq!(
        files.state_path(&key("my_wiki")),
        files.path().join("my_wiki_state.json")
    );
}

#[test]
fn a_folder_that_others_can_reach_is_refused_with_the_command_that_mends_it() {
    let dir = TempDir::new().unwrap();
    let auth = dir.path().join(".auth");
    fs::DirBuilder::new().mode(0o755).create(&auth).unwrap();
    fs::set_permissions(&auth, fs::Permissions::from_mode(0o755)).unwrap();
    let error = Files::open(&auth).unwrap_err().to_string();
    assert!(
        error.contains(&format!("`chmod 700 {}`", auth.display())),
        "{error}"
    );
    fs::set_permissions(&auth, fs::Permissions::from_mode(0o700)).unwrap();
    let files = Files::open(&auth).unwrap();

    // Opened to others while the daemon runs.
    let lease = lease(&files, "wiki");
    fs::set_permissions(&auth, fs::Permissions::from_mode(0o750)).unwrap();
    assert!(files.verify_write(&lease).is_err());
    assert!(files.write(&lease, &key("wiki"), &state(1)).is_err());
    fs::set_permissions(&auth, fs::Permissions::from_mode(0o700)).unwrap();
    files.write(&lease, &key("wiki"), &state(1)).unwrap();

    let link = dir.path().join("link");
    symlink(&auth, &link).unwrap();
    let error = Files::open(&link).unwrap_err().to_string();
    assert!(error.contains("symbolic link"), "{error}");
    fs::write(dir.path().join("file"), "").unwrap();
    assert!(Files::open(&dir.path().join("file")).is_err());
}

#[test]
fn a_folder_of_another_user_is_refused_with_the_command_that_mends_it() {
    let (dir, files) = files();
    if dir.path().metadata().unwrap().uid() != 0 {
        eprintln!("skipped: only root can give a folder away");
        return;
    }
    std::os::unix::fs::chown(files.path(), Some(65534), Some(65534)).unwrap();
    let error = Files::open(files.path()).unwrap_err().to_string();
    assert!(
        error.contains("belongs to user 65534") && error.contains("`chown 0 "),
        "{error}"
    );
}

#[test]
fn who_opens_the_folder_does_not_sweep_away_what_another_is_writing() {
    let (_dir, files) = files();
    let lease = lease(&files, "wiki");
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                Files::open(files.path()).unwrap();
            }
        });
        let written: Result<(), _> =
            (0..200).try_for_each(|n| files.write(&lease, &key("wiki"), &state(n)));
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        written.unwrap();
    });
}

#[test]
fn a_lease_is_free_the_moment_it_is_dropped_while_children_are_started() {
    let (_dir, files) = files();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                Command::new("true").status().unwrap();
            }
        });
        let free = (0..2000).all(|_| files.lease(&site("wiki"), None).unwrap().is_some());
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(free);
    });
}

#[test]
fn another_user_of_the_machine_reads_nothing() {
    use std::os::unix::process::CommandExt;
    let (dir, files) = files();
    if files.path().metadata().unwrap().uid() != 0 {
        eprintln!("skipped: only root can become another user");
        return;
    }
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let lease = lease(&files, "wiki");
    files.write(&lease, &key("wiki"), &state(1)).unwrap();
    let path = files.state_path(&key("wiki"));
    let reads = |uid: u32| {
        let mut cat = Command::new("cat");
        cat.arg(&path)
            .uid(uid)
            .gid(uid)
            .output()
            .unwrap()
            .status
            .success()
    };
    assert!(reads(0));
    assert!(!reads(65534));
}

#[test]
fn what_was_planted_under_a_states_name_is_neither_followed_nor_waited_for() {
    let (dir, files) = files();
    let outside = dir.path().join("outside");
    let path = files.state_path(&key("wiki"));
    let lease = lease(&files, "wiki");
    let plants: [(&str, &dyn Fn()); 4] = [
        ("symbolic link", &|| symlink(&outside, &path).unwrap()),
        ("regular file", &|| {
            assert!(
                Command::new("mkfifo")
                    .arg(&path)
                    .status()
                    .unwrap()
                    .success()
            );
        }),
        ("", &|| fs::create_dir(&path).unwrap()),
        ("symbolic link", &|| {
            fs::write(&outside, serde_json::to_vec(&state(9)).unwrap()).unwrap();
            symlink(&outside, &path).unwrap();
        }),
    ];
    for (what, plant) in plants {
        plant();
        let read = files.load(&key("wiki")).unwrap_err().to_string();
        assert!(
            read.contains(what) && read.contains("wiki_state.json"),
            "{read}"
        );
        assert!(files.verify_write(&lease).is_err());
        assert!(files.write(&lease, &key("wiki"), &state(1)).is_err());
        if path.is_dir() {
            fs::remove_dir(&path).unwrap();
        } else {
            fs::remove_file(&path).unwrap();
        }
    }
    // What the link led to is as it was.
    assert_eq!(
        generation(&serde_json::from_slice(&fs::read(&outside).unwrap()).unwrap()),
        9
    );

    // The same one floor down: a folder of ours replaced by a link.
    let records = files.path().join(".jarkeeper/records");
    fs::remove_dir_all(&records).unwrap();
    symlink(dir.path(), &records).unwrap();
    assert!(files.write_record(&lease, &key("wiki"), &1).is_err());
}

#[test]
fn a_folder_deleted_while_open_is_missed_and_no_old_lease_writes_into_the_new_one() {
    let (_dir, files) = files();
    let old = lease(&files, "wiki");
    let daemon = files.daemon_lock().unwrap();
    fs::remove_dir_all(files.path()).unwrap();
    for error in [
        files.write(&old, &key("wiki"), &state(1)).unwrap_err(),
        files.load(&key("wiki")).unwrap_err(),
        files.verify_write(&old).unwrap_err(),
    ] {
        assert!(matches!(error, FilesError::Missing { .. }), "{error}");
        assert!(error.to_string().contains("mkdir -m 700"), "{error}");
    }
    assert!(!files.path().exists());

    fs::DirBuilder::new()
        .mode(0o700)
        .create(files.path())
        .unwrap();
    let error = files.write(&old, &key("wiki"), &state(1)).unwrap_err();
    assert!(matches!(error, FilesError::LeaseLost { .. }), "{error}");
    assert!(files.still_holds(&daemon).is_err());
    drop(old);
    files
        .write(&lease(&files, "wiki"), &key("wiki"), &state(1))
        .unwrap();
    assert!(files.daemon_lock().is_ok());
}

#[test]
fn a_damaged_state_is_passed_over_for_the_one_before_and_then_set_aside() {
    let (_dir, files) = files();
    let lease = lease(&files, "wiki");
    let wiki = key("wiki");
    files.write(&lease, &wiki, &state(1)).unwrap();
    files.write(&lease, &wiki, &state(2)).unwrap();
    let whole = fs::read(files.state_path(&wiki)).unwrap();
    for damaged in [&whole[..whole.len() / 2], b"", &vec![0; 4096], b"[]"] {
        fs::write(files.state_path(&wiki), damaged).unwrap();
        assert_eq!(generation(&files.load(&wiki).unwrap().unwrap()), 1);
        // Reading has changed nothing.
        assert_eq!(fs::read(files.state_path(&wiki)).unwrap(), damaged);
    }
    files.write(&lease, &wiki, &state(3)).unwrap();
    assert_eq!(generation(&files.load(&wiki).unwrap().unwrap()), 3);
    let aside: Vec<_> = fs::read_dir(files.path().join(".jarkeeper/aside"))
        .unwrap()
        .collect();
    assert_eq!(aside.len(), 1);
    // The good one was not pushed out by the damaged one.
    fs::write(files.state_path(&wiki), "{").unwrap();
    assert_eq!(generation(&files.load(&wiki).unwrap().unwrap()), 1);

    fs::write(
        files.path().join(".jarkeeper/previous/wiki_state.json"),
        "{",
    )
    .unwrap();
    let error = files.load(&wiki).unwrap_err().to_string();
    assert!(
        error.contains("wiki_state.json") && error.contains("line 1"),
        "{error}"
    );
}

#[test]
fn errors_about_damage_repeat_nothing_of_the_file() {
    let (_dir, files) = files();
    let text = r#"{"cookies":[{"name":"n","value":{"canary":1}}]}"#;
    fs::write(files.state_path(&key("wiki")), text).unwrap();
    let error = files.load(&key("wiki")).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("canary"));
}

#[test]
fn a_lease_covers_all_sessions_of_its_account_and_no_others() {
    let (_dir, files) = files();
    let wiki = lease(&files, "wiki");
    assert!(files.lease(&site("wiki"), None).unwrap().is_none());
    assert!(wiki.covers(&key("wiki")) && wiki.covers(&key("wiki@git.wiki")));
    for other in ["git", "wiki:bob"] {
        let error = files.write(&wiki, &key(other), &state(1)).unwrap_err();
        assert!(matches!(error, FilesError::NotCovered { .. }), "{error}");
        assert!(files.write_record(&wiki, &key(other), &1).is_err());
        assert!(files.remove(&wiki, &key(other)).is_err());
    }
    let bob = AccountName::try_from("bob".to_owned()).unwrap();
    assert!(files.lease(&site("wiki"), Some(&bob)).unwrap().is_some());
    drop(wiki);
    assert!(files.lease(&site("wiki"), None).unwrap().is_some());
}

#[tokio::test]
async fn who_waits_for_a_lease_gets_it_when_it_is_free() {
    let (_dir, files) = files();
    let held = lease(&files, "wiki");
    let now = tokio::time::Instant::now();
    assert!(
        files
            .lease_wait(&site("wiki"), None, now)
            .await
            .unwrap()
            .is_none()
    );
    let (wiki, deadline) = (site("wiki"), now + Duration::from_secs(600));
    let waiting = files.lease_wait(&wiki, None, deadline);
    let release = async { drop(held) };
    let (got, ()) = tokio::join!(waiting, release);
    assert!(got.unwrap().is_some());
}

#[test]
fn a_torn_line_of_the_ledger_swallows_no_later_one() {
    let (_dir, files) = files();
    let lease = lease(&files, "wiki");
    let wiki = site("wiki");
    assert_eq!(files.read_ledger(&wiki, None).unwrap(), b"");
    files.append_ledger(&lease, b"one").unwrap();
    let path = files.path().join(".jarkeeper/ledger/wiki");
    fs::write(&path, "one\ntw").unwrap();
    files.append_ledger(&lease, b"three").unwrap();
    files.append_ledger(&lease, b"four").unwrap();
    assert_eq!(
        files.read_ledger(&wiki, None).unwrap(),
        b"one\ntw\nthree\nfour\n"
    );
}

#[test]
fn a_record_of_another_shape_is_an_error_and_rubbish_begins_a_new_one() {
    let (_dir, files) = files();
    let lease = lease(&files, "wiki");
    let wiki = key("wiki");
    assert_eq!(files.read_record::<u32>(&wiki).unwrap(), None);
    files.write_record(&lease, &wiki, &7u32).unwrap();
    assert_eq!(files.read_record::<u32>(&wiki).unwrap(), Some(7));
    files.write_record(&lease, &wiki, &"newer").unwrap();
    assert!(files.read_record::<u32>(&wiki).is_err());
    fs::write(files.path().join(".jarkeeper/records/wiki.json"), "\0\0\0").unwrap();
    assert_eq!(files.read_record::<u32>(&wiki).unwrap(), None);
}

#[test]
fn artefacts_stay_until_newer_ones_push_them_out() {
    let (_dir, files) = files();
    let wiki = key("wiki:bob@git.wiki");
    let now = Utc::now();
    let folders: Vec<_> = (0..4)
        .map(|_| files.new_artefact_folder(&wiki, now).unwrap())
        .collect();
    for folder in &folders {
        folder.write("page.html", b"x").unwrap();
        assert!(folder.write("../page.html", b"x").is_err());
    }
    files.prune_artefacts(&wiki, 2).unwrap();
    let stay: Vec<_> = folders
        .iter()
        .map(|folder| folder.path().exists())
        .collect();
    assert_eq!(stay, [false, false, true, true]);
}

#[test]
fn a_state_is_delivered_whole_into_any_folder() {
    let dir = TempDir::new().unwrap();
    let open = dir.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
    for folder in [open, dir.path().join("made/deep")] {
        deliver(&folder, "b.a_state.json", &state(1)).unwrap();
        let path = folder.join("b.a_state.json");
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
        assert_eq!(
            generation(&serde_json::from_slice(&fs::read(path).unwrap()).unwrap()),
            1
        );
        assert!(deliver(&folder, "../x_state.json", &state(1)).is_err());
    }
    assert_eq!(
        dir.path().join("made").metadata().unwrap().mode() & 0o777,
        0o700
    );
    let mut found = Vec::new();
    walk(dir.path(), &mut found);
    assert_eq!(found.len(), 5, "{found:?}");
}

#[test]
fn two_thousand_hostile_names_make_no_file_anywhere() {
    let (dir, files) = files();
    let mut before = Vec::new();
    walk(dir.path(), &mut before);
    let pieces = [
        "..",
        "/",
        "\\",
        "\0",
        "%2e%2e",
        "%2f",
        "．．",
        "․․",
        "CON",
        "A",
        "é",
        "\u{202e}",
        " ",
        "\n",
        ".",
        "~",
        "$HOME",
        "*",
        "_state.json",
        "//",
        "a b",
        "COM1:",
        "\u{200b}",
        "-",
        "_",
        "|",
        ";",
        "'",
        "\"",
        "`id`",
        "@",
        "=",
    ];
    let mut names: Vec<String> = vec![String::new(), "a".repeat(4096), "../".repeat(2000)];
    for a in pieces {
        names.push(a.to_owned());
        for b in pieces {
            names.push(format!("{a}{b}"));
            names.push(format!("wiki{a}{b}x"));
        }
    }
    let refused = |name: &str| name.parse::<SiteName>().is_err();
    let hostile: Vec<_> = names.iter().filter(|name| refused(name)).collect();
    assert!(hostile.len() >= 2000, "{}", hostile.len());
    for name in hostile {
        assert!(name.parse::<AccountName>().is_err(), "{name:?}");
        assert!(serde_json::from_value::<SiteName>(serde_json::json!(name)).is_err());
        // The folder itself refuses what got past the names.
        if name.contains('/')
            || name.contains('\0')
            || name == ".."
            || name == "."
            || name.is_empty()
        {
            assert!(deliver(files.path(), name, &state(1)).is_err(), "{name:?}");
        }
        for text in [
            name.clone(),
            format!("wiki:{name}"),
            format!("wiki@{name}"),
            format!("git.{name}"),
        ] {
            if let Ok(key) = text.parse::<SessionKey>() {
                let path = files.state_path(&key);
                assert!(path.starts_with(files.path()), "{text:?}");
                assert!(!path.to_string_lossy().contains(".."), "{text:?}");
            }
            if let Ok(combination) = text.parse::<Combination>() {
                assert_eq!(
                    files.combination_path(&combination).parent(),
                    Some(files.path())
                );
            }
        }
    }
    let mut after = Vec::new();
    walk(dir.path(), &mut after);
    assert_eq!(before, after);
}
