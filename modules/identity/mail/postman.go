package mail

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"
)

const (
	lookEvery = time.Second // other processes put letters in, too, and what strangers ask for wakes nobody
	atOnce    = 4           // mails on their way at one time
	batch     = 32
	firstWait = 10 * time.Second
	longest   = time.Hour

	recordTimeout = 5 * time.Second
)

// Postman sends what is in the outbox. Close it.
type Postman struct {
	Box    *Box
	Client *Client
	Texts  *Texts
	// Ready fills in what is known only when a letter is sent: the address, a link. false drops the letter: there is nobody to send it to.
	Ready func(ctx context.Context, l *Letter) (send bool, err error)
	Log   *zap.Logger
	Now   func() time.Time

	wake   chan struct{}
	cancel context.CancelFunc
	done   chan struct{}
}

// NewPostman fills in what its fields need to be used.
func NewPostman(p Postman) *Postman {
	p.wake = make(chan struct{}, 1)
	return &p
}

// Start begins to send, until Close.
func (p *Postman) Start(ctx context.Context) {
	p.done = make(chan struct{})
	run, cancel := context.WithCancel(context.WithoutCancel(ctx)) // ends with Close, not with the caller's context
	p.cancel = cancel
	go p.run(run)
}

// Close ends it. A mail that is on its way is cut off; it is tried again after a while, by whichever gateway runs then.
func (p *Postman) Close() {
	p.cancel()
	<-p.done
}

// Wake makes it look now, after this process put a letter in.
func (p *Postman) Wake() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *Postman) run(ctx context.Context) {
	defer close(p.done)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-p.wake:
		}
		for p.round(ctx) == batch { // there may be more
		}
	}
}

// round sends what is due, and tells how many it took up.
func (p *Postman) round(ctx context.Context) int {
	if n, err := p.Box.expire(ctx, p.Now()); err != nil {
		p.complain(ctx, err)
	} else if n > 0 {
		sent.WithLabelValues("expired").Add(float64(n))
		p.Log.Warn("mails could not be sent in time and were given up", zap.Int64("mails", n))
	}
	mine, err := p.Box.claim(ctx, p.Now(), batch)
	if err != nil {
		p.complain(ctx, err) // what was claimed before it is sent all the same
	}
	var all sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for _, q := range mine {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			if err := p.deliver(ctx, q); err != nil {
				p.complain(ctx, err)
			}
		})
	}
	all.Wait()
	return len(mine)
}

func (p *Postman) complain(ctx context.Context, err error) {
	if ctx.Err() == nil {
		p.Log.Error("mail: the database does not answer; the next turn tries again", zap.Error(err))
	}
}

// deliver tries one letter. Its error is the database's.
func (p *Postman) deliver(ctx context.Context, q queued) error {
	sendIt, err := p.send(ctx, q)
	closing := ctx.Err() != nil
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout) // what became of it is written down also while we are closing
	defer cancel()
	var rejected Rejected
	log := p.Log.With(zap.String("mail", q.id), zap.String("kind", q.letter.Kind), zap.String("account", q.letter.Account))
	switch {
	case err == nil && !sendIt:
		return p.Box.done(ctx, q)
	case err == nil:
		sent.WithLabelValues("sent").Inc()
		// If this fails, the mail goes out again, under the same Message-ID.
		return p.Box.done(ctx, q)
	case errors.As(err, &rejected):
		sent.WithLabelValues("rejected").Inc()
		log.Warn("a mail was rejected and is given up", zap.Int("code", rejected.Code))
		return p.Box.done(ctx, q)
	}
	if closing {
		return p.Box.again(ctx, q, p.Now()) // cut off by us: whoever runs now may try at once
	}
	sent.WithLabelValues("retried").Inc()
	wait := backoff(q.tries)
	log.Warn("a mail could not be sent; it is tried again", zap.Error(err), zap.Int64("tries", q.tries), zap.Duration("in", wait))
	return p.Box.again(ctx, q, p.Now().Add(wait))
}

func (p *Postman) send(ctx context.Context, q queued) (sent bool, err error) {
	l := q.letter
	if l.Kind == "" {
		return false, errors.New("the letter can't be opened: it was sealed by another key ring")
	}
	if ready, err := p.Ready(ctx, &l); err != nil || !ready {
		return false, err
	}
	subject, text, err := p.Texts.Write(l.Kind, l.Locale, Filled{Name: l.Name, Link: l.Link, When: l.When, Until: l.Until, D: l.D})
	if err != nil {
		return false, err
	}
	return true, p.Client.Send(ctx, Message{ID: q.id, To: l.To, Subject: subject, Text: text, At: p.Now()})
}

// backoff doubles from ten seconds to an hour.
func backoff(tries int64) time.Duration {
	wait := firstWait
	for ; tries > 1 && wait < longest; tries-- {
		wait *= 2
	}
	return min(wait, longest)
}
