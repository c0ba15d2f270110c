// Command image writes the images of the gateway and of the chat without a container engine: as an OCI layout in a tar, which `docker load`,
// `podman load` and `skopeo copy oci-archive:` take, or as the bare tree that deploy/Dockerfile copies. The same input gives the same bytes.
//
//	go run ./deploy/image -binary bin/convosphere -out convosphere.tar [-what gateway|chat] [-version 1.2.3] [-arch amd64]
//	go run ./deploy/image -binary bin/convosphere -tree DIR [-what gateway|chat]
package main
