//! Kills, full disks, and two processes on one `.auth`.
//!
//! A test that needs a second process starts its own binary again, with itself as the only test and a folder in the
//! environment; there it plays the other part.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jarkeeper::failure::{Failure, FailureClass};
use jarkeeper::ids::SessionKey;
use jarkeeper::session::StorageState;
use jarkeeper::session::files::{Files, FilesError};
use tempfile::TempDir;

use crate::files::{generation, site, state};

/// Tells a process that it is the other part of a test, and in which folder.
const OTHER_PART: &str = "JARKEEPER_TEST_OTHER_PART";

/// Marks the lines that are meant for the first part, among those of the test harness.
const MARK: &str = "@@";

/// The folder, where this process is the other part.
fn other_part() -> Option<PathBuf> {
    std::env::var_os(OTHER_PART).map(PathBuf::from)
}

fn tell(text: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n{MARK}{text}").unwrap();
    out.flush().unwrap();
}

/// This binary with this test only, after the words of `before` (a tracer, say).
fn again(before: &[&str], test: &str, dir: &Path) -> Command {
    let exe = std::env::current_exe().unwrap();
    let mut words = before
        .iter()
        .map(std::ffi::OsString::from)
        .collect::<Vec<_>>();
    words.push(exe.into());
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    command.args([
        &format!("files_crash::{test}"),
        "--exact",
        "--nocapture",
        "--test-threads=1",
    ]);
    command.env(OTHER_PART, dir);
    command
}

/// Waits for the next word of the other part.
fn hear(
    child: &mut Child,
    heard: &mut Option<BufReader<std::process::ChildStdout>>,
) -> Option<String> {
    let reader = heard.get_or_insert_with(|| BufReader::new(child.stdout.take().unwrap()));
    let mut line = String::new();
    while reader.read_line(&mut line).unwrap() > 0 {
        if let Some(word) = line.trim_end().strip_prefix(MARK) {
            return Some(word.to_owned());
        }
        line.clear();
    }
    None
}

fn wiki() -> SessionKey {
    SessionKey::of(site("wiki"))
}

fn write(files: &Files, generation: u64) -> Result<(), FilesError> {
    let lease = files.lease(&site("wiki"), None)?.expect("free");
    files.write(&lease, &wiki(), &state(generation))
}

fn leftovers(files: &Files) -> Vec<String> {
    let ours = files.path().join(".jarkeeper");
    let folders = [
        files.path().to_owned(),
        ours.join("previous"),
        ours.join("records"),
        ours.join("ledger"),
    ];
    folders
        .iter()
        .filter(|folder| folder.exists())
        .flat_map(|folder| fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with(".tmp-"))
        .collect()
}

/// What must hold after any crash; gives the generation that is there.
fn check_after_crash(auth: &Path) -> u64 {
    let files = Files::open(auth).unwrap();
    assert_eq!(leftovers(&files), Vec::<String>::new());
    let path = files.state_path(&wiki());
    assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
    // As a reader that knows nothing of us reads it.
    let read: StorageState = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let previous = files.path().join(".jarkeeper/previous/wiki_state.json");
    if previous.exists() {
        generation(&serde_json::from_slice(&fs::read(previous).unwrap()).unwrap());
    }
    let lease = files.lease(&site("wiki"), None).unwrap();
    assert!(lease.is_some(), "the lock died with its holder");
    generation(&read)
}

#[test]
fn a_writer_killed_at_any_moment_leaves_the_old_or_the_new_state() {
    if let Some(auth) = other_part() {
        let files = Files::open(&auth).unwrap();
        let first = generation(&files.load(&wiki()).unwrap().unwrap());
        for generation in first + 1.. {
            write(&files, generation).unwrap();
            tell(&generation.to_string());
        }
    }
    let dir = TempDir::new().unwrap();
    let auth = dir.path().join(".auth");
    let files = Files::open(&auth).unwrap();
    write(&files, 1).unwrap();
    let path = files.state_path(&wiki());
    let stop = AtomicBool::new(false);
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut reads = 0u32;
            while !stop.load(Ordering::Relaxed) {
                generation(&serde_json::from_slice(&fs::read(&path).unwrap()).unwrap());
                reads += 1;
            }
            reads
        });
        let mut last = 1;
        for _ in 0..100 {
            let mut child = again(
                &[],
                "a_writer_killed_at_any_moment_leaves_the_old_or_the_new_state",
                &auth,
            )
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
            let mut heard = None;
            hear(&mut child, &mut heard).expect("it writes");
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            std::thread::sleep(Duration::from_micros((random >> 33) % 15_000));
            child.kill().unwrap();
            child.wait().unwrap();
            let mut acknowledged = 0;
            while let Some(word) = hear(&mut child, &mut heard) {
                acknowledged = word.parse().unwrap_or(acknowledged);
            }
            let now = check_after_crash(&auth);
            assert!(
                now >= acknowledged.max(last),
                "{now} is older than {acknowledged}, {last}"
            );
            last = now;
        }
        stop.store(true, Ordering::Relaxed);
        assert!(reader.join().unwrap() > 0);
    });
}

#[test]
fn a_writer_killed_at_each_of_its_system_calls_leaves_the_old_or_the_new_state() {
    if let Some(auth) = other_part() {
        let files = Files::open(&auth).unwrap();
        write(&files, 3).unwrap();
        return;
    }
    const CALLS: [&str; 8] = [
        "openat2", "write", "fsync", "fchmod", "flock", "linkat", "renameat", "unlinkat",
    ];
    if Command::new("strace").arg("-V").output().is_err() {
        eprintln!("skipped: strace is not installed (`apt-get install strace`)");
        return;
    }
    let dir = TempDir::new().unwrap();
    let template = Files::open(&dir.path().join("template")).unwrap();
    write(&template, 1).unwrap();
    write(&template, 2).unwrap();
    let mut points = std::collections::BTreeMap::new();
    let mut seen = std::collections::BTreeSet::new();
    for call in CALLS {
        for when in 1.. {
            let auth = dir.path().join(format!("{call}-{when}"));
            let copied = Command::new("cp")
                .arg("-a")
                .args([template.path(), &auth])
                .status();
            assert!(copied.unwrap().success());
            let inject = format!("inject={call}:signal=KILL:when={when}");
            let trace = format!("trace={call}");
            let out = again(
                &[
                    "strace",
                    "-f",
                    "-qq",
                    "-o",
                    "/dev/null",
                    "-e",
                    &trace,
                    "-e",
                    &inject,
                ],
                "a_writer_killed_at_each_of_its_system_calls_leaves_the_old_or_the_new_state",
                &auth,
            )
            .output()
            .unwrap();
            let killed = out.status.signal() == Some(9);
            if !killed && !out.status.success() {
                let said = String::from_utf8_lossy(&out.stderr);
                if points.is_empty() && (said.contains("ptrace") || said.contains("PTRACE")) {
                    eprintln!("skipped: strace may not trace here: {said}");
                    return;
                }
                panic!("{call} {when}: {:?} {said}", out.status);
            }
            seen.insert(check_after_crash(&auth));
            fs::remove_dir_all(&auth).unwrap();
            if !killed {
                break;
            }
            *points.entry(call).or_insert(0) += 1;
        }
    }
    assert_eq!(points.len(), CALLS.len(), "{points:?}");
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [2, 3]);
}

#[test]
fn a_full_or_read_only_disk_is_noticed_before_a_login_and_harms_nothing() {
    const TEST: &str = "a_full_or_read_only_disk_is_noticed_before_a_login_and_harms_nothing";
    fn mount(dir: &Path, options: &str) -> bool {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(dir);
        mount.status().is_ok_and(|status| status.success())
    }
    fn bind(dir: &Path, words: &[&str]) -> bool {
        let mut mount = Command::new("mount");
        mount.args(words).args([dir, dir]);
        mount.status().is_ok_and(|status| status.success())
    }
    if let Some(dir) = other_part() {
        // In a mount namespace of our own.
        if !mount(&dir, "size=400k,mode=0700") {
            tell("skip");
            return;
        }
        let auth = dir.join(".auth");
        let files = Files::open(&auth).unwrap();
        write(&files, 1).unwrap();
        let lease = files.lease(&site("wiki"), None).unwrap().unwrap();
        files.verify_write(&lease).unwrap();

        let filler = dir.join("filler");
        let mut file = fs::File::create(&filler).unwrap();
        while file.write_all(&[1; 4096]).is_ok() {}
        let error = files.verify_write(&lease).unwrap_err();
        assert!(error.to_string().contains("make room"), "{error}");
        assert_eq!(Failure::from(error).class, FailureClass::Storage);
        assert!(files.write(&lease, &wiki(), &state(2)).is_err());
        assert!(files.append_ledger(&lease, &[b'x'; 5000]).is_err());
        assert_eq!(leftovers(&files), Vec::<String>::new());
        assert_eq!(generation(&files.load(&wiki()).unwrap().unwrap()), 1);

        drop(file);
        fs::remove_file(&filler).unwrap();
        files.verify_write(&lease).unwrap();
        files.write(&lease, &wiki(), &state(2)).unwrap();

        // The lock is open for writing, so the file system itself cannot become read-only; its mount can.
        assert!(bind(&dir, &["--bind"]) && bind(&dir, &["-o", "remount,bind,ro"]));
        assert!(files.verify_write(&lease).is_err());
        assert!(files.write(&lease, &wiki(), &state(3)).is_err());
        assert!(
            files
                .daemon_lock()
                .unwrap_err()
                .to_string()
                .contains("writable")
        );
        assert_eq!(generation(&files.load(&wiki()).unwrap().unwrap()), 2);
        assert!(bind(&dir, &["-o", "remount,bind,rw"]));
        files.write(&lease, &wiki(), &state(3)).unwrap();
        tell("done");
        return;
    }
    let dir = TempDir::new().unwrap();
    let Ok(out) = again(&["unshare", "-m"], TEST, dir.path()).output() else {
        eprintln!("skipped: unshare is not installed");
        return;
    };
    let text = String::from_utf8_lossy(&out.stdout);
    // Without the right to a namespace of its own, or to mount in it, the other part says nothing of the sort.
    if text.contains("@@skip") || !text.contains("running 1 test") {
        eprintln!("skipped: mounting a small disk needs root");
        return;
    }
    let why = String::from_utf8_lossy(&out.stderr);
    assert!(
        out.status.success() && text.contains("@@done"),
        "{text}{why}"
    );
}

#[test]
fn of_two_processes_one_gets_the_lock_and_it_is_free_when_that_one_is_killed() {
    const TEST: &str = "of_two_processes_one_gets_the_lock_and_it_is_free_when_that_one_is_killed";
    if let Some(auth) = other_part() {
        let files = Files::open(&auth).unwrap();
        tell("ready");
        let mut go = [0];
        std::io::stdin().read_exact(&mut go).unwrap();
        let lease = files.lease(&site("wiki"), None).unwrap();
        let daemon = files.daemon_lock();
        tell(match (&daemon, &lease) {
            (Ok(_), Some(_)) => "both",
            (Ok(_), None) => "daemon",
            (Err(_), Some(_)) => "lease",
            (Err(_), None) => "none",
        });
        tell(&match &daemon {
            Err(FilesError::Busy { pid: Some(pid), .. }) => pid.to_string(),
            Err(other) => other.to_string(),
            Ok(_) => String::new(),
        });
        // Until it is killed.
        std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
        return;
    }
    let dir = TempDir::new().unwrap();
    let auth = dir.path().join(".auth");
    let files = Files::open(&auth).unwrap();
    for round in 0..100 {
        let mut pair: Vec<_> = (0..2)
            .map(|_| {
                let mut command = again(&[], TEST, &auth);
                command.stdin(Stdio::piped()).stdout(Stdio::piped());
                (command.spawn().unwrap(), None)
            })
            .collect();
        for (child, heard) in &mut pair {
            assert_eq!(hear(child, heard).as_deref(), Some("ready"));
        }
        for (child, _) in &mut pair {
            child.stdin.as_mut().unwrap().write_all(b"!").unwrap();
        }
        let mut daemons = Vec::new();
        let (mut leases, mut named) = (0, Vec::new());
        for (child, heard) in &mut pair {
            let won = hear(child, heard).unwrap();
            let holder = hear(child, heard).unwrap();
            leases += u32::from(won == "both" || won == "lease");
            if won == "both" || won == "daemon" {
                daemons.push(child.id());
            } else {
                named.push(holder);
            }
        }
        assert_eq!((daemons.len(), leases), (1, 1), "round {round}");
        assert_eq!(
            named,
            [daemons[0].to_string()],
            "the loser names the winner"
        );
        assert!(matches!(files.daemon_lock(), Err(FilesError::Busy { .. })));
        for (child, _) in &mut pair {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        let free = (files.daemon_lock(), files.lease(&site("wiki"), None));
        assert!(free.0.is_ok() && free.1.unwrap().is_some());
    }
}
