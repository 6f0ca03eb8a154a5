//! `code`: hands a one-time code or a sign-in link to the login that waits for it.

use std::io::{IsTerminal, Write};

use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::{Stop, complain, say};
use crate::codes::{self, Given, Question};
use crate::ids::SessionKey;
use crate::session::Files;

/// The longest line that is read, in bytes.
const LONGEST: usize = 16 * 1024;

pub(super) async fn run(files: &Files, key: &SessionKey) -> Result<(), Stop> {
    let nobody = || {
        let message = format!(
            "no login of {key} waits for a code; begin one with `jarkeeper login {key}`, with code = \"ask\" in its recipe"
        );
        Stop::Told(5, message)
    };
    // Before a person is asked for something that nobody wants.
    if files.waits_for_code(key)?.is_none() {
        return Err(nobody());
    }
    let typed = read(key.to_string()).await?;
    if typed.expose_secret().trim().is_empty() {
        let message = "there was no code; type it, or write it to standard input";
        return Err(Stop::Told(2, message.to_owned()));
    }
    match codes::hand_in(files, key, &typed).await? {
        Given::Taken => say(&format!("{key}: handed in")),
        Given::NobodyWaits => Err(nobody()),
        Given::Refused(why) => Err(Stop::Told(2, why)),
    }
}

/// One line from the terminal or from standard input.
async fn read(session: String) -> Result<SecretString, Stop> {
    let (tell, told) = tokio::sync::oneshot::channel();
    // A thread of its own: nothing ends a read of a terminal, and the runtime would wait for one of its own threads.
    std::thread::spawn(move || {
        if std::io::stdin().is_terminal() {
            let _ = write!(std::io::stderr(), "Code (or link) for {session}: ");
        }
        let mut line = Zeroizing::new(String::new());
        let stdin = std::io::Read::take(std::io::stdin(), LONGEST as u64);
        let read = std::io::BufRead::read_line(&mut std::io::BufReader::new(stdin), &mut line);
        let _ = tell.send(read.map(|_| SecretString::from(line.trim())));
    });
    match told.await {
        Ok(typed) => Ok(typed?),
        Err(_) => Err(Stop::Told(1, "standard input cannot be read".to_owned())),
    }
}

/// Answers the questions of a login at the terminal, until nobody asks any more. `quietly` runs what must not be drawn over.
pub(super) async fn answer(
    mut questions: tokio::sync::mpsc::Receiver<Question>,
    quietly: impl Fn(&str),
) {
    while let Some(question) = questions.recv().await {
        quietly(&question.session);
        match read(question.session).await {
            // Who asked may have got it elsewhere.
            Ok(typed) => drop(question.answer.send(typed)),
            Err(_) => complain("the terminal cannot be read"),
        }
    }
}
