// Package directive is the command `convosphere directive`: what a directive of the gateway, a global option or an app does, how it is written, and what
// happens when it fails. It says what the README of its module says, which is compiled in, and nothing else: there is no second text to go stale.
//
//	doc.go      this
//	page.go     a README as a page: name, summary, sections
//	command.go  the command and its completion
package directive
