package console

import (
	"context"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/problem"
	"github.com/convosphere/gateway/modules/internal/view"
)

const (
	exportTime  = 5 * time.Minute
	writeTime   = 20 * time.Second // for a client to take some of an answer that goes on
	formatCSV   = "csv"
	formatJSON  = "json"
	exportStamp = "2006-01-02-1504"
)

// export answers with the table as a file, page by page: none of it is held longer than it is written.
func (c *call) export() {
	if !c.permitted(c.view.Permission) {
		return
	}
	asked := c.r.URL.Query()
	format := asked.Get(paramFormat)
	asked.Del(paramFormat)
	asked.Del(view.ParamAfter)
	q, err := c.view.Ask(asked, c.who, c.now)
	if err != nil || format != formatCSV && format != formatJSON {
		problem.Write(c.w, c.r, problem.Problem{Status: http.StatusUnprocessableEntity, Title: "It can't be exported so"})
		return
	}
	ctx, cancel := context.WithTimeout(c.r.Context(), exportTime)
	defer cancel()
	sent := &bounded{answer: c.w, to: http.NewResponseController(c.w)}
	defer sent.rest()
	v, rows := upTo(c.view, c.h.Export)
	defer func() {
		e := c.event("console-view", event.Success, "")
		e.Fields = append(e.Fields, zap.String("gateway.console.export", format), zap.Int("gateway.console.rows", *rows))
		c.h.ground.Events.Emit(e)
	}()
	head := c.w.Header()
	head.Set("Content-Type", map[string]string{formatCSV: "text/csv; charset=utf-8; header=present", formatJSON: "application/json"}[format])
	head.Set("Content-Disposition", `attachment; filename="`+v.Name+"-"+c.now.UTC().Format(exportStamp)+"."+format+`"`)
	err = v.Export(ctx, sent, q, format == formatJSON)
	switch {
	case err == nil && sent.begun:
	case err == nil:
		c.w.WriteHeader(http.StatusOK) // it is empty
	case !sent.begun:
		text := c.failure(err, whatExport)
		head.Del("Content-Disposition")
		c.notice(http.StatusServiceUnavailable, "It could not be exported", text)
	default: // what has been sent must not be taken for all of it
		c.failure(err, whatExport)
		panic(http.ErrAbortHandler)
	}
}

// upTo is the view with a table of so many rows at most, and how many were asked for so far.
func upTo(v *view.View, most int) (*view.View, *int) {
	short, n := *v, new(int)
	short.Rows = func(ctx context.Context, q view.Query) (view.Page, error) {
		q.Limit = min(q.Limit, most-*n)
		p, err := v.Rows(ctx, q)
		if err != nil {
			return p, err
		}
		if *n += len(p.Rows); *n >= most {
			p.Rows, p.Next = p.Rows[:len(p.Rows)-(*n-most)], ""
			*n = most
		}
		return p, nil
	}
	return &short, n
}

// bounded writes an answer that goes on, to a client that takes it.
type bounded struct {
	answer http.ResponseWriter
	to     *http.ResponseController
	begun  bool
}

// Write implements io.Writer.
func (b *bounded) Write(p []byte) (int, error) {
	b.begun = true
	_ = b.to.SetWriteDeadline(time.Now().Add(writeTime)) // where the server knows none, its own limits count
	return b.answer.Write(p)
}

// rest takes the deadline away: the connection may carry other answers.
func (b *bounded) rest() { _ = b.to.SetWriteDeadline(time.Time{}) }
