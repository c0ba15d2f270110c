package identity

import (
	"bytes"
	"context"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/convosphere/gateway/modules/identity/lifecycle"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/mailtest"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/store"
)

// recording is a store that shows what was written to it, as whoever reads Redis would see it.
type recording struct {
	store.Store
	mu      sync.Mutex
	written map[string]string
}

func (r *recording) keep(key string, value []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.written["the store, under "+key+fmt.Sprint(" ", len(r.written))] = key + " " + string(value)
}

func (r *recording) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	r.keep(key, value)
	return r.Store.Set(ctx, key, value, ttl)
}

func (r *recording) Add(ctx context.Context, key string, value []byte, ttl time.Duration) (bool, error) {
	r.keep(key, value)
	return r.Store.Add(ctx, key, value, ttl)
}

func (r *recording) Incr(ctx context.Context, key string, ttl time.Duration) (int64, error) {
	r.keep(key, nil)
	return r.Store.Incr(ctx, key, ttl)
}

// spellings are the ways in which a secret could stand somewhere.
func spellings(secret string) (all []string) {
	all = []string{strings.ToLower(secret), hex.EncodeToString([]byte(secret))}
	for skip := range min(3, len(secret)-8) { // base64 has three, by where it begins; without what its neighbours change
		coded := base64.StdEncoding.EncodeToString([]byte(secret)[skip:])
		coded = coded[:len(secret[skip:])/3*4]
		all = append(all, strings.ToLower(coded), strings.ToLower(strings.NewReplacer("+", "-", "/", "_").Replace(coded)))
	}
	return all
}

// rows is every value of every table, as text, by where it stands.
func rows(t *testing.T, db *database.DB) map[string]string {
	t.Helper()
	ctx := context.Background()
	names, err := db.Names(ctx)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, name := range names {
		rows, err := db.Query(ctx, `SELECT * FROM `+name)
		if err != nil {
			t.Fatal(err)
		}
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		for n := 0; rows.Next(); n++ {
			values := make([]any, len(columns))
			into := make([]any, len(columns))
			for i := range values {
				into[i] = &values[i]
			}
			if err := rows.Scan(into...); err != nil {
				t.Fatal(err)
			}
			for i, v := range values {
				if b, ok := v.([]byte); ok {
					v = string(b)
				}
				all[fmt.Sprintf("%s.%s, row %d", name, columns[i], n)] = fmt.Sprint(v)
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		rows.Close()
	}
	return all
}

// files are those of the folders, but for the key ring: who has that may open all.
func files(t *testing.T, dirs ...string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				if err == nil && d.Name() == "keys" {
					return filepath.SkipDir
				}
				return err
			}
			b, err := os.ReadFile(path)
			all[path] = string(b)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// Whoever reads the database, its files, the store and the events finds no secret of an account, nor its mail address or the name it shows. The
// test is told of every secret that the account is given, as its owner sees it.
func TestNothingOfAnAccountIsReadableAtRest(t *testing.T) {
	dir := lend(t)
	ctx := context.Background()
	seen := &recording{Store: lent.Store, written: map[string]string{}}
	lent.Store = seen
	a := mustLoad(t, `{"identity":{"remember":{}}}`)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	secrets := map[string]string{"password": password}
	keep := func(r session.Result) session.Result {
		for name, v := range map[string]string{"mfa token": r.MFAToken, "device cookie": r.Device} {
			if v != "" {
				secrets[fmt.Sprint(name, len(secrets))] = v
			}
		}
		if r.Tokens != nil {
			secrets[fmt.Sprint("access token ", len(secrets))] = r.Tokens.Access
			secrets[fmt.Sprint("refresh token ", len(secrets))] = r.Tokens.Refresh
		}
		return r
	}
	attempt := session.Attempt{Username: "ursula", Password: password, UserAgent: "test", Browser: true, Remember: true, Client: reqctx.Client{IP: netip.MustParseAddr("192.0.2.1")}}

	first, err := a.Login(ctx, attempt)
	must(err)
	keep(first)
	me, err := a.sessions.Accounts.ByName(ctx, "ursula")
	must(err)
	const mail, shown = "Ursula.Atrest+Box@Mail.Example", "Königin Ursula IV."
	must(lent.DB.InTx(ctx, func(tx *database.Tx) error {
		if err := a.sessions.Accounts.SetEmail(ctx, tx, time.Now(), me.ID, mail, true); err != nil {
			return err
		}
		return a.sessions.Accounts.SetDisplayName(ctx, tx, me.ID, shown)
	}))
	secrets["mail"], secrets["box"], secrets["name shown"] = mail, "ursula.atrest", shown

	// The second factor, from its offer on; then a login with it.
	first, err = a.Login(ctx, attempt)
	must(err)
	keep(first)
	offer, err := a.EnrolTOTP(ctx, first.Identity)
	must(err)
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(offer.Secret)
	must(err)
	secrets["totp"], secrets["totp bytes"], secrets["enrolment"] = offer.Secret, string(raw), offer.Token
	now := time.Now()
	code, err := totp.GenerateCode(offer.Secret, now.Add(-30*time.Second)) // the step before, so that this one's is left
	must(err)
	second, err := a.ConfirmTOTP(ctx, first.Identity, offer.Token, code, "a phone", attempt)
	must(err)
	keep(second)
	codes, err := a.RenewRecoveryCodes(ctx, second.Identity)
	must(err)
	for i, c := range codes {
		secrets[fmt.Sprint("recovery code ", i)] = c
		secrets[fmt.Sprint("recovery code typed ", i)] = strings.NewReplacer("-", "", " ", "").Replace(c)
	}
	_, token, err := a.NewToken(ctx, second.Identity, "backup job", "message:read", 24*time.Hour)
	must(err)
	secrets["personal token"] = token
	begun, err := a.Login(ctx, attempt)
	must(err)
	keep(begun)
	third, err := a.Recovery(ctx, begun.MFAToken, codes[0], attempt)
	must(err)
	keep(third)
	fourth, err := a.Refresh(ctx, third.Tokens.Refresh)
	must(err)
	keep(fourth)
	_, err = a.Login(ctx, session.Attempt{Username: "ursula", Password: "a wrong password of hers", UserAgent: "test"})
	if err == nil {
		t.Fatal("a wrong password signs in")
	}
	secrets["wrong password"] = "a wrong password of hers"
	_, err = a.Login(ctx, session.Attempt{Username: "typed-into-the-name-field-99", Password: password, UserAgent: "test"})
	if err == nil {
		t.Fatal("an unknown name signs in")
	}
	secrets["password in the name's field"] = "typed-into-the-name-field-99"
	must(a.Logout(ctx, fourth.Tokens.Refresh, fourth.Identity.Session))

	// Parts that are no secret stand alone: ids before the secret of a token, and the claims of an access token.
	for name, s := range secrets {
		if i := strings.LastIndexByte(s, '.'); i > 0 && (strings.HasPrefix(name, "device") || strings.HasPrefix(name, "refresh") || strings.HasPrefix(name, "access")) {
			secrets[name] = s[i+1:]
		}
	}
	waitForEvents(t, dir, "session-ended")
	findAny(t, everywhere(t, dir, seen), secrets)
}

// What is mailed rests as little: links, addresses and names wait in the outbox and behind tickets, and are gone through afterwards.
func TestNothingThatIsMailedIsReadableAtRest(t *testing.T) {
	dir := lend(t)
	ctx := context.Background()
	seen := &recording{Store: lent.Store, written: map[string]string{}}
	lent.Store = seen
	server, _ := mailtest.Start(t)
	held := make(chan struct{})
	server.Fail(func(string) error { <-held; return nil }) // mails wait until the first look
	letGo := sync.OnceFunc(func() { close(held) })
	t.Cleanup(letGo)
	a := mustLoad(t, `{"identity":{"public_url":"https://gw.example","mail":{"server":"smtp://`+server.Addr+`","from":"no-reply@gw.example","ca":"`+server.CA+`"},"registration":{"mode":"open"}}}`)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	r := login(t, a)
	attempt := session.Attempt{UserAgent: "test", Client: reqctx.Client{IP: netip.MustParseAddr("192.0.2.1")}}
	const known = "Ursula.Known@Mail.Example"
	must(lent.DB.InTx(ctx, func(tx *database.Tx) error {
		return a.sessions.Accounts.SetEmail(ctx, tx, time.Now(), r.Identity.Subject, known, true)
	}))
	r = login(t, a) // the change has ended the session
	secrets := map[string]string{"known address": known, "password": password}
	_, err := a.Register(ctx, lifecycle.Registration{Username: "newcomer.atrest", Email: "New.Comer@Mail.Example", Password: "violet-anchor-tulip-93", DisplayName: "Frau Neu Anfang"}, attempt)
	must(err)
	secrets["new address"], secrets["new password"], secrets["new name"], secrets["new user name"] = "new.comer@mail", "violet-anchor-tulip-93", "Frau Neu Anfang", "newcomer.atrest"
	must(a.RequestReset(ctx, known, attempt))
	must(a.RequestReset(ctx, "Nobody.Atall@Mail.Example", attempt))
	secrets["address of nobody"] = "Nobody.Atall@Mail"
	must(a.ChangeEmail(ctx, r.Identity, "Next.Address@Mail.Example", attempt))
	secrets["next address"] = "next.address@mail"
	_, err = a.Invite(ctx, lifecycle.Operator{ID: r.Identity.Subject, Session: r.Identity.Session, Attempt: attempt}, "In.Vited@Mail.Example", "user", 24*time.Hour)
	must(err)
	secrets["invited address"] = "in.vited@mail"
	link, err := a.Invite(ctx, lifecycle.Operator{ID: r.Identity.Subject, Session: r.Identity.Session, Attempt: attempt}, "", "user", 24*time.Hour)
	must(err)
	secrets["invitation"] = link[strings.IndexByte(link, '#')+1:]
	waiting := everywhere(t, dir, seen)
	for _, place := range []string{"outbox.letter, row 0", "tickets.data, row 2"} {
		if waiting[place] == "" {
			t.Fatalf("nothing is in %s: the test has lost its eyes", place)
		}
	}
	letGo()
	for i, m := range awaitMails(t, server, 4) {
		for _, word := range regexp.MustCompile(`[A-Z2-7]{26}`).FindAllString(m.Text, -1) {
			secrets[fmt.Sprint("secret in mail ", i, " to ", m.To)] = word
		}
	}
	if len(secrets) < 13 {
		t.Fatalf("%d secrets: the test has lost its eyes", len(secrets))
	}
	waitForEvents(t, dir, "registration-requested")
	findAny(t, waiting, secrets)
	findAny(t, everywhere(t, dir, seen), secrets)
}

// awaitMails waits for so many mails.
func awaitMails(t *testing.T, server *mailtest.Server, n int) []mailtest.Mail {
	t.Helper()
	server.Wait(t, n)
	return server.Mails()
}

// everywhere is all that rests: rows, files, the store, events.
func everywhere(t *testing.T, dir string, seen *recording) map[string]string {
	t.Helper()
	places := rows(t, lent.DB)
	folders := []string{dir}
	if stored.SQLite != "" {
		folders = append(folders, filepath.Dir(stored.SQLite))
	}
	for k, v := range files(t, folders...) {
		places[k] = v
	}
	seen.mu.Lock()
	defer seen.mu.Unlock()
	for k, v := range seen.written {
		places[k] = v
	}
	return places
}

// findAny looks for each secret, in every spelling, in every place.
func findAny(t *testing.T, places, secrets map[string]string) {
	t.Helper()
	if len(places) < 40 {
		t.Fatalf("%d places: the test has lost its eyes", len(places))
	}
	for where, content := range places {
		lower := strings.ToLower(content)
		for name, secret := range secrets {
			if len(secret) < 8 {
				t.Fatalf("%s is too short to look for: %q", name, secret)
			}
			for _, s := range spellings(secret) {
				if strings.Contains(lower, s) {
					t.Errorf("%s holds the %s: …%.200q…", where, name, around(content, lower, s))
				}
			}
		}
	}
}

func around(content, lower, s string) string {
	i := strings.Index(lower, s)
	return content[max(0, min(len(content), i-40)):min(len(content), i+len(s)+20)]
}

// waitForEvents waits until the action stands in the events' file, which is written aside.
func waitForEvents(t *testing.T, dir, action string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		for _, content := range files(t, filepath.Join(dir, "events")) {
			if bytes.Contains([]byte(content), []byte(action)) {
				return
			}
		}
		if time.Now().After(end) {
			t.Fatal("no event ", action)
		}
	}
}
