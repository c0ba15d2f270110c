// Package body encrypts whole bodies on their way to the back end, and decrypts them on their way back, while they stream: files.
//
// A request's body is either a form, whose one file is encrypted, or the file itself (Seal). Of an answer (Answer) the status, the headers and the body
// become those of the plaintext: Content-Length, an ETag of its own, ranges and conditional requests. Nothing reaches the client before the first segment has
// proved authentic; from then on what can't be opened ends the answer, so that the client sees that it is not whole.
//
// Ranges: the back end is asked for the whole, the range is cut out here, and the back end's answer is ended once the range is complete. Several ranges at once
// are answered with the whole, as RFC 9110 allows.
package body
