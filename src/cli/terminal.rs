//! Questions to the person at the terminal.

use std::io::{IsTerminal, Read, Write};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::Stop;
use crate::failure::FailureClass;

/// Longest answer, bytes.
const LONGEST: usize = 64 * 1024;

/// A person who can be asked: standard input is a terminal, and so is what the questions are written to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terminal;

impl Terminal {
    /// `None` where nobody can be asked.
    pub(super) fn open() -> Option<Self> {
        let both = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        both.then_some(Self)
    }

    /// Asks for a line.
    pub(super) fn line(self, question: &str) -> Result<String, Stop> {
        prompt(question)?;
        let mut line = String::new();
        std::io::stdin().read_line(&mut line)?;
        Ok(line.trim().to_owned())
    }

    /// Asks for yes or no; what is neither is a no.
    pub(super) fn agrees(self, question: &str) -> Result<bool, Stop> {
        let answer = self.line(&format!("{question} [y/N]"))?.to_lowercase();
        Ok(matches!(answer.as_str(), "y" | "yes"))
    }

    /// Asks for a secret, which is not shown.
    pub(super) fn secret(self, question: &str) -> Result<SecretString, Stop> {
        prompt(question)?;
        let typed = {
            let _silent = Silent::begin()?;
            typed()?
        };
        writeln!(std::io::stderr())?;
        Ok(typed.as_str().into())
    }
}

fn prompt(question: &str) -> Result<(), Stop> {
    let mut err = std::io::stderr().lock();
    write!(err, "{question} ")?;
    Ok(err.flush()?)
}

/// The keys up to Enter. The terminal hands them out one by one, so that Ctrl-C comes to us and not to a process that would
/// leave the terminal silent.
fn typed() -> Result<Zeroizing<String>, Stop> {
    let mut typed = Zeroizing::new(Vec::new());
    let mut key = [0];
    loop {
        if std::io::stdin().read(&mut key)? == 0 {
            break;
        }
        match key[0] {
            b'\r' | b'\n' | 4 => break,
            3 => return Err(Stop::Quiet(FailureClass::Cancelled.exit_code())),
            8 | 127 => {
                // A character may be several bytes.
                while typed.pop().is_some_and(|byte| byte & 0xC0 == 0x80) {}
            }
            byte if typed.len() < LONGEST => typed.push(byte),
            _ => {}
        }
    }
    match std::str::from_utf8(&typed) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(Stop::Told(2, "what was typed is not UTF-8".to_owned())),
    }
}

/// The terminal shows nothing of what is typed, as long as this lives.
struct Silent(Termios);

impl Silent {
    fn begin() -> Result<Self, Stop> {
        let stdin = std::io::stdin();
        let before = tcgetattr(&stdin).map_err(std::io::Error::from)?;
        let mut silent = before.clone();
        silent.local_modes &= !(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        tcsetattr(&stdin, OptionalActions::Flush, &silent).map_err(std::io::Error::from)?;
        Ok(Self(before))
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        // The terminal is gone: then nothing need be shown on it.
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Flush, &self.0);
    }
}
