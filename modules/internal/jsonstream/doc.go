// Package jsonstream changes JSON (RFC 8259) while it passes: it keeps the elements of one list that somebody may have, and puts null in the
// place of members that must be masked. What stays goes on byte by byte as it came.
//
// It needs memory for one element, not for the document. It is as strict as package strictjson (no member twice, valid UTF-8, no half surrogates, 64
// levels), so what passes is read by everybody in the same way. Whatever is wrong ends the stream with an error; what was let out until then
// holds nothing that was refused.
package jsonstream
