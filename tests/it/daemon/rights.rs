//! What other users of the machine see of the daemon, and what an ordinary user's may do.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use super::{is_root, logged_in, no_zombies};
use crate::support::Site;
use crate::support::process::{Daemon, Process, Root, eventually, within};

#[test]
fn other_users_see_no_secret_and_no_port_is_open() {
    let site = Site::with(|dials| dials.hold_submissions = true);
    let root = Root::of(&site);
    // Without the API's own port there is none.
    root.env("JARKEEPER_API__LISTEN", "none");
    let daemon = root.daemon();
    eventually("a submission", || {
        (site.submissions().len() == 1).then_some(())
    });

    let inodes = listening();
    let mut processes = root.processes();
    processes.retain(|p| p.state != 'Z');
    assert!(processes.len() > 2, "{processes:?}");
    for process in &processes {
        let line = process.arguments.join(" ");
        assert!(!line.contains(Site::PASSWORD), "{line}");
        assert!(!line.contains("remote-debugging-port"), "{line}");
        let fds = std::fs::read_dir(format!("/proc/{}/fd", process.pid));
        for fd in fds.into_iter().flatten().flatten() {
            let target = std::fs::read_link(fd.path()).unwrap_or_default();
            let target = target.to_string_lossy().into_owned();
            let open = inodes
                .iter()
                .find(|inode| target == format!("socket:[{inode}]"));
            assert!(open.is_none(), "a port is open in {line}");
        }
        if process.pid != daemon.pid() {
            let environ =
                std::fs::read(format!("/proc/{}/environ", process.pid)).unwrap_or_default();
            assert!(
                !String::from_utf8_lossy(&environ).contains(Site::PASSWORD),
                "{line}"
            );
        }
    }
    site.turn(|dials| dials.hold_submissions = false);
    logged_in(&root, &site, "x");

    if !is_root() {
        eprintln!("skipped in part: only root can become another user");
        return;
    }
    // The folder itself lets others in, so that what they meet is `.auth`.
    std::fs::set_permissions(root.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let nobody = |command: &str| {
        let out = Command::new("setpriv")
            .args([
                "--reuid",
                "65534",
                "--regid",
                "65534",
                "--clear-groups",
                "sh",
                "-c",
                command,
            ])
            .output()
            .unwrap();
        assert!(!out.status.success(), "{command}: {out:?}");
        assert!(
            String::from_utf8_lossy(&out.stderr).contains("denied"),
            "{command}: {out:?}"
        );
    };
    nobody(&format!("ls {}", root.auth().display()));
    nobody(&format!("cat {}", root.file("x").display()));
    for process in root.processes() {
        nobody(&format!("cat /proc/{}/environ", process.pid));
    }
    for folder in std::fs::read_dir(root.path().join("tmp"))
        .unwrap()
        .flatten()
    {
        nobody(&format!("ls {}", folder.path().display()));
    }
}

/// Inodes of the TCP sockets of this machine that take connections, from proc_net_tcp(5).
fn listening() -> Vec<String> {
    let mut inodes = Vec::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let text = std::fs::read_to_string(table).unwrap_or_default();
        for line in text.lines().skip(1) {
            let fields: Vec<_> = line.split_whitespace().collect();
            if fields.get(3) == Some(&"0A") {
                inodes.push(fields[9].to_owned());
            }
        }
    }
    inodes
}

/// What starts a program as an ordinary user, with as few rights as a service gets.
const NOBODY: [&str; 8] = [
    "setpriv",
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
    "--no-new-privs",
    "--bounding-set=-all",
    "--inh-caps=-all",
    "--",
];

/// A daemon of an ordinary user; its Chromium has its sandbox.
fn daemon_of_nobody(root: &Root) -> Daemon {
    let program = root.path().join("jarkeeper");
    // Not by ourselves: while a writer's descriptor lives on in some child of this process, the file is busy.
    let copied = Command::new("cp")
        .arg(env!("CARGO_BIN_EXE_jarkeeper"))
        .arg(&program)
        .status();
    assert!(copied.unwrap().success());
    let owned = Command::new("chown")
        .args(["-R", "65534:65534"])
        .arg(root.path())
        .status();
    assert!(owned.unwrap().success());
    let mut command = Command::new(NOBODY[0]);
    command
        .args(&NOBODY[1..])
        .arg(program)
        .arg("--root")
        .arg(root.path())
        .arg("serve")
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("TMPDIR", root.path().join("tmp"))
        .env("PASSWORD", Site::PASSWORD);
    let daemon = Daemon::spawn(command);
    daemon.hears("jarkeeper keeps sessions fresh");
    daemon
}

#[test]
fn the_daemon_of_an_ordinary_user_hides_its_environment_from_that_user_too() {
    if !is_root() {
        eprintln!("skipped: only root can become another user");
        return;
    }
    let root = Root::new();
    let daemon = daemon_of_nobody(&root);
    let out = Command::new(NOBODY[0])
        .args(&NOBODY[1..])
        .args(["cat", &format!("/proc/{}/environ", daemon.pid())])
        .output()
        .unwrap();
    assert!(!out.status.success() && out.stdout.is_empty(), "{out:?}");
}

#[test]
fn with_its_sandbox_chromium_logs_in_and_leaves_nothing_either() {
    if !is_root() {
        eprintln!("skipped: only root can become another user");
        return;
    }
    let unshare = ["unshare", "--user", "--pid", "--net", "--fork", "true"];
    let allowed = Command::new(NOBODY[0])
        .args(&NOBODY[1..])
        .args(unshare)
        .output()
        .unwrap();
    if !allowed.status.success() {
        eprintln!("skipped: ordinary users have no user namespaces here, and so no sandbox");
        return;
    }
    let site = Site::start();
    let root = Root::new();
    root.recipe("a", &site.recipe("PASSWORD"));
    // Killed: the browser, the daemon; and stopped.
    for (round, name) in ["a", "b", "c"].into_iter().enumerate() {
        let mut daemon = daemon_of_nobody(&root);
        root.recipe(name, &site.recipe("PASSWORD"));
        logged_in(&root, &site, name);
        let chromium = Process::below(daemon.pid());
        assert!(
            chromium.iter().any(|p| p.kind() == Some("zygote")),
            "{chromium:?}"
        );
        let unsafe_one = chromium
            .iter()
            .find(|p| p.arguments.iter().any(|a| a == "--no-sandbox"));
        assert!(unsafe_one.is_none(), "{unsafe_one:?}");
        match round {
            0 => {
                root.browser().signal(Signal::KILL);
                no_zombies(&daemon);
                assert_eq!(daemon.stop().0, 0);
            }
            1 => daemon.kill(),
            _ => assert_eq!(daemon.stop().0, 0),
        }
        let gone = within(Duration::from_secs(5), || {
            let now = Process::all();
            let left = |p: &&Process| {
                now.iter()
                    .any(|n| n.pid == p.pid && n.arguments == p.arguments && n.state != 'Z')
            };
            (!chromium.iter().any(|p| left(&p))).then_some(())
        });
        assert!(gone.is_some(), "round {round}: {:?}", root.browsers());
    }
    assert_eq!(site.submissions().len(), 3);
    assert_eq!(root.browser_folders(), 0);
}
