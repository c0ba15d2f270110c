package attack

import "testing"

func TestClass(t *testing.T) {
	for rule, want := range map[int]string{
		942100: "sqli", 941110: "xss", 932260: "rce", 913100: Scanner, 920272: Protocol, 949110: "", 959100: "", 980130: "", 901340: "", 590002: "", 200004: "",
		0: "", -1: "", 10001: Local, 1000001: Local, 955100: "webshell",
	} {
		if got := Class(rule); got != want {
			t.Errorf("%d is %q, want %q", rule, got, want)
		}
	}
}
