// Package trace records what becomes of a request as spans, and hands them to an exporter: OpenTelemetry's model, W3C's headers
// (https://www.w3.org/TR/trace-context/).
//
// A request has an id of a trace from its beginning, whether it is sampled or not, so that events, answers and the back end's own traces can name it. Only
// what is sampled is recorded; besides, a request that ends with 5xx gives its outermost span, if that is asked for. Nothing here waits for the exporter:
// spans that find no room are counted and left out (fail open).
package trace
