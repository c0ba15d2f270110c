package source

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
)

// large is a policy's data of some 50 MB: 200,000 people.
func large() string {
	var b strings.Builder
	b.WriteString(`{"switch": {"on": false}, "people": {`)
	for i := range 200_000 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"person-%06d": {"unit": "unit-%d", "floor": %d, "tags": ["%s", "%s"]}`, i, i%977, i%40, strings.Repeat("a", 90), strings.Repeat("b", 90))
	}
	b.WriteString(`}}`)
	return b.String()
}

// BenchmarkPushBesideLargeData: a small document pushed over 50 MB of a policy's own.
func BenchmarkPushBesideLargeData(b *testing.B) {
	ctx := context.Background()
	folder := asking(b)
	text := large()
	put(b, folder, "data.json", text)
	db, err := database.Open(ctx, dbtest.NewSQLite(b))
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	r := newRig(b, NewFolder(folder, time.Now))
	if r.o.Pushed, err = NewPushed(ctx, db, func() {}, time.Now); err != nil {
		b.Fatal(err)
	}
	r.mustLoad()
	b.ReportMetric(float64(len(text))/1e6, "MB")
	for b.Loop() {
		if err := r.put("switch/on", `true`); err != nil {
			b.Fatal(err)
		}
	}
}
