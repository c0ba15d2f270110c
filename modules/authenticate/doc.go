// Package authenticate is gw_authenticate: who they say they are.
//
// It reads the access token from `Authorization: Bearer` or the cookie __Host-gw_access (a bearer wins, a query
// string is never read), has gw_identity verify it, and writes reqctx.Identity. No token is anonymous; a bad
// one is answered at once, for whoever sends a credential wants it honoured:
//
//   - bearer: 401 with WWW-Authenticate (RFC 6750), 400 for more than one Authorization header.
//   - cookie: 401, and the cookie is cleared; a page load goes to the login page instead. Two cookies of the name are
//     a bad one, since a neighbouring host may have planted the other. Under /auth/, the portal's paths, a bad cookie
//     makes the request anonymous: it must not keep anybody from logging in.
//
// Neither token goes further than the portal: Authorization and the gateway's cookies are taken out of the request; other
// cookies stay.
//
// Unknown tokens cost a signature and a database look-up, so each client may have only so many of them fail (20 at once,
// 5 a second): then 429. A token that verifies gives its share back, so that many people behind one address
// don't lock one another out. The table of clients is bounded; clients that find no place in it share one budget.
//
// A browser attaches cookies by itself. So with a cookie identity a request that changes something must come from the own
// origin (http.CrossOriginProtection), and so must every WebSocket handshake that names an origin, whatever its
// credential: else 403. `origins` adds origins to both.
//
// Further issuers' tokens, as bearers, and TLS client certificates give identities too, where the operator maps them (package foreign). They
// have no session: nothing ends them before they expire.
//
// An open socket ends within a second of its session (gw_identity's Watch), with close code 1008. When the token expires
// the socket stays if the session got newer tokens meanwhile. Otherwise its client is told by a message (renewal), has 30 seconds to
// refresh the session, by any node, and is closed with 1008 after them.
//
// # When a part is down
//
// It fails closed: where gw_identity can't check a token the answer is 503; an open socket whose deadline can't
// be asked closes with 1013. Without gw_identity it does not load.
//
// # Metrics
//
//   - gateway_authenticate_requests_total{result}: anonymous, known, verified, certificate, malformed,
//     invalid, no_role, throttled, error, cross_site
//   - gateway_authenticate_socket_closes_total{cause}: ended, expired, error
//   - gateway_authenticate_socket_renewals_total
package authenticate
