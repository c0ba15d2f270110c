// Go takes declarations without a body, as those of coraza.go, only in a package that has a file of assembly.
