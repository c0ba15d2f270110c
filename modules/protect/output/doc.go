// Package output is the last look at what a back end answers, and at its messages on sockets, before others work on it.
//
// Errors of the back end (5xx), and error answers that hold a stack trace, become a problem of the gateway's own; banners and internal headers go; a
// content type that is missing or plainly wrong is put right; JSON is written so that it stands for itself in HTML, too; and what package detect knows
// is reported, masked or withheld.
//
// Texts pass through it: it keeps one string of JSON, or some KiB of another text, and no document, but for the beginning of an answer, which is held
// back so that it can be refused as a whole. What is neither JSON nor text passes untouched, through the server's own fast copy.
package output
