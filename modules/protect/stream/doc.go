// Package stream encrypts bodies of any length while they pass: files, which no gateway should hold in memory, and whose readers
// must see the moment they arrive that something is missing.
//
// # Format
//
//	"\xf1GWSTRM\x01"  n (1)  key set's id (n bytes, filled up to 64 with zeros)  version (4)  |  40  salt (32)  nonce prefix (7)  |  segment 0  segment 1 …
//
// What follows the first bar is a ciphertext of Tink's AES256_GCM_HKDF_64KB: each stream has a key of its own, by HKDF-SHA256 from the key of
// that version, the salt and the associated data; each segment is sealed by AES-256-GCM under the nonce prefix, its number and whether it is the last. So segments
// that are cut off, reordered or come from another stream don't open, and neither does a stream in the place of another's: the associated
// data names the tenant, the record and the field (Place). The version of the key is found by the head; it is not bound, nor is the key that wraps it.
//
// Every segment ends at a multiple of 64 KiB of the whole, the head included. So of the lengths of a plaintext and its stream each can be
// told from the other (PlainSize, SealedSize).
//
// Nothing that was not authenticated is given out. Memory: one segment, about 64 KiB, for each stream.
package stream
