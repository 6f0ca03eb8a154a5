//! A person at a terminal, played by a test.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::process::within;

/// A program on a terminal of its own.
pub(crate) struct Terminal {
    child: Child,
    seen: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    /// Starts a command on a new terminal, by script(1).
    pub(crate) fn spawn(command: &Command) -> Self {
        let quote =
            |word: &std::ffi::OsStr| format!("'{}'", word.to_str().unwrap().replace('\'', r"'\''"));
        let words: Vec<String> = std::iter::once(command.get_program())
            .chain(command.get_args())
            .map(quote)
            .collect();
        let mut script = Command::new("script");
        script
            .args(["-qefc", &words.join(" "), "/dev/null"])
            .env_clear();
        for (name, value) in command.get_envs() {
            script.env(name, value.unwrap_or_default());
        }
        if let Some(dir) = command.get_current_dir() {
            script.current_dir(dir);
        }
        let mut child = script
            .env("SHELL", "/bin/sh")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the tests need script(1): apt-get install bsdutils");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mut out = child.stdout.take().unwrap();
        std::thread::spawn({
            let seen = Arc::clone(&seen);
            move || {
                let mut part = [0; 4096];
                while let Ok(length @ 1..) = out.read(&mut part) {
                    seen.lock().unwrap().extend_from_slice(&part[..length]);
                }
            }
        });
        Self { child, seen }
    }

    /// What stands on the terminal.
    pub(crate) fn shows(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().unwrap()).replace('\r', "")
    }

    /// Waits for a question and answers it.
    pub(crate) fn answer(&mut self, question: &str, answer: &str) {
        let asked = within(Duration::from_secs(60), || {
            self.shows().contains(question).then_some(())
        });
        assert!(
            asked.is_some(),
            "{question:?} was not asked: {}",
            self.shows()
        );
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(format!("{answer}\n").as_bytes()).unwrap();
        stdin.flush().unwrap();
    }

    /// Waits for the end, and gives the exit code.
    pub(crate) fn ends(mut self) -> (Option<i32>, String) {
        let ended = within(Duration::from_secs(60), || self.child.try_wait().unwrap());
        let ended = ended.unwrap_or_else(|| panic!("it does not end: {}", self.shows()));
        (ended.code(), self.shows())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Ended already: fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
