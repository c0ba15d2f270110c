package keyring

import (
	"bytes"
	"errors"
	"slices"
	"time"
)

const (
	lookEvery = 2 * time.Second
	lookAgain = 100 * time.Millisecond // at the earliest, for a key that is not known
	failEvery = time.Hour              // at most, an error is told
)

// Observer is told what Watch does. Its functions must not wait.
type Observer struct {
	Changed func(keys []Key) // the signing keys are others than before
	Failed  func(error)      // the folder can't be read or written: the keys stay as they are
}

// RotateEvery has Watch replace signing keys of that age; 0: never.
func (r *Ring) RotateEvery(age time.Duration) { r.every.Store(int64(age)) }

// Watch takes over what others write into the folder, and replaces signing keys in time, until stop is called. Of several, the one that began
// last does so: the others wait for its end.
func (r *Ring) Watch(o Observer) (stop func()) {
	w := r.newWatch(o)
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		defer w.end()
		tick := time.NewTicker(lookEvery)
		defer tick.Stop()
		for {
			select {
			case <-ended:
				return
			case <-tick.C:
				w.turn()
			}
		}
	}()
	return func() {
		close(ended)
		<-done
	}
}

// watch is one Watch's memory.
type watch struct {
	*Ring
	Observer
	failed time.Time // when an error was last told
}

func (r *Ring) newWatch(o Observer) *watch {
	w := &watch{Ring: r, Observer: o}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.watches) == 0 {
		r.told = r.signing.Load()
	}
	r.watches = append(r.watches, w)
	return w
}

func (w *watch) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.watches = slices.DeleteFunc(w.watches, func(o *watch) bool { return o == w })
}

func (w *watch) last() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.watches) > 0 && w.watches[len(w.watches)-1] == w
}

func (w *watch) turn() {
	if !w.last() {
		return
	}
	err := w.look()
	if err == nil {
		err = w.maintain()
	}
	if now := w.now(); err != nil && now.Sub(w.failed) >= failEvery {
		w.failed = now
		w.Failed(err)
	}
	if w.changed() {
		w.Changed(w.Keys())
	}
}

func (w *watch) changed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.signing.Load()
	was := w.told
	w.told = s
	return s != was
}

// maintain replaces a key that is old, and removes those that have ended. What it finds due, it looks at again under the lock.
func (r *Ring) maintain() error {
	s, now := r.signing.Load(), r.now()
	if age := time.Duration(r.every.Load()) - Lead; age > -Lead && now.Sub(s.newest().from) >= age {
		_, err := r.rotate(age)
		if errors.Is(err, ErrOnItsWay) { // another process was quicker
			return r.look()
		}
		return err
	}
	if slices.ContainsFunc(s.keys, func(k signingKey) bool { return !k.verifies(now) }) {
		return r.removeEnded()
	}
	return nil
}

// look takes over the file where it has changed. On an error the keys stay as they are.
func (r *Ring) look() error {
	r.looking.Lock()
	defer r.looking.Unlock()
	return r.lookNow()
}

func (r *Ring) lookNow() error {
	r.looked = r.now()
	s, err := r.readSigning()
	if err != nil {
		return err
	}
	r.adopt(s)
	return nil
}

// lookForUnknown looks at the folder because a token names a key that is not known: ten times a second at most, so that forged ones cost
// little.
func (r *Ring) lookForUnknown() {
	r.looking.Lock()
	defer r.looking.Unlock()
	if since := r.now().Sub(r.looked); since < 0 || since >= lookAgain {
		_ = r.lookNow() // what is wrong with the folder, Watch tells
	}
}

// adopt puts the set in force. Where a key has gone before its time, those who asked to hear of it are told.
func (r *Ring) adopt(s *signingSet) {
	old := r.signing.Load()
	if bytes.Equal(old.raw, s.raw) {
		return
	}
	r.signing.Store(s)
	now := r.now()
	for i := range old.keys {
		if k := &old.keys[i]; k.verifies(now) && s.byID[k.kid] == nil {
			r.tellWithdrawn()
			return
		}
	}
}

// OnWithdrawal has f called when a key has been taken out before its time: what it has verified must not be believed any more.
func (r *Ring) OnWithdrawal(f func()) (cancel func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.withdrawn[&f] = struct{}{}
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.withdrawn, &f)
	}
}

func (r *Ring) tellWithdrawn() {
	r.mu.Lock()
	all := make([]func(), 0, len(r.withdrawn))
	for f := range r.withdrawn {
		all = append(all, *f)
	}
	r.mu.Unlock()
	for _, f := range all {
		f()
	}
}
