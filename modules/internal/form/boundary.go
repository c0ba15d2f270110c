package form

import "strings"

const maxBoundary = 70 // RFC 2046, 5.1.1

// Is tells whether a Content-Type is one of a form in parts, as the most lenient back end would read it.
func Is(contentType string) bool {
	return strings.HasPrefix(strings.ToLower(strings.TrimSpace(contentType)), "multipart/")
}

// BoundaryOf is the boundary that the values of the header Content-Type name.
func BoundaryOf(contentType []string) (string, error) {
	if len(contentType) != 1 {
		return "", refuse(ContentType, "there is not one Content-Type")
	}
	kind, rest, _ := strings.Cut(contentType[0], ";")
	if !strings.EqualFold(strings.Trim(kind, " \t"), "multipart/form-data") {
		return "", refuse(ContentType, "the Content-Type is not multipart/form-data")
	}
	boundary, charset := "", false
	for rest != "" {
		name, value, after, err := parameter(rest)
		if err != nil {
			return "", refuse(Boundary, "the parameters of Content-Type are malformed")
		}
		rest = after
		switch {
		case name == "boundary" && boundary == "" && value != "":
			boundary = value
		case name == "charset" && !charset && isUTF8(value):
			charset = true
		case name == "boundary":
			return "", refuse(Boundary, "the boundary is empty or given twice")
		default:
			return "", refuse(ContentType, "the Content-Type has parameters that parsers read differently")
		}
	}
	if boundary == "" {
		return "", refuse(Boundary, "no boundary is given")
	}
	return boundary, checkBoundary(boundary)
}

// RFC 2046 allows spaces and more signs; where a parser ends an unquoted boundary at them, another does not.
func checkBoundary(b string) error {
	if len(b) > maxBoundary {
		return refuse(Boundary, "the boundary is too long")
	}
	for i := range len(b) {
		if !isAlnum(b[i]) && strings.IndexByte("'+_-.=", b[i]) < 0 {
			return refuse(Boundary, "the boundary has characters that parsers read differently")
		}
	}
	return nil
}

func isAlnum(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func isUTF8(charset string) bool {
	return strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8") || strings.EqualFold(charset, "us-ascii")
}
