-- Who did what, to which session, when, and how it ended. Rows are only ever added, and pruned by age and number.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,        -- milliseconds since 1970
    principal TEXT NOT NULL,    -- key:ID, token:ID, local:UID, anonymous
    person TEXT,                -- whose principal it is
    peer TEXT NOT NULL,         -- an IP address, or "socket"
    action TEXT NOT NULL,       -- the operation: sessions.state, keys.create, …
    subject TEXT,               -- a session, a key's id, …
    result INTEGER NOT NULL,    -- the HTTP status of the answer; 0: it has not begun yet
    detail TEXT,
    looks INTEGER NOT NULL      -- 1: it only looked, and gave no session; such rows are the first to go
) STRICT;
CREATE INDEX audit_subject ON audit (subject, id) WHERE subject IS NOT NULL;
CREATE INDEX audit_principal ON audit (principal, id);
