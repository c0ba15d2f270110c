// Package check holds what is in deploy/ to be right where neither a container engine nor a cluster is at hand: what the tools that read these files would
// say of them, what the files say of each other, and, with the parts of the kernel that containers are made of, that the built binary runs as they say.
// It is a module of its own, so that what these tools are made of stays out of the gateway.
package check
