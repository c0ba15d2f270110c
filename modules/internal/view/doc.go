// Package view is how the parts of the gateway show what they know to those who run it, and what can be done about it. A part describes its views
// once; the console, the admin API and the command line show the same ones, with the same filters, tables, exports and actions.
//
// A view answers questions that Ask has checked: only filters that it names, with values of their kinds. Nothing here decides who may ask: whoever
// shows a view asks the policy for its Permission first, and records that it was shown.
package view
