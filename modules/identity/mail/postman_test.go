package mail

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
	"github.com/convosphere/gateway/modules/internal/keyring"
	"github.com/convosphere/gateway/modules/internal/mailtest"
)

// office is an outbox with a postman whose clock the test moves.
type office struct {
	*Postman
	t    *testing.T
	logs *observer.ObservedLogs

	mu  sync.Mutex
	now time.Time
}

func newOffice(t *testing.T, server string, ca string) *office {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "keys")
	keys, err := keyring.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	db, err := database.Open(ctx, dbtest.New(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return openOffice(t, &Box{db, keys}, server, ca)
}

func openOffice(t *testing.T, box *Box, server, ca string) *office {
	t.Helper()
	c := Config{Server: "smtp://" + server, From: "no-reply@acme.example", CA: ca, Service: "Acme"}
	texts, err := NewTexts(c)
	if err != nil {
		t.Fatal(err)
	}
	core, logs := observer.New(zapcore.DebugLevel)
	o := &office{t: t, logs: logs, now: noon}
	o.Postman = NewPostman(Postman{
		Box: box, Client: client(t, c), Texts: texts, Log: zap.New(core), Now: o.clock,
		Ready: func(context.Context, *Letter) (bool, error) { return true, nil },
	})
	return o
}

func (o *office) clock() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.now
}

func (o *office) pass(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.now = o.now.Add(d)
}

func (o *office) put(l Letter, life time.Duration) {
	o.t.Helper()
	if err := o.Box.DB.InTx(ctx, func(tx *database.Tx) error { return o.Box.Put(ctx, tx, o.Now(), l, life) }); err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) waiting() (n int64) {
	o.t.Helper()
	if err := o.Box.DB.QueryRow(ctx, `SELECT COUNT(*) FROM outbox`).Scan(&n); err != nil {
		o.t.Fatal(err)
	}
	return n
}

var reset = Letter{Kind: "reset", Account: "A", To: "ursula@example.org", Name: "ursula", Link: "https://acme.example/auth/reset#SECRETSECRET", Until: noon}

// What was acknowledged is not lost: not by a mail server that is away, nor by a gateway that stops.
func TestMailsSurvive(t *testing.T) {
	s, stop := mailtest.Start(t)
	o := newOffice(t, s.Addr, s.CA)
	stop()
	o.put(reset, time.Hour)
	o.round(ctx)
	if o.waiting() != 1 {
		t.Fatal("lost while the server was away")
	}
	// Not again at once, but after a while.
	if n := o.round(ctx); n != 0 {
		t.Fatal("no pause between tries")
	}
	back, _ := mailtest.Start(t, mailtest.At(s.Addr))
	other := openOffice(t, o.Box, back.Addr, back.CA) // the gateway that runs next
	other.pass(firstWait)
	if n := other.round(ctx); n != 1 || other.waiting() != 0 {
		t.Fatal(n, other.waiting())
	}
	if m := back.Wait(t, 1); m.To[0] != "ursula@example.org" || !strings.Contains(m.Text, "SECRETSECRET") {
		t.Fatalf("%+v", m)
	}
}

// Of several gateways on one database, one sends.
func TestOneSends(t *testing.T) {
	s, _ := mailtest.Start(t)
	o := newOffice(t, s.Addr, s.CA)
	const mails = 20
	for range mails {
		o.put(reset, time.Hour)
	}
	var all sync.WaitGroup
	for range 4 {
		other := openOffice(t, o.Box, s.Addr, s.CA)
		all.Go(func() {
			for other.round(ctx) > 0 {
			}
		})
	}
	all.Wait()
	ids := map[string]bool{}
	for _, m := range s.Mails() {
		ids[m.Header.Get("Message-Id")] = true
	}
	if len(s.Mails()) != mails || len(ids) != mails || o.waiting() != 0 {
		t.Fatal(len(s.Mails()), len(ids), o.waiting())
	}
}

func TestRetriesEnd(t *testing.T) {
	s, _ := mailtest.Start(t)
	o := newOffice(t, s.Addr, s.CA)
	s.Fail(func(string) error { return mailtest.Temporary })
	o.put(reset, 10*time.Minute)
	for range 100 {
		o.round(ctx)
		o.pass(10 * time.Second)
	}
	if n := s.Tries(); n < 5 || n > 8 {
		t.Errorf("%d tries in ten minutes", n)
	}
	if o.waiting() != 0 {
		t.Error("never given up")
	}
	for tries, want := range map[int64]time.Duration{1: 10 * time.Second, 2: 20 * time.Second, 5: 160 * time.Second, 10: time.Hour, 1 << 40: time.Hour} {
		if got := backoff(tries); got != want {
			t.Errorf("%d: %v", tries, got)
		}
	}
	// A mailbox that is not there is asked once.
	before := s.Tries()
	s.Fail(func(string) error { return mailtest.Permanent })
	o.put(reset, time.Hour)
	for range 10 {
		o.round(ctx)
		o.pass(time.Minute)
	}
	if s.Tries() != before+1 || o.waiting() != 0 {
		t.Error(s.Tries()-before, "tries of a mailbox that is not there")
	}
	for _, l := range o.logs.All() {
		if text := l.Message + " " + strings.Join(keysOf(l.ContextMap()), " "); strings.Contains(text, "ursula") || strings.Contains(text, "SECRET") {
			t.Error("the log tells the address or the secret:", text)
		}
	}
}

func keysOf(m map[string]any) (all []string) {
	for k, v := range m {
		if s, ok := v.(string); ok {
			all = append(all, k+"="+s)
		}
	}
	return all
}

// A letter holds the secret of a link and an address: it is sealed where it waits, and opens in its own row alone.
func TestLettersAreSealed(t *testing.T) {
	s, _ := mailtest.Start(t)
	o := newOffice(t, s.Addr, s.CA)
	o.put(reset, time.Hour)
	var raw []byte
	if err := o.Box.DB.QueryRow(ctx, `SELECT letter FROM outbox`).Scan(&raw); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"SECRET", "ursula", "example"} {
		if bytes.Contains(raw, []byte(secret)) {
			t.Errorf("%q lies open in the outbox", secret)
		}
	}
	if _, err := o.Box.DB.Exec(ctx, `UPDATE outbox SET id = 'another'`); err != nil {
		t.Fatal(err)
	}
	o.round(ctx)
	if s.Tries() != 0 || o.waiting() != 1 {
		t.Error("a letter moved to another row was sent, or lost")
	}
	if n := o.round(ctx); n != 0 {
		t.Error("a letter that can't be opened is tried without a pause")
	}
}

func TestReadyDecides(t *testing.T) {
	s, _ := mailtest.Start(t)
	o := newOffice(t, s.Addr, s.CA)
	o.Ready = func(_ context.Context, l *Letter) (bool, error) {
		switch l.D["do"] {
		case "drop":
			return false, nil
		case "fail":
			return false, errors.New("the database is away")
		}
		l.To = "mona@example.org"
		return true, nil
	}
	for _, do := range []string{"drop", "fail", ""} {
		o.put(Letter{Kind: "reset", D: map[string]string{"do": do}}, time.Hour)
	}
	o.round(ctx)
	if mails := s.Mails(); len(mails) != 1 || mails[0].To[0] != "mona@example.org" || o.waiting() != 1 {
		t.Error(mails, o.waiting())
	}
}

func TestTheOwnerEnds(t *testing.T) {
	s, _ := mailtest.Start(t)
	o := newOffice(t, s.Addr, s.CA)
	o.Now = time.Now
	o.Start(ctx)
	o.put(reset, time.Hour)
	o.Wake()
	s.Wait(t, 1)
	for o.waiting() != 0 { // the server had the mail before we had its answer, and a mail without one would go again
		time.Sleep(time.Millisecond)
	}
	o.Close()
	// A mail that is cut off by the end is not lost, and may go at once.
	hang := make(chan struct{})
	s.Fail(func(string) error { <-hang; return nil })
	o.Start(ctx)
	o.put(reset, time.Hour)
	o.Wake()
	for s.Tries() < 2 {
		time.Sleep(time.Millisecond)
	}
	began := time.Now()
	o.Close()
	if d := time.Since(began); d > 5*time.Second {
		t.Error("closing took", d)
	}
	close(hang)
	s.Fail(nil)
	if o.waiting() != 1 {
		t.Fatal("lost by the end")
	}
	if n := o.round(ctx); n != 1 || o.waiting() != 0 {
		t.Error(n, o.waiting())
	}
}

func TestTheOutboxIsBounded(t *testing.T) {
	s, _ := mailtest.Start(t)
	o := newOffice(t, s.Addr, s.CA)
	room := func() error { return o.Box.DB.InTx(ctx, func(tx *database.Tx) error { return o.Box.Room(ctx, tx) }) }
	if err := room(); err != nil {
		t.Fatal(err)
	}
	if _, err := o.Box.DB.Exec(ctx, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
		INSERT INTO outbox (id, kind, account, letter, created_at, next_at, expires_at) SELECT CAST(i AS TEXT), 'reset', '', CAST('' AS BYTEA), 1, 1, 1 FROM n`); err != nil {
		t.Fatal(err)
	}
	if err := room(); err != ErrFull {
		t.Fatal(err)
	}
}
