-- +goose Up
-- An id names one message, whatever the room.
CREATE UNIQUE INDEX messages_id ON messages (id);

-- +goose Down
DROP INDEX messages_id;
