-- +goose Up
-- Who stands in which relation to what. subject: a user name, "*" for everyone who is signed in, or for the relation
-- "parent" an object. object: "type:id". The key's order serves the question that every decision asks.
CREATE TABLE grants (
	object   TEXT   NOT NULL,
	subject  TEXT   NOT NULL,
	relation TEXT   NOT NULL,
	at       BIGINT NOT NULL,
	PRIMARY KEY (object, subject, relation)
);
CREATE INDEX grants_subject ON grants (subject, relation);

-- +goose Down
DROP TABLE grants;
