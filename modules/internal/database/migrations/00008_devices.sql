-- +goose Up
-- Where people have signed in from. A browser is known again by a secret of its own, a program by what it says of itself.
CREATE TABLE devices (
	id            TEXT   PRIMARY KEY,                -- no secret
	account       TEXT   NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
	secret        TEXT   NOT NULL,                   -- SHA-256 of what the browser's cookie holds; '' is a program
	user_agent    TEXT   NOT NULL,                   -- and the rest: of the last login
	ip            TEXT   NOT NULL,
	country       TEXT   NOT NULL,
	created_at    BIGINT NOT NULL,
	used_at       BIGINT NOT NULL,
	trusted_until BIGINT NOT NULL DEFAULT 0,         -- no second factor is asked for until then …
	revision      BIGINT NOT NULL DEFAULT 0          -- … while the account has this revision
);
CREATE INDEX devices_account ON devices (account, used_at);
CREATE INDEX devices_used ON devices (used_at);

-- The countries an account was used from; rows of devices that are forgotten would forget them too.
CREATE TABLE login_countries (
	account TEXT   NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
	country TEXT   NOT NULL,
	used_at BIGINT NOT NULL,
	PRIMARY KEY (account, country)
);
CREATE INDEX login_countries_used ON login_countries (used_at);

ALTER TABLE sessions ADD COLUMN device TEXT NOT NULL DEFAULT '';        -- '' of sessions begun before devices were known
ALTER TABLE sessions ADD COLUMN country TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN remembered BIGINT NOT NULL DEFAULT 0;   -- lasts longer, as the person chose
ALTER TABLE sessions ADD COLUMN trusted BIGINT NOT NULL DEFAULT 0;      -- begun on a device that was trusted
ALTER TABLE sessions ADD COLUMN risk TEXT NOT NULL DEFAULT '';          -- separated by commas
ALTER TABLE sessions ADD COLUMN used_at BIGINT NOT NULL DEFAULT 0;      -- last login, refresh or step up
CREATE INDEX sessions_device ON sessions (device);

-- +goose Down
DROP INDEX sessions_device;
ALTER TABLE sessions DROP COLUMN used_at;
ALTER TABLE sessions DROP COLUMN risk;
ALTER TABLE sessions DROP COLUMN trusted;
ALTER TABLE sessions DROP COLUMN remembered;
ALTER TABLE sessions DROP COLUMN country;
ALTER TABLE sessions DROP COLUMN device;
DROP TABLE login_countries;
DROP TABLE devices;
