package conformance

// ignored are the tests that do not hold here, each with its reason. Every entry is run too, and fails the run when it passes.
var ignored = map[string]string{}
