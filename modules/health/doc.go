// Package health is the handler gw_health: it answers probes at /healthz (is the process alive) and /readyz (should requests come here), and has the
// command `convosphere health`, which asks for a container that has no curl.
//
// It fails closed: a part that does not answer in time counts as failed, and a gateway that shuts down is not ready from the first moment on, before
// Caddy's shutdown_delay, so that a load balancer that looks at /readyz has stopped sending before the listeners close.
//
// What is wrong is told on this machine alone, unless `details` is set. Without a gateway app there are no parts: then only the shutdown counts. The parts, and the
// metrics gateway_ready and gateway_part_state, are the gateway app's.
package health
