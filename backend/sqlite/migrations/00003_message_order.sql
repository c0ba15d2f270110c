-- +goose Up
-- Ids were UUIDs and are ULIDs now, beside which a UUID may sort anywhere, so which of them it is comes first in the order.
ALTER TABLE messages ADD COLUMN ulid INTEGER NOT NULL GENERATED ALWAYS AS (length(id) = 26) VIRTUAL;
CREATE INDEX messages_in_order ON messages (room, ulid, id);

-- +goose Down
DROP INDEX messages_in_order;
ALTER TABLE messages DROP COLUMN ulid;
