package capture

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/convosphere/gateway/modules/internal/keyring"
	"github.com/convosphere/gateway/modules/internal/records"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func ring(t testing.TB) *keyring.Ring {
	t.Helper()
	r, err := keyring.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// write puts the records into files of a folder.
func write(t testing.TB, o records.Options, all ...*Record) *records.Writer {
	t.Helper()
	w, err := records.Open(Options(o))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		if !w.Put(r) {
			t.Fatal("dropped")
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w
}

func files(t testing.TB, dir string) []string {
	t.Helper()
	names, err := records.Files(dir)
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func read(t testing.TB, dir string, keys records.Sealer) (all []*Record) {
	t.Helper()
	for _, name := range files(t, dir) {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		err = Read(f, keys, func(r *Record) error { all = append(all, r); return nil })
		_ = f.Close()
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// What was written is what is read, byte by byte, for any request.
func TestRoundTrip(t *testing.T) {
	keys, root, n := ring(t), t.TempDir(), 0
	text := rapid.StringN(0, 40, -1)
	rapid.Check(t, func(t2 *rapid.T) {
		var want []*Record
		for range rapid.IntRange(1, 5).Draw(t2, "records") {
			r := &Record{
				Time: time.Unix(rapid.Int64Range(0, 1<<33).Draw(t2, "time"), 0).UTC(), ID: text.Draw(t2, "id"), URI: text.Draw(t2, "uri"), Method: text.Draw(t2, "method"),
				Length: rapid.Int64().Draw(t2, "length"), Chunked: rapid.Bool().Draw(t2, "chunked"),
			}
			for range rapid.IntRange(0, 4).Draw(t2, "headers") {
				r.Headers = append(r.Headers, [2]string{text.Draw(t2, "name"), text.Draw(t2, "value")})
			}
			if b := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t2, "body"); len(b) > 0 {
				r.Body = b
			}
			want = append(want, r)
		}
		n++
		dir := filepath.Join(root, fmt.Sprint(n))
		write(t, records.Options{Dir: dir, Keys: keys, Keep: time.Hour, Size: 1 << 20}, want...)
		if got := read(t, dir, keys); !reflect.DeepEqual(got, want) {
			t2.Fatalf("got %+v\nwant %+v", got, want)
		}
	})
}

const hush = "correct-horse-7"

var secrets = Secrets{Cookies: []string{"__Host-gw_access"}, Fields: func(p string) []string {
	if p == "/admin/keys" {
		return []string{"value", "a.b"}
	}
	return nil
}}

func TestSecrets(t *testing.T) {
	token := "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1cnN1bGEifQ." + hush
	for _, c := range []struct{ uri, header, value, contentType, body, want string }{
		{uri: "/", header: "Authorization", value: "Bearer " + hush},
		{uri: "/", header: "Cookie", value: "theme=dark; __Host-gw_access=" + hush + "; a=b"},
		{uri: "/", header: "Cookie", value: "session_token=" + hush},
		{uri: "/", header: "Cookie", value: "a=b; PHPSESSID=" + hush},
		{uri: "/", header: "Cookie", value: "connect.sid=" + hush},
		{uri: "/", header: "X-Api-Key", value: hush},
		{uri: "/", header: "Referer", value: "https://h/?x=1&access_token=" + hush},
		{uri: "/", header: "X-Other", value: token},
		{uri: "/x?token=" + hush + "&a=1"},
		{uri: "/x?pass%77ord=" + hush},
		{uri: "/" + token},
		{uri: "/auth/api/login", contentType: "application/json", body: `{"username":"u","p":"` + hush + `"}`},
		{uri: "/auth/api/mfa/totp", contentType: "application/json", body: `{"c":"` + hush + `"}`},
		{uri: "/auth/oauth/token", contentType: "application/x-www-form-urlencoded", body: "grant_type=client_credentials&c=" + hush},
		{uri: "/auth//api/../api/Login", contentType: "application/json", body: `{"p":"` + hush + `"}`},
		{uri: "/%61uth/api/login", contentType: "application/json", body: `{"p":"` + hush + `"}`},
		{uri: "/x", contentType: "application/json", body: `{"user":"u", "Password" : "` + hush + `","a":[1, 2]}`, want: `{"user":"u", "Password" : "removed","a":[1, 2]}`},
		{uri: "/x", contentType: "application/json", body: `{"p\u0061ssword":"` + hush + `"}`, want: `{"p\u0061ssword":"removed"}`},
		{uri: "/x", contentType: "application/json", body: `[{"secret":{"x":["` + hush + `"]}},{"token":"` + hush + `"}]`, want: `[{"secret":"removed"},{"token":"removed"}]`},
		{uri: "/x", contentType: "text/plain", body: `{"password":"` + hush + `"}`, want: `{"password":"removed"}`},
		{uri: "/x", contentType: "application/json", body: `{"password":"` + hush},
		{uri: "/x", contentType: "application/json", body: `{"p\u0061ssword":"` + hush},
		{uri: "/x", contentType: "application/json", body: `{"a":1} {"password":"` + hush + `"}`},
		{uri: "/x", contentType: "application/json", body: `{}}"password":"` + hush + `"2`},
		{uri: "/x", contentType: "application/json", body: `[]]{"password":"` + hush + `"}`},
		{uri: "/admin/keys", contentType: "application/json", body: `{"value":"` + hush + `","a":{"b":"` + hush + `","c":"` + "kept" + `"}}`, want: `{"value":"removed","a":{"b":"removed","c":"kept"}}`},
		{uri: "/x", contentType: "application/x-www-form-urlencoded", body: "a=1&pass%77ord=" + hush + "&b=2", want: "a=1&pass%77ord=removed&b=2"},
		{uri: "/x", contentType: "multipart/form-data; boundary=b", body: "--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n" + hush + "\r\n--b--\r\n"},
		{uri: "/x", contentType: "application/xml", body: "<password>" + hush + "</password>"},
		{uri: "/x", contentType: "text/plain", body: "hello " + token, want: "hello removed"},
		{uri: "/x", contentType: "text/plain", body: "hello gwp_" + strings.Repeat("abc2def", 6) + "hijkl, gws_" + strings.Repeat("k", 47), want: "hello removed, removed"},
	} {
		r := &Record{URI: c.uri, Body: []byte(c.body)}
		if c.header != "" {
			r.Headers = append(r.Headers, [2]string{c.header, c.value})
		}
		if c.contentType != "" {
			r.Headers = append(r.Headers, [2]string{"Content-Type", c.contentType})
		}
		secrets.Strip(r)
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b)+string(r.Body), hush) {
			t.Errorf("%+v: %s %s", c, b, r.Body)
		}
		if string(r.Body) != c.want {
			t.Errorf("%s %s: %q, want %q", c.uri, c.body, r.Body, c.want)
		}
		if len(r.Removed) == 0 && r.Missing == "" {
			t.Errorf("%+v: it is not said", c)
		}
	}
}

// What holds no secret stays as it is.
func TestNothingElseIsTouched(t *testing.T) {
	for _, body := range []string{`{"text":"select * from users; my eyJ"}`, "a=1&b=%27;c", "plain", "\x00\xff", `{"a": [1,{"b":null}] }`, `{broken`} {
		r := &Record{URI: "/x?q=1;b&c=%zz", Headers: [][2]string{{"Cookie", "a=b;c; d=e"}, {"Accept", "*/*"}}, Body: []byte(body)}
		want := &Record{URI: r.URI, Headers: [][2]string{{"Cookie", "a=b;c; d=e"}, {"Accept", "*/*"}}, Body: []byte(body)}
		if secrets.Strip(r); !reflect.DeepEqual(r, want) {
			t.Errorf("%+v\nwant %+v", r, want)
		}
	}
}

// A secret member of any JSON text is never kept.
func FuzzSecrets(f *testing.F) {
	f.Add(`{"a":`, `}`)
	f.Add(`[1,{"x":"y",`, `]`)
	f.Add(`{`, `,"b":2}`)
	f.Add(`{}}`, `2`)
	f.Fuzz(func(t *testing.T, before, after string) {
		if strings.Contains(before+after, hush) {
			return
		}
		r := &Record{URI: "/x", Headers: [][2]string{{"Content-Type", "application/json"}}, Body: []byte(before + `"password":"` + hush + `"` + after)}
		valid := json.Valid(r.Body)
		secrets.Strip(r)
		if strings.Contains(string(r.Body), hush) {
			// Within a string it is text that speaks of a password, as anybody's may.
			if !valid || !strings.Contains(string(r.Body), `\"`) && !strings.Contains(before, `"`) {
				t.Errorf("%q", r.Body)
			}
		}
		if valid && len(r.Body) > 0 && !json.Valid(r.Body) {
			t.Errorf("%q is no JSON any more", r.Body)
		}
	})
}
