// Package gateway is the ground that all handlers and apps stand on: data folder, store, database with its change feed, key
// ring and event bus.
//
// It is a Caddy app with one global option, `gateway`. It opens the resources, lends them as a ground.Ground, and then
// loads the apps gw_policy, gw_identity and gw_monitor where the build has them. What a reload does not change stays open, with
// its counters and caches; what it does change is closed when the last request that uses it has ended. When anything can't
// be opened the configuration does not load, and the running one stays as it was.
package gateway
