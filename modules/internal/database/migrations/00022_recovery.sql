-- +goose Up
-- Which version of the tables a program must know at least to work on these. Without a row, any. A migration that takes away what older programs use
-- adds a row with its own number: they then refuse to open the database, and say why.
CREATE TABLE schema_needs (
	least BIGINT PRIMARY KEY
);

-- Whose turn something is that one gateway of a fleet does.
CREATE TABLE turns (
	name   TEXT   PRIMARY KEY,  -- of what is done
	holder TEXT   NOT NULL,     -- random, of the process
	until  BIGINT NOT NULL      -- unless it is renewed
);

-- Backups that gateways made by themselves, or failed to.
CREATE TABLE backups (
	id     TEXT   PRIMARY KEY,  -- random
	node   TEXT   NOT NULL,     -- which gateway
	file   TEXT   NOT NULL,     -- its name in that gateway's folder; empty where there is none
	began  BIGINT NOT NULL,
	ended  BIGINT NOT NULL,
	size   BIGINT NOT NULL,     -- bytes
	held   BIGINT NOT NULL,     -- rows in it
	reason TEXT   NOT NULL      -- why it failed, for operators; empty: it was made and verified
);
CREATE INDEX backups_ended ON backups (ended);

-- +goose Down
DROP TABLE backups;
DROP TABLE turns;
DROP TABLE schema_needs;
