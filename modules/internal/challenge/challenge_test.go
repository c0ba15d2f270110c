package challenge

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/redistest"
	"github.com/convosphere/gateway/modules/internal/store"
)

var (
	key = []byte("0123456789abcdef0123456789abcdef")
	me  = Client{Address: "192.0.2.1", UserAgent: "Browser/1"}
)

// clock is moved by hand.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time          { return time.UnixMilli(c.at.Load()) }
func (c *clock) advance(d time.Duration) { c.at.Add(d.Milliseconds()) }

func newDesk() (*Desk, *clock) {
	c := new(clock)
	c.at.Store(1_800_000_000_000)
	return NewDesk(key, store.NewMemory(0), c.now), c
}

func solve(t testing.TB, p Puzzle) string {
	t.Helper()
	answer, err := Solve(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestASolvedPuzzleCountsOnce(t *testing.T) {
	d, _ := newDesk()
	answer := solve(t, d.Puzzle(Requests, me, 8))
	if err := d.Solved(t.Context(), Requests, me, answer); err != nil {
		t.Fatal(err)
	}
	if err := d.Solved(t.Context(), Requests, me, answer); !errors.Is(err, ErrUsed) {
		t.Errorf("again: %v", err)
	}
}

// Of parallel uses of one answer one counts.
func TestAnAnswerIsWorthOneOfManyUses(t *testing.T) {
	d, _ := newDesk()
	answer := solve(t, d.Puzzle(Login, me, 8))
	var took atomic.Int64
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if d.Solved(context.Background(), Login, me, answer) == nil {
				took.Add(1)
			}
		})
	}
	wg.Wait()
	if took.Load() != 1 {
		t.Errorf("%d of 50 uses counted", took.Load())
	}
}

// What is solved on one gateway is solved on all that share its store.
func TestAnAnswerCountsOnceInAFleet(t *testing.T) {
	redis := redistest.Start(t)
	desk := func() *Desk {
		s, err := store.OpenRedis(t.Context(), redis.URL())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return NewDesk(key, s, time.Now)
	}
	a, b := desk(), desk()
	answer := solve(t, a.Puzzle(Requests, me, 8))
	if err := b.Solved(t.Context(), Requests, me, answer); err != nil {
		t.Fatalf("another gateway of the fleet does not know the puzzle: %v", err)
	}
	if err := a.Solved(t.Context(), Requests, me, answer); !errors.Is(err, ErrUsed) {
		t.Errorf("used on the other one before: %v", err)
	}
}

// away is a store that can't be asked.
type away struct{ store.Store }

func (away) Add(context.Context, string, []byte, time.Duration) (bool, error) {
	return false, errors.New("the store is away")
}

func TestWhileTheStoreIsAwayEachProcessCounts(t *testing.T) {
	d := NewDesk(key, away{}, time.Now)
	answer := solve(t, d.Puzzle(Requests, me, 8))
	if err := d.Solved(t.Context(), Requests, me, answer); err != nil {
		t.Fatal(err)
	}
	if err := d.Solved(t.Context(), Requests, me, answer); !errors.Is(err, ErrUsed) {
		t.Errorf("again: %v", err)
	}
}

func TestAnswersOfOthersAreWorthNothing(t *testing.T) {
	d, now := newDesk()
	p := d.Puzzle(Requests, me, 8)
	answer := solve(t, p)
	for name, err := range map[string]error{
		"another client":        d.Solved(t.Context(), Requests, Client{"192.0.2.2", me.UserAgent}, answer),
		"another browser":       d.Solved(t.Context(), Requests, Client{me.Address, "Browser/2"}, answer),
		"parts shifted":         d.Solved(t.Context(), Requests, Client{me.Address + "B", "rowser/1"}, answer),
		"another purpose":       d.Solved(t.Context(), Login, me, answer),
		"another key":           NewDesk([]byte("another"), store.NewMemory(0), now.now).Solved(t.Context(), Requests, me, answer),
		"a wait's token":        d.Solved(t.Context(), Requests, me, d.Wait(Requests, me, 0)+strings.TrimPrefix(answer, p.Token)),
		"a clearance":           d.Solved(t.Context(), Requests, me, d.Clear(Requests, me, time.Hour)+strings.TrimPrefix(answer, p.Token)),
		"another spelling":      d.Solved(t.Context(), Requests, me, answer[:len(p.Token)]+"="+answer[len(p.Token):]),
		"nothing":               d.Solved(t.Context(), Requests, me, ""),
		"a long one":            d.Solved(t.Context(), Requests, me, strings.Repeat("A", 1<<20)),
		"an unaltered one's id": d.Solved(t.Context(), Requests, me, flip(p.Token, 30)+strings.TrimPrefix(answer, p.Token)),
	} {
		if !errors.Is(err, ErrForged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := d.Solved(t.Context(), Requests, me, answer); err != nil {
		t.Errorf("tries of others have used it up: %v", err)
	}
}

// flip changes one bit of a token's bytes.
func flip(token string, octet int) string {
	b, _ := base64.RawURLEncoding.DecodeString(token)
	b[octet] ^= 1
	return base64.RawURLEncoding.EncodeToString(b)
}

// Whatever bit of a token is changed, it is worth nothing: no less work, no more time, no other kind.
func TestNoBitOfATokenCanBeChanged(t *testing.T) {
	d, _ := newDesk()
	token := d.Puzzle(Requests, me, 20).Token
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(b) * 8 {
		b[i/8] ^= 1 << (i % 8)
		if _, ok := d.open(base64.RawURLEncoding.EncodeToString(b), puzzleToken, Requests, me); ok {
			t.Errorf("bit %d", i)
		}
		b[i/8] ^= 1 << (i % 8)
	}
	if _, ok := d.open(token, puzzleToken, Requests, me); !ok {
		t.Error("unchanged")
	}
}

// Who solves an easier puzzle than the one that was set has solved none.
func TestLessWorkIsWorthNothing(t *testing.T) {
	d, _ := newDesk()
	p := d.Puzzle(Requests, me, 14)
	easier := p
	easier.Bits--
	if err := d.Solved(t.Context(), Requests, me, solve(t, easier)); !errors.Is(err, ErrWrong) {
		t.Errorf("%v", err)
	}
}

func TestAnswersThatSolveNothing(t *testing.T) {
	d, _ := newDesk()
	p := d.Puzzle(Requests, me, 8)
	answer := solve(t, p)
	numbers := strings.Split(answer, ".")[1:]
	with := func(i int, s string) string {
		n := append([]string(nil), numbers...)
		n[i] = s
		return p.Token + "." + strings.Join(n, ".")
	}
	for _, bad := range []string{
		p.Token, p.Token + ".", p.Token + strings.Repeat(".", parts), answer + ".", answer + ".0", answer[:strings.LastIndexByte(answer, '.')],
		with(0, "0"+numbers[0]), with(0, "+"+numbers[0]), with(0, "-1"), with(0, ""), with(0, "4294967296"), with(0, "x"), with(0, " "+numbers[0]),
		with(parts-1, numbers[parts-1]+"\n"), with(0, "1_0"),
	} {
		if err := d.Solved(t.Context(), Requests, me, bad); !errors.Is(err, ErrWrong) {
			t.Errorf("%.80q: %v", strings.TrimPrefix(bad, p.Token), err)
		}
	}
}

func TestPuzzlesExpire(t *testing.T) {
	d, now := newDesk()
	answer := solve(t, d.Puzzle(Requests, me, 8))
	now.advance(puzzleLife)
	if err := d.Solved(t.Context(), Requests, me, answer); !errors.Is(err, ErrExpired) {
		t.Errorf("%v", err)
	}
	// Used shortly before its end, it is known as used until the end.
	answer = solve(t, d.Puzzle(Requests, me, 8))
	now.advance(puzzleLife - time.Minute) // the store's clock is the machine's
	if err := d.Solved(t.Context(), Requests, me, answer); err != nil {
		t.Error(err)
	}
	for range 2 { // at once, and at the last moment
		if err := d.Solved(t.Context(), Requests, me, answer); !errors.Is(err, ErrUsed) {
			t.Errorf("again: %v", err)
		}
		now.advance(time.Minute - time.Millisecond)
	}
}

func TestWork(t *testing.T) {
	d, _ := newDesk()
	for work, bits := range map[int]int{-1: 1, 0: 1, 6: 1, 17: 12, 26: 21, 1000: 21} {
		if p := d.Puzzle(Requests, me, work); p.Bits != bits || p.Parts != 32 {
			t.Errorf("work %d: %d parts of %d bits", work, p.Parts, p.Bits)
		}
	}
	for times, want := range map[int64]int{-1: 17, 0: 17, 1: 17, 2: 18, 3: 18, 4: 19, 64: 21, 1 << 62: 21} {
		if got := Harder(17, times, 21); got != want {
			t.Errorf("%d times: %d", times, got)
		}
	}
}

func TestWaits(t *testing.T) {
	d, now := newDesk()
	token := d.Wait(Requests, me, 30*time.Second)
	now.advance(10 * time.Second)
	if left, err := d.Waited(t.Context(), Requests, me, token); !errors.Is(err, ErrEarly) || left != 20*time.Second {
		t.Errorf("%s %v", left, err)
	}
	now.advance(20 * time.Second)
	for name, c := range map[string]Client{"another client": {"192.0.2.2", me.UserAgent}, "another browser": {me.Address, "x"}} {
		if _, err := d.Waited(t.Context(), Requests, c, token); !errors.Is(err, ErrForged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := d.Waited(t.Context(), Login, me, token); !errors.Is(err, ErrForged) {
		t.Errorf("another purpose: %v", err)
	}
	if _, err := d.Waited(t.Context(), Requests, me, d.Puzzle(Requests, me, 8).Token); !errors.Is(err, ErrForged) {
		t.Errorf("a puzzle's token: %v", err)
	}
	if _, err := d.Waited(t.Context(), Requests, me, token); err != nil {
		t.Error(err)
	}
	if _, err := d.Waited(t.Context(), Requests, me, token); !errors.Is(err, ErrUsed) {
		t.Errorf("again: %v", err)
	}
	token = d.Wait(Requests, me, time.Second)
	now.advance(time.Second + waitGrace)
	if _, err := d.Waited(t.Context(), Requests, me, token); !errors.Is(err, ErrExpired) {
		t.Errorf("too late: %v", err)
	}
}

func TestClearances(t *testing.T) {
	d, now := newDesk()
	token := d.Clear(Requests, me, time.Hour)
	if !d.Cleared(Requests, me, token) {
		t.Error("it does not hold")
	}
	for name, held := range map[string]bool{
		"another client":  d.Cleared(Requests, Client{"192.0.2.2", me.UserAgent}, token),
		"another browser": d.Cleared(Requests, Client{me.Address, "Browser/2"}, token),
		"another purpose": d.Cleared(Login, me, token),
		"a puzzle":        d.Cleared(Requests, me, d.Puzzle(Requests, me, 8).Token),
		"a wait":          d.Cleared(Requests, me, d.Wait(Requests, me, 0)),
		"nothing":         d.Cleared(Requests, me, ""),
		"changed":         d.Cleared(Requests, me, flip(token, 17)),
	} {
		if held {
			t.Error(name)
		}
	}
	now.advance(time.Hour)
	if d.Cleared(Requests, me, token) {
		t.Error("it holds after its end")
	}
}

// Nothing that a client sends counts but what it was set and has solved.
func FuzzAnswers(f *testing.F) {
	// The same in each of the processes that try inputs, so that those of one mean something to the others.
	d, now := newDesk()
	same := func(k kind, from time.Duration) string {
		return d.seal(ticket{kind: k, bits: 3, from: now.now().Add(from), until: now.now().Add(time.Hour), id: [idSize]byte{1, 2, 3}}, Requests, me)
	}
	p := Puzzle{Algorithm: algorithm, Token: same(puzzleToken, 0), Seed: ticket{id: [idSize]byte{1, 2, 3}}.seed(), Parts: parts, Bits: 3}
	answer, err := Solve(context.Background(), p)
	if err != nil {
		f.Fatal(err)
	}
	clearance, wait := same(clearanceToken, 0), same(waitToken, time.Minute)
	for _, seed := range []string{"", answer, p.Token, clearance, wait, p.Token + strings.Repeat(".0", parts)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		fresh := *d
		fresh.solved = store.NewMemory(0)
		if err := fresh.Solved(t.Context(), Requests, me, s); err == nil && s != answer {
			token, numbers, _ := strings.Cut(s, ".")
			if tk, ok := d.open(token, puzzleToken, Requests, me); token != p.Token || !ok || !tk.solvedBy(numbers) {
				t.Errorf("%q solves a puzzle", s)
			}
		}
		if d.Cleared(Requests, me, s) && s != clearance {
			t.Errorf("%q clears", s)
		}
		if left, err := d.Waited(t.Context(), Requests, me, s); s != wait && !errors.Is(err, ErrForged) || err == nil || left < 0 {
			t.Errorf("%q: %v %v", s, left, err)
		}
	})
}

func BenchmarkPuzzle(b *testing.B) {
	d, _ := newDesk()
	for b.Loop() {
		d.Puzzle(Requests, me, 17)
	}
}

func BenchmarkSolved(b *testing.B) {
	for _, kind := range []string{"right", "forged", "wrong"} {
		b.Run(kind, func(b *testing.B) {
			d, _ := newDesk()
			p := d.Puzzle(Requests, me, 17)
			answer := solve(b, p)
			switch kind {
			case "forged":
				answer = flip(p.Token, 40) + strings.TrimPrefix(answer, p.Token)
			case "wrong":
				answer = p.Token + strings.Repeat(".0", parts)
			}
			for i := 0; b.Loop(); i++ {
				if kind == "right" { // each is solved once
					_ = d.local.Delete(b.Context(), "")
					d.solved = store.NewMemory(64)
				}
				_ = d.Solved(b.Context(), Requests, me, answer)
			}
		})
	}
}

func BenchmarkCleared(b *testing.B) {
	d, _ := newDesk()
	token := d.Clear(Requests, me, time.Hour)
	for b.Loop() {
		if !d.Cleared(Requests, me, token) {
			b.Fatal("not cleared")
		}
	}
}

func ExampleSolve() {
	d := NewDesk(key, store.NewMemory(0), time.Now)
	answer, err := Solve(context.Background(), d.Puzzle(Requests, me, 10))
	if err != nil {
		panic(err)
	}
	fmt.Println(d.Solved(context.Background(), Requests, me, answer))
	// Output: <nil>
}
