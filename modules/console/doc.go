// Package console is gw_console: the security console, where those who run the gateway see what happens and act on it. It answers /console/ and
// everything below it, and passes on everything else.
//
// It shows the views that the gateway's parts describe (internal/view), each the same way: figures, a table that can be narrowed, sorted and
// exported, items, and actions that ask once and can be undone where the part knows how.
//
//   - /console/: leads to the first view that the person may see. /console/{view}: the view; filters stand in the address.
//   - /console/{view}/item?id=…: one row, whole. /console/{view}/export: the table as CSV or JSON. /console/{view}/live: rows as they come (server-sent events).
//   - /console/{view}/act/{action}: GET asks, POST does it. /console/{view}/undo: POST takes back what was done.
//
// Pages are whole without script; the script adds dialogs, live tables and charts. It stands inside the limits and the WAF, and outside
// gw_authorize; so it asks the policy itself, for every view and every action, with the permission that they name: console:read, console:act or
// console:admin. Only a person's own session is let in: no personal token, no service, nobody of another issuer. Each view that is shown, and each
// action, is an event; an action is on record before it is done.
//
// # When a part is down
//
// It fails closed: 503 where gw_policy can't decide, or where the audit log does not take an action; 403 where the policy's answer is malformed.
// Without gateway, gw_identity or gw_policy it does not load. A view whose part does not answer says so, beside what does.
//
// # Metrics
//
//   - gateway_console_requests_total{view,what,result}: what is page, item, export, live, ask, act or undo; result is ok, refused (4xx) or error (5xx).
//   - gateway_console_streams: streams of live rows that are open.
package console
