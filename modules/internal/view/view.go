package view

import (
	"context"
	"io"
	"time"
)

// Groups of the menu, in their order.
const (
	Watch   = "Watch"       // what happens
	Respond = "Respond"     // what is done about it
	People  = "People"      // who they are, and what they may
	Guard   = "Protection"  // rules, limits, policy
	Proof   = "Assurance"   // figures, compliance, the audit log
	System  = "The gateway" // keys, settings
)

// Permissions that the policy is asked for: read for looking, act for actions. A view may have its own.
const (
	Read = "console:read"
	Act  = "console:act"
	// Admin is what only those may see or do who may do everything.
	Admin = "console:admin"
)

// View is one page of what the gateway knows: figures, a table, items of that table, actions on them. What is nil it does not have.
type View struct {
	Name       string // of a-z and -: "bans". It is part of addresses, and stays
	Title      string // "Bans"
	Group      string
	Rank       int    // its place in the group: lower ones first
	About      string // one sentence: what stands here
	Permission string // to look at it; default Read
	Filters    []Filter
	Columns    []Column // of the table
	Newest     bool     // rows come newest first, and Query.After goes on to older ones

	Panels  func(ctx context.Context, q Query) ([]Panel, error)
	Rows    func(ctx context.Context, q Query) (Page, error)
	Item    func(ctx context.Context, id string) (Item, error) // ErrNotFound where there is none
	Live    func(ctx context.Context, q Query, send func(Row) error) error
	Actions []Action // On says where each stands
	// Documents go with each item: reports, to be read, printed or kept. They stand below the item's address: {id}/documents/{name}.
	Documents []Document
}

// Document is a file that is made of an item when somebody asks for it.
type Document struct {
	Name  string // of a-z and -: "report"
	Title string // "Report for print"
	// Kind is its media type. What shows it sends text/html with a policy that runs no script and loads nothing: its styles stand in it.
	Kind string
	File func(id string) string // what it is called when it is kept: "incident-ID.html"
	Make func(ctx context.Context, id string, w io.Writer) error
}

// Filter is what a view can be narrowed by. Its value stands in the address: ?name=value
type Filter struct {
	Name    string // of a-z, 0-9, _ and -
	Title   string
	Kind    Kind     // Text, Number, Time, Choice, Address, Duration, Flag
	Choices []string // of a Choice
	Default string
	Hint    string // an example
}

// Kind says what a value is, and so how it is read and shown.
type Kind string

// Kinds of values. What a cell holds stands beside each.
const (
	Text     Kind = "text"     // string
	Number   Kind = "number"   // int64 or float64
	Percent  Kind = "percent"  // float64, 0 to 1
	Time     Kind = "time"     // time.Time; as a filter also "-1h": so long ago
	Duration Kind = "duration" // time.Duration
	Bytes    Kind = "bytes"    // int64
	Flag     Kind = "flag"     // bool
	Choice   Kind = "choice"   // string, of the filter's Choices
	Address  Kind = "address"  // string: an IP address or a prefix
	Level    Kind = "level"    // string: informational, low, medium, high, critical
	State    Kind = "state"    // string: a word such as open, closed, met, failing; Tone gives its colour
	ID       Kind = "id"       // string: shown short, copied whole
	Code     Kind = "code"     // string: a path, a rule, a pattern
	Texts    Kind = "texts"    // []string
)

// Column is one of a table.
type Column struct {
	Name  string // as in JSON and CSV
	Title string
	Kind  Kind
	Sort  bool   // Query.Sort may name it
	Less  bool   // narrow screens leave it out
	Link  string // name of the view that the value is an item of; the value is the item's id
	// Narrow is the filter of Link (or of this view, where Link is empty) that the value narrows by, instead of being an id.
	Narrow string
}

// Query is a checked question.
type Query struct {
	Who   Person
	Sort  string // a column's name; "" the view's own order
	Desc  bool
	After string // Page.Next of the page before; opaque
	Limit int    // 1 to MostRows

	values map[string]string
	now    time.Time
}

// Person is who looks or acts: by their account or, at the admin address, as the operator of the machine.
type Person struct {
	ID      string // stands in events: an account's id, or "operator"
	Name    string // is shown; in no event
	Roles   []string
	Session string
	// May asks the policy for another permission than the view's own.
	May func(ctx context.Context, permission string) bool
}

// Row is one of a table.
type Row struct {
	ID    string // of its item; "" where it has none
	Cells []any  // as Columns; nil is empty
	Tone  Tone
	// Actions are the names of those that make sense now; nil: all that stand on rows.
	Actions []string
}

// Page is a part of a table.
type Page struct {
	Rows  []Row
	Next  string // Query.After of the next page; "" it is the last
	Total int    // how many there are in all; -1 nobody counted
	Note  string // what whoever reads it must know: "only this node's"
}

// Tone is what something means, whatever the colours are.
type Tone string

// Tones.
const (
	Plain Tone = ""
	Good  Tone = "good"
	Warn  Tone = "warn"
	Bad   Tone = "bad"
	Muted Tone = "muted"
)

// Panel is a figure or a picture above a table.
type Panel struct {
	Name, Title string
	About       string
	Tile        *Tile
	Chart       *Chart
	Bars        *Bars
	Table       *Table
	Wide        bool
}

// Tile is one figure.
type Tile struct {
	Value any
	Kind  Kind
	Tone  Tone
	Was   any    // the same of the time before, or nil
	Note  string // "of 1,204 requests"
	Link  string // an address within the console, as "incidents?state=open"
}

// Chart is values over time.
type Chart struct {
	Times  []time.Time
	Series []Series
	Kind   Kind // of the values; a Duration is in seconds
	Stack  bool // they are parts of a whole, such as counts: they stand on each other
}

// Series is one line of a chart; NaN is a gap.
type Series struct {
	Name   string
	Values []float64
	Tone   Tone
}

// Bars are the greatest of something.
type Bars struct {
	Kind  Kind // a Duration is in seconds
	Items []Bar
}

// Bar is one of them.
type Bar struct {
	Name  string
	Value float64
	Link  string // as a Tile's
	Tone  Tone
}

// Item is all of one row.
type Item struct {
	Title    string
	State    string
	Tone     Tone
	Version  string // what actions give back, so that nobody overwrites what they have not seen
	Sections []Section
	Actions  []string // those that make sense now; nil: all that stand on items
}

// Section is a part of an item. One of its parts is set.
type Section struct {
	Title    string
	Facts    []Fact
	Table    *Table
	Timeline []Moment
	Text     string // plain text with line breaks
	Code     string // shown as it is
	Panels   []Panel
}

// Fact is one value with its name.
type Fact struct {
	Name  string
	Value any
	Kind  Kind
	Tone  Tone
	Link  string // as a Tile's
}

// Table is one within a page.
type Table struct {
	Columns []Column
	Rows    []Row
}

// Moment is what happened then.
type Moment struct {
	At    time.Time
	Title string
	Text  string
	Who   string
	Tone  Tone
	Link  string
}

// Place is where an action stands.
type Place string

// Places.
const (
	OnView Place = "view" // without an item: "Ban an address"
	OnRow  Place = "row"  // on rows and items
	OnItem Place = "item" // on the item's page alone
)

// Action is something that can be done. It asks once, and can be undone where Do says how.
type Action struct {
	Name       string
	Title      string // "Lift the ban"
	On         Place
	Permission string // default Act
	Ask        string // what it will do, as a question: "Lift this ban?"
	Danger     bool
	Fields     []Field
	Do         func(ctx context.Context, o Order) (Done, error)
}

// Field is what an action needs to know.
type Field struct {
	Name, Title string
	Kind        Kind     // Text, Number, Duration, Choice, Flag, Address, Time
	Choices     []string // of a Choice
	Default     string
	Required    bool
	Lines       bool // text of several lines
	Hint        string
	Most        int // bytes; default 1,024
}

// Order is an action that somebody asked for, its fields checked.
type Order struct {
	Who     Person
	ID      string // of the item; "" OnView
	Version string // of the item that they saw; "" they saw none
	Values  map[string]string
}

// Done is what became of it.
type Done struct {
	Message string // "192.0.2.1 may come again."
	Undo    *Undo  // nil: it can't be undone
	Goto    string // an address within the console to go on at; "" the same page
}

// Undo is the action that takes another back.
type Undo struct {
	View, Action, ID string
	Values           map[string]string
}
