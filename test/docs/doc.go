// Package docs holds what people read to what there is: every fenced example of the guides runs, every link leads somewhere, every message that the
// guides explain is one that the gateway writes, and every command and flag has help.
package docs
