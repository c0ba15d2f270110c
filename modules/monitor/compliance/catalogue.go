package compliance

import "slices"

// Framework is a standard, with those of its controls that a gateway can give evidence of.
type Framework struct {
	ID       string // of a-z, 0-9 and -
	Title    string
	Short    string
	Controls []Control
}

// Control is one of a standard.
type Control struct {
	ID     string   // as the standard numbers it
	Title  string   // in our words
	Checks []string // ids; it is met where they are
}

// Frameworks are all of them.
func Frameworks() []Framework { return []Framework{iso27001, soc2, gdpr, csf, asvs} }

// FrameworkIDs are their ids.
func FrameworkIDs() []string {
	var ids []string
	for _, f := range Frameworks() {
		ids = append(ids, f.ID)
	}
	return ids
}

// Only are those of these ids; none: all.
func Only(ids ...string) []Framework {
	if len(ids) == 0 {
		return Frameworks()
	}
	return slices.DeleteFunc(Frameworks(), func(f Framework) bool { return !slices.Contains(ids, f.ID) })
}

func by(checks ...string) []string { return checks }
