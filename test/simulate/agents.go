package main

import "strconv"

// What browsers, apps and programs call themselves.
func desktopAgent(a *actor) string {
	version := strconv.Itoa(128 + a.IntN(12))
	switch a.IntN(10) {
	case 0, 1:
		return "Mozilla/5.0 (X11; Linux x86_64; rv:" + version + ".0) Gecko/20100101 Firefox/" + version + ".0"
	case 2, 3:
		return "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18." + strconv.Itoa(a.IntN(6)) + " Safari/605.1.15"
	case 4:
		return "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/" + version + ".0.0.0 Safari/537.36 Edg/" + version + ".0.0.0"
	}
	return "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/" + version + ".0.0.0 Safari/537.36"
}

func phoneAgent(a *actor) string {
	version := strconv.Itoa(128 + a.IntN(12))
	if a.chance(.45) {
		return "Mozilla/5.0 (iPhone; CPU iPhone OS 18_" + strconv.Itoa(a.IntN(6)) + " like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1"
	}
	return "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/" + version + ".0.0.0 Mobile Safari/537.36"
}

func toolAgent(a *actor) string {
	return pick(a, "python-requests/2.32.3", "python-httpx/0.27.2", "Go-http-client/2.0", "curl/8.9.1", "okhttp/4.12.0", "axios/1.7.7", "")
}

func scannerAgent(a *actor) string {
	return pick(a, "Mozilla/5.0 (compatible; Nmap Scripting Engine)", "Fuzz Faster U Fool v2.1.0", "gobuster/3.6", "Mozilla/5.0 zgrab/0.x",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36", "python-requests/2.32.3")
}

func pick[E any](a *actor, of ...E) E { return of[a.IntN(len(of))] }
