-- +goose Up
CREATE TABLE accounts (
	id                  TEXT   PRIMARY KEY,          -- random; `sub` in tokens
	username            TEXT   NOT NULL UNIQUE,      -- normalised, never changed
	roles               TEXT   NOT NULL,             -- separated by commas, at least one
	password            TEXT   NOT NULL,             -- Argon2id, PHC string
	disabled            BIGINT NOT NULL DEFAULT 0,
	revision            BIGINT NOT NULL DEFAULT 1,   -- grows when password, roles or state change: a login begun before is void
	created_at          BIGINT NOT NULL,
	password_changed_at BIGINT NOT NULL,
	last_auth_at        BIGINT NOT NULL DEFAULT 0,   -- written by every login, which locks the row against changes beside it
	code_failures       BIGINT NOT NULL DEFAULT 0,   -- wrong second-factor codes since the last right one
	code_locked_until   BIGINT NOT NULL DEFAULT 0
);

-- At most one of a kind per account for now; the id leaves room for several.
CREATE TABLE second_factors (
	id         TEXT   PRIMARY KEY,
	account    TEXT   NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
	kind       TEXT   NOT NULL,                      -- totp
	secret     BYTEA  NOT NULL,                      -- sealed by the key ring for this table, column and id
	last_step  BIGINT NOT NULL DEFAULT 0,            -- highest TOTP step that was used; only grows
	created_at BIGINT NOT NULL,
	used_at    BIGINT NOT NULL DEFAULT 0,
	UNIQUE (account, kind)
);

CREATE TABLE sessions (
	id           TEXT   PRIMARY KEY,                 -- random; `sid` in tokens
	account      TEXT   NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
	created_at   BIGINT NOT NULL,                    -- of the login; a step up keeps it
	auth_time    BIGINT NOT NULL,
	mfa_time     BIGINT NOT NULL DEFAULT 0,
	amr          TEXT   NOT NULL,                    -- separated by commas
	user_agent   TEXT   NOT NULL,
	ip           TEXT   NOT NULL,
	idle_at      BIGINT NOT NULL,                    -- ends then unless refreshed before
	absolute_at  BIGINT NOT NULL,                    -- ends then
	refresh      TEXT   NOT NULL,                    -- SHA-256 of the current refresh secret
	previous     TEXT   NOT NULL DEFAULT '',         -- and of its parent
	rotated_at   BIGINT NOT NULL,
	access_until BIGINT NOT NULL,                    -- expiry of the newest access token given out
	ended_at     BIGINT NOT NULL DEFAULT 0,
	reason       TEXT   NOT NULL DEFAULT ''
);
CREATE INDEX sessions_account ON sessions (account, ended_at);
CREATE INDEX sessions_ended ON sessions (ended_at);
CREATE INDEX sessions_idle ON sessions (idle_at);

-- +goose Down
DROP TABLE sessions;
DROP TABLE second_factors;
DROP TABLE accounts;
