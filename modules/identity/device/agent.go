package device

import "strings"

// Kinds of devices.
const (
	Desktop = "desktop"
	Phone   = "phone"
	Tablet  = "tablet"
	Program = "program"
)

// Agent reads of a User-Agent header what a person recognises: "Firefox", "Windows", Desktop. It is what the client says of itself, and
// so never a reason to allow anything. What it does not know is "".
func Agent(header string) (browser, os, kind string) {
	for _, b := range browsers { // the first that fits: most call themselves by their ancestors' names, too
		if strings.Contains(header, b.token) {
			browser = b.name
			break
		}
	}
	for _, o := range systems {
		if strings.Contains(header, o.token) {
			os = o.name
			break
		}
	}
	switch {
	case !strings.HasPrefix(header, "Mozilla/"):
		kind = Program
	case strings.Contains(header, "iPad"), strings.Contains(header, "Tablet"), os == "Android" && !strings.Contains(header, "Mobile"):
		kind = Tablet
	case strings.Contains(header, "Mobi"), strings.Contains(header, "iPhone"):
		kind = Phone
	default:
		kind = Desktop
	}
	if kind == Program && browser == "" {
		browser = product(header)
	}
	return browser, os, kind
}

var browsers = []struct{ token, name string }{
	{"Edg/", "Edge"}, {"EdgA/", "Edge"}, {"EdgiOS/", "Edge"}, {"OPR/", "Opera"}, {"Vivaldi/", "Vivaldi"}, {"SamsungBrowser/", "Samsung Internet"},
	{"YaBrowser/", "Yandex"}, {"DuckDuckGo/", "DuckDuckGo"}, {"FxiOS/", "Firefox"}, {"CriOS/", "Chrome"}, {"Firefox/", "Firefox"},
	{"HeadlessChrome/", "Chrome"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"},
}

var systems = []struct{ token, name string }{
	{"Windows", "Windows"}, {"Android", "Android"}, {"iPhone", "iOS"}, {"iPad", "iPadOS"}, {"CrOS", "ChromeOS"}, {"Macintosh", "macOS"}, {"Linux", "Linux"},
}

// product is the first word of a program's header, as "curl" of "curl/8.5".
func product(header string) string {
	name, _, _ := strings.Cut(header, "/")
	if len(name) > 32 {
		return ""
	}
	for i := range len(name) {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return ""
		}
	}
	return name
}
