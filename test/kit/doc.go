// Package kit is what the end-to-end tests and the benchmark share: it builds the binaries, starts real
// processes on free loopback ports, and speaks to them as clients do.
//
// Nothing in it skips: what is missing (a redis-server, a browser) fails the test and says what to install.
// Every process is started, watched and ended by its id, and a test that ends leaves none behind.
package kit
