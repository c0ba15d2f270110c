-- +goose Up
-- Keys that personal data in the audit log is sealed with: one for each person, one for each day of what is nobody's.
CREATE TABLE audit_keys (
	subject TEXT   PRIMARY KEY,     -- a keyed hash of the person's id, which does not tell whose; or day:2026-11-27
	id      TEXT   NOT NULL UNIQUE, -- random; stands in the log
	secret  BYTEA  NOT NULL,        -- the key, sealed by the key ring for this table, column and id; empty once the person is erased
	at      BIGINT NOT NULL         -- when it was made
);

-- How far the audit log of each gateway was when it was last told: a log that is shorter was cut.
CREATE TABLE audit_heads (
	origin     TEXT   PRIMARY KEY, -- the log's name
	place      TEXT   NOT NULL,    -- machine and folder that it is in
	size       BIGINT NOT NULL,    -- events
	checkpoint TEXT   NOT NULL,    -- as signed by the gateway
	at         BIGINT NOT NULL
);

-- +goose Down
DROP TABLE audit_heads;
DROP TABLE audit_keys;
