-- +goose Up
-- Keys of what the gateway encrypts for the back end: one Tink key set for each tenant or room, wrapped by a master key.
CREATE TABLE data_keys (
	id         TEXT   PRIMARY KEY,      -- random; stands in what is encrypted, and tells nothing of the name
	name       TEXT   NOT NULL,         -- what it is for, as room/general
	state      TEXT   NOT NULL,         -- active, disabled or destroyed
	wrapped    BYTEA  NOT NULL,         -- the key set; empty once it is destroyed
	master     TEXT   NOT NULL,         -- the id of the master key that wraps it
	versions   BIGINT NOT NULL,         -- how many there are
	revision   BIGINT NOT NULL,         -- one more with each change
	created_at BIGINT NOT NULL,
	rotated_at BIGINT NOT NULL DEFAULT 0,
	wrapped_at BIGINT NOT NULL
);
-- One that is in use for a name. Destroyed ones stay, so that nothing is encrypted under their names unasked.
CREATE UNIQUE INDEX data_keys_name ON data_keys (name) WHERE state <> 'destroyed';
CREATE INDEX data_keys_names ON data_keys (name, id);
CREATE INDEX data_keys_master ON data_keys (master) WHERE state <> 'destroyed';

-- Master keys that wrap any of them, each with something known that it has wrapped: a wrong one is told at the start.
CREATE TABLE data_key_masters (
	id         TEXT   PRIMARY KEY,
	canary     BYTEA  NOT NULL,
	created_at BIGINT NOT NULL
);

-- The job that wraps all of them anew: one row, of the last one.
CREATE TABLE data_key_rewrap (
	id          BIGINT PRIMARY KEY,     -- 1
	owner       TEXT   NOT NULL,        -- the process that does it
	beat_at     BIGINT NOT NULL,        -- when that was last seen at it
	after       TEXT   NOT NULL,        -- the id up to which it is done
	done        BIGINT NOT NULL,
	failed      BIGINT NOT NULL,
	total       BIGINT NOT NULL,
	started_at  BIGINT NOT NULL,
	finished_at BIGINT NOT NULL         -- 0: not yet
);

-- +goose Down
DROP TABLE data_key_rewrap;
DROP TABLE data_key_masters;
DROP TABLE data_keys;
