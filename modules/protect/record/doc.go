// Package record changes documents on their way to the back end and back: of each record (an object that has a type and an id, and lies where
// a Spec says) fields become tokens, and tokens fields again. A record's fields belong to the key set that its Spec names, of its tenant or room.
//
// What it is told of places is held against the whole document: a field whose place can't be reached without doubt (a name in another case, a list where
// an object should be) refuses the document.
package record
