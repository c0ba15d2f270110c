// Package route finds what is configured for the method and path of a request. Whoever decides by routes does it with this package, so that all of
// them read one path alike, and as the back end will.
package route
