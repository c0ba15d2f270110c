package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

func TestReloadKeepsSessionsAndCounters(t *testing.T) {
	n := own.node
	c := n.Client(t).Login(t, own.user)
	ip := kit.ClientIP()
	flood := n.ClientFrom(t, ip)
	tries := 0
	attempt := func() int {
		tries++ // another name each time: it is the client's limit that must stay
		return flood.Call(t, "POST", "/auth/api/login", map[string]string{"username": "nobody" + strconv.Itoa(tries), "password": "wrong password"}).Status
	}
	for i := 0; attempt() != http.StatusTooManyRequests; i++ {
		if i > 25 {
			t.Fatal("25 attempts and no limit")
		}
	}
	refused := time.Now() // the last time

	good := strings.Replace(ownCaddyfile, "gw_secure\n", "gw_secure\n\theader X-Reloaded yes\n", 1)
	bad := map[string]string{
		"a directive unknown":           strings.Replace(ownCaddyfile, "gw_secure\n", "gw_secure {\n\t\tno_such_part\n\t}\n", 1),
		"a store that is not there":     strings.Replace(ownCaddyfile, "store {$GW_STORE}", "store redis redis://127.0.0.1:1", 1),
		"a database that can't be":      strings.Replace(ownCaddyfile, "database {$GW_DATABASE}", "database sqlite /dev/null/no/such/folder.db", 1),
		"an event folder that can't be": strings.Replace(ownCaddyfile, "data_dir {$GW_DATA}", "data_dir /dev/null/no/such/folder", 1),
		"no Caddyfile":                  "}{",
	}
	still := func(t *testing.T, reloaded bool) {
		t.Helper()
		a := c.Call(t, "GET", "/echo?case=reload", nil).Want(t, http.StatusOK)
		if got := a.Header.Get("X-Reloaded") == "yes"; got != reloaded {
			t.Errorf("the reloaded Caddyfile is in force: %v, want %v", got, reloaded)
		}
		// One more each 6 s is what the limit itself lets through; a counter that is lost lets 20 through at once.
		for i := 0; attempt() != http.StatusTooManyRequests; i++ {
			if i > int(time.Since(refused)/(6*time.Second)) {
				t.Errorf("the limit's counter is lost: %d attempts in %s", i+1, time.Since(refused))
				break
			}
		}
		refused = time.Now()
		c.Renew(t)
	}

	for name, text := range bad {
		t.Run("failed: "+name, func(t *testing.T) {
			if a := n.Load(t, text); a.Status/100 == 2 {
				t.Fatalf("a bad configuration is taken: %d", a.Status)
			}
			still(t, false)
		})
	}
	t.Run("good", func(t *testing.T) {
		n.Load(t, good).Want(t, http.StatusOK)
		still(t, true)
		for range 5 {
			n.Load(t, good+"\n# again\n").Want(t, http.StatusOK)
		}
		still(t, true)
	})
	t.Run("failed after good", func(t *testing.T) {
		for name, text := range bad {
			if a := n.Load(t, text); a.Status/100 == 2 {
				t.Fatalf("%s: a bad configuration is taken: %d", name, a.Status)
			}
		}
		still(t, true)
	})
	t.Run("by command", func(t *testing.T) {
		code, out := n.Exec(t, "", "reload", "--config", n.Config, "--address", "unix/"+filepath.Join(n.Data, "admin.sock"))
		if code != 0 {
			t.Fatalf("convosphere reload: %d\n%s", code, out)
		}
		still(t, false)
	})
	t.Run("under load", func(t *testing.T) {
		stop, done := make(chan struct{}), make(chan string, 4)
		for range 4 {
			w := c.On(t, n)
			go func() {
				for i := 0; ; i++ {
					select {
					case <-stop:
						done <- ""
						return
					default:
					}
					a, err := w.Try("GET", "/echo?case=load", nil)
					// A plain Caddy, too, cuts connections that have no answer yet when the new server takes the port over; clients
					// ask again, as here. What must not be is a wrong answer, or a port that stays shut.
					for range 20 {
						if err == nil {
							break
						}
						time.Sleep(10 * time.Millisecond)
						a, err = w.Try("GET", "/echo?case=load", nil)
					}
					if err != nil || a.Status != http.StatusOK && a.Status != http.StatusTooManyRequests {
						done <- "request " + strconv.Itoa(i) + " during a reload: " + errText(a, err)
						return
					}
				}
			}()
		}
		for range 5 {
			n.Load(t, good).Want(t, http.StatusOK)
			n.Load(t, ownCaddyfile).Want(t, http.StatusOK)
		}
		close(stop)
		for range 4 {
			if s := <-done; s != "" {
				t.Error(s)
			}
		}
	})
}

func errText(a *kit.Answer, err error) string {
	if err != nil {
		return err.Error()
	}
	return strconv.Itoa(a.Status)
}

// What is wrong in a Caddyfile is said with file and line, and how to write it.
func TestWrongCaddyfiles(t *testing.T) {
	for name, c := range map[string]struct {
		old, new string
		say      []string
	}{
		"part unknown":        {"gw_secure\n", "gw_secure {\n\t\tfirewall\n\t}\n", []string{"firewall", "knows without"}},
		"option unknown":      {"store {$GW_STORE}", "stor memory", []string{"stor", "knows data_dir, store"}},
		"store unknown":       {"store {$GW_STORE}", "store mysql", []string{"redis"}},
		"store without value": {"store {$GW_STORE}", "store", []string{"store memory"}},
		"database unknown":    {"database {$GW_DATABASE}", "database oracle", []string{"sqlite"}},
		"limit malformed":     {"gw_secure\n", "gw_secure {\n\t\trate_limit {\n\t\t\tzone x {\n\t\t\t\tnonsense 1\n\t\t\t}\n\t\t}\n\t}\n", []string{"nonsense", "zone knows match"}},
		"route malformed":     {"gw_secure\n", "gw_secure {\n\t\tauthorize {\n\t\t\tnonsense\n\t\t}\n\t}\n", []string{"nonsense", "gw_authorize knows audience"}},
		"waf malformed":       {"gw_secure\n", "gw_secure {\n\t\twaf {\n\t\t\tnonsense\n\t\t}\n\t}\n", []string{"nonsense", "gw_waf knows mode"}},
		"portal malformed":    {"gw_secure\n", "gw_secure {\n\t\tportal {\n\t\t\tnonsense\n\t\t}\n\t}\n", []string{"nonsense", "gw_portal knows brand"}},
		"identity malformed":  {"data_dir {$GW_DATA}", "data_dir {$GW_DATA}\n\t\tidentity {\n\t\t\tnonsense\n\t\t}", []string{"nonsense", "identity knows"}},
		"policy malformed":    {"data_dir {$GW_DATA}", "data_dir {$GW_DATA}\n\t\tpolicy {\n\t\t\tnonsense\n\t\t}", []string{"nonsense", "policy knows allow"}},
		"lifetime too long":   {"data_dir {$GW_DATA}", "data_dir {$GW_DATA}\n\t\tidentity {\n\t\t\taccess_lifetime 2h\n\t\t}", []string{"between 30s and 1h"}},
		"folder not there":    {"data_dir {$GW_DATA}", "data_dir {$GW_DATA}\n\t\tpolicy {\n\t\t\tfolder /no/such\n\t\t}", []string{"/no/such"}},
		"zone without rate":   {"gw_secure\n", "gw_secure {\n\t\trate_limit {\n\t\t\tzone x {\n\t\t\t\tburst 3\n\t\t\t}\n\t\t}\n\t}\n", []string{"rate 10/1m"}},
		"login elsewhere":     {"gw_secure\n", "gw_secure {\n\t\tauthenticate {\n\t\t\tlogin_url https://x\n\t\t}\n\t}\n", []string{"path of this site"}},
		"WAF limit too small": {"gw_secure\n", "gw_secure {\n\t\twaf {\n\t\t\tupload_limit 1KiB\n\t\t}\n\t}\n", []string{"upload_limit"}},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(ownCaddyfile, c.old, c.new, 1)
			if text == ownCaddyfile {
				t.Fatalf("the test's Caddyfile has no %q", c.old)
			}
			file := filepath.Join(t.TempDir(), "Caddyfile")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			code, out := own.node.Exec(t, "", "adapt", "--config", file)
			if code == 0 {
				t.Fatal("taken")
			}
			from, to := changed(ownCaddyfile, text)
			m := regexp.MustCompile(regexp.QuoteMeta(file) + `:(\d+)`).FindStringSubmatch(out)
			if m == nil {
				t.Fatalf("the message names no file and line:\n%s", out)
			}
			if line, err := strconv.Atoi(m[1]); err != nil || line < from || line > to {
				t.Errorf("the message names line %s, the mistake is on %d to %d:\n%s", m[1], from, to, out)
			}
			for _, s := range c.say {
				if !strings.Contains(out, s) {
					t.Errorf("the message does not say %q :\n%s", s, out)
				}
			}
		})
	}
}

// changed returns the lines of the second text that the first does not have.
func changed(a, b string) (from, to int) {
	la, lb := strings.Split(a, "\n"), strings.Split(b, "\n")
	for from < len(la) && la[from] == lb[from] {
		from++
	}
	to = len(lb)
	for i := len(la); i > from && la[i-1] == lb[to-1]; i-- {
		to--
	}
	return from + 1, max(to, from+1)
}
