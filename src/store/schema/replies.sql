-- Under which names the model's server keeps answers, hashed; whose they are and of which session follows from the turn.
CREATE TABLE replies (
    space INTEGER NOT NULL,
    doc INTEGER NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (space, doc, name),
    FOREIGN KEY (space, doc) REFERENCES interactions (space, doc) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX replies_name ON replies (name, space);
