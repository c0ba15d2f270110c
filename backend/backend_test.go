package backend

import (
	"crypto/rand"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/oklog/ulid/v2"
)

var now = time.Date(2026, 11, 21, 10, 0, 0, 123456789, time.UTC)

func TestNewRoomSlug(t *testing.T) {
	for name, want := range map[string]string{
		"General":                   "general",
		"  Café Über  ":             "cafe-uber",
		"a -- b / c":                "a-b-c",
		"Über 100 % (new!)":         "uber-100-new",
		strings.Repeat("long ", 16): "long-long-long-long-long-long-long-long-long-lon",
	} {
		r, err := NewRoom(name, Public, "ursula", now)
		if err != nil || r.ID != want {
			t.Errorf("%q: %v, %v, want %s", name, r, err, want)
		}
	}
}

func TestRoomSlugSuffix(t *testing.T) {
	for _, c := range []struct {
		name string
		v    Visibility
		want string
	}{
		{"日本", Public, `^room-[a-z2-7]{8}$`},
		{"Payroll", Private, `^payroll-[a-z2-7]{8}$`}, // else a taken slug would tell that a private room is there
	} {
		r, err := NewRoom(c.name, c.v, "ursula", now)
		if err != nil || !regexp.MustCompile(c.want).MatchString(r.ID) {
			t.Errorf("%q: %v, %v, want %s", c.name, r, err, c.want)
		}
	}
}

func TestRefused(t *testing.T) {
	room := func(name string, v Visibility, by string) error { _, err := NewRoom(name, v, by, now); return err }
	message := func(text string) error { _, err := NewMessage("", "r", "ursula", text, "", now); return err }
	file := func(name string) error { _, err := NewFile("", "r", "ursula", name, "text/plain", now); return err }
	for what, err := range map[string]error{
		"empty name":        room(" ", Public, "ursula"),
		"long name":         room(strings.Repeat("x", maxRoomName+1), Public, "ursula"),
		"control in name":   room("a\nb", Public, "ursula"),
		"override in name":  room("a\u202eb", Public, "ursula"),
		"bad UTF-8 in name": room("a\xff", Public, "ursula"),
		"visibility":        room("a", "secret", "ursula"),
		"no user":           room("a", Public, ""),
		"user with a slash": room("a", Public, "a/b"),
		"user with a space": room("a", Public, " a"),
		"empty text":        message(" \n "),
		"long text":         message(strings.Repeat("ü", maxText+1)),
		"NUL in text":       message("a\x00b"),
		"bad UTF-8 in text": message("a\xc3"),
		"no file name":      file(""),
		"long file name":    file(strings.Repeat("x", maxFileName+1)),
		"newline in a file": file("a\r\nb"),
	} {
		var e *Error
		if !errors.As(err, &e) || e.Code != Invalid || e.Title == "" {
			t.Errorf("%s: %v, want an Error that says invalid", what, err)
		}
	}
}

func TestNewMessage(t *testing.T) {
	m, err := NewMessage("", "r", "ursula", " one\r\n\ttwo ", "", now)
	if err != nil || m.Text != "one\n\ttwo" || m.At != now.Truncate(time.Millisecond) {
		t.Fatalf("%+v, %v", m, err)
	}
	if _, err := NewMessage("", "r", "ursula", strings.Repeat("ü", maxText), "", now); err != nil {
		t.Errorf("the longest text: %v", err)
	}
	if m, err := NewMessage("", "r", "ursula", "", "f", now); err != nil || m.File.ID != "f" {
		t.Errorf("a file without text: %+v, %v", m, err)
	}
}

// What the gateway has encrypted is longer than what it has encrypted of.
func TestSealedTexts(t *testing.T) {
	longest := "enc:v1:abcdefghijklmnop:" + strings.Repeat("A", (4*maxText+36)*4/3)
	if _, err := NewMessage("", "r", "ursula", longest, "", now); err != nil {
		t.Error(err)
	}
	if _, err := NewMessage("", "r", "ursula", longest+strings.Repeat("A", maxSealed), "", now); err == nil {
		t.Error("it is taken at any length")
	}
}

func TestIDsSort(t *testing.T) {
	last := ""
	for range 10000 {
		id := newID()
		if id <= last || !IsID(id) {
			t.Fatalf("%s after %s", id, last)
		}
		last = id
	}
	if IsID("~") || IsID(strings.ToLower(last)) || IsID("{"+last+"}") || IsID(strings.ToUpper(uuid.NewString())) {
		t.Error("IsID takes what nobody makes")
	}
	if before := uuid.Must(uuid.NewV7()).String(); !IsID(before) {
		t.Errorf("%s, an id of before, is none", before)
	}
	// Among what the gateway makes.
	early, late := time.Now().Add(-time.Second), time.Now().Add(time.Second)
	if id := newID(); id <= ulid.MustNew(ulid.Timestamp(early), rand.Reader).String() || id >= ulid.MustNew(ulid.Timestamp(late), rand.Reader).String() {
		t.Errorf("%s does not sort among the gateway's of this time", id)
	}
}

// A gateway that encrypts for a record makes its id: a ULID, as it spells them.
func TestGivenIDs(t *testing.T) {
	const id = "01KAZ4T3M5N6P7Q8R9S0TVWXYZ"
	if got, err := givenID(id); got != id || err != nil || !IsID(id) {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := givenID(""); !isULID(got) || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	for _, bad := range []string{strings.ToLower(id), id[1:], id + "0", "8" + id[1:], "01KAZ4T3M5N6P7Q8R9S0TVWXYU", uuid.NewString(), "../" + id[3:], " "} {
		if _, err := givenID(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestFileType(t *testing.T) {
	for in, want := range map[string]string{
		"image/PNG":                     "image/png",
		"text/html; charset=utf-8":      "text/html; charset=utf-8",
		"":                              "application/octet-stream",
		"no type\r\nX: y":               "application/octet-stream",
		"a/" + strings.Repeat("b", 100): "application/octet-stream",
	} {
		if f, err := NewFile("", "r", "ursula", "a.txt", in, now); err != nil || f.Type != want {
			t.Errorf("%q: %+v, %v, want %s", in, f, err, want)
		}
	}
}
