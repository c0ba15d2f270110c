-- +goose Up
-- What other processes hold in memory and must look at again. seq only grows, given by the writer, who is alone
-- (feed.go); so one schema serves both databases. Rows live an hour, the last one for ever.
CREATE TABLE changes (
	seq     BIGINT PRIMARY KEY,
	topic   TEXT   NOT NULL,
	subject TEXT   NOT NULL,
	at      BIGINT NOT NULL
);
CREATE INDEX changes_at ON changes (at);

-- +goose Down
DROP TABLE changes;
