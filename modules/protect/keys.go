package protect

import (
	"context"
	"errors"

	"github.com/convosphere/gateway/modules/internal/keyset"
	"github.com/convosphere/gateway/modules/protect/record"
)

// sets are the key sets that the gateway app lends.
type sets interface {
	Use(ctx context.Context, name string) (*keyset.Set, error)
	ByID(ctx context.Context, id string) (*keyset.Set, error)
}

var _ sets = (*keyset.Sets)(nil)

// env is what documents of one request are changed with.
func (h *Handler) env(vars record.Vars) *record.Env {
	return &record.Env{
		Vars:   vars,
		Use:    h.use,
		ByID:   h.byID,
		Erased: erased,
		Mint:   h.minter.next,
		Plain:  h.Plain == PlainPass,
	}
}

// errNoKeys can't come: without the gateway app nothing that needs keys is loaded.
var errNoKeys = errors.New("there are no data keys")

func (h *Handler) use(ctx context.Context, name string) (record.Set, error) {
	if h.sets == nil {
		return nil, errNoKeys
	}
	s, err := h.sets.Use(ctx, name)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (h *Handler) byID(ctx context.Context, id string) (record.Set, error) {
	if h.sets == nil {
		return nil, errNoKeys
	}
	s, err := h.sets.ByID(ctx, id)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// erased tells that keys were destroyed on purpose, so that what they encrypted is gone.
func erased(err error) bool { return errors.Is(err, keyset.ErrDestroyed) }

// absent tells that keys can't be used now, but may later.
func absent(err error) bool {
	return errors.Is(err, keyset.ErrUnavailable) || errors.Is(err, keyset.ErrDisabled) || errors.Is(err, errNoKeys) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
