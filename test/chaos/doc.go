// Package chaos proves limits from outside, on the built gateway: several processes count in one Redis, one Redis Cluster, or behind Sentinels;
// the clients' own count of what was admitted is compared to what the limit allows; and what stands between the gateway and Redis is made slow,
// deaf or gone meanwhile. The tests run each for seconds, `make measure` for a minute, and prints.
package chaos
