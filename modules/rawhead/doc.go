// Package rawhead is the listener wrapper gw_raw_head: it shows handlers the heads of HTTP/1 requests as they came on the wire.
//
// It stands behind TLS in the server's listener_wrappers, looks on while net/http reads, and changes no byte. What it keeps, and
// when it rather gives nothing, says internal/wire. gw_waf shows the Core Rule Set the headers that Caddy drops for their
// names' sake: those with `_` or `.`, which back ends of the CGI family read as `-`.
//
// Nothing fails with it: where a head is not known for certain, handlers see what net/http shows them. HTTP/2 and 3 have no such head.
package rawhead
