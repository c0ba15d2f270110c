-- +goose Up
-- Uploads that were refused and kept. What they hold lies in a file of that id, on the disk of one gateway.
CREATE TABLE quarantine (
	id        TEXT   PRIMARY KEY,  -- a ULID: they sort by time
	node      TEXT   NOT NULL,     -- whose disk has the file
	at        BIGINT NOT NULL,
	expires   BIGINT NOT NULL,
	released  BIGINT NOT NULL,     -- when an operator allowed what it holds; 0: not
	size      BIGINT NOT NULL,
	sha256    TEXT   NOT NULL,     -- of the plaintext, in hex
	type      TEXT   NOT NULL,     -- by content
	rules     TEXT   NOT NULL,     -- what was found, separated by blanks
	signature TEXT   NOT NULL,     -- of the scanner
	route     TEXT   NOT NULL,
	request   TEXT   NOT NULL,     -- its id
	account   TEXT   NOT NULL,     -- the id of who sent it
	sealed    BYTEA  NOT NULL      -- the file's name and key, sealed by the key ring for this table, column and id
);
CREATE INDEX quarantine_expires ON quarantine (expires);
CREATE INDEX quarantine_account ON quarantine (account);

-- What is let through although it would be refused, by the hash of what it holds.
CREATE TABLE upload_allowed (
	sha256 TEXT   PRIMARY KEY,
	at     BIGINT NOT NULL
);

-- +goose Down
DROP TABLE upload_allowed;
DROP TABLE quarantine;
