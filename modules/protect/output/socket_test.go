package output

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/wsframe"
)

func TestMessages(t *testing.T) {
	for _, c := range []struct {
		name, action, in, want string
		binary, dropped        bool
		found                  int
	}{
		{"reported", Report, `{"type":"message","text":"` + card + `"}`, `{"type":"message","text":"` + card + `"}`, false, false, 1},
		{"masked, and markup", Mask, `{"text":"` + card + ` <b>"}`, `{"text":"************1111 \u003cb\u003e"}`, false, false, 1},
		{"dropped", Block, `{"text":"` + card + `"}`, "", false, true, 1},
		{"no JSON", Mask, "card " + card, "card ************1111", false, false, 1},
		{"only looks like JSON", Mask, `{"a" ` + card, `{"a" ************1111`, false, false, 1},
		{"cut off", Block, `{"text":"` + card, "", false, true, 1},
		{"binary", Mask, `{"text":"` + card + `"}`, `{"text":"************1111"}`, true, false, 1},
		{"nothing", Block, `{"text":"<b>"}`, `{"text":"\u003cb\u003e"}`, false, false, 0},
		{"nothing at all", Block, "", "", false, false, 0},
	} {
		var told []Outcome
		f, err := New(Options{}, []Rule{{Kinds: []string{"card"}, Action: c.action}}, func(_ *http.Request, o Outcome) { told = append(told, o) })
		if err != nil {
			t.Fatal(err)
		}
		r, _ := reqctx.Ensure(httptest.NewRequest("GET", "/ws", nil))
		s := f.Socket(r)
		for range 3 { // a socket has many
			told = nil
			m := &wsframe.Message{Dir: wsframe.Out, Binary: c.binary, Data: []byte(c.in)}
			err = s.Message(t.Context(), m)
			if errors.Is(err, wsframe.Drop) != c.dropped || !c.dropped && (err != nil || string(m.Data) != c.want) {
				t.Errorf("%s: %q %v", c.name, m.Data, err)
			}
			if c.found == 0 && len(told) > 0 || c.found > 0 && (len(told) != 1 || !told[0].Message || len(told[0].Found) != 1 || told[0].Found[0].Count != c.found || (told[0].Refused != "") != c.dropped) {
				t.Errorf("%s: %+v", c.name, told)
			}
		}
		m := &wsframe.Message{Dir: wsframe.In, Data: []byte(c.in)}
		if err := s.Message(t.Context(), m); err != nil || string(m.Data) != c.in {
			t.Errorf("%s: a client's message becomes %q %v", c.name, m.Data, err)
		}
	}
}

// Without rules a message that HTML would not misread is not touched, and a socket for which nothing is to be done has no hook.
func TestMessagesWithoutRules(t *testing.T) {
	f, err := New(Options{}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, _ := reqctx.Ensure(httptest.NewRequest("GET", "/ws", nil))
	s := f.Socket(r)
	for in, want := range map[string]string{`{"a":"<"}`: `{"a":"\u003c"}`, `a < b`: `a < b`, `["x"]`: `["x"]`, "{\"a\":\"" + strings.Repeat("&", 10) + "\"}": `{"a":"` + strings.Repeat(`\u0026`, 10) + `"}`} {
		m := &wsframe.Message{Dir: wsframe.Out, Data: []byte(in)}
		if err := s.Message(t.Context(), m); err != nil || string(m.Data) != want {
			t.Errorf("%s becomes %s %v", in, m.Data, err)
		}
	}
	if f, err = New(Options{Escape: Off}, nil, nil); err != nil || f.Socket(r) != nil {
		t.Error("nothing is to be done, and there is a hook", err)
	}
}
