-- +goose Up
-- Times are microseconds since 1970.
CREATE TABLE rooms (
	id         TEXT PRIMARY KEY,
	name       TEXT NOT NULL,
	visibility TEXT NOT NULL,
	created_by TEXT NOT NULL,
	created_at BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE members (
	room TEXT NOT NULL REFERENCES rooms (id),
	user TEXT NOT NULL,
	PRIMARY KEY (room, user)
) WITHOUT ROWID;

CREATE TABLE files (
	id   TEXT PRIMARY KEY,
	room TEXT NOT NULL REFERENCES rooms (id),
	name TEXT NOT NULL,
	type TEXT NOT NULL,
	size BIGINT NOT NULL,
	by   TEXT NOT NULL,
	at   BIGINT NOT NULL
) WITHOUT ROWID;

-- The key is a page's own order: a room's newest messages lie side by side.
CREATE TABLE messages (
	id     TEXT NOT NULL,
	room   TEXT NOT NULL REFERENCES rooms (id),
	author TEXT NOT NULL,
	text   TEXT NOT NULL,
	at     BIGINT NOT NULL,
	file   TEXT UNIQUE REFERENCES files (id),
	PRIMARY KEY (room, id)
) WITHOUT ROWID;

-- +goose Down
DROP TABLE messages;
DROP TABLE files;
DROP TABLE members;
DROP TABLE rooms;
