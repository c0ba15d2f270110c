// Package detect finds in events what rules describe. Rules are Sigma rules (specification 2.1.0): YAML that others write, too.
//
// Load reads and compiles them; Match tells which of them an event fits. What rules say about several events, their correlations, is read here
// and followed by package correlate.
package detect
