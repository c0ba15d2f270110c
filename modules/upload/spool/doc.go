// Package spool keeps the bodies of uploads while they are looked at: in memory where they are short, else on disk, encrypted.
//
// A file on disk has no name from its first moment on, and its key is in memory alone: a process that ends, however it ends, leaves nothing that
// takes room or can be read. What all files take of the disk is bounded, what those of one client take to half of it, and a part of the disk
// stays free for others.
package spool
