package inspect

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// scripts are the extensions that servers run; some servers look for them anywhere in a name (a.php.jpg), or end a name at a colon, a
// semicolon or NUL.
var scripts = words("php php3 php4 php5 php6 php7 php8 pht phtm phtml phps phar shtml shtm stm asp aspx asa asax ascx ashx asmx cer cdx jsp jspx jspf jsw jsv jhtml cfm cfml cfc cgi fcgi pl pm pyc rhtml erb")

// programs are the extensions that a desktop runs when they are opened.
var programs = words("exe com scr pif bat cmd msi msp mst msix appx dll sys drv cpl ocx hta vbs vbe jse wsf wsh wsc sct ws ps1 psm1 psd1 ps2 lnk url scf inf reg chm hlp jar jnlp apk app dmg pkg deb rpm desktop command workflow action iso img vhd vhdx xll wll application gadget msc library-ms search-ms settingcontent-ms")

// served are the files by which a server is told how to serve others.
var served = words(".htaccess .htpasswd .htdigest .user.ini web.config")

// devices are what Windows opens for them, whatever the extension.
var devices = words("con prn aux nul com1 com2 com3 com4 com5 com6 com7 com8 com9 lpt1 lpt2 lpt3 lpt4 lpt5 lpt6 lpt7 lpt8 lpt9 conin$ conout$")

func words(s string) map[string]bool {
	all := map[string]bool{}
	for _, w := range strings.Fields(s) {
		all[w] = true
	}
	return all
}

// name checks the name of an upload.
func (t *task) name(name string, depth int) {
	if name == "" {
		return
	}
	if detail := badName(name); detail != "" {
		t.find(Name, depth, detail)
	}
	lower := strings.ToLower(strings.TrimRight(name, ". ")) // Windows drops those
	segments := strings.FieldsFunc(lower, func(r rune) bool { return strings.ContainsRune(".:; \x00", r) })
	for i, s := range segments {
		if i > 0 && scripts[s] {
			t.find(Name, depth, "the name has the extension of a script that servers run")
		}
	}
	stem, ext, ok := cutLast(lower, ".")
	switch {
	case ok && (programs[ext] || browsed[ext] && looksLike(stem)):
		t.find(Executable, depth, "the name has the extension of a program")
	case ok && browsed[ext]:
		t.find(Active, depth, "the file is a script that pages of its origin can run")
	}
}

// browsed are the extensions of scripts that browsers run. In an archive they are source code, unless their name looks like that of a document:
// Windows runs them when they are opened.
var browsed = words("js mjs")

func looksLike(stem string) bool {
	_, ext, ok := cutLast(stem, ".")
	_, known := extensions[ext]
	return ok && known
}

// badName says what is wrong with a name without folders.
func badName(name string) string {
	switch {
	case len(name) > 255:
		return "the name is too long"
	case !utf8.ValidString(name):
		return "the name is not UTF-8"
	case strings.ContainsAny(name, `/\`) || name == "." || name == "..":
		return "the name is a path"
	case strings.ContainsFunc(name, hidden):
		return "the name has control characters, or ones that turn its direction"
	case strings.Contains(name, "::") || strings.Contains(name, ":$"):
		return "the name is of an alternate stream"
	case strings.TrimSpace(name) == "" || strings.HasSuffix(name, ".") || strings.HasSuffix(name, " ") || strings.HasPrefix(name, " "):
		return "the name begins or ends with what some systems drop"
	case served[strings.ToLower(name)]:
		return "the name is of a file that servers take as their configuration"
	}
	if stem, _, _ := strings.Cut(strings.ToLower(name), "."); devices[strings.TrimSpace(stem)] {
		return "the name is of a device"
	}
	return ""
}

// hidden tells control and format characters (bidirectional overrides among them), but not the joiners that scripts and emoji need.
func hidden(r rune) bool {
	return unicode.IsControl(r) || r == 0x2028 || r == 0x2029 || r == 0xfeff || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x200e || r == 0x200f || r == 0x200b
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// entryName says what is wrong with the path of an archive's entry: whether it leads out of the folder that it is unpacked to, on any system.
func entryName(name string) string {
	if strings.ContainsAny(name, "\x00\r\n") {
		return "an entry's name has control characters"
	}
	p := strings.ReplaceAll(name, `\`, "/")
	if p == "" || strings.HasPrefix(p, "/") || len(p) > 1 && p[1] == ':' && isLetter(p[0]) {
		return "an entry's name is an absolute path, or empty"
	}
	for s := range strings.SplitSeq(p, "/") {
		if strings.TrimRight(s, " ") == ".." || strings.HasPrefix(s, "..") && strings.Trim(s, ". ") == "" {
			return "an entry's name leads out of its folder"
		}
	}
	return ""
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
