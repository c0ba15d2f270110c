// Package attack tells what kind of attack a rule of the Core Rule Set looks for.
package attack

// classes by the thousands of a rule's id, as the files of the Core Rule Set are numbered.
var classes = map[int]string{
	911: Protocol, 913: Scanner, 920: Protocol, 921: Protocol, 922: Protocol,
	930: "lfi", 931: "rfi", 932: "rce", 933: "php", 934: "generic", 941: "xss", 942: "sqli", 943: "fixation", 944: "java",
	950: "leak", 951: "leak", 952: "leak", 953: "leak", 954: "leak", 955: "webshell", 956: "leak",
}

// Classes that no person's text falls into: who causes them runs a tool.
const (
	Protocol = "protocol"
	Scanner  = "scanner"
	Local    = "local" // a rule of the operator's
)

// Class is the class of the rule, "" for one that judges (949110) or bounds (200004, 590002) and looks for no attack.
func Class(rule int) string {
	if c, ok := classes[rule/1000]; ok {
		return c
	}
	if rule >= 900_000 && rule < 1_000_000 || rule >= 590_000 && rule < 591_000 || rule >= 200_000 && rule < 200_100 || rule < 1 {
		return ""
	}
	return Local
}
