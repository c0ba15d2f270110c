package inspect

import "io"

// file looks at one file, at a depth of 0 the upload itself.
func (t *task) file(f File, depth int) (string, error) {
	if err := t.ctx.Err(); err != nil {
		return "", err
	}
	head := make([]byte, min(headSize, f.Size))
	if err := readAt(f.Content, head, 0); err != nil {
		return "", err
	}
	kind, err := t.kind(f, head)
	if err != nil {
		return "", err
	}
	t.types(f, kind, depth)
	return kind, nil
}

// readAt fills b, or fails.
func readAt(r io.ReaderAt, b []byte, off int64) error {
	n, err := r.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == io.EOF || err == nil {
		err = io.ErrUnexpectedEOF // the size was told before
	}
	return err
}

// kind tells the type, also by what lies beyond the head.
func (t *task) kind(f File, head []byte) (string, error) {
	return detect(head), nil
}

// types holds the type against what was said of it, and against what may be uploaded.
func (t *task) types(f File, kind string, depth int) {
	t.name(f.Name, depth)
	if executable(kind) {
		t.find(Executable, depth, "the file is a program")
	}
	if kind == typeHTML || kind == typeXHTML {
		t.find(Active, depth, "the file is a page that browsers run")
	}
	if !agreesWithName(f.Name, kind) {
		t.find(NameType, depth, "the name's extension is of another type than the content")
	}
	if depth > 0 {
		return // nobody declares them, and the list is of uploads
	}
	if !agree(f.Declared, kind) {
		t.find(DeclaredType, depth, "the declared type is another than the content's")
	}
	if len(t.limits.Types) > 0 && !names(t.limits.Types, kind) {
		t.find(TypeDenied, depth, "the type is not one that may be uploaded")
	}
}
