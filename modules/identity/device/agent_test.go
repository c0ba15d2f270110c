package device

import "testing"

func TestAgent(t *testing.T) {
	for header, want := range map[string][3]string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0":                                                        {"Firefox", "Windows", Desktop},
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0":           {"Edge", "Windows", Desktop},
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15":                   {"Safari", "macOS", Desktop},
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1": {"Safari", "iOS", Phone},
		"Mozilla/5.0 (iPad; CPU OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/142.0 Mobile/15E148 Safari/604.1":           {"Chrome", "iPadOS", Tablet},
		"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36":                         {"Chrome", "Android", Phone},
		"Mozilla/5.0 (Linux; Android 14; SM-X710) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/29.0 Chrome/136.0.0.0 Safari/537.36":      {"Samsung Internet", "Android", Tablet},
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/142.0.0.0 Safari/537.36":                           {"Chrome", "Linux", Desktop},
		"curl/8.14.1":        {"curl", "", Program},
		"Go-http-client/1.1": {"Go-http-client", "", Program},
		"":                   {"", "", Program},
		"<script>/1":         {"", "", Program},
	} {
		browser, os, kind := Agent(header)
		if got := [3]string{browser, os, kind}; got != want {
			t.Errorf("%q: %q, want %q", header, got, want)
		}
	}
}
