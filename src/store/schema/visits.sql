-- Browsers in which a person has signed in, and one-time tickets that begin such a visit.
CREATE TABLE visits (
    hash BLOB PRIMARY KEY,           -- SHA-256 of the cookie's value, or of the ticket
    kind TEXT NOT NULL,              -- visit, ticket
    person TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX visits_expires ON visits (expires_at);
