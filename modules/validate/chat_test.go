package validate

import (
	"bytes"
	"os"
	"testing"
)

// The examples need the chat's document beside them, also where they are embedded: it is a copy.
func TestTheExamplesHaveTheChatsDocument(t *testing.T) {
	own, err := os.ReadFile(chatDocument)
	if err != nil {
		t.Fatal(err)
	}
	copied, err := os.ReadFile("../../caddyfiles/chat-openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(own, copied) {
		t.Error("they differ: cp backend/openapi.yaml caddyfiles/chat-openapi.yaml")
	}
}
