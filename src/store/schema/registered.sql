-- What registries gave a load that is registered at another one by now: it comes back there under its old id.
CREATE TABLE load_credentials (
    load TEXT NOT NULL REFERENCES loads (id) ON DELETE CASCADE,
    registry TEXT NOT NULL,          -- '' this daemon's own; else a URL
    instance TEXT NOT NULL,          -- the id there
    sealed BLOB,                     -- the password there; age
    PRIMARY KEY (load, registry)
) STRICT, WITHOUT ROWID;
-- What is not registered any more tells nothing of itself but its name.
UPDATE instances SET description = NULL, email = NULL, tags = '{}', capabilities = NULL WHERE status = 'unregistered';
DELETE FROM instance_roles WHERE instance IN (SELECT id FROM instances WHERE status = 'unregistered');
-- Who was only made for an instance may take out and delete what is kept of it: nobody else could.
UPDATE people SET scopes = 'profile profile:write memory:read memory:write registry:read'
WHERE role = 'member' AND last_seen_at IS NULL AND scopes = 'profile memory:read memory:write registry:read'
    AND NOT EXISTS (SELECT 1 FROM identities WHERE identities.person = people.id);
