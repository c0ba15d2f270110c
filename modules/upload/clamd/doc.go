// Package clamd has ClamAV's daemon scan files: over TCP or a unix socket, by INSTREAM, on connections that are kept (IDSESSION).
//
// A Scanner looks every few seconds whether the daemon answers. While it does not, scans fail at once, so that a daemon that is gone costs requests
// no time. What fails or takes too long is an error, never a clean verdict: what then becomes of the file is the caller's to say.
//
// The daemon says OK of what it did not look at, namely what is beyond its MaxFileSize and MaxScanSize. Options.Limit must not be above them.
package clamd
