package upload

import (
	"slices"
	"testing"
)

// What matters only to a browser that is sent the file is reported within an archive, and refused where an operator says so.
func TestFindingsWithinArchives(t *testing.T) {
	page := zipped(t, "index.html", "<!doctype html><p>hello")
	if o := do(t, provision(t, new(Handler)), post("application/zip", page)); !o.reached {
		t.Errorf("a page in a zip: %d %v", o.status, o.findings)
	}
	if o := do(t, provision(t, &Handler{Rules: Rules{Refuse: []string{"active"}}}), post("application/zip", page)); o.reached || !slices.Contains(o.findings, "active") {
		t.Errorf("where pages are refused anywhere: %d %v", o.status, o.findings)
	}
	if o := do(t, provision(t, new(Handler)), post("application/zip", zipped(t, "a", program))); o.reached || !slices.Contains(o.findings, "executable") {
		t.Errorf("a program in a zip: %d %v", o.status, o.findings)
	}
}
