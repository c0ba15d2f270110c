// Package detect finds what should not leave in a text: payment cards, bank accounts, mail addresses, telephone numbers, national identity numbers,
// keys of programs and private keys. Wherever the issuer gives check digits, they are checked; what has none must have its issuer's shape.
//
// It reads a text once, and stops only where a word begins with what a kind that is asked for begins with.
package detect
