package device

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
	"github.com/convosphere/gateway/modules/internal/keyring"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

var (
	ctx = context.Background()
	now = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
)

func TestMain(m *testing.M) { os.Exit(dbtest.Both(m).Run()) }

type kit struct {
	*Store
	t  *testing.T
	db *database.DB
}

func newKit(t *testing.T, people ...string) kit {
	t.Helper()
	db, err := database.Open(ctx, dbtest.New(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	for _, p := range people {
		if _, err := db.Exec(ctx, `INSERT INTO accounts (id, username, roles, password, created_at, password_changed_at) VALUES (?, ?, 'user', 'x', 1, 1)`, p, p); err != nil {
			t.Fatal(err)
		}
	}
	keys, err := keyring.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return kit{NewStore(db, keys), t, db}
}

func browser(account, cookie string) Visit {
	return Visit{Account: account, Revision: 1, Browser: true, Cookie: cookie, UserAgent: "Firefox", Client: reqctx.Client{IP: netip.MustParseAddr("192.0.2.1"), Country: "DE"}}
}

func (k kit) arrive(at time.Time, v Visit) Arrival {
	k.t.Helper()
	var a Arrival
	err := k.db.InTx(ctx, func(tx *database.Tx) (err error) {
		a, err = k.Arrive(ctx, tx, at, v)
		return err
	})
	if err != nil {
		k.t.Fatal(err)
	}
	return a
}

func (k kit) known(at time.Time, account, cookie string) (Device, bool) {
	k.t.Helper()
	d, ok, err := k.Known(ctx, at, account, cookie)
	if err != nil {
		k.t.Fatal(err)
	}
	return d, ok
}

func TestABrowserIsKnownAgain(t *testing.T) {
	k := newKit(t, "ada")
	first := k.arrive(now, browser("ada", ""))
	if !first.New || !first.First || first.Cookie == "" {
		t.Fatalf("%+v", first)
	}
	again := k.arrive(now.Add(time.Hour), browser("ada", first.Cookie))
	if again.New || again.First || again.Cookie != first.Cookie || again.Device.ID != first.Device.ID || again.Device.Country != "DE" {
		t.Fatalf("%+v", again)
	}
	if second := k.arrive(now, browser("ada", "")); !second.New || second.First {
		t.Fatalf("%+v", second)
	}
}

// Fixation: an attacker puts the cookie of the own account, or one made up, into the victim's browser.
func TestAPlantedCookieIsNotKnownAfterTheLogin(t *testing.T) {
	k := newKit(t, "victim", "attacker")
	own := k.arrive(now, browser("attacker", "")).Cookie
	for _, planted := range []string{own, strings.Repeat("A", idLen) + "." + strings.Repeat("B", idLen)} {
		if _, ok := k.known(now, "victim", planted); ok {
			t.Fatal("known before")
		}
		r := k.arrive(now, browser("victim", planted))
		if _, ok := k.known(now, "victim", planted); !r.New || ok {
			t.Fatalf("the planted cookie %q became the victim's", planted)
		}
		if _, ok := k.known(now, "victim", r.Cookie); !ok {
			t.Fatal("the victim's own cookie is not known")
		}
	}
}

func TestSeveralPeopleShareABrowser(t *testing.T) {
	k := newKit(t, "a", "b", "c", "d", "e", "f")
	cookie := ""
	for _, p := range []string{"a", "b", "c", "d", "e"} {
		cookie = k.arrive(now, browser(p, cookie)).Cookie
	}
	for _, p := range []string{"a", "b", "c", "d", "e"} {
		if _, ok := k.known(now, p, cookie); !ok {
			t.Errorf("%s is not known", p)
		}
	}
	cookie = k.arrive(now, browser("f", cookie)).Cookie
	if _, ok := k.known(now, "a", cookie); ok || strings.Count(cookie, "~") != accounts-1 {
		t.Error("the cookie grows without end")
	}
}

func TestWhatIsNoSecretIsNotKnown(t *testing.T) {
	k := newKit(t, "ada", "bob")
	r := k.arrive(now, browser("ada", ""))
	id, secret, _ := strings.Cut(r.Cookie, ".")
	for name, cookie := range map[string]string{
		"empty": "", "the id alone": id, "another secret": id + "." + strings.Repeat("A", 26), "lower case": strings.ToLower(r.Cookie),
		"the stored hash": id + "." + hash(secret), "no secret": id + ".", "blanks": " " + r.Cookie, "swapped": secret + "." + id,
		"behind too many": strings.Repeat(strings.Repeat("A", 26)+"."+strings.Repeat("A", 26)+"~", looked) + r.Cookie,
		"SQL":             "' OR '1'='1.' OR '1'='1", "long": strings.Repeat("~", 1<<20),
	} {
		if _, ok := k.known(now, "ada", cookie); ok {
			t.Errorf("%s: known", name)
		}
	}
	if _, ok := k.known(now, "bob", r.Cookie); ok {
		t.Error("one person's device is another's")
	}
	if _, ok := k.known(now.Add(Life), "ada", r.Cookie); ok {
		t.Error("a device is known for ever")
	}
	// A neighbouring host can plant cookies that are sent before the right one: valid ones of accounts of its own, as many as fit.
	planted := k.arrive(now, browser("bob", "")).Cookie
	if _, ok := k.known(now, "ada", strings.Repeat(planted+"~", 32<<10/(pairLen+1)-10)+r.Cookie); !ok {
		t.Error("hidden behind planted cookies")
	}
	if _, ok := k.known(now, "ada", "planted~"+strings.Repeat("A", 26)+"."+strings.Repeat("A", 26)+"~"+r.Cookie); !ok {
		t.Error("a planted cookie beside it makes a device unknown")
	}
}

func TestNoSecretIsStored(t *testing.T) {
	k := newKit(t, "ada")
	_, secret, _ := strings.Cut(k.arrive(now, browser("ada", "")).Cookie, ".")
	var stored string
	if err := k.db.QueryRow(ctx, `SELECT secret FROM devices`).Scan(&stored); err != nil || stored == secret || stored != hash(secret) {
		t.Fatal(stored, err)
	}
}

func TestTrustEnds(t *testing.T) {
	k := newKit(t, "ada")
	v := browser("ada", "")
	cookie := k.arrive(now, v).Cookie
	if d, _ := k.known(now, "ada", cookie); d.Trusted(now, 1) {
		t.Fatal("trusted without being asked for")
	}
	v.Cookie, v.Trust = cookie, now.Add(24*time.Hour)
	k.arrive(now, v)
	v.Trust = time.Time{}
	k.arrive(now.Add(time.Hour), v) // a login without the wish leaves it, and lengthens nothing
	d, _ := k.known(now, "ada", cookie)
	if !d.Trusted(now.Add(23*time.Hour), 1) {
		t.Error("not trusted")
	}
	if d.Trusted(now.Add(24*time.Hour), 1) {
		t.Error("trusted for longer")
	}
	if d.Trusted(now, 2) {
		t.Error("trusted although the account changed")
	}
}

func TestProgramsAreToldApart(t *testing.T) {
	k := newKit(t, "ada", "bob")
	v := Visit{Account: "ada", Revision: 1, UserAgent: "curl/8", Client: reqctx.Client{IP: netip.MustParseAddr("2001:db8::1")}, Trust: now.Add(time.Hour)}
	first := k.arrive(now, v)
	if !first.New || first.Cookie != "" || first.Device.Trusted(now, 1) {
		t.Fatalf("%+v", first)
	}
	v.Client.IP = netip.MustParseAddr("2001:db8::ffff") // the same /64
	if k.arrive(now, v).New {
		t.Error("another address of one network is another place")
	}
	for name, change := range map[string]func(*Visit){
		"program": func(v *Visit) { v.UserAgent = "wget" },
		"place":   func(v *Visit) { v.Client.IP = netip.MustParseAddr("192.0.2.9") },
		"account": func(v *Visit) { v.Account = "bob" },
	} {
		other := v
		change(&other)
		if !k.arrive(now, other).New {
			t.Errorf("another %s is the same device", name)
		}
	}
	// Its id is no secret, and so no cookie.
	if _, ok := k.known(now, "ada", first.Device.ID+"."+strings.Repeat("A", 26)); ok {
		t.Error("a program's id is a browser's cookie")
	}
	if k.arrive(now.Add(2*Life), v).New == false {
		t.Error("known after its life")
	}
}

func TestDevicesOfAnAccountAreBounded(t *testing.T) {
	k := newKit(t, "ada", "bob")
	other := k.arrive(now, browser("bob", "")).Cookie
	oldest := k.arrive(now, browser("ada", "")).Cookie
	kept := k.arrive(now.Add(time.Minute), browser("ada", "")).Cookie
	for i := range most - 1 {
		k.arrive(now.Add(time.Duration(i+2)*time.Minute), browser("ada", ""))
	}
	all, err := k.List(ctx, now, "ada")
	if err != nil || len(all) != most {
		t.Fatal(len(all), err)
	}
	if _, ok := k.known(now, "ada", oldest); ok {
		t.Error("the oldest is still there")
	}
	if _, ok := k.known(now, "ada", kept); !ok {
		t.Error("not the oldest is gone")
	}
	if _, ok := k.known(now, "bob", other); !ok {
		t.Error("somebody else's is gone")
	}
}

func TestForgetAsksWhose(t *testing.T) {
	k := newKit(t, "ada", "bob")
	r := k.arrive(now, browser("ada", ""))
	forget := func(account string) error {
		return k.db.InTx(ctx, func(tx *database.Tx) error { return k.Forget(ctx, tx, account, r.Device.ID) })
	}
	if err := forget("bob"); !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
	if err := forget("ada"); err != nil {
		t.Fatal(err)
	}
	if _, ok := k.known(now, "ada", r.Cookie); ok {
		t.Fatal("still known")
	}
	if err := forget("ada"); !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
}

func TestPrune(t *testing.T) {
	k := newKit(t, "ada")
	k.arrive(now.Add(-Life-time.Hour), browser("ada", ""))
	k.arrive(now, browser("ada", ""))
	if err := k.Prune(ctx, now); err != nil {
		t.Fatal(err)
	}
	n := 0
	if err := k.db.QueryRow(ctx, `SELECT COUNT(*) FROM devices`).Scan(&n); err != nil || n != 1 {
		t.Fatal(n, err)
	}
}

func FuzzPairs(f *testing.F) {
	f.Add("x~" + strings.Repeat("A", 26) + "." + strings.Repeat("2", 26))
	f.Fuzz(func(t *testing.T, cookie string) {
		all := pairs(cookie)
		if len(all) > looked {
			t.Fatal("too many")
		}
		for _, p := range all {
			if !strings.Contains(cookie, p.id+"."+p.secret) || strings.ContainsAny(p.first(all), ";,\" \\\r\n") {
				t.Fatalf("%+v", p)
			}
		}
	})
}
