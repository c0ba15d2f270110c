package ratelimit

import (
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// Who writes a zone that admits nothing, or counts by what nobody tells, is told at load.
func TestWarnings(t *testing.T) {
	for lines, want := range map[string]string{
		"rate 10/1h\ncost 11":                         "costs more than the zone's burst",
		"rate 10/1h\ncost 10":                         "",
		"rate 10/1h\nburst 20\ncost 11":               "",
		"rate 10/1h\ncost bytes 1KiB":                 "",
		"rate 0/1h\ncost 2":                           "", // it says that it admits nothing
		"rate 10/1h\nkey country":                     "no country file",
		"rate 10/1h\nkey client header:X-Api-Version": "",
	} {
		core, logs := observer.New(zapcore.WarnLevel)
		h := mustLoad(t, zone(lines), nil)
		h.logger = zap.New(core)
		h.warn()
		switch found := logs.All(); {
		case want == "" && len(found) > 0, want != "" && logs.Filter(func(e observer.LoggedEntry) bool { return strings.Contains(e.Message, want) }).Len() != 1:
			t.Errorf("%q: %+v", lines, found)
		}
	}
}
