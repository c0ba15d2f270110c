package authorize

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/policy/grant"
)

// opa-envoy-plugin wrote no decision where the client had gone before it was logged. Here the decision is an event, whoever still waits.
func TestACancelledRequestLeavesItsDecision(t *testing.T) {
	e := newEnv(t, "", withPolicy(t, byPath))
	began, gone := make(chan struct{}), make(chan struct{})
	e.backend(func(_ http.ResponseWriter, r *http.Request) {
		close(began)
		<-r.Context().Done() // the proxy lets go when the client has
		close(gone)
	})
	conn, err := net.Dial("tcp", e.addr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "GET /slow HTTP/1.1\r\nHost: %s\r\nTest-User: ursula/user\r\n\r\n", e.addr); err != nil {
		t.Fatal(err)
	}
	<-began
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	<-gone
	if got := e.events("policy-decision", 1); len(got) != 1 || got[0]["user.id"] != "id-ursula" || got[0]["gateway.decision.allow"] != true {
		t.Errorf("%v", got)
	}
}

// Skipper lost decisions when its bundle was loaded anew. Every request that was answered has its decision, whatever is loaded meanwhile.
func TestNoDecisionIsLostAtAReload(t *testing.T) {
	policies := []string{withPolicy(t, byPath), withPolicy(t, presence)}
	e := newEnv(t, "", policies[0])
	var mu sync.Mutex
	answered := map[string]bool{}
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for i := range 4 {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				user := fmt.Sprintf("u%dn%d", i, n)
				// A listener that a reload has just closed answers nobody: such a request was not decided.
				resp, err := get(e, "/x", user+"/user")
				if err != nil {
					continue
				}
				if resp == http.StatusOK {
					mu.Lock()
					answered["id-"+user] = true
					mu.Unlock()
				}
			}
		})
	}
	for i := range 3 {
		if err := e.load("audience a"+fmt.Sprint(i), policies[(i+1)%2]); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	wg.Wait()
	missing := 0
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		logged := map[string]bool{}
		for _, one := range e.events("policy-decision", len(answered)) {
			logged[fmt.Sprint(one["user.id"])] = true
		}
		missing = 0
		for user := range answered {
			if !logged[user] {
				missing++
			}
		}
		if missing == 0 {
			break
		}
	}
	if missing > 0 || len(answered) < 10 {
		t.Errorf("%d of %d decisions are missing", missing, len(answered))
	}
}

func get(e *env, path, user string) (status int, err error) {
	r, err := http.NewRequest("GET", e.url+path, nil)
	if err != nil {
		return 0, err
	}
	r.Header.Set("Test-User", user)
	resp, err := (&http.Client{Timeout: time.Minute}).Do(r) // in the default transport, as the other ones
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

// Skipper waited for its decision log where its buffer was full. Here a disk that takes nothing stops no answer.
func TestAStuckDecisionLogStopsNoAnswer(t *testing.T) {
	e := newEnv(t, "", withPolicy(t, byPath))
	if err := e.ground().Events.Close(); err != nil { // nothing is taken any more
		t.Fatal(err)
	}
	for i := range 200 {
		if status, err := get(e, "/x", "ursula/user"); err != nil || status != http.StatusOK {
			t.Fatalf("%d: %v %d", i, err, status)
		}
	}
}

// Pomerium's evaluators were used again with data that was no longer so. Here no decision outlives the grants or the policy that it was made by.
func TestNoDecisionIsMadeByStaleData(t *testing.T) {
	e := newEnv(t, "route GET /rooms/{room} {\npermission room:read\nresource room:{room}\n}", "")
	for range 3 {
		e.expect(403, "GET", "/rooms/a", "ursula/user")
		e.expect(403, "GET", "/rooms/a", "ursula/user") // remembered
		grantRoom(t, e, "a")
		e.eventually(200, "/rooms/a")
		e.expect(200, "GET", "/rooms/a", "ursula/user")
		revokeRoom(t, e, "a")
		e.eventually(403, "/rooms/a")
	}
	// The same for the policy: the memory of the old one is of no use to the new one.
	closed := strings.Replace(byPath, `"/admin"`, `"/rooms"`, 1)
	if err := e.load("audience b", withPolicy(t, byPath)); err != nil {
		t.Fatal(err)
	}
	e.expect(200, "GET", "/rooms/a", "ursula/user")
	e.expect(200, "GET", "/rooms/a", "ursula/user")
	if err := e.load("audience c", withPolicy(t, closed)); err != nil {
		t.Fatal(err)
	}
	e.expect(403, "GET", "/rooms/a", "ursula/user")
	if err := e.load("audience d", withPolicy(t, byPath)); err != nil {
		t.Fatal(err)
	}
	e.expect(200, "GET", "/rooms/a", "ursula/user")
}

// eventually waits until another process's change of grants is seen here.
func (e *env) eventually(status int, path string) {
	e.t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if got, err := get(e, path, "ursula/user"); err == nil && got == status {
			return
		}
	}
	e.t.Fatalf("%s does not become %d", path, status)
}

// revokeRoom takes back what grantRoom gave.
func revokeRoom(t *testing.T, e *env, room string) {
	t.Helper()
	s := grant.New(e.ground().DB, e.ground().Feed, time.Now)
	defer s.Close()
	if err := s.Apply(context.Background(), nil, []grant.Grant{{Subject: "ursula", Object: "room:" + room}}); err != nil {
		t.Fatal(err)
	}
}
