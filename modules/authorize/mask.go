package authorize

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/jsonstream"
	"github.com/convosphere/gateway/modules/internal/wsframe"
)

// errMask says that the policy asks for a mask that can't be read.
var errMask = errors.New("the policy's mask is malformed")

// masks are what policies have asked for so far, ready for use.
type masks struct {
	key func() []byte // of hashes and stand-ins

	mu    sync.Mutex
	known map[string]*jsonstream.Masks
}

// maxMasks bounds them. A policy has some dozens.
const maxMasks = 1024

// of reads the lists of members together; nil where they are empty.
func (m *masks) of(lists ...[]string) (*jsonstream.Masks, error) {
	var all []string
	for _, l := range lists {
		all = append(all, l...)
	}
	if len(all) == 0 {
		return nil, nil
	}
	name := strings.Join(all, "\x00")
	m.mu.Lock()
	defer m.mu.Unlock()
	if found := m.known[name]; found != nil {
		return found, nil
	}
	list := make([]jsonstream.Mask, len(all))
	for i, text := range all {
		var err error
		if list[i], err = m.parse(text); err != nil {
			return nil, fmt.Errorf("%w: %w", errMask, err)
		}
	}
	made, err := jsonstream.MakeMasks(list)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMask, err)
	}
	if m.known == nil || len(m.known) >= maxMasks {
		m.known = map[string]*jsonstream.Masks{}
	}
	m.known[name] = made
	return made, nil
}

// cover masks a message to the client, as the handshake's decision and the message's own say. Fail closed: what can't be masked is left out.
func (g *guard) cover(m *wsframe.Message, own []string) error {
	var handshake []string
	if m := g.masks.Load(); m != nil {
		handshake = *m
	}
	found, err := g.h.masks.of(handshake, own)
	if found == nil && err == nil {
		return nil
	}
	if err == nil && m.Binary {
		return wsframe.Drop
	}
	var data []byte
	if err == nil {
		data, err = found.Apply(m.Data)
	}
	if err != nil {
		g.h.logger.Warn("a message of the back end was dropped: it can't be masked", zap.String("route", g.base.Route), zap.Error(err))
		return wsframe.Drop
	}
	m.Data = data
	return nil
}
