package screen

import "testing"

// Rule sets that the screen was once wrong about, each with a request that showed it.
func TestRuleSets(t *testing.T) {
	get := request("GET", "/x?a=ab", "")
	bare := func(uri string) *Request {
		r := request("GET", uri, "")
		r.Header = func(yield func(name, value string) bool) { yield("Host", "a") }
		return r
	}
	json := request("POST", "/x?a=1", `{"a":"b"}`)
	for name, c := range map[string]struct {
		rules string
		r     *Request
		a     *Answer
	}{
		"a capture that the chain reads": {`SecRule ARGS "@rx ^(.)" "id:1,phase:2,deny,capture,chain"
SecRule TX:1 "@streq a"`, get, nil},
		"a capture that a silent rule leaves behind": {`SecRule ARGS "@rx ^(.)" "id:1,phase:2,pass,nolog,capture"
SecRule TX:1 "@streq a" "id:2,phase:2,deny"`, get, nil},
		"a capture of what does not match": {`SecRule ARGS "!@rx ^(.)" "id:1,phase:2,deny,capture"
SecRule TX:1 "@streq a" "id:2,phase:2,deny"`, get, nil},
		"what a rule sets on the way to not matching": {`SecRule ARGS "@rx a" "id:1,phase:2,deny,setvar:'tx.a=1',chain"
SecRule ARGS "@streq no"
SecRule TX:a "@eq 1" "id:2,phase:2,deny"`, get, nil},
		"the same, if the rule is taken out": {`SecRule ARGS "@rx a" "id:5,phase:1,pass,nolog,ctl:ruleRemoveById=1"
SecRule ARGS "@rx a" "id:1,phase:2,deny,setvar:'tx.a=1',chain"
SecRule ARGS "@streq no"
SecRule ARGS "@rx a" "id:2,phase:2,deny,chain"
SecRule &TX:a "@eq 0"`, get, nil},
		"the same, if it is passed over": {`SecRule ARGS "@rx a" "id:5,phase:2,pass,nolog,skipAfter:M"
SecRule ARGS "@rx a" "id:1,phase:2,deny,setvar:'tx.a=1',chain"
SecRule ARGS "@streq no"
SecMarker M
SecRule ARGS "@rx a" "id:2,phase:2,deny,chain"
SecRule &TX:a "@eq 0"`, get, nil},
		"a count of what is left": {`SecRule REQUEST_URI "@contains x" "id:1,phase:1,pass,nolog,ctl:ruleRemoveTargetById=2;REQUEST_HEADERS:Host"
SecRule &REQUEST_HEADERS:Host "@eq 0" "id:2,phase:2,deny"`, get, nil},
		"a count of what a directive leaves": {`SecRule &REQUEST_HEADERS:Host "@eq 0" "id:2,phase:2,deny"
SecRuleUpdateTargetById 2 "!REQUEST_HEADERS:Host"`, get, nil},
		"a variable that a directive takes away": {`SecAction "id:1,phase:1,pass,nolog,setvar:'tx.a=1'"
SecRule TX:a "@eq 1" "id:2,phase:2,pass,nolog,skipAfter:M"
SecRule ARGS "@rx a" "id:3,phase:2,deny"
SecMarker M
SecRuleUpdateTargetById 2 "!TX:a"`, get, nil},
		"the body, before it is there":        {`SecRule REQUEST_BODY "@rx ^$" "id:1,phase:1,deny"`, form("a=b"), nil},
		"arguments, before the body is there": {`SecRule &ARGS "@eq 1" "id:1,phase:1,deny"`, json, nil},
		"an answer, before it is there":       {`SecRule RESPONSE_BODY "@rx ^$" "id:1,phase:3,deny"`, get, &Answer{Status: "200", Body: "a", Header: func(func(name, value string) bool) {}}},
		"a status, before it is there":        {`SecRule RESPONSE_STATUS "@rx ^$" "id:1,phase:2,deny"`, get, nil},
		"logging":                             {`SecRule ARGS "@rx a" "id:1,phase:5,pass,log"`, get, nil},
		"logging what another one has set": {`SecRule ARGS "@rx a" "id:1,phase:2,deny,setvar:'tx.a=1',chain"
SecRule ARGS "@streq no"
SecRule TX:a "@eq 1" "id:2,phase:5,pass,log"`, get, nil},
		"logging without an answer": {`SecAction "id:1,phase:4,pass,nolog,skipAfter:M"
SecRule ARGS "@rx a" "id:2,phase:5,pass,log"
SecMarker M`, get, nil},
		"a body that Coraza keeps in TX": {`SecRule TX "@rx ^\{" "id:1,phase:2,deny"`, json, nil},
		"a marker of the next phase": {`SecRule REQUEST_URI "@unconditionalMatch" "id:9,phase:3,pass,nolog"
SecAction "id:1,phase:2,pass,nolog,skipAfter:END"
SecMarker M
SecAction "id:2,phase:1,pass,nolog,skipAfter:M"
SecRule ARGS "@rx a" "id:3,phase:2,deny"
SecMarker END`, get, nil},
		"a skip that counts what is taken out": {`SecRule ARGS "@rx a" "id:1,phase:1,pass,nolog,ctl:ruleRemoveById=3"
SecRule ARGS "@rx a" "id:2,phase:2,pass,log,skip:1"
SecRule ARGS "@rx b" "id:3,phase:2,pass,log"
SecRule ARGS "@rx no" "id:4,phase:2,pass,log"
SecRule ARGS "@rx ab" "id:5,phase:2,pass,log"`, get, nil},
		"what another rule matched": {`SecRule ARGS "@rx a" "id:1,phase:2,deny,chain"
SecRule ARGS "@streq no"
SecRule MATCHED_VAR "@streq ab" "id:2,phase:2,deny"`, get, nil},
		"a header's name in another case": {`SecRule &REQUEST_HEADERS:/[^a-z]/ "@eq 0" "id:1,phase:2,deny"`, bare("/x"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := newSmall("SecRuleEngine On\n" + c.rules + "\n")
			if err != nil {
				t.Log("no screen: ", err) // which is safe
				return
			}
			p.check(t, c.r, c.a)
		})
	}
}

// An answer that is inspected in pieces is inspected with what the request left, not with what the piece before left.
func TestPiecesOfAnAnswer(t *testing.T) {
	p, err := newSmall(`SecRule REQUEST_URI "@rx x" "id:2,phase:2,pass,log,setvar:'tx.a=+1',chain"
SecRule REQUEST_URI "@rx y"
SecRule RESPONSE_BODY "@rx a" "id:1,phase:4,pass,log,setvar:'tx.a=+1',chain"
SecRule TX:a "@gt 2"
`)
	if err != nil {
		t.Fatal(err)
	}
	e, _ := p.screen.Request(request("GET", "/x", ""))
	for range 3 {
		if res := e.Response(&Answer{Status: "200", Body: "a", Header: func(func(name, value string) bool) {}}); !res.Clean {
			t.Fatalf("%+v", res)
		}
	}
}
