// Package audit is the outermost handler, gw_audit: it gives each request its id, recovers panics, renders errors, and writes
// one security event when the response, or the socket, has ended.
//
// It fails open: an event that can't be written never stops a request. It is lost only when the queue (16384 events) is full or the
// disk refuses it, and the next event that is written says how many were lost (gateway.events_dropped).
//
// Besides the handler, the package has the commands that read the audit log (convosphere audit), which auditlog keeps for the gateway app.
//
// Events go to events/events.jsonl in the gateway's data folder; without a gateway app they go to Caddy's log, with one
// warning at load. Placeholders: {http.gw.request_id} and, where requests are traced, {http.gw.trace_id}. Metrics: gateway_requests_total,
// gateway_panics_total, gateway_sockets_open, gateway_handler_seconds and gateway_security_seconds.
package audit
