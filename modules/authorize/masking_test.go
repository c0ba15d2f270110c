package authorize

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/convosphere/gateway/modules/internal/jsonstream"
	"github.com/convosphere/gateway/modules/internal/strictjson"
)

func testMasks(key string) *masks { return &masks{key: func() []byte { return []byte(key) }} }

// masked is what becomes of a member "v" by a method.
func masked(t testing.TB, m *masks, how, value string) string {
	t.Helper()
	found, err := m.of([]string{how + ":/v"})
	if err != nil {
		t.Fatal(err)
	}
	out, err := found.Apply([]byte(`{"v":` + value + `}`))
	if err != nil {
		t.Fatalf("%s of %s: %v", how, value, err)
	}
	return strings.TrimSuffix(strings.TrimPrefix(string(out), `{"v":`), `}`)
}

func TestMethodsOfMasking(t *testing.T) {
	m := testMasks("key")
	for _, c := range [][3]string{
		{"null", `"secret"`, `null`},
		{"mail", `"anna@example.org"`, `"a***@example.org"`},
		{"mail", `"a@example.org"`, `"***@example.org"`},
		{"mail", `"änna@exämple.org"`, `"ä***@exämple.org"`},
		{"mail", `["anna@example.org",["bob@b.org"],7,{"x":1}]`, `["a***@example.org",["b***@b.org"],null,null]`},
		{"truncate(0,4)", `"4111111111111111"`, `"***1111"`},
		{"truncate(2,2)", `"jonathan smith"`, `"jo***th"`},
		{"truncate(0,4)", `4111111111111111`, `"***1111"`},
		{"truncate(1,1)", `"日本語日本語"`, `"日***語"`},
		{"truncate(0,0)", `"x"`, `"***"`},
		{"truncate(1,0)", `"<b>\"\u0000"`, `"\u003c***"`},
	} {
		if got := masked(t, m, c[0], c[1]); got != c[2] {
			t.Errorf("%s of %s: %s, want %s", c[0], c[1], got, c[2])
		}
	}
}

// What is not as the policy expects it is masked no weaker: most of it becomes null.
func TestMasksAreNeverWeaker(t *testing.T) {
	m := testMasks("key")
	for _, how := range []string{"mail", "truncate(0,4)", "hash", "token", "null"} {
		for _, value := range []string{`true`, `false`, `null`, `{"inner":"secret"}`, `{}`, `{"a":["secret"]}`} {
			if got := masked(t, m, how, value); got != "null" {
				t.Errorf("%s of %s: %s", how, value, got)
			}
		}
		if got := masked(t, m, how, `[[{"inner":"secret"}],true]`); got != "null" && got != "[[null],null]" {
			t.Errorf("%s of a list: %s", how, got)
		}
		if got := masked(t, m, how, `"`+strings.Repeat("secret", 20_000)+`"`); got != "null" && strings.Contains(got, "secret") {
			t.Errorf("%s of a long text: %.100s", how, got)
		}
	}
	for _, value := range []string{`"secret"`, `"secret@"`, `"@b.org"`, `"a@b"`, `"a b@c.org"`, `"Anna <a@b.org>"`, `"a@b.org, c@d.org"`, `"a@b@c.org"`, `"a@b.org/secret"`, `7`, `"\"a\"@b.org"`} {
		if got := masked(t, m, "mail", value); got != "null" {
			t.Errorf("mail of %s: %s", value, got)
		}
	}
	// A short text would be shown as good as whole.
	for _, value := range []string{`"1234"`, `"1234567"`, `"abc"`, `""`, `123`} {
		if got := masked(t, m, "truncate(0,4)", value); got != `"***"` {
			t.Errorf("truncate of %s: %s", value, got)
		}
	}
	if got := masked(t, m, "token", `1e400`); got != "null" {
		t.Error(got)
	}
}

// Equal values are known again, nothing else is, and not by who has another key.
func TestHashesAreKeyed(t *testing.T) {
	a, b := testMasks("a"), testMasks("b")
	for _, how := range []string{"hash", "token"} {
		one := masked(t, a, how, `"anna@example.org"`)
		if one != masked(t, testMasks("a"), how, `"\u0061nna@example.org"`) {
			t.Errorf("%s: the same value is another", how)
		}
		if one == masked(t, a, how, `"anna@example.com"`) || one == masked(t, b, how, `"anna@example.org"`) || strings.Contains(one, "anna") {
			t.Errorf("%s: %s", how, one)
		}
	}
	if masked(t, a, "hash", `7`) == masked(t, a, "hash", `"7"`) {
		t.Error("a number is its text")
	}
	if got := masked(t, a, "token", `"Anna-Lena 42"`); len(got) != len(`"Anna-Lena 42"`) || got[5] != '-' || got[10] != ' ' {
		t.Error(got)
	}
	for _, r := range "\u2460\u2464\u00bd\u216b\u2174\U0001f600\u2603\u2014\u0663" { // numbers that are no digits, pictures, signs
		if got := masked(t, a, "token", `"`+string(r)+`"`); strings.ContainsRune(got, r) {
			t.Errorf("%U stays: %s", r, got)
		}
	}
}

// A stand-in has the form of its value, is JSON, and hangs on all of it.
func TestTokensHaveTheFormOfTheirValues(t *testing.T) {
	m := testMasks("key")
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(0, 200, -1).Draw(t, "text")
		raw, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		out := m.token(jsonstream.Field{Given: true, Kind: strictjson.String, Text: text})
		var got string
		if err := json.Unmarshal(out, &got); err != nil || len([]rune(got)) != len([]rune(text)) {
			t.Fatalf("%s becomes %s: %v", raw, out, err)
		}
		number := fmt.Sprint(rapid.Int64().Draw(t, "number"))
		if n := m.token(jsonstream.Field{Given: true, Kind: strictjson.Number, Text: number}); len(n) != len(number) || !json.Valid(n) {
			t.Fatalf("%s becomes %s", number, n)
		}
		fraction := fmt.Sprintf("%.3f", rapid.Float64Range(-1000, 1000).Draw(t, "fraction"))
		if n := m.token(jsonstream.Field{Given: true, Kind: strictjson.Number, Text: fraction}); !json.Valid(n) || bytes.IndexByte(n, '.') != strings.IndexByte(fraction, '.') {
			t.Fatalf("%s becomes %s", fraction, n)
		}
	})
}

// Of two masks for one place the stronger is done, whatever their order.
func TestTheStrongerMaskCounts(t *testing.T) {
	m := testMasks("key")
	for _, list := range [][]string{{"truncate(1,1):/v", "/v"}, {"/v", "truncate(1,1):/v"}, {"mail:/v", "v"}} {
		found, err := m.of(list)
		if err != nil {
			t.Fatal(err)
		}
		if out, err := found.Apply([]byte(`{"v":"anna@example.org"}`)); err != nil || string(out) != `{"v":null}` {
			t.Errorf("%v: %s %v", list, out, err)
		}
	}
	found, err := m.of([]string{"/v", "drop:/V"})
	if err != nil {
		t.Fatal(err)
	}
	if out, err := found.Apply([]byte(`{"v":1,"w":2}`)); err != nil || string(out) != `{"w":2}` {
		t.Errorf("%s %v", out, err)
	}
	if _, err := m.of([]string{"dorp:/v"}); err == nil {
		t.Error("a slip is a mask")
	}
}

// The member's name in another case, in escapes, in nested lists and behind others: nothing of it comes out, cut wherever it may be.
func TestNoWayRoundAMask(t *testing.T) {
	m := testMasks("key")
	found, err := m.of([]string{"drop:/people/*/phone", "hash:/people/*/mail"})
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]string{
		`{"people":[{"phone":"leak","n":1},{"n":2,"phone":"leak"},{"phone":"leak"},{}]}`: `{"people":[{"n":1},{"n":2},{},{}]}`,
		`{"people":[{"PHONE":"leak","n":1}]}`:                                            `{"people":[{"n":1}]}`,
		`{"people":[{"\u0070hone":"leak","n":1}]}`:                                       `{"people":[{"n":1}]}`,
		`{"People":{"phone":["leak"],"n":1}}`:                                            `{"People":{"n":1}}`,
		`{"people":[[[{"phone":{"x":"leak"} , "n":1}]]]}`:                                `{"people":[[[{  "n":1}]]]}`,
		`{"people":[{"ſ":0,"n":1,"phone":"leak"}]}`:                                      `{"people":[{"ſ":0,"n":1}]}`,
		`{"phone":"open","people":[{"n":{"phone":"open"}}]}`:                             `{"phone":"open","people":[{"n":{"phone":"open"}}]}`,
	} {
		for cut := range len(in) {
			s := jsonstream.New(nil, found, nil, 0)
			var out []byte
			for _, part := range []string{in[:cut], in[cut:]} {
				if err := s.Write([]byte(part)); err != nil {
					t.Fatal(err)
				}
				out = append(out, s.Take()...)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if out = append(out, s.Take()...); string(out) != want {
				t.Fatalf("%s, cut at %d, becomes %s", in, cut, out)
			}
		}
	}
	for _, in := range []string{`{"people":[{"phone":1,"phone":"leak"}]}`, `{"people":[{"phone":"leak"`, `{"people":[{"phone":"leak",}]}`} {
		if out, err := found.Apply([]byte(in)); err == nil {
			t.Errorf("%s becomes %s", in, out)
		}
	}
}
