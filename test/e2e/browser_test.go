package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

// signIn goes through the login page, the second factor included, to the page it was sent from.
func signIn(t *testing.T, p *kit.Tab, n *kit.Node, u kit.User) {
	t.Helper()
	p.Go(n.URL + "/")
	p.Until("the login page", `location.pathname == "/auth/login"`)
	p.Type(`input[name="username"]`, u.Username)
	p.Type(`input[name="password"]`, u.Password)
	p.Click(`form button[type="submit"]`)
	if u.TOTPSecret != "" {
		code := kit.Code(t, u.TOTPSecret)
		kit.Secret(code)
		p.Until("the field for the code", `[...document.querySelectorAll('input[name="code"]')].some(e => e.checkVisibility())`)
		p.Shot("second-factor")
		p.Type(`input[name="code"]`, code)
		p.Enter(`input[name="code"]`)
	}
	p.Until("the chat", `location.pathname == "/" && document.getElementById("me-name")?.textContent.toLowerCase().includes("`+u.Username+`")`)
	p.Until("the socket", `document.getElementById("link")?.dataset.state == "online"`)
}

func openRoom(p *kit.Tab, name string) {
	p.Until("the room "+name, fmt.Sprintf(`[...document.querySelectorAll("#rooms a")].some(a => a.innerText.includes(%q))`, name))
	p.ClickText(name)
	p.Until("the open room", fmt.Sprintf(`document.getElementById("room-name")?.textContent == %q && !document.getElementById("room").hidden`, name))
}

func say(p *kit.Tab, text string) {
	p.Type("#composer-text", text)
	p.Click("#send")
	sees(p, text)
}

func sees(p *kit.Tab, text string) {
	p.Until("the message "+text, fmt.Sprintf(`[...document.querySelectorAll("#messages .text")].some(e => e.innerText == %q)`, text))
}

func TestBrowser(t *testing.T) {
	s := memory
	b := kit.StartBrowser(t)
	ursula, petra := b.Tab(t, "ursula", kit.Desktop), b.Tab(t, "petra", kit.Desktop)

	ursula.Go(s.a.URL + "/")
	ursula.Until("the login page", `location.pathname == "/auth/login"`)
	ursula.NoOverflow("login")
	ursula.Shot("login")
	ursula.Dark(true)
	ursula.Shot("login-dark")
	ursula.Dark(false)
	signIn(t, ursula, s.a, s.users["ursula"])
	signIn(t, petra, s.a, s.users["petra"])
	openRoom(ursula, "General")
	openRoom(petra, "General")

	t.Run("a message arrives in the other browser", func(t *testing.T) {
		say(ursula, "Hello petra, good to see you here")
		sees(petra, "Hello petra, good to see you here")
		say(petra, "Hello ursula! It's 5 o'clock & time for tea <3")
		sees(ursula, "Hello ursula! It's 5 o'clock & time for tea <3")
		ursula.Shot("chat")
		ursula.Dark(true)
		ursula.Shot("chat-dark")
		ursula.Dark(false)
	})

	t.Run("what a person writes is text", func(t *testing.T) {
		// Past the WAF, which would refuse it: what is stored is shown as text all the same.
		c := s.as(t, "petra")
		c.Post(t, "general", "2 < 3 and 5 > 4 &amp; so on")
		sees(ursula, "2 < 3 and 5 > 4 &amp; so on")
	})

	t.Run("phone", func(t *testing.T) {
		petra.Resize(kit.Phone)
		petra.NoOverflow("room")
		petra.Shot("phone-room")
		petra.Click("#back")
		petra.Until("the list", `[...document.querySelectorAll("#rooms a")].some(e => e.checkVisibility())`)
		petra.NoOverflow("rooms")
		petra.Shot("phone-rooms")
		petra.Dark(true)
		petra.Shot("phone-rooms-dark")
		petra.Dark(false)
		openRoom(petra, "General")
		say(petra, "from a phone")
		sees(ursula, "from a phone")
		petra.Go(s.a.URL + "/auth/account")
		petra.Shows("petra")
		petra.NoOverflow("account")
		petra.Shot("phone-account")
		petra.Resize(kit.Desktop)
		petra.Shot("account")
	})

	t.Run("second factor", func(t *testing.T) {
		mona := b.Tab(t, "mona", kit.Desktop)
		signIn(t, mona, s.a, s.users["mona"])
		openRoom(mona, "General")
		sees(mona, "from a phone")
		mona.Quiet()
	})

	t.Run("sign out closes it", func(t *testing.T) {
		ursula.Click("#sign-out")
		ursula.Until("the login page", `location.pathname == "/auth/login"`)
		ursula.Go(s.a.URL + "/")
		ursula.Until("the login page again", `location.pathname == "/auth/login"`)
	})

	// The errors that pages may write: none. Violations of the content security policy are among them.
	time.Sleep(200 * time.Millisecond) // what the console still has to tell
	ursula.Quiet()
	petra.Quiet()
}

func TestBrowserWrongPassword(t *testing.T) {
	p := kit.StartBrowser(t).Tab(t, "stranger", kit.Phone)
	p.Go(memory.a.URL + "/auth/login?return_to=https://evil.example/")
	p.NoOverflow("login")
	p.Type(`input[name="username"]`, "ursula")
	p.Type(`input[name="password"]`, "not her password")
	p.Click(`form button[type="submit"]`)
	p.Until("a message of what is wrong", `[...document.querySelectorAll('[role="alert"], [aria-live]')].some(e => e.innerText.trim().length > 5 && e.checkVisibility())`)
	p.Shot("wrong-password")
	p.Type(`input[name="password"]`, memory.users["ursula"].Password)
	p.Click(`form button[type="submit"]`)
	p.Until("our own page, not the one of return_to", `location.host == "`+host(memory.a)+`" && location.pathname == "/"`)
	p.Quiet("401", "403") // the browser itself notes the refused login
}
