-- What entries mean, as models see it.
CREATE TABLE memory_models (
    id INTEGER PRIMARY KEY,
    fingerprint TEXT NOT NULL UNIQUE, -- SHA-256 over what it is made of
    dimension INTEGER NOT NULL,
    name TEXT NOT NULL,
    probe BLOB                       -- of a server: what it made of one sentence, a little-endian f32 a dimension
) STRICT;
CREATE TABLE memory_vectors (
    space INTEGER NOT NULL REFERENCES memory_spaces (id) ON DELETE CASCADE,
    model INTEGER NOT NULL REFERENCES memory_models (id),
    block INTEGER NOT NULL,          -- doc / 128
    count INTEGER NOT NULL,          -- of them, how many have a vector
    vectors BLOB NOT NULL,           -- for each a little-endian f32, the scale (0: none yet; below: it means nothing), and a byte a dimension
    PRIMARY KEY (space, model, block)
) STRICT, WITHOUT ROWID;
