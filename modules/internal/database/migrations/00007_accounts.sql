-- +goose Up
-- What is known of a person beside the name. Sealed with the person's own data key (account_keys), bound to column and row; what must be found
-- is found by an HMAC of it. Erasing the person destroys the key.
ALTER TABLE accounts ADD COLUMN email BYTEA NOT NULL DEFAULT '';             -- sealed; empty: none
ALTER TABLE accounts ADD COLUMN email_index TEXT NOT NULL DEFAULT '';        -- HMAC of a verified address in its one spelling
ALTER TABLE accounts ADD COLUMN email_verified_at BIGINT NOT NULL DEFAULT 0; -- 0: nobody has proved to read its mail
ALTER TABLE accounts ADD COLUMN display_name BYTEA NOT NULL DEFAULT '';      -- sealed
ALTER TABLE accounts ADD COLUMN locale TEXT NOT NULL DEFAULT '';             -- a BCP 47 tag; empty: as the browser asks
ALTER TABLE accounts ADD COLUMN awaits TEXT NOT NULL DEFAULT '';             -- 'approval': disabled until an operator approves
CREATE UNIQUE INDEX accounts_email ON accounts (email_index) WHERE email_index <> '';
CREATE INDEX accounts_awaits ON accounts (awaits) WHERE awaits <> '';

CREATE TABLE account_keys (
	account TEXT  PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
	secret  BYTEA NOT NULL                           -- AES-256 key, sealed by the key ring
);

-- Names of people who were erased, which nobody may have again: grants and the application's data carry names.
CREATE TABLE reserved_names (
	name_index TEXT   PRIMARY KEY,                   -- HMAC of the name
	at         BIGINT NOT NULL
);

-- Secrets that were mailed, or given to somebody to pass on: links that work once.
CREATE TABLE tickets (
	hash       TEXT   PRIMARY KEY,                   -- SHA-256 of the secret
	id         TEXT   NOT NULL UNIQUE,               -- what operators call it; no secret
	kind       TEXT   NOT NULL,                      -- register, email, reset, invite
	account    TEXT   NOT NULL,                      -- whose; empty: of nobody yet
	revision   BIGINT NOT NULL DEFAULT 0,            -- of the account: a change of it voids the ticket
	data       BYTEA  NOT NULL,                      -- sealed by the key ring for this row
	tries      BIGINT NOT NULL DEFAULT 0,
	created_at BIGINT NOT NULL,
	expires_at BIGINT NOT NULL
);
CREATE INDEX tickets_account ON tickets (account, kind);
CREATE INDEX tickets_kind ON tickets (kind, created_at);
CREATE INDEX tickets_expires ON tickets (expires_at);

-- Mails that are still to be sent.
CREATE TABLE outbox (
	id         TEXT   PRIMARY KEY,
	kind       TEXT   NOT NULL,
	account    TEXT   NOT NULL,                      -- whose; empty: of nobody
	letter     BYTEA  NOT NULL,                      -- sealed by the key ring for this row
	tries      BIGINT NOT NULL DEFAULT 0,
	created_at BIGINT NOT NULL,
	next_at    BIGINT NOT NULL,                      -- not tried before; whoever tries moves it on first
	expires_at BIGINT NOT NULL                       -- given up then
);
CREATE INDEX outbox_next ON outbox (next_at);
CREATE INDEX outbox_account ON outbox (account);

-- Passwords that a person had before, which they may not have again.
CREATE TABLE old_passwords (
	account  TEXT   NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
	at       BIGINT NOT NULL,
	password TEXT   NOT NULL,                        -- Argon2id, PHC string
	PRIMARY KEY (account, at)
);

-- +goose Down
DROP TABLE old_passwords;
DROP TABLE outbox;
DROP TABLE tickets;
DROP TABLE reserved_names;
DROP TABLE account_keys;
DROP INDEX accounts_awaits;
DROP INDEX accounts_email;
ALTER TABLE accounts DROP COLUMN awaits;
ALTER TABLE accounts DROP COLUMN locale;
ALTER TABLE accounts DROP COLUMN display_name;
ALTER TABLE accounts DROP COLUMN email_verified_at;
ALTER TABLE accounts DROP COLUMN email_index;
ALTER TABLE accounts DROP COLUMN email;
