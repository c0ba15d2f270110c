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

-- +goose Down
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
