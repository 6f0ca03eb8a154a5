//! A real IMAP server, Dovecot, as a private process on a free port.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::net::TcpStream;

use crate::support::tools::say;

const PASSWORD: &str = "heron.Grey-5512";

/// A mailbox `ada` on a server that ends when this is dropped.
pub(crate) struct Mailbox {
    folder: tempfile::TempDir,
    port: u16,
    server: Child,
}

impl Mailbox {
    /// Starts the server; `None`, and one line on stderr, where Dovecot 2.3 is not installed.
    pub(crate) async fn start() -> Option<Self> {
        let program = [
            "/usr/sbin/dovecot",
            "/usr/local/sbin/dovecot",
            "/usr/bin/dovecot",
        ];
        let Some(program) = program.into_iter().find(|path| Path::new(path).exists()) else {
            say("a mailbox by IMAP: dovecot is not installed (apt install dovecot-imapd)");
            return None;
        };
        // Another version has another language of configuration.
        let version = Command::new(program).arg("--version").output().unwrap();
        let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
        if !version.starts_with("2.3.") {
            say(&format!(
                "a mailbox by IMAP: the dovecot that is installed is {version}, not 2.3"
            ));
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        open(folder.path());
        let root = rustix::process::geteuid().is_root();
        let (uid, gid) = match root {
            true => (65_534, 65_534),
            false => (
                rustix::process::geteuid().as_raw(),
                rustix::process::getegid().as_raw(),
            ),
        };
        let at = |name: &str| folder.path().join(name);
        for name in ["mail", "mail/new", "mail/cur", "mail/tmp"] {
            std::fs::create_dir(at(name)).unwrap();
            open(&at(name));
        }
        if root {
            for name in ["mail", "mail/new", "mail/cur", "mail/tmp"] {
                std::os::unix::fs::chown(at(name), Some(uid), Some(gid)).unwrap();
            }
        }
        let port = free_port();
        let whole = folder.path().display();
        let user =
            String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
        let ours = match root {
            true => String::new(),
            false => format!(
                "default_internal_user = {0}\ndefault_login_user = {0}\n",
                user.trim()
            ),
        };
        let config = format!(
            "protocols = imap\nlisten = 127.0.0.1\nbase_dir = {whole}/run\nstate_dir = {whole}/state\nlog_path = {whole}/log\n\
             ssl = no\ndisable_plaintext_auth = no\nauth_mechanisms = plain login\nfirst_valid_uid = 1\nfirst_valid_gid = 1\n{ours}\
             mail_location = maildir:{whole}/mail\npassdb {{\n driver = static\n args = password={PASSWORD}\n}}\n\
             userdb {{\n driver = static\n args = uid={uid} gid={gid} home={whole}/mail\n}}\n\
             service imap-login {{\n chroot =\n inet_listener imap {{\n  port = {port}\n }}\n inet_listener imaps {{\n  port = 0\n }}\n}}\n\
             service anvil {{\n chroot =\n}}\nservice stats {{\n chroot =\n}}\n"
        );
        std::fs::write(at("dovecot.conf"), config).unwrap();
        let server = Command::new(program)
            .args(["-F", "-c"])
            .arg(at("dovecot.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mailbox = Self {
            folder,
            port,
            server,
        };
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return Some(mailbox);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let log = std::fs::read_to_string(mailbox.folder.path().join("log")).unwrap_or_default();
        panic!("dovecot does not listen: {log}");
    }

    /// The recipe's line.
    pub(crate) fn line(&self) -> String {
        format!(
            "code = {{ imap = \"imap://127.0.0.1:{}/INBOX\", user = \"ada\", password = {{ env = \"MAILBOX\" }} }}\n",
            self.port
        )
    }

    /// What the recipe's line names.
    pub(crate) fn password(&self) -> &'static str {
        PASSWORD
    }

    /// Where mail is delivered to.
    pub(crate) fn maildir(&self) -> PathBuf {
        self.folder.path().join("mail")
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.server);
        // It ends its children before itself.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.server.wait();
    }
}

/// Delivers a message into a maildir as mail servers do: whole or not at all.
pub(crate) fn deliver(maildir: &Path, name: &str, message: &str) {
    let unfinished = maildir.join("tmp").join(name);
    let mut file = std::fs::File::create(&unfinished).unwrap();
    file.write_all(message.as_bytes()).unwrap();
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
        .unwrap();
    std::fs::rename(unfinished, maildir.join("new").join(name)).unwrap();
}

fn open(path: &Path) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}
