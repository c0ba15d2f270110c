// Package backend is the chat behind the gateway: rooms, their members, messages and files.
//
// It is thin on purpose. Who may do what is decided by the gateway in front of it; this program checks only that a
// request came through the gateway (package http, assertion.go) and that what it is told makes sense: names and texts have
// limits, a message belongs to its room. The types and these rules are here, the tables in sqlite, the service in http.
package backend
