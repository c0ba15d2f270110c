// Package authorize is gw_authorize: may they? It asks the policy about every request, every WebSocket handshake and every socket
// message, tells the back end who the user is, takes out of lists what the user may not have, and learns from
// the back end's own answers what belongs to whom.
//
// It stands innermost on the path, directly before the proxy, since it must decide on what the back end will see.
//
// It fails closed: what is ambiguous is 400, what is refused 401 or 403, what can't be decided now 503, an answer that is not what the
// route says 502. The places are marked where they are. It needs the `gateway` app and does not load without it.
//
// It leaves to others: the identity (gw_authenticate; without it everybody is anonymous), and closing sockets whose session ends.
//
// Metrics: gateway_authorize_requests_total, gateway_authorize_messages_total, gateway_authorize_grants_total, gateway_authorize_sockets_closed_total,
// gateway_authorize_answers_withheld_total, gateway_authorize_elements_removed_total.
package authorize
