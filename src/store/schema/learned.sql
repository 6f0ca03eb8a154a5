-- Facts about a person that a model read out of what was said.
CREATE TABLE learned (
    space INTEGER NOT NULL REFERENCES memory_spaces (id) ON DELETE CASCADE,
    doc INTEGER NOT NULL,
    id TEXT NOT NULL,
    text TEXT NOT NULL,              -- one sentence
    valid_from INTEGER,
    valid_until INTEGER,
    state TEXT NOT NULL,             -- current, replaced, rejected
    version INTEGER NOT NULL DEFAULT 1,
    model TEXT NOT NULL,             -- who read it; a person, where it was mended
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (space, doc)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX learned_id ON learned (id);
CREATE TABLE learned_sources (
    space INTEGER NOT NULL,
    doc INTEGER NOT NULL,            -- of the fact
    source INTEGER NOT NULL,         -- of the turn
    PRIMARY KEY (space, doc, source),
    FOREIGN KEY (space, doc) REFERENCES learned (space, doc) ON DELETE CASCADE,
    FOREIGN KEY (space, source) REFERENCES interactions (space, doc) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX learned_sources_turn ON learned_sources (space, source);
