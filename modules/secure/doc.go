// Package secure is gw_secure, the one-line directive: it expands to the whole path of a request with secure defaults, in the
// order of the path, and every part of it can be configured or left out.
//
// The package also holds the handler gw_headers, the outermost of that path, which gives every answer the security headers that
// the back end did not set itself. Nothing in it can fail at run time.
package secure
