// Package waf is the directive gw_waf: is the request an attack? It runs Coraza with the OWASP Core Rule Set, which is
// compiled into the binary, over the request line, the headers, the cookies and the body.
//
// Its place on the path is inside encode, after identity and limits, before the portal and authorization: what it refuses
// never reaches a handler that interprets input. A WebSocket's handshake is inspected as the request that it is.
//
// It fails closed: where the rules can't be run to their end (a full disk under the body buffer, a panic in an
// operator), the answer is 503. So it is where the inspections in flight leave no room for one more in time: they are bounded by
// weight in the whole process, and a client may take half of it. In mode detect nothing is refused on the rules' account.
//
// Responses, and messages on sockets, are not inspected by this package yet; no rule of the phases 3 and 4 is run.
//
// What it learned stands in reqctx.Request.Verdict: whether it blocked, the ids of the rules that matched, the score. The
// client is told 403 and nothing of the rules.
//
// By choice it captures requests (capture.go), for which it needs the gateway app's keys and folder; that fails open. The sub-commands
// `convosphere waf explain|replay|tune` are its, too.
//
// Metrics: gateway_waf_requests_total, gateway_waf_inspection_seconds, gateway_waf_overload_total,
// gateway_waf_rule_sets, gateway_waf_captured_total.
package waf
