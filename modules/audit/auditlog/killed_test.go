package auditlog

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/keyring"
)

// childOf names the folder of the log that this process is to write, until it is killed.
const childOf = "GW_AUDIT_CHILD"

// child writes events into the log, as fast as it can, and prints the number of each that was acknowledged.
func child() bool {
	dir := os.Getenv(childOf)
	if dir == "" {
		return false
	}
	if err := load(dir); err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	return true
}

func load(dir string) error {
	db, err := database.Open(ctx, database.Config{SQLite: filepath.Join(dir, "gateway.db")})
	if err != nil {
		return err
	}
	ring, err := keyring.Open(filepath.Join(dir, "keys"))
	if err != nil {
		return err
	}
	bus, err := event.Open(event.Options{Dir: filepath.Join(dir, "events")})
	if err != nil {
		return err
	}
	l, err := Open(ctx, Options{
		Dir: filepath.Join(dir, "audit"), Bus: bus, Ring: ring, DB: db, Machine: "node",
		Settings: Settings{Segment: 128 << 10, Group: time.Millisecond, Checkpoint: 20 * time.Millisecond},
		Error:    func(err error) { fmt.Println("told:", err) },
	})
	if err != nil {
		return err
	}
	fmt.Println("log", l.Origin())
	for i := 0; ; {
		var acknowledged []string
		err := l.Durable(ctx, func() {
			for range 1 + rand.IntN(20) {
				e := request(time.Now(), i)
				e.RequestID = fmt.Sprintf("%d-%d", os.Getpid(), i)
				bus.Emit(e)
				acknowledged = append(acknowledged, e.RequestID)
				i++
			}
		})
		if err != nil {
			return err
		}
		for range 60 { // and others that nobody waits for
			bus.Emit(request(time.Now(), i))
			i++
		}
		fmt.Println("ack", strings.Join(acknowledged, " "))
	}
}

// A gateway that is killed at any moment has every event that it acknowledged, and goes on with the same log.
func TestKilledAtAnyMoment(t *testing.T) {
	dir := filepath.Dir(dbtest.NewSQLite(t).SQLite)
	count := 6
	if os.Getenv("GW_CAMPAIGN") != "" {
		count = 1000
	}
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 2))
	var acknowledged []string
	origin := ""
	for n := range count {
		name, acks := killed(t, dir, r)
		if origin != "" && name != origin {
			t.Fatalf("after %d kills another log begins: %s, not %s", n, name, origin)
		}
		origin = name
		acknowledged = append(acknowledged, acks...)
		if n%50 == 49 || n == count-1 {
			check(t, dir, acknowledged)
			acknowledged = nil
		}
	}
	t.Logf("%d kills", count)
}

// killed has a process write the log, and kills it.
func killed(t *testing.T, dir string, r *rand.Rand) (origin string, acknowledged []string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childOf+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	after := 1 + r.IntN(12) // acknowledgements, and then some
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		text := lines.Text()
		switch {
		case strings.HasPrefix(text, "log "):
			origin = text
		case strings.HasPrefix(text, "ack "):
			acknowledged = append(acknowledged, strings.Fields(text)[1:]...)
			if after--; after == 0 {
				delay := time.Duration(r.IntN(8000)) * time.Microsecond
				time.AfterFunc(delay, func() { _ = cmd.Process.Kill() }) // it may be dead already
			}
		case strings.HasPrefix(text, "told:") && strings.Contains(text, "torn by a crash"):
		default:
			t.Errorf("the process says %q", text)
		}
	}
	_ = cmd.Wait() // it was killed
	return origin, acknowledged
}

// check sees that the log is what was signed, and that each acknowledged event is in it once.
func check(t *testing.T, dir string, acknowledged []string) {
	t.Helper()
	ring, err := keyring.Open(filepath.Join(dir, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := OpenFolder(filepath.Join(dir, "audit"), ring, "")
	if err != nil {
		t.Fatal(err)
	}
	report, err := Verify(f)
	if err != nil || len(report.Findings) > 0 {
		t.Fatalf("%+v %v", report, err)
	}
	there := map[string]int{}
	err = f.Read(Query{To: report.Size}, func(l *Leaf) error {
		if _, id, ok := strings.Cut(string(l.Public), `"http.request.id":"`); ok {
			id, _, _ = strings.Cut(id, `"`)
			there[id]++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	lost := 0
	for _, id := range acknowledged {
		if there[id] != 1 {
			lost++
		}
	}
	if lost > 0 || len(acknowledged) == 0 {
		t.Errorf("of %d acknowledged events %d are not in the log, of %s", len(acknowledged), lost, strconv.FormatInt(report.Size, 10))
	}
}
