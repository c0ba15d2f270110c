package texts

import (
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/language"
)

//go:embed en/*.json de/*.json
var compiled embed.FS

// base is the language that every message has.
const base = "en"

// Catalog is every message in every language. It is never changed once made.
type Catalog struct {
	messages map[string]map[string]string // by language and key
	names    []string                     // of the languages, base first
	matcher  language.Matcher
}

// Load returns the catalogue that is compiled in, with what the files add. A file's name says its language: de.json.
func Load(files ...File) (*Catalog, error) {
	c := &Catalog{messages: map[string]map[string]string{}}
	for _, lang := range []string{base, "de"} {
		if err := c.loadCompiled(lang); err != nil {
			return nil, err
		}
	}
	for _, f := range files {
		if err := c.add(f); err != nil {
			return nil, err
		}
	}
	var tags []language.Tag
	for _, name := range c.names {
		tags = append(tags, language.MustParse(name)) // each was parsed when it was added
	}
	c.matcher = language.NewMatcher(tags)
	return c, nil
}

func (c *Catalog) loadCompiled(lang string) error {
	entries, err := compiled.ReadDir(lang)
	if err != nil {
		return err
	}
	c.messages[lang], c.names = map[string]string{}, append(c.names, lang)
	for _, e := range entries {
		raw, err := compiled.ReadFile(lang + "/" + e.Name())
		if err != nil {
			return err
		}
		var found map[string]string
		if err := json.Unmarshal(raw, &found); err != nil {
			return fmt.Errorf("%s/%s: %w", lang, e.Name(), err)
		}
		for key, text := range found {
			c.messages[lang][strings.TrimSuffix(e.Name(), ".json")+"."+key] = text
		}
	}
	return nil
}

// File is an operator's messages: a flat JSON object of texts by key.
type File struct {
	Name string // de.json, or with folders before it
	Body []byte
}

// MaxFile is how large an operator's file may be, in bytes.
const MaxFile = 256 << 10

// add takes the file in. Its keys must be known, so that a misspelt one is noticed; its texts may fill in no other names than the English does.
func (c *Catalog) add(f File) error {
	if len(f.Body) > MaxFile || !utf8.Valid(f.Body) {
		return fmt.Errorf("%s is no UTF-8 of at most %d KiB", f.Name, MaxFile>>10)
	}
	name := strings.TrimSuffix(path.Base(strings.ReplaceAll(f.Name, `\`, "/")), ".json")
	tag, err := language.Parse(name)
	if err != nil || tag.String() != name {
		return fmt.Errorf("%s: the file's name must be that of a language, such as de.json or pt-BR.json", f.Name)
	}
	var found map[string]string
	if err := json.Unmarshal(f.Body, &found); err != nil {
		return fmt.Errorf("%s: it must be one JSON object of texts: %w", f.Name, err)
	}
	if c.messages[name] == nil {
		if found["common.language"] == "" {
			return fmt.Errorf(`%s: a new language needs "common.language", its own name`, f.Name)
		}
		c.messages[name], c.names = map[string]string{}, append(c.names, name)
	}
	for _, key := range slices.Sorted(maps.Keys(found)) {
		english, ok := c.messages[base][key]
		if !ok {
			return fmt.Errorf("%s: there is no message %q", f.Name, key)
		}
		for _, p := range placeholders(found[key]) {
			if !slices.Contains(placeholders(english), p) {
				return fmt.Errorf("%s: %s: nothing stands for {%s}", f.Name, key, p)
			}
		}
		c.messages[name][key] = found[key]
	}
	return nil
}

// Languages lists the languages, as BCP 47 names them.
func (c *Catalog) Languages() []string { return slices.Clone(c.names) }

// Has tells whether the pages speak the language.
func (c *Catalog) Has(lang string) bool { return c.messages[lang] != nil }

// Text returns the message with its names filled in: pairs are name and value. Where the language has none, it is the English one.
func (c *Catalog) Text(lang, key string, pairs ...string) (string, error) {
	text, ok := c.messages[lang][key]
	if !ok {
		if text, ok = c.messages[base][key]; !ok {
			return "", fmt.Errorf("there is no message %q", key)
		}
	}
	if len(pairs)%2 != 0 {
		return "", fmt.Errorf("message %q: a name without a value", key)
	}
	if len(pairs) == 0 {
		return text, nil
	}
	old := make([]string, len(pairs))
	for i := range pairs {
		if old[i] = pairs[i]; i%2 == 0 {
			old[i] = "{" + pairs[i] + "}"
		}
	}
	return strings.NewReplacer(old...).Replace(text), nil
}

// Group returns the messages of the subjects, by their whole keys.
func (c *Catalog) Group(lang string, subjects ...string) map[string]string {
	out := map[string]string{}
	for _, from := range []string{base, lang} {
		for key, text := range c.messages[from] {
			if subject, _, _ := strings.Cut(key, "."); slices.Contains(subjects, subject) {
				out[key] = text
			}
		}
	}
	return out
}

// placeholders lists the {names} of a text.
func placeholders(text string) []string {
	var names []string
	for {
		_, after, ok := strings.Cut(text, "{")
		if !ok {
			return names
		}
		name, rest, ok := strings.Cut(after, "}")
		if !ok {
			return names
		}
		names, text = append(names, name), rest
	}
}
