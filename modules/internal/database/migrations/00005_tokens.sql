-- +goose Up
-- Tokens that are no JWTs: personal access tokens, which people make for their programs, and the access tokens of services. Of the
-- secret there is only the hash.
CREATE TABLE tokens (
	id         TEXT   PRIMARY KEY,                   -- stands where a session's id stands: in identities, events and the feed
	account    TEXT   NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
	kind       TEXT   NOT NULL,                      -- personal, service
	name       TEXT   NOT NULL,                      -- what its owner calls it; '' of a service's
	hash       TEXT   NOT NULL UNIQUE,               -- SHA-256
	scopes     TEXT   NOT NULL,                      -- permissions, separated by blanks, at least one
	created_at BIGINT NOT NULL,
	expires_at BIGINT NOT NULL,
	used_at    BIGINT NOT NULL DEFAULT 0,            -- to the minute
	ended_at   BIGINT NOT NULL DEFAULT 0,
	reason     TEXT   NOT NULL DEFAULT ''
);
CREATE INDEX tokens_account ON tokens (account, ended_at);
CREATE INDEX tokens_expires ON tokens (expires_at);

-- A service is an account that no person signs in to: so its name is nobody else's, and roles, grants and ends are as for people.
ALTER TABLE accounts ADD COLUMN kind TEXT NOT NULL DEFAULT 'person';

CREATE TABLE services (
	account    TEXT   PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
	scopes     TEXT   NOT NULL,                      -- what its tokens may be for, separated by blanks, at least one
	introspect BIGINT NOT NULL DEFAULT 0             -- it may ask what other tokens are good for
);

CREATE TABLE service_keys (
	account    TEXT   NOT NULL REFERENCES services (account) ON DELETE CASCADE,
	kid        TEXT   NOT NULL,
	jwk        TEXT   NOT NULL,                      -- public
	created_at BIGINT NOT NULL,
	used_at    BIGINT NOT NULL DEFAULT 0,
	PRIMARY KEY (account, kid)
);

-- +goose Down
DROP TABLE service_keys;
DROP TABLE services;
DROP TABLE tokens;
ALTER TABLE accounts DROP COLUMN kind;
