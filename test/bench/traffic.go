package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
)

// The requests are a browser's, and no two are the same: what remembers whole requests, or whole bodies, gains nothing here. Headers and cookies
// are the same from request to request, as they are in a browser.

// userAgent and the other headers are Chrome's, of a page that calls its own API.
const userAgent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"

type field struct{ name, value string }

// browser returns the headers of a call, without Host and Cookie. site is the page's own, as https://chat.example.com.
func browser(site, method string) []field {
	h := []field{
		{"sec-ch-ua-platform", `"Linux"`},
		{"User-Agent", userAgent},
		{"Accept", "application/json, text/plain, */*"},
		{"sec-ch-ua", `"Chromium";v="142", "Google Chrome";v="142", "Not_A Brand";v="99"`},
		{"sec-ch-ua-mobile", "?0"},
		{"Sec-Fetch-Site", "same-origin"},
		{"Sec-Fetch-Mode", "cors"},
		{"Sec-Fetch-Dest", "empty"},
		{"Referer", site + "/rooms/general"},
		{"Accept-Encoding", "gzip, deflate, br, zstd"},
		{"Accept-Language", "en-GB,en-US;q=0.9,en;q=0.8,de;q=0.7"},
	}
	if method == "POST" {
		h = append(h, field{"Content-Type", "application/json"}, field{"Origin", site})
	}
	return h
}

// cookies are the three of one browser.
func cookies(r *rand.Rand) string {
	return fmt.Sprintf("_ga=GA1.1.%d.17%08d; chat_session=%s; prefs=theme%%3Ddark%%26lang%%3Den-GB", 1e8+r.IntN(9e8), r.IntN(1e8), id(r))
}

// id looks like those of the chat: 26 letters and digits, the first ones of which are a time's.
func id(r *rand.Rand) string {
	const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	b := []byte("01K")
	for len(b) < 26 {
		b = append(b, alphabet[r.IntN(len(alphabet))])
	}
	return string(b)
}

// messages makes n bodies of 300 bytes, each different: {"text":"…"}.
func messages(n int) []string {
	r := rand.New(rand.NewPCG(300, 2))
	all := make([]string, n)
	for i := range all {
		all[i] = chatBody(r, 300)
	}
	return all
}

// chatBody is a message whose JSON has this many bytes.
func chatBody(r *rand.Rand, size int) string {
	var b strings.Builder
	for b.Len() < size {
		if b.Len() > 0 {
			b.WriteString(pick(r, []string{" ", " ", " ", "\n", " – "}))
		}
		b.WriteString(phrase(r))
	}
	text := []rune(b.String())
	for {
		body, err := json.Marshal(map[string]string{"text": string(text)})
		if err != nil {
			panic(err) // a map of strings
		}
		s := strings.NewReplacer(`\u0026`, "&", `\u003c`, "<", `\u003e`, ">").Replace(string(body)) // as a browser writes it
		if len(s) <= size {
			return s[:len(s)-2] + strings.Repeat(".", size-len(s)) + s[len(s)-2:]
		}
		text = text[:len(text)-1]
	}
}

func pick(r *rand.Rand, from []string) string { return from[r.IntN(len(from))] }

var (
	names  = strings.Split("Petra Ursula Mona Ada Jürgen Zoë Søren Łukasz Marie-Claire O'Neill Bülent Ana Kwame Yuki Priya Tomáš", " ")
	things = strings.Split("report|invoice|draft|roadmap|budget|slides|contract|ticket|release notes|test plan|logo|offer|backup|printer|door code|coffee machine", "|")
	days   = strings.Split("Monday Tuesday Wednesday Thursday Friday today tomorrow tonight", " ")
	smiles = strings.Split("🙂 👍 🎉 😅 🚀 ☕ ❤️ 🤔", " ")
)

// phrase is a sentence as people write them in a chat.
func phrase(r *rand.Rand) string {
	n, m := r.IntN(60), 1+r.IntN(23)
	name, thing, day, smile := pick(r, names), pick(r, things), pick(r, days), pick(r, smiles)
	switch r.IntN(24) {
	case 0:
		return fmt.Sprintf("Did you see the %s from %s?", thing, name)
	case 1:
		return fmt.Sprintf("I'll be there at %d:%02d, don't wait for me %s", m, n, smile)
	case 2:
		return fmt.Sprintf("%s said: \"the %s isn't ready\", so let's move it to %s.", name, thing, day)
	case 3:
		return fmt.Sprintf("We've got %d of %d answers, that's %d%%!", n, n+m, n)
	case 4:
		return fmt.Sprintf("See https://wiki.example.com/pages/%d/%s for the details,", 1000+n*m, strings.ReplaceAll(thing, " ", "-"))
	case 5:
		return fmt.Sprintf("Grüße aus Köln, wir hätten gern %d Stück, geht das bis %s?", m, day)
	case 6:
		return fmt.Sprintf("@%s could you look at the %s, please?", name, thing)
	case 7:
		return fmt.Sprintf("It costs %d,%02d € (plus VAT), or about $%d.", m, n, m+2)
	case 8:
		return fmt.Sprintf("no worries, it's only the %s again %s%s", thing, smile, smile)
	case 9:
		return fmt.Sprintf("Let me check... yes, #%d was fixed on %s; thanks, %s!", 100+n*m, day, name)
	case 10:
		return fmt.Sprintf("Who's coming on %s? So far: %s, %s and me.", day, name, pick(r, names))
	case 11:
		return fmt.Sprintf("That wasn't what I meant, sorry: the %s, not the %s.", thing, pick(r, things))
	case 12:
		return fmt.Sprintf("Call me on +49 221 %d%02d%02d when you're free.", 100+n, m, n)
	case 13:
		return fmt.Sprintf("%d people, %d rooms, one %s: what could go wrong?", n+2, m, thing)
	case 14:
		return fmt.Sprintf("OK, then %s at half past %d it is", day, m)
	case 15:
		return fmt.Sprintf("je suis désolée, %s, le %s n'est pas là %s", name, thing, smile)
	case 16:
		return fmt.Sprintf("Version %d.%d.%d is out, I've put the %s into the folder.", m, n, r.IntN(10), thing)
	case 17:
		return fmt.Sprintf("Why does the %s always break on %s?!", thing, day)
	case 18:
		return fmt.Sprintf("- %s brings the %s\n- I'll bring cake", name, thing)
	case 19:
		return fmt.Sprintf("write to %s@example.com, she'll know", strings.ToLower(pick(r, []string{"petra", "ada", "mona"})))
	case 20:
		return fmt.Sprintf("good morning %s, slept well? %s", name, smile)
	case 21:
		return fmt.Sprintf("1) the %s 2) lunch 3) the rest, in that order,", thing)
	case 22:
		return fmt.Sprintf("You're right, %d + %d makes %d...", n, m, n+m)
	}
	return fmt.Sprintf("Could we talk about the %s on %s, around %d?", thing, day, m)
}
