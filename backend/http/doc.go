// Package http serves the chat: its JSON API, its sockets and its page.
//
// Every request but GET /healthz must carry the gateway's assertion (assertion.go); without one it is 401, so a request that
// got round the gateway is refused here too. Nothing else is decided here: who may read, write or delete is the gateway's.
package http
