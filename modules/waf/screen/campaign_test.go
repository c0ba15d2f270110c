package screen

import (
	"os"
	"testing"
	"time"
)

// campaign is how long a test that tries until its time is over may take: GW_CAMPAIGN, by `make measure`; a few seconds else.
func campaign(t *testing.T) time.Duration {
	s := os.Getenv("GW_CAMPAIGN")
	if s == "" {
		return 4 * time.Second
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
