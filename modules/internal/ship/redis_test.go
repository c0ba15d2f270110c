package ship

import (
	"slices"
	"testing"

	"github.com/convosphere/gateway/modules/internal/redistest"
)

// Events go to the stream in order; a Redis that dies and comes back gets those that came meanwhile. The stream stays bounded.
func TestStream(t *testing.T) {
	server := redistest.Start(t)
	s, err := NewStream(StreamConfig{Address: server.URL(), Key: "gw:{events}:test", Most: 300})
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, Config{Sender: s})
	client := server.Client()
	defer client.Close()
	read := func() (actions []string) {
		all, err := client.XRange(t.Context(), "gw:{events}:test", "-", "+").Result()
		if err != nil {
			return nil
		}
		for _, m := range all {
			actions = append(actions, m.Values["action"].(string))
		}
		return actions
	}
	r.emit(0, 100)
	within(t, "the first arrived, and are out of the spool", func() bool { return len(read()) == 100 && r.Status().Waiting == 0 })
	server.Kill()
	r.emit(100, 150)
	within(t, "it is away", func() bool { return r.Status().Away })
	server.Run() // empty: it kept nothing
	within(t, "the rest arrived", func() bool { return len(ours(read())) >= 50 })
	if got := ours(read()); !slices.Equal(got[:50], names(100, 150)) {
		t.Fatal(got)
	}
	r.emit(150, 3000)
	within(t, "all arrived", func() bool { return slices.Contains(read(), "n2999") })
	if n, err := client.XLen(t.Context(), "gw:{events}:test").Result(); err != nil || n > 600 {
		t.Fatal(n, err)
	}
	one, err := client.XRevRangeN(t.Context(), "gw:{events}:test", "+", "-", 1).Result()
	if err != nil || len(one) != 1 || one[0].Values["id"] == "" || one[0].Values["event"] == "" {
		t.Fatal(one, err)
	}
}

func TestFile(t *testing.T) {
	if _, err := NewFile("/proc/none/events"); err == nil {
		t.Fatal("made a file in /proc")
	}
}
