// Package source is where a policy comes from: a folder, or a bundle (a tar archive in OPA's format, signed) from a file, from HTTP or
// from S3. It knows nothing of decisions; what it found it hands to who compiles.
//
// Whatever comes from outside is bounded: the archive's bytes, packed and unpacked, its number of files, and the time it may take.
package source
