-- +goose Up
-- Who may sign in to an account by an outside provider.
CREATE TABLE account_links (
	id         TEXT   PRIMARY KEY,                   -- random; what its owner calls it by
	account    TEXT   NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
	provider   TEXT   NOT NULL,                      -- its id in the configuration then
	issuer     TEXT   NOT NULL,
	subject    TEXT   NOT NULL UNIQUE,               -- HMAC of issuer and subject
	label      BYTEA  NOT NULL,                      -- what the provider calls the person, sealed with the person's data key
	created_at BIGINT NOT NULL,
	used_at    BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX account_links_account ON account_links (account);

-- +goose Down
DROP TABLE account_links;
