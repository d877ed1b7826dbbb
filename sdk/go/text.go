package gibbs

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// clip makes text valid UTF-8 and cuts it between two characters to at most max bytes.
func clip(text string, max int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= max {
		return text
	}
	end := max - len("…")
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

// checkText returns an error if text is not valid UTF-8: no message can carry it, and one
// that tries takes everything else on its stream with it.
func checkText(what, text string) error {
	if !utf8.ValidString(text) {
		return fmt.Errorf("%s %q is not valid UTF-8", what, text)
	}
	return nil
}
