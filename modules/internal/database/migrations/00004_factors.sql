-- +goose Up
-- Several of a kind per account. Made anew, since SQLite can't take a constraint off a table.
CREATE TABLE second_factors_new (
	id         TEXT   PRIMARY KEY,
	account    TEXT   NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
	kind       TEXT   NOT NULL,                      -- totp or webauthn
	name       TEXT   NOT NULL DEFAULT '',           -- the owner's own, may be empty
	secret     BYTEA  NOT NULL,                      -- TOTP secret or WebAuthn credential, sealed by the key ring for this table, column and id
	credential TEXT   NOT NULL DEFAULT '',           -- SHA-256 of a WebAuthn credential's id
	counter    BIGINT NOT NULL DEFAULT 0,            -- highest TOTP step that was used, or signature counter; only grows
	verifies   BIGINT NOT NULL DEFAULT 0,            -- WebAuthn: it has verified its user beside another factor, so it may stand alone
	backed_up  BIGINT NOT NULL DEFAULT 0,            -- WebAuthn: a copy of the key was elsewhere at its last use
	created_at BIGINT NOT NULL,
	used_at    BIGINT NOT NULL DEFAULT 0
);
INSERT INTO second_factors_new (id, account, kind, secret, counter, created_at, used_at)
	SELECT id, account, kind, secret, last_step, created_at, used_at FROM second_factors;
DROP TABLE second_factors;
ALTER TABLE second_factors_new RENAME TO second_factors;
CREATE INDEX second_factors_account ON second_factors (account, kind);
CREATE UNIQUE INDEX second_factors_credential ON second_factors (credential) WHERE credential <> '';

CREATE TABLE recovery_codes (
	account    TEXT   NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
	code       TEXT   NOT NULL,                      -- HMAC of account and code under a derived key
	created_at BIGINT NOT NULL,
	used_at    BIGINT NOT NULL DEFAULT 0,
	PRIMARY KEY (account, code)
);

-- +goose Down
DROP TABLE recovery_codes;
CREATE TABLE second_factors_old (
	id         TEXT   PRIMARY KEY,
	account    TEXT   NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
	kind       TEXT   NOT NULL,
	secret     BYTEA  NOT NULL,
	last_step  BIGINT NOT NULL DEFAULT 0,
	created_at BIGINT NOT NULL,
	used_at    BIGINT NOT NULL DEFAULT 0,
	UNIQUE (account, kind)
);
INSERT INTO second_factors_old (id, account, kind, secret, last_step, created_at, used_at)
	SELECT id, account, kind, secret, counter, created_at, used_at FROM second_factors
	WHERE kind = 'totp' AND id IN (SELECT MIN(id) FROM second_factors WHERE kind = 'totp' GROUP BY account);
DROP TABLE second_factors;
ALTER TABLE second_factors_old RENAME TO second_factors;
