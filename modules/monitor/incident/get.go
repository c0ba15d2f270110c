package incident

import "context"

// Get gives one with its first subjects, without its findings and notes. Errors: ErrNotFound.
func (b *Book) Get(ctx context.Context, id string) (Incident, error) {
	i, err := scan(b.db.QueryRow(ctx, columns+`WHERE id = ?`, id))
	if err != nil {
		return i, err
	}
	i.Subjects, err = b.subjects(ctx, id, 10)
	return i, err
}
