// Package reframe changes forms (multipart/form-data, RFC 7578) while they pass, in constant memory: values one by one, and files as they stream.
//
// What comes out is written anew, with a boundary of the gateway's: each part with its Content-Disposition and its type alone, names
// quoted as browsers do, nothing before the first part and nothing after the last. So whatever a server makes of odd forms, it reads the parts that were read here.
// What can't be written so that everybody reads it alike is refused (*Error): parts without a name or with two, names with quotes, backslashes or
// control characters, transfer encodings, forms in forms, more than 1000 parts, heads of more than 64 KiB.
package reframe
