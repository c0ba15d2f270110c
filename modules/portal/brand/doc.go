// Package brand is how an operator's portal looks: a colour, made into a small style sheet that people can read, and a logo.
package brand
