// Package xconnect has the program offer WebSockets over HTTP/2 (extended CONNECT, RFC 8441) when it is imported. Go does so with
// GODEBUG=http2xconnect=1 only, which golang.org/x/net/http2 reads as the program starts, past what //go:debug sets.
//
// It works because of the order that the language gives to initialization: of the packages that are ready, the one whose import path
// sorts first. This one needs nothing that net/http doesn't need, and its path sorts before those of both HTTP/2 servers.
// Whoever sets http2xconnect in GODEBUG has the last word.
package xconnect

import "os"

func init() {
	const name, setting = "GODEBUG", "http2xconnect="
	had := os.Getenv(name)
	for i := 0; i+len(setting) <= len(had); i++ {
		if had[i:i+len(setting)] == setting {
			return
		}
	}
	if had != "" {
		had += ","
	}
	_ = os.Setenv(name, had+setting+"1") // it fails for malformed names alone
}
