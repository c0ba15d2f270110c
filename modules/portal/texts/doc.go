// Package texts holds what the portal's pages say, in every language that they speak.
//
// A language is a folder of JSON files, one a subject: the member "title" of login.json is the message "login.title". English and German are compiled
// in; an operator's file adds a language or words some messages anew. Messages are plain text with {names} to fill in, never markup:
// whoever shows one escapes it.
package texts
