package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/convosphere/gateway/test/kit"
)

// socket prints how long a message of 200 bytes takes to the back end and back.
func socket(t kit.T, plain, waf string) {
	r, bodies := rand.New(rand.NewPCG(200, 1)), make([]string, 2000)
	for i := range bodies {
		bodies[i] = chatBody(r, 165)
	}
	bodies = passed(t, waf, bodies)
	var all [2][]time.Duration
	for range 2 { // in turn
		for i, url := range []string{plain, waf} {
			all[i] = append(all[i], roundTrips(t, url, bodies)...)
		}
	}
	a, b := middle(all[0]), middle(all[1])
	fmt.Printf("\nSocket message of 200 bytes, there and back: plain %.0f µs, WAF %.0f µs, median of %d\n", micros(a), micros(b), len(all[0]))
}

func roundTrips(t kit.T, url string, bodies []string) (took []time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	h := http.Header{"User-Agent": {userAgent}, "Origin": {"http://chat.example.com"}}
	c, _, err := websocket.Dial(ctx, url+"/api/ws", &websocket.DialOptions{HTTPHeader: h, Host: "chat.example.com"})
	if err != nil {
		t.Fatalf("socket: %v", err)
	}
	defer c.CloseNow()
	for _, body := range bodies {
		m := []byte(`{"type":"message","room":"general",` + body[1:])
		start := time.Now()
		if err := c.Write(ctx, websocket.MessageText, m); err != nil {
			t.Fatalf("socket: %v", err)
		}
		if _, _, err := c.Read(ctx); err != nil {
			t.Fatalf("socket: %v", err)
		}
		took = append(took, time.Since(start))
	}
	return took
}

// uploads prints what uploads of 10 MB take, and the memory of the gateway before, at its highest, and after.
func uploads(t kit.T, g server) {
	contentType, body := upload(10 << 20)
	before := rss(t, g.process)
	stop, highest := make(chan struct{}), make(chan float64)
	go func() {
		top := 0.0
		for {
			select {
			case <-stop:
				highest <- top
				return
			case <-time.After(5 * time.Millisecond):
				top = max(top, rss(t, g.process))
			}
		}
	}()
	took := make([]time.Duration, 16)
	errs := make([]error, len(took))
	next := make(chan int)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range next {
				took[i], errs[i] = send(g.url+"/api/rooms/general/files", contentType, body)
			}
		})
	}
	for i := range took {
		next <- i
	}
	close(next)
	wg.Wait()
	close(stop)
	top := <-highest
	for _, err := range errs {
		if err != nil {
			t.Fatalf("uploads: %v", err)
		}
	}
	time.Sleep(time.Second)
	fmt.Printf("\nUploads of 10 MB, %d in all, 4 at once: %.0f µs each (median); resident memory %.0f MiB before, %.0f at most, %.0f after\n",
		len(took), micros(middle(took)), before, top, rss(t, g.process))
}

func send(url, contentType string, body []byte) (time.Duration, error) {
	r, err := http.NewRequest("POST", url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	r.Host = "chat.example.com"
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("User-Agent", userAgent)
	r.Header.Set("Accept", "*/*")
	start := time.Now()
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	if err == nil && res.StatusCode/100 != 2 {
		err = fmt.Errorf("status %d", res.StatusCode)
	}
	return time.Since(start), err
}

// starts prints the time from a start to the first answer.
func starts(t kit.T, dir, env string) {
	var took [2][]time.Duration
	for range 5 {
		for i, file := range []string{"plain.Caddyfile", "waf-only.Caddyfile"} {
			s := startHTTP(t, "start", filepath.Join(dir, file), env)
			took[i] = append(took[i], s.ready)
			s.process.Stop(t)
		}
	}
	fmt.Printf("\nFrom the start to the first answer, median of 5: plain %.0f ms, with the WAF %.0f ms\n", micros(middle(took[0]))/1e3, micros(middle(took[1]))/1e3)
}

// ruleSets prints the memory of gateways whose sites have no rules, the same, and different ones.
func ruleSets(t kit.T, env string) {
	fmt.Println("\nResident memory once ready, by rule sets loaded (the median of 3 starts, and what a set more takes)")
	for _, gogc := range []string{"100", "50", "400"} {
		var sizes []float64
		counts := []int{0, 1, 5, 9}
		for _, n := range counts {
			var all []float64
			for range 3 {
				s := startHTTP(t, "rules", sites(t, n), env, "GOGC="+gogc)
				time.Sleep(300 * time.Millisecond)
				all = append(all, rss(t, s.process))
				s.process.Stop(t)
			}
			slices.Sort(all)
			sizes = append(sizes, all[1])
		}
		fmt.Printf("GOGC=%-3s  none %.0f MiB, 1 set %.0f MiB, 5 sets %.0f MiB, 9 sets %.0f MiB: %.1f MiB a set\n",
			gogc, sizes[0], sizes[1], sizes[2], sizes[3], (sizes[3]-sizes[1])/float64(counts[3]-counts[1]))
	}
}

// sites writes a Caddyfile with n rule sets, each different in one rule.
func sites(t kit.T, n int) string {
	var b strings.Builder
	b.WriteString("{\n\tadmin off\n\tpersist_config off\n\tauto_https off\n}\nhttp://{$GW_LISTEN} {\n\tbind {$GW_LISTEN}\n")
	for i := range n {
		fmt.Fprintf(&b, "\thandle /site%d/* {\n\t\tgw_waf {\n\t\t\texclude %d\n\t\t}\n\t\treverse_proxy {$GW_UPSTREAM}\n\t}\n", i, 942100+10*i)
	}
	b.WriteString("\treverse_proxy {$GW_UPSTREAM}\n}\n")
	file := filepath.Join(t.TempDir(), "Caddyfile")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatalf("rule sets: %v", err)
	}
	return file
}
