-- Leases: who has which account for itself, until when. Those that have ended stay for a day, so that giving back twice
-- is told apart from an id that never was.
CREATE TABLE leases (
    id TEXT PRIMARY KEY,
    session TEXT NOT NULL,           -- SITE or SITE:ACCOUNT
    holder TEXT NOT NULL,            -- key:ID, token:ID, local:UID
    purpose TEXT,
    taken_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ended_at INTEGER,
    ended_by TEXT                    -- returned, expired
) STRICT;
-- No account has two holders, whatever the program thinks.
CREATE UNIQUE INDEX leases_sole ON leases (session) WHERE ended_at IS NULL;
CREATE INDEX leases_ended ON leases (ended_at);
