// Package form reads and writes multipart/form-data bodies (RFC 7578) while they pass, and refuses what two parsers may read differently:
// what it accepts, every back end reads as the gateway did. It never holds more than a window of the body and the head of one part.
//
// Refused are, by the words of Rule: parameters of the boundary that parsers disagree on, text before the first and after the last
// delimiter, line feeds without carriage returns, white space after a delimiter, the boundary anywhere within a part, folded or doubled
// headers, Content-Disposition with unknown, doubled, continued or escaped parameters, parts without a name, nested multipart, content
// encodings, fields in other character sets than UTF-8, and bodies that end early.
package form
