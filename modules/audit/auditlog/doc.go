// Package auditlog keeps a node's events in a log that can't be altered unseen: a Merkle tree (RFC 6962) over them, whose root the node signs with
// Ed25519 (C2SP tlog-checkpoint). A changed, removed, inserted, reordered or cut-off event is found by whoever has a checkpoint and the node's
// public key (Verify), and proofs of single events can be checked without the log (Proof).
//
// A folder holds one log:
//
//	origin                 its name, which checkpoints begin with
//	vkey                   its public key, as C2SP signed-note writes it
//	lock                   held by the process that writes
//	checkpoint             the last one that was told; for whoever copies it elsewhere
//	pruned                 a checkpoint of what retention has removed, where it has
//	segments/N.jsonl       events from index N on, a JSON object a line; after each group that was written at once, a line with a checkpoint
//	hashes/K               the roots of the full subtrees of 256^K events, 32 bytes each: the tiles of C2SP tlog-tiles, one after the other
//
// An event is durable once the checkpoint behind it is on the disk. What a crash leaves behind the last checkpoint was promised to nobody: Open cuts
// it off and says so. Where a log is not what was signed, or signed with another key, it is set aside for people to look at, and a new one begins.
//
// Of an event only what tells of nobody is readable in the log (see public). The rest is sealed with a key of the person it is about, or of the day.
// The tree is made over what is sealed, so it stays as it is when a key is destroyed.
//
// It fails open: no request waits for it. What does not fit in its queue is counted, and the next event that is written says how many were lost
// before it (audit.lost). Who must know that an event is durable asks for it (Durable), and decides for themselves.
package auditlog
