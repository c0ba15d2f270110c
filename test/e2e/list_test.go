package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/convosphere/gateway/test/kit"
)

const listCaddyfile = kit.Globals + `
https://localhost:{$GW_PORT} {
	tls internal
	gw_secure {
		authorize {
			max_answer 256KiB
			route GET /reports {
				permission app:read
				classification confidential
				filter /data/reports room:read room:{/meta/id}
				ids X-Report-Ids room room:read
			}
		}
	}
	reverse_proxy {$GW_UPSTREAM}
}
`

// A list of ten thousand from a back end that knows nobody: each person gets theirs and no other's, without the members that data masks, and the
// back end learns whose they are.
func TestLongListOfEachPerson(t *testing.T) {
	const reports = 10_000
	var told atomic.Pointer[http.Header]
	back := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := r.Header.Clone()
		told.Store(&h)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"salary":"leak","data":{"reports":[`)
		for i := range reports {
			if i > 0 {
				_, _ = io.WriteString(w, ",")
			}
			_, _ = fmt.Fprintf(w, `{"meta":{"id":"r%d"},"salary":"leak","text":"%s"}`, i, strings.Repeat("x", 80))
		}
		_, _ = io.WriteString(w, `]}}`)
	}))
	t.Cleanup(back.Close)
	n := kit.Gateway(t, kit.Options{Name: "lists", Caddyfile: listCaddyfile, Env: []string{"GW_UPSTREAM=" + strings.TrimPrefix(back.URL, "http://")}})
	place := cli{n, []string{"--config", n.Config}}
	ursula := n.Client(t).Login(t, addUser(t, place, "ursula", "user"))
	petra := n.Client(t).Login(t, addUser(t, place, "petra", "user"))
	tool := func(stdin string, args ...string) {
		t.Helper()
		if code, said := n.Exec(t, stdin, append(args, "--config", n.Config)...); code != 0 {
			t.Fatalf("convosphere %v: %s", args, said)
		}
	}
	var grants strings.Builder
	for i := 0; i < reports; i += 5 {
		fmt.Fprintf(&grants, "{\"subject\":\"ursula\",\"relation\":\"member\",\"object\":\"room:r%d\"}\n", i)
	}
	grants.WriteString(`{"subject":"petra","relation":"owner","object":"room:r7"}` + "\n")
	tool(grants.String(), "grant", "import", "-")
	tool(`{"signed_in": true, "roles": {"user": true}, "mask": ["salary", "data.reports.salary"]}`, "policy", "data", "put", "classifications/confidential", "-")

	list := func(c *kit.Client) (ids []string) {
		t.Helper()
		a := c.Call(t, "GET", "/reports", nil).Want(t, http.StatusOK)
		if strings.Contains(string(a.Body), "leak") {
			t.Error("what is masked came out")
		}
		var got struct {
			Salary any
			Data   struct {
				Reports []struct {
					Meta   struct{ ID string }
					Salary json.RawMessage
				}
			}
		}
		a.JSON(t, &got)
		for _, r := range got.Data.Reports {
			if ids = append(ids, r.Meta.ID); string(r.Salary) != "null" {
				t.Fatalf("%s: %s", r.Meta.ID, r.Salary)
			}
		}
		return ids
	}
	if got := list(ursula); len(got) != reports/5 || got[1] != "r5" {
		t.Errorf("ursula gets %d", len(got))
	}
	if h := *told.Load(); len(strings.Split(h.Get("X-Report-Ids"), ",")) != 1000 || h.Get("X-Report-Ids-More") != "true" {
		t.Errorf("the back end is told %d ids, more %q", len(strings.Split(h.Get("X-Report-Ids"), ",")), h.Get("X-Report-Ids-More"))
	}
	if got := list(petra); len(got) != 1 || got[0] != "r7" {
		t.Errorf("petra gets %v", got)
	}
	if h := *told.Load(); h.Get("X-Report-Ids") != "r7" || h.Get("X-Report-Ids-More") != "" {
		t.Errorf("the back end is told %q", h.Get("X-Report-Ids"))
	}
	tool("", "grant", "rm", "petra", "owner", "room:r7")
	if got := list(petra); len(got) != 0 {
		t.Errorf("after her grant was taken away petra gets %v", got)
	}
}
