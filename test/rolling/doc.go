// Package rolling restarts the gateways of a fleet one after another, under load, and counts what becomes of requests and messages.
package rolling
