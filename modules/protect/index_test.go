package protect

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

const people = `
route POST /people {
	key_set people
	record person
	mint $.id ulid
	encrypt mail
	index mail mail_index
}
route GET /people {
	key_set people
	record person /people/*
	encrypt mail
	index mail mail_index
	index query mail
}
`

// Who searches by a field finds what has the same value, and the back end learns no more than that it is the same.
func TestBlindIndex(t *testing.T) {
	e := newEnv(t, people, "")
	echo := func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(b)
	}
	e.backend(echo)
	index := func(mail string) string {
		r := e.post("/people", `{"mail":"`+mail+`"}`)
		var m struct {
			Mail  string  `json:"mail"`
			Index *string `json:"mail_index"`
		}
		if err := json.Unmarshal([]byte(r.body), &m); err != nil || m.Mail != mail || m.Index != nil {
			t.Fatal(err, r)
		}
		var at struct {
			Index string `json:"mail_index"`
		}
		if err := json.Unmarshal([]byte(e.stored()), &at); err != nil || len(at.Index) != 22 || strings.Contains(e.stored(), "example") {
			t.Fatal(err, e.stored())
		}
		return at.Index
	}
	ada, again, eve := index("ada@example.org"), index("ada@example.org"), index("eve@example.org")
	if ada != again || ada == eve {
		t.Error(ada, again, eve)
	}
	e.answers(200, "application/json", `{"people":[]}`)
	if r := e.get("/people?mail=ada%40example.org&x=1"); r.status != 200 {
		t.Fatal(r)
	}
	if got := e.reached()[0].URL.Query(); got.Get("mail") != ada || got.Get("x") != "1" || len(got) != 2 {
		t.Error(got)
	}
	for name, send := range map[string]func() reply{
		"one's own index":                func() reply { return e.post("/people", `{"mail":"x","mail_index":"`+ada+`"}`) },
		"one's own index, in other case": func() reply { return e.post("/people", `{"mail":"x","Mail_Index":"`+ada+`"}`) },
		"one's own index, by form": func() reply {
			return e.send("POST", "/people", "application/x-www-form-urlencoded", "mail=x&mail_index="+ada)
		},
		"a search in another case": func() reply { return e.get("/people?Mail=ada") },
		"a search by a list":       func() reply { return e.get("/people?mail%5B%5D=ada") },
		"an index of an object":    func() reply { return e.post("/people", `{"mail":{"a":1}}`) },
	} {
		e.backend(nil)
		if r := send(); r.status != http.StatusUnprocessableEntity || len(e.reached()) > 0 {
			t.Errorf("%s: %v", name, r)
		}
	}
	e.backend(echo)
	if e.send("POST", "/people", "application/x-www-form-urlencoded", "mail=ada%40example.org"); !strings.Contains(e.stored(), "mail_index="+ada) {
		t.Error(e.stored())
	}
}
