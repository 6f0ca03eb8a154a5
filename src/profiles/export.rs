//! Everything that is kept about a person, piece by piece: a memory may be larger than ours.

use std::collections::VecDeque;

use super::Profiles;
use crate::identity::PersonId;
use crate::store::{EXPORT, StoreError};

/// An export under way. Its pieces together are one JSON object: `exported_at`, and a member for each table.
pub struct Export {
    profiles: Profiles,
    person: PersonId,
    table: usize,
    after: i64,
    /// Rows of the present table that were given.
    given: usize,
    ready: VecDeque<String>,
}

impl Profiles {
    /// Begins an export.
    pub fn export(&self, person: &PersonId) -> Export {
        let now = (self.clock)().to_rfc3339();
        Export {
            profiles: self.clone(),
            person: person.clone(),
            table: 0,
            after: 0,
            given: 0,
            ready: VecDeque::from([format!("{{\"exported_at\":\"{now}\"")]),
        }
    }
}

impl Export {
    /// The next piece; `None`: that was all. Each is a few rows; the largest is one document as it came, 16 MiB in Base64.
    ///
    /// # Errors
    /// The store cannot be read: what was given so far is not whole.
    pub fn next_piece(&mut self) -> Result<Option<String>, StoreError> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Ok(Some(piece));
            }
            let Some(table) = EXPORT.get(self.table) else {
                return Ok(None);
            };
            let store = &self.profiles.store;
            let page = store.export_page(table, self.person.as_str(), self.after)?;
            if self.after == 0 && self.given == 0 {
                let open = if table.single { "" } else { "[" };
                self.ready.push_back(format!(",\"{}\":{open}", table.name));
            }
            for row in page.rows {
                let comma = if self.given > 0 { "," } else { "" };
                self.given += 1;
                self.ready.push_back(format!("{comma}{row}"));
            }
            match page.next {
                Some(next) if !table.single => self.after = next,
                _ => {
                    let close = match (table.single, self.given) {
                        (true, 0) => "null",
                        (true, _) => "",
                        (false, _) => "]",
                    };
                    (self.table, self.after, self.given) = (self.table + 1, 0, 0);
                    let end = if self.table == EXPORT.len() {
                        "}\n"
                    } else {
                        ""
                    };
                    self.ready.push_back(format!("{close}{end}"));
                }
            }
        }
    }
}
