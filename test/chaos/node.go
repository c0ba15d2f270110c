package chaos

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

// site limits, and answers what it admits.
const site = `{
	admin off
	persist_config off
	auto_https off
	grace_period 5s
	gateway {
		data_dir {$GW_DATA}
		store {$GW_STORE}
	}
}
http://:{$GW_PORT} {
	bind 127.0.0.1
	handle /metrics {
		metrics
	}
	handle {
		gw_rate_limit {
			defaults off
			shed off
{$GW_ZONES}
		}
		{$GW_ANSWER}
	}
}
`

// Node is a gateway that limits and does nothing else.
type Node struct {
	Name    string
	Addr    string
	process *kit.Process
}

// answer is what admitted requests get.
const answer = "respond ok 200"

// startNode runs one with these lines in the block of gw_rate_limit, and this one behind it.
func startNode(t kit.T, name, store, lines, behind string) *Node {
	t.Helper()
	n := &Node{Name: name, Addr: kit.FreeAddr(t)}
	_, port, err := net.SplitHostPort(n.Addr)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "Caddyfile")
	if err := os.WriteFile(file, []byte(strings.NewReplacer("{$GW_ZONES}", lines, "{$GW_ANSWER}", behind).Replace(site)), 0o600); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	n.process = kit.Start(t, kit.Command{
		Name: name, Path: kit.Binaries(t).Gateway, Args: []string{"run", "--config", file, "--adapter", "caddyfile"},
		Env: []string{"GW_PORT=" + port, "GW_DATA=" + filepath.Join(dir, "data"), "GW_STORE=" + store, "HOME=" + dir},
	})
	n.process.WaitUntil(t, kit.ReadyWithin, "an answer", func() bool {
		res, err := http.Get("http://" + n.Addr + "/metrics")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		_, err = io.Copy(io.Discard, res.Body)
		return err == nil && res.StatusCode == http.StatusOK
	})
	return n
}

// startNodes runs several that are alike.
func startNodes(t kit.T, count int, store, lines string) (all []*Node) {
	t.Helper()
	for i := range count {
		all = append(all, startNode(t, "gateway-"+strconv.Itoa(i+1), store, lines, answer))
	}
	return all
}

// metric adds up the samples of this name that carry all labels, each written as name="value".
func (n *Node) metric(t kit.T, name string, labels ...string) (sum float64) {
	t.Helper()
	client := http.Client{Timeout: 30 * time.Second}
	res, err := client.Get("http://" + n.Addr + "/metrics")
	if err != nil {
		t.Fatalf("%s: its metrics: %v", n.Name, err)
	}
	defer res.Body.Close()
	sc := bufio.NewScanner(res.Body)
lines:
	for sc.Scan() {
		series, value, ok := strings.Cut(sc.Text(), " ")
		have, rest, _ := strings.Cut(series, "{")
		if !ok || have != name {
			continue
		}
		for _, l := range labels {
			if !strings.Contains(rest, l) {
				continue lines
			}
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			t.Fatalf("%s: its metrics: %q: %v", n.Name, sc.Text(), err)
		}
		sum += v
	}
	if err := sc.Err(); err != nil {
		t.Fatalf("%s: its metrics: %v", n.Name, err)
	}
	return sum
}

// metrics adds up over nodes.
func metrics(t kit.T, all []*Node, name string, labels ...string) (sum float64) {
	t.Helper()
	for _, n := range all {
		sum += n.metric(t, name, labels...)
	}
	return sum
}
