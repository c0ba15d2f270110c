package incident

import (
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

// Figures are made of when incidents began, were answered and ended: by whichever of a response, somebody's taking it up, and its end came first.
func TestBetween(t *testing.T) {
	d := open(t, dbtest.New(t), Options{Within: time.Hour})
	from := d.at
	answered, _ := d.add(d.found("a", finding.High, -time.Minute, "client:192.0.2.1"))
	taken, _ := d.add(d.found("b", finding.Medium, 0, "client:192.0.2.2"))
	d.add(d.found("c", finding.Low, 0, "client:192.0.2.3"))
	for n, applied := range []time.Duration{3 * time.Second, 2 * time.Second, 0} {
		at := database.Micros(from.Add(applied))
		if applied == 0 {
			at = 0 // proposed
		}
		if _, err := d.db.Exec(t.Context(), `INSERT INTO responses (id, action, subject_kind, subject, state, mode, by_whom, rule, finding, incident, reason, created, lasts, applied, expires, closed, detail)
			VALUES (?, 'ban', 'client', '', 'applied', '', '', '', '', ?, '', ?, 0, ?, 0, 0, '')`, string(rune('a'+n)), answered.ID, database.Micros(from), at); err != nil {
			t.Fatal(err)
		}
	}
	d.at = d.at.Add(time.Minute)
	verdict := True
	if _, err := d.Edit(t.Context(), taken.ID, "ada", Edit{State: Triaged, Verdict: &verdict}); err != nil {
		t.Fatal(err)
	}
	all, more, err := d.Between(t.Context(), from, from.Add(time.Hour), 10)
	if err != nil || more || len(all) != 3 {
		t.Fatal(all, more, err)
	}
	byLevel := map[finding.Level]Brief{}
	for _, one := range all {
		byLevel[one.Level] = one
	}
	if one := byLevel[finding.High]; !one.Responded.Equal(from.Add(2*time.Second)) || one.Opened.Sub(one.First) != time.Minute || one.Source != Detection {
		t.Errorf("%+v", one)
	}
	if one := byLevel[finding.Medium]; !one.Responded.Equal(from.Add(time.Minute)) || one.Verdict != True || !one.Closed.IsZero() {
		t.Errorf("%+v", one)
	}
	if one := byLevel[finding.Low]; !one.Responded.IsZero() {
		t.Errorf("%+v", one)
	}
	if all, more, err = d.Between(t.Context(), from, from.Add(time.Hour), 2); err != nil || !more || len(all) != 2 {
		t.Error(all, more, err)
	}
	if all, more, err = d.Between(t.Context(), from.Add(time.Second), from.Add(time.Hour), 2); err != nil || more || len(all) != 0 {
		t.Error(all, more, err)
	}
}
