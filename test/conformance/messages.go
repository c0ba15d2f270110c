package conformance

import (
	"io/fs"
	"regexp"
	"strconv"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
)

var (
	ruleID  = regexp.MustCompile(`"?\bid:'?(\d+)`)
	message = regexp.MustCompile(`\bmsg:'([^']*)'`)
)

// messages are the texts of the Core Rule Set's rules, by id. The log of an engine shows them; our events name the ids.
func messages() (map[int]string, error) {
	files, err := fs.Glob(coreruleset.FS, "@owasp_crs/*.conf")
	if err != nil {
		return nil, err
	}
	all := map[int]string{}
	for _, name := range files {
		b, err := fs.ReadFile(coreruleset.FS, name)
		if err != nil {
			return nil, err
		}
		for i, at := 0, ruleID.FindAllSubmatchIndex(b, -1); i < len(at); i++ {
			end := len(b)
			if i+1 < len(at) {
				end = at[i+1][0]
			}
			id, err := strconv.Atoi(string(b[at[i][2]:at[i][3]]))
			if err != nil {
				return nil, err
			}
			if m := message.FindSubmatch(b[at[i][0]:end]); m != nil {
				all[id] = string(m[1])
			}
		}
	}
	return all, nil
}
