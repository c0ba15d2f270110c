-- +goose Up
-- What was counted in a length of time at a node: figures for people, nothing of persons.
CREATE TABLE figures (
	step BIGINT NOT NULL,  -- seconds: 300, 3600 or 86400
	at   BIGINT NOT NULL,  -- when it began
	node TEXT   NOT NULL,
	body TEXT   NOT NULL,  -- a name and a number a line
	PRIMARY KEY (step, at, node)
);

-- +goose Down
DROP TABLE figures;
