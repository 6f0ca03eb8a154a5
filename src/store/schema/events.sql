-- Events, for those who follow them and for webhooks. Their numbers only grow; old ones are pruned.
CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,             -- milliseconds since 1970
    kind TEXT NOT NULL,              -- session.renewed, lease.taken, …
    session TEXT,                    -- SITE, SITE:ACCOUNT, …
    facts TEXT NOT NULL              -- what else is told of it, as JSON
) STRICT;
CREATE INDEX events_at ON events (at);
CREATE TABLE webhooks (
    id TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    kinds TEXT,                      -- words between spaces; NULL: every kind
    secret BLOB NOT NULL,            -- sealed: an age file
    created_at INTEGER NOT NULL,
    failing_since INTEGER,           -- of the first failure that no success has followed
    disabled_at INTEGER,
    disabled_why TEXT
) STRICT;
-- What a webhook is still to be told, and what it was told. A row comes into being with its event.
CREATE TABLE deliveries (
    webhook TEXT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    event INTEGER NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    tries INTEGER NOT NULL DEFAULT 0,
    next_at INTEGER,                 -- NULL: nothing more will be tried
    delivered_at INTEGER,
    status INTEGER,                  -- of the newest answer
    error TEXT,                      -- of the newest try
    PRIMARY KEY (webhook, event)
) STRICT;
CREATE INDEX deliveries_due ON deliveries (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX deliveries_event ON deliveries (event);
