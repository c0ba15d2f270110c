// Package seclang reads SecLang, the language of ModSecurity's and Coraza's rules, into a model that can be reasoned about: what each rule looks at, what it
// asks, and what it does when the answer is yes.
//
// It runs nothing; Coraza does. It reads a configuration the way Coraza v3's parser does (lines, continuations, comments, includes, quotes), and Same
// compares what it read with the rules that Coraza says it compiled, so that a difference is noticed rather than believed.
package seclang
