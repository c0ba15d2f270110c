package ratelimit

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/dunglas/httpsfv"
	"pgregory.net/rapid"

	"github.com/convosphere/gateway/modules/ratelimit/limit"
)

// items parses a field as draft-ietf-httpapi-ratelimit-headers-11 wants it: a List of Strings with the given parameters, each a non-negative
// Integer but qu, which is a String of the registry.
func items(t rapid.TB, values []string, params ...string) map[string]map[string]any {
	t.Helper()
	list, err := httpsfv.UnmarshalList(values)
	if err != nil {
		t.Fatalf("%q: %v", values, err)
	}
	out := map[string]map[string]any{}
	for _, member := range list {
		item, ok := member.(httpsfv.Item)
		if !ok {
			t.Fatalf("%q has a member that is no item", values)
		}
		name, ok := item.Value.(string)
		if !ok || out[name] != nil {
			t.Fatalf("%q: the item %v is no string, or there twice", values, item.Value)
		}
		out[name] = map[string]any{}
		for _, p := range item.Params.Names() {
			v, _ := item.Params.Get(p)
			n, integer := v.(int64)
			unit, text := v.(string)
			switch {
			case !slices.Contains(params, p):
				t.Fatalf("%q: unknown parameter %s", values, p)
			case p == "qu" && (!text || !slices.Contains([]string{"requests", "content-bytes", "concurrent-requests"}, unit)):
				t.Fatalf("%q: %s is %v", values, p, v)
			case p != "qu" && (!integer || n < 0 || p == "w" && n == 0):
				t.Fatalf("%q: %s is %v", values, p, v)
			}
			out[name][p] = v
		}
		if out[name][params[0]] == nil {
			t.Fatalf("%q: %s has no %s", values, name, params[0])
		}
	}
	return out
}

func policies(t rapid.TB, h http.Header) map[string]map[string]any {
	t.Helper()
	return items(t, h.Values("RateLimit-Policy"), "q", "qu", "w")
}

func places(t rapid.TB, h http.Header) map[string]map[string]any {
	t.Helper()
	return items(t, h.Values("RateLimit"), "r", "t")
}

// anyLimit draws a limit of any kind that can be configured.
func anyLimit(t *rapid.T) limit.Limit {
	var l limit.Limit
	var err error
	switch limit.Kind(rapid.IntRange(0, 2).Draw(t, "kind")) {
	case limit.Rate:
		l, err = limit.New(rapid.Int64Range(0, 1000).Draw(t, "count"), rapid.SampledFrom([]time.Duration{time.Millisecond, time.Second, time.Hour, 24 * time.Hour}).Draw(t, "period"),
			rapid.Int64Range(1, 300).Draw(t, "burst"))
	case limit.Quota:
		l, err = limit.NewQuota(rapid.Int64Range(0, 1<<38).Draw(t, "quota"), limit.Period(rapid.IntRange(0, 1).Draw(t, "period")))
	case limit.Concurrent:
		l, err = limit.NewConcurrent(rapid.Int64Range(0, 100_000).Draw(t, "leases"), time.Minute)
	}
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Whatever a zone says, the fields are those of the draft: they parse, their numbers are in range, both name the same policies, a refusal's
// Retry-After is not before the end of an effective window (section 6), and what remains divided by the window is not more than the rate
// (section 8.5).
func TestFieldsAreTheDrafts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		allowed := rapid.Bool().Draw(t, "allowed")
		var charges []limit.Charge
		for i := range rapid.IntRange(1, 6).Draw(t, "zones") {
			zone := &Zone{Name: "zone-" + strconv.Itoa(i), Shadow: rapid.Bool().Draw(t, "shadow"), Cost: &Cost{Bytes: rapid.SampledFrom([]int64{0, 0, 1, 1024, 1 << 40}).Draw(t, "unit")}}
			l := limit.Zone{Name: zone.Name, Limit: anyLimit(t), Shadow: zone.Shadow, Tag: zone.about()}
			l.Policy = zone.policy(l.Limit)
			c := limit.Charge{Zone: &l}
			c.Result.Remaining = rapid.Int64Range(-3, l.Limit.Burst).Draw(t, "remaining")
			c.Result.Reset = time.Duration(rapid.Int64Range(0, int64(400*24*time.Hour)).Draw(t, "reset"))
			if l.Limit.Kind() == limit.Rate && l.Limit.Burst > 0 { // what is free is what is not to come back yet
				free := time.Duration(c.Result.Remaining) * (l.Limit.Window() / time.Duration(l.Limit.Burst))
				c.Result.Reset = max(0, l.Limit.Window()-free)
			}
			if !allowed && rapid.Bool().Draw(t, "refused") {
				c.Result.Refused = !l.Shadow
				c.Result.Remaining = 0
				c.Result.Wait = time.Duration(rapid.Int64Range(-1, int64(40*24*time.Hour)).Draw(t, "wait"))
			}
			c.Result.Skipped = rapid.Bool().Draw(t, "skipped") && !c.Result.Refused
			charges = append(charges, c)
		}
		w := httptest.NewRecorder()
		announce(w.Header(), charges, allowed)
		if !allowed {
			refuse(w, httptest.NewRequest("POST", "/", nil), charges)
		}
		told := 0
		policy, state := policies(t, w.Header()), places(t, w.Header())
		after, _ := strconv.ParseInt(w.Header().Get("Retry-After"), 10, 64)
		for i := range charges {
			c := &charges[i]
			p, s := policy[c.Zone.Name], state[c.Zone.Name]
			if c.Result.Skipped || c.Zone.Shadow {
				if p != nil || s != nil {
					t.Fatalf("%+v is told", c)
				}
				continue
			}
			if told++; p == nil || s == nil {
				t.Fatalf("%+v is not told", c)
			}
			left, window := s["r"].(int64), s["t"]
			if w.Code == http.StatusTooManyRequests && after > 0 && window != nil && window.(int64) > after {
				t.Fatalf("%v, and Retry-After: %d", s, after)
			}
			if allowed && p["w"] != nil && left > 0 {
				// A second more, since both are rounded up.
				if most := float64(p["q"].(int64)) / float64(p["w"].(int64)) * float64(window.(int64)+1) * 1.0001; float64(left) > most+1 && float64(p["q"].(int64)) < maxInteger && c.Zone.Limit.Window() >= time.Second {
					t.Fatalf("%v is more than the rate of %v", s, p)
				}
			}
		}
		if told != len(policy) || told != len(state) {
			t.Fatalf("%d zones, %v, %v", told, policy, state)
		}
	})
}
