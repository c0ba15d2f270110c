package detect

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nyaruka/phonenumbers"
	"pgregory.net/rapid"
)

const everything = Set(1<<count - 1)

// key builds what looks like a key of a program, so that no file of ours holds one that a scanner of repositories would report.
func key(prefix string, n int) string { return prefix + strings.Repeat("x1Y", n)[:n] }

func pem(label string) string {
	return "-----BEGIN " + label + "-----\nMIIBOgIBAAJBAKj34GkxFhD9\n-----END " + label + "-----"
}

var token = base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"ES256","typ":"JWT"}`)) + ".eyJzdWIiOiIxIn0.c2lnbmF0dXJl"

// Numbers that their issuers publish as examples, or that circulate as such.
var examples = map[Kind][]string{
	Card: {"4111111111111111", "4111 1111 1111 1111", "4111-1111-1111-1111", "5555555555554444", "2223003122003222", "378282246310005", "3782 822463 10005",
		"6011111111111117", "30569309025904", "3530111333300000", "4222222222222", "6200000000000005", "4000000000000000006"},
	IBAN: {"DE89370400440532013000", "DE89 3704 0044 0532 0130 00", "GB82 WEST 1234 5698 7654 32", "FR1420041010050500013M02606", "NO9386011117947",
		"MT84MALT011000012345MTLCAST001S", "CH93-0076-2011-6238-5295-7", "de89370400440532013000"},
	Mail:       {"ada@example.org", "ada.lovelace+x@sub.example.co.uk", "ä@bücher.example", "a@b.xn--p1ai", "o'neil@example.org"},
	Phone:      {"+49 30 901820", "+1 650-253-0000", "+44 (20) 7031 3000", "0044 20 7031 3000", "+4930901820"},
	APIKey:     {"AKIA" + "IOSFODNN7EXAMPLE", key("sk_live_", 24), key("AIza", 35), key("xoxb-", 40), key("glpat-", 20), "12345678:AA" + key("", 33), key("SG.", 22) + "." + key("", 43)},
	JWT:        {token},
	PrivateKey: {pem("RSA PRIVATE KEY"), pem("PRIVATE KEY"), pem("OPENSSH PRIVATE KEY"), pem("PGP PRIVATE KEY BLOCK")},
	idGermany:  {"86095742719", "47036892816", "86 095 742 719"},
	idSpain:    {"12345678Z", "12345678-Z", "X1234567L"},
	idFrance:   {"255081416802538", "1 84 12 76 451 089 46"},
	idItaly:    {"RSSMRA85T10A562S"},
	idDutch:    {"111222333", "123456782"},
	idPoland:   {"44051401359", "02070803628"},
	idBritish:  {"AB123456C", "AB 12 34 56 C"},
	idAmerica:  {"078-05-1120", "078 05 1120"},
}

// Each is found alone and in a sentence, only as what it is, and from its first byte to its last.
func TestFind(t *testing.T) {
	for k := range count {
		if len(examples[k]) == 0 {
			t.Errorf("no example of %s", k)
		}
		for _, e := range examples[k] {
			for _, around := range [][2]string{{"", ""}, {"my number is ", ", you know"}, {`"`, `"`}, {"x=", "&y"}, {"é", "é"}, {"\n", "."}, {"<", ">"}} {
				if k == Mail && (around[0] == "é" || around[0] == "x=") {
					continue // they may stand in an address
				}
				text := around[0] + e + around[1]
				found := Set(1<<k).Find([]byte(text), 0, nil)
				if len(found) != 1 || text[found[0].Start:found[0].End] != e || found[0].Kind != k || found[0].Open {
					t.Errorf("%s in %q: %+v", k, text, found)
				}
				if others := (everything &^ (1 << k)).Find([]byte(text), 0, nil); len(others) > 0 && others[0].Start == len(around[0]) && others[0].Kind != Phone {
					t.Errorf("%q is also %s", text, others[0].Kind)
				}
			}
		}
	}
}

// What is no secret: one wrong digit, a part of something longer, what other things look like.
func TestFindsNothing(t *testing.T) {
	for _, text := range []string{
		"4111111111111112", "41111111111111111", "x4111111111111111", "4111111111111111x", "0.4111111111111111", "4111111111111111.5", "1764201322000", "1764201322000000000",
		"4111 1111 1111 1112", "4111-1111-1111-1111-9999x", "7c9e6679-7425-40de-944b-e07fc1f90ae7", "550e8400-e29b-4111-1111-111111111111", "9111111111111111",
		"DE88370400440532013000", "DE8937040044053201300", "XX89370400440532013000", "DE89370400440532013000A",
		"ada@example", "@example.org", "ada@", "photo@2x.png", "pkg@1.2.3", "a@b.c", "a@.org", "a.@b.org", "<@U024BE7LH>", "https://x.org/@ada",
		"+1 234", "+49 0", "+999 123456789", "1+1=2", "a+4930901820",
		"AKIAIOSFODNN7EXAMPL", "AKIA" + "IOSFODNN7EXAMPLEX", "AKIA" + "iosfodnn7example", key("ghp_", 36), key("sk_live_", 8), "sk_live", "SG.x.y",
		"eyJhIjoxfQ.eyJzdWIiOiIxIn0.c2ln", "eyJ", token[:strings.LastIndexByte(token, '.')],
		pem("PUBLIC KEY"), pem("CERTIFICATE"), "-----BEGIN PRIVATE KEY", "--- a/file", "-----",
		"12345678A", "X1234567A", "RSSMRA85T10A562T", "255081416802539", "GB123456A", "AB123456E", "AB1234567C", "000-05-1120", "078051120", "078-05 1120", "666-05-1120",
		"86095742710", "123456789", "2026-11-27T00:00:00Z", "192.168.100.200", "12345", "",
	} {
		if found := everything.Find([]byte(text), 0, nil); len(found) > 0 {
			t.Errorf("%q: %s %q", text, found[0].Kind, text[found[0].Start:found[0].End])
		}
	}
}

func TestParse(t *testing.T) {
	s, err := Parse([]string{"card", "national-id"})
	if err != nil || !s.Has(Card) || !s.Has(idAmerica) || s.Has(Mail) || len(s.Kinds()) != 9 {
		t.Error(s.Kinds(), err)
	}
	if s, err := Parse([]string{"all"}); err != nil || s != everything {
		t.Error(s, err)
	}
	if s, err := Parse([]string{"national-id:de"}); err != nil || s != 1<<idGermany {
		t.Error(s, err)
	}
	for _, bad := range []string{"", "Card", "ids"} {
		if _, err := Parse([]string{bad}); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// GitHub's and npm's tokens carry a checksum.
func TestChecksums(t *testing.T) {
	const right = "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17" // from GitHub's article on the format; it opens nothing
	if !checkedCRC([]byte(right)) {
		t.Error("a right checksum is not")
	}
	for i := range right {
		wrong := []byte(right)
		if wrong[i]++; checkedCRC(wrong) {
			t.Errorf("character %d is another, and the checksum is right", i)
		}
	}
}

func TestMask(t *testing.T) {
	for text, want := range map[string]string{
		"4111 1111 1111 1111": "**** **** **** 1111", "DE89 3704 0044 0532 0130 00": "DE** **** **** **** **30 00", "ada@example.org": "a***@example.org", "ä@bücher.example": "ä***@bücher.example",
		"+49 30 901820": "+** ** ****20", "078-05-1120": "***-**-**20", "12345678Z": "*******8Z", "AKIA" + "IOSFODNN7EXAMPLE": "AKIA********", token: "eyJh********", pem("PRIVATE KEY"): removed,
	} {
		found := everything.Find([]byte(text), 0, nil)
		if len(found) != 1 {
			t.Errorf("%q: %v", text, found)
			continue
		}
		if got := string(found[0].Mask(nil, []byte(text))); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func TestOpenKey(t *testing.T) {
	whole := pem("PRIVATE KEY")
	found := everything.Find([]byte(whole[:40]), 0, nil)
	if len(found) != 1 || !found[0].Open || found[0].End != 40 {
		t.Fatalf("%+v", found)
	}
	if n := KeyEnd([]byte(whole[40:] + "more")); n != len(whole)-40 {
		t.Error(n)
	}
	if KeyEnd([]byte("-----END PRIVATE")) >= 0 {
		t.Error("half an end is one")
	}
}

// Whatever stands around them, and whatever kinds are asked for, what is planted is found.
func TestPlanted(t *testing.T) {
	var all []string
	for k := range count {
		if k != Mail && k != Phone { // their neighbours may belong to them
			all = append(all, examples[k]...)
		}
	}
	slices.Sort(all)
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[a-zA-Z .,;:!?()]{0,40}[ ;:(]`).Draw(t, "before")
		start := len(text)
		planted := rapid.SampledFrom(all).Draw(t, "planted")
		text += planted + rapid.StringMatching(`[ ;:)"'][a-zA-Z .,;:!?()]{0,40}`).Draw(t, "after")
		for _, m := range everything.Find([]byte(text), 0, nil) {
			if m.Start <= start && m.End >= start+len(planted) {
				return
			}
		}
		t.Fatalf("%q is not found in %q", planted, text)
	})
}

// What is found lies in the text, in order, behind from, and its mask does not hold it.
func FuzzFind(f *testing.F) {
	for _, list := range [][]string{examples[Card], examples[IBAN], examples[Mail], examples[Phone], examples[APIKey], examples[JWT], examples[PrivateKey], examples[idFrance], examples[idItaly]} {
		f.Add([]byte(strings.Join(list, " ")), uint8(0))
	}
	f.Add([]byte("@@a@b.org+49@-----BEGIN -----BEGIN PRIVATE KEY-----"), uint8(3))
	f.Fuzz(func(t *testing.T, text []byte, from uint8) {
		start := min(int(from), len(text))
		last := start
		for _, m := range everything.Find(text, start, nil) {
			if m.Start < last || m.End <= m.Start || m.End > len(text) || m.Open && m.Kind != PrivateKey || m.Kind != PrivateKey && m.End-m.Start > Longest {
				t.Fatalf("%+v in %d bytes from %d", m, len(text), last)
			}
			last = m.End
			value := string(text[m.Start:m.End])
			if got := string(m.Mask(nil, text)); strings.Contains(got, value) {
				t.Fatalf("%s: %q becomes %q", m.Kind, value, got)
			}
		}
		_ = Trace(text)
	})
}

func TestTraces(t *testing.T) {
	for name, text := range map[string]string{
		"python":     "Traceback (most recent call last):\n  File \"app.py\", line 3, in <module>\nZeroDivisionError",
		"java":       "java.lang.NullPointerException\n\tat com.example.App.run(App.java:42)\n\tat java.base/java.lang.Thread.run(Thread.java:840)",
		"java, json": `{"error":"boom","trace":"java.lang.Error\n\tat com.example.App.main(App.java:1)\n"}`,
		".NET":       "System.InvalidOperationException: x\n   at Shop.Cart.Add(Item item) in C:\\src\\Cart.cs:line 12",
		"go":         "panic: boom\n\ngoroutine 17 [running]:\nmain.main()\n\t/app/main.go:7 +0x1d",
		"node":       "Error: x\n    at Object.<anonymous> (/srv/app/index.js:10:9)\n    at node:internal/main/run_main_module:23:47",
		"php":        "<br />\n<b>Fatal error</b>:  Uncaught Error in /var/www/a.php:3 thrown in <b>/var/www/a.php</b> on line <b>3</b><br />",
		"ruby":       "app/models/user.rb:12:in `save!': x (RuntimeError)",
		"rust":       "thread 'main' panicked at src/main.rs:2:5:\nboom",
		"mysql":      "You have an error in your SQL syntax; check the manual",
		"oracle":     "ORA-00942: table or view does not exist",
		"spring":     "<h1>Whitelabel Error Page</h1>",
	} {
		if !Trace([]byte(text)) {
			t.Errorf("%s: no trace is found", name)
		}
	}
	for _, text := range []string{
		"", `{"title":"Not Found","status":404}`, "The room was not found. Please look at the list (rooms).", "We meet at 10:30 at the pier (north).", "See /docs/errors.html at line 3",
		"It is fatal error handling that matters", "goroutine leak", "<html><body><h1>404 Not Found</h1><hr>nginx</body></html>", "thread 'main' is busy",
	} {
		if Trace([]byte(text)) {
			t.Errorf("%q is taken for a trace", text)
		}
	}
}

func BenchmarkFind(b *testing.B) {
	text := []byte(strings.Repeat("The deploy of build 4711 went well, see https://ci.example.org/b/4711?x=1. Anyone at lunch (12:30)? It was 3.14 per cent. ", 80))
	for _, kinds := range []Set{everything, 1<<Card | 1<<IBAN | 1<<APIKey | 1<<PrivateKey} {
		b.Run(fmt.Sprint(len(kinds.Kinds())), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			found := make([]Match, 0, 8)
			for b.Loop() {
				found = kinds.Find(text, 0, found[:0])
			}
			if len(found) > 0 {
				b.Fatal(found)
			}
		})
	}
}

// Every country's numbers are found, also where they begin with zeros, and no others than the library knows.
func TestPhonesOfAllCountries(t *testing.T) {
	set := Set(1 << Phone)
	whole := func(s string) bool {
		found := set.Find([]byte(s), 0, nil)
		return len(found) == 1 && found[0].Start == 0 && found[0].End == len(s)
	}
	for region := range phonenumbers.GetSupportedRegions() {
		example := phonenumbers.GetExampleNumber(region)
		s := phonenumbers.Format(example, phonenumbers.E164)
		if len(s) <= fewestDigits {
			continue // islands whose numbers are shorter than any that is looked for
		}
		if !whole(s) {
			t.Errorf("%s: %s is not found", region, s)
		}
		for last := range 10 { // what else its digits may be
			changed := s[:4] + strconv.Itoa(last) + s[5:]
			parsed, err := phonenumbers.Parse(changed, "ZZ")
			if err == nil && parsed.GetNationalNumber() == example.GetNationalNumber() {
				continue
			}
			valid := err == nil && phonenumbers.IsValidNumber(parsed)
			zero := strings.Contains(changed[2:5], "0") // a zero may be written before the national number where the library takes it for a part of it
			if found := whole(changed); found != valid && (valid || !zero) {
				t.Errorf("%s: %s is found: %t", region, changed, found)
			}
		}
	}
}
