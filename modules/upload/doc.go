// Package upload is gw_upload: files that clients send are looked at before the back end gets them.
//
// An upload is a multipart body, and every body that is not declared as one of the kinds of messages (JSON, forms, XML, text, gRPC and their
// likes); at routes that say so, every body; and the binary messages of sockets. It is spooled, encrypted, to disk; its files are told by their
// content (package inspect), scanned by ClamAV where one is configured (package clamd), and the body is then passed on as it came, with its
// length. Everything else passes at once.
//
// It fails closed: what can't be read to its end, kept, inspected or scanned is refused, 503 where that is the gateway's own fault. In mode report
// everything passes. A scanner that is lost refuses uploads, unless it is configured to let them pass.
//
// Placeholders: none. Metrics: gateway_upload_*, see the README.
package upload
