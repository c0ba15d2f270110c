-- +goose Up
-- Who may not come. prefix: canonical, as 192.0.2.0/24; IPv6 at most /64 long.
CREATE TABLE bans (
	prefix  TEXT   PRIMARY KEY,
	reason  TEXT   NOT NULL,
	source  TEXT   NOT NULL,   -- operator, abuse, monitor or import:NAME
	created BIGINT NOT NULL,
	expires BIGINT NOT NULL    -- 0: never
);
CREATE INDEX bans_expires ON bans (expires) WHERE expires <> 0;
CREATE INDEX bans_source ON bans (source, prefix);

-- How often somebody was banned before, so that the next time is longer. Lists that were imported don't count.
CREATE TABLE ban_history (
	prefix TEXT   PRIMARY KEY,
	times  BIGINT NOT NULL,
	until  BIGINT NOT NULL     -- when it is forgotten; 0: while the ban lasts, which is for ever
);
CREATE INDEX ban_history_until ON ban_history (until) WHERE until <> 0;

-- +goose Down
DROP TABLE ban_history;
DROP TABLE bans;
