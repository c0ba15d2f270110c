-- +goose Up
-- Data that was pushed over a policy's own. No path is below another.
CREATE TABLE policy_data (
	path     TEXT   PRIMARY KEY,   -- names separated by /, escaped as in JSON pointers
	document TEXT   NOT NULL,      -- JSON
	digest   TEXT   NOT NULL,      -- SHA-256 of document
	at       BIGINT NOT NULL
);

-- +goose Down
DROP TABLE policy_data;
