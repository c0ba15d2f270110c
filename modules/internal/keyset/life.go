package keyset

import (
	"context"
	"errors"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/keyset"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/event"
)

// Why an operator's wish is not granted.
var (
	ErrExists   = errors.New("there is a key set of that name")
	ErrVersions = fmt.Errorf("the key set has %d versions, and there can't be more", mostVersions)
	errMoved    = errors.New("the key set has changed meanwhile")
)

// New makes a set of that name, also where all of it were destroyed. Errors: ErrExists, ErrFull.
func (s *Sets) New(ctx context.Context, name string) (Info, error) {
	if err := CheckName(name); err != nil {
		return Info{}, err
	}
	if err := s.roomFor(ctx); err != nil {
		return Info{}, err
	}
	err := s.insert(ctx, name, true)
	if database.IsDuplicate(err) {
		return Info{}, ErrExists
	}
	if err != nil {
		return Info{}, err
	}
	i, err := s.Find(ctx, name)
	if err != nil {
		return Info{}, err
	}
	s.cache.forgetName(name)
	s.feed.Wake()
	s.emit("data-key-new", i.ID)
	return i, nil
}

// Rotate adds a version, which encrypts from now on. All versions before go on decrypting. Errors: ErrUnknown, ErrDisabled, ErrDestroyed, ErrVersions.
func (s *Sets) Rotate(ctx context.Context, ref string) (Info, error) {
	i, err := s.Find(ctx, ref)
	for try := 0; err == nil; try++ {
		if err = s.rotate(ctx, i.ID); !errors.Is(err, errMoved) || try == 10 {
			break
		}
		err = nil
	}
	if err != nil {
		return Info{}, err
	}
	s.changed("data-key-rotated", i.ID)
	return s.Find(ctx, i.ID)
}

func (s *Sets) rotate(ctx context.Context, id string) error {
	r, err := s.row(ctx, id)
	if err != nil {
		return err
	}
	if err := (&Set{state: r.state}).refusal(); err != nil {
		return err
	}
	if r.versions >= mostVersions {
		return ErrVersions
	}
	h, index, err := s.unwrap(ctx, r)
	if err != nil {
		return err
	}
	if h, err = withNewVersion(keyset.NewManagerFromHandle(h)); err != nil {
		return err
	}
	wrapped, err := s.wrap(ctx, r.id, r.name, index, h)
	if err != nil {
		return err
	}
	now := database.Micros(s.now())
	return s.change(ctx, id, `wrapped = ?, master = ?, versions = versions + 1, rotated_at = ?, wrapped_at = ?`, []any{wrapped, s.master.ID(), now, now},
		`revision = ? AND state = 'active'`, r.revision)
}

// change changes a row where it is as it was thought to be, and tells. Errors: errMoved.
func (s *Sets) change(ctx context.Context, id, set string, values []any, where string, like ...any) error {
	return s.db.InTx(ctx, func(tx *database.Tx) error {
		args := append(append(values, id), like...)
		res, err := tx.Exec(ctx, `UPDATE data_keys SET `+set+`, revision = revision + 1 WHERE id = ? AND `+where, args...)
		if err != nil {
			return fmt.Errorf("changing a key set: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return errors.Join(errMoved, err)
		}
		return tx.Append(ctx, s.now(), database.Change{Topic: Topic, Key: id})
	})
}

// Disable keeps a set from being used, until Enable. Errors: ErrUnknown, ErrDestroyed.
func (s *Sets) Disable(ctx context.Context, ref string) (Info, error) {
	return s.turn(ctx, ref, Active, Disabled, "data-key-disabled")
}

// Enable takes Disable back. Errors: ErrUnknown, ErrDestroyed.
func (s *Sets) Enable(ctx context.Context, ref string) (Info, error) {
	return s.turn(ctx, ref, Disabled, Active, "data-key-enabled")
}

func (s *Sets) turn(ctx context.Context, ref string, from, to State, action string) (Info, error) {
	i, err := s.Find(ctx, ref)
	if err != nil {
		return Info{}, err
	}
	if i.State == to {
		return i, nil
	}
	err = s.change(ctx, i.ID, `state = ?`, []any{to}, `state = ?`, from)
	if errors.Is(err, errMoved) {
		return Info{}, ErrDestroyed // there is no other way for a state to be neither
	}
	if err != nil {
		return Info{}, err
	}
	s.changed(action, i.ID)
	return s.Find(ctx, i.ID)
}

// Destroy overwrites a set's keys: what they encrypted can't be read any more, wherever it lies, save by who has them from a backup or an export,
// and the master key. There is no way back. Errors: ErrUnknown.
func (s *Sets) Destroy(ctx context.Context, ref string) (Info, error) {
	i, err := s.Find(ctx, ref)
	if err != nil || i.State == Destroyed {
		return i, err
	}
	err = s.change(ctx, i.ID, `state = 'destroyed', wrapped = ?, wrapped_at = ?`, []any{[]byte{}, database.Micros(s.now())}, `state <> 'destroyed'`)
	if err != nil && !errors.Is(err, errMoved) { // moved: another has destroyed it
		return Info{}, err
	}
	s.changed("data-key-destroyed", i.ID)
	if err := s.db.Scrub(ctx, "data_keys"); err != nil {
		return Info{}, fmt.Errorf("the key set is destroyed, but what it was may still lie in the database's files: %w", err)
	}
	return s.Find(ctx, i.ID)
}

// changed has all gateways read the set anew.
func (s *Sets) changed(action, id string) {
	s.cache.forget(id)
	s.feed.Wake()
	s.emit(action, id)
}

// emit records what became of a set. Its name may tell of people, and is in no event.
func (s *Sets) emit(action, id string, more ...zap.Field) {
	fields := more
	if id != "" {
		fields = append(fields, zap.String("gateway.data_key", id))
	}
	s.events.Emit(&event.Event{Category: "configuration", Action: action, Outcome: event.Success, Fields: fields})
}
