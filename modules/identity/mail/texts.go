package mail

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"text/template"
	"time"
	"unicode"
)

//go:embed texts
var ownTexts embed.FS

// languages of the texts. The first one stands in where there is no better.
var languages = []string{"en", "de"}

func isLanguage(l string) bool { return l == "" || slices.Contains(languages, l) }

// Filled is what a text is filled with.
type Filled struct {
	Service string            // what the place is called
	Name    string            // user name; never in a mail to an address that nobody has proved to read
	Link    string            // "" none
	When    time.Time         // of what the mail tells
	Until   time.Time         // when the link expires
	D       map[string]string // what the kind has of its own
}

// Texts are the mails' texts: one file for each kind and language, its first line the subject, the rest after an empty line the body.
type Texts struct {
	service  string
	language string // for who chose none
	files    map[string]*template.Template
}

// NewTexts reads our own texts, and in place of them what the folder has of <language>/<kind>.txt.
func NewTexts(c Config) (*Texts, error) {
	t := &Texts{service: c.Service, language: c.Language, files: map[string]*template.Template{}}
	if t.language == "" {
		t.language = languages[0]
	}
	own, err := fs.Sub(ownTexts, "texts")
	if err != nil {
		return nil, err
	}
	if err := t.read(own, nil); err != nil || c.Texts == "" {
		return t, err
	}
	known := map[string]bool{}
	for name := range t.files {
		known[name] = true
	}
	return t, t.read(os.DirFS(c.Texts), known)
}

// read takes the files in; known, if not nil, names those that there may be: another one is a slip of the pen.
func (t *Texts) read(from fs.FS, known map[string]bool) error {
	names, err := fs.Glob(from, "*/*.txt")
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return errors.New("mail texts: the folder has no <language>/<kind>.txt")
	}
	for _, name := range names {
		if known != nil && !known[name] {
			return fmt.Errorf("mail texts: %s is the text of no mail", name)
		}
		raw, err := fs.ReadFile(from, name)
		if err != nil {
			return fmt.Errorf("mail texts: %w", err)
		}
		tmpl, err := template.New(name).Option("missingkey=zero").Parse(string(raw))
		if err != nil {
			return fmt.Errorf("mail texts: %w", err)
		}
		t.files[name] = tmpl
		if _, _, err := t.Write(strings.TrimSuffix(name[strings.IndexByte(name, '/')+1:], ".txt"), name[:strings.IndexByte(name, '/')], Filled{}); err != nil {
			return fmt.Errorf("mail texts: %s: %w", name, err)
		}
	}
	return nil
}

// Write gives a mail's subject and body in the language nearest to the wish.
func (t *Texts) Write(kind, locale string, f Filled) (subject, body string, err error) {
	language, _, _ := strings.Cut(locale, "-")
	tmpl, ok := t.files[language+"/"+kind+".txt"]
	if !ok {
		language = t.language
		if tmpl, ok = t.files[language+"/"+kind+".txt"]; !ok {
			return "", "", fmt.Errorf("there is no mail %q", kind)
		}
	}
	d := map[string]string{}
	for k, v := range f.D {
		d[k] = oneLine(v)
	}
	var b bytes.Buffer
	err = tmpl.Execute(&b, map[string]any{
		"Service": t.service, "Name": oneLine(f.Name), "Link": f.Link, "When": moment(f.When, language), "Until": moment(f.Until, language), "D": d,
	})
	if err != nil {
		return "", "", err
	}
	subject, body, ok = strings.Cut(b.String(), "\n\n")
	if !ok || subject == "" || strings.ContainsAny(subject, "\r\n") {
		return "", "", errors.New("it does not begin with one line of subject and an empty one")
	}
	return subject, body, nil
}

func moment(t time.Time, language string) string {
	if language == "de" {
		return t.UTC().Format("02.01.2006, 15:04 UTC")
	}
	return t.UTC().Format("2 January 2006, 15:04 UTC")
}

const maxValue = 100 // bytes of one value in a text

// oneLine keeps a value from forging the text around it: no line breaks or invisible characters, and short.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' || r == '\t' {
			return ' '
		}
		if !unicode.IsGraphic(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, s)
	if len(s) > maxValue {
		s = strings.ToValidUTF8(s[:maxValue], "")
	}
	return s
}
