package ratelimit

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/store"
	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/internal/view/viewtest"
)

func limitViews(t *testing.T) *viewtest.Views {
	t.Helper()
	set := new(view.Set)
	set.Add(limitsView())
	return viewtest.Of(t, set)
}

func TestViewOfLimits(t *testing.T) {
	v := limitViews(t)
	if p := v.Rows("limits", ""); len(p.Rows) != 0 || p.Note == "" || v.Panels("limits", "") != nil {
		t.Errorf("nothing runs: %+v", p)
	}
	h := mustLoad(t, `gw_rate_limit {
		defaults off
		zone view-client {
			rate 1/1h
			burst 3
			tier premium 10/1h
		}
		zone view-key {
			key header:X-Api-Key
			rate 5/1h
			match GET,HEAD /keys
		}
	}`, store.NewMemory(0))
	before := v.Cell("limits", "", "view-client", "refused")
	for range 7 {
		ask(t, h, "GET /a", "192.0.2.1", "")
	}
	if got := v.Cell("limits", "", "view-client", "refused"); got.(int64)-before.(int64) != 4 {
		t.Errorf("%v refusals after %v", got, before)
	}
	if got := v.IDs("limits", "zone=view-key"); len(got) != 1 {
		t.Error(got)
	}
	if got := v.IDs("limits", "sort=-zone&limit=1"); len(got) != 1 {
		t.Error(got)
	}
	panels := map[string]view.Panel{}
	for _, p := range v.Panels("limits", "zone=view-client&key=client=192.0.2.1") {
		panels[p.Name] = p
	}
	if s := panels["standing"].Table.Rows; len(s) != 1 || s[0].Cells[4] != int64(0) || s[0].Cells[6] != "is refused" {
		t.Errorf("%+v", s)
	}
	if r := panels["refused"].Table.Rows; len(r) != 1 || r[0].Cells[2] != int64(4) || strings.Join(r[0].Cells[1].([]string), "") != "client=192.0.2.1" {
		t.Errorf("%+v", r)
	}
	if i := v.Item("limits", "view-client"); len(i.Sections) != 2 {
		t.Errorf("%+v", i)
	}
	if i := v.Item("limits", "view-key"); len(i.Sections) != 1 {
		t.Errorf("%+v", i)
	}
	if _, err := v.View("limits").Item(t.Context(), "another"); !errors.Is(err, view.ErrNotFound) {
		t.Error(err)
	}
	q, err := v.View("limits").Ask(map[string][]string{"key": {"colour=red"}}, v.Who, time.Now())
	if err == nil {
		_, err = v.View("limits").Panels(t.Context(), q)
	}
	if !errors.Is(err, view.ErrMalformed) {
		t.Error(err)
	}
}

// What clients could be somebody by is shown as a digest.
func TestViewOfLimitsHidesKeys(t *testing.T) {
	h := mustLoad(t, `gw_rate_limit {
		defaults off
		zone view-secret {
			key header:X-Api-Key
			rate 1/1h
		}
	}`, store.NewMemory(0))
	for range 5 {
		call{what: "GET /", headers: []string{"X-Api-Key: open-sesame"}}.send(t, h)
	}
	v := limitViews(t)
	if got := v.Panels("limits", "zone=view-secret"); len(got) < 2 {
		t.Fatalf("%+v", got)
	}
	v.Hides("limits", "open-sesame")
}
