// Package extended is a client of WebSockets over HTTP/2 (RFC 8441) and HTTP/3 (RFC 9220) for tests: a stream that an extended CONNECT has
// opened, as a connection, with nothing of WebSocket in it. As an http.RoundTripper it lets a WebSocket library that knows
// HTTP/1.1 alone speak over such a stream.
package extended
