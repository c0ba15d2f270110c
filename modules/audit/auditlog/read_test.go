package auditlog

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/convosphere/gateway/modules/audit/auditlog/personal"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/event"
)

func (h *house) folder() *Folder {
	h.t.Helper()
	f, err := OpenFolder(h.audit(), h.ring, "")
	if err != nil {
		h.t.Fatal(err)
	}
	return f
}

// plain are the events as they are exported.
func (h *house) plain() (all []map[string]any) {
	h.t.Helper()
	f, keys := h.folder(), personal.Open(h.db, nil, h.ring, h.clock)
	err := f.Read(Query{}, func(l *Leaf) error {
		line, err := f.Plain(ctx, nil, l, keys)
		if err != nil {
			return err
		}
		var e map[string]any
		if err := json.Unmarshal(line, &e); err != nil {
			h.t.Errorf("%s: %v", line, err)
		}
		all = append(all, e)
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return all
}

// What is exported is what was emitted. Once a person is erased, nobody reads what is personal in their events, the log is still what was signed, and no
// key is made for them again.
func TestErasureLeavesTheTreeValid(t *testing.T) {
	h := newHouse(t)
	l := h.open(h.options())
	h.emit(l, 15, 5)
	for i, e := range h.plain() {
		want := request(h.clock(), i)
		if e["source.ip"] != want.SourceIP || e["url.path"] != want.Path || want.UserID != "" && e["user.id"] != want.UserID || e["audit.erased"] != nil {
			t.Fatal(i, e)
		}
	}
	err := h.db.InTx(ctx, func(tx *database.Tx) error { return personal.Erase(ctx, tx, h.ring, h.clock(), "user-1") })
	if err != nil {
		t.Fatal(err)
	}
	h.feed.Wake()
	for k, end := l.personal.Person("user-1"), time.Now().Add(30*time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if _, known := l.personal.Cached(k); !known {
			break
		}
	}
	if err := l.Durable(ctx, func() {
		h.bus.Emit(&event.Event{Time: h.clock(), Category: "iam", Action: "account-erased", Outcome: event.Success, UserID: "user-1", SourceIP: "198.51.100.1"})
	}); err != nil {
		t.Fatal(err)
	}
	all := h.plain()
	for i, e := range all[:15] {
		mine := request(h.clock(), i).UserID == "user-1"
		if (e["audit.erased"] == true) != mine || (e["source.ip"] == nil) != mine || e["event.action"] != "http-request" {
			t.Error(i, e)
		}
	}
	if last := all[15]; last["user.id"] != "user-1" || last["source.ip"] != "198.51.100.1" {
		t.Error("the erasure itself can't be read:", last)
	}
	h.close(l)
	if report, err := Verify(h.folder()); err != nil || len(report.Findings) > 0 {
		t.Errorf("%+v %v", report, err)
	}
	// And the day's key goes with the day.
	if n, err := personal.EraseDays(ctx, h.db, h.clock().Add(48*time.Hour)); err != nil || n != 1 {
		t.Error(n, err)
	}
	if e := h.plain()[15]; e["user.id"] != nil || e["audit.erased"] != true {
		t.Error(e)
	}
}

// Retention removes whole segments, and what is left, with the hashes of the rest, is still the log that was signed.
func TestRetention(t *testing.T) {
	h := newHouse(t)
	o := h.options()
	o.Segment, o.Keep = 8<<10, 48*time.Hour
	l := h.open(o)
	h.emit(l, 60, 5)
	if err := l.Checkpoint(ctx); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(filepath.Join(h.audit(), "checkpoint"))
	if err != nil {
		t.Fatal(err)
	}
	h.pass(72 * time.Hour)
	h.emit(l, 60, 5)
	h.close(l)
	report, err := Verify(h.folder())
	if err != nil || len(report.Findings) > 0 || report.First < 30 || report.Size < 120 {
		t.Fatalf("%+v %v", report, err)
	}
	if all, err := segments(h.audit()); err != nil || all[0].first != report.First {
		t.Error(all, err)
	}
	p, err := h.folder().ProveEarlier(before)
	if err != nil || p.Check(h.folder().Verifier) != nil {
		t.Error("a checkpoint from before is not proved:", err)
	}
	// More is missing than retention has signed.
	all, err := segments(h.audit())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(all[0].path); err != nil {
		t.Fatal(err)
	}
	if report, err := Verify(h.folder()); err != nil || !slices.ContainsFunc(report.Findings, func(f Finding) bool { return f.Kind == Removed && f.From == all[0].first }) {
		t.Errorf("%+v %v", report, err)
	}
}

// Proofs hold with the public key alone, and for nothing but what they are of.
func TestProofs(t *testing.T) {
	h := newHouse(t)
	l := h.open(h.options())
	h.emit(l, 300, 50)
	h.close(l)
	f := h.folder()
	key, err := note.NewVerifier(l.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int64{0, 1, 127, 255, 256, 299} {
		p, err := f.ProveEvent(i)
		if err != nil || p.Check(key) != nil {
			t.Fatal(i, err, p.Check(key))
		}
		altered := p
		altered.Leaf = strings.Replace(p.Leaf, "success", "failure", 1)
		moved := p
		moved.Index++
		short := p
		short.Hashes = p.Hashes[1:]
		for what, bad := range map[string]Proof{"altered": altered, "moved": moved, "short": short} {
			if bad.Check(key) == nil {
				t.Errorf("event %d: a proof that is %s holds", i, what)
			}
		}
	}
	if _, err := f.ProveEvent(100_000); err == nil {
		t.Error("an event was proved that is not there")
	}
	other, err := keysOf(h.ring, "another/audit/log")
	if err != nil {
		t.Fatal(err)
	}
	if p, err := f.ProveEvent(5); err != nil || p.Check(other.verifier) == nil {
		t.Error("a proof holds by another log's key", err)
	}
}

// Without the key ring, the public key and the hashes tell as much; and a log that was written anew as a whole, with the node's own keys, is not the one that was signed before.
func TestVerifyElsewhere(t *testing.T) {
	h := newHouse(t)
	l := h.open(h.options())
	h.emit(l, 40, 4)
	h.close(l)
	told, err := os.ReadFile(filepath.Join(h.audit(), "checkpoint"))
	if err != nil {
		t.Fatal(err)
	}
	alone, err := OpenFolder(h.audit(), nil, l.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	if report, err := Verify(alone, Told{"a file", string(told)}); err != nil || len(report.Findings) > 0 {
		t.Fatalf("%+v %v", report, err)
	}
	forged := newForger(t, h.audit())
	for i, line := range forged.lines {
		if index, ok := indexOf(line); ok && index == 17 {
			forged.lines[i] = []byte(strings.Replace(string(line), `"GET"`, `"PUT"`, 1))
		}
	}
	forged.write(t)
	if report, err := Verify(alone); err != nil || !slices.ContainsFunc(report.Findings, func(f Finding) bool { return f.Kind == Changed && f.From == 17 && f.To == 18 }) {
		t.Errorf("%+v %v", report, err)
	}
	// Now all of it is written anew, by who has the keys.
	origin, err := os.ReadFile(filepath.Join(h.audit(), "origin"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(h.audit()); err != nil {
		t.Fatal(err)
	}
	if _, err := h.db.Exec(ctx, `DELETE FROM audit_heads`); err != nil {
		t.Fatal(err)
	}
	w := &Log{o: h.options().filled(), origin: strings.TrimSpace(string(origin))}
	for _, dir := range []string{"segments", "hashes"} {
		if err := os.MkdirAll(filepath.Join(h.audit(), dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.useKeys(); err != nil {
		t.Fatal(err)
	}
	w.tree = tree{hashes: hashes{dir: filepath.Join(h.audit(), "hashes"), write: true}}
	if err := w.newSegment(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(writeFile(filepath.Join(h.audit(), "vkey"), []byte(w.keys.vkey)), writeFile(filepath.Join(h.audit(), "origin"), origin), w.closeFiles()); err != nil {
		t.Fatal(err)
	}
	another := h.open(h.options())
	if another.Origin() != l.Origin() {
		t.Fatal("the forgery failed")
	}
	h.emit(another, 60, 6)
	h.close(another)
	if report, err := Verify(alone); err != nil || len(report.Findings) > 0 {
		t.Fatalf("the forgery is not good: %+v %v", report, err)
	}
	if report, err := Verify(alone, Told{"a file", string(told)}); err != nil || !slices.ContainsFunc(report.Findings, func(f Finding) bool { return f.Kind == Forked }) {
		t.Errorf("the checkpoint that was kept elsewhere shows nothing: %+v %v", report, err)
	}
}
