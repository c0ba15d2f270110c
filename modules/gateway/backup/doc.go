// Package backup writes everything durable of a gateway into one encrypted file, and brings it back: the tables of its database and, unless
// asked not to, its key ring. A backup of either database can be restored into the other.
//
// # The file
//
//	line     "convosphere-backup-1\n"
//	header   4 bytes: length, big endian; JSON (Header)
//	tag      32 bytes: HMAC-SHA256 of all before, by a key of the secret and the header's salt
//	body     Tink's AES-GCM-HKDF stream (AES-256, segments of 1 MiB), all before as its associated data
//
// The secret is a passphrase, through Argon2id, or a key file's 32 bytes. The tag tells a wrong secret from a broken file, before
// anything is decrypted. The body's segments are numbered and the last one is marked, so nothing can be cut off, added, exchanged or
// reordered; the associated data ties it to its own header.
//
// Decrypted, the body is records: a byte that says what it is, a length (uvarint) and as many bytes.
//
//	P   a proof: something sealed with the key ring, which tells a ring that fits from another
//	T   a table: JSON, its name and columns; its rows follow
//	R   a row: its values, each a byte for the kind, then: n nothing; i a signed varint; t and b a length and text or bytes
//	K   a key file: the length of its name, its name, its bytes
//	E   the end: JSON, how many rows each table had
//
// Tables and columns must be exactly those of the version of the tables that the header tells. A restore builds them anew in a scratch
// SQLite file, brings that up to date, and checks what refers to what, before the target is touched; then the file takes the place
// of the target's, or its rows are copied into PostgreSQL in one transaction.
//
// Left out are the tables `changes` and `turns`, by which running gateways tell each other what to look at again and whose turn it is (a restore wants
// none running), `backups`, and `schema_needs`, which is of the database that it stands in.
package backup
