-- What a daemon with the second step of the schema made of that, and what it was told. Triggers fill the index of the instances.
ALTER TABLE people ADD COLUMN username TEXT;
ALTER TABLE people ADD COLUMN username_shape TEXT;
ALTER TABLE people ADD COLUMN description TEXT;
ALTER TABLE people ADD COLUMN tags TEXT;
ALTER TABLE people ADD COLUMN last_active_at INTEGER;
CREATE UNIQUE INDEX people_username ON people (username_shape);
CREATE TABLE documents (
    id TEXT PRIMARY KEY,
    person TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX documents_name ON documents (person, name);
CREATE TABLE instances (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    person TEXT REFERENCES people (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    description TEXT,
    email TEXT,
    tags TEXT NOT NULL,
    capabilities TEXT,
    words TEXT NOT NULL,
    salt BLOB NOT NULL,
    cost TEXT NOT NULL,
    hash BLOB NOT NULL,
    next_hash BLOB,
    ceiling TEXT,
    next_ceiling TEXT,
    retry_key BLOB UNIQUE,
    retry_print BLOB,
    status TEXT NOT NULL,
    registered_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    heard_at INTEGER,
    used_at INTEGER
) STRICT;
CREATE INDEX instances_person ON instances (person, seq, status);
CREATE INDEX instances_status ON instances (status, seq);
CREATE INDEX instances_newest ON instances (seq, status);
CREATE TABLE instance_counts (
    person TEXT NOT NULL,
    status TEXT NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (person, status)
) STRICT, WITHOUT ROWID;
CREATE VIRTUAL TABLE instance_index USING fts5 (words, content='', contentless_delete=1, detail=none, tokenize='ascii');
CREATE TRIGGER instances_added AFTER INSERT ON instances BEGIN
    INSERT INTO instance_index (rowid, words)
        VALUES (new.seq, 'p' || coalesce(new.person, '') || ' s' || new.status || ' ' || new.words);
    INSERT INTO instance_counts VALUES (coalesce(new.person, ''), new.status, 1), ('*', new.status, 1)
        ON CONFLICT DO UPDATE SET number = number + 1;
END;
CREATE TRIGGER instances_changed AFTER UPDATE OF person, status, words ON instances
    WHEN old.person IS NOT new.person OR old.status <> new.status OR old.words <> new.words BEGIN
    DELETE FROM instance_index WHERE rowid = old.seq;
    INSERT INTO instance_index (rowid, words)
        VALUES (new.seq, 'p' || coalesce(new.person, '') || ' s' || new.status || ' ' || new.words);
    UPDATE instance_counts SET number = number - 1 WHERE person IN (coalesce(old.person, ''), '*') AND status = old.status;
    INSERT INTO instance_counts VALUES (coalesce(new.person, ''), new.status, 1), ('*', new.status, 1)
        ON CONFLICT DO UPDATE SET number = number + 1;
END;
CREATE TRIGGER instances_gone AFTER DELETE ON instances BEGIN
    DELETE FROM instance_index WHERE rowid = old.seq;
    UPDATE instance_counts SET number = number - 1 WHERE person IN (coalesce(old.person, ''), '*') AND status = old.status;
    DELETE FROM instance_counts WHERE number = 0;
END;
CREATE TABLE instance_tokens (
    hash BLOB PRIMARY KEY,
    instance TEXT NOT NULL REFERENCES instances (id) ON DELETE CASCADE,
    scopes TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX instance_tokens_instance ON instance_tokens (instance);
CREATE INDEX instance_tokens_expires ON instance_tokens (expires_at);
CREATE TABLE instance_roles (
    instance TEXT NOT NULL REFERENCES instances (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT,
    system_prompt TEXT,
    icon TEXT,
    is_active INTEGER NOT NULL,
    enable_l0_retrieval INTEGER NOT NULL,
    enable_l1_retrieval INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (instance, id)
) STRICT;
CREATE TABLE loads (
    id TEXT PRIMARY KEY,
    person TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    description TEXT,
    email TEXT,
    tags TEXT NOT NULL,
    avatar BLOB,
    avatar_kind TEXT,
    is_current INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    registry TEXT,
    instance TEXT,
    sealed BLOB,
    registered_at INTEGER,
    retry_key BLOB,
    connect INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX loads_name ON loads (person, name);
CREATE UNIQUE INDEX loads_current ON loads (person) WHERE is_current;
CREATE TABLE memory_spaces (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    person TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    user TEXT NOT NULL,
    next_doc INTEGER NOT NULL,
    next_name INTEGER NOT NULL,
    count INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX memory_spaces_user ON memory_spaces (person, user);
CREATE INDEX memory_spaces_person ON memory_spaces (person, id);
CREATE TABLE interactions (
    space INTEGER NOT NULL REFERENCES memory_spaces (id) ON DELETE CASCADE,
    doc INTEGER NOT NULL,
    id TEXT NOT NULL,
    role TEXT NOT NULL,
    speaker TEXT,
    session TEXT,
    app TEXT,
    text TEXT NOT NULL,
    metadata TEXT,
    occurred_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    once TEXT,
    PRIMARY KEY (space, doc)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX interactions_id ON interactions (id);
CREATE UNIQUE INDEX interactions_once ON interactions (space, once) WHERE once IS NOT NULL;
CREATE INDEX interactions_end ON interactions (expires_at) WHERE expires_at IS NOT NULL;
CREATE TABLE memory_index (
    space INTEGER NOT NULL REFERENCES memory_spaces (id) ON DELETE CASCADE,
    term TEXT NOT NULL,
    block INTEGER NOT NULL,
    docs BLOB NOT NULL,
    PRIMARY KEY (space, term, block)
) STRICT, WITHOUT ROWID;
CREATE TABLE memory_facts (
    space INTEGER NOT NULL REFERENCES memory_spaces (id) ON DELETE CASCADE,
    block INTEGER NOT NULL,
    facts BLOB NOT NULL,
    PRIMARY KEY (space, block)
) STRICT, WITHOUT ROWID;
CREATE TABLE memory_names (
    space INTEGER NOT NULL REFERENCES memory_spaces (id) ON DELETE CASCADE,
    kind INTEGER NOT NULL,
    name TEXT NOT NULL,
    number INTEGER NOT NULL,
    uses INTEGER NOT NULL,
    PRIMARY KEY (space, kind, name)
) STRICT, WITHOUT ROWID;
INSERT INTO documents VALUES ('6975dea2cdb655c5e4ca', 'owner', 'trip.md', 'text/markdown', '# Trip to Lisbon

The zeppelin hotel was full.

## Food

Grilled sardines by the river.
', 1795783423711, 1795783423711);
INSERT INTO documents VALUES ('110740d3f4e0e895838e', 'owner', 'cake.txt', 'text/plain', 'A marzipan cake takes two hundred grams of almonds.
', 1795783423767, 1795783423767);
INSERT INTO documents VALUES ('ff6593c9b92460fc6386', 'ann', 'roof.txt', 'text/plain', 'The hives stand on the roof.
', 1795783423879, 1795783423879);
INSERT INTO instances VALUES (1, '3001457732a5d1ef0a4c', 'owner', 'desk', NULL, NULL, '{"document_count":2,"is_cot":false,"model_name":"m"}', NULL, '051603900bc7 0e6e7ee542c8 1a1cbb893c20 329e0422abb5 45de54f671ff 4f03070e24b3 d124544ed977 ee6fad6a96ea eef93c21992c f52b109027c3', X'8A82F9F9BA456370D250491E185E424B', 'm=19456,t=2,p=1', X'5118587DDDEBFAF6FE74E164348BEE24F72F92E500E339C9739D7BCC0DF25963', NULL, 'profile memory:read memory:write registry:read registry:write', NULL, X'A4378C7C22F575B6AE18A79C39F3A96BDFAFE795EA8B15C800F54ACAAB28711B', X'F1E7D9003C2205E752B695087116758F9D92DDC410E3B8522EF51CAC2C31BA77', 'offline', 1795783425015, 1795783425015, NULL, NULL);
INSERT INTO loads VALUES ('1d2b5fbf153ddef201a7', 'owner', 'desk', NULL, NULL, '{"model_name":"m"}', NULL, NULL, 1, 1795783424042, 1795783424042, '', '3001457732a5d1ef0a4c', NULL, 1795783425029, NULL, 0);
INSERT INTO memory_spaces VALUES (1, 'owner', 'owner', 10, 4, 9);
INSERT INTO memory_spaces VALUES (2, 'owner', 'guest', 2, 1, 2);
INSERT INTO memory_spaces VALUES (3, 'ann', 'ann', 1, 1, 1);
INSERT INTO interactions VALUES (1, 0, '3bceeb04568056c53b2f', 'user', 'Ann Lee', 'talk', NULL, 'I have been learning the cello since May', NULL, 1717264800000, 1795783423369, NULL, NULL);
INSERT INTO interactions VALUES (1, 1, 'ef9036d6ca3c23035c14', 'assistant', NULL, 'talk', 'diary', 'Which piece do you practise?', NULL, 1717264860000, 1795783423369, NULL, NULL);
INSERT INTO interactions VALUES (1, 2, 'e99fd1a1bfdb7682b5cc', 'user', NULL, 'talk', NULL, 'Wir sind im Juli nach Wien gezogen', '{"order":7,"tags":["umzug"]}', 1722589200000, 1795783423369, NULL, NULL);
INSERT INTO interactions VALUES (1, 3, 'aa671857ee59d3f375cd', 'user', NULL, NULL, NULL, 'Mi hermana toca el violín en Sevilla', NULL, 1722675600000, 1795783423369, NULL, NULL);
INSERT INTO interactions VALUES (1, 4, '8761f2b451dafa743a4d', 'user', NULL, NULL, NULL, 'Моя собака боится грозы', NULL, 1722762000000, 1795783423369, NULL, NULL);
INSERT INTO interactions VALUES (1, 5, 'a9b20e14f1e68b600925', 'user', NULL, NULL, NULL, '去年の夏に京都へ引っ越しました', NULL, 1722848400000, 1795783423369, NULL, 'kyoto');
INSERT INTO interactions VALUES (1, 6, '3d08990e3e38e8c05488', 'user', NULL, NULL, NULL, 'أعيش في القاهرة منذ ثلاث سنوات', NULL, 1722934800000, 1795783423369, NULL, NULL);
INSERT INTO interactions VALUES (1, 7, '5e85732b8f27d31b2fc6', 'user', NULL, NULL, NULL, 'मेरी बिल्ली का नाम मोती है', NULL, 1723021200000, 1795783423369, NULL, NULL);
INSERT INTO interactions VALUES (1, 8, 'dacb8f4c67f9af66a29c', 'user', NULL, NULL, NULL, '我在上海学习钢琴', NULL, 1723107600000, 1795783423369, 32472144000000, NULL);
INSERT INTO interactions VALUES (2, 0, 'e3448afec44792cd5d38', 'user', NULL, NULL, NULL, 'My bicycle is red', NULL, 1725181200000, 1795783423603, NULL, NULL);
INSERT INTO interactions VALUES (2, 1, '00c57a9edac2a148691a', 'user', NULL, NULL, NULL, 'It stands in the cellar of the old town hall', NULL, 1725181260000, 1795783423603, NULL, NULL);
INSERT INTO interactions VALUES (3, 0, '42ee3e8bf60e37228dad', 'user', NULL, NULL, NULL, 'Ann keeps bees on the roof', NULL, 1725267600000, 1795783423681, NULL, NULL);
INSERT INTO memory_index VALUES (1, 'been', 0, X'0100');
INSERT INTO memory_index VALUES (1, 'cello', 0, X'0100');
INSERT INTO memory_index VALUES (1, 'do', 0, X'4100');
INSERT INTO memory_index VALUES (1, 'el', 0, X'C100');
INSERT INTO memory_index VALUES (1, 'en', 0, X'C100');
INSERT INTO memory_index VALUES (1, 'gezogen', 0, X'8100');
INSERT INTO memory_index VALUES (1, 'have', 0, X'0100');
INSERT INTO memory_index VALUES (1, 'hermana', 0, X'C100');
INSERT INTO memory_index VALUES (1, 'i', 0, X'0100');
INSERT INTO memory_index VALUES (1, 'im', 0, X'8100');
INSERT INTO memory_index VALUES (1, 'juli', 0, X'8100');
INSERT INTO memory_index VALUES (1, 'learn', 0, X'0100');
INSERT INTO memory_index VALUES (1, 'may', 0, X'0100');
INSERT INTO memory_index VALUES (1, 'mi', 0, X'C100');
INSERT INTO memory_index VALUES (1, 'nach', 0, X'8100');
INSERT INTO memory_index VALUES (1, 'piec', 0, X'4100');
INSERT INTO memory_index VALUES (1, 'practis', 0, X'4100');
INSERT INTO memory_index VALUES (1, 'sevilla', 0, X'C100');
INSERT INTO memory_index VALUES (1, 'sinc', 0, X'0100');
INSERT INTO memory_index VALUES (1, 'sind', 0, X'8100');
INSERT INTO memory_index VALUES (1, 'the', 0, X'0100');
INSERT INTO memory_index VALUES (1, 'toca', 0, X'C100');
INSERT INTO memory_index VALUES (1, 'violin', 0, X'C100');
INSERT INTO memory_index VALUES (1, 'which', 0, X'4100');
INSERT INTO memory_index VALUES (1, 'wien', 0, X'8100');
INSERT INTO memory_index VALUES (1, 'wir', 0, X'8100');
INSERT INTO memory_index VALUES (1, 'you', 0, X'4100');
INSERT INTO memory_index VALUES (1, 'боится', 0, X'0101');
INSERT INTO memory_index VALUES (1, 'грозы', 0, X'0101');
INSERT INTO memory_index VALUES (1, 'моя', 0, X'0101');
INSERT INTO memory_index VALUES (1, 'собака', 0, X'0101');
INSERT INTO memory_index VALUES (1, 'اعيش', 0, X'8101');
INSERT INTO memory_index VALUES (1, 'القاهرة', 0, X'8101');
INSERT INTO memory_index VALUES (1, 'ثلاث', 0, X'8101');
INSERT INTO memory_index VALUES (1, 'سنوات', 0, X'8101');
INSERT INTO memory_index VALUES (1, 'في', 0, X'8101');
INSERT INTO memory_index VALUES (1, 'منذ', 0, X'8101');
INSERT INTO memory_index VALUES (1, 'का', 0, X'C101');
INSERT INTO memory_index VALUES (1, 'नाम', 0, X'C101');
INSERT INTO memory_index VALUES (1, 'बिल्ली', 0, X'C101');
INSERT INTO memory_index VALUES (1, 'मेरी', 0, X'C101');
INSERT INTO memory_index VALUES (1, 'मोती', 0, X'C101');
INSERT INTO memory_index VALUES (1, 'है', 0, X'C101');
INSERT INTO memory_index VALUES (1, 'し', 0, X'4201');
INSERT INTO memory_index VALUES (1, 'した', 0, X'4101');
INSERT INTO memory_index VALUES (1, 'しま', 0, X'4101');
INSERT INTO memory_index VALUES (1, 'た', 0, X'4101');
INSERT INTO memory_index VALUES (1, 'っ', 0, X'4101');
INSERT INTO memory_index VALUES (1, 'っ越', 0, X'4101');
INSERT INTO memory_index VALUES (1, 'に', 0, X'4101');
INSERT INTO memory_index VALUES (1, 'に京', 0, X'4101');
INSERT INTO memory_index VALUES (1, 'の', 0, X'4101');
INSERT INTO memory_index VALUES (1, 'の夏', 0, X'4101');
INSERT INTO memory_index VALUES (1, 'へ', 0, X'4101');
INSERT INTO memory_index VALUES (1, 'へ引', 0, X'4101');
INSERT INTO memory_index VALUES (1, 'ま', 0, X'4101');
INSERT INTO memory_index VALUES (1, 'まし', 0, X'4101');
INSERT INTO memory_index VALUES (1, '上', 0, X'0102');
INSERT INTO memory_index VALUES (1, '上海', 0, X'0102');
INSERT INTO memory_index VALUES (1, '习', 0, X'0102');
INSERT INTO memory_index VALUES (1, '习钢', 0, X'0102');
INSERT INTO memory_index VALUES (1, '京', 0, X'4101');
INSERT INTO memory_index VALUES (1, '京都', 0, X'4101');
INSERT INTO memory_index VALUES (1, '去', 0, X'4101');
INSERT INTO memory_index VALUES (1, '去年', 0, X'4101');
INSERT INTO memory_index VALUES (1, '在', 0, X'0102');
INSERT INTO memory_index VALUES (1, '在上', 0, X'0102');
INSERT INTO memory_index VALUES (1, '夏', 0, X'4101');
INSERT INTO memory_index VALUES (1, '夏に', 0, X'4101');
INSERT INTO memory_index VALUES (1, '学', 0, X'0102');
INSERT INTO memory_index VALUES (1, '学习', 0, X'0102');
INSERT INTO memory_index VALUES (1, '年', 0, X'4101');
INSERT INTO memory_index VALUES (1, '年の', 0, X'4101');
INSERT INTO memory_index VALUES (1, '引', 0, X'4101');
INSERT INTO memory_index VALUES (1, '引っ', 0, X'4101');
INSERT INTO memory_index VALUES (1, '我', 0, X'0102');
INSERT INTO memory_index VALUES (1, '我在', 0, X'0102');
INSERT INTO memory_index VALUES (1, '海', 0, X'0102');
INSERT INTO memory_index VALUES (1, '海学', 0, X'0102');
INSERT INTO memory_index VALUES (1, '琴', 0, X'0102');
INSERT INTO memory_index VALUES (1, '越', 0, X'4101');
INSERT INTO memory_index VALUES (1, '越し', 0, X'4101');
INSERT INTO memory_index VALUES (1, '都', 0, X'4101');
INSERT INTO memory_index VALUES (1, '都へ', 0, X'4101');
INSERT INTO memory_index VALUES (1, '钢', 0, X'0102');
INSERT INTO memory_index VALUES (1, '钢琴', 0, X'0102');
INSERT INTO memory_index VALUES (2, 'bicycl', 0, X'0100');
INSERT INTO memory_index VALUES (2, 'cellar', 0, X'4100');
INSERT INTO memory_index VALUES (2, 'hall', 0, X'4100');
INSERT INTO memory_index VALUES (2, 'in', 0, X'4100');
INSERT INTO memory_index VALUES (2, 'is', 0, X'0100');
INSERT INTO memory_index VALUES (2, 'it', 0, X'4100');
INSERT INTO memory_index VALUES (2, 'my', 0, X'0100');
INSERT INTO memory_index VALUES (2, 'of', 0, X'4100');
INSERT INTO memory_index VALUES (2, 'old', 0, X'4100');
INSERT INTO memory_index VALUES (2, 'red', 0, X'0100');
INSERT INTO memory_index VALUES (2, 'stand', 0, X'4100');
INSERT INTO memory_index VALUES (2, 'the', 0, X'4200');
INSERT INTO memory_index VALUES (2, 'town', 0, X'4100');
INSERT INTO memory_index VALUES (3, 'ann', 0, X'0100');
INSERT INTO memory_index VALUES (3, 'bee', 0, X'0100');
INSERT INTO memory_index VALUES (3, 'keep', 0, X'0100');
INSERT INTO memory_index VALUES (3, 'on', 0, X'0100');
INSERT INTO memory_index VALUES (3, 'roof', 0, X'0100');
INSERT INTO memory_index VALUES (3, 'the', 0, X'0100');
INSERT INTO memory_facts VALUES (1, 0, X'0100000002000000000000000059F5D48F010000030001010100000000000000030000006043F6D48F01000002000203010000000000000000000000803E51129101000007000101000000000000000000000000809A7717910100000700010100000000000000000000000080F69D1C91010000040001010000000000000000000000008052C421910100000E00010100000000000000000000000080AEEA269101000006000101000000000000000000000000800A112C9101000006000101000000000000000000000000806637319101000007000101000000000000000000000000000000000000000000000000');
INSERT INTO memory_facts VALUES (2, 0, X'0000000000000000000000008006D0AC9101000002000101000000000000000000000000E0F0D0AC9101000005000101');
INSERT INTO memory_facts VALUES (3, 0, X'0000000000000000000000008062F6B19101000004000101');
INSERT INTO memory_names VALUES (1, 1, 'talk', 1, 3);
INSERT INTO memory_names VALUES (1, 2, 'Ann Lee', 2, 1);
INSERT INTO memory_names VALUES (1, 3, 'diary', 3, 1);
UPDATE people SET username = 'captain', username_shape = 'captain', description = NULL, tags = NULL, last_active_at = 1795783423368 WHERE id = 'owner';
UPDATE people SET username = NULL, username_shape = NULL, description = NULL, tags = NULL, last_active_at = 1795783423680 WHERE id = 'ann';
PRAGMA user_version = 2;
