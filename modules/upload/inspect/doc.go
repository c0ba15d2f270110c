// Package inspect tells what a file is, by its content and not by what its sender says, and what is wrong with it: names and types that
// contradict the content, images of too many pixels, archives that unpack to too much or reach out of their folder, files that are two
// things at once, active content in SVG, and macros and scripts in documents.
//
// A file is read in windows: memory stays constant whatever its size. What lies compressed in an archive and must be read at random, as a
// zip in a zip, goes to a Spool, whose size is bounded. All that a file costs is bounded by Limits over all of its levels together.
//
// It fails closed: what can't be read to its end, or is of a kind that can't be looked into, is a finding or an error, never silence.
package inspect
