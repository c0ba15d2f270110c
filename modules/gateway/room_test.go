package gateway

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dustin/go-humanize"
	"go.yaml.in/yaml/v3"

	"github.com/convosphere/gateway/modules/audit/auditlog"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/monitor/journal"
	"github.com/convosphere/gateway/modules/upload/quarantine"
	"github.com/convosphere/gateway/modules/upload/spool"
)

// room is what a data folder may come to, by the limits that hold where nothing is said. Each part keeps to its own and knows nothing of the others.
func room() (bytes int64) {
	const (
		outputs  = 4 // of events, each with a spool for the time that its collector is away
		captures = 2 // the policy's and the WAF's
	)
	for _, part := range []int64{
		auditlog.DefaultSize,
		(event.DefaultFiles + 1) * event.DefaultMiB << 20,
		journal.DefaultSize,
		quarantine.DefaultTotal,
		spool.DefaultQuota,
		outputs * defaultSpool,
		captures * host.Retention{}.Filled().MaxSize,
	} {
		bytes += part
	}
	return bytes
}

// A volume of the chart holds all of it, and is a quarter empty then: a node is unready long before a byte is the last, and what no limit counts (configurations,
// certificates, a backup that is restored aside) needs its place as well.
func TestChartsVolumesHoldWhatTheLimitsAllow(t *testing.T) {
	files, err := filepath.Glob("../../deploy/helm/values/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(err, files)
	}
	for _, file := range append(files, "../../deploy/helm/convosphere/values.yaml") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var values struct{ Persistence struct{ Size string } }
		if err := yaml.Unmarshal(text, &values); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if values.Persistence.Size == "" && !strings.HasSuffix(file, "convosphere/values.yaml") {
			continue // the chart's own
		}
		size, err := humanize.ParseBytes(values.Persistence.Size + "B")
		if err != nil {
			t.Fatalf("%s: persistence.size: %v", file, err)
		}
		if least := room() / 3 * 4; int64(size) < least {
			t.Errorf("%s: persistence.size is %s: the limits come to %s, for which it needs %s", file, values.Persistence.Size, humanize.IBytes(uint64(room())), humanize.IBytes(uint64(least)))
		}
	}
	t.Logf("the limits come to %s", humanize.IBytes(uint64(room())))
}
