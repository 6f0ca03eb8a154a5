-- Facts about a person that a model read out of what was said, or that the person stated.
CREATE TABLE learned (
    space INTEGER NOT NULL REFERENCES memory_spaces (id) ON DELETE CASCADE,
    doc INTEGER NOT NULL,            -- another one whenever its text changes
    id TEXT NOT NULL,
    text TEXT NOT NULL,              -- one sentence
    valid_from INTEGER,
    valid_until INTEGER,
    at INTEGER NOT NULL,             -- valid_from, or when the newest of its turns was said: its time in the index
    state TEXT NOT NULL,             -- current, replaced, rejected, outdated; only a current one is in the index
    replaced_by TEXT,                -- id of the fact that did
    version INTEGER NOT NULL DEFAULT 1,
    model TEXT,                      -- who read it; NULL: a person stated or mended it
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (space, doc)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX learned_id ON learned (id);
CREATE INDEX learned_state ON learned (space, state, doc);
CREATE TABLE learned_sources (
    space INTEGER NOT NULL,
    doc INTEGER NOT NULL,            -- of the fact
    source INTEGER NOT NULL,         -- of the turn; store::learned_turns takes it away with the turn
    PRIMARY KEY (space, doc, source),
    FOREIGN KEY (space, doc) REFERENCES learned (space, doc) ON DELETE CASCADE ON UPDATE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX learned_sources_turn ON learned_sources (space, source);
CREATE TABLE learned_versions (
    fact TEXT NOT NULL REFERENCES learned (id) ON DELETE CASCADE,
    version INTEGER NOT NULL,        -- from 1
    text TEXT NOT NULL,
    valid_from INTEGER,
    valid_until INTEGER,
    model TEXT,
    replaced_at INTEGER NOT NULL,
    PRIMARY KEY (fact, version)
) STRICT, WITHOUT ROWID;
-- How far reading has come. Turns are read in the order of their numbers.
ALTER TABLE memory_spaces ADD COLUMN read_to INTEGER NOT NULL DEFAULT 0;     -- no turn from this number on was read
ALTER TABLE memory_spaces ADD COLUMN passed_over INTEGER NOT NULL DEFAULT 0; -- turns that the model gave no answer to
ALTER TABLE memory_spaces ADD COLUMN dropped INTEGER NOT NULL DEFAULT 0;     -- facts of the model that were none
CREATE INDEX memory_spaces_unread ON memory_spaces (id) WHERE read_to < next_doc;
-- Turns that were read, and then changed.
CREATE TABLE learned_again (
    space INTEGER NOT NULL REFERENCES memory_spaces (id) ON DELETE CASCADE,
    doc INTEGER NOT NULL,
    PRIMARY KEY (space, doc)
) STRICT, WITHOUT ROWID;
