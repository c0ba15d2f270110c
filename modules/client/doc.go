// Package client is gw_client: who is calling, and a request that means one thing only.
//
// It stands outermost on the path, inside gw_audit, and does five things with every request:
//
//   - It writes reqctx.Client: the caller's address as Caddy's trusted_proxies give it, unmapped and without zone, and the
//     direct peer where that is a trusted proxy; and the country of the address, where the gateway has a country file.
//   - It turns away who is banned, before any other work, and ends their sockets when they are banned later.
//   - It deletes what the client may not say: who the user is (X-User-*, X-Gateway-*, what other proxies use for it, and what
//     `strip` adds), another path or method than the request's own, and, from a peer that is no trusted proxy, what proxies
//     say. A name is compared without case and with every character that is neither letter nor digit read as `-`, since
//     CGI, WSGI and PHP fold `_`, `.` and more into one another. Trailers pass by name only, none by default: a back
//     end that merges them into the headers would take Authorization or Cookie from there (RFC 9110 section 6.5.1).
//   - It takes the sting out of the hop-by-hop headers. Caddy's proxy deletes whatever `Connection` names, after the
//     gateway has set its own headers, so `Connection: X-User-Id` would delete ours: no name passes. `Upgrade` passes for
//     one thing, the WebSocket handshake of RFC 6455 over HTTP/1.1, which the tap can read; anything else would be a
//     tunnel that nobody inspects.
//   - It refuses what is too large or malformed, before anything costs.
//
// It asks nobody but the bans in memory, so there is nothing that could be down. It refuses rather than repairs where two readers of the
// request could disagree.
//
// # What a handler can see of request smuggling, and what it cannot
//
// A request with both Content-Length and Transfer-Encoding reaches a handler without its Content-Length: net/http
// drops it and reads the chunks, as RFC 9112 section 6.1 allows, but keeps the connection, which that section forbids.
// A handler can't tell it from an honest chunked request. So the connection of every HTTP/1 request with chunks ends
// with its answer; that costs such a client a new connection a request, and browsers send no chunks. Broken chunks
// and broken trailers answer 400, on a connection that ends likewise.
//
// Of an HTTP/1.0 request net/http drops Transfer-Encoding instead, and reads what Content-Length says, nothing where there
// is none. So no sign is left of the faulty framing, not even a body, and the connection of every HTTP/1.0 request ends.
//
// What no handler sees: two Content-Length headers, a bare LF, a space before a colon, a chunk extension. net/http
// refuses the first and third itself (400, closed) and reads the others in one way only; what it passes to the back end it
// writes anew, so its reading is the only one.
//
// # Placeholders
//
// {http.gw.client.ip}: the caller's address, empty where it is unknown (a Unix socket).
//
// # Metrics
//
//   - gateway_client_refused_total{reason}: requests refused; reason is one of url, headers, body, path, method, upgrade,
//     websocket, broken-body, slow-body, banned.
//   - gateway_client_stripped_total{kind}: requests that claimed what they may not; kind is header or trailer (an identity),
//     override (a path or method) or proxy (who called a proxy).
package client
