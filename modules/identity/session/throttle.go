package session

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"
	"golang.org/x/text/unicode/norm"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/throttle"
	"github.com/convosphere/gateway/modules/internal/abuse"
	"github.com/convosphere/gateway/modules/internal/event"
)

// Throttles is how wrong passwords wait. A login from a device that the account is known on counts for that device alone, so that whoever
// else guesses, from wherever, keeps nobody out of the own account. Any other counts for the client, for the account, and for both together.
type Throttles struct {
	Client  throttle.Rule // of one address or /64, whatever the names
	Account throttle.Rule // of one name, wherever from
	Pair    throttle.Rule // of one name from one client
	Device  throttle.Rule // of one account on one device of its own

	// Challenge is after how many wrong tries the Challenger is asked; of a client, after half of those that are free if that is more.
	Challenge int
}

// DefaultThrottles let a person mistype a few times, and then one guess through in half a minute, a minute … an hour.
var DefaultThrottles = Throttles{
	Client:    throttle.Rule{Free: 50, First: 10 * time.Second, Longest: 5 * time.Minute},
	Account:   throttle.Rule{Free: 20, First: 30 * time.Second, Longest: time.Hour},
	Pair:      throttle.Rule{Free: 5, First: 30 * time.Second, Longest: time.Hour},
	Device:    throttle.Rule{Free: 10, First: 30 * time.Second, Longest: time.Hour},
	Challenge: 3,
}

func (t Throttles) check() error {
	if t == (Throttles{}) {
		return nil
	}
	for name, rule := range map[string]throttle.Rule{"client": t.Client, "account": t.Account, "pair": t.Pair, "device": t.Device} {
		if err := rule.Check(); err != nil {
			return fmt.Errorf("throttle: %s: %w", name, err)
		}
	}
	if t.Challenge < 1 {
		return errors.New("throttle: challenge must be above 0")
	}
	return nil
}

// errLost is ErrCredentials to everybody: the account changed between the proof and the session.
var errLost = fmt.Errorf("%w: the account changed meanwhile", ErrCredentials)

// liftedTries are the wrong tries of an account up to which a solved challenge spares the wait for others' guesses. NIST SP 800-63B, 3.2.2,
// lets no more than 100 in a row be tried at will.
const liftedTries = 100

// Login takes the first step: a name and a password. Errors: ErrCredentials, Throttled, ChallengeRequired; anything else means that it could
// not be checked.
func (m *Manager) Login(ctx context.Context, t Attempt) (Result, error) {
	ticket, err := m.admit(ctx, &t)
	if err != nil {
		m.refused(t, err)
		return Result{}, err
	}
	r, err := m.login(ctx, t)
	switch {
	case err == nil:
		ticket.Right(ctx)
	case errors.Is(err, errLost): // the password was right
		ticket.Void(ctx)
		err = ErrCredentials
	case errors.Is(err, ErrCredentials):
		m.wrong(ctx, t, ticket)
	default:
		ticket.Void(ctx)
	}
	return r, err
}

// admit counts the try before it is looked at. Nothing of it depends on whether the name exists.
func (m *Manager) admit(ctx context.Context, t *Attempt) (*throttle.Ticket, error) {
	scopes, err := m.scopes(ctx, t)
	if err == nil && m.Challenger != nil {
		err = m.demand(ctx, *t, scopes)
	}
	if err != nil {
		var required ChallengeRequired
		if errors.As(err, &required) {
			logins.WithLabelValues("challenged").Inc()
		} else {
			logins.WithLabelValues("error").Inc()
		}
		return nil, err
	}
	ticket, err := m.throttle.Charge(ctx, scopes)
	var refused throttle.Refused
	if errors.As(err, &refused) {
		logins.WithLabelValues("throttled").Inc()
		return nil, Throttled{RetryAfter: refused.Wait}
	}
	return ticket, err
}

// scopes are what a try counts for.
func (m *Manager) scopes(ctx context.Context, t *Attempt) ([]throttle.Scope, error) {
	device, known, err := m.ownDevice(ctx, *t)
	if err != nil {
		return nil, err
	}
	if known {
		t.known = device
		return []throttle.Scope{{Name: "device", Key: throttle.Key("device", device), Rule: m.Throttles.Device, Clears: true}}, nil
	}
	name := m.foldName(t.Username)
	scopes := []throttle.Scope{{Name: "account", Key: throttle.Key("account", name), Rule: m.Throttles.Account}}
	ip := t.Client.IP
	if ip.IsValid() {
		client := t.Client.Key()
		scopes = append(scopes, throttle.Scope{Name: "pair", Key: throttle.Key("pair", name, client), Rule: m.Throttles.Pair, Clears: true})
		if !ip.IsLoopback() { // a proxy in front that nobody has told us to trust: all its clients would wait for each other
			scopes = append(scopes, throttle.Scope{Name: "client", Key: throttle.Key("client", client), Rule: m.Throttles.Client})
		}
	}
	return scopes, nil
}

// ownDevice tells whether the login comes from a device of the very account that it names. Who has no secret of any device costs no
// look-up, and so learns nothing from its time.
func (m *Manager) ownDevice(ctx context.Context, t Attempt) (id string, known bool, err error) {
	held, err := m.devices.Holder(ctx, m.Now(), t.Device)
	if err != nil || len(held) == 0 {
		return "", false, err
	}
	a, err := m.Accounts.ByLogin(ctx, t.Username)
	if errors.Is(err, account.ErrNotFound) {
		return "", false, nil
	}
	for _, d := range held {
		if err == nil && d.Account == a.ID {
			return d.ID, true, nil
		}
	}
	return "", false, err
}

// foldName is under what a typed name is counted: a hash under a key, since what was typed there may be a password. An account's name and its address
// count apart, since what they had in common would tell that they belong together.
func (m *Manager) foldName(typed string) string {
	h := hmac.New(sha256.New, m.names)
	h.Write([]byte(oneSpelling(typed)))
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// oneSpelling is one for all spellings that name the same account, also of names that don't exist.
func oneSpelling(typed string) string {
	name, err := account.Normalise(typed)
	if err != nil {
		name, err = account.NormaliseEmail(typed)
	}
	if err != nil {
		if len(typed) > 1024 {
			typed = "" // no name is that long
		}
		name = norm.NFKC.String(strings.TrimSpace(typed))
	}
	return strings.ToLower(name)
}

// wrong records a wait that a wrong try begins. The event of the try itself tells whose account it was.
func (m *Manager) wrong(ctx context.Context, t Attempt, ticket *throttle.Ticket) {
	ticket.Wrong(ctx)
	m.Abuse.NoteClient(t.Client, "", abuse.Login)
	scopes, wait := ticket.Waits()
	if len(scopes) == 0 {
		return
	}
	e := &event.Event{
		Time: m.Now(), Category: "authentication", Action: "login-throttled", Outcome: event.Failure, Reason: "too many wrong tries",
		RequestID: t.RequestID, TraceID: t.TraceID, UserAgent: t.UserAgent, Device: t.known, Account: m.accountOf(t, account.Account{}),
		Fields: []zap.Field{zap.Strings("gateway.throttle.scopes", scopes), zap.Int64("gateway.throttle.seconds", int64(wait.Seconds()))},
	}
	m.Events.Emit(e.From(t.Client))
}

// refused records a try that was not looked at: else a flood of tries would fall silent as soon as it is throttled.
func (m *Manager) refused(t Attempt, err error) {
	var throttled Throttled
	var required ChallengeRequired
	switch {
	case errors.As(err, &throttled):
		m.emit(t, account.Account{}, "login-refused", event.Failure, "too many wrong tries", "")
	case errors.As(err, &required):
		m.emit(t, account.Account{}, "login-refused", event.Failure, "a challenge is to be solved first", "")
	}
}
