package gateway

import (
	"time"

	"github.com/convosphere/gateway/modules/internal/abuse"
)

// openAbuse takes the scores of misbehaving clients, which outlive a reload. They belong to a data folder and its store.
func openAbuse(store, dataDir string, releases *[]func() error) (*abuse.Table, error) {
	t, release, err := acquire("abuse", store+"\x00"+dataDir, func() (*abuse.Table, func() error, error) {
		t := abuse.New(abuse.Rules{Config: abuse.Defaults()}, time.Now)
		return t, func() error { return nil }, nil
	})
	if err != nil {
		return nil, err
	}
	*releases = append(*releases, release)
	return t, nil
}
