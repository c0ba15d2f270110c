// Package waf is the directive gw_waf: is the request an attack? It runs Coraza with the OWASP Core Rule Set, which is
// compiled into the binary, over the request line, the headers, the cookies and the body of a request, each message on a socket, and
// the answer.
//
// Of an HTTP/1 request it also shows the rules the header names that Caddy drops, where the listener wrapper gw_raw_head keeps them.
//
// Its place on the path is inside encode, after identity and limits, before the portal and authorization: what it refuses
// never reaches a handler that interprets input. A WebSocket's handshake is inspected as the request that it is (over HTTP/2 and
// HTTP/3: as the GET that the extended CONNECT stands for).
//
// It fails closed: where the rules can't be run to their end (a full disk under the body buffer, a panic in an
// operator), the answer is 503. So it is where the inspections in flight leave no room for one more in time: they are bounded by
// weight in the whole process, and a client may take half of it. In mode detect nothing is refused on the rules' account.
//
// Package screen spares most requests the rules: it tells which of them can't match, and usually that is all.
//
// Answers that are texts are inspected: kept back and then whole, so that a leak is a clean 502, or from their first flush on as they
// come by, so that a leak ends the stream. Where the rules can't be run it fails closed, too.
//
// Each message on a socket is inspected as the body of a POST to the socket's path; one that is refused closes the socket (message.go, socket.go).
//
// Of several of these handlers on a request's way the first decides (reqctx.Request.Inspected); the others pass it on.
//
// What it learned stands in reqctx.Request.Verdict: whether it blocked, the rules that matched, on which variables, the shape of what they matched, the
// scores, and what was not inspected. The client is told 403 and nothing of the rules.
//
// By choice it captures requests (capture.go), for which it needs the gateway app's keys and folder; that fails open. The sub-commands
// `convosphere waf explain|replay|tune` are its, too.
//
// Metrics: gateway_waf_requests_total, gateway_waf_inspection_seconds, gateway_waf_phase_seconds, gateway_waf_screened_total,
// gateway_waf_rule_hits_total, gateway_waf_overload_total, gateway_waf_rule_sets, gateway_waf_captured_total; of sockets
// gateway_waf_messages_total; of answers gateway_waf_responses_total, gateway_waf_response_inspection_seconds,
// gateway_waf_responses_streamed_total.
package waf
