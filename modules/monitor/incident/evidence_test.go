package incident

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/dbtest"
	"github.com/convosphere/gateway/modules/internal/keyring"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

// Only what belongs to an incident that somebody took for a false alarm is one, as long as they say so.
func TestFalseAlarms(t *testing.T) {
	ring, err := keyring.Open(filepath.Join(t.TempDir(), "keys"))
	if err != nil {
		t.Fatal(err)
	}
	d := open(t, dbtest.New(t), Options{Sealer: ring})
	verdict := func(id, v string) {
		t.Helper()
		if _, err := d.Edit(t.Context(), id, "ada", Edit{Verdict: &v}); err != nil {
			t.Fatal(err)
		}
	}
	var ids []string
	for n, v := range []string{False, True, ""} {
		name := string(rune('a' + n))
		i, _ := d.add(d.found(name, finding.High, 0, "user:"+name))
		if err := d.KeepEvidence(t.Context(), i.ID, []Evidence{{Event: name, At: d.now(), Line: `{"event.id":"` + name + `"}`}}); err != nil {
			t.Fatal(err)
		}
		verdict(i.ID, v)
		ids = append(ids, i.ID)
	}
	want := func(since time.Time, want string) {
		t.Helper()
		all, err := d.FalseAlarms(t.Context(), since, 10)
		got := ""
		for _, e := range all {
			got += e.Line
		}
		if err != nil || got != want {
			t.Errorf("%s, %v, not %s", got, err, want)
		}
	}
	want(time.Time{}, `{"event.id":"a"}`)
	want(d.now().Add(time.Hour), "")
	verdict(ids[0], True)
	want(time.Time{}, "")
}
