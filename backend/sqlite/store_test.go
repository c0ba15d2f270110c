package sqlite

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/uuid"
	"github.com/oklog/ulid/v2"
	"go.uber.org/goleak"

	"github.com/convosphere/gateway/backend"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func room(t *testing.T, s *Store, name string) *backend.Room {
	t.Helper()
	r, err := backend.NewRoom(name, backend.Public, "ursula", time.Now())
	if err == nil {
		err = s.CreateRoom(t.Context(), r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func say(t *testing.T, s *Store, room, text, file string) (*backend.Message, error) {
	t.Helper()
	m, err := backend.NewMessage("", room, "ursula", text, file, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return m, s.CreateMessage(t.Context(), m)
}

func is(err error, code backend.Code) bool {
	var e *backend.Error
	return errors.As(err, &e) && e.Code == code
}

func TestRooms(t *testing.T) {
	s := open(t, t.TempDir())
	a, b := room(t, s, "General"), room(t, s, "General")
	if a.ID != "general" || !strings.HasPrefix(b.ID, "general-") {
		t.Errorf("ids %q and %q", a.ID, b.ID)
	}
	all, err := s.Rooms(t.Context())
	if err != nil || len(all) != 2 || all[0].Members != nil || !all[0].CreatedAt.Equal(a.CreatedAt) {
		t.Errorf("%+v, %v", all, err)
	}
	for range 2 { // both are idempotent
		if err := s.AddMember(t.Context(), a.ID, "petra"); err != nil {
			t.Error(err)
		}
	}
	if got, err := s.Room(t.Context(), a.ID); err != nil || strings.Join(got.Members, " ") != "petra ursula" {
		t.Errorf("%+v, %v", got, err)
	}
	for range 2 {
		if err := s.RemoveMember(t.Context(), a.ID, "petra"); err != nil {
			t.Error(err)
		}
	}
	if got, err := s.Room(t.Context(), a.ID); err != nil || strings.Join(got.Members, " ") != "ursula" {
		t.Errorf("%+v, %v", got, err)
	}
	_, err = s.Room(t.Context(), "x")
	for _, err := range []error{err, s.AddMember(t.Context(), "x", "petra"), s.RemoveMember(t.Context(), "x", "petra"), s.HasRoom(t.Context(), "x")} {
		if !is(err, backend.NotFound) {
			t.Errorf("a room that is not there: %v", err)
		}
	}
}

func TestMessagePages(t *testing.T) {
	s := open(t, t.TempDir())
	r, other := room(t, s, "a"), room(t, s, "b")
	var want []string
	for i := range 7 {
		m, err := say(t, s, r.ID, strings.Repeat("x", i+1), "")
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, m.ID)
	}
	if _, err := say(t, s, other.ID, "elsewhere", ""); err != nil {
		t.Fatal(err)
	}
	var got []string
	before := ""
	for range 3 {
		page, next, err := s.Messages(t.Context(), r.ID, before, 3)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, m := range page {
			ids = append(ids, m.ID)
		}
		got = append(ids, got...)
		before = next
	}
	if before != "" || strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("got %v, then %q, want %v", got, before, want)
	}
	if _, _, err := s.Messages(t.Context(), "x", "", 3); !is(err, backend.NotFound) {
		t.Errorf("a room that is not there: %v", err)
	}
}

// A database of before holds ids that were UUIDs; today's, and those that a gateway makes, are ULIDs. Lists and pages are in the order of time.
func TestPagesOfOldAndNewIDs(t *testing.T) {
	s := open(t, t.TempDir())
	r := room(t, s, "a")
	var want []string
	for i := range 6 {
		m, err := backend.NewMessage("", r.ID, "ursula", "x", "", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case i < 3:
			m.ID = uuid.Must(uuid.NewV7()).String()
		case i%2 == 0: // a gateway's, of a clock that is a little ahead
			m.ID = ulid.MustNew(ulid.Timestamp(time.Now().Add(time.Duration(i)*time.Millisecond)), rand.Reader).String()
		default: // without a gateway that makes ids
			time.Sleep(10 * time.Millisecond)
			if m, err = backend.NewMessage("", r.ID, "ursula", "x", "", time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.CreateMessage(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		want = append(want, m.ID)
	}
	var got []string
	for before := ""; ; {
		page, next, err := s.Messages(t.Context(), r.ID, before, 2)
		if err != nil {
			t.Fatal(err)
		}
		for i := len(page) - 1; i >= 0; i-- {
			got = append([]string{page[i].ID}, got...)
		}
		if before = next; before == "" {
			break
		}
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("got\n%s, want\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestDeleteMessageOfItsRoomOnly(t *testing.T) {
	s := open(t, t.TempDir())
	a, b := room(t, s, "a"), room(t, s, "b")
	m, err := say(t, s, a.ID, "hello", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteMessage(t.Context(), b.ID, m.ID); !is(err, backend.NotFound) {
		t.Errorf("by another room's path: %v", err)
	}
	if err := s.DeleteMessage(t.Context(), a.ID, m.ID); err != nil {
		t.Error(err)
	}
	if err := s.DeleteMessage(t.Context(), a.ID, m.ID); !is(err, backend.NotFound) {
		t.Errorf("twice: %v", err)
	}
}

func upload(t *testing.T, s *Store, room, by string, body io.Reader) (*backend.File, error) {
	t.Helper()
	f, err := backend.NewFile("", room, by, "a.txt", "text/plain", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return f, s.CreateFile(t.Context(), f, body)
}

// An id that is given a second time does not replace the first one's bytes.
func TestAFileOfAnIDThatIsTaken(t *testing.T) {
	s := open(t, t.TempDir())
	r := room(t, s, "a")
	const id = "01KAZ4T3M5N6P7Q8R9S0TVWXYZ"
	put := func(text string) error {
		f, err := backend.NewFile(id, r.ID, "ursula", "a.txt", "text/plain", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return s.CreateFile(t.Context(), f, strings.NewReader(text))
	}
	if err := put("first"); err != nil {
		t.Fatal(err)
	}
	if err := put("second"); !is(err, backend.Invalid) {
		t.Fatalf("%v", err)
	}
	_, body, err := s.File(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if b, err := io.ReadAll(body); string(b) != "first" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	a, b := room(t, s, "a"), room(t, s, "b")
	f, err := upload(t, s, a.ID, "ursula", strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	got, body, err := s.File(t.Context(), f.ID)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(body)
	if err = errors.Join(err, body.Close()); err != nil || string(raw) != "hello" || got.Size != 5 || got.Room != a.ID {
		t.Errorf("%+v, %q, %v", got, raw, err)
	}
	if _, err := say(t, s, b.ID, "", f.ID); !is(err, backend.Invalid) {
		t.Errorf("in another room's message: %v", err)
	}
	m, err := say(t, s, a.ID, "", f.ID)
	if err != nil || m.File.Name != "a.txt" || m.File.Size != 5 {
		t.Fatalf("%+v, %v", m, err)
	}
	if _, err := say(t, s, a.ID, "", f.ID); !is(err, backend.Invalid) {
		t.Errorf("in a second message: %v", err)
	}
	if err := s.DeleteMessage(t.Context(), a.ID, m.ID); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.File(t.Context(), f.ID); !is(err, backend.NotFound) {
		t.Errorf("after its message was deleted: %v", err)
	}
	none(t, dir)
}

// Else one could delete another's file with a message of one's own.
func TestMessageCarriesOnlyItsAuthorsFile(t *testing.T) {
	s := open(t, t.TempDir())
	r := room(t, s, "a")
	f, err := upload(t, s, r.ID, "petra", strings.NewReader("hers"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := say(t, s, r.ID, "mine", f.ID); !is(err, backend.Invalid) {
		t.Errorf("another's file: %v", err)
	}
}

func TestFileThatFailsLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	r := room(t, s, "a")
	if _, err := upload(t, s, r.ID, "ursula", bytes.NewReader(make([]byte, backend.MaxStored+1))); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	broken := errors.New("broken")
	if _, err := upload(t, s, r.ID, "ursula", io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Errorf("broken: %v", err)
	}
	if _, err := upload(t, s, "x", "ursula", strings.NewReader("abc")); !is(err, backend.NotFound) {
		t.Errorf("no room: %v", err)
	}
	none(t, dir)
	if f, err := upload(t, s, r.ID, "ursula", bytes.NewReader(make([]byte, backend.MaxStored))); err != nil || f.Size != backend.MaxStored {
		t.Errorf("the largest: %+v, %v", f, err)
	}
}

func none(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(filepath.Join(dir, "files"))
	if err != nil || len(left) > 0 {
		t.Errorf("left on the disk: %v, %v", left, err)
	}
}

func TestOpenAgain(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	r := room(t, s, "a")
	f, err := upload(t, s, r.ID, "ursula", strings.NewReader("kept"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, left := range []string{"new-123", "01a20082-c44b-7152-a06f-000000000000"} { // half written; row gone
		if err := os.WriteFile(filepath.Join(dir, "files", left), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s = open(t, dir)
	if _, err := s.Room(t.Context(), r.ID); err != nil {
		t.Error(err)
	}
	left, err := os.ReadDir(filepath.Join(dir, "files"))
	if err != nil || len(left) != 1 || left[0].Name() != f.ID {
		t.Errorf("files: %v, %v", left, err)
	}
}

func TestManyWriters(t *testing.T) {
	s := open(t, t.TempDir())
	r := room(t, s, "a")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 10 {
				if _, err := say(t, s, r.ID, "x", ""); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if page, _, err := s.Messages(t.Context(), r.ID, "", 100); err != nil || len(page) != 80 {
		t.Errorf("%d messages, %v", len(page), err)
	}
}

// A client that goes away half way does not undo its message.
func TestWriteOutlivesItsRequest(t *testing.T) {
	s := open(t, t.TempDir())
	r := room(t, s, "a")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m, err := backend.NewMessage("", r.ID, "ursula", "x", "", time.Now())
	if err == nil {
		err = s.CreateMessage(ctx, m)
	}
	if err != nil {
		t.Error(err)
	}
}

// An id names one message, in whatever room it is asked for.
func TestAMessageOfAnIDThatIsTaken(t *testing.T) {
	s := open(t, t.TempDir())
	a, b := room(t, s, "a"), room(t, s, "b")
	const id = "01KAZ4T3M5N6P7Q8R9S0TVWXYZ"
	put := func(room string) error {
		m, err := backend.NewMessage(id, room, "ursula", "x", "", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return s.CreateMessage(t.Context(), m)
	}
	if err := put(a.ID); err != nil {
		t.Fatal(err)
	}
	for _, r := range []string{a.ID, b.ID} {
		if err := put(r); !is(err, backend.Invalid) {
			t.Errorf("%s: %v", r, err)
		}
	}
}
