package engine

import (
	"context"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"pgregory.net/rapid"

	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// queries are all read otherwise; one has no reading.
var queries = []string{"", "a=1", "a=1&a=2", "a=2&a=1", "a=1&b=2", "a=%22", "b", "a=;"}

// anyInput draws inputs that differ in little, so that neighbours meet.
func anyInput(t *rapid.T, label string) *Input {
	word := rapid.SampledFrom([]string{"", "a", "b", "ab", "room", "message:post", "app:restricted", "viewer", "1"})
	words := rapid.SliceOfN(word, 0, 2)
	in := &Input{
		Permission: word.Draw(t, label), Method: word.Draw(t, label), Path: word.Draw(t, label), Route: word.Draw(t, label), Host: word.Draw(t, label),
		Target: word.Draw(t, label), Resource: Object{word.Draw(t, label), word.Draw(t, label)}, Parent: Object{word.Draw(t, label), word.Draw(t, label)},
		Relations: words.Draw(t, label), ParentRelations: words.Draw(t, label),
	}
	ips := []netip.Addr{{}, netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("::ffff:192.0.2.1"), netip.MustParseAddr("2001:db8::1")}
	in.Client.IP = rapid.SampledFrom(ips).Draw(t, label)
	in.Client.Country = rapid.SampledFrom([]string{"", "DE", "FR"}).Draw(t, label)
	in.Client.Risk = rapid.SampledFrom([]int{0, 70}).Draw(t, label)
	in.Query = rapid.SampledFrom(queries).Draw(t, label)
	in.Classification, in.BreakGlass, in.Truncated = word.Draw(t, label), rapid.Bool().Draw(t, label), rapid.Bool().Draw(t, label)
	in.Body = rapid.SampledFrom([]ast.Value{nil, ast.Null{}, ast.String("1"), ast.Number("1"), ast.NewArray(), ast.NewObject()}).Draw(t, label)
	if rapid.Bool().Draw(t, label) {
		in.Message = &Message{word.Draw(t, label), word.Draw(t, label)}
	}
	if rapid.Bool().Draw(t, label) {
		times := rapid.SampledFrom([]time.Time{{}, time.Unix(0, 0), time.Unix(5, 3), time.Unix(5, 0), time.Unix(1700000000, 0)})
		in.Identity = &reqctx.Identity{
			Subject: word.Draw(t, label), Name: word.Draw(t, label), Session: word.Draw(t, label), Roles: words.Draw(t, label), Methods: words.Draw(t, label),
			AuthTime: times.Draw(t, label), MFATime: times.Draw(t, label), Created: times.Draw(t, label),
			Kind: word.Draw(t, label), Issuer: word.Draw(t, label), ACR: word.Draw(t, label), Risk: words.Draw(t, label), Trusted: rapid.Bool().Draw(t, label),
		}
		if rapid.Bool().Draw(t, label) {
			in.Identity.Scopes = append([]string{}, words.Draw(t, label)...)
		}
	}
	return in
}

// Two inputs share a place in memory exactly where the policy could not tell them apart.
func TestKeyIsTheDocument(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := anyInput(t, "a")
		b := *a
		if rapid.Bool().Draw(t, "other") {
			b = *anyInput(t, "b")
		} else if rapid.Bool().Draw(t, "moved") { // what stood in one field now stands in its neighbour
			b.Method, b.Path = a.Path, a.Method
			b.Relations, b.ParentRelations = a.ParentRelations, a.Relations
		} else if a.Identity != nil { // one field of the identity differs
			id := *a.Identity
			b.Identity = &id
			one := anyInput(t, "one").Identity
			if one == nil {
				one = &reqctx.Identity{}
			}
			switch rapid.IntRange(0, 5).Draw(t, "which") {
			case 0:
				id.Scopes = one.Scopes
			case 1:
				id.Kind = one.Kind
			case 2:
				id.Issuer = one.Issuer
			case 3:
				id.ACR = one.ACR
			case 4:
				id.Risk = one.Risk
			case 5:
				id.Trusted = one.Trusted
			}
		}
		r := readAll
		if rapid.Bool().Draw(t, "some") {
			r = reads(rapid.Uint64Range(0, uint64(readAll)).Draw(t, "reads"))
		}
		keyA, okA := a.key(nil, r)
		keyB, okB := b.key(nil, r)
		if !okA || !okB { // not remembered at all
			return
		}
		same := a.value(r, nil).Compare(b.value(r, nil)) == 0 && a.Truncated == b.Truncated
		if got := string(keyA) == string(keyB); got != same {
			t.Fatalf("same document: %v, same key: %v\n%v\n%v", same, got, a.value(r, nil), b.value(r, nil))
		}
	})
}

func TestRememberedIsWhatWouldBeDecided(t *testing.T) {
	with, without := shipped(t), shipped(t)
	without.current.Load().memory = nil
	rapid.Check(t, func(t *rapid.T) {
		in := anyInput(t, "in")
		for range 2 {
			a, errA := with.Decide(context.Background(), in)
			b, errB := without.Decide(context.Background(), in)
			if a.Allow != b.Allow || a.Reason != b.Reason || a.Failure != b.Failure || a.Obligations.StepUp != b.Obligations.StepUp ||
				a.Obligations.Tier != b.Obligations.Tier || (errA == nil) != (errB == nil) {
				t.Fatalf("%+v %v\n%+v %v", a, errA, b, errB)
			}
		}
	})
}

// A second factor that was fresh grows old: what asked the clock is asked again.
func TestTheClockIsNotRemembered(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	e := New(shipped(t).current.Load(), 0, func() time.Time { return now })
	id := *ursula
	id.MFATime, id.ACR = now, reqctx.ACRMulti
	in := &Input{Permission: "app:restricted", Identity: &id}
	if d, err := e.Decide(context.Background(), in); err != nil || !d.Allow {
		t.Fatalf("%+v %v", d, err)
	}
	now = now.Add(time.Hour)
	if d, err := e.Decide(context.Background(), in); err != nil || d.Allow || !d.Obligations.StepUp {
		t.Fatalf("an hour later: %+v %v", d, err)
	}
}

// OPA does not say of every built-in function that it reads the clock.
func TestAPolicyThatReadsTheClockInSilenceIsNotRemembered(t *testing.T) {
	s := compile(t, `decision := {"allow": true, "reason": "", "obligations": {}} if {
		io.jwt.decode_verify(input.request.path, {"secret": "x"})[0]
	}`, nil)
	if s.memory != nil {
		t.Fatal("it is remembered")
	}
}

func TestASwapForgets(t *testing.T) {
	yes := compile(t, `decision := {"allow": true, "reason": "yes", "obligations": {}}`, nil)
	no := compile(t, `decision := {"allow": false, "reason": "no", "obligations": {}}`, nil)
	e := New(yes, 0, time.Now)
	for range 2 {
		if d, _ := e.Decide(context.Background(), messagePost()); !d.Allow {
			t.Fatal("yes refuses")
		}
	}
	e.Swap(no)
	if d, _ := e.Decide(context.Background(), messagePost()); d.Allow {
		t.Fatal("the old decision outlives its policy")
	}
}

func TestMemoryIsBounded(t *testing.T) {
	m := newMemory()
	for i := range 100_000 {
		m.put([]byte(strconv.Itoa(i)), Decision{})
	}
	n := 0
	for i := range m.shards {
		n += len(m.shards[i].m)
	}
	if n > len(m.shards)*perShard || n < perShard {
		t.Fatalf("remembers %d decisions", n)
	}
}

func BenchmarkRemembered(b *testing.B) {
	e := shipped(b)
	in := messagePost()
	b.ReportAllocs()
	for b.Loop() {
		if d, err := e.Decide(context.Background(), in); err != nil || !d.Allow {
			b.Fatal(d, err)
		}
	}
}
